//! A client's side of reading: whether its next request may be taken, and large values that flow.

use super::downloads::Due;
use super::gate::Gate;
use super::{Client, Intake, RequestInput};
use crate::base::Time;
use crate::base::slab::Key;
use crate::proxy::link::action::{Action, ConnId};
use crate::proxy::link::flow::Upload;
use crate::proxy::link::turn::Turn;

impl Client {
    // ---- what its next request waits for -------------------------------------------------

    /// May its next request go out?
    #[inline]
    pub fn has_room(&self) -> bool {
        match self.gate {
            Gate::Open => self.replies.has_room(),
            Gate::AwaitReplies => self.replies.owed() == 0 && self.replies.has_room(),
            Gate::AwaitServers { .. } | Gate::Paused { .. } => false,
            Gate::Upload { is_full, .. } => !is_full,
        }
    }

    /// Opens the gate if it may, and checks for room. `Err`: there is none, and reading stops; `true` if
    /// it stops now.
    #[inline]
    pub fn take_room(&mut self) -> Result<(), bool> {
        if let Gate::AwaitReplies = self.gate
            && self.replies.owed() == 0
        {
            self.gate = Gate::Open;
        }
        if self.has_room() {
            return Ok(());
        }
        Err(self.stop_reading())
    }

    /// Takes nothing more for now. Returns whether reading stops now.
    fn stop_reading(&mut self) -> bool {
        let is_new = self.intake == Intake::Going;
        if is_new {
            self.intake = Intake::Stopped;
        }
        is_new
    }

    /// The next request waits for all replies before it, and reading stops.
    pub fn await_replies_and_stop(&mut self) {
        self.gate.await_replies();
        self.stop_reading();
    }

    pub fn await_replies(&mut self) {
        self.gate.await_replies();
    }

    /// Waits until servers have answered, unless it has waited before. `true`: it begins to wait.
    pub fn await_servers(&mut self, turn: &mut Turn, until: Time) -> bool {
        if self.has_waited || matches!(self.gate, Gate::AwaitServers { .. }) {
            return false;
        }
        self.gate = Gate::AwaitServers { until };
        self.set_deadline(turn, until);
        true
    }

    /// Whether it has waited for servers as long as it may.
    pub fn has_waited(&self) -> bool {
        self.has_waited
    }

    /// Ends the wait for servers. `in_time`: they have answered.
    pub fn end_wait(&mut self, turn: &mut Turn, in_time: bool) {
        if let Gate::AwaitServers { .. } = self.gate {
            self.has_waited = !in_time;
            self.gate = Gate::AwaitReplies;
            self.maybe_resume(turn);
        }
    }

    /// CLIENT PAUSE holds its next request.
    pub fn pause(&mut self, turn: &mut Turn, until: Time) {
        self.gate = Gate::Paused { until };
        self.set_deadline(turn, until);
    }

    /// CLIENT PAUSE is over.
    pub fn end_pause(&mut self, turn: &mut Turn) {
        if let Gate::Paused { .. } = self.gate {
            self.gate = Gate::AwaitReplies;
            self.maybe_resume(turn);
        }
    }

    pub fn handle_wait_deadline(&mut self, turn: &mut Turn) {
        if let Gate::Paused { until } = self.gate {
            if until <= turn.now {
                self.end_pause(turn);
            } else {
                self.set_deadline(turn, until);
            }
        }
        if let Gate::AwaitServers { until } = self.gate {
            if until <= turn.now {
                self.end_wait(turn, false);
            } else {
                self.set_deadline(turn, until);
            }
        }
    }

    #[inline]
    pub fn is_stopped(&self) -> bool {
        self.intake != Intake::Going
    }

    #[inline]
    pub fn maybe_resume(&mut self, turn: &mut Turn) {
        if self.intake == Intake::Stopped && self.has_room() {
            self.intake = Intake::Resuming;
            turn.resumable.push(self.key());
        }
    }

    /// Goes on, if there is still room. Returns whether there is.
    pub fn resume(&mut self) -> bool {
        let goes_on = self.has_room();
        if self.is_stopped() {
            self.intake = if goes_on { Intake::Going } else { Intake::Stopped };
        }
        goes_on
    }

    pub fn resume_action(&self) -> Action {
        Action::ResumeReading { conn: ConnId::Client(self.key()) }
    }

    // ---- its input -----------------------------------------------------------------------

    #[inline]
    pub fn take_input(&mut self) -> Option<Box<RequestInput>> {
        self.input.take()
    }

    #[inline]
    pub fn keep_input(&mut self, input: Option<Box<RequestInput>>) {
        self.input = input;
    }

    /// Bytes that are not parsed yet.
    pub fn unparsed_bytes(&self) -> usize {
        self.input.as_ref().map_or(0, |input| input.bytes.len() - input.at)
    }

    pub fn has_input(&self) -> bool {
        self.input.is_some()
    }

    // ---- what flows ----------------------------------------------------------------------

    #[inline]
    pub fn upload(&self) -> Option<&Upload> {
        match &self.gate {
            Gate::Upload { flow, .. } => Some(flow),
            _ => None,
        }
    }

    #[inline]
    pub fn upload_mut(&mut self) -> Option<&mut Upload> {
        match &mut self.gate {
            Gate::Upload { flow, .. } => Some(flow),
            _ => None,
        }
    }

    pub fn begin_upload(&mut self, upload: Upload) {
        self.gate = Gate::Upload { flow: Box::new(upload), is_full: false };
    }

    /// Its upstream has enough to send for now.
    pub fn pause_upload(&mut self) {
        if let Gate::Upload { is_full, .. } = &mut self.gate {
            *is_full = true;
            self.stop_reading();
        }
    }

    /// Its upload may go on, or has lost its upstream.
    pub fn resume_upload(&mut self, turn: &mut Turn) {
        if let Gate::Upload { is_full, .. } = &mut self.gate
            && std::mem::replace(is_full, false)
        {
            self.maybe_resume(turn);
        }
    }

    /// All of the request has come; what follows waits for its reply.
    pub fn end_upload(&mut self) -> Option<Box<Upload>> {
        match std::mem::replace(&mut self.gate, Gate::AwaitReplies) {
            Gate::Upload { flow, .. } => Some(flow),
            _ => None,
        }
    }

    #[inline]
    pub fn download_from(&self) -> Option<Key> {
        self.download_from
    }

    pub fn begin_download(&mut self, from: Key) {
        self.download_from = Some(from);
    }

    /// Its upstream was lost in the middle of the reply.
    pub fn lose_download(&mut self) {
        self.download_from = None;
    }

    /// A large part of its oldest request, of so many elements, waits at this upstream.
    pub fn await_download(&mut self, turn: &mut Turn, from: Key, number: u32, elements: usize) {
        self.downloads.get_or_insert_default().next.push(from);
        self.handle_part(turn, number, |joining| joining.handle_begun(elements));
    }

    /// The next part flows from now on.
    #[cold]
    pub(super) fn begin_next_download(&mut self, turn: &mut Turn) {
        if let Some(downloads) = &mut self.downloads
            && let Some(next) = downloads.next.pop()
        {
            self.download_from = Some(next);
            downloads.due.push((next, Due::Flows));
            turn.resumable.push(self.key());
        }
    }

    /// The reply is an error now.
    #[cold]
    pub(super) fn drop_next_downloads(&mut self, turn: &mut Turn) {
        if let Some(downloads) = &mut self.downloads {
            downloads.due.extend(downloads.next.drain(..).map(|key| (key, Due::Dropped)));
            turn.resumable.push(self.key());
        }
    }

    /// The upstream of a part was lost. `false`: bytes of the reply were passed on already.
    pub fn lose_part(
        &mut self,
        turn: &mut Turn,
        from: Key,
        (number, part): (u32, u16),
        text: &str,
    ) -> bool {
        if self.download_from.is_some() {
            return false;
        }
        if let Some(downloads) = &mut self.downloads {
            downloads.next.retain(|&key| key != from);
        }
        self.handle_part(turn, number, |joining| joining.handle_lost(part, text));
        true
    }

    /// The upstreams whose turn has come.
    #[inline]
    pub fn take_due_downloads(&mut self) -> Vec<(Key, Due)> {
        self.downloads
            .as_mut()
            .map(|downloads| std::mem::take(&mut downloads.due))
            .unwrap_or_default()
    }

    /// It is gone: all upstreams whose large replies it would get.
    pub fn take_downloads(&mut self) -> Vec<Key> {
        let downloads = self.downloads.take().map(|it| *it).unwrap_or_default();
        let due = downloads.due.into_iter().map(|(key, _)| key);
        downloads.next.into_iter().chain(due).chain(self.download_from.take()).collect()
    }

    /// A piece of the reply to its oldest request.
    pub fn take_piece(&mut self, turn: &mut Turn, piece: &[u8]) {
        if !piece.is_empty() {
            self.replies.out.tail(&mut turn.buffers).extend_from_slice(piece);
            self.mark_dirty(turn);
        }
    }

    /// That reply, of so many bytes, is complete.
    pub fn end_download(&mut self, turn: &mut Turn, len: usize) {
        self.download_from = None;
        if self.replies.handle_flowed() {
            return self.begin_next_download(turn);
        }
        self.replies.pop(&mut turn.buffers, len);
        self.release_messages(turn);
        self.settle(turn);
    }
}
