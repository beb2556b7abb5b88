//! What a client's next request waits for.
//!
//! ```text
//!             HELLO, RESET, a large reply              everything owed is answered
//!   ┌──────┐ ─────────────────────────────▶ ┌──────────────┐ ──────────▶ Open
//!   │ Open │                                │ AwaitReplies │
//!   └──────┘ ──▶ ┌──────────────┐ ────────▶ └──────────────┘
//!       │        │ AwaitServers │   they have answered, or the time is over
//!       │        └──────────────┘                ▲
//!       ├──────▶ ┌────────┐ ─────────────────────┤
//!       │        │ Upload │   a large request has been sent whole
//!       │        └────────┘                      │
//!       └──────▶ ┌────────┐ ─────────────────────┘
//!                │ Paused │   CLIENT PAUSE is over
//!                └────────┘
//! ```

use crate::base::Time;
use crate::proxy::link::flow::Upload;

#[derive(Default)]
pub enum Gate {
    /// It is taken as soon as the window has room.
    #[default]
    Open,
    /// It is taken when everything owed has been answered.
    AwaitReplies,
    /// HELLO or INFO waits until servers have said what they can do, but not longer than this.
    AwaitServers { until: Time },
    /// CLIENT PAUSE holds it until this time.
    Paused { until: Time },
    /// A large request is on its way, and what comes next belongs to it.
    Upload {
        flow: Box<Upload>,
        /// Its upstream has enough to send for now.
        is_full: bool,
    },
}

impl Gate {
    /// From now on everything owed is answered before the next request is taken. What waits for
    /// more than that goes on waiting.
    pub fn await_replies(&mut self) {
        if let Gate::Open = self {
            *self = Gate::AwaitReplies;
        }
    }
}
