//! When RTCP is due, and what was heard of the far end's own reports.

use crate::media::ReceptionReport;
use crate::rtcp::{ReportBlock, SenderInfo, compact_ntp};
use std::time::{Duration, Instant};

/// The first report goes early, so that a round-trip time is known soon after the call is up.
const FIRST: Duration = Duration::from_millis(500);
/// Two packets a second and direction at most stay far below the 5 % of RFC 3550 section 6.2.
const INTERVAL: Duration = Duration::from_millis(2000);

/// The report timer of one transport; silent until [`start`](Self::start).
#[derive(Debug, Default)]
pub struct Reporting {
    next: Option<Instant>,
    /// Spreads the reports of many calls (RFC 3550 section 6.2 asks for 0.5 to 1.5 of the interval).
    phase: u32,
}

impl Reporting {
    /// Media can flow from now on.
    pub fn start(&mut self, now: Instant) {
        self.next.get_or_insert(now + FIRST);
    }

    /// When the next report is due.
    pub fn timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Whether a report is due, and if so sets the timer anew.
    pub fn take_due(&mut self, now: Instant) -> bool {
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            // A linear congruential step is random enough to keep calls from marching in step.
            self.phase = self.phase.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            self.next = Some(now + INTERVAL.mul_f64(0.5 + f64::from(self.phase >> 16) / 65536.0));
        }
        due
    }

    /// Begins the sequence of intervals somewhere of its own.
    pub fn seed(seed: u32) -> Self {
        Self { next: None, phase: seed }
    }
}

/// What a far end's sender reports said of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    last: Option<(SenderInfo, Instant)>,
    /// How many came.
    pub reports: u64,
}

impl Heard {
    /// A sender report has come.
    pub fn note(&mut self, info: SenderInfo, now: Instant) {
        self.last = Some((info, now));
        self.reports += 1;
    }

    /// The last one, and when it came.
    pub fn last(&self) -> Option<(SenderInfo, Instant)> {
        self.last
    }

    /// A report block about the stream (RFC 3550 section 6.4.1).
    pub fn block(&self, report: ReceptionReport, now: Instant) -> ReportBlock {
        let (last_sender_report, delay_since_last) = self.echo(now);
        ReportBlock {
            ssrc: report.ssrc,
            fraction_lost: report.fraction_lost,
            cumulative_lost: report.cumulative_lost,
            highest_sequence: report.highest_sequence,
            jitter: report.jitter,
            last_sender_report,
            delay_since_last,
        }
    }

    /// `LSR` and `DLSR` of a report block (RFC 3550 section 6.4.1).
    fn echo(&self, now: Instant) -> (u32, u32) {
        self.last.map_or((0, 0), |(info, at)| {
            let delay = now.saturating_duration_since(at).as_secs_f64() * 65536.0;
            (compact_ntp(info.ntp), delay as u32)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_before_the_start_and_intervals_stay_within_half_and_one_and_a_half() {
        let start = Instant::now();
        let mut reporting = Reporting::seed(7);
        assert!(!reporting.take_due(start + INTERVAL));
        reporting.start(start);
        let mut now = start + FIRST;
        for _ in 0..100 {
            assert!(reporting.take_due(now));
            let next = reporting.timeout().expect("the timer runs");
            assert!(next >= now + INTERVAL / 2 && next <= now + INTERVAL * 3 / 2);
            assert!(!reporting.take_due(now));
            now = next;
        }
    }
}
