//! How loud it is: RMS and peak for meters, level and energy as webrtc-stats defines them.
//!
//! Invariant: 1.0 is the highest value a sample can have (0 dBov).

/// Rms and peak of the last block, energy and duration of all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// Root mean square of the last block, 0 to 1: `audioLevel` of webrtc-stats.
    pub rms: f64,
    /// Highest magnitude in the last block, 0 to 1.
    pub peak: f64,
    /// `totalAudioEnergy` of webrtc-stats, in seconds.
    pub total_energy: f64,
    /// `totalSamplesDuration` of webrtc-stats, in seconds.
    pub total_duration_s: f64,
}

impl Level {
    /// Measures a block at `rate_hz` samples (not frames) per second.
    pub fn add(&mut self, pcm: &[i16], rate_hz: u32) {
        if pcm.is_empty() {
            return;
        }
        let full = -f64::from(i16::MIN);
        let (mut peak, mut energy) = (0u16, 0u64);
        for sample in pcm {
            let magnitude = sample.unsigned_abs();
            peak = peak.max(magnitude);
            energy += u64::from(magnitude) * u64::from(magnitude);
        }
        let mean = energy as f64 / (full * full) / pcm.len() as f64;
        let duration_s = pcm.len() as f64 / f64::from(rate_hz.max(1));
        self.rms = mean.sqrt();
        self.peak = f64::from(peak) / full;
        self.total_energy += mean * duration_s;
        self.total_duration_s += duration_s;
    }

    /// RFC 6464 level of the last block: 0 (loudest) to 127 -dBov.
    pub fn dbov(&self) -> u8 {
        if self.rms <= 0.0 { 127 } else { (-20.0 * self.rms.log10()).round().clamp(0.0, 127.0) as u8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_webrtc_stats() {
        let mut level = Level::default();
        level.add(&[i16::MIN; 480], 48_000);
        assert_eq!((level.rms, level.peak, level.dbov()), (1.0, 1.0, 0));
        level.add(&[16_384, -16_384], 48_000);
        assert_eq!((level.rms, level.peak, level.dbov()), (0.5, 0.5, 6));
        level.add(&[0; 48_000], 48_000);
        assert_eq!((level.rms, level.peak, level.dbov()), (0.0, 0.0, 127));
        assert!((level.total_energy - (0.01 + 0.25 * 2.0 / 48_000.0)).abs() < 1e-12);
        assert!((level.total_duration_s - 1.01 - 2.0 / 48_000.0).abs() < 1e-9);
    }
}
