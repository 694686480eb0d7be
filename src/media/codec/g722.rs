//! G.722 at 64 kbit/s: 16 kHz speech in two sub-bands.
//!
//! Invariant: one byte is two samples at 16 kHz and one tick of the RTP clock, which runs at 8 kHz by an old mistake
//! (RFC 3551 section 4.5.2).

use super::{Decoder, Encoder, EncoderSettings, g711};
use audio_codec::g722::{G722Decoder as Decode, G722Encoder as Encode};
use audio_codec::{Decoder as _, Encoder as _};

pub(super) const RATE_HZ: u32 = 16_000;

/// Length of a packet in ticks, one byte each as in G.711.
pub(super) fn ticks(payload: &[u8]) -> Option<u32> {
    g711::ticks(payload)
}

#[derive(Default)]
pub(super) struct G722Encoder(Encode);

impl Encoder for G722Encoder {
    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Option<usize> {
        self.0.encode_into(pcm, out).ok().filter(|bytes| *bytes > 0)
    }

    fn configure(&mut self, _: &EncoderSettings) {}
}

#[derive(Default)]
pub(super) struct G722Decoder(Decode);

impl Decoder for G722Decoder {
    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool {
        let start = out.len();
        out.resize(start + payload.len() * 2, 0);
        let decoded = self.0.decode_into(payload, &mut out[start..]).unwrap_or(0);
        out.truncate(start + decoded);
        decoded > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, samples: usize) -> Vec<i16> {
        let step = hz * std::f32::consts::TAU / RATE_HZ as f32;
        (0..samples).map(|n| ((n as f32 * step).sin() * 8000.0) as i16).collect()
    }

    #[test]
    fn both_bands_come_back_after_the_delay_of_the_filters() {
        // Below and above 4 kHz, where the bands meet.
        for hz in [300.0, 1000.0, 3000.0, 5500.0] {
            let (mut encoder, mut decoder) = (G722Encoder::default(), G722Decoder::default());
            let pcm = tone(hz, 6400);
            let (mut bytes, mut back) = ([0; 160], Vec::new());
            for frame in pcm.chunks_exact(320) {
                assert_eq!(encoder.encode(frame, &mut bytes), Some(160));
                assert!(decoder.decode(&bytes, &mut back));
            }
            assert_eq!(back.len(), pcm.len());
            let error = |delay: usize| {
                let pairs = pcm[1600..6000].iter().zip(&back[1600 + delay..]);
                pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>() / 4400.0
            };
            let least = (0..40).map(error).fold(f64::MAX, f64::min);
            let snr_db = 10.0 * (8000.0f64.powi(2) / 2.0 / least).log10();
            assert!(snr_db > 15.0, "{hz} Hz: {snr_db:.1} dB");
        }
    }

    #[test]
    fn a_byte_is_two_samples_and_one_tick() {
        let mut out = Vec::new();
        assert!(G722Decoder::default().decode(&[0xfa; 160], &mut out));
        assert_eq!((out.len(), ticks(&[0xfa; 160])), (320, Some(160)));
        assert!(!G722Decoder::default().decode(&[], &mut out));
        assert_eq!(ticks(&[0xfa; 4]), None);
    }

    #[test]
    fn any_bytes_are_decoded_to_the_same_length() {
        let mut decoder = G722Decoder::default();
        let mut seed = 1u32;
        for length in [1, 2, 39, 160, 480, 961] {
            let bytes: Vec<u8> = (0..length)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24) as u8
                })
                .collect();
            let mut out = Vec::new();
            assert!(decoder.decode(&bytes, &mut out));
            assert_eq!(out.len(), length * 2);
        }
    }
}
