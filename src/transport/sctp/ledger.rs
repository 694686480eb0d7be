//! What has become of the bytes that one stream was given.
//!
//! Invariant: `transmitted` never falls and never exceeds what was written.

/// The association machine tells of bytes that are acknowledged or given up; W3C's `bufferedAmount` falls when they are
/// transmitted, which is seen at the packets themselves.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    written: Bytes,
    sent: Bytes,
    /// Acknowledged, or given up before or after they were sent.
    released: u64,
    /// The last TSN that has left.
    last_tsn: Option<u32>,
    /// Application bytes that [`Self::take_transmitted`] has told.
    told: u64,
    /// Messages among what was written may be given up.
    partial: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bytes {
    all: u64,
    /// Of messages that no application wrote, and the byte that stands for an empty message.
    overhead: u64,
}

impl Bytes {
    fn add(&mut self, len: usize, overhead: bool) {
        self.all += len as u64;
        self.overhead += if overhead { len as u64 } else { 0 };
    }
}

impl Ledger {
    pub fn write(&mut self, len: usize, overhead: bool) {
        self.written.add(len, overhead);
    }

    pub fn note_partial(&mut self) {
        self.partial = true;
    }

    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// For the first time.
    pub fn send(&mut self, tsn: u32, len: usize, overhead: bool) {
        self.sent.add(len, overhead);
        self.last_tsn = Some(tsn);
    }

    pub fn release(&mut self, len: usize) {
        self.released += len as u64;
    }

    /// Bytes that wait in the machine for the congestion window.
    pub fn unsent(&self) -> usize {
        self.written.all.saturating_sub(self.sent.all.max(self.released)) as usize
    }

    pub fn last_tsn(&self) -> Option<u32> {
        self.last_tsn
    }

    /// Bytes that have left and are neither acknowledged nor given up.
    pub fn in_flight(&self) -> usize {
        self.sent.all.saturating_sub(self.released) as usize
    }

    /// Application bytes that have left since the last call.
    pub fn take_transmitted(&mut self) -> usize {
        let given_up = self.released.saturating_sub(self.written.overhead);
        let transmitted = (self.sent.all - self.sent.overhead).max(given_up);
        let news = transmitted.saturating_sub(self.told);
        self.told += news;
        news as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_when_they_leave_and_not_again_when_they_are_acknowledged() {
        let mut ledger = Ledger::default();
        ledger.write(12, true);
        ledger.write(1000, false);
        assert_eq!((ledger.unsent(), ledger.take_transmitted()), (1012, 0));
        ledger.send(1, 12, true);
        ledger.send(1, 600, false);
        assert_eq!((ledger.unsent(), ledger.take_transmitted(), ledger.in_flight()), (400, 600, 612));
        ledger.release(612);
        assert_eq!((ledger.unsent(), ledger.take_transmitted(), ledger.in_flight()), (400, 0, 0));
        ledger.send(1, 400, false);
        ledger.release(400);
        assert_eq!((ledger.unsent(), ledger.take_transmitted(), ledger.in_flight()), (0, 400, 0));
    }

    #[test]
    fn bytes_that_were_given_up_unsent_count_too() {
        let mut ledger = Ledger::default();
        ledger.write(500, false);
        ledger.release(500);
        assert_eq!((ledger.unsent(), ledger.take_transmitted(), ledger.in_flight()), (0, 500, 0));
    }
}
