//! The text of a good file: where each key stands, and in what form.
//!
//! [`Config`] holds the meaning of a file. Two users need the places and forms too, and read the lines
//! again: what nutcracker reads differently, and how to write the file for nutcracker.
//! [`Written::refused`] lists the forms that we accept and nutcracker 0.5.0 does not;
//! `tests/config_oracle/` compares them with the real nutcracker.

use super::checked::Config;
use super::listen;
use super::node::{Node, Scalar};
use super::place::Place;
use super::slips::Columns;
use super::source::Source;
use super::yaml;

/// A file and its tree.
pub struct Written<'a> {
    pub source: &'a Source,
    pub root: Option<Node>,
}

/// A pool's name and its lines.
#[derive(Clone, Copy)]
pub struct WrittenPool<'a> {
    pub name: &'a Scalar,
    pub body: &'a Node,
}

/// A form that nutcracker 0.5.0 refuses, or cannot use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `[a, b]`, `{a: b}`.
    Flow,
    /// `---`, `...`, `%YAML`.
    Marker,
    /// A tab in an empty line, or after an item's dash.
    Tab,
    /// `listen: "[::1]:22121"`.
    ListenBrackets,
    /// `[::1]:6379:1`: taken, and then never resolved.
    ServerBrackets,
}

pub struct Refused<'a> {
    pub form: Form,
    pub place: Place,
    /// `None`: it is about the whole file.
    pub pool: Option<&'a str>,
}

impl<'a> Written<'a> {
    pub fn new(config: &'a Config) -> Written<'a> {
        let text = config.source.lines().collect::<Vec<_>>().join("\n");
        let tree = yaml::read(&config.source, &text, &Columns::default());
        Written { source: &config.source, root: tree.root }
    }

    /// In the order of the file.
    pub fn pools(&self) -> impl Iterator<Item = WrittenPool<'_>> {
        let entries = match &self.root {
            Some(Node::Mapping(entries, _)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().filter_map(|(name, body)| match name {
            Node::Scalar(name) => Some(WrittenPool { name, body }),
            _ => None,
        })
    }

    pub fn pool(&self, name: &str) -> Option<WrittenPool<'_>> {
        self.pools().find(|pool| pool.name.text == name)
    }

    pub fn is_flow(&self, node: &Node) -> bool {
        let place = node.place();
        let first = self
            .source
            .line(place.line)
            .and_then(|line| line.chars().nth((place.column as usize).saturating_sub(1)));
        match node {
            Node::Sequence(..) => first == Some('['),
            Node::Mapping(..) => first == Some('{'),
            Node::Scalar(_) | Node::Unusable(_) => false,
        }
    }

    /// What nutcracker would not take, in the order of the file.
    pub fn refused(&self) -> Vec<Refused<'_>> {
        let mut all = Vec::new();
        if let Some(root) = self.root.as_ref().filter(|root| self.is_flow(root)) {
            all.push(Refused { form: Form::Flow, place: root.place(), pool: None });
        }
        for (number, line) in (1..).zip(self.source.lines()) {
            let marker = line.starts_with("---") || line.starts_with("...");
            let whole = Place::new(number, 1, line.chars().count());
            if marker || line.starts_with('%') {
                all.push(Refused { form: Form::Marker, place: whole, pool: None });
            } else if line.trim().is_empty() && line.contains('\t') {
                all.push(Refused { form: Form::Tab, place: whole, pool: None });
            }
        }
        for pool in self.pools() {
            self.refused_of(pool, &mut all);
        }
        all.sort_by_key(|refused| (refused.place.line, refused.place.column));
        all
    }

    fn refused_of<'p>(&self, pool: WrittenPool<'p>, all: &mut Vec<Refused<'p>>) {
        let mut add = |form, place| {
            all.push(Refused { form, place, pool: Some(&pool.name.text) });
        };
        if self.is_flow(pool.body) {
            add(Form::Flow, pool.body.place());
        }
        if let Some((_, Node::Scalar(value))) = pool.key("listen")
            && unbracketed_listen(&value.text).is_some()
        {
            add(Form::ListenBrackets, value.place);
        }
        let Some((_, list)) = pool.key("servers") else { return };
        if self.is_flow(list) {
            add(Form::Flow, list.place());
        }
        for item in pool.servers() {
            if unbracketed_server(&item.text).is_some() {
                add(Form::ServerBrackets, item.place);
            }
            if !self.is_flow(list) && self.before(item.place).contains('\t') {
                add(Form::Tab, item.place);
            }
        }
    }

    /// What stands left of a place in its line.
    pub fn before(&self, place: Place) -> String {
        let line = self.source.line(place.line).unwrap_or_default();
        line.chars().take((place.column as usize).saturating_sub(1)).collect()
    }
}

impl<'a> WrittenPool<'a> {
    pub fn entries(&self) -> &'a [(Node, Node)] {
        match self.body {
            Node::Mapping(entries, _) => entries,
            _ => &[],
        }
    }

    /// A key as written and its value.
    pub fn key(&self, name: &str) -> Option<(&'a Scalar, &'a Node)> {
        self.entries().iter().find_map(|(key, value)| match key {
            Node::Scalar(key) if key.text == name => Some((key, value)),
            _ => None,
        })
    }

    pub fn servers(&self) -> impl Iterator<Item = &'a Scalar> {
        let items = match self.key("servers") {
            Some((_, Node::Sequence(items, _))) => items.as_slice(),
            _ => &[],
        };
        items.iter().filter_map(|item| match item {
            Node::Scalar(item) => Some(item),
            _ => None,
        })
    }
}

/// `[::1]:22121` as nutcracker takes it, if it stands in brackets.
pub fn unbracketed_listen(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    let inner = listen::unbracketed(host);
    (inner != host).then(|| format!("{inner}:{port}"))
}

/// `[::1]:6379:1` as nutcracker can use it, with the name that places it as before.
pub fn unbracketed_server(text: &str) -> Option<String> {
    let (entry, name) = match text.rsplit_once(' ') {
        Some((entry, name)) => (entry, Some(name)),
        None => (text, None),
    };
    let (address, weight) = entry.rsplit_once(':')?;
    let (host, port) = address.rsplit_once(':')?;
    let inner = listen::unbracketed(host);
    if inner == host {
        return None;
    }
    let shard = super::servers::read(text).ok()?;
    let name = name.unwrap_or(&shard.name);
    Some(format!("{inner}:{port}:{weight} {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nuthatch_engine::topology::Manners;

    #[test]
    fn brackets_come_off_and_names_stay() {
        assert_eq!(unbracketed_listen("[::1]:22121").as_deref(), Some("::1:22121"));
        assert_eq!(unbracketed_listen("::1:22121"), None);
        let server = |text| unbracketed_server(text);
        assert_eq!(server("[::1]:6379:1").as_deref(), Some("::1:6379:1 [::1]:6379"));
        assert_eq!(server("[::1]:11211:2").as_deref(), Some("::1:11211:2 [::1]"));
        assert_eq!(server("[fe80::1]:1:1 a").as_deref(), Some("fe80::1:1:1 a"));
        assert_eq!(server("::1:6379:1"), None);
        assert_eq!(server("/tmp/[::1]:1"), None);
    }

    #[test]
    fn forms_are_seen_where_they_stand() {
        let text = "---\np: {listen: '[::1]:1', servers: [h:1:1]}\nq:\n  listen: h:2\n\t\n  \
                    servers:\n  -\th:1:1\n  - '[::1]:1:1'\n...\n";
        let (config, _) = crate::config::parse(text, "t.yml", Manners::Modern).unwrap();
        let written = Written::new(&config);
        let seen: Vec<(u32, Form)> =
            written.refused().iter().map(|refused| (refused.place.line, refused.form)).collect();
        assert_eq!(
            seen,
            [
                (1, Form::Marker),
                (2, Form::Flow),
                (2, Form::ListenBrackets),
                (2, Form::Flow),
                (5, Form::Tab),
                (7, Form::Tab),
                (8, Form::ServerBrackets),
                (9, Form::Marker)
            ]
        );
    }
}
