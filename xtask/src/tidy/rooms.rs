//! Imports that go the wrong way between rooms.
//!
//! A crate's rooms are its top folders, listed from the foundation up. A file may name its own
//! room and those listed before it. We look at every `crate::` path in the code, in `use` lines
//! and elsewhere, with braces opened; paths of `super`s that leave the room are not followed, as
//! nobody writes them.

use super::source;
use super::{Finding, SourceFile};

struct House {
    src: &'static str,
    rooms: &'static [&'static str],
}

static HOUSES: [House; 2] = [
    House {
        src: "engine/src/",
        rooms: &["base", "protocol", "command", "routing", "topology", "proxy"],
    },
    // All of these may use the engine, which is a crate below them.
    House { src: "nuthatch/src/", rooms: &["config", "io", "control", "admin", "cli"] },
];

pub fn wrong_way_imports(file: &SourceFile) -> Vec<Finding> {
    let Some((house, rest)) =
        HOUSES.iter().find_map(|house| Some((house, file.path.strip_prefix(house.src)?)))
    else {
        return Vec::new();
    };
    let own = rest.split(['/', '.']).next().unwrap_or_default();
    let Some(own_place) = house.rooms.iter().position(|room| *room == own) else {
        return Vec::new(); // lib.rs and main.rs are the front door
    };
    let later = &house.rooms[own_place + 1..];
    crate_paths(&source::code(&file.text))
        .into_iter()
        .filter(|(_, room)| later.contains(&room.as_str()))
        .map(|(line, room)| file.finding(line, format!("{own} must not use {room}, a later room")))
        .collect()
}

/// The first names after each `crate::` in `code`, with their lines.
fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        if before.is_alphanumeric() || before == '_' {
            continue; // some_crate::
        }
        let line = code[..at].matches('\n').count() + 1;
        let path = code[at + "crate::".len()..].trim_start();
        match path.strip_prefix('{') {
            None => found.push((line, first_name(path))),
            Some(group) => {
                found.extend(
                    group_names(group).into_iter().map(|(below, name)| (line + below, name)),
                );
            }
        }
    }
    found
}

fn first_name(path: &str) -> String {
    path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first name of each item of `a::b, c::{d, e}} ...`, with how many lines below it stands.
fn group_names(group: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut begin = 0;
    for (at, c) in group.char_indices() {
        let ends_item = depth == 0 && (c == ',' || c == '}');
        if ends_item {
            let item = &group[begin..at];
            let blank = item.len() - item.trim_start().len();
            let below = group[..begin + blank].matches('\n').count();
            names.push((below, first_name(item)));
            begin = at + 1;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let file = SourceFile { path: path.into(), text: text.into() };
        wrong_way_imports(&file).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn later_rooms_are_out_of_reach() {
        let text = "use crate::base::x;\nuse crate::routing::y;\nuse crate::proxy::z;\n";
        assert_eq!(lines("engine/src/base/ids.rs", text), [2, 3]);
        assert_eq!(lines("engine/src/routing/tag.rs", text), [3]);
        assert_eq!(lines("engine/src/proxy/mod.rs", text), [0; 0]);
        assert_eq!(lines("engine/src/lib.rs", text), [0; 0]);
        assert_eq!(lines("sim/src/base/lib.rs", text), [0; 0]);
    }

    #[test]
    fn groups_are_opened() {
        let text = "use crate::{\n    base::{a, b},\n    proxy::{c},\n    routing,\n};\n";
        assert_eq!(lines("engine/src/command/redis.rs", text), [3, 4]);
    }

    #[test]
    fn paths_in_the_middle_of_code_count_and_comments_do_not() {
        let text = "// crate::proxy\nfn f() -> crate::proxy::W { \"crate::proxy\" }\n";
        assert_eq!(lines("engine/src/topology/mod.rs", text), [2]);
        assert_eq!(lines("engine/src/topology/mod.rs", "use my_crate::proxy;"), [0; 0]);
    }

    #[test]
    fn a_room_may_be_a_single_file_and_the_second_house_has_its_own_order() {
        assert_eq!(lines("nuthatch/src/io/stream.rs", "use crate::control::C;"), [1]);
        assert_eq!(lines("nuthatch/src/config.rs", "use crate::io::C;"), [1]);
        assert_eq!(lines("nuthatch/src/cli/mod.rs", "use crate::io::C;"), [0; 0]);
    }
}
