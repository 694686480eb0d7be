//! Bridging of missing packets in PCM, the same for every codec: the last pitch period goes on and fades (in the
//! manner of G.711 Appendix I), and the next packet is blended in.
//!
//! Invariant: neither edge of a gap has a step. libopus's own concealment is not used: that of its Rust translation
//! (0.2.0) puts out full-scale noise in SILK modes, because a 16-bit limit lost its sign.

/// Pitch periods looked for: 66 to 400 Hz.
const MIN_PERIOD_US: u32 = 2500;
const MAX_PERIOD_US: u32 = 15_000;
/// Stretch over which the past is compared with itself.
const MATCH_US: u32 = 15_000;
/// The period is looked for at about this rate first.
const SEARCH_HZ: u32 = 8000;
/// Full level for so long, then down to silence.
const HOLD_MS: u32 = 20;
const SILENT_MS: u32 = 100;
/// Length of the blends at the edges.
const EDGE_US: u32 = 4000;

/// Remembers what was played last and goes on with it where something is missing.
pub struct Concealer {
    rate_hz: u32,
    /// The last samples played, oldest first.
    history: Vec<i16>,
    /// One period, repeated while a gap lasts.
    cycle: Vec<i16>,
    /// Samples bridged since the last packet; 0 outside a gap.
    age: usize,
    /// What the first sample of the bridge lacks to follow the last one played.
    step: f32,
}

impl Concealer {
    /// Nothing was played yet: a gap is silent.
    pub fn new(rate_hz: u32) -> Self {
        let history = vec![0; samples(MAX_PERIOD_US + MATCH_US, rate_hz) + 1];
        Self { rate_hz, history, cycle: Vec::new(), age: 0, step: 0.0 }
    }

    /// The rate of the samples.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Takes what was decoded; after a gap its beginning is blended with the bridge.
    pub fn played(&mut self, pcm: &mut [i16]) {
        if self.age > 0 {
            let edge = samples(EDGE_US, self.rate_hz).min(pcm.len());
            for (n, sample) in pcm[..edge].iter_mut().enumerate() {
                let new = (n + 1) as f32 / (edge + 1) as f32;
                *sample = (f32::from(self.next()) * (1.0 - new) + f32::from(*sample) * new) as i16;
            }
            self.age = 0;
        }
        self.remember(pcm);
    }

    /// Appends `count` samples of bridge to `out`.
    pub fn bridge(&mut self, count: usize, out: &mut Vec<i16>) {
        if self.age == 0 {
            self.begin();
        }
        out.extend((0..count).map(|_| self.next()));
    }

    fn begin(&mut self) {
        let (end, period) = (self.history.len(), self.period());
        self.cycle.clear();
        self.cycle.extend_from_slice(&self.history[end - period..]);
        // The end of the cycle turns into what came one period earlier, which its beginning follows.
        let edge = period / 4;
        for n in 0..edge {
            let earlier = f32::from(self.history[end - period - edge + n]);
            let sample = &mut self.cycle[period - edge + n];
            let share = (n + 1) as f32 / (edge + 1) as f32;
            *sample = (f32::from(*sample) * (1.0 - share) + earlier * share) as i16;
        }
        self.step = f32::from(self.history[end - 1]) - f32::from(self.history[end - 1 - period]);
    }

    fn next(&mut self) -> i16 {
        let edge = samples(EDGE_US, self.rate_hz);
        let correction = self.step * (1.0 - self.age.min(edge) as f32 / edge as f32);
        let sample = f32::from(self.cycle[self.age % self.cycle.len()]) + correction;
        let gain = self.gain();
        self.age += 1;
        (sample * gain) as i16
    }

    fn gain(&self) -> f32 {
        let ms = self.age as f32 * 1000.0 / self.rate_hz as f32;
        ((SILENT_MS as f32 - ms) / (SILENT_MS - HOLD_MS) as f32).clamp(0.0, 1.0)
    }

    fn remember(&mut self, pcm: &[i16]) {
        let length = self.history.len();
        if pcm.len() >= length {
            self.history.copy_from_slice(&pcm[pcm.len() - length..]);
        } else {
            self.history.copy_within(pcm.len().., 0);
            self.history[length - pcm.len()..].copy_from_slice(pcm);
        }
    }

    /// The lag at which the recent past looks most like itself: first coarsely, then to the sample.
    fn period(&self) -> usize {
        let (shortest, longest) = (samples(MIN_PERIOD_US, self.rate_hz), samples(MAX_PERIOD_US, self.rate_hz));
        let step = (self.rate_hz / SEARCH_HZ).max(1) as usize;
        let coarse = self.best((shortest..=longest).step_by(step), step);
        let near = coarse.saturating_sub(step).max(shortest)..=(coarse + step).min(longest);
        self.best(near, 1)
    }

    fn best(&self, lags: impl Iterator<Item = usize>, step: usize) -> usize {
        let end = self.history.len();
        let recent = &self.history[end - samples(MATCH_US, self.rate_hz)..];
        let score = |lag: usize| {
            let past = &self.history[end - lag - recent.len()..end - lag];
            let (mut product, mut energy) = (0i64, 1i64);
            for (a, b) in recent.iter().zip(past).step_by(step) {
                product += i64::from(*a) * i64::from(*b);
                energy += i64::from(*b) * i64::from(*b);
            }
            product as f64 / (energy as f64).sqrt()
        };
        let scored = lags.map(|lag| (lag, score(lag)));
        scored.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(recent.len(), |(lag, _)| lag)
    }
}

fn samples(us: u32, rate_hz: u32) -> usize {
    (u64::from(us) * u64::from(rate_hz) / 1_000_000) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate_hz: u32, hz: f32, from: usize, count: usize) -> Vec<i16> {
        let step = hz * std::f32::consts::TAU / rate_hz as f32;
        (from..from + count).map(|n| ((n as f32 * step).sin() * 8000.0) as i16).collect()
    }

    fn largest_step(pcm: &[i16]) -> i32 {
        pcm.windows(2).map(|it| (i32::from(it[0]) - i32::from(it[1])).abs()).max().unwrap_or(0)
    }

    #[test]
    fn a_gap_goes_on_with_the_pitch_and_fades_to_silence() {
        for rate_hz in [8000, 16_000, 48_000] {
            let ms = rate_hz as usize / 1000;
            let mut concealer = Concealer::new(rate_hz);
            concealer.played(&mut tone(rate_hz, 200.0, 0, 60 * ms));
            let mut gap = Vec::new();
            concealer.bridge(20 * ms, &mut gap);
            for (a, b) in gap.iter().zip(tone(rate_hz, 200.0, 60 * ms, 20 * ms)) {
                assert!((i32::from(*a) - i32::from(b)).abs() < 300, "{rate_hz}: {a} {b}");
            }
            gap.clear();
            concealer.bridge(100 * ms, &mut gap);
            assert!(gap[81 * ms..].iter().all(|sample| *sample == 0));
            assert!(gap[20 * ms..].iter().any(|sample| *sample > 1000));
        }
    }

    #[test]
    fn neither_edge_of_a_gap_has_a_step() {
        // Worst cases: no whole period fits, and the next packet is out of phase.
        for hz in [37.0, 153.0, 397.0, 1000.0] {
            for shift in [0, 3, 20, 61] {
                let mut concealer = Concealer::new(16_000);
                let mut pcm = tone(16_000, hz, 0, 960);
                concealer.played(&mut pcm);
                concealer.bridge(320, &mut pcm);
                let mut next = tone(16_000, hz, 1280 + shift, 320);
                concealer.played(&mut next);
                pcm.extend(next);
                let natural = largest_step(&tone(16_000, hz, 0, 960));
                assert!(largest_step(&pcm) < natural * 2 + 800, "{hz} Hz, {shift}: {}", largest_step(&pcm));
            }
        }
    }

    #[test]
    fn before_anything_was_played_a_gap_is_silent() {
        let mut gap = Vec::new();
        Concealer::new(48_000).bridge(960, &mut gap);
        assert_eq!(gap, [0; 960]);
    }
}
