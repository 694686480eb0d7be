//! Bridging of missing packets in PCM, the same for every codec: voiced sound goes on with its last pitch periods (in
//! the manner of G.711 Appendix I), unvoiced sound with noise of the same spectrum; both fade, and what comes next is
//! joined on where it fits.
//!
//! Invariant: neither edge of a gap has a step.

use super::lpc::{Envelope, ORDER};
use super::pitch::{correlation, samples, similarity};
use std::ops::RangeInclusive;

/// Pitch periods looked for: 66 to 400 Hz.
const PERIODS_US: RangeInclusive<u32> = 2500..=15_000;
/// Stretch over which the past is compared with itself.
const MATCH_US: u32 = 15_000;
/// The period is looked for at about this rate first.
const SEARCH_HZ: u32 = 8000;
/// Stretch that the spectrum is taken from.
const SPECTRUM_US: u32 = 20_000;
/// The past that is kept.
pub const PAST_US: u32 = 60_000;
/// One period is repeated for so long, then two, then three: a single one soon sounds like a buzzer.
const CYCLE_US: u32 = 10_000;
/// Full level for so long, then down to silence.
const HOLD_MS: f32 = 20.0;
/// A tone is still right after two packets, and a fade is heard as one.
const STEADY_HOLD_MS: f32 = 50.0;
const SILENT_MS: f32 = 110.0;
/// Length of the blend at the beginning of a gap.
const EDGE_US: u32 = 4000;
/// Length of the blend at its end: a decoder that has missed something needs a while to be right again.
const JOIN_US: u32 = 8000;
/// A tone, which is repeated as it was, goes on for so long before that blend: a speech codec that has missed some of it
/// begins in the phase where it stopped, and needs as long to find the right one.
const STEADY_LEAD_US: u32 = 8000;
/// Length of the blend where two sides meet within a gap.
const MEET_US: u32 = 5000;
/// Where two sides meet is looked for in steps of this.
const MEET_STEP_US: u32 = 125;
/// A known future shorter than this is none to go back from.
const SHORTEST_FUTURE_US: u32 = 10_000;
/// What comes after a gap is moved by at most this, to fit.
const FIT_US: u32 = 8000;
/// The likeness of two periods from which sound counts as half voiced, and wholly.
const HALF_VOICED: f32 = 0.45;
const VOICED: f32 = 0.85;
/// The likeness from which sound counts as steady: a tone, not speech.
const STEADY: f32 = 0.99;

/// Remembers what was played last and goes on with it where something is missing.
pub struct Concealer {
    rate_hz: u32,
    /// The last samples played, oldest first.
    past: Vec<i16>,
    gap: Option<Gap>,
    seed: u32,
}

/// The sound of a gap, sample by sample.
struct Gap {
    /// What was played before it; the concealer's own past goes on with what is played meanwhile.
    past: Vec<i16>,
    period: usize,
    /// What is played next of the past.
    position: usize,
    alike: f32,
    voiced: f32,
    envelope: Envelope,
    /// What the noise filter has put out, newest last.
    noise: [f32; ORDER],
    age: usize,
    /// What the first sample of the bridge lacks to follow the last one played.
    step: f32,
}

/// Where what follows a gap may be moved to, to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The gap may become longer.
    Later,
    /// Some of what follows may be left out.
    Sooner,
    /// It stays.
    Fixed,
}

impl Gap {
    fn steady(&self) -> bool {
        self.alike >= STEADY
    }
}

impl Concealer {
    /// Nothing was played yet: a gap is silent.
    pub fn new(rate_hz: u32) -> Self {
        Self { rate_hz, past: vec![0; samples(PAST_US, rate_hz)], gap: None, seed: 1 }
    }

    /// The rate of the samples.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// What was played last, oldest first.
    pub fn past(&self) -> &[i16] {
        &self.past
    }

    /// Inside a gap?
    pub fn bridging(&self) -> bool {
        self.gap.is_some()
    }

    /// Inside a gap that has faded to silence?
    pub fn silent(&self) -> bool {
        self.gap.as_ref().is_some_and(|gap| gap.age as f32 * 1000.0 >= SILENT_MS * self.rate_hz as f32)
    }

    /// Is what goes on in a gap so steady that repeating it is better than what a speech codec makes of it?
    pub fn steady(&self) -> bool {
        self.gap.as_ref().map_or_else(|| self.likeness(self.period()) >= STEADY, Gap::steady)
    }

    /// Remembers what was played.
    pub fn played(&mut self, pcm: &[i16]) {
        let kept = self.past.len();
        if pcm.len() >= kept {
            self.past.copy_from_slice(&pcm[pcm.len() - kept..]);
        } else {
            self.past.copy_within(pcm.len().., 0);
            self.past[kept - pcm.len()..].copy_from_slice(pcm);
        }
    }

    /// Appends `count` samples of bridge to `out`. The gap lasts until [`join`](Self::join).
    pub fn bridge(&mut self, count: usize, out: &mut Vec<i16>) {
        let mut gap = self.gap.take().unwrap_or_else(|| self.begin());
        out.extend((0..count).map(|_| self.next(&mut gap)));
        self.gap = Some(gap);
    }

    /// Ends the gap with `pcm`, whose beginning is blended with the bridge where it fits best.
    pub fn join(&mut self, pcm: &mut Vec<i16>, fit: Fit) {
        let Some(mut gap) = self.gap.take() else { return };
        let blend = samples(JOIN_US, self.rate_hz).min(pcm.len());
        let lead = if gap.steady() { samples(STEADY_LEAD_US, self.rate_hz).min(pcm.len() - blend) } else { 0 };
        let edge = lead + blend;
        let room = samples(FIT_US, self.rate_hz);
        let (extra, skipped) = match fit {
            Fit::Later => (room, 0),
            Fit::Sooner => (0, room.min(pcm.len() - edge)),
            Fit::Fixed => (0, 0),
        };
        let bridge: Vec<i16> = (0..edge + extra).map(|_| self.next(&mut gap)).collect();
        if edge == 0 {
            return;
        }
        let later = self.fit(&bridge, &pcm[..edge]);
        let sooner = self.fit(&pcm[..edge + skipped], &bridge[..edge]);
        pcm.drain(..sooner);
        pcm[..lead].copy_from_slice(&bridge[later..later + lead]);
        for (n, (sample, bridge)) in pcm[lead..edge].iter_mut().zip(&bridge[later + lead..]).enumerate() {
            let share = (n + 1) as f32 / (blend + 1) as f32;
            *sample = (f32::from(*bridge) * (1.0 - share) + f32::from(*sample) * share) as i16;
        }
        pcm.splice(0..0, bridge[..later].iter().copied());
    }

    /// Appends `count` samples of bridge that lead over to `after`, and ends the gap: both sides go on towards each other
    /// and meet where they are most alike.
    pub fn meet(&mut self, count: usize, after: &[i16], out: &mut Vec<i16>) {
        let start = out.len();
        self.bridge(count, out);
        self.gap = None;
        let gap = &mut out[start..];
        let known = after.len().min(self.past.len());
        if known < samples(SHORTEST_FUTURE_US, self.rate_hz) {
            return;
        }
        let past = after[..known].iter().rev().copied().collect();
        let mut mirrored = Self { rate_hz: self.rate_hz, past, gap: None, seed: self.seed };
        let mut back = Vec::with_capacity(count);
        mirrored.bridge(count, &mut back);
        back.reverse();
        let blend = samples(MEET_US, self.rate_hz).min(count);
        let place = meeting_place(gap, &back, blend, samples(MEET_STEP_US, self.rate_hz).max(1));
        for (n, (sample, back)) in gap.iter_mut().zip(&back).enumerate().skip(place) {
            let share = ((n - place + 1) as f32 / (blend + 1) as f32).min(1.0);
            *sample = (f32::from(*sample) * (1.0 - share) + f32::from(*back) * share) as i16;
        }
    }

    /// Where in `signal` `piece` fits: the place that looks most like it, or the start if none does.
    fn fit(&self, signal: &[i16], piece: &[i16]) -> usize {
        let places = signal.len() - piece.len();
        let score = |place: usize| similarity(&signal[place..place + piece.len()], piece, 1);
        // The start is preferred a little: moving for nothing would only cost delay.
        let best = (0..=places).map(|place| (place, score(place) - 0.1 * place as f64 / places.max(1) as f64));
        best.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|it| it.1 > 0.3).map_or(0, |it| it.0)
    }

    fn begin(&self) -> Gap {
        let (end, period) = (self.past.len(), self.period());
        let alike = self.likeness(period);
        let voiced = ((alike - HALF_VOICED) / (VOICED - HALF_VOICED) * 0.5 + 0.5).clamp(0.0, 1.0);
        let mut noise = [0.0; ORDER];
        noise.iter_mut().zip(&self.past[end - ORDER..]).for_each(|(to, from)| *to = f32::from(*from));
        Gap {
            past: self.past.clone(),
            period,
            position: end - period,
            alike,
            voiced,
            envelope: Envelope::of(&self.past[end - samples(SPECTRUM_US, self.rate_hz).min(end)..]),
            noise,
            age: 0,
            step: f32::from(self.past[end - 1]) - f32::from(self.past[end - 1 - period]),
        }
    }

    fn next(&mut self, gap: &mut Gap) -> i16 {
        let edge = samples(EDGE_US, self.rate_hz);
        let correction = gap.step * (1.0 - gap.age.min(edge) as f32 / edge as f32);
        let mut sample = self.repeat(gap) + correction;
        if gap.voiced < 1.0 {
            let noise = self.noise(gap);
            // The noise begins with what was there, and takes over within the edge.
            let noisy = (1.0 - gap.voiced * gap.voiced).sqrt() * (gap.age.min(edge) as f32 / edge as f32);
            sample = sample * (1.0 - noisy * noisy).sqrt() + noise * noisy;
        }
        let ms = gap.age as f32 * 1000.0 / self.rate_hz as f32;
        gap.age += 1;
        let hold_ms = if gap.steady() { STEADY_HOLD_MS } else { HOLD_MS };
        (sample * ((SILENT_MS - ms) / (SILENT_MS - hold_ms)).clamp(0.0, 1.0)) as i16
    }

    /// The next sample of the repeated past. Towards its end it turns into what came some periods earlier, which the
    /// beginning of the next round follows.
    fn repeat(&self, gap: &mut Gap) -> f32 {
        let (end, blend) = (gap.past.len(), gap.period / 4);
        let rounds = 1 + gap.age / samples(CYCLE_US, self.rate_hz).max(1);
        let back = gap.period * rounds.min(3).min((end - blend) / gap.period).max(1);
        let now = f32::from(gap.past[gap.position]);
        let left = end - gap.position;
        let sample = if left <= blend {
            let share = (blend - left + 1) as f32 / (blend + 1) as f32;
            now * (1.0 - share) + f32::from(gap.past[gap.position - back]) * share
        } else {
            now
        };
        gap.position += 1;
        if gap.position == end {
            gap.position = end - back;
        }
        sample
    }

    fn noise(&mut self, gap: &mut Gap) -> f32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let white = ((self.seed >> 8) as f32 / 8_388_608.0 - 1.0) * 1.732;
        let sample = gap.envelope.next(&gap.noise, white).clamp(-32_768.0, 32_767.0);
        gap.noise.rotate_left(1);
        gap.noise[ORDER - 1] = sample;
        sample
    }

    /// How much the recent past looks like that of a `period` ago, 0 to 1.
    fn likeness(&self, period: usize) -> f32 {
        let end = self.past.len();
        let recent = &self.past[end - samples(MATCH_US, self.rate_hz).min(end - period)..];
        let before = &self.past[end - period - recent.len()..end - period];
        similarity(recent, before, 1).max(0.0) as f32
    }

    /// The lag at which the recent past looks most like itself: first coarsely, then to the sample.
    fn period(&self) -> usize {
        let shortest = samples(*PERIODS_US.start(), self.rate_hz);
        // Of a short past no more than two thirds, so that something is left to compare.
        let longest = samples(*PERIODS_US.end(), self.rate_hz).min(self.past.len() * 2 / 3);
        let step = (self.rate_hz / SEARCH_HZ).max(1) as usize;
        let coarse = self.best((shortest..=longest).step_by(step), step);
        let near = coarse.saturating_sub(step).max(shortest)..=(coarse + step).min(longest);
        self.best(near, 1)
    }

    fn best(&self, lags: impl Iterator<Item = usize>, step: usize) -> usize {
        let end = self.past.len();
        let score = |lag: usize| {
            let recent = &self.past[end - samples(MATCH_US, self.rate_hz).min(end - lag)..];
            let before = &self.past[end - lag - recent.len()..end - lag];
            let energy = correlation(before, before, step) * correlation(recent, recent, step);
            correlation(recent, before, step) / (energy + 1.0).sqrt()
        };
        let scored = lags.map(|lag| (lag, score(lag)));
        scored.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(end / 2, |(lag, _)| lag)
    }
}

/// Where `blend` samples of two signals are most alike, the middle being preferred a little.
fn meeting_place(a: &[i16], b: &[i16], blend: usize, step: usize) -> usize {
    let places = a.len() - blend;
    let middle = places as f64 / 2.0;
    let score = |place: usize| {
        let off = (place as f64 - middle).abs() / middle.max(1.0);
        similarity(&a[place..place + blend], &b[place..place + blend], step) - 0.2 * off
    };
    let scored = (0..=places).step_by(step).map(|place| (place, score(place)));
    scored.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |it| it.0)
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
            concealer.played(&tone(rate_hz, 200.0, 0, 60 * ms));
            let mut gap = Vec::new();
            concealer.bridge(20 * ms, &mut gap);
            for (a, b) in gap.iter().zip(tone(rate_hz, 200.0, 60 * ms, 20 * ms)) {
                assert!((i32::from(*a) - i32::from(b)).abs() < 300, "{rate_hz}: {a} {b}");
            }
            gap.clear();
            concealer.bridge(100 * ms, &mut gap);
            assert!(gap[91 * ms..].iter().all(|sample| *sample == 0));
            assert!(gap[20 * ms..].iter().any(|sample| *sample > 1000));
        }
    }

    #[test]
    fn a_tone_goes_on_while_the_decoder_finds_its_phase_and_keeps_its_level_over_two_packets() {
        let (rate_hz, ms) = (48_000, 48);
        let mut concealer = Concealer::new(rate_hz);
        concealer.played(&tone(rate_hz, 400.0, 0, 60 * ms));
        let mut gap = Vec::new();
        concealer.bridge(40 * ms, &mut gap);
        // Out of phase for 8 ms, right from then on.
        let mut next = tone(rate_hz, 400.0, 100 * ms, 20 * ms);
        next[..8 * ms].iter_mut().for_each(|sample| *sample = -*sample);
        concealer.join(&mut next, Fit::Fixed);
        gap.extend(next);
        for (n, (a, b)) in gap.iter().zip(tone(rate_hz, 400.0, 60 * ms, 60 * ms)).enumerate() {
            assert!((i32::from(*a) - i32::from(b)).abs() < 500, "{n}: {a} {b}");
        }
    }

    #[test]
    fn a_tone_is_joined_by_a_packet_that_is_shorter_than_the_lead() {
        let mut concealer = Concealer::new(48_000);
        concealer.played(&tone(48_000, 400.0, 0, 2880));
        concealer.bridge(960, &mut Vec::new());
        let mut next = vec![0; 240];
        concealer.join(&mut next, Fit::Fixed);
        assert!(largest_step(&next[120..]) < 500 && next[239].abs() < 100, "{next:?}");
    }

    #[test]
    fn neither_edge_of_a_gap_has_a_step() {
        // Worst cases: no whole period fits, and the next packet is out of phase.
        for hz in [37.0, 153.0, 397.0, 1000.0] {
            for (shift, fit) in [(0, Fit::Fixed), (3, Fit::Later), (20, Fit::Sooner), (61, Fit::Fixed)] {
                let mut concealer = Concealer::new(16_000);
                let mut pcm = tone(16_000, hz, 0, 960);
                concealer.played(&pcm);
                concealer.bridge(320, &mut pcm);
                let mut next = tone(16_000, hz, 1280 + shift, 320);
                concealer.join(&mut next, fit);
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

    #[test]
    fn a_tone_is_steady_and_a_voice_is_not() {
        let mut concealer = Concealer::new(16_000);
        concealer.played(&tone(16_000, 440.0, 0, 960));
        assert!(concealer.steady());
        concealer.bridge(320, &mut Vec::new());
        assert!(concealer.steady());
        // A pitch that rises by an octave in half a second.
        let mut phase = 0.0f32;
        let voice: Vec<i16> = (0..960)
            .map(|n| {
                phase += 120.0 * (1.0 + n as f32 / 8000.0) * std::f32::consts::TAU / 16_000.0;
                ((phase.sin() + (phase * 5.0).sin()) * 4000.0) as i16
            })
            .collect();
        concealer.join(&mut tone(16_000, 440.0, 960, 320), Fit::Fixed);
        concealer.played(&voice);
        assert!(!concealer.steady());
    }

    #[test]
    fn what_follows_a_gap_is_moved_to_where_it_fits() {
        for (fit, wanted) in [(Fit::Later, 320 + 60), (Fit::Sooner, 320 - 20), (Fit::Fixed, 320)] {
            let mut concealer = Concealer::new(16_000);
            concealer.played(&tone(16_000, 200.0, 0, 960));
            concealer.bridge(160, &mut Vec::new());
            // A period is 80 samples: this follows what was played only 60 later or 20 sooner.
            let mut next = tone(16_000, 200.0, 1120 + 60, 320);
            concealer.join(&mut next, fit);
            assert!(next.len().abs_diff(wanted) <= 2, "{fit:?}: {}", next.len());
            assert!(!concealer.bridging());
        }
    }

    #[test]
    fn what_has_no_pitch_goes_on_as_noise_of_the_same_level() {
        let mut seed = 5u32;
        let hiss: Vec<i16> = (0..960)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((seed >> 16) as i32 % 4000 - 2000) as i16
            })
            .collect();
        let mut concealer = Concealer::new(16_000);
        concealer.played(&hiss);
        let mut gap = Vec::new();
        concealer.bridge(320, &mut gap);
        let rms = |pcm: &[i16]| (correlation(pcm, pcm, 1) / pcm.len() as f64).sqrt();
        assert!((0.6..1.5).contains(&(rms(&gap[64..]) / rms(&hiss))), "{} {}", rms(&gap), rms(&hiss));
        let again = (40..240).map(|lag| similarity(&gap[..80], &gap[lag..lag + 80], 1)).fold(0.0, f64::max);
        assert!(again < 0.7, "it does not repeat itself: {again}");
    }

    #[test]
    fn a_gap_between_two_known_sides_leads_from_one_to_the_other() {
        // The pitch glides: neither side alone could know the other.
        let glide = |n: usize| ((n as f64 * n as f64 * 2e-6 + n as f64 * 0.05).sin() * 8000.0) as i16;
        let pcm: Vec<i16> = (0..2000).map(glide).collect();
        let mut concealer = Concealer::new(8000);
        concealer.played(&pcm[..800]);
        let mut filled = pcm[..800].to_vec();
        concealer.meet(160, &pcm[960..1120], &mut filled);
        assert_eq!(filled.len(), 960);
        assert!(!concealer.bridging());
        filled.extend(&pcm[960..1120]);
        assert!(largest_step(&filled) < largest_step(&pcm) * 3 / 2, "{}", largest_step(&filled));
        // Too short a future is no help, and no harm.
        concealer.meet(160, &pcm[960..1000], &mut filled);
        assert_eq!(filled.len(), 1280);
    }

    #[test]
    fn a_gap_goes_on_in_phase_whatever_is_played_meanwhile() {
        let mut concealer = Concealer::new(16_000);
        let mut pcm = tone(16_000, 440.0, 0, 960);
        concealer.played(&pcm);
        for _ in 0..3 {
            let mut piece = Vec::new();
            concealer.bridge(160, &mut piece);
            concealer.played(&piece);
            pcm.extend(piece);
        }
        let mut next = tone(16_000, 440.0, 1440, 320);
        concealer.join(&mut next, Fit::Fixed);
        for (a, b) in next.iter().zip(tone(16_000, 440.0, 1440, 320)) {
            // A period is a whole number of samples: after 46 ms the phase is off by up to 14 degrees.
            assert!((i32::from(*a) - i32::from(b)).abs() < 2000, "{a} {b}");
        }
    }
}
