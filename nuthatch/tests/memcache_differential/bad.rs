//! Bad requests, of every kind that came to mind.

use crate::differences::Cut;
use crate::requests::{Maker, cut_before};

const EDGES: &[&str] = &[
    "-1",
    "0",
    "x",
    "1x",
    "18446744073709551615",
    "-",
    "+1",
    "99999",
    "2147483647",
    "0x10",
    "1.5",
    "\u{1}",
];

/// Those of which all servers think the same; the others stand in `differences::ANSWERS`.
const BAD_NUMBERS: &[&str] = &["-1", "x", "1x", "-", "+1", "0x10", "1.5", "\u{1}", ""];

const BAD_FLAGS: &[&str] = &[
    "v v",
    "X",
    "W",
    "!",
    "C",
    "Cx",
    "N",
    "Nx",
    "R",
    "T",
    "Tx",
    "Dx",
    "Jx",
    "Mz",
    "M",
    "Fx",
    "Sx",
    "v q q",
    "\u{1}",
    "O",
    "k k",
    "OLongerThanThirtyTwoBytesIsMoreThanItTakes",
    "t v s f c k h l O1",
];

impl Maker {
    /// What should be refused, or is at least no good style.
    pub fn bad(&mut self) -> Vec<u8> {
        let (key, edge) = (self.key(), self.pick(EDGES));
        match self.below(24) {
            0 => self.line(&["bogus", &key]),
            1 => self.line(&["GET", &key]),
            2 => self.line(&[]),
            3 => {
                let name = self.pick(&[
                    "get", "gets", "gat", "delete", "incr", "touch", "set", "cas", "mg", "md",
                    "ma", "ms", "gat 0",
                ]);
                self.line(&[name])
            }
            4 => self.line(&["get", &"k".repeat(251), &key]),
            5 => {
                let long = "k".repeat(251);
                let name = self.pick(&["delete", "mg", "md", "ma", "me"]);
                self.line(&[name, &long])
            }
            6 => self.stored(&["set", &"k".repeat(251), "0", "0", "1"], b"x"),
            7 => {
                let flags = self.pick(BAD_NUMBERS);
                self.stored(&["set", &key, flags, "0", "1"], b"1")
            }
            8 => self.stored(&["set", &key, "0", "0", "1", "more", "words"], b"x"),
            9 => {
                let words = self.noreply(vec!["set", &key, "0", "0", "x"]);
                self.stored(&words, b"get a")
            }
            10 => {
                let words = self.noreply(vec!["set", &key, "0", "0", "-1"]);
                self.stored(&words, b"get a")
            }
            // Data longer than it said: what is over is taken for lines, or the end is wrong.
            11 => {
                let words = self.noreply(vec!["set", &key, "0", "0", "3"]);
                self.stored(&words, b"longer than that")
            }
            12 => self.stored(&["ms", &key, "3"], b"longer than that"),
            13 => {
                let len = self.pick(&["12", "40", "300"]);
                self.stored(&["set", &key, "0", "0", len], b"shorter")
            }
            14 => {
                let name = self.pick(&["incr", "decr"]);
                let words = self.noreply(vec![name, &key, edge]);
                self.line(&words)
            }
            15 => {
                let ttl = self.pick(&["x", "1x", "-"]);
                let words = self.noreply(vec!["touch", &key, ttl]);
                self.line(&words)
            }
            16 => {
                let name = self.pick(&["gat", "gats"]);
                let ttl = self.pick(&["x", "1x"]);
                self.line(&[name, ttl, &key, "a", "b"])
            }
            17 => {
                let time = self.pick(&["0", "1", "x"]);
                let words = self.noreply(vec!["delete", &key, time]);
                self.line(&words)
            }
            18 => {
                let name = self.pick(&["flush_all x", "verbosity", "verbosity x", "flush_all -1x"]);
                self.line(&[name])
            }
            19 | 20 => {
                let name = self.pick(&["mg", "md", "ma", "mg"]);
                let flags = self.pick(BAD_FLAGS);
                self.line(&[name, &key, flags, "O7"])
            }
            21 => {
                let flags = self.pick(BAD_FLAGS);
                self.stored(&["ms", &key, "2", flags, "O7"], b"ok")
            }
            22 => {
                let len = self.pick(&["x", "-1", "S2", "1x"]);
                self.stored(&["ms", &key, len], b"ok")
            }
            _ => {
                let mut line = self.text();
                let mut at = self.below(line.len());
                if at > 0 && line[at - 1] == b'\r' {
                    at = 0; // a number with a CR at its end: see `differences::ANSWERS`
                }
                let byte = self.pick(b"\0\n x");
                line.insert(at, byte);
                let is_touching = line.trim_ascii_start().starts_with(b"ga");
                match cut_before(&line) {
                    // See `Cut::LongKey`.
                    Some(Cut::LongKey) if is_touching => self.line(&["get", "a"]),
                    _ => line,
                }
            }
        }
    }
}
