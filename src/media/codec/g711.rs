//! G.711, both laws.
//!
//! Invariant: one byte is one sample, at 8 kHz.

use super::{Decoder, Encoder, EncoderSettings, MAX_SAMPLED_MS};
use audio_codec_algorithms::{decode_alaw, decode_ulaw};

const RATE_HZ: u32 = 8000;
/// Less than 5 ms is no audio packet of anybody.
const MIN_TICKS: usize = 40;

/// Length of a packet in ticks, one byte each; `None` when it is too short or too long to be one.
pub(super) fn ticks(payload: &[u8]) -> Option<u32> {
    let ticks = payload.len();
    (MIN_TICKS..=(MAX_SAMPLED_MS * RATE_HZ / 1000) as usize).contains(&ticks).then_some(ticks as u32)
}

/// The two laws.
#[derive(Clone, Copy)]
enum Law {
    Mu,
    A,
}

pub(super) struct G711Encoder(Law);

impl G711Encoder {
    pub(super) fn mu_law() -> Self {
        Self(Law::Mu)
    }

    pub(super) fn a_law() -> Self {
        Self(Law::A)
    }
}

impl Encoder for G711Encoder {
    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Option<usize> {
        let out = out.get_mut(..pcm.len())?;
        match self.0 {
            Law::Mu => each(pcm, out, mu_law),
            Law::A => each(pcm, out, a_law),
        }
        Some(pcm.len())
    }

    fn configure(&mut self, _: &EncoderSettings) {}
}

/// A loop of its own for each law: the compiler makes it do several samples at a time.
fn each(pcm: &[i16], out: &mut [u8], law: impl Fn(i16) -> u8) {
    for (byte, sample) in out.iter_mut().zip(pcm) {
        *byte = law(*sample);
    }
}

/// Segment and step of a size whose lowest segment begins at `1 << first`: they are the exponent of the size as a number
/// with a binary point, and the first four digits behind it.
fn segment_and_step(size: i16, first: u32) -> u8 {
    ((f32::from(size).to_bits() >> 19) - ((127 + first) << 4)) as u8
}

/// Below zero the one's complement, so that there is a size for each sample.
fn mu_law(sample: i16) -> u8 {
    let sign = sample >> 15;
    // 33 lets the lowest of the segments begin at a power of two as well. More than 13 bits are the last step.
    let size = ((sample >> 2) ^ sign).min(8191 - 33) + 33;
    !(segment_and_step(size, 5) | (sign as u8 & 0x80))
}

/// As above, in 12 bits.
fn a_law(sample: i16) -> u8 {
    let sign = sample >> 15;
    let size = (sample >> 3) ^ sign;
    // The two lowest segments have steps of one length.
    let code = if size < 32 { (size >> 1) as u8 } else { segment_and_step(size, 4) };
    (code | (sign as u8 & 0x80)) ^ 0xd5
}

pub(super) struct G711Decoder(Law);

impl G711Decoder {
    pub(super) fn mu_law() -> Self {
        Self(Law::Mu)
    }

    pub(super) fn a_law() -> Self {
        Self(Law::A)
    }
}

impl Decoder for G711Decoder {
    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool {
        match self.0 {
            Law::Mu => out.extend(payload.iter().map(|byte| decode_ulaw(*byte))),
            Law::A => out.extend(payload.iter().map(|byte| decode_alaw(*byte))),
        }
        !payload.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use audio_codec_algorithms::{encode_alaw, encode_ulaw};

    #[test]
    fn each_sample_becomes_the_byte_that_the_laws_say() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(mu_law(sample), encode_ulaw(sample), "mu-law of {sample}");
            assert_eq!(a_law(sample), encode_alaw(sample), "A-law of {sample}");
        }
    }

    #[test]
    fn both_laws_give_back_what_went_in_within_their_step() {
        let mu = (G711Encoder::mu_law(), G711Decoder::mu_law());
        let a = (G711Encoder::a_law(), G711Decoder::a_law());
        for (mut encoder, mut decoder) in [mu, a] {
            let pcm: Vec<i16> = (-32_000..32_000).step_by(64).map(|it| it as i16).collect();
            let mut bytes = vec![0; pcm.len()];
            encoder.encode(&pcm, &mut bytes).unwrap();
            let mut back = Vec::new();
            assert!(decoder.decode(&bytes, &mut back));
            for (a, b) in pcm.iter().zip(&back) {
                let step = i32::from(a.unsigned_abs()) / 16 + 32;
                assert!((i32::from(*a) - i32::from(*b)).abs() <= step, "{a} {b}");
            }
        }
    }

    #[test]
    fn only_lengths_of_audio_packets_count() {
        let lengths = [(0, None), (39, None), (40, Some(40)), (160, Some(160)), (1600, Some(1600)), (1601, None)];
        for (bytes, expected) in lengths {
            assert_eq!(ticks(&vec![0xff; bytes]), expected);
        }
    }
}
