//! Joins RESP replies.

use super::dialect::Dialect;
use crate::protocol::resp::{encode, reply};
use crate::texts;

pub static DIALECT: Dialect = Dialect {
    error_text,
    write_error: |out, text| encode::error(out, text),
    invalid: texts::INVALID_PART,
    last_choice: Some(texts::UNKNOWN_PART),
    one_fails_all: true,
};

/// The text of `-text`, or of RESP3's `!length` and the text after it.
fn error_text(bytes: &[u8]) -> Option<Box<[u8]>> {
    let text = match bytes.first()? {
        b'!' => {
            let body = bytes.iter().position(|&b| b == b'\n').map_or(bytes.len(), |at| at + 1);
            &bytes[body..]
        }
        b'-' => &bytes[1..],
        _ => return None,
    };
    let text = text.strip_suffix(b"\r\n").unwrap_or(text);
    Some(text.into())
}

pub fn integer(bytes: &[u8]) -> Option<i64> {
    reply::integer(bytes)
}

pub fn is_array(bytes: &[u8]) -> bool {
    reply::aggregate(bytes).is_some()
}

pub fn write_sum(out: &mut Vec<u8>, sum: i64) {
    encode::integer(out, sum);
}

pub fn write_ok(out: &mut Vec<u8>) {
    encode::status(out, "OK");
}

/// Takes each key's element from its part. `false`: a part has too few elements or too many.
pub fn weave(out: &mut Vec<u8>, replies: &[Option<&[u8]>], order: &[u16]) -> bool {
    out.reserve(16 + replies.iter().flatten().map(|reply| reply.len()).sum::<usize>());
    encode::array(out, order.len());
    let mut rests: Vec<&[u8]> = Vec::with_capacity(replies.len());
    for part in replies {
        let part = part.unwrap_or_default();
        let Some((first, _)) = reply::aggregate(part) else {
            return false;
        };
        rests.push(&part[first..]);
    }
    for &part in order {
        let rest = &mut rests[usize::from(part)];
        let len = reply::element(rest);
        if len == 0 {
            return false;
        }
        let (element, after) = rest.split_at(len);
        out.extend_from_slice(element);
        *rest = after;
    }
    rests.iter().all(|rest| rest.is_empty())
}
