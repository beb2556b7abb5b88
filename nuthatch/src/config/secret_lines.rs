//! One line, as `secret.rs` looks at it: which key it begins with, and where a secret begins.
//!
//! The line may be anything, since the file may be broken. So nothing here is a YAML parser: what
//! looks like a key is taken for one. That is right for a good file, and careful for a bad one.

use super::characters::{is_blank, is_colon};
use super::schema;
use super::secret_words::{Word, is_near, is_secret, word};

/// A line's characters.
pub struct Line {
    chars: Vec<char>,
    /// Blanks and tabs before the first other character.
    pub indentation: usize,
}

/// What a line begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Head {
    /// A key of ours, or a word near one that is not secret.
    OurKey,
    OtherKey {
        /// In the line.
        has_value: bool,
    },
    Item,
    /// `---`, `...`, `%YAML`.
    Marker,
    /// Nothing of these.
    Bare,
}

/// How the value of a secret key begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// It may have ended in the line.
    Whole,
    /// It stands below, or in brackets.
    Awaited,
    /// `|` or `>`.
    Block,
    /// A quote is open at the end of the line.
    Quote(char),
}

/// A key found in a line.
struct Key {
    word: Word,
    is_ours: bool,
    /// Index behind the mark that ends it.
    end: usize,
    /// The mark is one that ends a key of any name.
    is_proper: bool,
    /// It holds nothing but a name.
    is_plain: bool,
}

/// A longer text before a colon is no key.
const KEY_CHARS_MAX: usize = 200;

fn is_space(c: char) -> bool {
    c == '\t' || is_blank(c)
}

fn is_equals(c: char) -> bool {
    matches!(c, '=' | '＝')
}

fn is_mark(c: char) -> bool {
    c == ':' || is_colon(c) || is_equals(c)
}

/// Part of a word, or invisible within one.
fn is_word(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(
            c,
            '_' | '-' | '＿' | '\u{fffd}' | '\u{ad}' | '\u{200b}'
                ..='\u{200f}' | '\u{2060}' | '\u{feff}'
        )
        || (c.is_control() && !matches!(c, '\t' | '\n'))
}

impl Line {
    pub fn new(text: &str) -> Line {
        let chars: Vec<char> = text.chars().collect();
        let indentation = chars.iter().take_while(|&&c| is_space(c)).count();
        Line { chars, indentation }
    }

    pub fn length(&self) -> usize {
        self.chars.len()
    }

    pub fn is_empty(&self) -> bool {
        self.indentation == self.chars.len()
    }

    pub fn is_comment(&self) -> bool {
        matches!(self.at(self.indentation), '#' | '＃')
    }

    /// Does it begin with `//`, as many a comment does that YAML does not know?
    pub fn is_slashed(&self) -> bool {
        self.at(self.indentation) == '/' && self.at(self.indentation + 1) == '/'
    }

    /// The character at an index, a line feed past the end.
    fn at(&self, index: usize) -> char {
        self.chars.get(index).copied().unwrap_or('\n')
    }

    fn text(&self, from: usize, to: usize) -> String {
        self.chars.get(from..to).unwrap_or_default().iter().collect()
    }

    /// The first index from this one on where the character is another.
    fn skip(&self, index: usize, is_skipped: impl Fn(char) -> bool) -> usize {
        let rest = self.chars.get(index..).unwrap_or_default();
        index + rest.iter().take_while(|&&c| is_skipped(c)).count()
    }

    fn after_spaces(&self, index: usize) -> usize {
        self.skip(index, is_space)
    }

    fn after_word(&self, index: usize) -> usize {
        self.skip(index, is_word)
    }

    /// Behind an anchor or a tag.
    fn after_token(&self, index: usize) -> usize {
        self.skip(index, |c| !is_space(c))
    }

    /// Behind the name of an anchor or of an alias.
    fn after_name(&self, index: usize) -> usize {
        self.skip(index, |c| !is_space(c) && !matches!(c, ',' | ']' | '}'))
    }

    fn ends_at(&self, index: usize) -> bool {
        let c = self.at(index);
        c == '\n' || is_space(c)
    }

    fn starts_with(&self, index: usize, text: &str) -> bool {
        text.chars().zip(index..).all(|(c, at)| self.at(at) == c)
    }

    pub fn head(&self) -> Head {
        let start = self.indentation;
        let is_marker = ["---", "...", "%"].iter().any(|mark| self.starts_with(0, mark));
        if is_marker {
            return Head::Marker;
        }
        if matches!(self.at(start), '-' | '－' | '–' | '—') && self.ends_at(start + 1) {
            return Head::Item;
        }
        if self.at(start) == '?' && self.ends_at(start + 1) {
            let at = self.after_spaces(start + 1);
            let text = self.text(at, self.after_word(at));
            return if is_ours(&text, word(&text)) { Head::OurKey } else { Head::Bare };
        }
        match self.key(start) {
            Some(key) if key.is_ours => Head::OurKey,
            Some(key) if key.is_proper => {
                let value = self.after_spaces(key.end);
                Head::OtherKey { has_value: !matches!(self.at(value), '\n' | '#') }
            }
            _ => Head::Bare,
        }
    }

    /// Where a secret begins, and how. The index may be the end of the line.
    pub fn secret(&self, aliases: &[String]) -> Option<(usize, Value)> {
        let found = [
            self.secret_of_head(),
            self.secret_within(),
            self.secret_anchor(aliases),
            self.secret_of_url(),
        ];
        let start = found.into_iter().flatten().min()?;
        let start = self.after_spaces(self.skip(start, |c| c == ':'));
        Some((start, self.value(start)))
    }

    /// The name in a value that is an alias, `*name`.
    pub fn alias(&self) -> Option<String> {
        let (start, _) = self.secret(&[])?;
        if self.at(start) != '*' {
            return None;
        }
        let end = self.after_name(start);
        Some(self.text(start + 1, end))
    }

    /// Does the quote close that an earlier line has opened?
    pub fn closes(&self, quote: char) -> bool {
        self.closing(self.indentation, quote).is_some()
    }

    /// The index of the quote that closes a text.
    fn closing(&self, mut index: usize, quote: char) -> Option<usize> {
        while index < self.chars.len() {
            let c = self.at(index);
            if c == quote && quote == '\'' && self.at(index + 1) == quote {
                index += 1;
            } else if c == quote {
                return Some(index);
            } else if c == '\\' && quote == '"' {
                index += 1;
            }
            index += 1;
        }
        None
    }

    /// The key that begins at an index.
    fn key(&self, start: usize) -> Option<Key> {
        let quote = self.at(start);
        if matches!(quote, '"' | '\'') {
            let end = self.closing(start + 1, quote)?;
            let mark = self.after_spaces(end + 1);
            let text = self.text(start + 1, end);
            // Escapes are not read here: the key may be any.
            let is_odd = quote == '"' && text.contains('\\');
            let word = if is_odd { Word::Secret } else { word(&text) };
            let is_ours = is_ours(&text, word);
            let key = Key { word, is_ours, end: mark + 1, is_proper: true, is_plain: true };
            return is_mark(self.at(mark)).then_some(key);
        }
        for index in start..self.chars.len().min(start + KEY_CHARS_MAX) {
            let c = self.at(index);
            if c == '#' && index > start && is_space(self.at(index - 1)) {
                break;
            }
            let is_proper = is_colon(c) || (c == ':' && self.ends_at(index + 1));
            if !is_proper && c != ':' && !is_equals(c) {
                continue;
            }
            let text = self.text(start, index);
            let text = text.trim();
            let end = index + 1;
            // A colon without a blank ends only a word that can be nothing but a key.
            let is_secret_word = || text.chars().all(is_word) && is_secret(text);
            let is_loose = is_equals(c) || is_secret_word() || schema::find(text).is_some();
            if is_loose || (is_proper && !text.is_empty()) {
                let word = word(text);
                let is_plain = text.chars().all(is_word) || is_near(text);
                return Some(Key { word, is_ours: is_ours(text, word), end, is_proper, is_plain });
            }
        }
        None
    }

    /// A secret key at the beginning, or an unknown one.
    fn secret_of_head(&self) -> Option<usize> {
        let mut start = self.indentation;
        let is_item = self.at(start) == '-';
        loop {
            start = self.after_spaces(start);
            match self.at(start) {
                '-' | '?' if self.ends_at(start + 1) => start += 1,
                '{' | '[' | ',' | '#' | '＃' | '/' => start += 1,
                '&' | '!' => start = self.after_token(start),
                quote @ ('"' | '\'') if self.closing(start + 1, quote).is_none() => start += 1,
                _ => break,
            }
        }
        // A key and its value may be joined by anything, or by nothing.
        let end = self.after_word(start);
        let text = self.text(start, end);
        if is_exact(&text) || (is_secret(&text) && self.ends_at(end)) {
            let mark = self.after_spaces(end);
            return Some(if is_mark(self.at(mark)) { mark + 1 } else { end });
        }
        if self.at(start) == ':' && self.ends_at(start + 1) {
            return Some(start + 1); // The value of a key above, `? key`.
        }
        match self.key(start) {
            Some(key) if key.word == Word::Open => None,
            Some(key) => {
                // At the margin it is a pool's name, in an item a server's.
                let is_pool = self.indentation == 0 && self.is_pool(key.end);
                let is_shown = key.word == Word::Unknown && (is_item || is_pool);
                let value = if key.is_plain { key.end } else { end };
                (!is_shown).then_some(value)
            }
            None => self.is_odd(start, end, is_item).then_some(end),
        }
    }

    /// A line without a key, that begins with a word at `start..end`: may it be a secret key whose
    /// colon is missing? Not if it is a key of ours, a server, or a word alone.
    fn is_odd(&self, start: usize, end: usize, is_item: bool) -> bool {
        let word = self.text(start, end);
        let token = self.text(start, self.after_token(start));
        let is_server =
            token.contains(':') && token.ends_with(|c: char| c.is_ascii_digit() || c == ',');
        let is_text =
            word.starts_with(char::is_alphabetic) && self.after_spaces(end) < self.length();
        let is_comment = self.is_comment() || self.at(self.indentation) == '/';
        is_text && !is_comment && !is_item && !is_server && schema::find(&word).is_none()
    }

    /// Does a pool's content begin here, or below?
    fn is_pool(&self, index: usize) -> bool {
        let start = self.after_spaces(index);
        match self.at(start) {
            '\n' => true,
            '#' => self.ends_at(start + 1),
            '{' => {
                let inside = self.after_spaces(start + 1);
                let is_known = |key: Key| key.word != Word::Unknown;
                self.at(inside) == '\n' || self.key(inside).is_some_and(is_known)
            }
            _ => false,
        }
    }

    /// What stands before the `@` of `redis://:S3cret@host`.
    fn secret_of_url(&self) -> Option<usize> {
        (0..self.chars.len()).filter(|&at| self.starts_with(at, "://")).map(|at| at + 3).find(
            |&from| {
                let end = self.skip(from, |c| !is_space(c) && c != '\n');
                self.chars[from..end.min(self.chars.len())].contains(&'@')
            },
        )
    }

    /// A secret key anywhere.
    fn secret_within(&self) -> Option<usize> {
        let mut index = self.indentation;
        let is_item = self.at(index) == '-';
        let (mut in_brackets, mut in_comment) = (false, false);
        while index < self.chars.len() {
            let c = self.at(index);
            in_brackets |= matches!(c, '{' | '[');
            in_comment |= c == '#' && index > 0 && is_space(self.at(index - 1));
            if !is_word(self.at(index)) {
                index += 1;
                continue;
            }
            let end = self.after_word(index);
            // Where an unknown word before a colon may be a key.
            let is_within = index > self.indentation && !is_item && !in_comment;
            if let Some(value) = self.value_of(index, end, in_brackets, is_within) {
                return Some(value);
            }
            index = end;
        }
        None
    }

    /// The value of the word at `start..end`, if that is a secret key.
    fn value_of(
        &self,
        start: usize,
        end: usize,
        in_brackets: bool,
        is_within: bool,
    ) -> Option<usize> {
        let text = self.text(start, end);
        let is_quoted = matches!(self.at(end), '"' | '\'');
        let mark = self.after_spaces(end + usize::from(is_quoted));
        let c = self.at(mark);
        let is_proper = is_colon(c) || (c == ':' && self.ends_at(mark + 1));
        let may_be_key = (in_brackets || is_within) && is_proper && !self.is_pool(mark + 1);
        let is_unknown = || may_be_key && word(&text) == Word::Unknown;
        // A host's name may stand before a colon too.
        let is_loose = is_equals(c) || (c == ':' && (is_quoted || in_brackets));
        if ((is_proper || is_loose) && is_secret(&text)) || is_unknown() {
            return Some(mark + 1);
        }
        // Part of a file's or a host's name.
        let before = start.checked_sub(1).map_or('\n', |before| self.at(before));
        let is_alone = !matches!(before, '.' | '/') && self.at(end) != '.';
        let value = if is_mark(c) { mark + 1 } else { mark };
        (is_alone && is_near(&text)).then_some(value)
    }

    /// An anchor, `&name`, whose alias is a secret key's value.
    fn secret_anchor(&self, aliases: &[String]) -> Option<usize> {
        let is_secret = |&at: &usize| {
            self.at(at) == '&' && aliases.contains(&self.text(at + 1, self.after_name(at)))
        };
        if aliases.is_empty() {
            return None;
        }
        (self.indentation..self.chars.len()).find(is_secret)
    }

    fn value(&self, start: usize) -> Value {
        let mut start = start;
        while matches!(self.at(start), '&' | '!') {
            start = self.after_token(start);
            start = self.after_spaces(start);
        }
        match self.at(start) {
            '\n' | '#' | '{' | '[' => Value::Awaited,
            '|' | '>' => Value::Block,
            quote @ ('"' | '\'') if self.closing(start + 1, quote).is_none() => Value::Quote(quote),
            _ => Value::Whole,
        }
    }
}

fn is_ours(text: &str, word: Word) -> bool {
    word == Word::Open || is_exact(text)
}

/// A secret key's own name.
fn is_exact(text: &str) -> bool {
    schema::find(text).is_some_and(|key| key.secret)
}
