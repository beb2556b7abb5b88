//! Patterns as in KEYS, PSUBSCRIBE and COMMAND LIST: `*`, `?`, `[a-c]`, `[^a]`, `\`.
//!
//! We only go back to the last `*`: it can match all that an earlier one could. So the cost is at
//! most the pattern's length times the text's. Older Redis servers use recursion, and `a*a*a*a*b`
//! could keep them busy for minutes.

/// Whether the whole text matches the pattern. Upper and lower case are equal.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    finds::<true>(pattern, text)
}

/// The same, and upper and lower case differ.
pub fn matches_exactly(pattern: &[u8], text: &[u8]) -> bool {
    finds::<false>(pattern, text)
}

fn finds<const ANY_CASE: bool>(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // The position after the last `*`, and the text from where it last matched.
    let mut again: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            again = Some((p, t));
            continue;
        }
        if p == pattern.len() && t == text.len() {
            return true;
        }
        let fit = text.get(t).and_then(|&byte| one::<ANY_CASE>(&pattern[p..], byte));
        match (fit, again) {
            (Some(len), _) => {
                p += len;
                t += 1;
            }
            // The `*` matches one byte more, if there is one.
            (None, Some((behind, left))) if left < text.len() => {
                p = behind;
                t = left + 1;
                again = Some((behind, t));
            }
            (None, _) => return false,
        }
    }
}

/// Matches one byte of text with the front of the pattern. Returns how many bytes of the pattern
/// that used.
fn folded<const ANY_CASE: bool>(byte: u8) -> u8 {
    if ANY_CASE { byte.to_ascii_lowercase() } else { byte }
}

fn one<const ANY_CASE: bool>(pattern: &[u8], byte: u8) -> Option<usize> {
    let same = |a: u8| folded::<ANY_CASE>(a) == folded::<ANY_CASE>(byte);
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ..] => set::<ANY_CASE>(pattern, byte),
        [b'\\', escaped, ..] => same(escaped).then_some(2),
        [plain, ..] => same(plain).then_some(1),
    }
}

/// `[...]`. A set that is not closed ends with the pattern.
fn set<const ANY_CASE: bool>(pattern: &[u8], byte: u8) -> Option<usize> {
    let byte = folded::<ANY_CASE>(byte);
    let inverted = pattern.get(1) == Some(&b'^');
    let mut at = if inverted { 2 } else { 1 };
    let mut found = false;
    while let Some(&first) = pattern.get(at) {
        match (first, &pattern[at + 1..]) {
            (b']', _) => break,
            (b'\\', [escaped, ..]) => {
                found |= folded::<ANY_CASE>(*escaped) == byte;
                at += 2;
            }
            (_, [b'-', last, ..]) => {
                let (a, b) = (folded::<ANY_CASE>(first), folded::<ANY_CASE>(*last));
                found |= (a.min(b)..=a.max(b)).contains(&byte);
                at += 3;
            }
            _ => {
                found |= folded::<ANY_CASE>(first) == byte;
                at += 1;
            }
        }
    }
    (found != inverted).then_some((at + 1).min(pattern.len()))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn matches_as_in_redis() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "abc", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a*b*c", "aXbYbZc", true),
            ("?", "", false),
            ("g?t", "GET", true),
            ("[xz]a*", "zadd", true),
            ("[^a-y]inter", "zinter", true),
            ("[^a-y]inter", "sinter", false),
            ("[z-x]inter", "yinter", true),
            ("[ab", "b", true),
            ("[", "a", false),
            ("[]a]", "a]", false),
            ("[\\]]", "]", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\", "a\\", true),
            ("object|*", "object|freq", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_cost_little() {
        let pattern = "a*".repeat(10_000) + "b";
        assert!(!matches(pattern.as_bytes(), &[b'a'; 10_000]));
    }
}
