//! What receiver reports say of the way to the far end, and what an encoder makes of it.
//!
//! Invariant: loss alone buys redundancy and never lowers the bit rate, of which redundancy needs enough: at 32 kb/s a
//! fifth lost sounds like a tenth lost at 20 kb/s. Only loss together with a queue, seen in the round trip, is taken as
//! a way that is too narrow.

use std::time::{Duration, Instant};

/// In-band redundancy is switched on above and off below these shares of loss: it costs 1.4 times the CPU.
const FEC_ON: f32 = 0.03;
const FEC_OFF: f32 = 0.01;
/// From this share of loss on one copy is lost with its original, or comes too late where packets overtake each other, often enough
/// for a second: at 7 % and 40 ms of jitter 1.2 % are missing with one copy and 0.2 % with two.
const HEAVY: f32 = 0.06;
/// Above and below these shares of loss the rate goes down and up again (as in the loss-based control of
/// draft-ietf-rmcat-gcc section 6, whose factors these are).
const TOO_MUCH: f32 = 0.1;
const LITTLE: f32 = 0.02;
const GROWTH: f32 = 1.08;
/// A round trip that is longer than the shortest by a half and so much has a queue in it.
const QUEUE_S: f64 = 0.05;
/// The shortest round trip is that of the last one to two of these, each with four reports at least, which come every 1 to
/// 7.5 s: the way itself may have become a longer one.
const HALF: Duration = Duration::from_secs(30);
/// Without a report for so long nothing is known of the way: the far end may be another one, which tells nothing.
const SILENT: Duration = Duration::from_secs(60);
/// Below this speech suffers more than a narrow way gains: the headers of its packets alone take 24 kb/s.
const LEAST_BPS: u32 = 12_000;

/// The way to the far end.
pub struct Path {
    loss: f32,
    fec: bool,
    shortest: Option<Shortest>,
    reported: Option<Instant>,
    /// Share of the wished bit rate that the way has room for.
    room: f32,
}

/// The shortest of late.
struct Shortest {
    since: Instant,
    present_s: f64,
    before_s: f64,
}

impl Default for Path {
    fn default() -> Self {
        Self { loss: 0.0, fec: false, shortest: None, reported: None, room: 1.0 }
    }
}

impl Path {
    /// A report that came `now`: the share of packets lost since the last one, and the round trip if it was measured.
    pub fn report(&mut self, now: Instant, loss: f32, round_trip_s: Option<f64>) {
        self.reported = Some(now);
        let loss = loss.clamp(0.0, 1.0);
        self.loss += (loss - self.loss) * 0.5;
        self.fec = if self.fec { self.loss >= FEC_OFF } else { self.loss >= FEC_ON };
        let queued = self.queued(now, round_trip_s);
        if loss > TOO_MUCH && queued {
            self.room *= 1.0 - loss / 2.0;
        } else if loss < LITTLE {
            self.room = (self.room * GROWTH + 0.03).min(1.0);
        }
    }

    /// Forgets what is too old; `true`: there was something.
    pub fn forget(&mut self, now: Instant) -> bool {
        let old = self.reported.is_some_and(|reported| now.saturating_duration_since(reported) >= SILENT);
        if old {
            *self = Self::default();
        }
        old
    }

    fn queued(&mut self, now: Instant, round_trip_s: Option<f64>) -> bool {
        let Some(round_trip_s) = round_trip_s else { return false };
        let shortest_s = match &mut self.shortest {
            Some(shortest) => shortest.note(now, round_trip_s),
            None => {
                self.shortest.insert(Shortest { since: now, present_s: round_trip_s, before_s: f64::MAX }).present_s
            }
        };
        round_trip_s > shortest_s * 1.5 + QUEUE_S
    }

    /// In-band redundancy is worth its CPU.
    pub fn fec(&self) -> bool {
        self.fec
    }

    /// How many earlier payloads each packet should carry again, where the far end takes that (RFC 2198). It takes bits, and
    /// gives a whole frame for each: in-band redundancy, which is coarser and costs CPU, is not needed beside it.
    pub fn copies(&self) -> usize {
        match self.loss {
            _ if !self.fec || self.room < 1.0 => 0,
            HEAVY.. => 2,
            _ => 1,
        }
    }

    /// The loss to prepare for, in percent.
    pub fn loss_percent(&self) -> u8 {
        (self.loss * 100.0).round() as u8
    }

    /// How much of the wished bit rate to use.
    pub fn bitrate_bps(&self, wished_bps: u32) -> u32 {
        ((wished_bps as f32 * self.room).round() as u32).max(wished_bps.min(LEAST_BPS))
    }
}

impl Shortest {
    fn note(&mut self, now: Instant, round_trip_s: f64) -> f64 {
        let age = now.saturating_duration_since(self.since);
        if age >= HALF {
            self.before_s = if age < 2 * HALF { self.present_s } else { f64::MAX };
            self.present_s = f64::MAX;
            self.since = now;
        }
        self.present_s = self.present_s.min(round_trip_s);
        self.present_s.min(self.before_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A way with the time of its last report.
    struct Reported(Path, Instant);

    impl Reported {
        fn new() -> Self {
            Self(Path::default(), Instant::now())
        }

        fn report(&mut self, loss: f32, round_trip_s: Option<f64>) {
            self.1 += Duration::from_secs(5);
            self.0.report(self.1, loss, round_trip_s);
        }
    }

    impl std::ops::Deref for Reported {
        type Target = Path;

        fn deref(&self) -> &Path {
            &self.0
        }
    }

    #[test]
    fn redundancy_comes_with_loss_and_goes_late() {
        let mut path = Reported::new();
        path.report(0.02, None);
        assert!(!path.fec());
        (0..4).for_each(|_| path.report(0.05, None));
        assert!(path.fec());
        path.report(0.02, None);
        path.report(0.02, None);
        assert!(path.fec(), "between the two shares nothing changes");
        (0..4).for_each(|_| path.report(0.0, None));
        assert!(!path.fec());
    }

    #[test]
    fn copies_come_with_loss_and_not_with_a_queue() {
        let mut path = Reported::new();
        assert_eq!(path.copies(), 0);
        (0..4).for_each(|_| path.report(0.05, Some(0.05)));
        assert_eq!(path.copies(), 1);
        (0..4).for_each(|_| path.report(0.08, Some(0.05)));
        assert_eq!(path.copies(), 2);
        path.report(0.2, Some(0.4));
        assert_eq!(path.copies(), 0, "a way that is too narrow is not given more");
    }

    #[test]
    fn one_bad_report_is_not_the_weather() {
        let mut path = Reported::new();
        path.report(0.04, None);
        assert!(!path.fec());
        assert_eq!(path.loss_percent(), 2);
    }

    #[test]
    fn loss_without_a_queue_takes_no_bits() {
        let mut path = Reported::new();
        (0..20).for_each(|n| path.report(0.3, (n % 3 > 0).then_some(0.1)));
        assert_eq!(path.bitrate_bps(32_000), 32_000);
    }

    #[test]
    fn a_narrow_way_takes_bits_and_gives_them_back() {
        let mut path = Reported::new();
        path.report(0.0, Some(0.05));
        path.report(0.3, Some(0.4));
        assert_eq!(path.bitrate_bps(32_000), 27_200);
        (0..20).for_each(|_| path.report(0.3, Some(0.4)));
        assert_eq!(path.bitrate_bps(32_000), 12_000);
        assert_eq!(path.bitrate_bps(8000), 8000, "never more than wished");
        path.report(0.05, Some(0.05));
        assert_eq!(path.bitrate_bps(32_000), 12_000, "some loss: as it is");
        let reports = (1..).find(|_| {
            path.report(0.0, Some(0.05));
            path.bitrate_bps(32_000) == 32_000
        });
        assert!((10..40).contains(&reports.unwrap()), "{reports:?}");
    }

    #[test]
    fn a_way_that_has_become_longer_is_no_queue_for_ever() {
        let mut path = Reported::new();
        (0..20).for_each(|_| path.report(0.0, Some(0.005)));
        (0..12).for_each(|_| path.report(0.12, Some(0.09)));
        assert!(path.bitrate_bps(32_000) < 20_000, "it might be one");
        (0..4).for_each(|_| path.report(0.0, Some(0.09)));
        (0..200).for_each(|_| path.report(0.12, Some(0.09)));
        assert!(path.bitrate_bps(32_000) > 24_000, "{}", path.bitrate_bps(32_000));
        (0..10).for_each(|_| path.report(0.12, Some(0.4)));
        assert!(path.bitrate_bps(32_000) < 20_000, "and that is one");
    }

    #[test]
    fn a_shortest_round_trip_that_is_old_counts_no_more_though_no_report_came_since() {
        let mut path = Reported::new();
        path.report(0.0, Some(0.005));
        path.1 += Duration::from_secs(300);
        (0..20).for_each(|_| path.report(0.3, Some(0.09)));
        assert_eq!(path.bitrate_bps(32_000), 32_000);
    }
}
