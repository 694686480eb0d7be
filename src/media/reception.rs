//! What RTCP must know of one inbound stream: counts, loss and jitter (RFC 3550 appendices A.1, A.3, A.8).
//!
//! Invariant: belongs to one SSRC. A new SSRC gets a new value.

use std::time::Instant;

/// Forward jumps up to this many packets are loss (RFC 3550 A.1 MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3000;
/// Backward jumps up to this many are reordering (A.1 MAX_MISORDER).
const MAX_MISORDER: u16 = 100;

/// Counters of one inbound stream.
#[derive(Clone, Debug)]
pub struct Reception {
    /// The stream.
    pub ssrc: u32,
    base: u32,
    highest: u32,
    /// The sequence number that would confirm a jump.
    suspect: Option<u16>,
    received: u64,
    /// Packets and expectation at the last report.
    reported: (u64, u64),
    /// The last packet that counted for the jitter, which is in clock units.
    last: Option<Arrival>,
    jitter: f64,
    epoch: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// Arrival time since the epoch in clock units.
    ticks: f64,
    timestamp: u32,
    clock_hz: u32,
}

/// The part of a report block that the receiver knows; the rest (LSR, DLSR) belongs to RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceptionReport {
    /// The stream that this is about.
    pub ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the start; negative when there were duplicates.
    pub cumulative_lost: i32,
    /// Highest sequence number, the count of its cycles above it.
    pub highest_sequence: u32,
    /// Interarrival jitter in clock units.
    pub jitter: u32,
}

impl Reception {
    /// Starts with the first packet's sequence number, which must still be [`update`](Self::update)d.
    pub fn new(ssrc: u32, sequence: u16, arrival: Instant) -> Self {
        let first = u32::from(sequence);
        Self {
            ssrc,
            base: first,
            highest: first,
            suspect: None,
            received: 0,
            reported: (0, 0),
            last: None,
            jitter: 0.0,
            epoch: arrival,
        }
    }

    /// Counts a packet. `false`: its sequence number is far off, and only the next one can tell whether the sender
    /// has jumped.
    pub fn update(&mut self, sequence: u16) -> bool {
        let step = sequence.wrapping_sub(self.highest as u16);
        if step < MAX_DROPOUT {
            let cycles = if sequence < self.highest as u16 { 0x1_0000 } else { 0 };
            self.highest = (self.highest & 0xffff_0000).wrapping_add(cycles) | u32::from(sequence);
        } else if step <= u16::MAX - MAX_MISORDER {
            if self.suspect != Some(sequence) {
                self.suspect = Some(sequence.wrapping_add(1));
                return false;
            }
            // Two in a row: the sender has restarted. What was lost before stays lost.
            let lost = self.expected() as i64 - self.received as i64;
            self.highest = (self.highest & 0xffff_0000).wrapping_add(0x1_0000) | u32::from(sequence);
            self.received += 1; // The suspect itself.
            self.base = self.highest.wrapping_sub((self.received as i64 + lost) as u32);
        } else {
            // Reordered; maybe it was sent before the first that came.
            let behind = u32::from((self.highest as u16).wrapping_sub(sequence));
            if behind > self.highest.wrapping_sub(self.base) {
                self.base = self.highest.wrapping_sub(behind);
            }
        }
        self.suspect = None;
        self.received += 1;
        true
    }

    /// Updates the jitter; not for packets that repeat a timestamp on purpose.
    pub fn time(&mut self, timestamp: u32, arrival: Instant, clock_hz: u32) {
        let now = arrival.saturating_duration_since(self.epoch).as_secs_f64() * f64::from(clock_hz);
        if let Some(last) = self.last.filter(|last| last.clock_hz == clock_hz) {
            let moved = f64::from(timestamp.wrapping_sub(last.timestamp) as i32);
            let difference = (now - last.ticks - moved).abs();
            // A jump of the timestamp is not jitter.
            if difference < f64::from(clock_hz) {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
        self.last = Some(Arrival { ticks: now, timestamp, clock_hz });
    }

    fn expected(&self) -> u64 {
        u64::from(self.highest.wrapping_sub(self.base)) + 1
    }

    /// Packets received, duplicates and late ones included.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets that never came; negative when there were duplicates.
    pub fn lost(&self) -> i64 {
        if self.received == 0 { 0 } else { self.expected() as i64 - self.received as i64 }
    }

    /// Jitter in clock units.
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// Jitter in seconds.
    pub fn jitter_s(&self) -> f64 {
        self.last.map_or(0.0, |last| self.jitter / f64::from(last.clock_hz))
    }

    /// Highest sequence number, the count of its cycles above it.
    pub fn highest_sequence(&self) -> u32 {
        self.highest
    }

    /// The numbers for a report block; the fraction counts from the last call.
    pub fn report(&mut self) -> ReceptionReport {
        let (received, expected) = (self.received, self.expected());
        let (expected_now, received_now) = (expected.saturating_sub(self.reported.1), received - self.reported.0);
        self.reported = (received, expected);
        let lost = expected_now.saturating_sub(received_now);
        let fraction = (lost * 256).checked_div(expected_now).unwrap_or(0).min(255);
        ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost: fraction as u8,
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: self.highest,
            jitter: self.jitter as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn fed(sequences: impl IntoIterator<Item = u16>) -> Reception {
        let mut sequences = sequences.into_iter().peekable();
        let mut reception = Reception::new(1, *sequences.peek().unwrap(), Instant::now());
        sequences.for_each(|sequence| {
            reception.update(sequence);
        });
        reception
    }

    #[test]
    fn loss_is_counted_across_the_wrap_of_the_sequence() {
        let mut reception = fed((65_530..=65_535).chain((0..100).filter(|it| it % 10 != 3)));
        assert_eq!(reception.lost(), 10);
        assert_eq!(reception.highest_sequence(), 0x1_0000 + 99);
        let report = reception.report();
        assert_eq!((report.cumulative_lost, report.fraction_lost), (10, (10 * 256 / 106) as u8));
        assert_eq!(reception.report().fraction_lost, 0);
    }

    #[test]
    fn reordering_is_not_loss_and_a_duplicate_makes_it_negative() {
        assert_eq!(fed([1, 2, 4, 3, 5]).lost(), 0);
        assert_eq!(fed([1, 0, 65_535, 2, 3]).lost(), 0);
        assert_eq!(fed([1, 2, 2, 3]).lost(), -1);
    }

    #[test]
    fn a_restarted_sequence_is_taken_up_without_loss() {
        let mut reception = fed((0..50).filter(|it| *it != 7).chain(30_000..30_050));
        assert_eq!(reception.lost(), 1);
        assert_eq!(reception.received(), 99);
        reception.update(30_052);
        assert_eq!(reception.lost(), 3);
    }

    #[test]
    fn one_stray_sequence_number_changes_nothing() {
        let reception = fed((0..50).chain([40_000]).chain(50..60));
        assert_eq!(reception.lost(), 0);
        assert_eq!(reception.highest_sequence(), 59);
    }

    #[test]
    fn jitter_follows_rfc_3550() {
        let start = Instant::now();
        let mut reception = Reception::new(1, 0, start);
        for n in 0..200u64 {
            // Every other packet 5 ms late: D alternates by 5 ms, J converges to 5 ms.
            let arrival = start + Duration::from_millis(n * 20 + (n % 2) * 5);
            reception.time((n * 160) as u32, arrival, 8000);
        }
        assert!((reception.jitter() - 40.0).abs() < 1.0, "{}", reception.jitter());
        assert!((reception.jitter_s() - 0.005).abs() < 0.0002);
    }
}
