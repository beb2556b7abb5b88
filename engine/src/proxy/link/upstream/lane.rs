//! A lane: the upstreams of one server with the same setup. Clients share the upstreams of their lane, so
//! no client uses another one's database, user or protocol.

use crate::protocol::resp::{Version, encode};
use crate::proxy::link::cause::Cause;
use crate::texts::detail;
use crate::topology::Release;

/// What every upstream of a lane was set up with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaneKey {
    pub version: Version,
    pub db: u32,
    /// `None` is the default user.
    pub user: Option<Box<str>>,
    /// Reads only, of replicas.
    pub read_only: bool,
    /// Requests do not mark keys as used (CLIENT NO-TOUCH ON).
    pub no_touch: bool,
    /// For requests for which an old server closes the connection. No other request uses this lane.
    pub apart: bool,
}

/// What a handshake asks for behind its setup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asks {
    Nothing,
    Role,
    /// And that a server which is no primary any more answers REDIRECT, to reads too. Valkey, since 8.
    RoleAndRedirect,
}

impl LaneKey {
    pub fn new(version: Version, db: u32) -> LaneKey {
        LaneKey { version, db, user: None, read_only: false, no_touch: false, apart: false }
    }

    /// What to ask of servers of this pool. `valkey`: the lowest version, if all are Valkey.
    pub fn asks(&self, has_replicas: bool, valkey: Option<Release>) -> Asks {
        match has_replicas {
            false => Asks::Nothing,
            // A replica would not answer its reads either.
            true if !self.read_only && valkey >= Some(Release([8, 0, 0])) => Asks::RoleAndRedirect,
            true => Asks::Role,
        }
    }

    /// Writes the handshake: AUTH, then SELECT; where there are replicas, the question for its role comes
    /// last. Returns the name of each command; each one gets a reply.
    pub fn handshake(
        &self,
        password: Option<&str>,
        asks: Asks,
        out: &mut Vec<u8>,
    ) -> Vec<&'static str> {
        let mut names = Vec::new();
        let user = self.user.as_deref().unwrap_or("default");
        let mut say = |name, words: &[&str]| {
            encode::command(out, words);
            names.push(name);
        };
        match (self.version, password) {
            (Version::Resp3, Some(password)) => {
                say("HELLO with AUTH", &["HELLO", "3", "AUTH", user, password]);
            }
            (Version::Resp3, None) => say("HELLO", &["HELLO", "3"]),
            // Without a user for servers older than Redis 6.
            (Version::Resp2, Some(password)) if self.user.is_none() => {
                say("AUTH", &["AUTH", password]);
            }
            (Version::Resp2, Some(password)) => say("AUTH", &["AUTH", user, password]),
            (Version::Resp2, None) => {}
        }
        if self.db > 0 {
            say("SELECT", &["SELECT", &self.db.to_string()]);
        }
        if self.no_touch {
            say("CLIENT NO-TOUCH", &["CLIENT", "NO-TOUCH", "ON"]);
        }
        if asks == Asks::RoleAndRedirect {
            say("CLIENT CAPA", &["CLIENT", "CAPA", "redirect"]);
        }
        if asks != Asks::Nothing {
            say("ROLE", &["ROLE"]);
        }
        names
    }
}

/// Whether a server with this answer to ROLE serves a lane; an error is no answer.
///
/// A replica whose link is down may serve: whether its data is recent is decided elsewhere. A replica in a full
/// sync answers as if it had no data.
pub fn fits_role(role: &[u8], reads: bool) -> Result<(), Cause> {
    if role.starts_with(b"-") {
        return Ok(());
    }
    let is_primary = role.starts_with(b"*3\r\n$6\r\nmaster\r\n");
    // The state stands before the last number.
    let before = role.rsplitn(2, |&byte| byte == b':').nth(1).unwrap_or_default();
    let is_syncing = before.ends_with(b"\r\n$4\r\nsync\r\n");
    match (reads, is_primary) {
        (false, true) => Ok(()),
        (false, false) => Err(Cause::NoPrimary),
        (true, false) if !is_syncing => Ok(()),
        (true, _) => Err(Cause::NoReplica),
    }
}

/// What a server said, for the log and for clients. A server that does not know a command repeats its
/// arguments, the password among them; another may do so in its own way.
pub fn server_said(reply: &[u8], password: Option<&str>) -> String {
    let text = String::from_utf8_lossy(reply);
    let text = text.trim_start_matches('-').trim_end();
    let text = text.split(", with args beginning with").next().unwrap_or_default();
    let is_repeated = password.is_some_and(|it| !it.is_empty() && text.contains(it));
    // In the servers' own sentences the word is theirs, whatever the password is.
    if !is_repeated || OWN_WORDS.contains(&text) {
        return text.chars().take(SAID_CHARS_MAX).collect();
    }
    let code = text.split(' ').next().unwrap_or_default();
    let is_code = code.bytes().all(|byte| byte.is_ascii_uppercase()) && Some(code) != password;
    detail::holds_password(is_code.then_some(code))
}

/// Characters of what a server said that are shown: no server says more by itself.
const SAID_CHARS_MAX: usize = 256;

/// How Redis refuses a password or wants none, since 6 and before.
const OWN_WORDS: [&str; 4] = [
    "WRONGPASS invalid username-password pair or user is disabled.",
    "ERR invalid password",
    "ERR Client sent AUTH, but no password is set",
    "ERR AUTH <password> called without any password configured for the default user. Are you sure \
     your configuration is correct?",
];

/// Whether a server's error in reply to AUTH says that it refuses the password, and nothing else of us.
pub fn refuses_password(words: &str) -> bool {
    words.starts_with("WRONGPASS") || words.contains("invalid password") || wants_no_password(words)
}

/// Whether a server's error in reply to AUTH says that it has no password, in the words of Redis before
/// 6 (and of twemproxy) or of those since.
pub fn wants_no_password(words: &str) -> bool {
    ["no password is set", "without any password configured"].iter().any(|it| words.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_fits_a_lane() {
        let primary = b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
        let replica = |state: &str| {
            format!("*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n${}\r\n{state}\r\n:-1\r\n", state.len())
        };
        assert_eq!(fits_role(primary, false), Ok(()));
        assert_eq!(fits_role(primary, true), Err(Cause::NoReplica));
        for (state, reads) in
            [("connected", Ok(())), ("connect", Ok(())), ("sync", Err(Cause::NoReplica))]
        {
            assert_eq!(fits_role(replica(state).as_bytes(), false), Err(Cause::NoPrimary));
            assert_eq!(fits_role(replica(state).as_bytes(), true), reads);
        }
        let no_rights = b"-NOPERM this user has no permissions to run the 'role' command\r\n";
        assert_eq!(fits_role(no_rights, false), Ok(()));
    }

    #[test]
    fn a_password_is_not_repeated() {
        let echo =
            b"-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `x`, `pw`, \r\n";
        assert_eq!(server_said(echo, Some("pw")), "ERR unknown command `HELLO`");
        let told = |words: &str| server_said(words.as_bytes(), Some("pa5s"));
        assert_eq!(told("-ERR pa5s is wrong\r\n"), "ERR and words that hold the password");
        assert_eq!(told("-pa5s: no\r\n"), "an error and words that hold the password");
        assert_eq!(told("-ERR DB index is out of range\r\n"), "ERR DB index is out of range");
        assert_eq!(server_said(b"-ERR as it is\r\n", Some("")), "ERR as it is");
        // A password that is a word of the servers' own.
        for own in OWN_WORDS {
            assert_eq!(server_said(own.as_bytes(), Some("password")), own);
        }
    }

    #[test]
    fn a_server_that_is_full_refuses_no_password() {
        assert!(refuses_password("WRONGPASS invalid username-password pair or user is disabled."));
        assert!(refuses_password("ERR invalid password"));
        assert!(refuses_password("ERR Client sent AUTH, but no password is set"));
        for other in ["ERR max number of clients reached", "DENIED x", "ERR unknown command `AUTH`"]
        {
            assert!(!refuses_password(other), "{other}");
        }
    }
}
