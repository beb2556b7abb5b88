//! Rust text: what of it is code, what a comment, what a literal.
//!
//! Not a parser: just enough of the language's surface to tell the three apart. Each character of
//! the text is given a kind.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Code,
    Comment,
    Literal,
}

/// The kind of every character of `text`, in order.
pub fn kinds(text: &str) -> Vec<(char, Kind)> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::with_capacity(chars.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, kind) = piece(&chars, at);
        out.extend(chars[at..end].iter().map(|&c| (c, kind)));
        at = end;
    }
    out
}

/// Where the piece that begins at `at` ends, and its kind.
fn piece(chars: &[char], at: usize) -> (usize, Kind) {
    let next = |offset: usize| chars.get(at + offset).copied().unwrap_or('\0');
    match chars[at] {
        '/' if next(1) == '/' => (line_end(chars, at), Kind::Comment),
        '/' if next(1) == '*' => (block_comment_end(chars, at), Kind::Comment),
        '"' => (quoted_end(chars, at + 1), Kind::Literal),
        '\'' if next(1) == '\\' => (char_end(chars, at + 3), Kind::Literal),
        // 'x' is a literal, 'x without a second quote is a lifetime.
        '\'' if next(2) == '\'' => (at + 3, Kind::Literal),
        c if c.is_alphanumeric() || c == '_' => {
            let end = word_end(chars, at);
            let word: String = chars[at..end].iter().collect();
            match (word.as_str(), chars.get(end)) {
                ("r" | "br" | "cr", Some('"' | '#')) => match raw_end(chars, end) {
                    Some(end) => (end, Kind::Literal),
                    None => (end, Kind::Code), // r#keyword
                },
                _ => (end, Kind::Code),
            }
        }
        _ => (at + 1, Kind::Code),
    }
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|&c| c == '\n').map_or(chars.len(), |n| at + n)
}

fn word_end(chars: &[char], at: usize) -> usize {
    let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
    chars[at..].iter().position(|c| !is_word(c)).map_or(chars.len(), |n| at + n)
}

fn quoted_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of a character literal whose escape has been stepped over.
fn char_end(chars: &[char], at: usize) -> usize {
    let rest = chars.get(at..).unwrap_or_default();
    rest.iter().position(|&c| c == '\'').map_or(chars.len(), |n| at + n + 1)
}

fn block_comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of a raw string whose `#`s or quote begin at `at`; None if it is none.
fn raw_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|&&c| c == '#').count();
    let mut from = at + hashes;
    if chars.get(from) != Some(&'"') {
        return None;
    }
    from += 1;
    while let Some(n) = chars[from..].iter().position(|&c| c == '"') {
        from += n + 1;
        let closing = chars[from..].iter().take_while(|&&c| c == '#').count();
        if closing >= hashes {
            return Some(from + hashes);
        }
    }
    Some(chars.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code alone: everything else is blanked.
    fn code(text: &str) -> String {
        let blank = |(c, kind)| if kind == Kind::Code { c } else { ' ' };
        kinds(text).into_iter().map(blank).collect()
    }

    #[test]
    fn only_code_is_left() {
        let cases = [
            ("a // b", "a"),
            ("a /* b /* c */ d */ e", "a e"),
            ("f(\"x \\\" y\", z)", "f( , z)"),
            ("r#\"a \" b\"# c", "c"),
            ("br\"\\\" d", "d"),
            ("r#type x", "r#type x"),
            ("'\"' y 'a z", "y 'a z"),
            ("'\\'' y", "y"),
            ("'\\u{1f}' y", "y"),
        ];
        for (text, want) in cases {
            let got = code(text);
            assert_eq!(got.split_whitespace().collect::<Vec<_>>().join(" "), want, "{text}");
            assert_eq!(got.chars().count(), text.chars().count(), "{text}");
        }
    }

    #[test]
    fn unfinished_text_ends() {
        for text in ["\"abc", "/* abc", "r#\"abc", "'\\", "\"\\"] {
            assert_eq!(code(text).chars().count(), text.chars().count(), "{text}");
        }
    }
}
