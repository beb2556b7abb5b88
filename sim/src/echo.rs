//! Keys that answer for themselves: what an `e:` key holds follows from its name, so that a reply
//! tells whose it is. Toy servers answer with it, scripts of clients compare.

const LETTER: u8 = b'x';

/// What an `e:` key holds.
pub fn echo_value(key: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(key);
    let len = text.rsplit(':').next().and_then(|len| len.parse().ok()).unwrap_or(0);
    let mut value = key.to_vec();
    value.push(b'|');
    value.resize(value.len() + len, LETTER);
    value
}
