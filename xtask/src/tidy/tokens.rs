//! Rust text as words and marks, each with its line, and without what only tests see.
//!
//! Comments and lifetimes are gone, a literal is one token. `#[cfg(test)]` takes the item, field or
//! statement behind it away, and a file with `#![cfg(test)]` is empty: the rules that read tokens
//! are about the program that ships.

use super::source::{Kind, kinds};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// A word, a number, a literal with its quotes, `::`, or one other character.
    pub text: String,
    /// From 1.
    pub line: usize,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// A name or a keyword.
    pub fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }

    pub fn opens(&self) -> bool {
        matches!(self.text.as_str(), "(" | "[" | "{")
    }

    pub fn closes(&self) -> bool {
        matches!(self.text.as_str(), ")" | "]" | "}")
    }
}

/// The tokens of a file that ship.
pub fn shipped(text: &str) -> Vec<Token> {
    without_tests(&tokens(text))
}

fn tokens(text: &str) -> Vec<Token> {
    let chars = kinds(text);
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while let Some(&(c, kind)) = chars.get(at) {
        let next = |n: usize| chars.get(at + n).map_or('\0', |&(c, _)| c);
        let run = |from: usize, is_part: &dyn Fn(char, Kind) -> bool| {
            from + chars[from..].iter().take_while(|&&(c, kind)| is_part(c, kind)).count()
        };
        let is_word = |c: char, kind: Kind| kind == Kind::Code && (c.is_alphanumeric() || c == '_');
        let end = match kind {
            Kind::Comment => at + 1,
            Kind::Literal => run(at, &|_, kind| kind == Kind::Literal),
            Kind::Code if is_word(c, kind) => run(at, &is_word),
            Kind::Code if c == '\'' => run(at + 1, &is_word),
            Kind::Code if c == ':' && next(1) == ':' => at + 2,
            Kind::Code => at + 1,
        };
        let is_token =
            kind != Kind::Comment && !c.is_whitespace() && (c != '\'' || kind != Kind::Code);
        let piece: String = chars[at..end].iter().map(|&(c, _)| c).collect();
        let lines = piece.matches('\n').count();
        if is_token {
            tokens.push(Token { text: piece, line });
        }
        line += lines;
        at = end;
    }
    tokens
}

/// The index behind the bracket that closes the one at `open`.
pub fn behind_bracket(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        depth += usize::from(token.opens());
        depth -= usize::from(token.closes()).min(depth);
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The index behind the attribute that begins at `at`, if one does.
pub fn behind_attribute(tokens: &[Token], at: usize) -> Option<usize> {
    let is = |n: usize, text: &str| tokens.get(at + n).is_some_and(|token| token.is(text));
    let bracket = at + 1 + usize::from(is(1, "!"));
    (is(0, "#") && tokens.get(bracket)?.is("[")).then(|| behind_bracket(tokens, bracket))
}

fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut shipped = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        match behind_attribute(tokens, at) {
            Some(end) if is_of_tests(&tokens[at..end]) => {
                if tokens[at + 1].is("!") {
                    return Vec::new();
                }
                at = behind_item(tokens, end);
            }
            _ => {
                shipped.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    shipped
}

fn is_of_tests(attribute: &[Token]) -> bool {
    let has = |word: &str| attribute.iter().any(|token| token.is(word));
    has("cfg") && has("test") && !has("not")
}

/// The index behind the item, field or statement that begins at `at`.
pub fn behind_item(tokens: &[Token], mut at: usize) -> usize {
    while let Some(end) = behind_attribute(tokens, at) {
        at = end;
    }
    let first = behind_visibility(tokens, at);
    let kind = tokens.get(first).map_or("", |token| token.text.as_str());
    let is_const_fn = tokens.get(first + 1).is_some_and(|token| token.is("fn"));
    // Their values may hold braces, and only a semicolon ends them.
    let has_value = matches!(kind, "const" | "static" | "type" | "use" | "let") && !is_const_fn;
    let is_item = has_value
        || matches!(kind, "fn" | "mod" | "struct" | "enum" | "union" | "trait" | "impl" | "const")
        || matches!(kind, "unsafe" | "async" | "extern" | "macro_rules");
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            "{" if !has_value => return behind_bracket(tokens, at),
            _ if token.opens() => at = behind_bracket(tokens, at),
            _ if token.closes() => return at,
            _ => at += 1,
        }
    }
    at
}

/// The index behind `pub`, `pub(crate)`, `pub(in a::b)`.
pub fn behind_visibility(tokens: &[Token], at: usize) -> usize {
    match tokens.get(at) {
        Some(token) if token.is("pub") => {
            let has_scope = tokens.get(at + 1).is_some_and(|token| token.is("("));
            if has_scope { behind_bracket(tokens, at + 1) } else { at + 1 }
        }
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        shipped(text).into_iter().map(|token| token.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_and_marks() {
        assert_eq!(words("a::b<'c, D>(1.5) // x\n"), "a :: b < , D > ( 1 . 5 )");
        assert_eq!(
            words("#[path = \"x y.rs\"] mod r#type;"),
            "# [ path = \"x y.rs\" ] mod r # type ;"
        );
        let lines: Vec<usize> =
            shipped("a\n\"x\ny\" b\n/* c\n */ d").iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 2, 3, 5]);
    }

    #[test]
    fn what_tests_see_is_gone() {
        assert_eq!(words("a; #[cfg(test)] mod tests { b } c"), "a ; c");
        assert_eq!(words("#[cfg(test)]\n#[path = \"t.rs\"]\nmod tests;\nc"), "c");
        assert_eq!(words("#[cfg(test)] const A: [B; 2] = [B { x }, y]; c"), "c");
        assert_eq!(words("#[cfg(test)] pub(crate) fn f<A, B>(a: A) -> B { b } c"), "c");
        assert_eq!(words("struct A { #[cfg(test)] pub a: (B, C), d: E }"), "struct A { d : E }");
        assert_eq!(words("fn f() { a(); #[cfg(test)] b(c); d() }"), "fn f ( ) { a ( ) ; d ( ) }");
        assert_eq!(words("//! X\n#![cfg(test)]\nfn f() {}"), "");
        assert_eq!(
            words("#[cfg(not(test))] fn f();").len(),
            "# [ cfg ( not ( test ) ) ] fn f ( ) ;".len()
        );
    }
}
