//! `cargo xtask tidy`: the house rules that no lint knows.
//!
//! A tree (the paths and texts of the files git knows or would add) goes in, findings come out;
//! a rule is a function of one file and a row in `RULES`. Nothing here touches the disk but the
//! reading of the tree, so the tests use small trees made up on the spot.

mod rooms;
mod rules;
mod source;

use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Command;

use crate::{paint, place};

/// One text file; the path is relative to the workspace and uses `/`.
pub struct SourceFile {
    pub path: String,
    pub text: String,
}

/// Something to mend, or, if it is only a warning, to think about.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    pub what: String,
    pub is_warning: bool,
}

type Rule = fn(&SourceFile) -> Vec<Finding>;

static RULES: [Rule; 6] = [
    rooms::wrong_way_imports,
    rules::long_file,
    rules::machine_path,
    rules::stray_character,
    rules::missing_essay,
    rules::unfinished,
];

impl SourceFile {
    pub fn is_rust(&self) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, ending)| ending == "rs")
    }

    fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into(), is_warning: false }
    }
}

/// All findings in `tree`, in the order of the files.
pub fn inspect(tree: &[SourceFile]) -> Vec<Finding> {
    tree.iter().flat_map(|file| RULES.iter().flat_map(move |rule| rule(file))).collect()
}

pub fn run() -> Result<()> {
    let tree = read_tree()?;
    let findings = inspect(&tree);
    for finding in &findings {
        let Finding { path, line, what, is_warning } = finding;
        let kind = if *is_warning { paint::dim("note") } else { paint::red("untidy") };
        println!("{kind} {path}:{line}: {what}");
    }
    let untidy = findings.iter().filter(|finding| !finding.is_warning).count();
    if untidy > 0 {
        bail!("{untidy} untidy places in {} files looked at", tree.len());
    }
    println!("tidy: {} files", tree.len());
    Ok(())
}

/// The files git tracks or would add with `git add -A`. Files that are no UTF-8 are no texts.
fn read_tree() -> Result<Vec<SourceFile>> {
    let list = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(place::root())
        .output()
        .context("cannot run git")?;
    if !list.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&list.stderr).trim());
    }
    let mut tree = Vec::new();
    for path in String::from_utf8_lossy(&list.stdout).split_terminator('\0') {
        let file = place::root().join(path);
        // A tracked file may be deleted and not yet committed; a link may lead anywhere.
        if !file.is_file() || file.is_symlink() {
            continue;
        }
        let bytes = fs::read(&file).with_context(|| format!("cannot read {path}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            tree.push(SourceFile { path: path.to_owned(), text });
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_tree_with_one_of_each() {
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
        let tree = [
            file("engine/src/base/ids.rs", "//! Ids.\nuse crate::proxy::Worker;\n"),
            file("engine/src/proxy/mod.rs", "//! All.\nuse crate::base::ids::Id;\n"),
            file("nuthatch/src/main.rs", "fn main() {}\n"),
            file("README.md", concat!("See /ho", "me/somebody/notes.\n")),
            file("xtask/src/x.rs", concat!("//! X.\n// TO", "DO: later\n")),
            file("sim/src/y.rs", "//! Y.\n// a curly \u{201c}quote\u{201d}\n"),
        ];
        let found: Vec<String> =
            inspect(&tree).iter().map(|f| format!("{}:{}", f.path, f.line)).collect();
        assert_eq!(
            found,
            [
                "engine/src/base/ids.rs:2",
                "nuthatch/src/main.rs:1",
                "README.md:1",
                "xtask/src/x.rs:2",
                "sim/src/y.rs:2",
            ]
        );
    }

    #[test]
    fn this_very_workspace_can_be_read() {
        let tree = read_tree().unwrap();
        assert!(tree.iter().any(|file| file.path == "xtask/src/tidy/mod.rs"));
    }
}
