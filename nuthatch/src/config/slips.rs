//! Typing slips that a reader does not see and YAML does not accept.
//!
//! Tabs for indentation, the full-width colon of a Chinese keyboard, a blank forgotten after the
//! colon, a comment begun with `//`. A YAML parser stops at the first slip, often far from the cause, with
//! words about simple keys. So a refused text is checked again here, line by line. Each kind of slip is
//! reported once per line (tabs once per file) and mended *in memory*, only to find the other problems.
//! The file stays refused.
//!
//! A good file is not checked here: a password may hold a full-width colon, and a comment any text.
//!
//! Mending may change a line's length. [`Columns`] leads from a column of the mended line back to the
//! column in the file.

use super::characters::{is_blank, is_colon};
use super::place::Place;
use super::problem::{Fault, Problem};
use super::quote::{STARS, quoted};
use super::schema;
use super::source::Source;
use std::collections::HashMap;

/// Where the characters of mended lines stood before.
#[derive(Debug, Default)]
pub struct Columns {
    /// By line number: the original column, from 1, of each character of the mended line.
    lines: HashMap<usize, Vec<usize>>,
}

impl Columns {
    /// The original column of a column of the mended text; both from 1.
    pub fn original(&self, line: usize, column: usize) -> usize {
        let Some(columns) = self.lines.get(&line) else { return column };
        match columns.get(column.saturating_sub(1)) {
            Some(&original) => original,
            None => columns.last().map_or(column, |last| last + 1),
        }
    }
}

/// The text that was probably intended.
#[derive(Debug)]
pub struct Mended {
    pub text: String,
    pub columns: Columns,
    /// The slips. Empty: nothing was mended.
    pub problems: Vec<Problem>,
}

/// Looks for slips and mends them.
pub fn mend(source: &Source) -> Mended {
    let mut mended =
        Mended { text: String::new(), columns: Columns::default(), problems: Vec::new() };
    let tab = tab_width(source);
    let mut indents = Indents::default();
    for (index, written) in source.lines().enumerate() {
        let hidden_from = source.hidden_from(index as u32 + 1).map(|column| column as usize);
        let mut line = Line::new(written, hidden_from);
        indents.note(index + 1, &line);
        let mut faults = Vec::new();
        line.mend_indentation(tab);
        for step in [mend_comment, mend_dash, mend_separator, mend_value] {
            faults.extend(step(&mut line));
        }
        for (column, length, fault) in faults {
            let place = Place::new(index + 1, column, length);
            mended.problems.push(source.problem(place, fault));
        }
        if line.changed {
            mended.columns.lines.insert(index + 1, line.columns());
        }
        mended.text.extend(line.cells.iter().map(|&(c, _)| c));
        mended.text.push('\n');
    }
    mended.problems.extend(indents.problems(source));
    mended.problems.sort_by_key(|problem| problem.line);
    mended
}

/// A slip in a line: column, length, what it is.
type Slip = (usize, usize, Fault);

/// A line's characters, each with the column it was written in.
struct Line {
    cells: Vec<(char, usize)>,
    changed: bool,
    /// The column of a secret.
    hidden_from: Option<usize>,
}

impl Line {
    fn new(text: &str, hidden_from: Option<usize>) -> Line {
        Line { cells: text.chars().zip(1..).collect(), changed: false, hidden_from }
    }

    fn columns(&self) -> Vec<usize> {
        self.cells.iter().map(|&(_, column)| column).collect()
    }

    fn indentation(&self) -> usize {
        self.cells.iter().take_while(|&&(c, _)| c == '\t' || is_blank(c)).count()
    }

    /// The character at an index, a line feed past the end.
    fn at(&self, index: usize) -> char {
        self.cells.get(index).map_or('\n', |&(c, _)| c)
    }

    fn column(&self, index: usize) -> usize {
        self.cells.get(index).map_or(self.cells.len() + 1, |&(_, column)| column)
    }

    fn text(&self, range: std::ops::Range<usize>) -> String {
        self.cells.get(range).unwrap_or_default().iter().map(|&(c, _)| c).collect()
    }

    /// The same for a message: with stars for a secret.
    fn shown(&self, range: std::ops::Range<usize>) -> String {
        let Some(from) = self.hidden_from else { return self.text(range) };
        let cells = self.cells.get(range).unwrap_or_default();
        let open = cells.iter().take_while(|&&(_, column)| column < from);
        let stars = if cells.iter().any(|&(_, column)| column >= from) { STARS } else { "" };
        open.map(|&(c, _)| c).chain(stars.chars()).collect()
    }

    /// What follows an index, without a comment, for a message.
    fn rest(&self, index: usize) -> String {
        let text = self.shown(index..self.cells.len());
        text.split(" #").next().unwrap_or_default().trim().to_owned()
    }

    /// Puts `new` in place of `old` characters from `index` on.
    fn replace(&mut self, index: usize, old: usize, new: &str) {
        let column = self.column(index);
        let end = (index + old).min(self.cells.len());
        self.cells.splice(index..end, new.chars().map(|c| (c, column)));
        self.changed = true;
    }

    fn mend_indentation(&mut self, tab: usize) {
        let mut index = 0;
        while index < self.cells.len() {
            match self.at(index) {
                ' ' => index += 1,
                '\t' => {
                    self.replace(index, 1, &" ".repeat(tab));
                    index += tab;
                }
                '\u{3000}' => {
                    self.replace(index, 1, "  ");
                    index += 2;
                }
                c if is_blank(c) => {
                    self.replace(index, 1, " ");
                    index += 1;
                }
                _ => break,
            }
        }
    }
}

/// Blanks that replace a tab: the smallest indentation elsewhere in the file, so that mixed lines fit
/// together.
fn tab_width(source: &Source) -> usize {
    let blanks = |line: &str| line.chars().take_while(|&c| c == ' ').count();
    source
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .filter(|line| !line.trim_start_matches(' ').starts_with('\t'))
        .map(blanks)
        .filter(|&n| (1..=8).contains(&n))
        .min()
        .unwrap_or(2)
}

/// Lines with other characters than blanks in their indentation.
#[derive(Default)]
struct Indents {
    tabs: Vec<(usize, usize, usize)>,
    wide: Vec<(usize, usize, char)>,
}

impl Indents {
    fn note(&mut self, number: usize, line: &Line) {
        let indentation = line.indentation();
        if matches!(line.at(indentation), '\n' | '#') {
            return; // Indentation of nothing.
        }
        let find = |wanted: fn(char) -> bool| (0..indentation).find(|&i| wanted(line.at(i)));
        if let Some(index) = find(|c| c == '\t') {
            let run = (index..indentation).take_while(|&i| line.at(i) == '\t').count();
            self.tabs.push((number, index + 1, run));
        }
        if let Some(index) = find(|c| c != '\t' && c != ' ') {
            self.wide.push((number, index + 1, line.at(index)));
        }
    }

    fn problems(&self, source: &Source) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(&(line, column, run)) = self.tabs.first() {
            let rest: Vec<usize> = self.tabs.iter().skip(1).map(|&(line, ..)| line).collect();
            let mut fault = Fault::new("a tab indents this line; YAML knows only blanks there")
                .expected("blanks, two for each level, say");
            if !rest.is_empty() {
                fault = fault.note(format!("the same in {}", line_list(&rest)));
            }
            let fault = fault.note(
                "most editors can put blanks for the Tab key; to mend a file: expand -t 2 OLD > NEW",
            );
            problems.push(source.problem(Place::new(line, column, run), fault));
        }
        for &(line, column, c) in &self.wide {
            let fault = Fault::new("a blank of another kind indents this line")
                .found(format!("U+{:04X}", c as u32))
                .expected("plain blanks")
                .note("switch the keyboard to English before typing the blank");
            problems.push(source.problem(Place::new(line, column, 1), fault));
        }
        problems
    }
}

/// `lines 3 to 12`, `line 3`, `lines 3, 5 and 7 to 9`.
fn line_list(lines: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &line in lines {
        match runs.last_mut() {
            Some(run) if run.1 + 1 == line => run.1 = line,
            _ => runs.push((line, line)),
        }
    }
    let shown: Vec<String> = runs
        .iter()
        .take(6)
        .map(|&(a, b)| if a == b { a.to_string() } else { format!("{a} to {b}") })
        .collect();
    let word = if lines.len() == 1 { "line" } else { "lines" };
    let more = if runs.len() > shown.len() { " and further ones" } else { "" };
    format!("{word} {}{more}", shown.join(", "))
}

/// A whole line that is probably a comment.
fn mend_comment(line: &mut Line) -> Option<Slip> {
    let start = line.indentation();
    let marks: &[&str] = &["//", "＃", "/*", "--", ";"];
    let rest = line.text(start..line.cells.len());
    // `---` begins a document, and `/path: x` is no comment.
    let mark = marks.iter().find(|mark| rest.starts_with(**mark) && !rest.starts_with("---"))?;
    let column = line.column(start);
    let length = mark.chars().count();
    let comment = line.shown(start + length..line.cells.len());
    line.replace(start, line.cells.len() - start, "");
    let fault = Fault::new("comments begin with # in YAML")
        .found(quoted(mark))
        .suggest(Some(format!("# {}", comment.trim())));
    Some((column, length, fault))
}

/// A list item whose dash is of another kind.
fn mend_dash(line: &mut Line) -> Option<Slip> {
    let start = line.indentation();
    let dash = line.at(start);
    if !matches!(dash, '－' | '–' | '—' | '−' | '•' | '・') {
        return None;
    }
    let column = line.column(start);
    let old = if is_blank(line.at(start + 1)) { 2 } else { 1 };
    line.replace(start, old, "- ");
    let fault = Fault::new("a list item begins with a plain - and a blank")
        .found(format!("{} (U+{:04X})", quoted(&dash.to_string()), dash as u32))
        .expected("`- `");
    Some((column, 1, fault))
}

/// The mark between key and value: `：`, `:` with no blank or an odd one behind it, `=`.
fn mend_separator(line: &mut Line) -> Option<Slip> {
    let start = line.indentation();
    // List items and quoted keys are not changed: other checkers know their meaning.
    if matches!(line.at(start), '-' | '"' | '\'' | '#' | '\n') {
        return None;
    }
    let end = (start..line.cells.len())
        .find(|&i| line.at(i) == '#' && i > 0 && line.at(i - 1) == ' ')
        .unwrap_or(line.cells.len());
    let proper = |i: usize| line.at(i) == ':' && matches!(line.at(i + 1), ' ' | '\t' | '\n');
    let wide = (start..end).find(|&i| is_colon(line.at(i)));
    let colon = (start..end).find(|&i| proper(i));
    if let Some(index) = wide
        && colon.is_none_or(|colon| index < colon)
    {
        let found = line.at(index);
        let blank = is_blank(line.at(index + 1));
        let key = line.shown(start..index);
        let column = line.column(index);
        let old = if blank { 2 } else { 1 };
        line.replace(index, old, ": ");
        let fault = Fault::new("a full-width colon stands where YAML wants a plain one")
            .found(format!("{} (U+{:04X})", quoted(&found.to_string()), found as u32))
            .suggest(Some(
                format!("{}: {}", key.trim(), line.rest(index + 2)).trim_end().to_owned(),
            ))
            .note("switch the keyboard to English for the colon and the blank after it");
        return Some((column, 1, fault));
    }
    if colon.is_some() {
        return None;
    }
    let index = (start..end).find(|&i| matches!(line.at(i), ':' | '=' | '＝'))?;
    let key = line.text(start..index);
    schema::find(key.trim())?;
    let mark = line.at(index);
    let column = line.column(index);
    let odd = line.at(index + 1);
    line.replace(index, if is_blank(odd) { 2 } else { 1 }, ": ");
    let meant = format!("{}: {}", key.trim(), line.rest(index + 2));
    let fault = if mark != ':' {
        Fault::new("a key and its value are joined by a colon and a blank")
            .found(quoted(&mark.to_string()))
    } else if is_blank(odd) {
        Fault::new("a blank of another kind stands after the colon")
            .found(format!("U+{:04X}", odd as u32))
    } else {
        Fault::new("a blank is missing after the colon")
    };
    Some((column, 1, fault.suggest(Some(meant))))
}

/// An address that begins with a character that means something to YAML: `[::1]:22121`, `*:22121`.
fn mend_value(line: &mut Line) -> Option<Slip> {
    let all = line.text(0..line.cells.len());
    let start = line.indentation();
    let value = if line.text(start..start + 2) == "- " {
        start + 2
    } else {
        let colon = all.find(": ")?;
        all[..colon].chars().count() + 2
    };
    let value = (value..line.cells.len()).find(|&i| line.at(i) != ' ')?;
    let text = line.text(value..line.cells.len());
    let text = text.split(" #").next().unwrap_or_default().trim().to_owned();
    let meant = if text.starts_with("*:") {
        format!("0.0.0.0{}", &text[1..])
    } else if text.starts_with('[') && text.contains("]:") && !text.contains(',') {
        format!("\"{text}\"")
    } else {
        return None;
    };
    let (column, length) = (line.column(value), text.chars().count());
    line.replace(value, length, &format!("'{}'", text.replace('\'', "''")));
    let first = &text[..1];
    let fault = Fault::new(format!("a value that begins with {first} needs quotes"))
        .found(quoted(&text))
        .suggest(Some(meant));
    Some((column, length, fault))
}
