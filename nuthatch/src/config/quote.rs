//! How messages quote a text of the file.

/// What stands for a secret. Of one length, whatever the secret's.
pub const STARS: &str = "****";

/// A text as it is quoted in messages: on one line, never endless, nothing for a terminal to obey.
pub fn quoted(text: &str) -> String {
    const LENGTH_MAX: usize = 80;
    let mut shown: String = text.chars().take(LENGTH_MAX).map(visible).collect();
    if text.chars().count() > LENGTH_MAX {
        shown.push_str("...");
    }
    format!("`{shown}`")
}

/// A character as it is shown.
pub fn visible(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_ends_and_commands_no_terminal() {
        assert_eq!(quoted("a\u{1b}[31m"), "`a\u{fffd}[31m`");
        assert!(quoted(&"x".repeat(10_000)).len() < 100);
    }
}
