//! Asks a server what it can do: whether it grants HELLO 3, and which version it has.
//!
//! ```text
//!   AUTH?  HELLO 3  INFO server ──▶ a map, or an error ──▶ known
//!                              └──▶ closed, as proxies do on a command that they refuse
//!   AUTH?  PING                ──▶ an answer: it serves, without HELLO
//! ```

use super::value::of_info;
use super::visit::{self, Talk, max_wait};
use nuthatch_engine::proxy::wants_no_password;
use nuthatch_engine::topology::{Ability, Address, PoolSpec, Release};

/// The version of Redis that every Valkey is compatible with.
const VALKEYS_REDIS: Release = Release([7, 2, 4]);

/// Errors that say nothing about HELLO: the server is there, and not ready to answer.
const NOT_NOW: [&[u8]; 5] =
    [b"-LOADING", b"-BUSY", b"-MASTERDOWN", b"-ERR max number of clients", b"-DENIED"];

/// The answer.
#[derive(Default, Debug)]
pub struct Heard {
    /// `None`: the server did not say.
    pub ability: Option<Ability>,
    /// The pool has a password, and the server has none.
    pub has_no_password: bool,
}

/// Asks a server.
pub async fn ask(spec: &PoolSpec, address: &Address) -> Heard {
    let mut heard = Heard::default();
    heard.ability = learn(spec, address, &mut heard.has_no_password).await;
    heard
}

async fn learn(spec: &PoolSpec, address: &Address, is_open: &mut bool) -> Option<Ability> {
    let limit = max_wait(spec);
    let talk = Talk::redis(spec, &[&["HELLO", "3"], &["INFO", "server"]]);
    let answer = tokio::time::timeout(limit, visit::call(address, &talk)).await.ok()?.ok()?;
    let replies = talk.replies(&answer);
    if let (1, Some(auth)) = (talk.first, replies.first()) {
        *is_open = wants_no_password(&String::from_utf8_lossy(&answer[auth.clone()]));
    }
    if let Some(hello) = replies.get(talk.first) {
        let info = replies.get(talk.first + 1).map_or(&[][..], |info| &answer[info.clone()]);
        return read(&answer[hello.clone()], info);
    }
    // Did it close for HELLO, or would it close for anything?
    let talk = Talk::redis(spec, &[&["PING"]]);
    let answer = tokio::time::timeout(limit, visit::call(address, &talk)).await.ok()?.ok()?;
    let replies = talk.replies(&answer);
    let pong = &answer[replies.get(talk.first)?.clone()];
    (!is_not_now(pong)).then_some(Ability { resp3: false, redis: None, valkey: None })
}

fn is_not_now(reply: &[u8]) -> bool {
    NOT_NOW.iter().any(|word| reply.starts_with(word))
}

/// Reads the replies to HELLO and INFO. The reply to INFO may be an error, or missing.
fn read(hello: &[u8], info: &[u8]) -> Option<Ability> {
    if is_not_now(hello) {
        return None;
    }
    // A server that wants another password knows HELLO nevertheless.
    let wants_password = [&b"-NOAUTH"[..], b"-WRONGPASS"].iter().any(|it| hello.starts_with(it));
    // RESP3 has maps. A server that answers with anything else does not speak it.
    let resp3 = hello.starts_with(b"%") || wants_password;
    let release = |text: Option<&str>| text.and_then(Release::read);
    let (hello, info) = (String::from_utf8_lossy(hello), String::from_utf8_lossy(info));
    let told = release(of_map(&hello, "version"));
    let is_valkey = of_map(&hello, "server") == Some("valkey");
    let valkey = release(of_info(&info, "valkey_version")).or(told.filter(|_| is_valkey));
    let redis = release(of_info(&info, "redis_version"));
    let redis = redis.or(if valkey.is_some() { Some(VALKEYS_REDIS) } else { told });
    Some(Ability { resp3, redis, valkey })
}

/// The value behind a key of HELLO's map, where both are strings.
fn of_map<'a>(hello: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = hello.lines();
    lines.find(|line| *line == key)?;
    lines.next().filter(|head| head.starts_with('$'))?;
    lines.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n\
        $5\r\nproto\r\n:3\r\n$2\r\nid\r\n:4\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n\
        $6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";

    fn version(text: &str) -> Option<Release> {
        Release::read(text)
    }

    #[test]
    fn a_server_says_what_it_is() {
        let info = b"=40\r\ntxt:# Server\r\nredis_version:7.0.15\r\nos:x\r\n\r\n";
        let redis = Ability { resp3: true, redis: version("7.0.15"), valkey: None };
        assert_eq!(read(HELLO, info), Some(redis));
        assert_eq!(read(HELLO, b"-NOPERM no\r\n"), Some(redis));
        let valkey = b"%2\r\n$6\r\nserver\r\n$6\r\nvalkey\r\n$7\r\nversion\r\n$5\r\n9.1.0\r\n";
        let nine = Ability { resp3: true, redis: version("7.2.4"), valkey: version("9.1.0") };
        assert_eq!(read(valkey, b""), Some(nine));
        let info = b"$9\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.0\r\n";
        assert_eq!(read(valkey, info), Some(nine));
    }

    #[test]
    fn one_that_refuses_hello_speaks_resp2() {
        let info = b"$30\r\n# Server\r\nredis_version:5.0.14\r\n\r\n";
        let old = Ability { resp3: false, redis: version("5.0.14"), valkey: None };
        assert_eq!(read(b"-ERR unknown command `HELLO`\r\n", info), Some(old));
        let proxy = Ability { resp3: false, redis: None, valkey: None };
        assert_eq!(read(b"-NOPROTO sorry\r\n", b"-ERR no INFO\r\n"), Some(proxy));
        assert_eq!(read(b"+OK\r\n", b""), Some(proxy));
    }

    #[test]
    fn some_errors_say_nothing_of_it() {
        assert_eq!(read(b"-LOADING wait\r\n", b""), None);
        assert_eq!(read(b"-ERR max number of clients reached\r\n", b""), None);
        let closed = Ability { resp3: true, redis: None, valkey: None };
        assert_eq!(read(b"-NOAUTH HELLO must be called\r\n", b"-NOAUTH x\r\n"), Some(closed));
    }
}
