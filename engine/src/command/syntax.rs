//! The arguments of a command as a line of text, and its parser.
//!
//! `COMMAND DOCS` describes the arguments as a tree of names, types and tokens. redis-cli makes its
//! hints from it. The table has the tree as a line, which people can read too:
//!
//! ```text
//!   key value [condition(NX | XX)] [GET] [expiration(EX seconds:integer | KEEPTTL)]
//!
//!   value              a string with the name value
//!   seconds:integer    another type; `key` and `pattern` have the type of the same name
//!   NX                 a token with the name nx: a word in upper case
//!   change=CH          a token with another name
//!   EX seconds         a token and its value
//!   order(ASC | DESC)  one of several
//!   index(start end)   several, in this order
//!   (field value)      the same, with the name field_value
//!   [x]                optional
//!   x...               may be repeated
//!   [GET pattern]...   the same, with the token each time
//! ```
//!
//! A line is parsed when a client asks for it, which is rare. One test parses the lines of all rows,
//! another compares them with a server's `COMMAND DOCS`.

/// One argument, or a group of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument<'a> {
    pub name: String,
    /// The name of its type in `COMMAND DOCS`.
    pub kind: &'static str,
    pub token: Option<&'a str>,
    pub optional: bool,
    pub multiple: bool,
    /// When it is repeated, so is its token.
    pub multiple_token: bool,
    /// The members of a group.
    pub parts: Vec<Argument<'a>>,
}

impl Argument<'_> {
    /// Their names in `COMMAND DOCS`, in its order.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> + Clone {
        let all = [
            (self.optional, "optional"),
            (self.multiple, "multiple"),
            (self.multiple_token, "multiple_token"),
        ];
        all.into_iter().filter(|(has, _)| *has).map(|(_, name)| name)
    }
}

/// The arguments that the line describes; `None` if it does not have the form above.
pub fn parse(line: &str) -> Option<Vec<Argument<'_>>> {
    let mut reader = Reader { rest: line };
    let (all, is_choice) = reader.list()?;
    (reader.rest.is_empty() && !is_choice).then_some(all)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// The arguments before a closing parenthesis or the end, and whether they are a choice.
    fn list(&mut self) -> Option<(Vec<Argument<'a>>, bool)> {
        let mut all = Vec::new();
        let mut bars = 0;
        loop {
            self.skip_blanks();
            if self.rest.is_empty() || self.rest.starts_with(')') {
                break;
            }
            if self.take("|") {
                bars += 1;
                // A bar stands between two arguments, and there are never two bars in a row.
                if bars != all.len() {
                    return None;
                }
            } else {
                all.push(self.item()?);
            }
        }
        let is_choice = bars > 0;
        (!is_choice || bars + 1 == all.len()).then_some((all, is_choice))
    }

    fn item(&mut self) -> Option<Argument<'a>> {
        if !self.take("[") {
            return self.repeated();
        }
        let mut item = self.repeated()?;
        item.optional = true;
        if !self.take("]") {
            return None;
        }
        if self.take("...") {
            item.multiple = true;
            item.multiple_token = true;
        }
        Some(item)
    }

    fn repeated(&mut self) -> Option<Argument<'a>> {
        let mut argument = self.behind_token()?;
        argument.multiple = self.take("...");
        Some(argument)
    }

    /// `NX`, or `EX seconds`, or a value without a token.
    fn behind_token(&mut self) -> Option<Argument<'a>> {
        let word = self.word();
        if !is_token(word) {
            return self.value(word);
        }
        self.skip_blanks();
        if self.rest.is_empty() || self.rest.starts_with([')', ']', '[', '|']) {
            return Some(argument(&word.to_ascii_lowercase(), "pure-token", Some(word)));
        }
        let name = self.word();
        let mut value = self.value(name)?;
        if is_token(name) || value.token.is_some() {
            return None;
        }
        value.token = Some(word);
        Some(value)
    }

    /// `seconds:integer`, `change=CH`, or a group. The caller has read `word`.
    fn value(&mut self, word: &'a str) -> Option<Argument<'a>> {
        if self.take("(") {
            return self.group(word);
        }
        if let Some((name, token)) = word.split_once('=') {
            let is_whole = !name.is_empty() && !token.is_empty();
            return is_whole.then(|| argument(name, "pure-token", Some(token)));
        }
        let default = if NAMED_AS_TYPE.contains(&word) { word } else { "string" };
        let (name, kind) = word.split_once(':').unwrap_or((word, default));
        let kind = KINDS.into_iter().find(|known| *known == kind)?;
        (!name.is_empty()).then(|| argument(name, kind, None))
    }

    /// The rest of a group, after its opening parenthesis.
    fn group(&mut self, name: &str) -> Option<Argument<'a>> {
        let (parts, is_choice) = self.list()?;
        if !self.take(")") || parts.is_empty() {
            return None;
        }
        let mut group = argument(name, if is_choice { "oneof" } else { "block" }, None);
        if name.is_empty() {
            let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
            group.name = names.join("_");
        }
        group.parts = parts;
        (!is_choice || !name.is_empty()).then_some(group)
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find([' ', '(', ')', '[', ']', '|', '.']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// The types of a value.
const KINDS: [&str; 6] = ["string", "integer", "double", "key", "pattern", "unix-time"];
/// Arguments with these names have the type of the same name.
const NAMED_AS_TYPE: [&str; 2] = ["key", "pattern"];

fn is_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'-'))
}

fn argument<'a>(name: &str, kind: &'static str, token: Option<&'a str>) -> Argument<'a> {
    Argument {
        name: name.to_owned(),
        kind,
        token,
        optional: false,
        multiple: false,
        multiple_token: false,
        parts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rows;
    use super::*;

    /// A tree in one line: name type, token, flags, members.
    fn shown(all: &[Argument<'_>]) -> String {
        let one = |argument: &Argument<'_>| {
            let mut words = vec![argument.name.clone(), argument.kind.to_owned()];
            words.extend(argument.token.map(str::to_owned));
            words.extend(argument.flags().map(|flag| format!("+{flag}")));
            if !argument.parts.is_empty() {
                words.push(format!("<{}>", shown(&argument.parts)));
            }
            words.join(" ")
        };
        all.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn lines_are_parsed() {
        for (line, tree) in [
            ("", ""),
            ("key", "key key"),
            ("key value", "key key, value string"),
            ("to:key by:double at:unix-time", "to key, by double, at unix-time"),
            ("[pattern]", "pattern pattern +optional"),
            ("key...", "key key +multiple"),
            ("[arg...]", "arg string +optional +multiple"),
            ("NX", "nx pure-token NX"),
            ("[A_B] x", "a_b pure-token A_B +optional, x string"),
            ("[change=CH]", "change pure-token CH +optional"),
            ("equal==", "equal pure-token ="),
            ("EX seconds:integer", "seconds integer EX"),
            ("[GET pattern]...", "pattern pattern GET +optional +multiple +multiple_token"),
            ("[WEIGHTS weight...]", "weight string WEIGHTS +optional +multiple"),
            ("order(ASC | DESC)", "order oneof <asc pure-token ASC, desc pure-token DESC>"),
            ("range(a B c)", "range block <a string, c string B>"),
            ("(field value)...", "field_value block +multiple <field string, value string>"),
            ("[AT (a b)]", "a_b block AT +optional <a string, b string>"),
            (
                "x(A | b(C d [E]))",
                "x oneof <a pure-token A, b block <d string C, e pure-token E +optional>>",
            ),
            ("x(COUNT count [ANY])", "x block <count string COUNT, any pure-token ANY +optional>"),
        ] {
            assert_eq!(parse(line).map(|all| shown(&all)).as_deref(), Some(tree), "{line}");
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "|",
            "a |",
            "| a",
            "a | b",
            "x(a | b c)",
            "x(a || b)",
            "x(| a)",
            "x(a |)",
            "x()",
            "(a | b)",
            "(",
            ")",
            "x(a",
            "a)",
            "[",
            "]",
            "[a",
            "[a b]",
            "[]",
            "...",
            "...a",
            ".",
            "a.b",
            "a:",
            ":key",
            "a:blob",
            "a=",
            "=A",
            "A B",
            "A b=C",
            "NX...]",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    /// The smallest number of words for this argument.
    fn fewest(argument: &Argument<'_>) -> usize {
        if argument.optional {
            return 0;
        }
        let parts = argument.parts.iter().map(fewest);
        let token = usize::from(argument.token.is_some());
        token
            + match argument.kind {
                "pure-token" => 0,
                "block" => parts.sum(),
                "oneof" => parts.min().unwrap_or(0),
                _ => 1,
            }
    }

    fn varies(argument: &Argument<'_>) -> bool {
        argument.optional || argument.multiple || argument.parts.iter().any(varies)
    }

    #[test]
    fn lines_agree_with_arity() {
        for row in rows() {
            let all = parse(row.syntax).unwrap_or_else(|| panic!("{}: {}", row.name, row.syntax));
            // These have the arguments of their subcommands, or of another command.
            let nested = ["command|getkeys", "command|getkeysandflags"];
            if !row.subcommands.is_empty() || nested.contains(&row.name) {
                assert!(all.is_empty(), "{}", row.name);
                continue;
            }
            // All its filters are optional, but it needs one.
            if row.name == "client|kill" {
                continue;
            }
            let names = row.name.split('|').count();
            let needed = usize::from(row.arity.unsigned_abs()) - names;
            // Redis accepts these with the first argument alone; its DOCS do not say so.
            let missing = usize::from(matches!(row.name, "geohash" | "geopos" | "pfmerge"));
            assert_eq!(all.iter().map(fewest).sum::<usize>(), needed + missing, "{}", row.name);
            // QUIT accepts any arguments.
            let fixed = row.arity > 0 || row.name == "quit";
            assert_eq!(all.iter().any(varies), !fixed, "{}", row.name);
        }
    }
}
