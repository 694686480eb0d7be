//! G.711, both laws.
//!
//! Invariant: one byte is one sample, at 8 kHz.

use super::{Decoder, Encoder, EncoderSettings, MAX_PACKET_MS};
use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

const RATE_HZ: u32 = 8000;
/// Less than 5 ms is no audio packet of anybody.
const MIN_TICKS: usize = 40;

/// Length of a packet in ticks, one byte each; `None` when it is too short or too long to be one.
pub(super) fn ticks(payload: &[u8]) -> Option<u32> {
    let ticks = payload.len();
    (MIN_TICKS..=(MAX_PACKET_MS * RATE_HZ / 1000) as usize).contains(&ticks).then_some(ticks as u32)
}

pub(super) struct G711Encoder {
    encode: fn(i16) -> u8,
}

impl G711Encoder {
    pub(super) fn mu_law() -> Self {
        Self { encode: encode_ulaw }
    }

    pub(super) fn a_law() -> Self {
        Self { encode: encode_alaw }
    }
}

impl Encoder for G711Encoder {
    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Option<usize> {
        let out = out.get_mut(..pcm.len())?;
        for (byte, sample) in out.iter_mut().zip(pcm) {
            *byte = (self.encode)(*sample);
        }
        Some(pcm.len())
    }

    fn configure(&mut self, _: &EncoderSettings) {}
}

pub(super) struct G711Decoder {
    decode: fn(u8) -> i16,
}

impl G711Decoder {
    pub(super) fn mu_law() -> Self {
        Self { decode: decode_ulaw }
    }

    pub(super) fn a_law() -> Self {
        Self { decode: decode_alaw }
    }
}

impl Decoder for G711Decoder {
    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool {
        out.extend(payload.iter().map(|byte| (self.decode)(*byte)));
        !payload.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for (bytes, expected) in [(0, None), (4, None), (39, None), (40, Some(40)), (160, Some(160)), (961, None)] {
            assert_eq!(ticks(&vec![0xff; bytes]), expected);
        }
    }
}
