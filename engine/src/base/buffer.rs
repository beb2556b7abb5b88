//! Bytes waiting to be written, and the pool their memory comes from.
//!
//! An idle connection owns no buffer: [`Output`] takes one from the worker's [`BufferPool`] for
//! its first byte and returns it after its last. So memory grows with traffic, not with connections.

use super::limits::{OUTPUT_TRIM_BYTES_MIN, POOLED_BUFFER_BYTES_MAX, POOLED_BYTES_MAX};

/// Free buffers.
#[derive(Default)]
pub struct BufferPool {
    free: Vec<Vec<u8>>,
    bytes: usize,
}

impl BufferPool {
    pub fn take(&mut self) -> Vec<u8> {
        let buffer = self.free.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    /// Frees all buffers.
    pub fn shed(&mut self) {
        *self = BufferPool::default();
    }

    /// Keeps a buffer of a usual size for reuse. A larger one is freed.
    pub fn give(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity == 0
            || capacity > POOLED_BUFFER_BYTES_MAX
            || self.bytes + capacity > POOLED_BYTES_MAX
        {
            return;
        }
        buffer.clear();
        self.bytes += capacity;
        self.free.push(buffer);
    }
}

/// The result of [`Output::sift`].
pub struct Sifted {
    /// Bytes that belong to the output.
    pub len: usize,
    pub done: bool,
    /// The bytes after them.
    pub rest: Vec<u8>,
}

/// A queue of bytes: appended at the end, written from the front.
#[derive(Default)]
pub struct Output {
    bytes: Vec<u8>,
    start: usize,
}

impl Output {
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.len() == self.start
    }

    /// The bytes not written yet.
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Where to append.
    #[inline]
    pub fn tail(&mut self, pool: &mut BufferPool) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = pool.take();
        }
        &mut self.bytes
    }

    /// Removes the first `written` bytes.
    pub fn consume(&mut self, written: usize, pool: &mut BufferPool) {
        debug_assert!(written <= self.len());
        self.start += written;
        if self.is_empty() {
            self.clear(pool);
        } else if self.start > POOLED_BUFFER_BYTES_MAX && self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// Shrinks a large buffer that holds few bytes. For a client that may not read for long.
    pub fn trim(&mut self) {
        let room = self.bytes.capacity();
        if room > OUTPUT_TRIM_BYTES_MIN && room / 4 > self.len() {
            self.bytes = self.pending().to_vec();
            self.start = 0;
        }
    }

    /// Removes `len` bytes that begin `offset` bytes after the front.
    pub fn remove(&mut self, offset: usize, len: usize) {
        let from = self.start + offset;
        self.bytes.drain(from..from + len);
    }

    /// `pass` says how many of the last `len` bytes belong here, and whether the message ends with
    /// them. The other bytes are removed; all of them if `pass` returns an error.
    pub fn sift<E>(
        &mut self,
        len: usize,
        pool: &mut BufferPool,
        pass: impl FnOnce(&[u8]) -> Result<(usize, bool), E>,
    ) -> Result<Sifted, E> {
        let before = self.bytes.len() - len;
        let passed = pass(&self.bytes[before..]);
        let len = passed.as_ref().map_or(0, |(len, _)| *len);
        let rest = self.bytes.split_off(before + len);
        self.release(pool);
        passed.map(|(len, done)| Sifted { len, done, rest })
    }

    /// Returns the buffer to the pool if it is empty.
    pub fn release(&mut self, pool: &mut BufferPool) {
        if self.is_empty() {
            self.clear(pool);
        }
    }

    pub fn clear(&mut self, pool: &mut BufferPool) {
        self.start = 0;
        pool.give(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_output_owns_nothing_and_its_buffer_is_reused() {
        let mut pool = BufferPool::default();
        let mut out = Output::default();
        out.tail(&mut pool).extend_from_slice(b"hello world");
        out.consume(6, &mut pool);
        assert_eq!(out.pending(), b"world");
        out.remove(1, 3);
        assert_eq!(out.pending(), b"wd");
        out.consume(2, &mut pool);
        assert!(out.is_empty());
        assert_eq!(out.bytes.capacity(), 0);
        assert!(pool.take().capacity() >= 11);
    }

    #[test]
    fn bytes_that_do_not_belong_are_removed() {
        let mut pool = BufferPool::default();
        let mut out = Output::default();
        out.tail(&mut pool).extend_from_slice(b"sent kept");
        out.consume(5, &mut pool);
        out.tail(&mut pool).extend_from_slice(b" mine yours");
        let sifted = out
            .sift(11, &mut pool, |bytes| {
                assert_eq!(bytes, b" mine yours");
                Ok::<_, ()>((5, true))
            })
            .unwrap();
        assert_eq!((sifted.len, sifted.done, &sifted.rest[..]), (5, true, &b" yours"[..]));
        assert_eq!(out.pending(), b"kept mine");
        out.tail(&mut pool).extend_from_slice(b"bad");
        assert_eq!(out.sift(3, &mut pool, |_| Err(7)).err(), Some(7));
        assert_eq!(out.pending(), b"kept mine");
        out.consume(9, &mut pool);
        out.tail(&mut pool).extend_from_slice(b"no");
        assert!(out.sift(2, &mut pool, |_| Ok::<_, ()>((0, false))).is_ok());
        assert_eq!(out.bytes.capacity(), 0, "an empty one owns nothing");
    }

    #[test]
    fn an_empty_buffer_is_returned() {
        let mut pool = BufferPool::default();
        let mut out = Output::default();
        out.tail(&mut pool).reserve(100);
        out.release(&mut pool);
        assert_eq!(out.bytes.capacity(), 0);
        out.tail(&mut pool).push(b'x');
        out.release(&mut pool);
        assert_eq!(out.pending(), b"x");
    }

    #[test]
    fn few_bytes_do_not_keep_a_large_buffer() {
        let mut pool = BufferPool::default();
        let mut out = Output::default();
        out.tail(&mut pool).resize(4 * OUTPUT_TRIM_BYTES_MIN, b'x');
        out.consume(2 * OUTPUT_TRIM_BYTES_MIN, &mut pool);
        out.trim();
        assert!(out.bytes.capacity() >= 4 * OUTPUT_TRIM_BYTES_MIN, "half of it is in use");
        out.consume(2 * OUTPUT_TRIM_BYTES_MIN - 5, &mut pool);
        out.trim();
        assert_eq!(out.pending(), b"xxxxx");
        assert!(out.bytes.capacity() < OUTPUT_TRIM_BYTES_MIN);
    }

    #[test]
    fn a_large_buffer_is_freed() {
        let mut pool = BufferPool::default();
        pool.give(Vec::with_capacity(POOLED_BUFFER_BYTES_MAX + 1));
        assert_eq!(pool.take().capacity(), 0);
    }

    #[test]
    fn a_pool_is_bounded() {
        let mut pool = BufferPool::default();
        for _ in 0..2 * POOLED_BYTES_MAX / POOLED_BUFFER_BYTES_MAX {
            pool.give(Vec::with_capacity(POOLED_BUFFER_BYTES_MAX));
        }
        assert_eq!(pool.free.len(), POOLED_BYTES_MAX / POOLED_BUFFER_BYTES_MAX);
        while pool.take().capacity() > 0 {}
        assert_eq!(pool.bytes, 0);
        pool.give(Vec::with_capacity(100));
        pool.shed();
        assert_eq!((pool.bytes, pool.take().capacity()), (0, 0));
    }
}
