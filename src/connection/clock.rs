//! Wall-clock time for RTCP, derived from the one monotonic clock that everything else runs on.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970).
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// Milliseconds since 1970 of an NTP time, 32.32 seconds since 1900.
pub fn unix_ms_of_ntp(ntp: u64) -> f64 {
    ntp_ms(ntp) - NTP_TO_UNIX_S as f64 * 1e3
}

/// Milliseconds since 1900 of an NTP time.
pub fn ntp_ms(ntp: u64) -> f64 {
    (ntp as f64) / 4_294_967_296.0 * 1e3
}

/// Fixes one moment of the monotonic clock to one of the wall clock. Never stepped: RTCP measures differences.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    origin: Instant,
    /// Since 1900.
    wall: Duration,
}

impl WallClock {
    /// `now` is the moment that the system's clock shows.
    pub fn system(now: Instant) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { origin: now, wall: unix + Duration::from_secs(NTP_TO_UNIX_S) }
    }

    /// NTP format, 32.32 seconds since 1900.
    pub fn ntp(&self, at: Instant) -> u64 {
        let since = self.wall + at.saturating_duration_since(self.origin);
        (since.as_secs() << 32) | ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000)
    }

    /// Milliseconds since 1970.
    pub fn unix_ms(&self, at: Instant) -> f64 {
        let since = self.wall + at.saturating_duration_since(self.origin);
        since.as_secs_f64() * 1e3 - NTP_TO_UNIX_S as f64 * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_advances_with_the_monotonic_clock() {
        let now = Instant::now();
        let clock = WallClock { origin: now, wall: Duration::from_secs(10) };
        assert_eq!(clock.ntp(now), 10 << 32);
        assert_eq!(clock.ntp(now + Duration::from_millis(1500)), (11 << 32) | 1 << 31);
    }
}
