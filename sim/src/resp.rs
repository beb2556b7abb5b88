//! A small RESP parser of its own, so that it does not share the engine's mistakes. It is recursive
//! and keeps no state: a value is always read from its beginning.

use crate::check::tag_of;

/// A value as a reader sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    Status(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    /// RESP2's null.
    Nil,
    /// RESP2's null in place of an array.
    NilArray,
    /// RESP3's null.
    Null,
    Array(Vec<Value>),
    Map(Vec<Value>),
    /// RESP3's frame that is no reply, or is a confirmation.
    Push(Vec<Value>),
    /// The bytes of a whole memcached reply. Its errors are `Error`.
    Lines(Vec<u8>),
}

impl Value {
    /// The tag in the first line of a reply.
    pub fn tag(&self) -> Option<u64> {
        match self {
            Value::Error(text) => tag_of(text.as_bytes()),
            Value::Lines(bytes) => tag_of(bytes.split(|&byte| byte == b'\n').next()?),
            _ => None,
        }
    }
}

/// Reads one value; `Ok(None)` if it is incomplete.
pub fn read(bytes: &[u8]) -> Result<Option<(Value, usize)>, String> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return Ok(None);
    };
    let line = String::from_utf8_lossy(&bytes[1.min(end)..end]).into_owned();
    let number = || line.parse::<i64>().map_err(|_| format!("no number: {line:?}"));
    let mut at = end + 2;
    let value = match bytes[0] {
        b'+' => Value::Status(line),
        b'-' => Value::Error(line),
        b':' => Value::Integer(number()?),
        b'_' if line.is_empty() => Value::Null,
        b'$' => {
            let len = number()?;
            if len == -1 {
                return Ok(Some((Value::Nil, at)));
            }
            let len = usize::try_from(len).map_err(|_| format!("length {len}"))?;
            if bytes.len() < at + len + 2 {
                return Ok(None);
            }
            if &bytes[at + len..at + len + 2] != b"\r\n" {
                return Err("a body without its end".into());
            }
            let body = bytes[at..at + len].to_vec();
            at += len + 2;
            Value::Bulk(body)
        }
        kind @ (b'*' | b'%' | b'>') => {
            let per = if kind == b'%' { 2 } else { 1 };
            let mut values = Vec::new();
            if (kind, number()?) == (b'*', -1) {
                return Ok(Some((Value::NilArray, at)));
            }
            for _ in 0..number()? * per {
                let Some((value, len)) = read(&bytes[at..])? else {
                    return Ok(None);
                };
                values.push(value);
                at += len;
            }
            match kind {
                b'%' => Value::Map(values),
                b'>' => Value::Push(values),
                _ => Value::Array(values),
            }
        }
        other => return Err(format!("a value cannot begin with {:?}", char::from(other))),
    };
    Ok(Some((value, at)))
}

/// Appends a value.
pub fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Status(text) => out.extend_from_slice(format!("+{text}\r\n").as_bytes()),
        Value::Error(text) => out.extend_from_slice(format!("-{text}\r\n").as_bytes()),
        Value::Integer(n) => out.extend_from_slice(format!(":{n}\r\n").as_bytes()),
        Value::Nil => out.extend_from_slice(b"$-1\r\n"),
        Value::NilArray => out.extend_from_slice(b"*-1\r\n"),
        Value::Null => out.extend_from_slice(b"_\r\n"),
        Value::Bulk(body) => {
            out.extend_from_slice(format!("${}\r\n", body.len()).as_bytes());
            out.extend_from_slice(body);
            out.extend_from_slice(b"\r\n");
        }
        Value::Lines(bytes) => out.extend_from_slice(bytes),
        Value::Array(values) | Value::Push(values) => {
            let kind = if matches!(value, Value::Push(_)) { '>' } else { '*' };
            out.extend_from_slice(format!("{kind}{}\r\n", values.len()).as_bytes());
            for value in values {
                write(out, value);
            }
        }
        Value::Map(values) => {
            out.extend_from_slice(format!("%{}\r\n", values.len() / 2).as_bytes());
            for value in values {
                write(out, value);
            }
        }
    }
}

/// Appends a request as an array of bulk strings, as client libraries do.
pub fn request<A: AsRef<[u8]>>(out: &mut Vec<u8>, args: &[A]) {
    out.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_value_is_read_and_a_prefix_is_not() {
        let value = Value::Array(vec![
            Value::Status("OK".into()),
            Value::Error("ERR x".into()),
            Value::Integer(-3),
            Value::Bulk(b"a\r\nb".to_vec()),
            Value::Map(vec![Value::Nil, Value::Null, Value::NilArray, Value::Nil]),
        ]);
        let mut bytes = Vec::new();
        write(&mut bytes, &value);
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut]), Ok(None));
        }
        assert_eq!(read(&bytes), Ok(Some((value, bytes.len()))));
        assert!(read(b"?x\r\n").is_err());
    }
}
