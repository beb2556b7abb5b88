//! Asks a server what it can do: whether it grants HELLO 3, and of which version it is.
//!
//! ```text
//!   AUTH?  HELLO 3  INFO server ──▶ a map, or an error ──▶ known
//!                              └──▶ closed, as proxies do at a command that they refuse
//!   AUTH?  PING                ──▶ an answer: it serves, without HELLO
//! ```

use super::probe::patience;
use super::visit::{self, Visit};
use nuthatch_engine::protocol::resp::{encode, reply};
use nuthatch_engine::topology::{Ability, Address, PoolSpec, Release};
use std::ops::Range;

/// Bytes of answers looked at; INFO's section has about 600.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The version of Redis that every Valkey is compatible with.
const VALKEYS_REDIS: Release = Release([7, 2, 4]);

/// Errors that say nothing of HELLO itself: the server is there, and not ready to tell.
const NOT_NOW: [&[u8]; 5] =
    [b"-LOADING", b"-BUSY", b"-MASTERDOWN", b"-ERR max number of clients", b"-DENIED"];

/// What the server says of itself; `None` where it says nothing, or not now.
pub async fn ask(spec: &PoolSpec, address: &Address) -> Option<Ability> {
    let limit = patience(spec);
    let hello = Words::new(spec, &[&["HELLO", "3"], &["INFO", "server"]]);
    let auth = hello.auth;
    let answer = tokio::time::timeout(limit, visit::call(address, hello)).await.ok()?.ok()?;
    let replies = replies(&answer);
    if let Some(hello) = replies.get(auth) {
        let info = replies.get(auth + 1).map_or(&[][..], |info| &answer[info.clone()]);
        return read(&answer[hello.clone()], info);
    }
    // Did it close for HELLO, or would it close for anything?
    let ping = Words::new(spec, &[&["PING"]]);
    let auth = ping.auth;
    let answer = tokio::time::timeout(limit, visit::call(address, ping)).await.ok()?.ok()?;
    let is_up = self::replies(&answer).get(auth).is_some_and(|pong| answer[pong.start] == b'+');
    is_up.then_some(Ability { resp3: false, redis: None, valkey: None })
}

/// Commands, and a reply to each.
struct Words {
    request: Vec<u8>,
    /// Replies that come before the first command's.
    auth: usize,
    replies: usize,
}

impl Words {
    fn new(spec: &PoolSpec, commands: &[&[&str]]) -> Words {
        let mut words = Words { request: Vec::new(), auth: 0, replies: commands.len() };
        if let Some(password) = &spec.redis_auth {
            encode::command(&mut words.request, &["AUTH", password]);
            words.auth = 1;
            words.replies += 1;
        }
        for command in commands {
            encode::command(&mut words.request, command);
        }
        words
    }
}

impl Visit for Words {
    fn request(&self) -> &[u8] {
        &self.request
    }

    fn is_answered(&self, answer: &[u8]) -> bool {
        answer.len() > ANSWER_BYTES_MAX || replies(answer).len() >= self.replies
    }
}

/// The whole replies that `bytes` begin with.
fn replies(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Ok(reply::Parsed::Complete { len, .. }) =
        reply::parse(&bytes[at..], &mut reply::Progress::default())
    {
        found.push(at..at + len);
        at += len;
    }
    found
}

/// Reads the replies to HELLO and to INFO; the latter may be an error, or not there.
fn read(hello: &[u8], info: &[u8]) -> Option<Ability> {
    let is_error = hello.starts_with(b"-");
    if is_error && NOT_NOW.iter().any(|word| hello.starts_with(word)) {
        return None;
    }
    // A server that wants another password than ours knows HELLO all the same.
    let wants_password = [&b"-NOAUTH"[..], b"-WRONGPASS"].iter().any(|it| hello.starts_with(it));
    let resp3 = !is_error || wants_password;
    let release = |text: Option<&str>| text.and_then(Release::read);
    let (hello, info) = (String::from_utf8_lossy(hello), String::from_utf8_lossy(info));
    let told = release(of_map(&hello, "version"));
    let is_valkey = of_map(&hello, "server") == Some("valkey");
    let valkey = release(of_info(&info, "valkey_version")).or(told.filter(|_| is_valkey));
    let redis = release(of_info(&info, "redis_version"));
    let redis = redis.or(if valkey.is_some() { Some(VALKEYS_REDIS) } else { told });
    Some(Ability { resp3, redis, valkey })
}

/// The line `name:value` of INFO.
fn of_info<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
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
    }

    #[test]
    fn some_errors_say_nothing_of_it() {
        assert_eq!(read(b"-LOADING wait\r\n", b""), None);
        assert_eq!(read(b"-ERR max number of clients reached\r\n", b""), None);
        let closed = Ability { resp3: true, redis: None, valkey: None };
        assert_eq!(read(b"-NOAUTH HELLO must be called\r\n", b"-NOAUTH x\r\n"), Some(closed));
    }

    #[test]
    fn replies_are_told_apart() {
        let bytes = [b"+OK\r\n", HELLO, b"$3\r\nab"].concat();
        assert_eq!(replies(&bytes), [0..5, 5..5 + HELLO.len()]);
    }
}
