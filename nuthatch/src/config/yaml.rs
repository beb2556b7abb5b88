//! YAML as a small tree of texts, each with its place.
//!
//! `saphyr-parser` finds where things begin and end; nothing is typed here. `0x190`, `True` and
//! `~` stay the characters they are, and whether a scalar was quoted makes no difference, since
//! it made none to nutcracker. What a scalar means is up to `scalars.rs` and its neighbours (see
//! docs/adr/0001-yaml-as-text.md).
//!
//! The tree of a file with an error is not complete. What was read before the error is kept, so that its
//! other problems are reported too. [`Tree::complete`] says whether a key may be reported as missing.
//!
//! Anchors, aliases, tags and a second document are refused, as nutcracker refuses them. Flow lists, `---`
//! and `%YAML` are harmless and accepted.

use super::node::{Node, Scalar};
use super::place::Place;
use super::problem::{Fault, Problem};
use super::slips::Columns;
use super::source::Source;
use super::stops;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

/// Levels of nesting we build. A right file has three.
const DEPTH_MAX: usize = 16;

/// What was read of a file.
#[derive(Debug)]
pub struct Tree {
    /// `None` for a file without content.
    pub root: Option<Node>,
    pub complete: bool,
    pub problems: Vec<Problem>,
}

/// A collection that is still open.
enum Open {
    Sequence(Vec<Node>, Place),
    Mapping(Vec<(Node, Node)>, Option<Node>, Place),
}

struct Reader<'a> {
    source: &'a Source,
    columns: &'a Columns,
    open: Vec<Open>,
    tree: Tree,
}

/// Reads a text. `columns` leads from a place in it to the place in the file as written.
///
/// When the parser stops, the line is blanked and the text is read again, to find the other problems. An
/// error in the line behind another error follows from it and is not reported.
pub fn read(source: &Source, text: &str, columns: &Columns) -> Tree {
    let mut text: Vec<char> = text.chars().collect();
    let mut problems = Vec::new();
    let mut stopped_at = 0;
    let mut stops = 0;
    for _ in 0..ATTEMPTS_MAX {
        let attempt: String = text.iter().collect();
        let (mut tree, stop, innermost) = read_once(source, &attempt, columns);
        let Some(stop) = stop else {
            problems.append(&mut tree.problems);
            tree.complete &= stopped_at == 0;
            return Tree { problems, ..tree };
        };
        if blank_tab(&mut text, &stop) {
            continue;
        }
        let (place, fault) = match innermost {
            // What stands in an open bracket makes no sense; the bracket is the matter.
            Some(bracket) if stops::is_in_brackets(stop.info()) => (bracket, stops::open_bracket()),
            _ => (place(columns, *stop.marker(), 1), stops::fault(stop.info())),
        };
        let line = place.line as usize;
        if stopped_at == 0 || line > stopped_at + 1 {
            problems.push(source.problem(place, fault));
        }
        stops += 1;
        if line < stopped_at || stops > STOPS_MAX || !blank_line(&mut text, line) {
            problems.append(&mut tree.problems);
            return Tree { problems, complete: false, ..tree };
        }
        stopped_at = line;
    }
    let tree = read_once(source, &text.iter().collect::<String>(), columns).0;
    problems.extend(tree.problems);
    Tree { problems, complete: false, ..tree }
}

/// Times a text is read again, to blank one tab or one line each time.
const ATTEMPTS_MAX: usize = 1000;

/// The most lines that are blanked: no reader needs more errors at once.
const STOPS_MAX: usize = 20;

/// nutcracker took a tab for the blank after a key's colon; our parser does not. (YAML 1.2 does.)
/// A tab at the place where the parser expects a blank becomes a blank.
fn blank_tab(text: &mut [char], stop: &ScanError) -> bool {
    let mut index = stop.marker().index();
    if !stop.info().contains("valid YAML whitespace") || stop.info().starts_with("'-'") {
        return false;
    }
    let mut changed = false;
    while index > 0 && text.get(index - 1) == Some(&'\t') {
        index -= 1;
        text[index] = ' ';
        changed = true;
    }
    changed
}

/// Blanks a line; `false` when nothing was in it.
fn blank_line(text: &mut [char], line: usize) -> bool {
    let is_end = |c: char| matches!(c, '\n' | '\r');
    let (mut number, mut changed) = (1, false);
    let mut before = ' ';
    for c in text {
        if is_end(*c) {
            number += usize::from(!(before == '\r' && *c == '\n'));
        } else if number == line && *c != ' ' {
            before = *c;
            *c = ' ';
            changed = true;
            continue;
        }
        before = *c;
    }
    changed
}

/// Reads until the end or until the parser stops. Then also: where the innermost collection that
/// is still open begins.
fn read_once(
    source: &Source,
    text: &str,
    columns: &Columns,
) -> (Tree, Option<ScanError>, Option<Place>) {
    let tree = Tree { root: None, complete: true, problems: Vec::new() };
    let mut reader = Reader { source, columns, open: Vec::new(), tree };
    let mut documents = 0;
    let mut stop = None;
    for event in Parser::new_from_str(text) {
        let going_on = match event {
            Ok((Event::DocumentStart(_), span)) => {
                documents += 1;
                documents == 1 || reader.give_up(span, second_document())
            }
            Ok((event, span)) => reader.take(event, span),
            Err(error) => {
                stop = Some(error);
                false
            }
        };
        if !going_on {
            break;
        }
    }
    let innermost = reader.open.last().map(|open| match open {
        Open::Sequence(_, place) | Open::Mapping(_, _, place) => *place,
    });
    while let Some(node) = reader.close() {
        reader.put(node);
    }
    (reader.tree, stop, innermost)
}

fn place(columns: &Columns, mark: Marker, length: usize) -> Place {
    Place::new(mark.line(), columns.original(mark.line(), mark.col() + 1), length)
}

impl Reader<'_> {
    /// One event; `false` to stop.
    fn take(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain;
                let place = self.scalar_place(span, &text);
                self.refuse_extras(place, anchor, tag.is_some());
                self.put(Node::Scalar(Scalar { text: text.into_owned(), quoted, place }));
            }
            Event::SequenceStart(anchor, tag) => {
                let place = self.place(span.start, 1);
                self.refuse_extras(place, anchor, tag.is_some());
                self.open.push(Open::Sequence(Vec::new(), place));
            }
            Event::MappingStart(anchor, tag) => {
                let place = self.place(span.start, 1);
                self.refuse_extras(place, anchor, tag.is_some());
                self.open.push(Open::Mapping(Vec::new(), None, place));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(node) = self.close() {
                    self.put(node);
                }
            }
            Event::Alias(_) => {
                let place = self.place(span.start, length(span));
                self.report(place, alias());
                self.put(Node::Unusable(place));
            }
            _ => {}
        }
        self.open.len() <= DEPTH_MAX || self.give_up(span, too_deep())
    }

    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.tree.root = Some(node),
            Some(Open::Sequence(items, _)) => items.push(node),
            Some(Open::Mapping(entries, key, _)) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
    }

    fn close(&mut self) -> Option<Node> {
        self.open.pop().map(|open| match open {
            Open::Sequence(items, place) => Node::Sequence(items, place),
            Open::Mapping(mut entries, key, place) => {
                // A key whose value was never reached.
                entries.extend(key.map(|key| {
                    let place = key.place();
                    (key, Node::Unusable(place))
                }));
                Node::Mapping(entries, place)
            }
        })
    }

    fn refuse_extras(&mut self, place: Place, anchor: usize, tag: bool) {
        if anchor > 0 {
            self.report(place, Fault::new("anchors (`&name`) are not taken").note(WRITE_IT_OUT));
        }
        if tag {
            let fault = Fault::new("tags (`!name`) are not taken")
                .note("write the plain value: what type it has follows from its key");
            self.report(place, fault);
        }
    }

    fn give_up(&mut self, span: Span, fault: Fault) -> bool {
        let place = self.place(span.start, 1);
        self.report(place, fault);
        self.tree.complete = false;
        false
    }

    fn report(&mut self, place: Place, fault: Fault) {
        self.tree.problems.push(self.source.problem(place, fault));
    }

    fn place(&self, mark: Marker, length: usize) -> Place {
        place(self.columns, mark, length)
    }

    /// A scalar's place. An empty one has none of its own: the parser points at what follows,
    /// so the caller had better use its key's.
    fn scalar_place(&self, span: Span, text: &str) -> Place {
        let on_one_line = span.start.line() == span.end.line();
        let length = if on_one_line { length(span) } else { text.chars().count().min(1) };
        let lines_below = span.end.line().saturating_sub(span.start.line());
        Place {
            lines_below: u32::try_from(lines_below).unwrap_or(u32::MAX),
            ..self.place(span.start, length)
        }
    }
}

fn length(span: Span) -> usize {
    span.end.index().saturating_sub(span.start.index())
}

const WRITE_IT_OUT: &str = "write the value out in each place it is wanted";

fn alias() -> Fault {
    Fault::new("aliases (`*name`) are not taken").note(WRITE_IT_OUT)
}

fn second_document() -> Fault {
    Fault::new("a second document begins here")
        .expected("one document: all pools under each other in one mapping")
        .note("take the `---` away")
}

fn too_deep() -> Fault {
    Fault::new("this is nested too deeply")
        .expected("pools, their keys, and one list of servers under each")
}
