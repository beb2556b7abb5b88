//! The sizes from which on values flow.

use crate::base::limits::{
    STREAM_BYTES_MIN, STREAM_PAUSE_BYTES, STREAM_RESUME_BYTES, STREAM_SHARED_PAUSE_BYTES,
};

/// From which size on replies flow, and how far ahead of their clients they may be. Simulation and
/// stories have smaller ones, to meet them with small replies.
#[derive(Clone, Copy, Debug)]
pub struct FlowBounds {
    pub bytes_min: usize,
    pub pause_bytes: usize,
    pub shared_pause_bytes: usize,
    pub resume_bytes: usize,
}

impl Default for FlowBounds {
    fn default() -> FlowBounds {
        FlowBounds {
            bytes_min: STREAM_BYTES_MIN,
            pause_bytes: STREAM_PAUSE_BYTES,
            shared_pause_bytes: STREAM_SHARED_PAUSE_BYTES,
            resume_bytes: STREAM_RESUME_BYTES,
        }
    }
}
