//! Imports that go the wrong way between rooms.
//!
//! A room is a folder, or a single file, that a house lists from the foundation up. A file may
//! name its own room and those listed before it. Houses may stand within rooms: a file in
//! `engine/src/proxy/link/` obeys the order of the engine, of `proxy` and of `link`.
//!
//! Paths are resolved, so `super::super::x` and what a door passes on are seen too, and both ends
//! count: the modules on the way and the file that defines the name. Files of a house that are in
//! none of its rooms (`lib.rs`, `mod.rs`) are its front door: they may use all, and are not checked.

use super::arrows::Arrow;
use super::tree::{Finding, SourceFile};

struct House {
    folder: &'static str,
    rooms: &'static [&'static str],
}

static HOUSES: [House; 7] = [
    House {
        folder: "engine/src/",
        rooms: &["base", "protocol", "texts", "command", "routing", "topology", "proxy"],
    },
    House {
        folder: "engine/src/proxy/",
        rooms: &["measure", "link", "plan", "carry", "local", "worker"],
    },
    House {
        folder: "engine/src/proxy/link/",
        rooms: &[
            "cause", "action", "bounds", "hold", "slot", "ticket", "flow", "turn", "upstream",
            "client",
        ],
    },
    // All of these may use the engine, which is a crate below them.
    House { folder: "nuthatch/src/", rooms: &["config", "io", "control", "admin", "cli"] },
    House {
        folder: "nuthatch/src/config/",
        rooms: &[
            "place", "quote", "node", "secret", "source", "problem", "yaml", "checked", "pool",
            "written", "export", "differs",
        ],
    },
    House {
        folder: "nuthatch/src/io/",
        rooms: &["sys", "log", "stream", "connection", "mail", "listener", "event_loop"],
    },
    House { folder: "nuthatch/src/cli/verify/", rooms: &["ask", "tally", "hint", "report"] },
];

/// Files below the first path must not use those below the second, though the order allows it.
static STRANGERS: [(&str, &str, &str); 4] = [
    (
        "engine/src/proxy/link/client/",
        "engine/src/proxy/link/upstream/",
        "a client and an upstream do not know each other",
    ),
    ("engine/src/proxy/plan/", "engine/src/proxy/link/client/", "a plan knows no connection"),
    ("engine/src/proxy/plan/", "engine/src/proxy/link/upstream/", "a plan knows no connection"),
    ("engine/src/proxy/plan/", "engine/src/proxy/link/turn.rs", "a plan does nothing"),
];

pub fn wrong_way_imports(tree: &[SourceFile], arrows: &[Arrow]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for arrow in arrows {
        let (from, to) = (&tree[arrow.from], &tree[arrow.to]);
        for house in &HOUSES {
            if let (Some(own), Some(other)) = (house.room(&from.path), house.room(&to.path))
                && other > own
            {
                let (own, other) = (house.rooms[own], house.rooms[other]);
                let what = format!("{own} must not use {other}, a later room");
                findings.push(from.finding(arrow.line, what));
            }
        }
        for (own, other, why) in STRANGERS {
            if from.path.starts_with(own) && to.path.starts_with(other) {
                findings.push(from.finding(arrow.line, format!("must not use {other}: {why}")));
            }
        }
    }
    findings.sort_by(|a, b| (&a.path, a.line, &a.what).cmp(&(&b.path, b.line, &b.what)));
    findings.dedup();
    findings
}

impl House {
    /// The place in the list of the room that a file is in.
    fn room(&self, path: &str) -> Option<usize> {
        let name = path.strip_prefix(self.folder)?.split(['/', '.']).next()?;
        self.rooms.iter().position(|room| *room == name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::arrows::arrows;
    use super::*;

    /// The wrong lines of a file in a tree that has a file for every room.
    fn lines(path: &str, text: &str) -> Vec<usize> {
        let mut tree = Vec::new();
        let mut add = |path: &str, text: &str| {
            tree.push(SourceFile { path: path.into(), text: text.into() });
        };
        add("engine/src/lib.rs", "mod base; mod routing; mod topology; mod proxy;");
        add("engine/src/base/mod.rs", "mod ids; pub struct B;");
        add("engine/src/routing/mod.rs", "mod tag; pub struct R;");
        add("engine/src/topology/mod.rs", "pub use crate::routing::R; mod spec;");
        add(
            "engine/src/proxy/mod.rs",
            "mod link; mod plan; mod carry; mod worker; mod old; pub use worker::W;",
        );
        add("engine/src/proxy/worker.rs", "pub struct W;");
        add("engine/src/proxy/link/mod.rs", "mod turn; pub mod client; pub mod upstream;");
        add("engine/src/proxy/link/client/mod.rs", "mod gate; pub struct C;");
        add("engine/src/proxy/link/upstream/mod.rs", "pub struct U;");
        add("nuthatch/src/main.rs", "mod io; mod control; mod config;");
        add("nuthatch/src/control.rs", "pub struct C;");
        add("nuthatch/src/io/mod.rs", "mod stream;");
        add(path, text);
        let found = wrong_way_imports(&tree, &arrows(&tree));
        assert!(found.iter().all(|finding| finding.path == path), "{found:?}");
        found.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn later_rooms_are_out_of_reach() {
        let text = "use crate::base::B;\nuse crate::routing::R;\nuse crate::proxy::W;\n";
        assert_eq!(lines("engine/src/base/ids.rs", text), [2, 3]);
        assert_eq!(lines("engine/src/routing/tag.rs", text), [3]);
        assert_eq!(lines("engine/src/proxy/old.rs", text), [0; 0]);
    }

    #[test]
    fn groups_supers_and_bare_modules_are_seen() {
        let text = "use crate::{\n    base::B,\n    proxy::{link},\n    routing,\n};\n";
        assert_eq!(lines("engine/src/routing/tag.rs", text), [3]);
        assert_eq!(lines("engine/src/base/ids.rs", text), [3, 4]);
        assert_eq!(lines("engine/src/base/ids.rs", "use super::super::proxy::W;"), [1]);
    }

    #[test]
    fn the_order_counts_behind_a_door_too() {
        assert_eq!(lines("engine/src/topology/spec.rs", "use super::R;"), [0; 0]);
        // Once for the door, once for the room behind it.
        assert_eq!(lines("engine/src/base/ids.rs", "use crate::topology::R;"), [1, 1]);
    }

    #[test]
    fn paths_in_the_middle_of_code_count_and_comments_do_not() {
        let text = "// crate::proxy::W\nfn f() -> crate::proxy::W { \"crate::proxy::W\" }\n";
        assert_eq!(lines("engine/src/topology/spec.rs", text), [2]);
        assert_eq!(lines("engine/src/topology/spec.rs", "use my_crate::proxy;"), [0; 0]);
    }

    #[test]
    fn a_house_in_a_room_has_its_own_order() {
        let text = "use super::super::worker::W;\nuse crate::proxy::W as V;\nuse super::client::C;";
        assert_eq!(lines("engine/src/proxy/link/turn.rs", text), [1, 2, 3]);
        assert_eq!(lines("engine/src/proxy/link/upstream.rs", text), [1, 2, 3]);
        assert_eq!(lines("engine/src/proxy/old.rs", text), [0; 0]);
    }

    #[test]
    fn strangers_do_not_meet_though_the_order_allows_it() {
        let text = "use super::super::upstream::U;";
        assert_eq!(lines("engine/src/proxy/link/client/gate.rs", text), [1]);
        assert_eq!(lines("engine/src/proxy/plan/mod.rs", "use super::link::client::C;"), [1]);
        assert_eq!(lines("engine/src/proxy/carry/mod.rs", "use super::link::client::C;"), [0; 0]);
    }

    #[test]
    fn a_room_may_be_a_single_file() {
        assert_eq!(lines("nuthatch/src/io/stream.rs", "use crate::control::C;"), [1]);
        assert_eq!(lines("nuthatch/src/config.rs", "use crate::control::C;"), [1]);
    }

    #[test]
    fn every_room_in_the_list_is_there() {
        let tree = super::super::read_tree().unwrap();
        for house in &HOUSES {
            for (place, room) in house.rooms.iter().enumerate() {
                let is_there = tree.iter().any(|file| house.room(&file.path) == Some(place));
                assert!(is_there, "{}{room}", house.folder);
            }
        }
        for path in STRANGERS.iter().flat_map(|(own, other, _)| [own, other]) {
            assert!(tree.iter().any(|file| file.path.starts_with(path)), "{path}");
        }
    }
}
