//! Files that import each other in a circle.
//!
//! ```text
//!   a.rs ──X──▶ b.rs ──Y──▶ c.rs ──Z──▶ a.rs
//! ```
//!
//! Such files are one file in several pieces: none can be read, tested or changed without the
//! others. Most often a plain type stands in the wrong file, and moving it down opens the circle.
//! One finding a circle; it lists the arrows, so that the one to cut can be seen.

use super::arrows::{Arrow, Need};
use super::tree::{Finding, SourceFile};
use std::collections::BTreeMap;
use std::fmt::Write;

pub fn circles(tree: &[SourceFile], arrows: &[Arrow]) -> Vec<Finding> {
    let next = neighbours(tree.len(), arrows);
    let reach: Vec<Vec<bool>> = (0..tree.len()).map(|file| reach(&next, file)).collect();
    let mut findings = Vec::new();
    for (first, reached) in reach.iter().enumerate() {
        let circle: Vec<usize> =
            (0..tree.len()).filter(|&file| reached[file] && reach[file][first]).collect();
        if circle.first() == Some(&first) {
            findings.push(finding(tree, arrows, &circle));
        }
    }
    findings
}

fn neighbours(files: usize, arrows: &[Arrow]) -> Vec<Vec<usize>> {
    let mut next = vec![Vec::new(); files];
    for arrow in arrows.iter().filter(|arrow| arrow.need == Need::Own) {
        next[arrow.from].push(arrow.to);
    }
    for to in &mut next {
        to.sort_unstable();
        to.dedup();
    }
    next
}

/// The files that can be reached from one; that one itself only if a circle leads back.
fn reach(next: &[Vec<usize>], from: usize) -> Vec<bool> {
    let mut is_reached = vec![false; next.len()];
    let mut ahead = next[from].clone();
    while let Some(file) = ahead.pop() {
        if !is_reached[file] {
            is_reached[file] = true;
            ahead.extend(&next[file]);
        }
    }
    is_reached
}

fn finding(tree: &[SourceFile], arrows: &[Arrow], circle: &[usize]) -> Finding {
    // By the two files: the line of the first import, and the names.
    let mut pairs: BTreeMap<(usize, usize), (usize, Vec<&str>)> = BTreeMap::new();
    for arrow in arrows.iter().filter(|arrow| arrow.need == Need::Own) {
        if circle.contains(&arrow.from) && circle.contains(&arrow.to) {
            let (_, names) =
                pairs.entry((arrow.from, arrow.to)).or_insert((arrow.line, Vec::new()));
            if !names.contains(&arrow.name.as_str()) {
                names.push(&arrow.name);
            }
        }
    }
    let mut what = format!("{} files import each other in a circle:", circle.len());
    for ((from, to), (line, names)) in &pairs {
        let (from, to) = (&tree[*from].path, &tree[*to].path);
        let _ = write!(what, "\n    {from}:{line} takes {} of {to}", names.join(", "));
    }
    let line = pairs.values().next().map_or(1, |(line, _)| *line);
    tree[circle[0]].finding(line, what)
}

#[cfg(test)]
mod tests {
    use super::super::arrows::arrows;
    use super::*;

    /// What is found, without the first line of each finding.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let file =
            |&(path, text): &(&str, &str)| SourceFile { path: path.into(), text: text.into() };
        let tree: Vec<SourceFile> = files.iter().map(file).collect();
        let found = circles(&tree, &arrows(&tree));
        found
            .iter()
            .flat_map(|finding| finding.what.lines().skip(1).map(|line| line.trim().to_owned()))
            .collect()
    }

    #[test]
    fn two_files_by_super() {
        let files = [
            ("x/src/lib.rs", "mod a;\nmod b;\n"),
            ("x/src/a.rs", "use super::b::{B, C};\npub struct A;\n"),
            ("x/src/b.rs", "pub struct B;\npub struct C;\nfn f(_: super::a::A) {}\n"),
        ];
        let want = ["x/src/a.rs:1 takes B, C of x/src/b.rs", "x/src/b.rs:3 takes A of x/src/a.rs"];
        assert_eq!(found(&files), want);
    }

    #[test]
    fn through_a_door() {
        let files = [
            ("x/src/lib.rs", "mod a; mod b;"),
            ("x/src/a/mod.rs", "mod inner; pub use inner::A;"),
            ("x/src/a/inner.rs", "use crate::b::B; pub struct A(B);"),
            ("x/src/b.rs", "use crate::a::A as Other; pub struct B;"),
        ];
        let want = [
            "x/src/a/inner.rs:1 takes B of x/src/b.rs",
            "x/src/b.rs:1 takes A of x/src/a/inner.rs",
        ];
        assert_eq!(found(&files), want);
    }

    #[test]
    fn a_door_that_only_passes_on_makes_no_circle() {
        let door = "mod child; pub use child::C; pub struct D;";
        let child = "use super::D; pub struct C(D);";
        let arrows_if = |more: &str| {
            let door = format!("{door} {more}");
            let files =
                [("x/src/lib.rs", "mod a;"), ("x/src/a.rs", &door), ("x/src/a/child.rs", child)];
            found(&files).len()
        };
        assert_eq!(arrows_if(""), 0);
        assert_eq!(arrows_if("fn f(_: C) {}"), 2);
        assert_eq!(arrows_if("fn f() { child::C::new() }"), 2);
        assert_eq!(arrows_if("fn f(d: D) { d.child() }"), 0);
    }

    #[test]
    fn all_of_a_parent() {
        let child = "use super::*; pub fn f() {}";
        let files = |parent| {
            [("x/src/lib.rs", "mod a;"), ("x/src/a.rs", parent), ("x/src/a/child.rs", child)]
        };
        assert_eq!(found(&files("mod child; use child::f;")).len(), 2);
        assert!(found(&files("mod child;")).is_empty());
    }

    #[test]
    fn tests_are_left_out() {
        let files = [
            ("x/src/lib.rs", "mod a; mod b; #[cfg(test)] mod c;"),
            ("x/src/a.rs", "use super::b::B; pub struct A;"),
            ("x/src/b.rs", "pub struct B; #[cfg(test)] mod tests { use super::super::a::A; }"),
            ("x/src/c.rs", "use super::a::A; pub struct C;"),
        ];
        assert!(found(&files).is_empty());
    }
}
