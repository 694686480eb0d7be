//! What of the far end's packets the association machine may see. It believes every number in them: a FORWARD TSN makes
//! it count up to two thousand million, DATA of any TSN and stream is kept, a message that never ends grows for ever.
//!
//! Invariant: what the machine keeps of data that cannot be read yet is bounded by the receive window and by the 65535
//! TSNs that an acknowledgement can name, whatever the far end sends.

use super::packet::{Data, Sack, is_at_or_before};

/// A gap block of a SACK cannot name a TSN further than this from the cumulative one (RFC 9260 section 3.3.4).
const FARTHEST_TSN: u32 = 65_535;

/// Error causes of RFC 9260 section 3.3.10.
pub(super) const INVALID_STREAM: u16 = 1;
pub(super) const OUT_OF_RESOURCE: u16 = 4;
pub(super) const USER_INITIATED: u16 = 12;
pub(super) const PROTOCOL_VIOLATION: u16 = 13;

/// What to do with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    /// As if it had been lost.
    Drop,
    /// The association ends, for this cause.
    Abort(u16),
}

pub(super) struct Guard {
    /// What our last SACK said.
    cumulative: u32,
    window: u32,
    /// Bytes taken while the window was closed and nothing could be read to open it.
    excess: usize,
    /// Streams that we have announced.
    streams: u16,
    /// The longest message that we have announced, in bytes.
    max_message: usize,
}

impl Guard {
    /// `cumulative`: the TSN before the far end's first.
    pub fn new(cumulative: u32, window: u32, streams: u16, max_message: usize) -> Self {
        Self { cumulative, window, excess: 0, streams, max_message }
    }

    /// We have sent this SACK.
    pub fn note(&mut self, sack: Sack) {
        (self.cumulative, self.window) = (sack.cumulative, sack.window);
    }

    /// The last TSN up to which everything has arrived, as far as the far end was told.
    pub fn cumulative(&self) -> u32 {
        self.cumulative
    }

    /// `readable`: there is a message that the application could take, and so open the window.
    pub fn data(&mut self, data: &Data, readable: bool) -> Verdict {
        if data.stream >= self.streams {
            return Verdict::Abort(INVALID_STREAM);
        }
        if is_at_or_before(data.tsn, self.cumulative) {
            return Verdict::Keep; // a repetition, which is acknowledged again
        }
        if !self.is_near(data.tsn) {
            return Verdict::Drop;
        }
        if self.window > 0 {
            self.excess = 0;
            return Verdict::Keep;
        }
        // The one chunk that can make something readable is the next in sequence. An honest sender has filled the
        // window with what waits for it, a dishonest one with the beginning of an endless message.
        if data.tsn != self.cumulative.wrapping_add(1) {
            return Verdict::Drop;
        }
        if !readable {
            self.excess += data.len;
            self.cumulative = data.tsn; // acknowledged late
        }
        if self.excess > self.max_message { Verdict::Abort(OUT_OF_RESOURCE) } else { Verdict::Keep }
    }

    pub fn forward(&self, tsn: u32) -> Verdict {
        if is_at_or_before(tsn, self.cumulative) || self.is_near(tsn) { Verdict::Keep } else { Verdict::Drop }
    }

    fn is_near(&self, tsn: u32) -> bool {
        tsn.wrapping_sub(self.cumulative) <= FARTHEST_TSN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE_FIRST: u32 = u32::MAX - 1;

    fn guard() -> Guard {
        Guard::new(BEFORE_FIRST, 1000, 16, 500)
    }

    fn data(tsn: u32, stream: u16) -> Data {
        Data { tsn, stream, protocol: 53, len: 100 }
    }

    #[test]
    fn only_what_an_acknowledgement_can_name_is_kept() {
        let mut guard = guard();
        assert_eq!(guard.data(&data(BEFORE_FIRST.wrapping_add(65_535), 0), false), Verdict::Keep);
        assert_eq!(guard.data(&data(BEFORE_FIRST.wrapping_add(65_536), 0), false), Verdict::Drop);
        assert_eq!(guard.data(&data(BEFORE_FIRST, 0), false), Verdict::Keep);
        assert_eq!(guard.forward(BEFORE_FIRST.wrapping_add(65_536)), Verdict::Drop);
        assert_eq!(guard.forward(3), Verdict::Keep);
    }

    #[test]
    fn a_stream_that_was_not_announced_ends_the_association() {
        assert_eq!(guard().data(&data(0, 16), false), Verdict::Abort(INVALID_STREAM));
    }

    #[test]
    fn a_closed_window_lets_in_the_next_chunk_only_and_a_message_that_never_ends_is_refused() {
        let mut guard = guard();
        guard.note(Sack { cumulative: 10, window: 0 });
        assert_eq!(guard.data(&data(12, 0), false), Verdict::Drop);
        for tsn in 11..16 {
            assert_eq!(guard.data(&data(tsn, 0), false), Verdict::Keep);
            guard.note(Sack { cumulative: tsn, window: 0 });
        }
        assert_eq!(guard.data(&data(16, 0), false), Verdict::Abort(OUT_OF_RESOURCE));
    }

    #[test]
    fn a_window_that_the_application_keeps_closed_is_nobodys_fault() {
        let mut guard = guard();
        guard.note(Sack { cumulative: 10, window: 0 });
        for tsn in 11..40 {
            assert_eq!(guard.data(&data(tsn, 0), true), Verdict::Keep);
            guard.note(Sack { cumulative: tsn, window: 0 });
        }
    }
}
