//! The modules of every crate, and which file defines what a path names.
//!
//! ```text
//!   src/lib.rs ── mod a; ─▶ a.rs or a/mod.rs ── mod b; ─▶ a/b.rs or a/b/mod.rs
//! ```
//!
//! The tree is found as the compiler finds it, from `src/lib.rs`, `src/main.rs` and `src/bin/`
//! down. Folders of tests and modules for tests are not in it. Paths into other crates lead
//! nowhere here: cargo sees to it that crates have no circles.

use super::items::{self, Body};
use super::tokens::{Token, shipped};
use super::tree::SourceFile;
use std::collections::{BTreeMap, HashMap};

pub struct Module {
    /// Index in the tree of files.
    pub file: usize,
    pub body: Body,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// The module it ends in.
    pub module: usize,
    /// What of that module; None if the module itself is meant.
    pub item: Option<String>,
    /// The modules that the path itself names on the way.
    pub passed: Vec<usize>,
}

#[derive(Default)]
pub struct Modules {
    pub all: Vec<Module>,
}

/// Steps from import to import that a path may take. More is a circle of names.
const STEPS_MAX: usize = 16;

/// A file that modules are read from, and the folder that its own modules are in.
struct Place<'a> {
    file: usize,
    folder: String,
    parent: Option<usize>,
    files: &'a HashMap<&'a str, usize>,
    tree: &'a [SourceFile],
}

impl Modules {
    pub fn read(tree: &[SourceFile]) -> Modules {
        let files: HashMap<&str, usize> =
            tree.iter().enumerate().map(|(at, file)| (file.path.as_str(), at)).collect();
        let mut modules = Modules::default();
        for (file, source) in tree.iter().enumerate().filter(|(_, source)| is_root(&source.path)) {
            let folder = folder(&source.path).to_owned();
            let place = Place { file, folder, parent: None, files: &files, tree };
            modules.add(&place, items::read(&tokens_of(source)));
        }
        modules
    }

    fn add(&mut self, place: &Place<'_>, mut body: Body) -> usize {
        let module = self.all.len();
        let declared = std::mem::take(&mut body.modules);
        let (file, parent) = (place.file, place.parent);
        self.all.push(Module { file, body, parent, children: BTreeMap::new() });
        for child in declared {
            let inner = |file, folder| Place { file, folder, parent: Some(module), ..*place };
            let below = format!("{}{}/", place.folder, child.name);
            let added = match child.body {
                Some(body) => Some(self.add(&inner(place.file, below), body)),
                None => file_of(place, &child.name, child.path.as_deref()).map(|file| {
                    let source = &place.tree[file];
                    let is_own_folder = child.path.is_some() || source.path.ends_with("/mod.rs");
                    let folder =
                        if is_own_folder { folder(&source.path).to_owned() } else { below };
                    self.add(&inner(file, folder), items::read(&tokens_of(source)))
                }),
            };
            if let Some(added) = added {
                self.all[module].children.insert(child.name, added);
            }
        }
        module
    }

    /// Where a path leads that stands in `module`.
    pub fn resolve(&self, module: usize, path: &[String]) -> Option<Target> {
        let mut passed = Vec::new();
        let (module, item) = self.follow(module, path, STEPS_MAX, &mut passed)?;
        Some(Target { module, item, passed })
    }

    /// Is `below` a module within `module`?
    pub fn is_within(&self, below: usize, module: usize) -> bool {
        let mut above = self.all[below].parent;
        while let Some(at) = above {
            if at == module {
                return true;
            }
            above = self.all[at].parent;
        }
        false
    }

    fn follow(
        &self,
        module: usize,
        path: &[String],
        steps: usize,
        passed: &mut Vec<usize>,
    ) -> Option<(usize, Option<String>)> {
        let mut at = module;
        let mut rest = path;
        while let Some((first, after)) = rest.split_first() {
            at = match first.as_str() {
                "crate" => self.root(at),
                "super" => self.all[at].parent?,
                "self" => at,
                _ => break,
            };
            rest = after;
        }
        self.look_up(at, rest, steps, passed)
    }

    fn look_up(
        &self,
        module: usize,
        path: &[String],
        steps: usize,
        passed: &mut Vec<usize>,
    ) -> Option<(usize, Option<String>)> {
        let Some((name, rest)) = path.split_first() else { return Some((module, None)) };
        let here = &self.all[module];
        let is_item = here.body.names.contains(name);
        match here.children.get(name) {
            // Of a module and a function of one name, the path's end means the function.
            Some(&child) if !(is_item && rest.is_empty()) => {
                passed.push(child);
                return self.look_up(child, rest, steps, passed);
            }
            _ if is_item => return Some((module, Some(name.clone()))),
            _ => {}
        }
        let steps = steps.checked_sub(1)?;
        let imports = || here.body.imports.iter();
        for import in imports().filter(|import| import.name == *name) {
            let path = [&import.path, rest].concat();
            if let Some(found) = self.follow(module, &path, steps, &mut Vec::new()) {
                return Some(found);
            }
        }
        // The first name of a path such as `nuthatch_engine::x` is no name of ours.
        for import in imports().filter(|import| import.name == "*" && import.path[0] != *name) {
            match self.follow(module, &import.path, steps, &mut Vec::new()) {
                Some((all, None)) if all != module => {
                    if let Some(found) = self.look_up(all, path, steps, &mut Vec::new()) {
                        return Some(found);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn root(&self, mut module: usize) -> usize {
        while let Some(parent) = self.all[module].parent {
            module = parent;
        }
        module
    }
}

/// Does a crate begin with this file?
fn is_root(path: &str) -> bool {
    let name = path.rsplit_once("/src/").map_or("", |(_, name)| name);
    let program = name.strip_prefix("bin/").and_then(|name| name.strip_suffix(".rs"));
    matches!(name, "lib.rs" | "main.rs") || program.is_some_and(|name| !name.contains('/'))
}

/// The folder of a file, with its last `/`.
fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |end| &path[..=end])
}

fn tokens_of(file: &SourceFile) -> Vec<Token> {
    shipped(&file.text)
}

/// The file of `mod name;`.
fn file_of(place: &Place<'_>, name: &str, path: Option<&str>) -> Option<usize> {
    let find = |path: String| place.files.get(path.as_str()).copied();
    match path {
        Some(path) => find(format!("{}{path}", folder(&place.tree[place.file].path))),
        None => find(format!("{}{name}.rs", place.folder))
            .or_else(|| find(format!("{}{name}/mod.rs", place.folder))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Vec<SourceFile> {
        let file =
            |&(path, text): &(&str, &str)| SourceFile { path: path.into(), text: text.into() };
        files.iter().map(file).collect()
    }

    /// The file that a path in another file leads to, and the name.
    fn end(tree: &[SourceFile], from: &str, path: &str) -> Option<String> {
        let modules = Modules::read(tree);
        let module = modules.all.iter().position(|module| tree[module.file].path == from).unwrap();
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        let target = modules.resolve(module, &path)?;
        let file = &tree[modules.all[target.module].file].path;
        Some(format!("{file} {}", target.item.unwrap_or_default()).trim_end().to_owned())
    }

    #[test]
    fn files_are_found_in_both_styles() {
        let tree = tree(&[
            (
                "x/src/lib.rs",
                "mod a; mod b; #[path = \"odd/place.rs\"] mod c; mod d { pub mod e; }",
            ),
            ("x/src/a.rs", "pub mod f; pub fn g() {}"),
            ("x/src/a/f.rs", "pub struct F;"),
            ("x/src/b/mod.rs", "pub mod h;"),
            ("x/src/b/h.rs", "pub struct H;"),
            ("x/src/odd/place.rs", "pub struct P;"),
            ("x/src/d/e.rs", "pub struct E;"),
            ("x/tests/t.rs", "mod a;"),
        ]);
        let from = "x/src/b/h.rs";
        assert_eq!(end(&tree, from, "crate::a::f::F").unwrap(), "x/src/a/f.rs F");
        assert_eq!(end(&tree, from, "super::super::a::g").unwrap(), "x/src/a.rs g");
        assert_eq!(end(&tree, from, "super::h::H").unwrap(), "x/src/b/h.rs H");
        assert_eq!(end(&tree, from, "self::H::new").unwrap(), "x/src/b/h.rs H");
        assert_eq!(end(&tree, from, "crate::c::P").unwrap(), "x/src/odd/place.rs P");
        assert_eq!(end(&tree, from, "crate::d::e::E").unwrap(), "x/src/d/e.rs E");
        assert_eq!(end(&tree, from, "crate::a").unwrap(), "x/src/a.rs");
        assert_eq!(end(&tree, from, "std::fmt"), None);
        assert_eq!(end(&tree, "x/src/lib.rs", "a::f::F").unwrap(), "x/src/a/f.rs F");
    }

    #[test]
    fn doors_are_followed_to_the_file_that_defines() {
        let tree = tree(&[
            ("x/src/main.rs", "mod a; mod b; mod c;"),
            ("x/src/a/mod.rs", "mod inner; pub use inner::{A, B as Bee}; pub fn inner() {}"),
            ("x/src/a/inner.rs", "pub struct A; pub struct B;"),
            ("x/src/b.rs", "pub use crate::a::*; use crate::a;"),
            ("x/src/c.rs", "pub use self::d; use super::c::d;"),
        ]);
        assert_eq!(end(&tree, "x/src/main.rs", "a::A").unwrap(), "x/src/a/inner.rs A");
        assert_eq!(end(&tree, "x/src/b.rs", "a::Bee::x").unwrap(), "x/src/a/inner.rs B");
        assert_eq!(end(&tree, "x/src/main.rs", "b::A").unwrap(), "x/src/a/inner.rs A");
        assert_eq!(end(&tree, "x/src/b.rs", "inner").unwrap(), "x/src/a/mod.rs inner");
        assert_eq!(end(&tree, "x/src/c.rs", "d"), None, "names in a circle end");
    }
}
