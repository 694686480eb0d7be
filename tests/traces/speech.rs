//! How far speech is from what a decoder makes of all packets, in time and in spectrum.
//!
//! Each stretch of the reference is looked for where the timestamps of the frames say that it was played, moved to
//! where the waveforms fit best, and compared in bands of the ear. Speech that was never played finds nothing like it,
//! so that both skipped and bridged speech count.

use super::path::Trace;
use super::replay::{FRAME_SAMPLES, Replay};
use super::stream::Stream;
use super::wav;
use std::f32::consts::TAU;

const WINDOW: usize = 512;
const HOP: usize = 256;
/// Places in the reference are looked up in cells of 5 ms.
const CELL: usize = 80;
/// Timestamps may be off by so much: time-stretching moves samples by a pitch period.
const SEARCH: i64 = 200;
const BANDS: usize = 20;
const LOWEST_HZ: f32 = 100.0;
/// Only windows this close to the loudest one are speech.
const ACTIVE_DB: f32 = -35.0;
/// Bands are not told apart below this, seen from the loudest window.
const FLOOR_DB: f32 = -50.0;
/// More than this is another sound.
const BAD_DB: f32 = 6.0;

/// Of the windows with speech in them.
#[derive(Clone, Copy, Debug)]
pub struct Quality {
    /// Mean distance of the band levels.
    pub distance_db: f64,
    /// Share of windows with another sound.
    pub bad: f64,
    /// How much later than its timestamps say the sound is, on average and in 95 of 100 windows either way.
    pub lag_ms: (f64, f64),
}

/// What a decoder makes of all packets, 16 kHz.
pub fn reference(stream: &Stream) -> Vec<i16> {
    let rate_hz = stream.codec.native_hz(16_000);
    let mut decoder = stream.codec.decoder(rate_hz).unwrap();
    let mut pcm = Vec::new();
    for packet in stream.packets.iter().filter(|packet| packet.ticks > 0) {
        assert!(decoder.decode(&packet.payload, &mut pcm));
    }
    wav::resampled(&pcm, rate_hz, 16_000)
}

/// What the same decoder can make of what arrives if it waits for all of it: lost packets from the next one's
/// redundancy, or by its own concealment. `None` if the codec has none.
fn best(stream: &Stream, trace: &Trace) -> Option<Vec<i16>> {
    let rate_hz = stream.codec.native_hz(16_000);
    let mut decoder = stream.codec.decoder(rate_hz)?;
    let mut pcm = Vec::new();
    for (n, packet) in stream.packets.iter().enumerate() {
        let samples = packet.ticks as usize * rate_hz as usize / stream.clock_hz() as usize;
        let next = stream.packets.get(n + 1).filter(|_| trace.first[n + 1].is_some());
        let played = match trace.first[n] {
            Some(_) => decoder.decode(&packet.payload, &mut pcm),
            None => {
                next.is_some_and(|next| decoder.recover(&next.payload, samples, &mut pcm))
                    || decoder.conceal(samples, false, &mut pcm)
            }
        };
        if !played {
            return None;
        }
    }
    Some(wav::resampled(&pcm, rate_hz, 16_000))
}

/// How good what was heard is from sample `from` of the reference on.
pub fn compare(stream: &Stream, replay: &Replay, from: usize) -> Quality {
    let reference = reference(stream);
    let played = places(stream, replay, reference.len());
    judge(stream, &reference, &replay.heard, &played, from)
}

/// How good it could be with this codec; see [`best`].
pub fn compare_best(stream: &Stream, trace: &Trace, from: usize) -> Option<Quality> {
    let reference = reference(stream);
    let played: Vec<i64> = (0..reference.len() / CELL + 2).map(|cell| (cell * CELL) as i64).collect();
    Some(judge(stream, &reference, &best(stream, trace)?, &played, from))
}

fn judge(stream: &Stream, reference: &[i16], heard: &[i16], played: &[i64], from: usize) -> Quality {
    let [reference, heard]: [Vec<f32>; 2] = [reference, heard].map(|pcm| pcm.iter().copied().map(f32::from).collect());
    let spectrum = Spectrum::new(if stream.clock_hz() == 8000 { 3400.0 } else { 7000.0 });
    let starts = (from..reference.len().saturating_sub(WINDOW)).step_by(HOP);
    let bands: Vec<_> = starts.map(|start| (start, spectrum.bands(&reference[start..start + WINDOW]))).collect();
    let total = |bands: &[f32; BANDS]| bands.iter().sum::<f32>();
    let loudest = bands.iter().map(|(_, bands)| total(bands)).fold(0.0, f32::max);
    let power = |db: f32| loudest * 10f32.powf(db / 10.0);
    let (mut distances, mut lags) = (Vec::new(), Vec::new());
    for (start, wanted) in bands.iter().filter(|(_, bands)| total(bands) > power(ACTIVE_DB)) {
        let expected = played[start / CELL] + (start % CELL) as i64;
        let lag = best_lag(&reference[*start..start + WINDOW], &heard, expected);
        let there = window(&heard, expected + lag);
        let same = there[..] == reference[*start..start + WINDOW];
        distances.push(if same { 0.0 } else { distance(wanted, &spectrum.bands(&there), power(FLOOR_DB)) });
        lags.push(lag as f64 / 16.0);
    }
    let count = distances.len() as f64;
    let mean = lags.iter().sum::<f64>() / count;
    let mut off: Vec<f64> = lags.iter().map(|lag| lag.abs()).collect();
    off.sort_by(f64::total_cmp);
    Quality {
        distance_db: distances.iter().map(|it| f64::from(*it)).sum::<f64>() / count,
        bad: distances.iter().filter(|it| **it > BAD_DB).count() as f64 / count,
        lag_ms: (mean, off[(count * 0.95) as usize]),
    }
}

/// For each cell of the reference the sample at which it was played, or would have been.
fn places(stream: &Stream, replay: &Replay, length: usize) -> Vec<i64> {
    let mut starts = Vec::with_capacity(stream.packets.len());
    let mut start = 0;
    for packet in &stream.packets {
        starts.push(start);
        start += packet.ticks as usize * 16_000 / stream.clock_hz() as usize;
    }
    let mut cells = vec![None; length / CELL + 2];
    for (n, frame) in replay.frames.iter().enumerate() {
        for part in (0..FRAME_SAMPLES).step_by(CELL) {
            let ticks = (part * stream.clock_hz() as usize / 16_000) as u32;
            let timestamp = frame.timestamp.wrapping_add(ticks);
            let Some(packet) = stream.packet_at(timestamp, frame.at) else { continue };
            let within = timestamp.wrapping_sub(stream.packets[packet].timestamp) as usize;
            let place = starts[packet] + within * 16_000 / stream.clock_hz() as usize;
            if let Some(cell) = cells.get_mut(place / CELL) {
                *cell = Some((n * FRAME_SAMPLES + part) as i64 - (place % CELL) as i64);
            }
        }
    }
    let mut last = 0;
    let fill = |cell: Option<i64>| {
        last = cell.unwrap_or(last + CELL as i64);
        last
    };
    cells.into_iter().map(fill).collect()
}

/// The shift from `expected` at which `heard` looks most like `wanted`; the smallest one if it is much the same.
fn best_lag(wanted: &[f32], heard: &[f32], expected: i64) -> i64 {
    let score = |lag: i64, step: usize| {
        let there = window(heard, expected + lag);
        let (mut product, mut energy) = (0.0f32, 1.0f32);
        for n in (0..WINDOW).step_by(step) {
            product += wanted[n] * there[n];
            energy += there[n] * there[n];
        }
        product / energy.sqrt() * (1.0 - 1e-4 * lag.abs() as f32)
    };
    if score(0, 1) > 0.999 * loudness(wanted) {
        return 0;
    }
    let best = |lags: &mut dyn Iterator<Item = i64>, step| {
        lags.map(|lag| (lag, score(lag, step))).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |it| it.0)
    };
    let coarse = best(&mut (-SEARCH..=SEARCH).step_by(2), 2);
    best(&mut (coarse - 2..=coarse + 2), 1)
}

fn loudness(pcm: &[f32]) -> f32 {
    pcm.iter().map(|sample| sample * sample).sum::<f32>().sqrt()
}

/// Silence where nothing was heard.
fn window(heard: &[f32], start: i64) -> [f32; WINDOW] {
    let mut out = [0.0; WINDOW];
    let first = start.clamp(0, heard.len() as i64) as usize;
    let last = (start + WINDOW as i64).clamp(0, heard.len() as i64) as usize;
    if last > first {
        let offset = (first as i64 - start) as usize;
        out[offset..offset + last - first].copy_from_slice(&heard[first..last]);
    }
    out
}

/// Root mean square over the bands in dB.
fn distance(a: &[f32; BANDS], b: &[f32; BANDS], floor: f32) -> f32 {
    let db = |power: f32| 10.0 * (power + floor / BANDS as f32).log10();
    let sum: f32 = a.iter().zip(b).map(|(a, b)| (db(*a) - db(*b)).powi(2)).sum();
    (sum / BANDS as f32).sqrt()
}

/// Power in bands that are equally wide to the ear.
struct Spectrum {
    hann: [f32; WINDOW],
    turns: Vec<(f32, f32)>,
    /// First bin of each band, and the end of the last.
    edges: [usize; BANDS + 1],
}

impl Spectrum {
    fn new(highest_hz: f32) -> Self {
        let mel = |hz: f32| (1.0 + hz / 700.0).ln();
        let hz = |mel: f32| (mel.exp() - 1.0) * 700.0;
        let (low, high) = (mel(LOWEST_HZ), mel(highest_hz));
        let edge = |n: usize| hz(low + (high - low) * n as f32 / BANDS as f32) * WINDOW as f32 / 16_000.0;
        Self {
            hann: std::array::from_fn(|n| 0.5 - 0.5 * (TAU * n as f32 / WINDOW as f32).cos()),
            turns: (0..WINDOW / 2).map(|n| (-TAU * n as f32 / WINDOW as f32).sin_cos()).collect(),
            edges: std::array::from_fn(|n| edge(n).round() as usize),
        }
    }

    fn bands(&self, pcm: &[f32]) -> [f32; BANDS] {
        let mut bins: Vec<(f32, f32)> = pcm.iter().zip(self.hann).map(|(sample, gain)| (sample * gain, 0.0)).collect();
        self.transform(&mut bins);
        std::array::from_fn(|n| {
            let band = &bins[self.edges[n]..self.edges[n + 1].max(self.edges[n] + 1)];
            band.iter().map(|(re, im)| re * re + im * im).sum()
        })
    }

    /// A Fourier transform in place, radix 2.
    fn transform(&self, bins: &mut [(f32, f32)]) {
        let bits = WINDOW.trailing_zeros();
        for n in 0..WINDOW {
            let reversed = n.reverse_bits() >> (usize::BITS - bits);
            if reversed > n {
                bins.swap(n, reversed);
            }
        }
        let mut half = 1;
        while half < WINDOW {
            for block in bins.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (n, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let (sin, cos) = self.turns[n * (WINDOW / 2 / half)];
                    let turned = (b.0 * cos - b.1 * sin, b.0 * sin + b.1 * cos);
                    *b = (a.0 - turned.0, a.1 - turned.1);
                    *a = (a.0 + turned.0, a.1 + turned.1);
                }
            }
            half *= 2;
        }
    }
}
