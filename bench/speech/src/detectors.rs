//! The detectors that are compared. Each turns 20 ms blocks of 16 kHz mono into starts and ends of speech.

use std::collections::VecDeque;
use webphone_rtc::media::{SpeechDetector, SpeechSettings};

/// Samples in a block: what a call delivers at a time.
pub const BLOCK: usize = 320;

/// A start (`true`) or an end, and where it is said to have been.
pub type Change = (bool, u64);

pub trait Detector {
    fn feed(&mut self, block: &[i16]);
    fn poll(&mut self) -> Option<Change>;
}

/// By name (or `webphone-rtc onsetMs=48`); a new one for each file.
pub fn make(name: &str) -> Option<Box<dyn Detector>> {
    let runs = |hop, frames: u32, judge: Judge| -> Option<Box<dyn Detector>> {
        Some(Box::new(Runs {
            judge,
            hop,
            wanted: frames,
            pending: vec![],
            run: 0,
            silent_ms: 0,
            speaking: false,
            at: 0,
            changes: VecDeque::new(),
        }))
    };
    if let Some(onset_ms) = name.strip_prefix("webphone-rtc onsetMs=").and_then(|text| text.parse().ok()) {
        let settings = SpeechSettings { onset_ms, ..SpeechSettings::default() };
        return Some(Box::new(Own(SpeechDetector::new(16_000, settings))));
    }
    match name {
        "webphone-rtc" => Some(Box::new(Own(SpeechDetector::new(16_000, SpeechSettings::default())))),
        "earshot" => {
            let mut network = Box::<earshot::Detector>::default();
            runs(256, 2, Box::new(move |hop, speaking| network.predict_i16(hop) >= if speaking { 0.4 } else { 0.6 }))
        }
        "energy+pitch" => {
            let mut judge = EnergyAndPitch::default();
            runs(160, 4, Box::new(move |hop, speaking| judge.judge(hop, speaking)))
        }
        "webrtc-vad 2" => runs(160, 8, webrtc(webrtc_vad::VadMode::Aggressive)),
        "webrtc-vad 3" => runs(160, 8, webrtc(webrtc_vad::VadMode::VeryAggressive)),
        "nnnoiseless" => {
            let mut network = nnnoiseless::DenoiseState::new();
            let (mut last, mut out) = (0.0, [0f32; 480]);
            runs(
                160,
                4,
                Box::new(move |hop, speaking| {
                    let mut input = [0f32; 480];
                    for (to, from) in input.chunks_exact_mut(3).zip(hop) {
                        let next = f32::from(*from);
                        (1..=3).for_each(|k| to[k - 1] = last + (next - last) * k as f32 / 3.0);
                        last = next;
                    }
                    network.process_frame(&mut out, &input) >= if speaking { 0.5 } else { 0.8 }
                }),
            )
        }
        "loudness" => runs(320, 3, Box::new(|hop, _| power(hop).sqrt() > 500.0)),
        _ => None,
    }
}

pub const NAMES: [&str; 7] =
    ["webphone-rtc", "earshot", "energy+pitch", "webrtc-vad 2", "webrtc-vad 3", "nnnoiseless", "loudness"];

struct Own(SpeechDetector);

impl Detector for Own {
    fn feed(&mut self, block: &[i16]) {
        self.0.feed(block);
    }

    fn poll(&mut self) -> Option<Change> {
        self.0.poll().map(|change| (change.speaking, change.position))
    }
}

type Judge = Box<dyn FnMut(&[i16], bool) -> bool>;

/// Speech begins with `wanted` hops of speech in a row and ends after 400 ms without.
struct Runs {
    judge: Judge,
    hop: usize,
    wanted: u32,
    pending: Vec<i16>,
    run: u32,
    silent_ms: usize,
    speaking: bool,
    at: u64,
    changes: VecDeque<Change>,
}

impl Detector for Runs {
    fn feed(&mut self, block: &[i16]) {
        self.pending.extend(block);
        while self.pending.len() >= self.hop {
            let hop: Vec<i16> = self.pending.drain(..self.hop).collect();
            let speech = (self.judge)(&hop, self.speaking);
            self.at += self.hop as u64;
            self.run = if speech { self.run + 1 } else { 0 };
            self.silent_ms = if speech { 0 } else { self.silent_ms + self.hop / 16 };
            if !self.speaking && self.run >= self.wanted {
                self.speaking = true;
                self.changes.push_back((true, self.at - u64::from(self.run) * self.hop as u64));
            } else if self.speaking && self.silent_ms >= 400 {
                self.speaking = false;
                self.changes.push_back((false, self.at - 16 * self.silent_ms as u64));
            }
        }
    }

    fn poll(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }
}

fn webrtc(mode: webrtc_vad::VadMode) -> Judge {
    let mut vad = webrtc_vad::Vad::new_with_rate_and_mode(webrtc_vad::SampleRate::Rate16kHz, mode);
    Box::new(move |hop, _| vad.is_voice_segment(hop).unwrap_or(false))
}

fn power(hop: &[i16]) -> f64 {
    hop.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / hop.len() as f64
}

/// No network: louder than an adaptive background, and with the pitch of a voice (autocorrelation, 70 to 400 Hz).
struct EnergyAndPitch {
    background_db: f64,
    history: VecDeque<f64>,
}

impl Default for EnergyAndPitch {
    fn default() -> Self {
        Self { background_db: 30.0, history: VecDeque::from(vec![0.0; 320]) }
    }
}

impl EnergyAndPitch {
    fn judge(&mut self, hop: &[i16], speaking: bool) -> bool {
        let db = 10.0 * (power(hop) + 1e-3).log10();
        let over_db = db - self.background_db;
        self.background_db +=
            if over_db < 0.0 { 0.1 * over_db } else { over_db.min(if speaking { 0.0125 } else { 0.05 }) };
        self.background_db = self.background_db.max(15.0);
        self.history.extend(hop.chunks_exact(2).map(|pair| (f64::from(pair[0]) + f64::from(pair[1])) / 2.0));
        self.history.drain(..hop.len() / 2);
        over_db > if speaking { 3.0 } else { 6.0 } && self.pitch() > 0.6
    }

    fn pitch(&mut self) -> f64 {
        let x = self.history.make_contiguous();
        let last = &x[160..];
        let energy: f64 = last.iter().map(|it| it * it).sum();
        let at_lag = |lag: usize| {
            let before = &x[160 - lag..320 - lag];
            let (mut sum, mut other) = (0.0, 0.0);
            for (a, b) in last.iter().zip(before) {
                sum += a * b;
                other += b * b;
            }
            sum / ((energy * other).sqrt() + 1.0)
        };
        (20..=115).map(at_lag).fold(0.0, f64::max)
    }
}
