//! Conversion between the rates of telephony and audio: a polyphase FIR filter, streaming.
//!
//! Invariant: n samples in give exactly the samples out that lie in the same time, however the input is cut up.
//! Pass band to 0.85 of the lower Nyquist frequency within 0.1 dB, images and aliases 70 dB down from Nyquist on.

use multiversion::multiversion;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Taps per phase at the lower of the two rates, Kaiser's beta, and the middle of the transition band as a share of the
/// lower Nyquist frequency: together they lose 0.09 dB at the edge of the pass band and leave -73 dB from Nyquist on.
const TAPS: usize = 56;
const BETA: f64 = 7.2;
const CUTOFF: f64 = 0.915;
/// Vectors of so many. Four of them at once where there are enough, since a sum waits for the one before it.
const LANES: usize = 8;

/// The rates that [`Resampler`] converts between. Others work too, but a ratio of large numbers makes a large table:
/// what comes from outside is to be checked against these.
pub const RATES_HZ: [u32; 10] = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];

/// Filter coefficients of one ratio, shared by all resamplers of that ratio.
struct Table {
    up: usize,
    down: usize,
    /// Taps per phase.
    taps: usize,
    /// `up` phases of `taps` coefficients, in the order of the samples.
    phases: Vec<f32>,
}

impl Table {
    fn shared(from_hz: u32, to_hz: u32) -> Arc<Self> {
        type Tables = Vec<((usize, usize), Arc<Table>)>;
        static TABLES: OnceLock<Mutex<Tables>> = OnceLock::new();
        let divisor = gcd(from_hz, to_hz);
        let key = ((to_hz / divisor) as usize, (from_hz / divisor) as usize);
        let tables = || TABLES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        let known = tables().iter().find(|(known, _)| *known == key).map(|(_, table)| table.clone());
        known.unwrap_or_else(|| {
            // It may take a millisecond, which no other call shall wait for. Made twice, either is right.
            let table = Arc::new(Self::new(key.0, key.1));
            tables().push((key, table.clone()));
            table
        })
    }

    fn new(up: usize, down: usize) -> Self {
        // Going down the filter is as much longer as the cut-off is lower.
        let taps = (TAPS * down.max(up)).div_ceil(up).next_multiple_of(LANES);
        let length = taps * up;
        let cutoff = CUTOFF / up.max(down) as f64;
        let middle = length as f64 / 2.0;
        let mut phases = vec![0f32; length];
        for phase in 0..up {
            let tap = |k: usize| {
                let x = (k * up + phase) as f64 - middle;
                sinc(cutoff * x) * kaiser(x / middle)
            };
            // Reversed: coefficient 0 meets the oldest sample.
            let row: Vec<f64> = (0..taps).rev().map(tap).collect();
            // Each phase passes DC exactly.
            let sum: f64 = row.iter().sum();
            phases[phase * taps..][..taps].iter_mut().zip(row).for_each(|(to, tap)| *to = (tap / sum) as f32);
        }
        Self { up, down, taps, phases }
    }
}

/// One channel from one rate to another.
pub struct Resampler {
    table: Arc<Table>,
    /// The last `taps` samples, then room for new ones.
    window: Vec<f32>,
    streams: Streams,
    /// Phase of the next output.
    phase: usize,
    /// Input samples still to come before the next output can be computed.
    ahead: usize,
    /// Zeros at the end of what came in, up to `taps`: silence in gives silence out for free.
    zeros: usize,
}

impl Resampler {
    /// A resampler with silence before its first sample. The rates should be of
    /// [`RATES_HZ`].
    pub fn new(from_hz: u32, to_hz: u32) -> Self {
        let table = Table::shared(from_hz.max(1), to_hz.max(1));
        let taps = table.taps;
        Self { table, window: vec![0.0; taps], streams: Streams::default(), phase: 0, ahead: 1, zeros: taps }
    }

    /// Input samples that [`process`](Self::process) needs for `outputs` more.
    pub fn needed(&self, outputs: usize) -> usize {
        match outputs {
            0 => 0,
            n => self.ahead + (self.phase + (n - 1) * self.table.down) / self.table.up,
        }
    }

    /// Output samples that `inputs` more make possible.
    pub fn available(&self, inputs: usize) -> usize {
        if inputs < self.ahead {
            return 0;
        }
        ((inputs - self.ahead + 1) * self.table.up - 1 - self.phase) / self.table.down + 1
    }

    /// Delay of the filter in output samples.
    pub fn delay(&self) -> usize {
        self.table.taps / 2 * self.table.up / self.table.down
    }

    /// Takes all of `input` and fills `output`; the caller keeps to [`needed`](Self::needed) or
    /// [`available`](Self::available), beyond which it gets zeros.
    pub fn process(&mut self, input: impl ExactSizeIterator<Item = i16>, output: &mut [i16]) {
        let possible = self.available(input.len());
        self.take(input);
        let steps = self.phase + output.len() * self.table.down;
        let heard = if self.zeros < self.window.len() { output.len().min(possible) } else { 0 };
        let (heard, silent) = output.split_at_mut(heard);
        if !heard.is_empty() {
            let window = &self.window[self.ahead..];
            if self.table.up <= LANES {
                self.streams.fill(window, self.table.down);
                side_by_side(&self.table, &self.streams, self.phase, heard);
            } else {
                one_by_one(&self.table, window, self.phase, heard);
            }
        }
        silent.fill(0);
        self.phase = steps % self.table.up;
        let consumed = self.window.len() - self.table.taps;
        self.window.drain(..consumed);
        self.ahead = (self.ahead + steps / self.table.up).saturating_sub(consumed);
        self.zeros = self.zeros.min(self.table.taps);
    }

    fn take(&mut self, input: impl ExactSizeIterator<Item = i16>) {
        let first = self.window.len();
        self.window.extend(input.map(f32::from));
        let taken = &self.window[first..];
        let zeros = taken.iter().rev().take_while(|sample| **sample == 0.0).count();
        self.zeros = if zeros == taken.len() { self.zeros + zeros } else { zeros };
    }
}

/// Rate and channel conversion of interleaved PCM.
pub struct Converter {
    from: (u32, u8),
    to: (u32, u8),
    /// None when the rates are equal.
    lanes: Vec<Resampler>,
}

impl Converter {
    /// From one `(rate_hz, channels)` to another; 1 or 2 channels.
    pub fn new(from: (u32, u8), to: (u32, u8)) -> Self {
        let lanes = if from.0 == to.0 { 0 } else { from.1.min(to.1) };
        Self { from, to, lanes: (0..lanes).map(|_| Resampler::new(from.0, to.0)).collect() }
    }

    /// Is this the conversion between `from` and `to`?
    pub fn is(&self, from: (u32, u8), to: (u32, u8)) -> bool {
        self.from == from && self.to == to
    }

    /// `(rate_hz, channels)` of what goes in and of what comes out.
    pub fn ends(&self) -> [(u32, u8); 2] {
        [self.from, self.to]
    }

    /// Input frames needed for `outputs` frames.
    pub fn needed(&self, outputs: usize) -> usize {
        self.lanes.first().map_or(outputs, |lane| lane.needed(outputs))
    }

    /// Output frames that `inputs` frames make possible.
    pub fn available(&self, inputs: usize) -> usize {
        self.lanes.first().map_or(inputs, |lane| lane.available(inputs))
    }

    /// Delay of the filter in output frames.
    pub fn delay(&self) -> usize {
        self.lanes.first().map_or(0, Resampler::delay)
    }

    /// Converts all of `input`, interleaved, into all of `output`, interleaved.
    pub fn convert(&mut self, input: &[i16], output: &mut [i16]) {
        let (from, to) = (self.from.1, self.to.1);
        let mixed = |frame: &[i16]| match frame {
            [left, right] => ((i32::from(*left) + i32::from(*right)) / 2) as i16,
            _ => frame.first().copied().unwrap_or(0),
        };
        match (self.lanes.as_mut_slice(), from, to) {
            ([], 1, 1) | ([], 2, 2) => {
                let common = input.len().min(output.len());
                output[..common].copy_from_slice(&input[..common]);
            }
            ([], 2, _) => output.iter_mut().zip(input.chunks_exact(2)).for_each(|(out, it)| *out = mixed(it)),
            ([], _, _) => output.chunks_exact_mut(2).zip(input).for_each(|(out, it)| out.fill(*it)),
            ([lane], 2, _) => lane.process(input.chunks_exact(2).map(mixed), output),
            ([lane], _, 2) => {
                let frames = output.len() / 2;
                lane.process(input.iter().copied(), &mut output[..frames]);
                for n in (0..frames).rev() {
                    output[2 * n] = output[n];
                    output[2 * n + 1] = output[n];
                }
            }
            ([lane], _, _) => lane.process(input.iter().copied(), output),
            ([left, right, ..], _, _) => {
                // Both lanes share a buffer half each; then the halves are interleaved.
                let mut halves = vec![0; output.len()];
                let (a, b) = halves.split_at_mut(output.len() / 2);
                left.process(input.iter().step_by(2).copied(), a);
                right.process(input.iter().skip(1).step_by(2).copied(), b);
                for (frame, (left, right)) in output.chunks_exact_mut(2).zip(a.iter().zip(b)) {
                    frame[0] = *left;
                    frame[1] = *right;
                }
            }
        }
    }
}

/// All of `pcm` at another rate or of another channel count, without the filter's delay: both begin and end at the same
/// time. What lies beyond its edges is taken to be what is within, turned about the edge, so that there is no step.
pub fn converted(pcm: &[i16], from: (u32, u8), to: (u32, u8)) -> Vec<i16> {
    let mut converter = Converter::new(from, to);
    let (channels, frames) = (usize::from(from.1), pcm.len() / usize::from(from.1));
    let Some(last) = frames.checked_sub(1) else { return Vec::new() };
    let divisor = gcd(from.0, to.0);
    let [inputs, outputs] = [from.0, to.0].map(|rate_hz| (rate_hz / divisor) as usize);
    // The edges lie on samples of both rates.
    let periods = converter.delay().div_ceil(outputs);
    let beyond = periods * inputs;
    let turned = |end: usize, inner: usize| {
        (0..channels).map(move |channel| turned(pcm[end * channels + channel], pcm[inner * channels + channel]))
    };
    let mut input = Vec::with_capacity((frames + 2 * beyond) * channels);
    (1..=beyond).rev().for_each(|n| input.extend(turned(0, n.min(last))));
    input.extend_from_slice(pcm);
    (1..=beyond).for_each(|n| input.extend(turned(last, last.saturating_sub(n))));
    let mut out = vec![0; converter.available(input.len() / channels) * usize::from(to.1)];
    converter.convert(&input, &mut out);
    out.drain(..(periods * outputs + converter.delay()) * usize::from(to.1));
    out.truncate((frames as u64 * u64::from(to.0) / u64::from(from.0)) as usize * usize::from(to.1));
    out
}

fn turned(end: i16, inner: i16) -> i16 {
    (2 * i32::from(end) - i32::from(inner)).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// Samples dealt out in turn to as many streams as the ratio goes down, so that what outputs of one phase meet with one
/// tap lies side by side.
#[derive(Default)]
struct Streams {
    samples: Vec<f32>,
    /// Of one stream, with [`LANES`] zeros at its end for lanes that nobody asked for.
    length: usize,
}

impl Streams {
    /// Where the sample is that was the `n`th.
    fn index(&self, n: usize, down: usize) -> usize {
        n % down * self.length + n / down
    }

    fn fill(&mut self, window: &[f32], down: usize) {
        self.length = window.len().div_ceil(down) + LANES;
        self.samples.clear();
        self.samples.resize(down * self.length, 0.0);
        for (first, stream) in self.samples.chunks_exact_mut(self.length).enumerate() {
            stream.iter_mut().zip(window.iter().skip(first).step_by(down)).for_each(|(to, from)| *to = *from);
        }
    }
}

/// Fills `output`, whose first sample is of `phase` and sees the streams from their first sample on: outputs of one phase
/// at once, a vector of them for each tap. For ratios of few phases, which have many outputs of each. Compiled for the
/// vectors of newer processors too, and chosen when it runs; the same bits on every processor.
#[multiversion(targets("x86_64+avx2"))]
fn side_by_side(table: &Table, streams: &Streams, phase: usize, output: &mut [i16]) {
    let Table { up, down, taps, phases } = table;
    for first in 0..output.len().min(*up) {
        let steps = phase + first * down;
        let row = &phases[steps % up * taps..][..*taps];
        // Outputs of one phase are `up` apart, and what they see `down`, which is one sample of one stream.
        let (mut from, mut to) = (streams.index(steps / up, *down), first);
        while to < output.len() {
            if to + 3 * LANES * up < output.len() {
                spread(&lanes::<4>(row, streams, from), &mut output[to..], *up);
                (from, to) = (from + 4 * LANES, to + 4 * LANES * up);
            } else {
                spread(&lanes::<1>(row, streams, from), &mut output[to..], *up);
                (from, to) = (from + LANES, to + LANES * up);
            }
        }
    }
}

/// As many outputs of one phase; the first sees the samples from `at` on.
#[inline(always)]
fn lanes<const VECTORS: usize>(row: &[f32], streams: &Streams, mut at: usize) -> [[f32; LANES]; VECTORS] {
    let mut sums = [[0f32; LANES]; VECTORS];
    let samples = streams.samples.as_slice();
    for tap in row {
        let seen = &samples[at..][..VECTORS * LANES];
        for (sums, seen) in sums.iter_mut().zip(seen.as_chunks::<LANES>().0) {
            for (sum, seen) in sums.iter_mut().zip(seen) {
                *sum += tap * seen;
            }
        }
        at += streams.length;
        if at >= samples.len() {
            at = at - samples.len() + 1;
        }
    }
    sums
}

/// Rounds what fits into every `up`th sample of `output`.
#[inline(always)]
fn spread<const VECTORS: usize>(sums: &[[f32; LANES]; VECTORS], output: &mut [i16], up: usize) {
    let rounded = sums.map(|sums| sums.map(round));
    for (samples, sample) in output.chunks_mut(up).zip(rounded.as_flattened()) {
        samples[0] = *sample;
    }
}

/// Fills `output`, whose first sample is of `phase` and sees the window from its first sample on: a product of vectors for
/// each. For ratios of many phases.
#[multiversion(targets("x86_64+avx2"))]
fn one_by_one(table: &Table, window: &[f32], phase: usize, output: &mut [i16]) {
    let Table { up, down, taps, phases } = table;
    let mut steps = phase;
    for sample in output.iter_mut() {
        *sample = round(dot(&window[steps / up..][..*taps], &phases[steps % up * taps..][..*taps]));
        steps += down;
    }
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut wide = [0f32; 4 * LANES];
    let (a, b) = (a.chunks_exact(4 * LANES), b.chunks_exact(4 * LANES));
    let rest = a.remainder().chunks_exact(LANES).zip(b.remainder().chunks_exact(LANES));
    for (a, b) in a.zip(b) {
        for lane in 0..4 * LANES {
            wide[lane] += a[lane] * b[lane];
        }
    }
    let mut sums = [0f32; LANES];
    for lane in 0..LANES {
        sums[lane] = (wide[lane] + wide[lane + LANES]) + (wide[lane + 2 * LANES] + wide[lane + 3 * LANES]);
    }
    for (a, b) in rest {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

/// To the nearest, clipped. At this height a float has no room for a fraction, and its last bits are the integer.
#[inline(always)]
fn round(sample: f32) -> i16 {
    const HEIGHT: f32 = (3 << 22) as f32;
    (sample.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) + HEIGHT).to_bits() as i16
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
}

/// Kaiser window over -1..1, but for a factor.
fn kaiser(x: f64) -> f64 {
    bessel_i0(BETA * (1.0 - x * x).max(0.0).sqrt())
}

/// Modified Bessel function of order 0, by its series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-12 {
        term *= x * x / (4.0 * k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: f64 = 16_000.0;

    fn tone(hz: f64, rate: u32, samples: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * hz / f64::from(rate);
        (0..samples).map(|n| ((n as f64 * step).sin() * LEVEL).round() as i16).collect()
    }

    fn resampled(pcm: &[i16], from: u32, to: u32, chunk: usize) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::new();
        for piece in pcm.chunks(chunk) {
            let mut part = vec![0; resampler.available(piece.len())];
            resampler.process(piece.iter().copied(), &mut part);
            out.extend(part);
        }
        out
    }

    /// Amplitude of the least-squares sine at `hz`, and the rms of what is left.
    fn fit(pcm: &[i16], hz: f64, rate: u32) -> (f64, f64) {
        let step = std::f64::consts::TAU * hz / f64::from(rate);
        let (mut s, mut c) = (0.0, 0.0);
        for (n, sample) in pcm.iter().enumerate() {
            let (sin, cos) = (n as f64 * step).sin_cos();
            s += f64::from(*sample) * sin;
            c += f64::from(*sample) * cos;
        }
        let scale = 2.0 / pcm.len() as f64;
        let (s, c) = (s * scale, c * scale);
        let rest: f64 = pcm
            .iter()
            .enumerate()
            .map(|(n, sample)| {
                let (sin, cos) = (n as f64 * step).sin_cos();
                (f64::from(*sample) - s * sin - c * cos).powi(2)
            })
            .sum();
        (s.hypot(c), (rest / pcm.len() as f64).sqrt())
    }

    fn pairs() -> impl Iterator<Item = (u32, u32)> {
        let rates = [8000u32, 16_000, 24_000, 32_000, 44_100, 48_000];
        rates.into_iter().flat_map(move |from| rates.into_iter().map(move |to| (from, to))).filter(|it| it.0 != it.1)
    }

    #[test]
    fn the_pass_band_is_flat_and_free_of_images() {
        for (from, to) in pairs() {
            let nyquist = f64::from(from.min(to)) / 2.0;
            // Whole periods in the 0.2 s that are measured.
            for share in [0.05, 0.3, 0.6, 0.8, 0.85] {
                let hz = (nyquist * share / 5.0).floor() * 5.0;
                let out = resampled(&tone(hz, from, from as usize / 2), from, to, 160);
                let start = to as usize / 5;
                let (level, rest) = fit(&out[start..start + to as usize / 5], hz, to);
                let gain_db = 20.0 * (level / LEVEL).log10();
                let rest_db = 20.0 * (rest * std::f64::consts::SQRT_2 / LEVEL).log10();
                assert!(gain_db.abs() <= 0.1, "{from} to {to} at {hz} Hz: {gain_db} dB");
                assert!(rest_db <= -70.0, "{from} to {to} at {hz} Hz: {rest_db} dB besides the tone");
            }
        }
    }

    #[test]
    fn what_lies_above_the_new_nyquist_frequency_does_not_come_back_as_an_alias() {
        for (from, to) in pairs().filter(|it| it.0 > it.1) {
            let (low, high) = (f64::from(to) / 2.0, f64::from(from) / 2.0);
            for share in [0.0, 0.1, 0.4, 0.7, 0.95] {
                let hz = low + (high - low) * share + 1.0;
                let out = resampled(&tone(hz, from, from as usize / 2), from, to, 441);
                let rest = &out[to as usize / 5..2 * to as usize / 5];
                let rms = (rest.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / rest.len() as f64).sqrt();
                let db = 20.0 * ((rms + 1e-9) * std::f64::consts::SQRT_2 / LEVEL).log10();
                assert!(db <= -70.0, "{from} to {to}: {hz} Hz comes back at {db} dB");
            }
        }
    }

    #[test]
    fn counts_are_exact_and_the_cut_of_the_input_does_not_matter() {
        for (from, to) in pairs() {
            let pcm = tone(440.0, from, from as usize / 10);
            let whole = resampled(&pcm, from, to, pcm.len());
            assert_eq!(whole.len(), to as usize / 10, "{from} to {to}");
            for chunk in [1, 7, 80, 441] {
                assert_eq!(resampled(&pcm, from, to, chunk), whole, "{from} to {to} by {chunk}");
            }
        }
    }

    #[test]
    fn asking_for_outputs_tells_the_inputs_and_never_drifts() {
        for (from, to) in pairs() {
            let mut resampler = Resampler::new(from, to);
            let (mut taken, mut given) = (0, 0);
            for outputs in (1..400).cycle().take(2000) {
                let inputs = resampler.needed(outputs);
                let mut out = vec![0; outputs];
                resampler.process(std::iter::repeat_n(100, inputs), &mut out);
                taken += inputs;
                given += outputs;
            }
            let due = given as f64 * f64::from(from) / f64::from(to);
            assert!((taken as f64 - due).abs() <= 1.0 + f64::from(from) / f64::from(to), "{from} to {to}");
        }
    }

    #[test]
    fn a_whole_signal_keeps_its_time_to_its_edges() {
        for (from, to) in pairs() {
            let pcm = tone(440.0, from, from as usize / 10);
            let whole = converted(&pcm, (from, 1), (to, 1));
            let expected = tone(440.0, to, to as usize / 10);
            assert_eq!(whole.len(), expected.len(), "{from} to {to}");
            let off = |n: usize| (i32::from(whole[n]) - i32::from(expected[n])).abs();
            let most = |range: std::ops::Range<usize>| range.map(off).max().unwrap_or(i32::MAX);
            // The filter's delay is rounded down to whole samples.
            let whole_ratio = to.is_multiple_of(from) || from.is_multiple_of(to);
            let sample = if whole_ratio { 0 } else { (LEVEL * std::f64::consts::TAU * 440.0 / f64::from(to)) as i32 };
            let (edges, inner) = (most(0..whole.len()), most(whole.len() / 4..whole.len() * 3 / 4));
            assert!(edges < sample.max(1000) && inner < sample.max(100), "{from} to {to}: {edges} {inner}");
        }
        assert!(converted(&[], (8000, 1), (48_000, 2)).is_empty());
        assert_eq!(converted(&[1, 2], (8000, 1), (8000, 2)), [1, 1, 2, 2]);
        assert_eq!(converted(&[500; 7], (8000, 1), (16_000, 2)), [500; 28]);
    }

    #[test]
    fn silence_stays_silence_and_sound_comes_back_after_it() {
        let mut pcm = tone(1000.0, 48_000, 4800);
        pcm.extend([0; 4800]);
        pcm.extend(tone(1000.0, 48_000, 4800));
        let out = resampled(&pcm, 48_000, 16_000, 480);
        assert!(out[1600 + 64..3200].iter().all(|it| *it == 0));
        let (level, _) = fit(&out[3200 + 160..4800], 1000.0, 16_000);
        assert!((level / LEVEL - 1.0).abs() < 0.02);
    }

    #[test]
    fn channels_are_mixed_down_and_spread() {
        let mut down = Converter::new((16_000, 2), (16_000, 1));
        let mut mono = [0; 2];
        down.convert(&[100, 300, -5, 5], &mut mono);
        assert_eq!(mono, [200, 0]);
        let mut up = Converter::new((8000, 1), (16_000, 2));
        let mut stereo = vec![0; 640];
        let pcm = tone(500.0, 8000, up.needed(320));
        up.convert(&pcm, &mut stereo);
        assert!(stereo.chunks_exact(2).all(|frame| frame[0] == frame[1]));
        assert!(stereo.iter().any(|it| *it > 10_000));
        let mut both = Converter::new((48_000, 2), (16_000, 2));
        let mut out = vec![0; 960];
        let input: Vec<i16> = (0..both.needed(480)).flat_map(|_| [1000, -1000]).collect();
        both.convert(&input, &mut out);
        assert_eq!(&out[900..], [1000, -1000].repeat(30));
    }
}
