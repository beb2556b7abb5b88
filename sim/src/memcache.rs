//! A small memcached parser of its own, for the same reason as `resp.rs`. It reads text and meta
//! commands as a server does, and replies as a client does. Where memcached would close the connection
//! it returns an error, because clients share the connections to servers.

use crate::resp::Value;

/// Most bytes in a line that is not a retrieval.
const LINE_BYTES_MAX: usize = 2048;

pub struct Request {
    pub words: Vec<Vec<u8>>,
    pub data: Vec<u8>,
}

impl Request {
    pub fn word(&self, at: usize) -> &[u8] {
        self.words.get(at).map_or(b"", Vec::as_slice)
    }
}

/// The first line without its line end, and its length with the line end.
fn line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let words = line.split(|&byte| byte == b' ');
    words.filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect()
}

pub fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The block of `len` bytes at `at`, and the position after its CRLF.
fn block(bytes: &[u8], at: usize, len: u64) -> Result<Option<(&[u8], usize)>, String> {
    let end = at + len as usize;
    match bytes.get(end..end + 2) {
        None => Ok(None),
        Some(b"\r\n") => Ok(Some((&bytes[at..end], end + 2))),
        Some(_) => Err("a block without CRLF".into()),
    }
}

/// Reads one request as a server does; `Ok(None)` if it is incomplete.
pub fn request(bytes: &[u8]) -> Result<Option<(Request, usize)>, String> {
    let found = line(bytes);
    let length = found.map_or(bytes.len(), |(_, len)| len - 1);
    if length > LINE_BYTES_MAX && !bytes.starts_with(b"get ") && !bytes.starts_with(b"gets ") {
        return Err("a line too long".into());
    }
    let Some((line, mut at)) = found else { return Ok(None) };
    let mut request = Request { words: words(line), data: Vec::new() };
    let length_at = match request.word(0) {
        b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" => 4,
        b"ms" => 2,
        b"" => return Err("an empty line".into()),
        _ => return Ok(Some((request, at))),
    };
    let length = number(request.word(length_at)).ok_or("a length that is not a number")?;
    let Some((data, next)) = block(bytes, at, length)? else { return Ok(None) };
    request.data = data.to_vec();
    at = next;
    Ok(Some((request, at)))
}

/// Reads one reply as a client does; `Ok(None)` if it is incomplete.
pub fn read(bytes: &[u8]) -> Result<Option<(Value, usize)>, String> {
    let mut at = 0;
    loop {
        let Some((line, len)) = line(&bytes[at..]) else { return Ok(None) };
        let words = words(line);
        let word = |at: usize| words.get(at).map_or(&b""[..], Vec::as_slice);
        let length_at = match word(0) {
            b"ERROR" | b"CLIENT_ERROR" | b"SERVER_ERROR" if at == 0 => {
                return Ok(Some((Value::Error(String::from_utf8_lossy(line).into_owned()), len)));
            }
            b"VALUE" => 3,
            b"VA" => 1,
            b"STAT" => {
                at += len;
                continue;
            }
            _ => {
                at += len;
                return Ok(Some((Value::Lines(bytes[..at].to_vec()), at)));
            }
        };
        let length = number(word(length_at)).ok_or("a length that is not a number")?;
        let Some((_, next)) = block(bytes, at + len, length)? else { return Ok(None) };
        at = next;
        if word(0) == b"VA" {
            return Ok(Some((Value::Lines(bytes[..at].to_vec()), at)));
        }
    }
}

/// An item in the reply to a retrieval, with its cas unique if the request asks for it.
pub fn item(key: &[u8], data: &[u8], unique: bool) -> Vec<u8> {
    let mut item = b"VALUE ".to_vec();
    item.extend_from_slice(key);
    item.extend_from_slice(format!(" 0 {}", data.len()).as_bytes());
    item.extend_from_slice(if unique { b" 42\r\n" } else { b"\r\n" });
    item.extend_from_slice(data);
    item.extend_from_slice(b"\r\n");
    item
}

/// The value of the first item of a retrieval's reply, or nil.
pub fn only_item(reply: &[u8]) -> Value {
    match line(reply) {
        Some((line, at)) if line.starts_with(b"VALUE ") => {
            let length = words(line).get(3).and_then(|word| number(word)).unwrap_or(0);
            Value::Bulk(reply[at..at + length as usize].to_vec())
        }
        _ => Value::Nil,
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn to_base64(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for three in bytes.chunks(3) {
        let at = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n) & 63) as usize];
            text.push(if n <= three.len() { digit } else { b'=' });
        }
    }
    text
}

pub fn from_base64(text: &[u8]) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for digit in text.iter().take_while(|&&digit| digit != b'=') {
        let value = DIGITS.iter().position(|known| known == digit).unwrap_or(0);
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_requests_and_replies_are_read_and_prefixes_are_not() {
        for bytes in [&b"set k 0 0 4 noreply\r\na\r\nb\r\n"[..], b"ms k 1 q\nx\r\n", b"get a b\r\n"]
        {
            assert!((0..bytes.len()).all(|cut| request(&bytes[..cut]).unwrap().is_none()));
            assert_eq!(request(bytes).unwrap().unwrap().1, bytes.len());
        }
        for bytes in [&b"VALUE k 0 1 7\r\nx\r\nEND\r\n"[..], b"VA 1 k\r\nx\r\n", b"STORED\r\n"] {
            assert!((0..bytes.len()).all(|cut| read(&bytes[..cut]).unwrap().is_none()));
            assert_eq!(read(bytes), Ok(Some((Value::Lines(bytes.to_vec()), bytes.len()))));
        }
        assert_eq!(only_item(&item(b"k", b"data", true)), Value::Bulk(b"data".to_vec()));
        assert!(request(&[b'x'; LINE_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn base64_decodes_to_what_was_encoded() {
        assert_eq!(to_base64(b"foob"), b"Zm9vYg==");
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"\0\xff\xfe\xfd"] {
            assert_eq!(from_base64(&to_base64(bytes)), bytes);
        }
    }
}
