//! What a module's text holds, as far as imports go: the names it defines, its modules, its `use`
//! lines and the paths in its code.
//!
//! Not a parser of Rust. Names inside of function bodies are unknown here, but for `use` lines,
//! which are taken as the module's own. A path that means something else than an item (a local
//! variable, a variant) resolves to nothing later, or is no path of two names.

use super::tokens::{Token, behind_attribute, behind_bracket, behind_item, behind_visibility};
use std::collections::BTreeSet;

/// A module's body: a file, or what `mod name { ... }` encloses.
#[derive(Default, Debug)]
pub struct Body {
    /// Functions, types, constants, macros.
    pub names: BTreeSet<String>,
    pub modules: Vec<Declared>,
    pub imports: Vec<Import>,
    pub mentions: Vec<Mention>,
}

/// `mod name;`, or `mod name { ... }`.
#[derive(Debug)]
pub struct Declared {
    pub name: String,
    /// Of `#[path = "..."]`.
    pub path: Option<String>,
    pub body: Option<Body>,
}

/// One name of a `use` line.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub path: Vec<String>,
    /// As it is called here; `*` for all that the path has.
    pub name: String,
    pub is_public: bool,
    pub line: usize,
}

/// A path in the code.
#[derive(Debug, PartialEq, Eq)]
pub struct Mention {
    pub path: Vec<String>,
    pub line: usize,
}

pub fn read(tokens: &[Token]) -> Body {
    let mut body = Body::default();
    let mut at = 0;
    while at < tokens.len() {
        let mut path = None;
        while let Some(end) = behind_attribute(tokens, at) {
            path = path.or(path_of(&tokens[at..end]));
            at = end;
        }
        let first = behind_visibility(tokens, at);
        let end = behind_item(tokens, at).max(at + 1).min(tokens.len());
        if first < end {
            body.take(&tokens[first..end], first > at, path);
        }
        at = end;
    }
    body
}

/// The file of `#[path = "..."]`.
fn path_of(attribute: &[Token]) -> Option<String> {
    let at = attribute.iter().position(|token| token.is("path"))?;
    let literal = attribute.get(at + 2)?.text.strip_prefix('"')?;
    literal.strip_suffix('"').map(str::to_owned)
}

impl Body {
    /// Takes one item, without its attributes and its `pub`.
    fn take(&mut self, item: &[Token], is_public: bool, path: Option<String>) {
        let word = |at: usize| item.get(at).map_or("", |token| token.text.as_str());
        match (word(0), word(1), word(2)) {
            ("use", ..) => self.import(&item[1..], is_public),
            ("mod", name, open) => {
                let inside = item.get(3..item.len() - 1).unwrap_or_default();
                let body = (open == "{").then(|| read(inside));
                self.modules.push(Declared { name: name.to_owned(), path, body });
            }
            ("macro_rules", "!", name) => {
                self.names.insert(name.to_owned());
                self.read_code(item);
            }
            _ => {
                if let Some(name) = defined(item) {
                    self.names.insert(name);
                }
                self.read_code(item);
            }
        }
    }

    fn import(&mut self, tree: &[Token], is_public: bool) {
        let first = usize::from(tree.first().is_some_and(|token| token.is("::")));
        if first == 0 {
            self.branch(tree, &[], is_public);
        }
    }

    /// Reads `a::b::{c, d as e, f::*}` behind `stem`.
    fn branch(&mut self, tree: &[Token], stem: &[String], is_public: bool) {
        let mut path = stem.to_vec();
        let mut at = 0;
        while let Some(token) = tree.get(at) {
            match token.text.as_str() {
                "{" => {
                    let end = behind_bracket(tree, at);
                    for part in parts(&tree[at + 1..end - 1]) {
                        self.branch(part, &path, is_public);
                    }
                    return;
                }
                "*" => {
                    let line = token.line;
                    self.imports.push(Import { path, name: "*".into(), is_public, line });
                    return;
                }
                "as" | ";" => break,
                "::" => {}
                // `{self}` is the path itself.
                "self" if !path.is_empty() => {}
                name => path.push(name.to_owned()),
            }
            at += 1;
        }
        let Some(last) = path.last().cloned() else { return };
        let line = tree.first().map_or(0, |token| token.line);
        let renamed = tree.get(at).filter(|token| token.is("as")).and(tree.get(at + 1));
        let name = renamed.map_or(last, |token| token.text.clone());
        self.imports.push(Import { path, name, is_public, line });
    }

    fn read_code(&mut self, code: &[Token]) {
        let mut at = 0;
        while let Some(token) = code.get(at) {
            let is_statement = token.is("use") && code.get(at + 1).is_some_and(Token::is_word);
            if is_statement {
                let end = behind_item(code, at);
                self.import(&code[at + 1..end], false);
                at = end;
                continue;
            }
            let before = at.checked_sub(1).map_or("", |before| code[before].text.as_str());
            if !token.is_word() || before == "." || before == "::" {
                at += 1;
                continue;
            }
            let mut path = vec![token.text.clone()];
            at += 1;
            while code.get(at).is_some_and(|token| token.is("::"))
                && let Some(name) = code.get(at + 1).filter(|token| token.is_word())
            {
                path.push(name.text.clone());
                at += 2;
            }
            let next = code.get(at).map_or("", |token| token.text.as_str());
            if path.len() > 1 || may_be_item(&path[0], before, next) {
                self.mentions.push(Mention { path, line: token.line });
            }
        }
    }
}

/// Whether a name that stands alone may be an item's: a small one is taken for a variable unless
/// it is called.
fn may_be_item(name: &str, before: &str, next: &str) -> bool {
    let is_named_here = matches!(before, "fn" | "let" | "mut" | "ref" | "struct" | "enum" | "mod");
    let is_field = next == ":";
    let is_large = name.starts_with(char::is_uppercase);
    !is_named_here && !is_field && (is_large || matches!(next, "(" | "!"))
}

/// The items of `a, b::{c, d}, e`.
fn parts(group: &[Token]) -> Vec<&[Token]> {
    let mut parts = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while at < group.len() {
        if group[at].is(",") {
            parts.push(&group[begin..at]);
            begin = at + 1;
        }
        at = if group[at].opens() { behind_bracket(group, at) } else { at + 1 };
    }
    parts.push(&group[begin..]);
    parts
}

/// The name that an item gives to its module.
fn defined(item: &[Token]) -> Option<String> {
    let is_kind = |token: &Token| {
        let kinds = ["fn", "struct", "enum", "union", "trait", "type", "static"];
        kinds.contains(&token.text.as_str())
    };
    let is_modifier = |token: &Token| {
        let words = ["const", "unsafe", "async", "extern", "mut", "auto", "default"];
        words.contains(&token.text.as_str()) || token.text.starts_with('"')
    };
    let mut at = item.iter().take_while(|token| is_modifier(token)).count();
    let is_const = item.first().is_some_and(|token| token.is("const"));
    if item.get(at).is_some_and(is_kind) {
        at += 1;
        at += item[at..].iter().take_while(|token| token.is("mut")).count();
    } else if !is_const {
        return None;
    }
    item.get(at).filter(|token| token.is_word()).map(|token| token.text.clone())
}

#[cfg(test)]
mod tests {
    use super::super::tokens::shipped;
    use super::*;

    fn body(text: &str) -> Body {
        read(&shipped(text))
    }

    fn imports(text: &str) -> Vec<String> {
        let show = |import: &Import| {
            let mark = if import.is_public { "pub " } else { "" };
            format!("{mark}{} = {} :{}", import.name, import.path.join("::"), import.line)
        };
        body(text).imports.iter().map(show).collect()
    }

    fn mentions(text: &str) -> Vec<String> {
        body(text).mentions.iter().map(|mention| mention.path.join("::")).collect()
    }

    #[test]
    fn use_lines_are_opened() {
        let text =
            "use super::{self, a::{B, C as D},\n e::*, f::{self}};\npub(crate) use crate::g::H;";
        let want = [
            "super = super :1",
            "B = super::a::B :1",
            "D = super::a::C :1",
            "* = super::e :2",
            "f = super::f :2",
            "pub H = crate::g::H :3",
        ];
        assert_eq!(imports(text), want);
        assert_eq!(imports("use ::a::B; fn f() { use super::C; }"), ["C = super::C :1"]);
    }

    #[test]
    fn names_that_items_define() {
        let text = "pub struct A(B); enum C { D } const fn e() {} const F: G = H { i }; static mut J: K = 1;
            pub unsafe extern \"C\" fn l() {} type M = N; macro_rules! o { () => {} } impl P { fn q() {} }
            trait R {} pub async fn s() {} const _: () = ();";
        let names: Vec<String> = body(text).names.into_iter().collect();
        assert_eq!(names, ["A", "C", "F", "J", "M", "R", "_", "e", "l", "o", "s"]);
    }

    #[test]
    fn modules_with_and_without_a_body() {
        let body = body("mod a; #[path = \"x/b.rs\"] pub mod b; mod c { fn d() {} mod e; }");
        assert_eq!(body.modules[0].name, "a");
        assert_eq!(body.modules[1].path.as_deref(), Some("x/b.rs"));
        let inside = body.modules[2].body.as_ref().unwrap();
        assert!(inside.names.contains("d") && inside.modules[0].name == "e");
        assert!(body.names.is_empty() && body.mentions.is_empty());
    }

    #[test]
    fn paths_in_code() {
        let text =
            "fn f(a: b::C) -> D { super::e::g::<H>(a.i()); let k = l; m(k); n!(k); O { p: q } }";
        assert_eq!(mentions(text), ["b::C", "D", "super::e::g", "H", "m", "n", "O"]);
    }
}
