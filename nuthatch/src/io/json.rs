//! Text as JSON. Our documents are few and flat, so nothing else is needed.

use std::fmt::Write;

/// A text in quotes, with escapes where JSON needs them.
pub fn json_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::json_text;

    #[test]
    fn characters_that_json_forbids_are_escaped() {
        assert_eq!(json_text("a\"b\\c\n\u{1}\u{e9}"), "\"a\\\"b\\\\c\\u000a\\u0001\u{e9}\"");
        let odd = "\"x\"\\\t\u{7f}\u{9b}";
        assert_eq!(serde_json::from_str::<String>(&json_text(odd)).unwrap(), odd);
    }
}
