//! Makes a conversation that fails short: leaves out steps, requests and cuts as long as it still fails in
//! the same way.

use crate::conversation::{Conversation, Kind};
use crate::sides::Sides;

const TRIES_MAX: usize = 400;

pub fn shrink(sides: &Sides, conversation: &Conversation, sign: &str) -> Conversation {
    let mut best = conversation.clone();
    let mut tries = 0;
    let mut fails = |candidate: &Conversation| {
        tries += 1;
        sides.clear();
        tries <= TRIES_MAX && sides.hold(candidate).is_err_and(|it| it.sign == sign)
    };
    let mut len = best.steps.len() / 2;
    while len > 0 {
        let mut at = best.steps.len();
        while at > 0 {
            let from = at.saturating_sub(len);
            let mut candidate = best.clone();
            candidate.steps.drain(from..at.min(best.steps.len()));
            if fails(&candidate) {
                best = candidate;
            }
            at = from;
        }
        len /= 2;
    }
    for step in (0..best.steps.len()).rev() {
        let count = match &best.steps[step].kind {
            Kind::Ask { requests, .. } => requests.len(),
            Kind::Leave | Kind::End { .. } => 0,
        };
        for at in (0..count).rev() {
            let mut candidate = best.clone();
            if let Kind::Ask { requests, cuts } = &mut candidate.steps[step].kind
                && requests.len() > 1
            {
                requests.remove(at);
                cuts.clear();
                if fails(&candidate) {
                    best = candidate;
                }
            }
        }
        let mut candidate = best.clone();
        if let Kind::Ask { cuts, .. } = &mut candidate.steps[step].kind
            && !cuts.is_empty()
        {
            cuts.clear();
            if fails(&candidate) {
                best = candidate;
            }
        }
    }
    best
}
