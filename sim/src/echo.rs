//! Keys whose value follows from their name: `e:...`. So a reply shows which request it belongs to.
//! Toys answer with this value, and the clients' scripts expect it.

const PADDING: u8 = b'x';

/// The value of an `e:` key.
pub fn echo_value(key: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(key);
    let len = text.rsplit(':').next().and_then(|len| len.parse().ok()).unwrap_or(0);
    let mut value = key.to_vec();
    value.push(b'|');
    value.resize(value.len() + len, PADDING);
    value
}
