//! What it costs to convert 20 ms between any two rates, beside an Opus decode of 20 ms in the same run.
//!
//! `cargo run --release --manifest-path bench/media/Cargo.toml --target-dir target --bin resample`. Each number is the fastest of many batches, so that other work on
//! the machine shows little.

use std::hint::black_box;
use std::time::{Duration, Instant};
use webphone_rtc::media::Codec;
use webphone_rtc::media::codec::EncoderSettings;
use webphone_rtc::media::resample::Resampler;

const RATES_HZ: [u32; 6] = [8000, 16_000, 24_000, 32_000, 44_100, 48_000];
/// Calls of 20 ms in a batch, and how many batches compete.
const BATCH: u32 = 20;
const BATCHES: u32 = 40;
/// More than the caches near a core.
const OTHER_BYTES: usize = 4 << 20;

fn main() {
    for (from, to) in [(16_000, 48_000), (44_100, 48_000), (48_000, 44_100), (16_000, 44_100), (44_100, 16_000)] {
        let start = Instant::now();
        black_box(Resampler::new(from, to));
        println!("the first resampler from {from} to {to} Hz: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    }
    println!();
    for (title, cold) in [("again and again", false), ("after other work, with cold caches", true)] {
        let decode_us = [16_000, 48_000].map(|rate_hz| opus_decode_us(rate_hz, cold));
        println!("{title}: Opus decode {:.1} us at 16 kHz, {:.1} us at 48 kHz", decode_us[0], decode_us[1]);
        println!("{:>8}{}", "from\\to", RATES_HZ.map(|to| format!("{to:>9}")).concat());
        let mut worst = 0.0f64;
        for from in RATES_HZ {
            let row = RATES_HZ.map(|to| if from == to { 0.0 } else { resample_us(from, to, cold) });
            worst = row.into_iter().fold(worst, f64::max);
            println!("{from:>8}{}", row.map(|us| format!("{us:>9.1}")).concat());
        }
        println!("the slowest is {:.2} of the decode at 16 kHz\n", worst / decode_us[0]);
    }
}

/// The fastest batch, for one call. `cold`: something else has used the caches before each call.
fn fastest_us(cold: bool, mut call: impl FnMut()) -> f64 {
    let (mut fastest, mut other) = (Duration::MAX, vec![0u8; OTHER_BYTES]);
    for _ in 0..BATCHES {
        let mut taken = Duration::ZERO;
        for _ in 0..BATCH {
            if cold {
                other.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
                black_box(&other);
            }
            let start = Instant::now();
            call();
            taken += start.elapsed();
        }
        fastest = fastest.min(taken);
    }
    fastest.as_secs_f64() * 1e6 / f64::from(BATCH)
}

fn resample_us(from: u32, to: u32, cold: bool) -> f64 {
    let mut resampler = Resampler::new(from, to);
    let pcm = voice(from, from as usize / 50 + 1);
    let mut out = vec![0; to as usize / 50];
    fastest_us(cold, || {
        let needed = resampler.needed(out.len());
        resampler.process(black_box(&pcm[..needed.min(pcm.len())]).iter().copied(), &mut out);
        black_box(&out);
    })
}

fn opus_decode_us(rate_hz: u32, cold: bool) -> f64 {
    let frame = rate_hz as usize / 50;
    let Some((mut encoder, mut decoder)) =
        Codec::Opus.encoder(rate_hz, &EncoderSettings::default()).zip(Codec::Opus.decoder(rate_hz))
    else {
        return f64::NAN;
    };
    let pcm = voice(rate_hz, rate_hz as usize);
    let mut encode = |pcm: &[i16]| {
        let mut packet = vec![0; 1275];
        let bytes = encoder.encode(pcm, &mut packet).unwrap_or_default();
        packet.truncate(bytes);
        packet
    };
    let packets: Vec<_> = pcm.chunks_exact(frame).map(&mut encode).collect();
    let (mut next, mut out) = (packets.iter().cycle(), Vec::with_capacity(frame));
    fastest_us(cold, || {
        out.clear();
        decoder.decode(black_box(next.next().map_or(&[], Vec::as_slice)), &mut out);
        black_box(&out);
    })
}

/// A buzz with a falling spectrum and some breath, as a vowel has.
fn voice(rate_hz: u32, samples: usize) -> Vec<i16> {
    let mut noise = 1u32;
    let sample = |n: usize| {
        let t = n as f64 / f64::from(rate_hz) * std::f64::consts::TAU * 130.0;
        let buzz: f64 = (1..20).map(|k| (t * f64::from(k)).sin() / f64::from(k)).sum();
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (buzz * 6000.0 + f64::from(noise >> 22) - 512.0) as i16
    };
    (0..samples).map(sample).collect()
}
