//! Bytes in and out: which connections are read and written at once, and which wait in line.
//!
//! *Bulk* is a connection with more of a large value to read, or a connection that is writable again
//! and has more to write than is read at a time.

use super::EventLoop;
use crate::io::stream::{Incoming, cause_of};
use mio::event::Event;
use nuthatch_engine::base::limits::{READ_BYTES, READS_PER_TURN, WRITE_BYTES};
use nuthatch_engine::proxy::{ConnId, Reading};
use std::io;

impl EventLoop {
    pub(super) fn handle_event(&mut self, conn: ConnId, event: &Event) {
        let Some(connection) = self.connection(conn) else {
            return;
        };
        if connection.connecting {
            match connection.stream.establish() {
                Ok(false) => return,
                Ok(true) => self.connected(conn),
                Err(error) => return self.closed(conn, &cause_of(&error)),
            }
        } else if event.is_writable() && connection.full {
            connection.full = false;
            if self.worker.output(conn).len() > READ_BYTES {
                self.list_to_write(conn);
            } else {
                self.flush(conn);
            }
        }
        let ended = event.is_read_closed() || event.is_error();
        let Some(connection) = self.connection(conn) else {
            return;
        };
        connection.ended |= ended;
        if ended && connection.paused {
            self.worker.handle_hangup(conn);
        }
        let Some(connection) = self.connection(conn) else {
            return;
        };
        if (event.is_readable() || ended) && !connection.paused {
            if connection.reads_fill_buffer && self.worker.flows(conn) {
                self.list(conn);
            } else {
                self.read(conn, false);
            }
        }
    }

    /// Reads and writes a connection that waited on a list. `is_alone`: in a turn of its own.
    pub(super) fn resume(&mut self, conn: ConnId, is_alone: bool) {
        let Some(connection) = self.connection(conn) else {
            return;
        };
        let unread = std::mem::take(&mut connection.unread);
        if std::mem::take(&mut connection.unsent) {
            self.flush(conn);
        }
        if unread {
            self.read(conn, is_alone);
        }
    }

    /// Reads, more than once if there is much: a large value is then passed on in fewer, larger
    /// writes, which wake its reader less often. The rest of a large value waits in line.
    pub(super) fn read(&mut self, conn: ConnId, is_alone: bool) {
        for read in 0..READS_PER_TURN {
            if !self.read_once(conn, read == 0) {
                return;
            }
            if !is_alone && self.worker.flows(conn) {
                break;
            }
        }
        self.list(conn);
    }

    /// One read. Returns whether it filled the buffer, so that there may be more. When the peer has
    /// closed, epoll reports nothing more: we read, turn by turn, until we see the end, even after a
    /// short read.
    fn read_once(&mut self, conn: ConnId, is_first: bool) -> bool {
        let connection = match conn {
            ConnId::Client(key) => self.clients.get_mut(conn, key),
            ConnId::Upstream(key) => self.upstreams.get_mut(conn, key),
        };
        let Some(connection) = connection else {
            return false;
        };
        if connection.paused || connection.connecting {
            return false;
        }
        // A large value is read into the buffer from which it will be written. A connection that
        // brings little at a time needs no such buffer.
        let may_flow = !is_first || connection.reads_fill_buffer;
        let target = if may_flow { self.worker.flow_target(conn) } else { None };
        let flows = target.is_some();
        let read = match target {
            Some(out) => connection.stream.read_onto(out),
            None => connection.stream.read(&mut self.scratch),
        };
        if flows && !matches!(read, Ok(Incoming { len: 1.., .. })) {
            self.worker.handle_flowed(conn, 0);
        }
        match read {
            Ok(Incoming { len: 0, .. }) => {
                if let ConnId::Upstream(_) = conn {
                    self.remove(conn);
                } else {
                    connection.paused = true;
                }
                self.worker.handle_eof(conn);
            }
            Ok(Incoming { len, more }) => {
                if is_first {
                    connection.reads_fill_buffer = more;
                }
                let reading = if flows {
                    self.worker.handle_flowed(conn, len)
                } else {
                    self.worker.handle_bytes(conn, &self.scratch[..len])
                };
                if reading == Reading::Stop {
                    connection.paused = true;
                } else if more {
                    return true;
                } else if connection.ended {
                    self.list(conn);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.list(conn),
            Err(error) => self.closed(conn, &cause_of(&error)),
        }
        false
    }

    /// Lists a connection to be read again.
    pub(super) fn list(&mut self, conn: ConnId) {
        let is_bulk = self.worker.flows(conn);
        if let Some(connection) = self.connection(conn) {
            let is_listed = connection.is_listed();
            connection.unread = true;
            if is_listed {
                return;
            }
            if is_bulk {
                self.bulk.push_back(conn);
            } else {
                self.next_turn.push(conn);
            }
        }
    }

    /// Lists a connection with much to write.
    fn list_to_write(&mut self, conn: ConnId) {
        if let Some(connection) = self.connection(conn) {
            let is_listed = connection.is_listed();
            connection.unsent = true;
            if !is_listed {
                self.bulk.push_back(conn);
            }
        }
    }

    /// One write, of all bytes if they are few. The rest is written when the socket is writable, or
    /// in a turn of its own.
    pub(super) fn flush(&mut self, conn: ConnId) {
        let connection = match conn {
            ConnId::Client(key) => self.clients.get_mut(conn, key),
            ConnId::Upstream(key) => self.upstreams.get_mut(conn, key),
        };
        let Some(connection) = connection else {
            return;
        };
        if connection.full || connection.connecting {
            return;
        }
        let bytes = self.worker.output(conn);
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len().min(WRITE_BYTES);
        let is_rest = bytes.len() > len;
        match connection.stream.write(&bytes[..len]) {
            Ok(written) => {
                connection.full = written < len;
                let goes_on = is_rest && !connection.full;
                self.worker.handle_written(conn, written);
                if goes_on {
                    self.list_to_write(conn);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.full = true;
                self.worker.handle_written(conn, 0);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                // Nothing was written. Try again at once: signals are rare.
                self.flush(conn);
            }
            Err(error) => self.closed(conn, &cause_of(&error)),
        }
    }
}
