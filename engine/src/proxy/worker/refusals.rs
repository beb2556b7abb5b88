//! Why a server refuses our handshake or our connection.

use crate::command;
use crate::proxy::link::cause::Cause;
use crate::proxy::link::upstream::lane::{Asks, LaneKey, refuses_password, server_said};
use crate::texts::detail;

/// The cause of a refused handshake. `left`: how many of its replies were still to come, this one
/// included.
pub fn refused(
    lane: &LaneKey,
    (password, asks): (Option<&str>, Asks),
    left: u8,
    reply: &[u8],
) -> Cause {
    let said = lane.handshake(password, asks, &mut Vec::new());
    let name = said[said.len() - usize::from(left)];
    let words = server_said(reply, password);
    let text = String::from_utf8_lossy(reply);
    if name.contains("AUTH") && refuses_password(text.trim_start_matches('-')) {
        return Cause::Password(detail::refused_password(&words).into());
    }
    Cause::Handshake(detail::refused_handshake(name, &words).into())
}

/// The cause of a refused SELECT or HELLO that came after the handshake.
pub fn refused_setup(command: u16, reply: &[u8]) -> Cause {
    let name = command::by_index(usize::from(command)).map_or("", |row| row.name);
    let words = server_said(reply, None);
    Cause::Handshake(detail::refused_handshake(&name.to_ascii_uppercase(), &words).into())
}

/// The cause for a reply without a request. A server with too many clients sends an error like that. It
/// is well, so its words are passed on.
pub fn unasked(kind: u8, reply: &[u8]) -> Cause {
    match kind {
        b'-' => Cause::Handshake(detail::turned_away(&server_said(reply, None)).into()),
        _ => Cause::Protocol,
    }
}
