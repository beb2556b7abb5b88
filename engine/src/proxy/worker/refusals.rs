//! Why a server refuses our handshake, or us.

use crate::proxy::link::cause::Cause;
use crate::proxy::link::upstream::lane::{LaneKey, refuses_password, server_said};
use crate::texts::detail;

/// What was refused when so many replies of the handshake were still to come, and why.
pub fn refused(lane: &LaneKey, password: Option<&str>, left: u8, reply: &[u8]) -> Cause {
    let said = lane.handshake(password, &mut Vec::new());
    let name = said[said.len() - usize::from(left)];
    let words = server_said(reply, password);
    let text = String::from_utf8_lossy(reply);
    if name.contains("AUTH") && refuses_password(text.trim_start_matches('-')) {
        return Cause::Password(detail::refused_password(&words).into());
    }
    Cause::Handshake(detail::refused_handshake(name, &words).into())
}

/// A reply to nothing. An error is how a server turns us away that has too many clients: it is
/// well, and its words are worth passing on.
pub fn unasked(kind: u8, reply: &[u8]) -> Cause {
    match kind {
        b'-' => Cause::Handshake(detail::turned_away(&server_said(reply, None)).into()),
        _ => Cause::Protocol,
    }
}
