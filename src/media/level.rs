//! How loud it is: RMS and peak for meters, level and energy as webrtc-stats defines them.
//!
//! Invariant: 1.0 is the highest value a sample can have (0 dBov).

/// Magnitude of the loudest sample there can be.
const FULL: f64 = 32_768.0;

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
        let (peak, energy) = peak_and_energy(pcm);
        let mean = energy as f64 / (FULL * FULL) / pcm.len() as f64;
        let duration_s = pcm.len() as f64 / f64::from(rate_hz.max(1));
        self.rms = mean.sqrt();
        self.peak = f64::from(peak) / FULL;
        self.total_energy += mean * duration_s;
        self.total_duration_s += duration_s;
    }

    /// Without the energy and the duration that were counted `before`.
    pub fn since(self, before: &Self) -> Self {
        Self {
            total_energy: self.total_energy - before.total_energy,
            total_duration_s: self.total_duration_s - before.total_duration_s,
            ..self
        }
    }

    /// RFC 6464 level of the last block: 0 (loudest) to 127 -dBov.
    pub fn dbov(&self) -> u8 {
        if self.rms <= 0.0 { 127 } else { (-20.0 * self.rms.log10()).round().clamp(0.0, 127.0) as u8 }
    }
}

/// What a meter shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loudness {
    /// Root mean square, 0 to 1.
    pub rms: f64,
    /// Highest magnitude, 0 to 1.
    pub peak: f64,
}

/// Measures stretches of 100 ms of a signal, whatever blocks it comes in.
pub struct Meter {
    /// Samples in a stretch.
    stretch: usize,
    samples: usize,
    energy: f64,
    peak: u16,
}

impl Meter {
    /// For a signal of `samples_per_s` (samples, not frames).
    pub fn new(samples_per_s: u32) -> Self {
        Self { stretch: (samples_per_s / 10).max(1) as usize, samples: 0, energy: 0.0, peak: 0 }
    }

    /// Takes a block, and gives the measure of the last stretch that ends in it.
    pub fn add(&mut self, mut pcm: &[i16]) -> Option<Loudness> {
        let mut last = None;
        while self.samples + pcm.len() >= self.stretch {
            let (head, tail) = pcm.split_at(self.stretch - self.samples);
            self.take(head);
            let rms = (self.energy / self.stretch as f64).sqrt() / FULL;
            last = Some(Loudness { rms, peak: f64::from(self.peak) / FULL });
            (self.samples, self.energy, self.peak) = (0, 0.0, 0);
            pcm = tail;
        }
        self.take(pcm);
        last
    }

    fn take(&mut self, pcm: &[i16]) {
        let (peak, energy) = peak_and_energy(pcm);
        self.samples += pcm.len();
        self.energy += energy as f64;
        self.peak = self.peak.max(peak);
    }
}

fn peak_and_energy(pcm: &[i16]) -> (u16, u64) {
    let (mut peak, mut energy) = (0u16, 0u64);
    for sample in pcm {
        let magnitude = sample.unsigned_abs();
        peak = peak.max(magnitude);
        energy += u64::from(magnitude) * u64::from(magnitude);
    }
    (peak, energy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_measures_each_100_ms_whatever_the_blocks() {
        let mut signal = vec![16_384; 1600];
        signal.extend([0; 1600]);
        signal.extend([0, i16::MIN].repeat(800));
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let wanted = [(0.5, 0.5), (0.0, 0.0), (half, 1.0)];
        for block in [1, 160, 480, 960, 1600] {
            let mut meter = Meter::new(16_000);
            let told: Vec<_> = signal.chunks(block).filter_map(|pcm| meter.add(pcm)).collect();
            assert_eq!(told.len(), 3, "blocks of {block}");
            for (loudness, (rms, peak)) in told.iter().zip(wanted) {
                assert!((loudness.rms - rms).abs() < 1e-9, "{loudness:?}");
                assert_eq!(loudness.peak, peak);
            }
        }
        assert_eq!(Meter::new(16_000).add(&signal), Some(Loudness { rms: half, peak: 1.0 }), "the last of several");
    }

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
