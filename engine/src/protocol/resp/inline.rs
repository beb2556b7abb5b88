//! Requests typed by hand: words, quotes and escapes as Redis reads them.
//!
//! `"a\n\x41"` may have escapes, `'a\'b'` only `\'`. After a closing quote comes a blank or the end.

use super::{encode, request::Error};

/// Splits a line into words and appends them to `out` as a request, an array. The line holds at
/// least one word.
pub fn rewrite(line: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let words = split(line)?;
    encode::array(out, words.len());
    for word in words {
        encode::bulk(out, &word);
    }
    Ok(())
}

fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let blanks = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        rest = &rest[blanks..];
        if rest.is_empty() {
            return Ok(words);
        }
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after;
    }
}

fn word(line: &[u8]) -> Result<(Vec<u8>, &[u8]), Error> {
    let mut word = Vec::new();
    let mut at = 0;
    while let Some(&b) = line.get(at) {
        match b {
            b'"' | b'\'' => {
                at = quoted(line, at, &mut word)?;
                return match line.get(at) {
                    Some(next) if !next.is_ascii_whitespace() => Err(Error::UnbalancedQuotes),
                    _ => Ok((word, &line[at..])),
                };
            }
            b if b.is_ascii_whitespace() => break,
            b => word.push(b),
        }
        at += 1;
    }
    Ok((word, &line[at..]))
}

/// Reads the text in quotes that begins at `open`. Returns the position after the closing quote.
fn quoted(line: &[u8], open: usize, word: &mut Vec<u8>) -> Result<usize, Error> {
    let quote = line[open];
    let mut at = open + 1;
    loop {
        match *line.get(at).ok_or(Error::UnbalancedQuotes)? {
            b if b == quote => return Ok(at + 1),
            b'\\' if quote == b'\'' && line.get(at + 1) == Some(&b'\'') => {
                word.push(b'\'');
                at += 2;
            }
            b'\\' if quote == b'"' => {
                let escaped = *line.get(at + 1).ok_or(Error::UnbalancedQuotes)?;
                if let (b'x', Some(byte)) = (escaped, hex(line.get(at + 2..at + 4))) {
                    word.push(byte);
                    at += 4;
                    continue;
                }
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => other,
                });
                at += 2;
            }
            b => {
                word.push(b);
                at += 1;
            }
        }
    }
}

fn hex(digits: Option<&[u8]>) -> Option<u8> {
    let &[high, low] = digits? else { return None };
    let digit = |b: u8| char::from(b).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_as_redis_does() {
        for (line, expected) in [
            (&b"set a  b"[..], Some(&b"*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\nb\r\n"[..])),
            (b"\"a\\x41\\n\\\"\" ''", Some(b"*2\r\n$4\r\naA\n\"\r\n$0\r\n\r\n")),
            (b"'it\\'s \\n'", Some(b"*1\r\n$7\r\nit's \\n\r\n")),
            (b"\"\\xzz\"", Some(b"*1\r\n$3\r\nxzz\r\n")),
            (b"a\"b c\"", Some(b"*1\r\n$4\r\nab c\r\n")),
            (b"\"open", None),
            (b"\"a\"b", None),
            (b"\"a\\", None),
        ] {
            let mut out = Vec::new();
            let result = rewrite(line, &mut out);
            match expected {
                Some(expected) => {
                    assert_eq!(result, Ok(()));
                    assert_eq!(out, expected, "{}", String::from_utf8_lossy(&out));
                }
                None => assert_eq!(result, Err(Error::UnbalancedQuotes)),
            }
        }
    }
}
