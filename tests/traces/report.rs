//! What a trace did to a call, as a row of a table, and the bounds that it has to keep.

use super::path::Trace;
use super::replay::{FRAME, FRAME_SAMPLES, Replay, Stall, replay};
use super::speech::{self, Quality};
use super::stream::{Sound, Stream, TONE_HZ};
use super::{SECOND, wav};
use crate::support::ms;
use crate::support::tone::ToneFit;
use std::fmt::Write;
use std::time::Duration;

/// A frame of the tone is bad below this signal to noise ratio, or below half the level.
const BAD_SNR_DB: f64 = 10.0;
const BAD_LEVEL: f64 = 5000.0;
/// Timestamps that step by more than this are jumps, not stretching.
const JUMP_MS: f64 = 400.0;

/// One call to be made over one trace.
pub struct Case {
    pub name: String,
    pub stream: Stream,
    pub trace: Trace,
    pub stalls: Vec<Stall>,
    /// Until then a receiver may learn.
    pub settle: Duration,
}

/// A case that was replayed, with its numbers.
pub struct Outcome {
    pub name: String,
    pub stream: Stream,
    pub trace: Trace,
    pub replay: Replay,
    pub from: Duration,
    pub to: Duration,
    /// Lost, and impossible to make good.
    pub lost: (f64, f64),
    /// What 95 and 99 of 100 packets are delayed by, at most, on top of the shortest transit.
    pub jitter_ms: (f64, f64),
    /// Time from when a sample could have been there to when the application had it, each 5 ms.
    pub delay_ms: Spread,
    /// Share of samples that were concealed; with silence or noise does not count, it may be right.
    pub concealed: f64,
    /// Packets thrown away, in 1000.
    pub discarded: f64,
    /// Milliseconds left out and put in per minute, as the timestamps tell.
    pub stretched_ms: (f64, f64),
    /// Of a tone, for each frame.
    bad: Vec<bool>,
    pub quality: Option<Quality>,
    /// What a decoder could make of what arrives, if it can conceal and something is lost.
    pub best: Option<Quality>,
    /// What else is to be said of it.
    pub note: String,
}

/// What an outcome may be at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub delay_mean_ms: f64,
    pub delay_p95_ms: f64,
    /// Beyond what no receiver could make good.
    pub concealed: f64,
    pub discarded: f64,
    /// Of a tone.
    pub bad: f64,
    /// Of speech: mean distance, and share of windows with another sound.
    pub speech: (f64, f64),
    pub uneven: Duration,
}

impl Default for Bounds {
    /// Nothing is asked but frames at an even pace: what a packet of 20 ms holds may come at once, and a missing one
    /// may be waited for, and the one after it too, which may describe it.
    fn default() -> Self {
        let any = f64::INFINITY;
        Self {
            delay_mean_ms: any,
            delay_p95_ms: any,
            concealed: any,
            discarded: any,
            bad: any,
            speech: (any, any),
            uneven: ms(80),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    pub mean: f64,
    pub p50: f64,
    pub p95: f64,
}

impl Case {
    pub fn new(name: impl Into<String>, stream: Stream, trace: Trace) -> Self {
        Self { name: name.into(), stream, trace, stalls: Vec::new(), settle: ms(2000) }
    }

    /// Counts from then on.
    pub fn settle(self, settle: Duration) -> Self {
        Self { settle, ..self }
    }

    pub fn stalls(self, stalls: &[Stall]) -> Self {
        Self { stalls: stalls.to_vec(), ..self }
    }

    pub fn run(self) -> Outcome {
        let Self { name, stream, trace, stalls, settle } = self;
        let replay = replay(&stream, &trace, &stalls);
        let (from, to) = (settle, stream.packets.last().unwrap().at);
        let (before, after) = (replay.stats_at(from), replay.stats_at(to));
        let share = |of: fn(&webphone_rtc::media::ReceiverStats) -> u64| {
            (of(after) - of(before)) as f64 / (after.total_samples - before.total_samples).max(1) as f64
        };
        let packets = (after.packets - before.packets).max(1) as f64;
        let lost = trace.lost(&stream, from);
        let ticks = stream.packets.iter().filter(|packet| packet.at < from).map(|packet| packet.ticks as usize);
        let start = ticks.sum::<usize>() * 16_000 / stream.clock_hz() as usize;
        let speech = stream.sound == Sound::Speech;
        let outcome = Outcome {
            from,
            to,
            lost,
            jitter_ms: (quantile(&trace.jitter_ms(), 0.95), quantile(&trace.jitter_ms(), 0.99)),
            delay_ms: delay_ms(&stream, &trace, &replay, (from, to)),
            concealed: share(|stats| stats.concealed_samples - stats.silent_concealed_samples),
            discarded: (after.discarded - before.discarded) as f64 * 1e3 / packets,
            stretched_ms: stretched_ms(&stream, &replay, (from, to)),
            bad: if stream.sound == Sound::Speech { Vec::new() } else { bad(&replay) },
            quality: speech.then(|| speech::compare(&stream, &replay, start)),
            best: if speech && lost.0 > 0.0 { speech::compare_best(&stream, &trace, start) } else { None },
            note: String::new(),
            name,
            stream,
            trace,
            replay,
        };
        outcome.dump();
        outcome
    }
}

impl Outcome {
    /// Share of frames without the tone.
    pub fn bad(&self) -> f64 {
        let (from, to) = self.frames(self.from, self.to);
        self.bad[from..to].iter().filter(|bad| **bad).count() as f64 / (to - from).max(1) as f64
    }

    /// Frames without the tone between two times.
    pub fn bad_between(&self, from: Duration, to: Duration) -> usize {
        let (from, to) = self.frames(from, to);
        self.bad[from..to].iter().filter(|bad| **bad).count()
    }

    /// The delay of what was heard between two times.
    pub fn delay_between(&self, from: Duration, to: Duration) -> Spread {
        delay_ms(&self.stream, &self.trace, &self.replay, (from, to))
    }

    /// How long after the first packet the tone was there.
    pub fn start(&self) -> Duration {
        let first = self.bad.iter().position(|bad| !bad);
        first.map_or(Duration::MAX, |n| self.replay.frames[n].at - self.trace.arrivals[0].at)
    }

    /// How long after `event` the last frame without the tone ended, if it ended before `until`.
    pub fn recovered(&self, event: Duration, until: Duration) -> Duration {
        let (from, to) = self.frames(event, until);
        let last = (from..to).rev().find(|n| self.bad[*n]);
        last.map_or(Duration::ZERO, |n| (self.replay.frames[n].at + FRAME).saturating_sub(event))
    }

    /// Of the frames that should have the tone by their timestamps those that do, against the tone that was sent.
    pub fn heard_of_sent(&self) -> f64 {
        let (from, to) = self.frames(self.from, self.to + ms(500));
        let frames = self.replay.frames[from..to].iter().zip(&self.bad[from..to]);
        let middle = self.stream.clock_hz() / 100;
        let good = frames.filter(|(frame, bad)| {
            let packet = self.stream.packet_at(frame.timestamp.wrapping_add(middle), frame.at);
            !**bad && packet.is_some_and(|packet| self.stream.packets[packet].sounding)
        });
        let sent = self.stream.packets.iter().filter(|packet| packet.at >= self.from && packet.sounding);
        let sent: f64 = sent.map(|packet| f64::from(packet.ticks)).sum();
        good.count() as f64 * f64::from(self.stream.clock_hz()) / 50.0 / sent
    }

    /// The highest level of those frames, root mean square.
    pub fn loudest(&self, which: impl Fn(Duration) -> bool) -> f64 {
        let frames = self.replay.frames.iter().zip(self.replay.heard.chunks_exact(FRAME_SAMPLES));
        let frames = frames.filter(|(frame, _)| frame.at >= self.from && frame.at < self.to && which(frame.at));
        let power = |pcm: &[i16]| pcm.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / FRAME_SAMPLES as f64;
        frames.map(|(_, pcm)| power(pcm).sqrt()).fold(0.0, f64::max)
    }

    fn frames(&self, from: Duration, to: Duration) -> (usize, usize) {
        let index = |at: Duration| self.replay.frames.partition_point(|frame| frame.at < at);
        (index(from), index(to))
    }

    fn dump(&self) {
        let Some(folder) = std::env::var_os("TRACES_WAV") else { return };
        let name: String = self.name.chars().map(|it| if it.is_alphanumeric() { it } else { '-' }).collect();
        let file = |kind: &str| std::path::Path::new(&folder).join(format!("{name}.{kind}.wav"));
        wav::write(&file("heard"), &self.replay.heard, 16_000);
        if self.stream.sound == Sound::Speech {
            wav::write(&file("reference"), &speech::reference(&self.stream), 16_000);
        }
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn delay_ms(stream: &Stream, trace: &Trace, replay: &Replay, (from, to): (Duration, Duration)) -> Spread {
    let step = stream.clock_hz() / 200;
    let mut delays = Vec::new();
    for frame in replay.frames.iter().filter(|frame| frame.at >= from && frame.at < to) {
        for part in 0..4 {
            let packet = stream.packet_at(frame.timestamp.wrapping_add(part * step), frame.at);
            let earliest = packet.map(|packet| trace.earliest[packet]);
            delays.extend(earliest.map(|earliest| (frame.at.as_secs_f64() - earliest.as_secs_f64()) * 1e3));
        }
    }
    delays.sort_by(f64::total_cmp);
    let mean = delays.iter().sum::<f64>() / delays.len().max(1) as f64;
    Spread { mean, p50: quantile(&delays, 0.5), p95: quantile(&delays, 0.95) }
}

fn stretched_ms(stream: &Stream, replay: &Replay, (from, to): (Duration, Duration)) -> (f64, f64) {
    let frames: Vec<_> = replay.frames.iter().filter(|frame| frame.at >= from && frame.at < to).collect();
    let (mut less, mut more) = (0.0, 0.0);
    for pair in frames.windows(2) {
        let ticks = pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32;
        let extra_ms = f64::from(ticks) * 1e3 / f64::from(stream.clock_hz()) - 20.0;
        if extra_ms.abs() < JUMP_MS {
            less += extra_ms.max(0.0);
            more += (-extra_ms).max(0.0);
        }
    }
    let minutes = (to - from).as_secs_f64() / 60.0;
    (less / minutes, more / minutes)
}

fn bad(replay: &Replay) -> Vec<bool> {
    let tone = ToneFit::new(TONE_HZ, 16_000, FRAME_SAMPLES);
    let fits = replay.heard.chunks_exact(FRAME_SAMPLES).map(|frame| tone.fit(frame));
    fits.map(|fit| fit.snr_db() < BAD_SNR_DB || fit.amplitude < BAD_LEVEL).collect()
}

fn speech_cell(quality: &Quality) -> String {
    format!("{:.2} / {:.2}", quality.distance_db, quality.bad * 100.0)
}

/// The rows of one kind of trace; printed at once, so that tests side by side do not mix.
pub struct Table {
    text: String,
    failures: Vec<String>,
}

const COLUMNS: [&str; 11] = [
    "trace",
    "jitter p95/p99 ms",
    "lost/for good %",
    "delay mean/p50/p95 ms",
    "frames uneven by ms",
    "concealed %",
    "discarded ‰",
    "stretched -/+ ms/min",
    "bad tone %",
    "speech dB/bad %",
    "notes",
];

impl Table {
    pub fn new(title: &str) -> Self {
        let text = format!("\n### {title}\n\n| {} |\n|{}\n", COLUMNS.join(" | "), " --- |".repeat(COLUMNS.len()));
        Self { text, failures: Vec::new() }
    }

    /// Adds the row of `outcome` and judges it.
    pub fn row(&mut self, outcome: &Outcome, bounds: &Bounds) {
        let Outcome { name, jitter_ms, lost, delay_ms, concealed, discarded, stretched_ms, quality, .. } = outcome;
        let tone = outcome.stream.sound == Sound::Tone;
        // A stream begins as it likes.
        let uneven_ms = outcome.replay.unevenness(SECOND, Duration::MAX).as_secs_f64() * 1e3;
        let cells = [
            name.clone(),
            format!("{:.0} / {:.0}", jitter_ms.0, jitter_ms.1),
            format!("{:.1} / {:.1}", lost.0 * 100.0, lost.1 * 100.0),
            format!("{:.0} / {:.0} / {:.0}", delay_ms.mean, delay_ms.p50, delay_ms.p95),
            format!("{uneven_ms:.0}"),
            format!("{:.2}", concealed * 100.0),
            format!("{discarded:.1}"),
            format!("{:.0} / {:.0}", stretched_ms.0, stretched_ms.1),
            if tone { format!("{:.2}", outcome.bad() * 100.0) } else { String::new() },
            [*quality, outcome.best].iter().flatten().map(speech_cell).collect::<Vec<_>>().join(", best "),
            outcome.note.clone(),
        ];
        writeln!(self.text, "| {} |", cells.join(" | ")).unwrap();
        self.at_most(outcome, "mean delay in ms", delay_ms.mean, bounds.delay_mean_ms);
        self.at_most(outcome, "delay p95 in ms", delay_ms.p95, bounds.delay_p95_ms);
        self.at_most(outcome, "concealed share", *concealed, lost.1 + bounds.concealed);
        self.at_most(outcome, "discarded packets in 1000", *discarded, bounds.discarded);
        if tone {
            self.at_most(outcome, "share of bad frames", outcome.bad(), bounds.bad);
        }
        if let Some(quality) = quality {
            self.at_most(outcome, "distance of the speech in dB", quality.distance_db, bounds.speech.0);
            self.at_most(outcome, "share of bad speech", quality.bad, bounds.speech.1);
        }
        self.at_most(outcome, "unevenness of the frames in ms", uneven_ms, bounds.uneven.as_secs_f64() * 1e3);
    }

    /// Notes a failure when `value` is above `most`.
    pub fn at_most(&mut self, outcome: &Outcome, what: &str, value: f64, most: f64) {
        if value.is_nan() || value > most {
            self.failures.push(format!("{}: {what} is {value:.4}, at most {most:.4} expected", outcome.name));
        }
    }

    /// Prints the table and fails if any bound was passed.
    pub fn finish(self) {
        println!("{}", self.text);
        assert!(self.failures.is_empty(), "\n{}", self.failures.join("\n"));
    }
}
