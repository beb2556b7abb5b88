//! How many requests of a client may be in flight.
//!
//! The window grows by one with each reply. Its bound follows the size of the replies, so that the
//! replies in flight fit into the client's output.

use crate::base::limits::{CLIENT_OUTPUT_BYTES_MAX, CLIENT_WINDOW_MAX, CLIENT_WINDOW_START};

/// The widest window of replies that have no more bytes than this fits the output bound.
const REPLY_BYTES_SMALL: u32 = CLIENT_OUTPUT_BYTES_MAX as u32 / CLIENT_WINDOW_MAX;

pub struct Window {
    size: u32,
    reply_bytes_mean: u32,
}

impl Window {
    pub fn new() -> Window {
        Window { size: CLIENT_WINDOW_START, reply_bytes_mean: 0 }
    }

    #[inline]
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// Takes account of a reply of this many bytes.
    #[inline]
    pub fn handle_reply(&mut self, len: usize) {
        let mean = i64::from(self.reply_bytes_mean);
        // One large reply closes the window. Many small ones open it again.
        self.reply_bytes_mean = (mean + ((len as i64 - mean) >> 3)).max(len as i64 >> 1) as u32;
        // The division costs as much as the rest of this function, and few replies need it.
        let fits = match self.reply_bytes_mean {
            0..=REPLY_BYTES_SMALL => CLIENT_WINDOW_MAX,
            mean => (CLIENT_OUTPUT_BYTES_MAX as u32 / mean).clamp(1, CLIENT_WINDOW_MAX),
        };
        self.size = (self.size + 1).min(fits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_slowly_and_closes_at_once() {
        let mut window = Window::new();
        for _ in 0..2 * CLIENT_WINDOW_MAX {
            window.handle_reply(5);
        }
        assert_eq!(window.size(), CLIENT_WINDOW_MAX as usize);
        window.handle_reply(2 * CLIENT_OUTPUT_BYTES_MAX);
        assert_eq!(window.size(), 1);
        window.handle_reply(5);
        assert!(window.size() <= 2);
    }
}
