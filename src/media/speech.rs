//! Speech activity: where speech begins and ends in a signal, known soon enough to interrupt a bot that is talking.
//!
//! `earshot`, a small recurrent network, says how much each 16 ms sound like speech. Two tests of our own stand before
//! it: what is hardly louder than the background is nobody who wants to speak (people talk in that background too), and
//! one or two steady sinusoids are a signal of the telephone network, which the network takes for vowels.
//!
//! Invariant: starts and ends take turns; positions are samples of the signal as it was fed and never lie ahead of it.

use super::resample::Converter;
use std::collections::VecDeque;

/// What `earshot` takes.
const RATE_HZ: u32 = 16_000;
const HOP: usize = 256;
const HOP_MS: f32 = 16.0;
const HOP_S: f32 = HOP_MS / 1000.0;

/// A hop counts as speech from this far above the background on, and fully from `OVER_SPAN_DB` more. The surer it is
/// (over a range of `SURER` from `SURE` above the threshold), the less is asked for, by `EASE_DB` at most.
const OVER_DB: f32 = 5.0;
const OVER_SPAN_DB: f32 = 4.0;
const EASE_DB: f32 = 4.0;
const SURE: f32 = 0.1;
const SURER: f32 = 0.2;
/// A hop that keeps speech going is this far above the background at least, and no further below the speech itself.
const HOLD_OVER_DB: f32 = 3.0;
const HOLD_DEPTH_DB: f32 = 13.0;
/// The background follows what is softer by this share of the difference each hop, what is louder at these rates.
const FALL: f32 = 0.1;
const RISE_DB_S: f32 = 5.0;
const RISE_IN_SPEECH_DB_S: f32 = 1.25;
/// So many hops are not judged: the network hears sound that begins with the signal itself as an onset. The softest of
/// them is the first background.
const WARM_UP_HOPS: u64 = 16;
/// The level of the speech follows what is louder by this share, and sinks at this rate.
const SPEECH_ATTACK: f32 = 0.3;
const SPEECH_SINK_DB_S: f32 = 2.0;
/// Below the threshold by this much, a hop counts less and less, and above it more, up to `MOST` times.
const SOFTNESS: f32 = 0.05;
const MOST: f32 = 1.5;
/// Speech goes on down to this far below the threshold.
const HOLD_MARGIN: f32 = 0.2;
/// How well a linear predictor of order 4, which two sinusoids need, may foresee a hop: always, and one that is as loud
/// as the one before to within `STEADY_DB`.
const FORESEEN_DB: f32 = 24.0;
const FORESEEN_STEADY_DB: f32 = 18.0;
const STEADY_DB: f32 = 1.0;
/// Of white noise, which sounds like the onset of a consonant when it begins, it foresees less than this.
const FORESEEN_LEAST_DB: f32 = 0.5;
/// A hop softer than the one before by this is the end of something, which the network still hears in its window.
const DROP_DB: f32 = 20.0;
/// The start is looked for back to here, over dips of at most so many hops, while it could be speech at all.
const LOOK_BACK_MS: u32 = 500;
const DIP_HOPS: u32 = 3;
const POSSIBLE: f32 = 0.5;

/// What counts as speech.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeechSettings {
    /// So much speech is wanted before its start is told: less is sooner, and more often wrong.
    pub onset_ms: u32,
    /// So long without speech is its end: pauses between words must fit in.
    pub hangover_ms: u32,
    /// How sure a hop must be to count fully, 0 to 1.
    pub threshold: f32,
    /// Softer than this is nobody, whatever the background.
    pub min_dbfs: f32,
}

impl Default for SpeechSettings {
    fn default() -> Self {
        Self { onset_ms: 32, hangover_ms: 500, threshold: 0.6, min_dbfs: -66.0 }
    }
}

/// Speech has begun or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeechChange {
    /// It has begun.
    pub speaking: bool,
    /// Sample at which it did, as well as that can be told: a hop is the grain.
    pub position: u64,
    /// Samples fed when that was known.
    pub known: u64,
}

/// Listens to one mono signal.
pub struct SpeechDetector {
    settings: SpeechSettings,
    rate_hz: u32,
    converter: Converter,
    network: Box<earshot::Detector>,
    pending: Vec<i16>,
    /// Samples fed, and hops judged.
    fed: u64,
    hops: u64,
    highpass: Highpass,
    background_db: f32,
    last_db: f32,
    state: State,
    changes: VecDeque<SpeechChange>,
}

enum State {
    Quiet {
        /// Speech heard so far, in milliseconds.
        heard_ms: f32,
        /// Where the sound that lasts began, and hops since it was last there.
        rise: Option<(u64, u32)>,
    },
    Speaking {
        level_db: f32,
        /// Hops that were none, and the sum of their levels.
        silent: u32,
        silent_db: f32,
    },
}

/// A hop as the tests see it.
struct Heard {
    db: f32,
    over_db: f32,
    score: f32,
    /// What it sounds like is no speech.
    signal: bool,
}

impl SpeechDetector {
    /// For a signal at `rate_hz`, one of [`RATES_HZ`](super::resample::RATES_HZ).
    pub fn new(rate_hz: u32, settings: SpeechSettings) -> Self {
        Self {
            settings,
            rate_hz: rate_hz.max(1),
            converter: Converter::new((rate_hz.max(1), 1), (RATE_HZ, 1)),
            network: Box::default(),
            pending: Vec::with_capacity(2 * HOP),
            fed: 0,
            hops: 0,
            highpass: Highpass::default(),
            background_db: 0.0,
            last_db: f32::MIN,
            state: State::quiet(),
            changes: VecDeque::new(),
        }
    }

    /// What it was made with.
    pub fn settings(&self) -> &SpeechSettings {
        &self.settings
    }

    /// Is somebody speaking?
    pub fn speaking(&self) -> bool {
        matches!(self.state, State::Speaking { .. })
    }

    /// Listens on; then ask [`poll`](Self::poll).
    pub fn feed(&mut self, pcm: &[i16]) {
        let first = self.pending.len();
        self.pending.resize(first + self.converter.available(pcm.len()), 0);
        self.converter.convert(pcm, &mut self.pending[first..]);
        self.fed += pcm.len() as u64;
        let pending = std::mem::take(&mut self.pending);
        let mut hops = pending.chunks_exact(HOP);
        hops.by_ref().for_each(|hop| self.hop(hop));
        let rest = hops.remainder().len();
        self.pending = pending;
        let used = self.pending.len() - rest;
        self.pending.drain(..used);
    }

    /// What has changed, oldest first.
    pub fn poll(&mut self) -> Option<SpeechChange> {
        self.changes.pop_front()
    }

    fn hop(&mut self, hop: &[i16]) {
        let score = self.network.predict_i16(hop);
        let db = self.highpass.level_db(hop);
        let over_db = self.note_background(db);
        let steady = (db - self.last_db).abs() < STEADY_DB;
        let drops = db < self.last_db - DROP_DB;
        self.last_db = db;
        // Worth its price only where something would count.
        let most_db = if steady { FORESEEN_STEADY_DB } else { FORESEEN_DB };
        let odd = || !(FORESEEN_LEAST_DB..=most_db).contains(&foreseen_db(hop));
        let signal = drops || self.hops < WARM_UP_HOPS || (over_db > OVER_DB - EASE_DB && odd());
        self.hops += 1;
        let heard = Heard { db, over_db, score, signal };
        let speaking = self.speaking();
        if let Some(position) = if speaking { self.hold(&heard) } else { self.listen(&heard) } {
            self.changes.push_back(SpeechChange { speaking: !speaking, position, known: self.fed });
        }
    }

    /// The background learns `db`; how far that was above it.
    fn note_background(&mut self, db: f32) -> f32 {
        let least_db = self.settings.min_dbfs - OVER_DB - OVER_SPAN_DB;
        let over_db = db - self.background_db;
        let rise_db_s = if self.speaking() { RISE_IN_SPEECH_DB_S } else { RISE_DB_S };
        let step = match over_db {
            _ if self.hops < WARM_UP_HOPS => over_db.min(0.0),
            _ if over_db < 0.0 => FALL * over_db,
            _ => over_db.min(rise_db_s * HOP_S),
        };
        self.background_db = (self.background_db + step).max(least_db);
        over_db
    }

    /// Waits for speech; where it began, if that is known now.
    fn listen(&mut self, heard: &Heard) -> Option<u64> {
        let State::Quiet { heard_ms, rise } = &mut self.state else { return None };
        let loud = heard.over_db > OVER_DB && heard.score > self.settings.threshold * POSSIBLE;
        *rise = match *rise {
            Some((began, _)) if loud => Some((began, 0)),
            Some((began, dips)) if dips < DIP_HOPS => Some((began, dips + 1)),
            _ => loud.then_some((self.hops - 1, 0)),
        };
        let above = heard.score - self.settings.threshold;
        let asked_db = OVER_DB - EASE_DB * ((above - SURE) / SURER).clamp(0.0, 1.0);
        let weight = ((heard.over_db - asked_db) / OVER_SPAN_DB).clamp(0.0, 1.0);
        let counts = if heard.signal { 0.0 } else { (above / SOFTNESS + 1.0).min(MOST) * weight };
        *heard_ms = (*heard_ms + HOP_MS * if counts > 0.0 { counts } else { -1.0 }).max(0.0);
        if *heard_ms < self.settings.onset_ms as f32 || *heard_ms == 0.0 {
            return None;
        }
        let began = rise.map_or(self.hops - 1, |(began, _)| began);
        self.state = State::Speaking { level_db: heard.db, silent: 0, silent_db: 0.0 };
        let earliest = self.hops.saturating_sub(u64::from(LOOK_BACK_MS) * 16 / HOP as u64);
        Some(self.position(began.max(earliest)))
    }

    /// Waits for the end of speech; where that was, if it is known now.
    fn hold(&mut self, heard: &Heard) -> Option<u64> {
        let State::Speaking { level_db, silent, silent_db } = &mut self.state else { return None };
        let louder = heard.db - *level_db;
        *level_db += if louder > 0.0 { SPEECH_ATTACK * louder } else { -SPEECH_SINK_DB_S * HOP_S };
        let certain = heard.score >= self.settings.threshold - HOLD_MARGIN;
        if certain && heard.over_db > HOLD_OVER_DB && heard.db > *level_db - HOLD_DEPTH_DB {
            (*silent, *silent_db) = (0, 0.0);
            return None;
        }
        *silent += 1;
        *silent_db += heard.db;
        let (hops, mean_db) = (*silent, *silent_db / *silent as f32);
        if (hops as f32) * HOP_MS < self.settings.hangover_ms as f32 {
            return None;
        }
        // What was no speech just now is the background: voices far behind the speaker are not to begin again.
        self.background_db = self.background_db.max(mean_db);
        self.state = State::quiet();
        Some(self.position(self.hops - u64::from(hops)))
    }

    /// The sample fed with which this hop begins.
    fn position(&self, hop: u64) -> u64 {
        let at = (hop * HOP as u64).saturating_sub(self.converter.delay() as u64);
        (at * u64::from(self.rate_hz) / u64::from(RATE_HZ)).min(self.fed)
    }
}

impl State {
    fn quiet() -> Self {
        Self::Quiet { heard_ms: 0.0, rise: None }
    }
}

/// Leaves out what mains hum and cars are made of: Butterworth of order 2, 200 Hz at 16 kHz.
#[derive(Default)]
struct Highpass {
    z: [f32; 2],
}

impl Highpass {
    const B: [f32; 3] = [0.945_976_6, -1.891_953_2, 0.945_976_6];
    const A: [f32; 2] = [-1.889_033_2, 0.894_874_3];

    /// Mean power of a hop, in dB below that of a full-scale square wave; -100 for silence.
    fn level_db(&mut self, hop: &[i16]) -> f32 {
        let mut power = 0.0;
        for sample in hop {
            let x = f32::from(*sample);
            let y = Self::B[0] * x + self.z[0];
            self.z[0] = Self::B[1] * x - Self::A[0] * y + self.z[1];
            self.z[1] = Self::B[2] * x - Self::A[1] * y;
            power += y * y;
        }
        10.0 * (power / hop.len() as f32 / (32_768.0 * 32_768.0) + 1e-10).log10()
    }
}

/// How much of a hop a linear predictor of order 4 foresees at 8 kHz: power over that of the error. By the covariance
/// method, without a window, so that sinusoids are foreseen whole.
fn foreseen_db(hop: &[i16]) -> f32 {
    const ORDER: usize = 4;
    let mut x = [0f64; HOP / 2];
    for (to, from) in x.iter_mut().zip(hop.chunks_exact(2)) {
        *to = (f64::from(from[0]) + f64::from(from[1])) / 2.0;
    }
    // c[i][j]: correlation of the signal i samples ago with that j samples ago.
    let mut c = [[0f64; ORDER + 1]; ORDER + 1];
    for i in 0..=ORDER {
        for j in i..=ORDER {
            let sum = x[ORDER - i..x.len() - i].iter().zip(&x[ORDER - j..x.len() - j]).map(|(a, b)| a * b).sum();
            (c[i][j], c[j][i]) = (sum, sum);
        }
    }
    let power = c[0][0];
    // Elimination without pivots: the matrix is positive definite with this on its diagonal.
    (1..=ORDER).for_each(|i| c[i][i] += 1.0 + 1e-9 * power);
    let mut error = power;
    for i in 1..=ORDER {
        let (done, below) = c.split_at_mut(i + 1);
        let pivot = done[i];
        error -= pivot[0] * pivot[0] / pivot[i];
        for row in below {
            let factor = row[i] / pivot[i];
            row.iter_mut().zip(pivot).for_each(|(to, from)| *to -= factor * from);
        }
    }
    (10.0 * ((power + 1.0) / error.max(1.0)).log10()) as f32
}
