//! Why the YAML parser stopped, in our words.
//!
//! The parser's words are about simple keys and block collections; the reader wants to know what to do. A
//! row here is found by a part of the parser's message. A message without a row is shown unchanged, so a
//! new version of the parser can make the help poorer, but not wrong.

use super::problem::Fault;

/// The fault behind a message of the parser.
pub fn fault(info: &str) -> Fault {
    ADVICE.iter().find(|advice| info.contains(advice.sign)).map_or_else(
        || Fault::new("this cannot be read as YAML").note(format!("in detail: {info}")),
        |advice| Fault::new(advice.message).note(advice.help),
    )
}

/// Did the parser stop inside of brackets?
pub fn is_in_brackets(info: &str) -> bool {
    ["illegal placement of ':'", "flow"].iter().any(|sign| info.contains(sign))
}

pub fn open_bracket() -> Fault {
    Fault::new("what is in these brackets cannot be read, or they are never closed")
        .note("a value that begins with [ or { and is no list needs quotes: \"[::1]:22121\"")
}

/// The parser's words and ours.
struct Advice {
    /// Part of the parser's message.
    sign: &'static str,
    message: &'static str,
    help: &'static str,
}

/// The first row whose text is in the message counts.
static ADVICE: &[Advice] = &[
    Advice {
        sign: "mapping values are not allowed",
        message: "a `key: value` cannot stand here",
        help: "is this line indented like its neighbours, and does the line above have its value? \
               A value that holds a colon and a blank needs quotes",
    },
    Advice {
        sign: "simple key expect",
        message: "this line has no `key: value`",
        help: "a key is followed by a colon and a blank; a comment begins with #",
    },
    Advice {
        sign: "simple key expected",
        message: "this line has no `key: value`",
        help: "a key is followed by a colon and a blank; a comment begins with #",
    },
    Advice {
        sign: "expected ':'",
        message: "this line has no `key: value`",
        help: "a key is followed by a colon and a blank; a comment begins with #",
    },
    Advice {
        sign: "indentation in quoted scalar",
        message: "a quote is opened here and not closed in its line",
        help: "close it with the same kind of quote, \" or '; a text of several lines would have to \
               be indented",
    },
    Advice {
        sign: "tab",
        message: "a tab cannot stand here",
        help: "YAML wants blanks: set your editor to put blanks for the Tab key",
    },
    Advice {
        sign: "comment intercepting",
        message: "a comment cannot begin right here",
        help: "a blank stands before the #; a # that belongs to the value needs quotes",
    },
    Advice {
        sign: "comments must be separated",
        message: "a comment cannot begin right here",
        help: "a blank stands before the #; a # that belongs to the value needs quotes",
    },
    Advice {
        sign: "end of stream",
        message: "a quote is opened here or above and never closed",
        help: "close it with the same kind of quote, \" or '",
    },
    Advice {
        sign: "trailing content after double-quoted",
        message: "something follows the closing quote",
        help: "put the whole value into the quotes, or none of it",
    },
    Advice {
        sign: "escape",
        message: "this escape is unknown to YAML",
        help: "in double quotes \\ begins an escape; single quotes take it as it is",
    },
    Advice {
        sign: "hexadecimal",
        message: "this escape is unknown to YAML",
        help: "in double quotes \\ begins an escape; single quotes take it as it is",
    },
    Advice {
        sign: "block sequence entries are not allowed",
        message: "a list item cannot stand here",
        help: "items stand on lines of their own below `servers:`, all equally indented",
    },
    Advice {
        sign: "unexpected character",
        message: "a value cannot begin with this character",
        help: "put the value into quotes",
    },
    Advice {
        sign: "expected next token",
        message: "a value cannot begin with this character",
        help: "put the value into quotes",
    },
    Advice {
        sign: "block scalar",
        message: "this block of text (`|` or `>`) cannot be read",
        help: "write the value on one line, in quotes where needed",
    },
    Advice {
        sign: "did not find expected key",
        message: "this line does not fit what is above it",
        help: "the keys of a pool are all indented equally, and every list item begins with `- `",
    },
    Advice {
        sign: "block collection",
        message: "this line does not fit the list above it",
        help: "the items of a list are all indented equally and begin with `- `",
    },
    Advice {
        sign: "invalid indentation",
        message: "this line's indentation fits nothing above it",
        help: "pool names stand at the margin, their keys are all indented equally",
    },
    Advice {
        sign: "bracket",
        message: "brackets do not match here",
        help: "a value that begins with [ or { needs quotes: \"[::1]:22121\"",
    },
    Advice {
        sign: "flow",
        message: "this bracketed value cannot be read",
        help: "a value that begins with [ or { needs quotes: \"[::1]:22121\"",
    },
    Advice {
        sign: "unknown anchor",
        message: "aliases (`*name`) are not taken",
        help: "a value that begins with * needs quotes",
    },
    Advice {
        sign: "recursion limit",
        message: "this is nested too deeply",
        help: "pools, their keys, and one list of servers under each are all there is",
    },
];
