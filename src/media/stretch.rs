//! Time-stretching without a change of pitch: one pitch period is left out of speech or put in (in the manner of
//! WSOLA), spliced where the signal looks most like itself.
//!
//! Invariant: neither end of a splice has a step; what is not spliced stays as it is, to the sample.

use super::pitch::{correlation, samples, similarity};
use std::f32::consts::FRAC_PI_2;
use std::ops::Range;

/// Pitch periods that are left out or put in: 2.5 to 15 ms.
const SHORTEST_US: u32 = 2500;
const LONGEST_US: u32 = 15_000;
/// Length of the blend of a splice.
const BLEND_US: u32 = 4000;
/// Before the splice this much is compared too.
const CONTEXT_US: u32 = 4000;
/// Below this level (rms) a splice is not heard wherever it is.
const QUIET: f64 = 80.0;

/// What looks like itself nowhere by more than this is noise:
const NOISE: f64 = 0.45;
/// a room's, where its level (rms) is below this, and no consonant;
const ROOM: f64 = 400.0;
/// and no edge of something where it is about as loud on both sides.
const AS_LOUD: Range<f64> = 0.7..1.4;
/// It is left alone where a splice must be heard less than this allows.
const CAREFUL: f64 = 0.8;

/// How much a splice may be heard.
#[derive(Clone, Copy, Debug)]
pub struct Strictness(
    /// Similarity that the two sides of a splice must have, 0 to 1.
    pub f64,
);

/// Where two sides meet.
struct Splice {
    lag: usize,
    /// They have nothing in common: noise, whose power is to stay.
    noise: bool,
}

/// Leaves out one period of at most `most` samples near the start of `pcm`, which follows `past`. Returns the samples
/// left out; 0 when there is no good place.
pub fn shorten(past: &[i16], pcm: &mut Vec<i16>, most: usize, rate_hz: u32, strictness: Strictness) -> usize {
    let blend = samples(BLEND_US, rate_hz);
    let most = most.min(samples(LONGEST_US, rate_hz)).min(pcm.len().saturating_sub(blend));
    let context = samples(CONTEXT_US, rate_hz).min(past.len());
    let seam = [&past[past.len() - context..], pcm].concat();
    // Both sides in one line: what is played now at `context`, what would be played instead `lag` further on.
    let found = best(&seam, context, blend, most, rate_hz, strictness, |lag| lag as isize);
    let Some(splice) = found else { return 0 };
    for n in 0..blend {
        pcm[n] = splice.blended(pcm[n], pcm[n + splice.lag], n, blend);
    }
    pcm.drain(blend..blend + splice.lag);
    splice.lag
}

/// Puts one period of at most `most` samples, taken from the end of `past`, in front of `pcm`, which follows it.
/// Returns the samples put in; 0 when there is no good place.
pub fn lengthen(past: &[i16], pcm: &mut Vec<i16>, most: usize, rate_hz: u32, strictness: Strictness) -> usize {
    let blend = samples(BLEND_US, rate_hz);
    if pcm.len() < blend {
        return 0;
    }
    let context = samples(CONTEXT_US, rate_hz);
    let most = most.min(samples(LONGEST_US, rate_hz)).min(past.len().saturating_sub(context));
    let seam = [past, &pcm[..blend]].concat();
    let found = best(&seam, past.len(), blend, most, rate_hz, strictness, |lag| -(lag as isize));
    let Some(splice) = found.filter(|splice| splice.lag >= blend) else { return 0 };
    let again = past.len() - splice.lag;
    let mut inserted: Vec<i16> = (0..blend).map(|n| splice.blended(pcm[n], past[again + n], n, blend)).collect();
    inserted.extend_from_slice(&past[again + blend..]);
    pcm.splice(0..0, inserted);
    splice.lag
}

/// The lag from 2.5 ms to `most` at which `seam` around `at` looks most like itself `offset(lag)` away; `None` if it
/// does not enough. In silence and in noise the longest.
fn best(
    seam: &[i16],
    at: usize,
    blend: usize,
    most: usize,
    rate_hz: u32,
    strictness: Strictness,
    offset: impl Fn(usize) -> isize,
) -> Option<Splice> {
    let least = samples(SHORTEST_US, rate_hz);
    if most < least {
        return None;
    }
    let context = at.min(samples(CONTEXT_US, rate_hz));
    let here = &seam[at - context..at + blend];
    let there = |lag: usize| {
        let start = (at - context) as isize + offset(lag);
        usize::try_from(start).ok().and_then(|start| seam.get(start..start + context + blend))
    };
    let rms = |pcm: &[i16]| (correlation(pcm, pcm, 1) / pcm.len() as f64).sqrt();
    let (level, there_level) = (rms(here), there(most).map(rms)?);
    if level < QUIET {
        return (there_level < QUIET).then_some(Splice { lag: most, noise: false });
    }
    let step = (rate_hz / 8000).max(1) as usize;
    let scored = |lags: &mut dyn Iterator<Item = usize>, step: usize| {
        let scores = lags.filter_map(|lag| Some((lag, similarity(here, there(lag)?, step))));
        scores.max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let (coarse, _) = scored(&mut (least..=most).step_by(step), step)?;
    let near = coarse.saturating_sub(step).max(least)..=(coarse + step).min(most);
    let (lag, score) = scored(&mut near.into_iter(), 1)?;
    if score >= strictness.0 {
        return Some(Splice { lag, noise: false });
    }
    let noise = score < NOISE && level < ROOM && strictness.0 < CAREFUL && AS_LOUD.contains(&(there_level / level));
    noise.then_some(Splice { lag: most, noise })
}

impl Splice {
    fn blended(&self, from: i16, to: i16, n: usize, length: usize) -> i16 {
        let share = (n + 1) as f32 / (length + 1) as f32;
        let (to_share, from_share) = if self.noise { (share * FRAC_PI_2).sin_cos() } else { (share, 1.0 - share) };
        (f32::from(from) * from_share + f32::from(to) * to_share) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate_hz: u32, from: usize, count: usize) -> Vec<i16> {
        let step = hz * std::f64::consts::TAU / f64::from(rate_hz);
        (from..from + count).map(|n| ((n as f64 * step).sin() * 8000.0) as i16).collect()
    }

    fn largest_step(pcm: &[i16]) -> i32 {
        pcm.windows(2).map(|it| (i32::from(it[0]) - i32::from(it[1])).abs()).max().unwrap_or(0)
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_has_no_step_when_it_is_stretched() {
        for rate_hz in [8000, 16_000, 48_000] {
            let (ms, least) = (rate_hz as usize / 1000, samples(SHORTEST_US, rate_hz));
            for hz in [110.0, 200.0, 440.0, 1000.0] {
                let past = tone(hz, rate_hz, 0, 40 * ms);
                let natural = largest_step(&past);
                for longer in [false, true] {
                    let mut pcm = tone(hz, rate_hz, 40 * ms, 20 * ms);
                    let change = if longer { lengthen } else { shorten };
                    let lag = change(&past, &mut pcm, 12 * ms, rate_hz, Strictness(0.9));
                    assert!((least..=12 * ms).contains(&lag), "{rate_hz} {hz}");
                    let expected = if longer { 20 * ms + lag } else { 20 * ms - lag };
                    assert_eq!(pcm.len(), expected);
                    let whole = [past.clone(), pcm].concat();
                    assert!(largest_step(&whole) <= natural + natural / 10 + 20, "{rate_hz} {hz} {longer}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_period_is_left_alone_unless_it_is_quiet_or_there_is_haste() {
        let mut seed = 1u32;
        let mut noise = |level: i32, count: usize| -> Vec<i16> {
            (0..count)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    ((seed >> 16) as i32 % (2 * level) - level) as i16
                })
                .collect()
        };
        for (level, changed) in [(8000, false), (40, true)] {
            for change in [shorten, lengthen] {
                let (past, mut pcm) = (noise(level, 640), noise(level, 320));
                let lag = change(&past, &mut pcm, 128, 16_000, Strictness(0.8));
                assert_eq!(lag > 0, changed, "{level}");
            }
        }
        // In haste anywhere, and the power of a splice stays.
        let power = |pcm: &[i16]| correlation(pcm, pcm, 1) / pcm.len() as f64;
        for change in [shorten, lengthen] {
            let mut blends = Vec::new();
            for _ in 0..100 {
                let (past, mut pcm) = (noise(600, 640), noise(600, 320));
                if change(&past, &mut pcm, 128, 16_000, Strictness(0.7)) == 128 {
                    blends.extend_from_slice(&pcm[..64]);
                }
            }
            assert!(blends.len() > 90 * 64, "{}", blends.len());
            let kept = power(&blends) / power(&noise(600, 6400));
            assert!((0.9..1.1).contains(&kept), "{kept}");
        }
        // What begins or ends is no noise.
        let (past, mut pcm) = (noise(200, 640), [noise(200, 64), noise(8000, 256)].concat());
        assert_eq!(shorten(&past, &mut pcm, 128, 16_000, Strictness(0.7)), 0);
    }

    #[test]
    fn too_little_room_changes_nothing() {
        let past = tone(440.0, 16_000, 0, 640);
        for change in [shorten, lengthen] {
            for (count, most) in [(0, 100), (20, 100), (320, 10), (320, 0)] {
                let mut pcm = tone(440.0, 16_000, 640, count);
                assert_eq!(change(&past, &mut pcm, most, 16_000, Strictness(0.8)), 0, "{count} {most}");
                assert_eq!(pcm, tone(440.0, 16_000, 640, count));
            }
        }
        assert_eq!(shorten(&[], &mut tone(440.0, 16_000, 0, 40), 200, 16_000, Strictness(0.5)), 0);
        assert_eq!(lengthen(&[], &mut tone(440.0, 16_000, 0, 320), 200, 16_000, Strictness(0.5)), 0);
    }
}
