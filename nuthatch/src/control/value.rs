//! A reply of a server as a value, for answers that control reads: those of Sentinels, INFO, ROLE.

use nuthatch_engine::protocol::resp::reply;
use nuthatch_engine::topology::Address;

/// The line `name:value` of INFO.
pub fn of_info<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// An address as Sentinels have it. It is shown to people, so it must not command their terminal.
pub fn address(host: &str, port: &str) -> Option<Address> {
    let is_plain = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic());
    let port: u16 = port.parse().ok().filter(|&port| port > 0 && is_plain)?;
    Some(Address::Tcp { host: host.into(), port })
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    Text(String),
    Number(i64),
    Null,
    Error(String),
    List(Vec<Value>),
}

/// Lists within lists that are read. Answers of Sentinels have two.
const DEPTH_MAX: usize = 8;

impl Value {
    /// The value of the whole reply that `bytes` begins with, and its length. `None`: it is not whole.
    pub fn read(bytes: &[u8]) -> Option<(Value, usize)> {
        match reply::parse(bytes, &mut reply::Progress::default()) {
            Ok(reply::Parsed::Complete { len, .. }) => {
                Some((read(&bytes[..len], DEPTH_MAX).map_or(Value::Null, |(value, _)| value), len))
            }
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn list(&self) -> &[Value] {
        match self {
            Value::List(list) => list,
            _ => &[],
        }
    }

    /// The address in a list of host and port.
    pub fn address(&self) -> Option<Address> {
        match self.list() {
            [host, port] => address(host.text()?, port.text()?),
            _ => None,
        }
    }

    /// The addresses in a list of servers, each a list of names and values.
    pub fn addresses(&self) -> Vec<Address> {
        let of = |server: &Value| address(server.field("ip")?, server.field("port")?);
        self.list().iter().filter_map(of).collect()
    }

    /// The value behind a name, in a list of names and values.
    pub fn field(&self, name: &str) -> Option<&str> {
        let (pairs, _) = self.list().as_chunks::<2>();
        pairs.iter().find(|[key, _]| key.text() == Some(name)).and_then(|[_, value]| value.text())
    }
}

/// Maps are read as lists of names and values, and pushes as lists.
fn read(bytes: &[u8], depth: usize) -> Option<(Value, usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(bytes.get(1..end)?).ok()?;
    let after = end + 2;
    let number = || line.parse::<i64>().ok();
    Some(match bytes.first()? {
        b'+' => (Value::Text(line.to_owned()), after),
        b'-' => (Value::Error(line.to_owned()), after),
        b':' => (Value::Number(number()?), after),
        b'$' | b'=' => match usize::try_from(number()?) {
            Err(_) => (Value::Null, after),
            Ok(len) => {
                let text = bytes.get(after..after + len)?;
                (Value::Text(String::from_utf8_lossy(text).into_owned()), after + len + 2)
            }
        },
        kind @ (b'*' | b'>' | b'~' | b'%') => {
            let Ok(count) = usize::try_from(number()?) else { return Some((Value::Null, after)) };
            let count = if *kind == b'%' { 2 * count } else { count };
            let (mut list, mut at) = (Vec::new(), after);
            for _ in 0..count {
                let (value, len) = read(bytes.get(at..)?, depth.checked_sub(1)?)?;
                list.push(value);
                at += len;
            }
            (Value::List(list), at)
        }
        _ => (Value::Null, after),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain() {
        assert_eq!(address("10.0.0.1", "6379").unwrap().to_string(), "10.0.0.1:6379");
        for (host, port) in [("", "1"), ("h", "0"), ("h", "x"), ("h", "65536"), ("\u{1b}[2J", "1")]
        {
            assert_eq!(address(host, port), None, "{host:?} {port}");
        }
    }

    #[test]
    fn replies_are_values() {
        let map = b"*4\r\n$4\r\nname\r\n$1\r\nm\r\n$5\r\nepoch\r\n$1\r\n7\r\n+OK\r\n";
        let (value, len) = Value::read(map).unwrap();
        assert_eq!((value.field("epoch"), value.field("x"), len), (Some("7"), None, map.len() - 5));
        let (value, _) = Value::read(b"*2\r\n*-1\r\n*1\r\n:3\r\n").unwrap();
        assert_eq!(value, Value::List(vec![Value::Null, Value::List(vec![Value::Number(3)])]));
        assert_eq!(Value::read(b"$3\r\nab"), None);
        assert_eq!(Value::read(b"-ERR no\r\n").unwrap().0, Value::Error("ERR no".into()));
        let deep = [b"*1\r\n".repeat(20), b":1\r\n".to_vec()].concat();
        assert_eq!(Value::read(&deep).unwrap().0, Value::Null, "nobody answers so");
    }
}
