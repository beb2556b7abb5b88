//! The text of a request that a server did not answer.
//!
//! ```text
//!   ERR Connection refused                                            twemproxy manners
//!   MASTERDOWN Connection refused (shard a, server 10.0.0.1:6379), not sent       modern manners
//!   ERR unknown: ... (shard a, server 10.0.0.1:6379), outcome unknown             modern manners
//! ```
//!
//! Under modern manners twemproxy's words are in it, which people search for. The first word tells a library
//! whether the request may be repeated (`texts::NO_SERVER`).

use crate::proxy::link::cause::Cause;
use crate::texts;
use crate::topology::{Address, Policy, Protocol};

/// Whether the request had been sent when the server failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    No,
    Perhaps,
}

/// The text, without its `-` and line end.
pub fn failure_text(
    protocol: Protocol,
    policy: &Policy,
    cause: &Cause,
    shard: Option<(&str, &Address)>,
    sent: Sent,
) -> String {
    let kind = match protocol {
        Protocol::Redis => texts::FAILED,
        Protocol::Memcache => texts::MEMCACHE_FAILED,
    };
    if policy.fails_in_one_word {
        let is_password = matches!(cause, Cause::Password(_));
        let kind = if is_password { texts::FAILED_NOAUTH } else { kind };
        return format!("{kind} {cause}");
    }
    let kind = match protocol {
        Protocol::Redis if sent == Sent::No => retry_word(cause),
        _ => kind,
    };
    let mut text = format!("{kind} {}", cause.explained());
    if let Some((name, address)) = shard {
        let address = address.to_string();
        text += &if *name == *address {
            texts::at_server(name)
        } else {
            texts::at_shard(name, &address)
        };
    }
    text += match sent {
        Sent::No => texts::NOT_SENT,
        Sent::Perhaps => texts::OUTCOME_UNKNOWN,
    };
    text
}

/// The first word of the error of a request that was not sent.
fn retry_word(cause: &Cause) -> &'static str {
    match cause {
        Cause::QueueFull | Cause::Exhausted(_) => texts::TRY_AGAIN,
        // Wrong in the configuration: it will be refused again.
        Cause::Handshake(_) | Cause::Password(_) | Cause::UnknownHost | Cause::NoSocket => {
            texts::FAILED
        }
        _ => texts::NO_SERVER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Manners;

    #[test]
    fn modern_texts_begin_with_twemproxys() {
        let address = Address::Tcp { host: "127.0.0.1".into(), port: 6379 };
        let at = |name| Some((name, &address));
        let modern = Policy::of(Manners::Modern);
        let redis =
            |cause: &Cause, at, sent| failure_text(Protocol::Redis, &modern, cause, at, sent);
        for cause in [
            Cause::Refused,
            Cause::Reset,
            Cause::Eof,
            Cause::TimedOut,
            Cause::UnknownHost,
            Cause::NoSocket,
            Cause::Protocol,
            Cause::Down,
            Cause::NoneLive,
            Cause::QueueFull,
            Cause::Exhausted("Too many open files".into()),
            Cause::System("Network is unreachable".into()),
        ] {
            for (protocol, kind) in [(Protocol::Redis, "ERR"), (Protocol::Memcache, "SERVER_ERROR")]
            {
                let [modern, twemproxy] = [Manners::Modern, Manners::Twemproxy].map(|manners| {
                    failure_text(protocol, &Policy::of(manners), &cause, at("a"), Sent::No)
                });
                assert_eq!(twemproxy, format!("{kind} {cause}"));
                let words = twemproxy.split_once(' ').unwrap().1;
                let (word, rest) = modern.split_once(' ').unwrap();
                assert!(rest.starts_with(words));
                let is_wrong = matches!(cause, Cause::UnknownHost | Cause::NoSocket);
                assert_eq!(word == kind, protocol == Protocol::Memcache || is_wrong, "{modern}");
            }
        }
        assert_eq!(
            redis(&Cause::Eof, at("a"), Sent::Perhaps),
            "ERR unknown: the server closed the connection (shard a, server 127.0.0.1:6379), \
             outcome unknown"
        );
        assert_eq!(
            redis(&Cause::Refused, at("127.0.0.1:6379"), Sent::No),
            "MASTERDOWN Connection refused (server 127.0.0.1:6379), not sent"
        );
    }
}
