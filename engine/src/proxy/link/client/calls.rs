//! Calls of stored scripts that a client waits for. They are kept, so that they can be sent again if the
//! server has lost the script.

use crate::base::limits::{SCRIPT_CALL_BYTES_MAX, SCRIPT_CALLS_BYTES_MAX};
use crate::proxy::link::scripts::Sha;
use std::collections::VecDeque;

pub struct Call {
    number: u32,
    pub sha: Sha,
    pub request: Box<[u8]>,
    /// The server's NOSCRIPT, while we ask whether it is true.
    pub refusal: Box<[u8]>,
}

/// In the order of their numbers.
#[derive(Default)]
pub struct Calls {
    of: VecDeque<Call>,
    bytes: usize,
}

impl Calls {
    /// Keeps a call, if it is small enough. `oldest`: the oldest number that waits for a reply.
    pub fn keep(&mut self, (number, oldest): (u32, u32), sha: Sha, request: &[u8]) {
        while let Some(call) = self.of.front()
            && call.number.wrapping_sub(oldest) > number.wrapping_sub(oldest)
        {
            self.bytes -= call.request.len();
            self.of.pop_front();
        }
        let is_kept = request.len() <= SCRIPT_CALL_BYTES_MAX
            && self.bytes + request.len() <= SCRIPT_CALLS_BYTES_MAX;
        if is_kept {
            self.bytes += request.len();
            let (request, refusal) = (request.into(), Box::default());
            self.of.push_back(Call { number, sha, request, refusal });
        }
    }

    pub fn get_mut(&mut self, number: u32) -> Option<&mut Call> {
        self.of.iter_mut().find(|call| call.number == number)
    }

    pub fn take(&mut self, number: u32) -> Option<Call> {
        let at = self.of.iter().position(|call| call.number == number)?;
        let call = self.of.remove(at)?;
        self.bytes -= call.request.len();
        Some(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answered_calls_are_dropped() {
        let (mut calls, sha) = (Calls::default(), Sha::of(b""));
        for number in [u32::MAX - 1, u32::MAX, 0] {
            calls.keep((number, u32::MAX - 1), sha, b"call");
        }
        assert_eq!(calls.of.len(), 3);
        calls.keep((1, 0), sha, b"call");
        assert_eq!(calls.of.iter().map(|call| call.number).collect::<Vec<_>>(), [0, 1]);
        assert!(calls.take(0).is_some() && calls.take(0).is_none());
        assert_eq!(calls.bytes, 4);
        calls.keep((2, 1), sha, &vec![0; SCRIPT_CALL_BYTES_MAX + 1]);
        assert!(calls.get_mut(2).is_none());
    }
}
