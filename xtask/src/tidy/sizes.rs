//! Functions that fit no screen and structs that hold too much.
//!
//! A function of the data path has 60 lines at most, from `fn` to its closing brace: such a one
//! is read in one go. A struct has 20 fields at most, in all crates: past that, some of them
//! belong together and want a name.

use super::tokens::{Token, behind_bracket, shipped};
use super::tree::{Finding, SourceFile};

const FUNCTION_LINES_MAX: usize = 60;
const FIELDS_MAX: usize = 20;

/// Where every request passes.
static DATA_PATH: [&str; 2] = ["engine/src/", "nuthatch/src/io/"];

pub fn too_large(file: &SourceFile) -> Vec<Finding> {
    let is_within = |path: &str| file.path.starts_with(path);
    let is_tests = file.path.starts_with("tests/") || file.path.contains("/tests/");
    if !file.is_rust() || is_tests {
        return Vec::new();
    }
    let tokens = shipped(&file.text);
    let mut findings = Vec::new();
    for at in 0..tokens.len() {
        let Some(name) = tokens.get(at + 1).filter(|name| name.is_word()) else { continue };
        let Some(open) = body(&tokens, at + 2) else { continue };
        let (line, name) = (tokens[at].line, &name.text);
        if tokens[at].is("fn") && DATA_PATH.into_iter().any(is_within) {
            let lines = tokens[behind_bracket(&tokens, open) - 1].line - line + 1;
            if lines > FUNCTION_LINES_MAX {
                let what = format!("fn {name}: {lines} lines, {FUNCTION_LINES_MAX} at most");
                findings.push(file.finding(line, what));
            }
        }
        if tokens[at].is("struct") {
            let fields = fields(&tokens[open..behind_bracket(&tokens, open)]);
            if fields > FIELDS_MAX {
                let what = format!("struct {name}: {fields} fields, {FIELDS_MAX} at most");
                findings.push(file.finding(line, what));
            }
        }
    }
    findings
}

/// The brace that opens the body behind a head; None if the item has no body.
fn body(tokens: &[Token], mut at: usize) -> Option<usize> {
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => return Some(at),
            ";" => return None,
            _ if token.closes() => return None,
            _ if token.opens() => at = behind_bracket(tokens, at),
            _ => at += 1,
        }
    }
    None
}

/// How many names with a colon stand right between these braces.
fn fields(body: &[Token]) -> usize {
    let mut fields = 0;
    let mut at = 1;
    while at < body.len() {
        fields += usize::from(body[at].is(":"));
        at = if body[at].opens() { behind_bracket(body, at) } else { at + 1 };
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile { path: path.into(), text: text.into() };
        let show = |finding: Finding| format!("{}: {}", finding.line, finding.what);
        too_large(&file).into_iter().map(show).collect()
    }

    fn function(lines: usize) -> String {
        format!("\nfn f(a: [u8; 2]) -> A {{\n{}}}\n", "    g(\"}\");\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_of_the_data_path_fits_a_screen() {
        let long = ["2: fn f: 61 lines, 60 at most"];
        assert_eq!(found("engine/src/base/a.rs", &function(61)), long);
        assert_eq!(found("nuthatch/src/io/a.rs", &function(61)), long);
        assert!(found("engine/src/base/a.rs", &function(60)).is_empty());
        assert!(found("nuthatch/src/cli/a.rs", &function(61)).is_empty());
        let test = format!("#[cfg(test)]\nmod tests {{{}}}\n", function(61));
        assert!(found("engine/src/base/a.rs", &test).is_empty());
    }

    #[test]
    fn a_function_without_a_body_has_no_length() {
        let text = format!("trait T {{ fn a(); }}\ntype F = fn(u8);\n{}", "\n".repeat(70));
        assert!(found("engine/src/base/a.rs", &text).is_empty());
    }

    #[test]
    fn a_struct_holds_what_can_be_kept_in_mind() {
        let of = |fields: usize| {
            let field = "    pub a: B<C, (d::E, [F; 2])>,\n";
            format!("pub struct A<T: X> {{\n{}}}\nstruct G(H);\n", field.repeat(fields))
        };
        assert_eq!(found("bench/src/a.rs", &of(21)), ["1: struct A: 21 fields, 20 at most"]);
        assert!(found("bench/src/a.rs", &of(20)).is_empty());
        assert!(found("nuthatch/tests/a.rs", &of(21)).is_empty());
    }
}
