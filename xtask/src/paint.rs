//! Colours, only on a terminal that shows them, and readable numbers.
//!
//! Text is padded before it is painted: the escape codes have no width on the screen, but `format!`
//! counts them.

use std::env;
use std::io::{IsTerminal, stdout};
use std::sync::OnceLock;

fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| {
        // no-color.org: any value that is not empty means no colour.
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        stdout().is_terminal() && !refused && !is_dumb
    })
}

fn paint(code: &str, text: &str) -> String {
    if is_on() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

pub fn bold(text: &str) -> String {
    paint("1", text)
}

pub fn dim(text: &str) -> String {
    paint("2", text)
}

pub fn red(text: &str) -> String {
    paint("31", text)
}

pub fn green(text: &str) -> String {
    paint("32", text)
}

/// Each server has its own colour, the same everywhere.
pub fn server(index: usize, text: &str) -> String {
    paint(["36", "35", "33"][index % 3], text)
}

/// A heading with an empty line before it.
pub fn heading(text: &str) {
    println!("\n{}", bold(text));
}

/// 10000 as 10,000.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `text` in lines of at most `width` characters, cut between words if possible.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A bar of `width` cells, `share` of it full, in eighths of a cell.
pub fn bar(share: f64, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let mut bar = "\u{2588}".repeat(eighths / 8);
    let parts =
        ["", "\u{258f}", "\u{258e}", "\u{258d}", "\u{258c}", "\u{258b}", "\u{258a}", "\u{2589}"];
    bar.push_str(parts[eighths % 8]);
    let cells = eighths.div_ceil(8);
    bar.push_str(&" ".repeat(width - cells));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn words_are_wrapped() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incompressible", 7), ["incompressible"]);
    }

    #[test]
    fn a_bar_keeps_its_width() {
        for share in [0.0, 0.01, 0.33, 0.5, 0.99, 1.0, 7.0] {
            assert_eq!(bar(share, 20).chars().count(), 20, "{share}");
        }
    }
}
