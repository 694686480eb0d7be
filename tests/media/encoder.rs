//! What libopus's encoder makes of speech, where parts of it are not libopus's own (crates/cmake/src/avx2).

use crate::path::voice;
use webphone_rtc::media::codec::{Codec, EncoderSettings};

const SECONDS: u32 = 8;
/// Vowels are followed by noise, as of a consonant, for a quarter of this.
const SYLLABLE_MS: u32 = 400;

/// Rate in Hz, complexity, FEC, and what libopus 1.6.1 as it is published reaches: SNR in dB, and kbit/s.
const PUBLISHED: [(u32, u8, bool, f64, f64); 24] = [
    (48_000, 2, false, 5.08, 29.33),
    (48_000, 2, true, 5.33, 31.06),
    (48_000, 5, false, 5.25, 29.28),
    (48_000, 5, true, 5.28, 31.61),
    (48_000, 7, false, 5.55, 29.77),
    (48_000, 7, true, 5.37, 31.51),
    (48_000, 9, false, 5.58, 30.02),
    (48_000, 9, true, 5.47, 31.90),
    (16_000, 2, false, 8.03, 23.59),
    (16_000, 2, true, 7.07, 28.24),
    (16_000, 5, false, 8.01, 23.21),
    (16_000, 5, true, 7.16, 28.57),
    (16_000, 7, false, 8.41, 27.94),
    (16_000, 7, true, 7.17, 28.76),
    (16_000, 9, false, 8.30, 28.01),
    (16_000, 9, true, 7.24, 29.00),
    (8000, 2, false, 9.30, 23.77),
    (8000, 2, true, 8.47, 28.62),
    (8000, 5, false, 9.32, 23.41),
    (8000, 5, true, 8.63, 28.38),
    (8000, 7, false, 9.29, 23.58),
    (8000, 7, true, 8.64, 28.64),
    (8000, 9, false, 9.30, 23.82),
    (8000, 9, true, 8.64, 28.89),
];
/// The same numbers with other rounding are this far off at most.
const ROOM_DB: f64 = 0.15;
const ROOM_KBPS: f64 = 0.3;

fn speech(rate_hz: u32) -> Vec<i16> {
    let (mut voice, mut seed) = (voice(rate_hz, SECONDS), 1_u32);
    for syllable in voice.chunks_exact_mut((rate_hz / 1000 * SYLLABLE_MS) as usize) {
        let vowel = syllable.len() / 4 * 3;
        for sample in &mut syllable[vowel..] {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = (seed >> 20) as i16 - 2048;
        }
    }
    voice
}

/// SNR in dB and kbit/s.
fn coded(rate_hz: u32, complexity: u8, fec: bool) -> (f64, f64) {
    let settings = EncoderSettings {
        complexity: Some(complexity),
        fec,
        loss_percent: if fec { 15 } else { 0 },
        ..EncoderSettings::default()
    };
    let mut encoder = Codec::Opus.encoder(rate_hz, &settings).unwrap();
    let mut decoder = Codec::Opus.decoder(rate_hz).unwrap();
    let (speech, mut heard, mut bytes, mut payload) = (speech(rate_hz), Vec::new(), 0, [0; 1275]);
    for frame in speech.chunks_exact(rate_hz as usize / 50) {
        let length = encoder.encode(frame, &mut payload).unwrap();
        bytes += length;
        decoder.decode(&payload[..length], &mut heard);
    }
    // Encoder and decoder together are late by 6.5 ms and a little more: the best is the right one.
    let snr_db = |late: usize| {
        let pairs = || speech.iter().zip(&heard[late..]).map(|(sent, got)| (f64::from(*sent), f64::from(*got)));
        let energy: f64 = pairs().map(|(sent, _)| sent * sent).sum();
        let noise: f64 = pairs().map(|(sent, got)| (sent - got).powi(2)).sum();
        10.0 * (energy / noise).log10()
    };
    let around = rate_hz as usize * 13 / 2000;
    let best = (around - 10..around + 60).map(snr_db).fold(f64::MIN, f64::max);
    (best, bytes as f64 * 8.0 / 1000.0 / f64::from(SECONDS))
}

#[test]
fn the_encoder_is_as_good_as_the_one_that_is_published() {
    let mut worse = Vec::new();
    for (rate_hz, complexity, fec, snr_db, kbps) in PUBLISHED {
        let (got_db, got_kbps) = coded(rate_hz, complexity, fec);
        println!("({rate_hz}, {complexity}, {fec}, {got_db:.2}, {got_kbps:.2}),");
        if got_db < snr_db - ROOM_DB || (got_kbps - kbps).abs() > ROOM_KBPS {
            worse.push((rate_hz, complexity, fec, got_db, got_kbps));
        }
    }
    assert!(worse.is_empty(), "Hz, complexity, FEC, dB, kbit/s: {worse:?}");
}

#[test]
fn the_last_of_quality_is_bought_where_bits_are_few_or_packets_are_lost() {
    let packets = |rate_hz: u32, settings: EncoderSettings| {
        let mut encoder = Codec::Opus.encoder(rate_hz, &settings).unwrap();
        let mut payload = [0; 1275];
        let mut packet = |frame| {
            let length = encoder.encode(frame, &mut payload).unwrap();
            payload[..length].to_vec()
        };
        speech(rate_hz).chunks_exact(rate_hz as usize / 50).take(100).map(&mut packet).collect::<Vec<_>>()
    };
    for (rate_hz, bitrate_bps, fec, complexity) in
        [(16_000, 32_000, false, 6), (16_000, 20_000, false, 9), (16_000, 32_000, true, 9), (48_000, 32_000, false, 9)]
    {
        let loss_percent = if fec { 15 } else { 0 };
        let usual = EncoderSettings { bitrate_bps, fec, loss_percent, ..EncoderSettings::default() };
        let told = |complexity| packets(rate_hz, EncoderSettings { complexity: Some(complexity), ..usual });
        let other = if complexity == 9 { 6 } else { 9 };
        assert!(packets(rate_hz, usual) == told(complexity), "{rate_hz} Hz, {bitrate_bps} bit/s, FEC {fec}");
        assert!(told(complexity) != told(other), "{rate_hz} Hz: nobody could tell");
    }
}

#[test]
fn a_constant_is_silence_to_the_encoder() {
    for rate_hz in [8000, 16_000, 48_000] {
        let longest = |level: i16| {
            let settings = EncoderSettings { complexity: Some(9), ..EncoderSettings::default() };
            let mut encoder = Codec::Opus.encoder(rate_hz, &settings).unwrap();
            let (frame, mut payload) = (vec![level; rate_hz as usize / 50], [0; 1275]);
            let lengths: Vec<usize> = (0..500).map(|_| encoder.encode(&frame, &mut payload).unwrap()).collect();
            lengths[400..].iter().copied().max()
        };
        let (constant, silence) = (longest(12_345), longest(0));
        assert!(constant <= silence, "{constant:?} bytes, {silence:?} of silence, at {rate_hz} Hz");
    }
}
