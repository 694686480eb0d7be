//! One side of a recording: what a tap heard, laid out on the time axis without a gap.
//!
//! Invariant: every sample lies within [`JUMP_MS`] of where its time says, however long the recording is; what was heard
//! in one go stays in one piece.
//!
//! The time of a piece is when it was played *or a little later*: whoever played it may have woken up late. So the least
//! delay among pieces that follow each other is the true one. If even that differs from none, the signal has paused, or
//! its clock runs at another speed than ours. A pause becomes silence, what is far too much is left out, and a small
//! difference is made up for by one sample in each piece, where it is not heard.

use crate::media::resample::Resampler;
use crate::media::{Heard, Piece};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A difference beyond this is made up for at once.
const JUMP_MS: u32 = 15;
/// A difference up to this is left as it is.
const SLACK_MS: u32 = 2;

/// A continuous signal at a fixed rate, from pieces at any rate.
pub struct Line {
    /// When its first sample is played.
    origin: Instant,
    /// Heard, and not yet laid out.
    samples: VecDeque<i16>,
    pieces: VecDeque<Piece>,
    /// None until something is heard.
    input: Option<Input>,
    output: Output,
}

/// The signal at the rate at which it comes.
struct Input {
    rate_hz: u32,
    /// When its first sample is played, and which one of the output that is.
    base: Instant,
    first: u64,
    /// Samples since then, silence included.
    placed: u64,
    /// None when the rates are equal.
    resampler: Option<Resampler>,
    /// Outputs of the filter that lie before the first sample.
    lead: usize,
}

/// The signal at the rate of the recording.
struct Output {
    rate_hz: u32,
    ready: VecDeque<i16>,
    /// Samples since the origin, those taken included.
    made: u64,
    /// Kept to spare allocations.
    scratch: Vec<i16>,
}

impl Line {
    /// A signal at `rate_hz` that begins at `origin`.
    pub fn new(origin: Instant, rate_hz: u32) -> Self {
        let output = Output { rate_hz, ready: VecDeque::new(), made: 0, scratch: Vec::new() };
        Self { origin, samples: VecDeque::new(), pieces: VecDeque::new(), input: None, output }
    }

    /// More was heard.
    pub fn hear(&mut self, heard: &Heard) {
        self.samples.extend(&heard.samples);
        self.pieces.extend(&heard.pieces);
    }

    /// Lays out what belongs before sample `until`, and silence where there is nothing.
    pub fn fill(&mut self, until: u64) {
        while self.output.made < until {
            let missing = (until - self.output.made) as usize;
            let Some(piece) = self.pieces.front().copied() else { return self.silence(missing) };
            let Some(input) = self.input.as_mut().filter(|input| input.rate_hz == piece.rate_hz) else {
                self.change_rate(piece.rate_hz);
                continue;
            };
            let (slack, jump) = (input.slack(&self.pieces), frames(JUMP_MS, piece.rate_hz));
            if slack > jump || (piece.fresh && slack > 0) {
                let silence = input.needed(missing).min(slack as usize);
                input.put(std::iter::repeat_n(0, silence), &mut self.output);
            } else if slack < -jump {
                self.skip(slack.unsigned_abs() as usize);
            } else {
                self.lay(slack);
            }
        }
    }

    /// Takes the next `count` samples, which have been [filled](Self::fill).
    pub fn take(&mut self, count: usize) -> impl Iterator<Item = i16> {
        self.output.ready.drain(..count.min(self.output.ready.len()))
    }

    fn silence(&mut self, missing: usize) {
        match &mut self.input {
            Some(input) => input.put(std::iter::repeat_n(0, input.needed(missing)), &mut self.output),
            None => self.output.put(std::iter::repeat_n(0, missing)),
        }
    }

    /// Lays out the next piece, by one sample longer or shorter if `slack` asks for it.
    fn lay(&mut self, slack: i64) {
        let (Some(piece), Some(input)) = (self.pieces.pop_front(), &mut self.input) else { return };
        let mut count = piece.frames;
        if slack.abs() > frames(SLACK_MS, piece.rate_hz) && count > 1 {
            // Where two neighbours differ least, one more or less is not heard.
            let step = |n: &usize| (i32::from(self.samples[*n]) - i32::from(self.samples[*n - 1])).abs();
            let flattest = (1..count).min_by_key(step).unwrap_or(1);
            if slack > 0 {
                self.samples.insert(flattest, self.samples[flattest]);
                count += 1;
            } else {
                self.samples.remove(flattest);
                count -= 1;
            }
        }
        input.put(self.samples.drain(..count), &mut self.output);
    }

    /// Leaves out up to `count` samples of the next piece.
    fn skip(&mut self, count: usize) {
        let Some(piece) = self.pieces.front_mut() else { return };
        let count = count.min(piece.frames);
        self.samples.drain(..count);
        piece.at += duration(count as u64, piece.rate_hz);
        piece.frames -= count;
        if piece.frames == 0 {
            self.pieces.pop_front();
        }
    }

    /// What follows comes at another rate.
    fn change_rate(&mut self, rate_hz: u32) {
        if let Some(mut old) = self.input.take() {
            old.finish(&mut self.output);
        }
        let output = &self.output;
        let resampler = (rate_hz != output.rate_hz).then(|| Resampler::new(rate_hz, output.rate_hz));
        let lead = resampler.as_ref().map_or(0, Resampler::delay);
        let base = self.origin + duration(output.made, output.rate_hz);
        self.input = Some(Input { rate_hz, base, first: output.made, placed: 0, resampler, lead });
    }
}

impl Input {
    /// Samples by which the first piece comes later than the end of what was placed: the least of those that follow each
    /// other.
    fn slack(&self, pieces: &VecDeque<Piece>) -> i64 {
        let mut end = self.placed as i64;
        let follows = |(n, piece): &(usize, &Piece)| *n == 0 || (!piece.fresh && piece.rate_hz == self.rate_hz);
        let slacks = pieces.iter().enumerate().take_while(follows).map(|(_, piece)| {
            let slack = self.position(piece.at) - end;
            end += piece.frames as i64;
            slack
        });
        slacks.min().unwrap_or_default()
    }

    /// The sample that is played at `at`; negative before the first.
    fn position(&self, at: Instant) -> i64 {
        let samples = |time: Duration| (time.as_secs_f64() * f64::from(self.rate_hz)).round() as i64;
        match at.checked_duration_since(self.base) {
            Some(since) => samples(since),
            None => -samples(self.base - at),
        }
    }

    /// Samples that make `outputs` more.
    fn needed(&self, outputs: usize) -> usize {
        self.resampler.as_ref().map_or(outputs, |resampler| resampler.needed(self.lead + outputs))
    }

    fn put(&mut self, samples: impl ExactSizeIterator<Item = i16>, output: &mut Output) {
        self.placed += samples.len() as u64;
        let Some(resampler) = &mut self.resampler else { return output.put(samples) };
        let mut scratch = std::mem::take(&mut output.scratch);
        scratch.resize(resampler.available(samples.len()), 0);
        resampler.process(samples, &mut scratch);
        let early = self.lead.min(scratch.len());
        self.lead -= early;
        output.put(scratch[early..].iter().copied());
        output.scratch = scratch;
    }

    /// Lets out what the filter still holds.
    fn finish(&mut self, output: &mut Output) {
        let due = self.first + self.placed * u64::from(output.rate_hz) / u64::from(self.rate_hz);
        let missing = due.saturating_sub(output.made) as usize;
        if missing > 0 {
            self.put(std::iter::repeat_n(0, self.needed(missing)), output);
        }
    }
}

impl Output {
    fn put(&mut self, samples: impl ExactSizeIterator<Item = i16>) {
        self.made += samples.len() as u64;
        self.ready.extend(samples);
    }
}

fn frames(ms: u32, rate_hz: u32) -> i64 {
    i64::from(ms) * i64::from(rate_hz) / 1000
}

/// How long `samples` last.
fn duration(samples: u64, rate_hz: u32) -> Duration {
    Duration::from_nanos((u128::from(samples) * 1_000_000_000 / u128::from(rate_hz)) as u64)
}
