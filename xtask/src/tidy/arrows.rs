//! Which file takes which names of which other file.
//!
//! An arrow goes from the file that names something to the file that defines it, through doors
//! that only pass it on. `mod child;` is none. `pub use child::X` is one for the order of rooms
//! and none for circles: a door that does not use X itself does not need the child. A method
//! called on a value is none, as it needs no import.

use super::items::Import;
use super::modules::{Modules, Target};
use super::tree::SourceFile;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// The file does not compile without it.
    Own,
    /// `pub use child::X`.
    PassedOn,
    /// A module by its name alone, in a `use` line or on the way to something.
    OnTheWay,
}

/// `from` and `to` are indices in the tree of files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrow {
    pub from: usize,
    pub to: usize,
    pub name: String,
    pub line: usize,
    pub need: Need,
}

/// The arrows of all crates, each file's together.
pub fn arrows(tree: &[SourceFile]) -> Vec<Arrow> {
    let modules = Modules::read(tree);
    let mut arrows = Vec::new();
    for (at, module) in modules.all.iter().enumerate() {
        for import in &module.body.imports {
            if let Some(target) = modules.resolve(at, &import.path) {
                let need = need(&modules, at, import, &target);
                add(&mut arrows, &modules, at, import.line, &target, need);
            }
        }
        for mention in &module.body.mentions {
            // A name that stands alone and is imported has its arrow from the `use` line, unless
            // that only passes it on.
            if let Some(target) = modules.resolve(at, &mention.path)
                && target.item.is_some()
            {
                add(&mut arrows, &modules, at, mention.line, &target, Need::Own);
            }
        }
    }
    arrows.retain(|arrow| arrow.from != arrow.to);
    arrows
}

fn need(modules: &Modules, module: usize, import: &Import, target: &Target) -> Need {
    if import.is_public && modules.is_within(target.module, module) {
        Need::PassedOn
    } else if import.name == "*" || target.item.is_some() {
        Need::Own
    } else {
        Need::OnTheWay
    }
}

fn add(
    arrows: &mut Vec<Arrow>,
    modules: &Modules,
    module: usize,
    line: usize,
    target: &Target,
    need: Need,
) {
    let file = |module: usize| modules.all[module].file;
    let from = file(module);
    let name = target.item.clone().unwrap_or_else(|| "*".to_owned());
    arrows.push(Arrow { from, to: file(target.module), name, line, need });
    arrows.extend(target.passed.iter().map(|&passed| Arrow {
        from,
        to: file(passed),
        name: String::new(),
        line,
        need: Need::OnTheWay,
    }));
}
