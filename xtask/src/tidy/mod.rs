//! `cargo xtask tidy`: the house rules that no lint knows.
//!
//! ```text
//!   a tree of texts ──▶ RULES, file by file ────────────────────────────────────▶ findings
//!                   └─▶ tokens ▶ items ▶ modules ▶ arrows ─▶ rooms, circles ────▶
//! ```
//!
//! A tree (the paths and texts of the files git knows or would add) goes in, findings come out;
//! a rule is a function and a row: in `RULES` if it looks at one file, in `ARROW_RULES` if it looks
//! at what files take from each other. Nothing here touches the disk but the reading of the tree,
//! so the tests use small trees made up on the spot.

mod arrows;
mod circles;
mod items;
mod modules;
mod rooms;
mod rules;
mod sizes;
mod source;
mod tokens;
mod tree;

use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Command;

use crate::{paint, place};
use arrows::Arrow;
use tree::{Finding, SourceFile};

type Rule = fn(&SourceFile) -> Vec<Finding>;

static RULES: [Rule; 6] = [
    rules::long_file,
    rules::machine_path,
    rules::stray_character,
    rules::missing_essay,
    rules::unfinished,
    sizes::too_large,
];

type ArrowRule = fn(&[SourceFile], &[Arrow]) -> Vec<Finding>;

static ARROW_RULES: [ArrowRule; 2] = [rooms::wrong_way_imports, circles::circles];

/// All findings in `tree`, in the order of the files.
pub fn inspect(tree: &[SourceFile]) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        tree.iter().flat_map(|file| RULES.iter().flat_map(move |rule| rule(file))).collect();
    let arrows = arrows::arrows(tree);
    findings.extend(ARROW_RULES.iter().flat_map(|rule| rule(tree, &arrows)));
    let place = |path: &str| tree.iter().position(|file| file.path == path);
    findings.sort_by_key(|finding| (place(&finding.path), finding.line));
    findings
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
            file("engine/src/lib.rs", "//! E.\nmod base;\nmod proxy;\n"),
            file("engine/src/base.rs", "//! Ids.\nuse crate::proxy::Worker;\n"),
            file("engine/src/proxy.rs", "//! All.\npub struct Worker;\n"),
            file("nuthatch/src/main.rs", "fn main() {}\n"),
            file("README.md", concat!("See /ho", "me/somebody/notes.\n")),
            file("xtask/src/x.rs", concat!("//! X.\n// TO", "DO: later\n")),
            file("sim/src/y.rs", "//! Y.\n// a curly \u{201c}quote\u{201d}\n"),
            file("bench/src/lib.rs", "//! B.\nmod a;\nuse a::A;\nstruct B(A);\n"),
            file("bench/src/a.rs", "//! A.\npub struct A;\nuse super::B;\n"),
            file("testbed/src/z.rs", &format!("//! Z.\nstruct Z {{{}}}\n", "z: Z,".repeat(21))),
        ];
        let found: Vec<String> =
            inspect(&tree).iter().map(|f| format!("{}:{}", f.path, f.line)).collect();
        assert_eq!(
            found,
            [
                "engine/src/base.rs:2",
                "nuthatch/src/main.rs:1",
                "README.md:1",
                "xtask/src/x.rs:2",
                "sim/src/y.rs:2",
                "bench/src/lib.rs:3",
                "testbed/src/z.rs:2",
            ]
        );
    }

    #[test]
    fn this_very_workspace_can_be_read() {
        let tree = read_tree().unwrap();
        assert!(tree.iter().any(|file| file.path == "xtask/src/tidy/mod.rs"));
    }
}
