//! Which words announce a secret.
//!
//! A key may be misspelt, of another tool or of another language: see `secret.rs` for what is
//! hidden behind it.

use super::schema;
use super::suggest;

/// What a word before a colon is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// A key of ours whose value may be shown, or a word near one.
    Open,
    Secret,
    /// Of a key that we do not know and that resembles none.
    Unknown,
}

/// Words that announce a secret, alone or at the end of a key's part.
const SECRET_WORDS: &[&str] = &[
    "auth",
    "authentication",
    "credential",
    "credentials",
    "pass",
    "passphrase",
    "passwd",
    "passwort",
    "password",
    "pw",
    "pwd",
    "secret",
    "token",
    "密码",
    "密碼",
    "口令",
];

pub fn word(text: &str) -> Word {
    if is_secret(text) {
        return Word::Secret;
    }
    match schema::find(text).or_else(|| suggest::key(text, schema::names()).and_then(schema::find))
    {
        Some(_) => Word::Open,
        None => Word::Unknown,
    }
}

/// Is this a secret key, something that resembles one, or that speaks of a password?
pub fn is_secret(text: &str) -> bool {
    if let Some(key) = schema::find(text) {
        return key.secret;
    }
    // A reader sees no invisible character, and none that could not be decoded.
    let text: String = text.chars().filter(|c| !c.is_control() && *c != '\u{fffd}').collect();
    let text = suggest::plain(&text);
    let folded = text.to_lowercase().replace(['-', ' '], "_");
    let key = schema::find(&folded).or_else(|| suggest::confused(&folded).and_then(schema::find));
    if let Some(key) = key {
        return key.secret;
    }
    let mut parts = folded.split(|c: char| !c.is_alphanumeric());
    let is_telling = |part: &str| SECRET_WORDS.iter().any(|word| part.ends_with(word));
    parts.any(is_telling) || is_begun(&folded) || is_near(&text)
}

/// Is this a secret key of ours or of Redis', but for a slip or two?
pub fn is_near(text: &str) -> bool {
    let ours = schema::KEYS.iter().filter(|key| key.secret).map(|key| key.name);
    suggest::nearest(text, ours.chain(["password", "requirepass"])).is_some()
}

/// Does a secret key begin so, and no other?
fn is_begun(folded: &str) -> bool {
    let mut begun = schema::KEYS.iter().filter(|key| key.name.starts_with(folded));
    begun.next().is_some_and(|key| key.secret) && begun.next().is_none()
}
