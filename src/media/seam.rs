//! Where one way of making a signal takes the place of another.
//!
//! Invariant: neither side has a step. The old way is heard to the end of a short blend.

use super::resample::{Converter, converted};

/// Length of a blend: long for a step, short for a beat between two that are not quite the same.
const BLEND_MS: u32 = 5;

/// Fades from the beginning of `old` over to that of `new`, both interleaved.
pub fn fade_over<'a>(
    old: impl IntoIterator<Item = &'a i16, IntoIter: ExactSizeIterator>,
    new: &mut [i16],
    (rate_hz, channels): (u32, u8),
) {
    let (old, channels) = (old.into_iter(), usize::from(channels));
    let frames = blend(rate_hz).min(old.len().min(new.len()) / channels);
    for (n, (from, to)) in old.zip(new).take(frames * channels).enumerate() {
        let share = (n / channels + 1) as f32 / (frames + 1) as f32;
        *to = (f32::from(*from) * (1.0 - share) + f32::from(*to) * share) as i16;
    }
}

/// A mono signal that is heard or not, and gives way to others.
#[derive(Default)]
pub struct Fader {
    /// Whether its last block was heard; `None` before the first.
    open: Option<bool>,
    /// How what was heard goes on.
    tail: Vec<i16>,
    rate_hz: u32,
}

impl Fader {
    /// Lets `pcm` be heard, or makes silence of it. After a change the beginning of the block fades from one to the other.
    pub fn pass(&mut self, open: bool, pcm: &mut [i16], rate_hz: u32) {
        if std::mem::replace(&mut self.rate_hz, rate_hz) != rate_hz {
            self.tail.clear();
        }
        if self.open.replace(open).is_some_and(|before| before != open) {
            let first = pcm.iter().take(blend(rate_hz));
            self.tail.extend(first.map(|sample| if open { 0 } else { *sample }));
        }
        if !open {
            pcm.fill(0);
        }
        fade_over(&self.tail, pcm, (rate_hz, 1));
        self.tail.clear();
    }

    /// Another signal takes the place of that whose `last` block was passed, and of which no more is there: it fades out of
    /// its mirror image, if it has the same rate.
    pub fn replace(&mut self, last: &[i16]) {
        if self.open.take().is_some() {
            self.tail.extend(last.iter().rev().take(blend(self.rate_hz)));
        }
    }

    /// The signal that comes next follows nothing.
    pub fn forget(&mut self) {
        self.open = None;
        self.tail.clear();
    }
}

/// Frames of a blend.
fn blend(rate_hz: u32) -> usize {
    (rate_hz * BLEND_MS / 1000) as usize
}

/// A reader's way from one converter to the next, as the signal that it reads has changed its rate. Filters of different
/// ratios have different delays, so that the signal moves by a millisecond or two.
pub struct Seam {
    /// What was read last, at the rate that is read now.
    past: Vec<i16>,
    /// Frames by which the old converter's output was behind.
    delay: usize,
    ends: [(u32, u8); 2],
}

impl Seam {
    /// `past` is what the converter `old` was given last; `new` knows it afterwards.
    pub fn new(old: &Converter, past: &[i16], new: &mut Converter) -> Self {
        let ([before, _], ends) = (old.ends(), new.ends());
        let past = converted(past, before, ends[0]);
        let [inputs, channels] = [past.len() / usize::from(ends[0].1), usize::from(ends[1].1)];
        new.convert(&past, &mut vec![0; new.available(inputs) * channels]);
        Self { past, delay: old.delay(), ends }
    }

    /// `out` is what the new converter has made of `read`, the first after the change.
    pub fn close(self, read: &[i16], out: &mut [i16]) {
        let [from, to] = self.ends;
        let whole = converted(&[&self.past, read].concat(), from, to);
        let past = self.past.len() / usize::from(from.1) * to.0 as usize / from.0 as usize;
        fade_over(&whole[past.saturating_sub(self.delay) * usize::from(to.1)..], out, to);
    }
}
