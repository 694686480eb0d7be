//! What was lost twice: the machine sends a chunk again when three acknowledgements lack it (RFC 9260 section 7.2.4), and
//! where that copy is lost too waits for its timer, which takes a long time and leaves one packet of the congestion window.
//!
//! Invariant: a chunk goes out again only after an acknowledgement that lacks it, while later ones have arrived.

use super::packet::{Acknowledged, is_at_or_before};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// In round trips: the answer to a copy would have come.
const PATIENCE: (u32, u32) = (3, 2);
/// The least of that, for a far end whose thread has other things to do.
const LEAST_PATIENCE: Duration = Duration::from_millis(20);

/// Chunks that have been sent more than once.
#[derive(Default)]
pub(super) struct Repairs(Vec<Repair>);

struct Repair {
    tsn: u32,
    chunk: Bytes,
    sent_at: Instant,
    /// An acknowledgement has come since, and named later chunks and not this one.
    overtaken: bool,
}

impl Repairs {
    /// The machine has sent this chunk again.
    pub fn note(&mut self, now: Instant, tsn: u32, chunk: Bytes) {
        self.0.retain(|repair| repair.tsn != tsn);
        self.0.push(Repair { tsn, chunk, sent_at: now, overtaken: false });
    }

    pub fn acknowledge(&mut self, acknowledged: &Acknowledged) {
        self.0.retain(|repair| !acknowledged.holds(repair.tsn));
        for repair in &mut self.0 {
            repair.overtaken |= is_at_or_before(repair.tsn, acknowledged.highest);
        }
    }

    pub fn timeout(&self, rtt: Duration) -> Option<Instant> {
        let overtaken = self.0.iter().filter(|repair| repair.overtaken);
        overtaken.map(|repair| repair.sent_at + patience(rtt)).min()
    }

    /// The chunks that are to be sent once more.
    pub fn take_due(&mut self, now: Instant, rtt: Duration) -> Vec<Bytes> {
        let due = |repair: &&mut Repair| repair.overtaken && repair.sent_at + patience(rtt) <= now;
        let again = |repair: &mut Repair| {
            (repair.sent_at, repair.overtaken) = (now, false);
            repair.chunk.clone()
        };
        self.0.iter_mut().filter(due).map(again).collect()
    }
}

fn patience(rtt: Duration) -> Duration {
    (rtt * PATIENCE.0 / PATIENCE.1).max(LEAST_PATIENCE)
}
