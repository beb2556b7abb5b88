//! What the writer may have meant.
//!
//! Words are compared by edit distance with a transposition counting as one slip, in half steps,
//! so that a look-alike (`l` for `1`, `O` for `0`) is nearer than any other letter. We suggest
//! one word or none: a list of maybes teaches nothing.

/// Cost of a whole slip and of a half one.
const SLIP: usize = 2;
const HALF: usize = 1;

/// Words known from other proxies, from Redis or from habit, and our key for them.
const KEY_CONFUSIONS: &[(&str, &str)] = &[
    ("address", "listen"),
    ("auth", "redis_auth"),
    ("auto_eject", "auto_eject_hosts"),
    ("bind", "listen"),
    ("client_stall", "client_stall_ms"),
    ("client_stall_timeout", "client_stall_ms"),
    ("client_timeout", "timeout"),
    ("connection_timeout", "connect_timeout_ms"),
    ("connect_timeout", "connect_timeout_ms"),
    ("database", "redis_db"),
    ("db", "redis_db"),
    ("failure_limit", "server_failure_limit"),
    ("hash_type", "hash"),
    ("host", "listen"),
    ("hosts", "servers"),
    ("keepalive", "tcpkeepalive"),
    ("max_clients", "client_connections"),
    ("maxclients", "client_connections"),
    ("nodes", "servers"),
    ("password", "redis_auth"),
    ("port", "listen"),
    ("requirepass", "redis_auth"),
    ("retry_timeout", "server_retry_timeout"),
    ("server", "servers"),
    ("so_reuseport", "reuseport"),
    ("tag", "hash_tag"),
    ("timeout_ms", "timeout"),
];

/// Ways to say yes and no that are not `true` and `false`.
const TRUE_WORDS: &[&str] = &["yes", "y", "on", "1", "t", "enable", "enabled", "是"];
const FALSE_WORDS: &[&str] = &["no", "n", "off", "0", "f", "disable", "disabled", "none", "否"];

/// The candidate nearest to a word, if one is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word).to_lowercase();
    let letters: Vec<char> = word.chars().collect();
    if letters.is_empty() || letters.len() > 64 {
        return None;
    }
    let allowed = SLIP * (letters.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (candidate.chars().collect::<Vec<_>>(), candidate))
        // Every letter more or less costs something.
        .filter(|(other, _)| HALF * other.len().abs_diff(letters.len()) <= allowed)
        .map(|(other, candidate)| (distance(&letters, &other), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// The key a word stands for in other software, or the nearest of ours.
pub fn key<'a>(word: &str, keys: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = plain(word).to_lowercase().replace('-', "_");
    confused(&folded).or_else(|| nearest(word, keys))
}

/// Our key for a word of other software, in lower case and with `_`.
pub fn confused(folded: &str) -> Option<&'static str> {
    let known = KEY_CONFUSIONS.iter().find(|(other, _)| *other == folded);
    known.map(|&(_, ours)| ours)
}

pub fn boolean(word: &str) -> Option<&'static str> {
    let word = plain(word).to_lowercase();
    if TRUE_WORDS.contains(&word.as_str()) {
        Some("true")
    } else if FALSE_WORDS.contains(&word.as_str()) {
        Some("false")
    } else {
        nearest(&word, ["true", "false"])
    }
}

/// A text with full-width characters made narrow, typographic quotes and odd blanks taken off:
/// what the writer would have typed on an English keyboard.
pub fn plain(text: &str) -> String {
    text.chars().filter_map(narrow).collect::<String>().trim().to_owned()
}

fn narrow(c: char) -> Option<char> {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0),
        '\u{fe55}' | '\u{fe13}' | '\u{fe30}' => Some(':'),
        '\u{3002}' => Some('.'),
        '\u{3000}' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => Some(' '),
        '\u{200b}'..='\u{200f}' | '\u{2060}' => None,
        '“' | '”' | '„' | '‘' | '’' | '‚' | '「' | '」' | '"' | '\'' => None,
        '–' | '—' | '−' => Some('-'),
        _ => Some(c),
    }
}

/// Does the text hold a character that [`plain`] would change, quotes of ASCII apart?
pub fn is_typographic(text: &str) -> bool {
    text.chars().any(|c| !c.is_ascii() && narrow(c) != Some(c))
}

/// Optimal string alignment with look-alikes.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let gap = |c: char| if matches!(c, '_' | '-' | ' ') { HALF } else { SLIP };
    let mut rows = vec![vec![0usize; width]; a.len() + 1];
    for i in 1..=a.len() {
        rows[i][0] = rows[i - 1][0] + gap(a[i - 1]);
    }
    for j in 1..width {
        rows[0][j] = rows[0][j - 1] + gap(b[j - 1]);
    }
    for i in 1..=a.len() {
        for j in 1..width {
            let (x, y) = (a[i - 1], b[j - 1]);
            let swap = if x == y { 0 } else { change(x, y) };
            let mut least = (rows[i - 1][j - 1] + swap)
                .min(rows[i - 1][j] + gap(x))
                .min(rows[i][j - 1] + gap(y));
            if i > 1 && j > 1 && x == b[j - 2] && a[i - 2] == y {
                least = least.min(rows[i - 2][j - 2] + SLIP);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

fn change(x: char, y: char) -> usize {
    let shape = |c| match c {
        'l' | 'i' | '1' | '|' => '1',
        'o' | '0' => '0',
        's' | '5' => '5',
        '-' | '_' | ' ' => '_',
        other => other,
    };
    if shape(x) == shape(y) { HALF } else { SLIP }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHES: [&str; 5] = ["crc32", "fnv1_64", "fnv1a_32", "fnv1a_64", "md5"];

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("fnvla_64", HASHES), Some("fnv1a_64"));
        assert_eq!(nearest("FNV1A_64", HASHES), Some("fnv1a_64"));
        assert_eq!(nearest("fnv1a64", HASHES), Some("fnv1a_64"));
        assert_eq!(nearest("fnv1a-64", HASHES), Some("fnv1a_64"));
        assert_eq!(nearest("“fnv1a_64”", HASHES), Some("fnv1a_64"));
        assert_eq!(nearest("mdd5", HASHES), Some("md5"));
        assert_eq!(nearest("sha256", HASHES), None);
        assert_eq!(nearest("", HASHES), None);
        assert_eq!(nearest("ketmaa", ["ketama", "modula"]), Some("ketama"));
    }

    #[test]
    fn common_confusions_have_their_key() {
        let keys = ["auto_eject_hosts", "hash", "listen", "servers", "timeout"];
        assert_eq!(key("auto_eject_host", keys), Some("auto_eject_hosts"));
        assert_eq!(key("server", keys), Some("servers"));
        assert_eq!(key("requirepass", keys), Some("redis_auth"));
        assert_eq!(key("Hash", keys), Some("hash"));
        assert_eq!(key("zebra", keys), None);
    }

    #[test]
    fn ways_to_say_yes() {
        assert_eq!(boolean("yes"), Some("true"));
        assert_eq!(boolean("Off"), Some("false"));
        assert_eq!(boolean("ture"), Some("true"));
        assert_eq!(boolean("ｔｒｕｅ"), Some("true"));
        assert_eq!(boolean("7"), None);
    }
}
