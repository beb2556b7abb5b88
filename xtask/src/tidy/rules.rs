//! Rules about one file's text.

use super::source::{Kind, kinds};
use super::tree::{Finding, SourceFile};

/// Past this many lines we ask whether two rooms moved in.
const LINES_MAX: usize = 500;

/// Files that may be longer, each with its reason.
static LONG_FILES: [(&str, &str); 0] = [];

/// Where machines keep what is theirs alone. In pieces, or this line would be found.
static MACHINE_PATHS: [&str; 3] =
    [concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/ro", "ot/")];

static UNFINISHED: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

pub fn long_file(file: &SourceFile) -> Vec<Finding> {
    let lines = file.text.lines().count();
    let is_listed = LONG_FILES.iter().any(|(path, _)| *path == file.path);
    if !file.is_rust() || lines <= LINES_MAX || is_listed {
        return Vec::new();
    }
    let what = format!("{lines} lines: has a second room moved in?");
    vec![Finding { is_warning: true, ..file.finding(lines, what) }]
}

pub fn machine_path(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (n, line) in file.text.lines().enumerate() {
        for path in MACHINE_PATHS {
            // In the middle of a longer path (docs/.../) it is a folder like any other.
            let stands_alone = |at: usize| {
                let before = line[..at].chars().next_back().unwrap_or(' ');
                !(before.is_alphanumeric() || "._-/~}".contains(before))
            };
            if line.match_indices(path).any(|(at, _)| stands_alone(at)) {
                findings.push(file.finding(n + 1, format!("a path of one machine: {path}")));
            }
        }
    }
    findings
}

/// Beyond ASCII only literals may go, and in comments the lines and arrows of a drawing and what
/// stands in backticks, being quoted.
pub fn stray_character(file: &SourceFile) -> Vec<Finding> {
    if !file.is_rust() || file.text.is_ascii() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut line = 1;
    let mut is_quoted = false;
    for (c, kind) in kinds(&file.text) {
        let is_fine = match kind {
            Kind::Literal => true,
            Kind::Comment => c.is_ascii() || is_drawing(c) || is_quoted,
            Kind::Code => c.is_ascii(),
        };
        is_quoted = kind == Kind::Comment && c != '\n' && (is_quoted != (c == '`'));
        if !is_fine {
            findings.push(file.finding(line, format!("{c:?} (U+{:04X})", u32::from(c))));
        }
        line += usize::from(c == '\n');
    }
    findings.dedup_by_key(|finding| finding.line);
    findings
}

/// Arrows, box drawings, blocks and geometric shapes.
fn is_drawing(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21ff}' | '\u{2500}'..='\u{25ff}')
}

pub fn missing_essay(file: &SourceFile) -> Vec<Finding> {
    let is_empty = file.text.trim().is_empty();
    if !file.is_rust() || is_empty || file.text.trim_start().starts_with("//!") {
        return Vec::new();
    }
    vec![file.finding(1, "no essay (`//!`) at the head")]
}

pub fn unfinished(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (n, line) in file.text.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(word) = words.find(|word| UNFINISHED.contains(word)) {
            findings.push(file.finding(n + 1, format!("{word}: do it, or write an issue")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_long_file_is_a_warning() {
        let findings = long_file(&file("a.rs", &"x\n".repeat(501)));
        assert!(findings[0].is_warning);
        assert!(long_file(&file("a.rs", &"x\n".repeat(500))).is_empty());
        assert!(long_file(&file("a.json", &"x\n".repeat(5000))).is_empty());
    }

    #[test]
    fn a_machine_path_stands_alone() {
        let [home, work, _] = MACHINE_PATHS;
        assert_eq!(machine_path(&file("a.md", &format!("x\nsee `{home}me`"))).len(), 1);
        assert_eq!(machine_path(&file("a.toml", &format!("p = \"{work}x\""))).len(), 1);
        assert!(machine_path(&file("a.md", &format!("https://x.org{home}me"))).is_empty());
        assert!(machine_path(&file("a.md", &format!("$HOME{work}x, ~{work}x"))).len() <= 1);
    }

    #[test]
    fn drawings_are_welcome_in_comments_only() {
        assert!(stray_character(&file("a.rs", "//! a \u{2500}\u{2500}\u{25b6} b\n")).is_empty());
        assert!(stray_character(&file("a.rs", "// the mark `\u{ff1a}` is wide\n")).is_empty());
        assert_eq!(stray_character(&file("a.rs", "// `a` \u{ff1a}\n")).len(), 1);
        assert!(stray_character(&file("a.rs", "let x = \"\u{e9}\";\n")).is_empty());
        assert_eq!(stray_character(&file("a.rs", "//! x\n// a \u{2014} b\n"))[0].line, 2);
        assert_eq!(stray_character(&file("a.rs", "let \u{e9} = 1;\n")).len(), 1);
        assert!(stray_character(&file("a.md", "\u{2014}")).is_empty());
    }

    #[test]
    fn an_essay_comes_first() {
        assert!(missing_essay(&file("a.rs", "//! Hello.\n")).is_empty());
        assert!(missing_essay(&file("a.rs", "")).is_empty());
        assert_eq!(missing_essay(&file("a.rs", "use x;\n//! Late.\n")).len(), 1);
    }

    #[test]
    fn unfinished_work_is_a_whole_word() {
        let [first, second] = UNFINISHED;
        assert_eq!(unfinished(&file("a.md", &format!("- {first}: x\n{second}(me)"))).len(), 2);
        assert!(unfinished(&file("a.md", &format!("{first}S and mas{second}"))).is_empty());
    }
}
