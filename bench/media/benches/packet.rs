//! What the parts of a packet's way cost: `cargo bench --manifest-path bench/media/Cargo.toml`.

#[path = "../../../tests/support/path.rs"]
mod path;
#[path = "../../../tests/support/wire.rs"]
#[allow(dead_code, reason = "a test's; part of it is of use here")]
mod wire;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use path::{Path, SLOT, voice};
use std::hint::black_box;
use std::time::Instant;
use webphone_rtc::media::codec::{Codec, EncoderSettings};
use webphone_rtc::media::jitter::{Content, JitterBuffer, Packet};
use webphone_rtc::media::resample::Resampler;
use webphone_rtc::media::{Ring, Sink, SpeechDetector, SpeechSettings};
use webphone_rtc::rtp::RtpHeader;
use wire::Wire;

const CODECS: [(Codec, u32); 4] =
    [(Codec::Opus, 48_000), (Codec::Opus, 16_000), (Codec::G722, 16_000), (Codec::Pcmu, 8000)];

fn codecs(bench: &mut Criterion) {
    for (codec, rate_hz) in CODECS {
        let (voice, frame) = (voice(rate_hz, 2), rate_hz as usize / 50);
        let mut frames = voice.chunks_exact(frame).cycle();
        let mut encoder = codec.encoder(rate_hz, &EncoderSettings::default()).unwrap();
        let mut out = [0; 1275];
        bench.bench_function(&format!("encode {codec:?} {rate_hz}"), |run| {
            run.iter(|| encoder.encode(frames.next().unwrap(), &mut out));
        });
        let encode = |frame| {
            let length = encoder.encode(frame, &mut out).unwrap();
            out[..length].to_vec()
        };
        let payloads: Vec<Vec<u8>> = voice.chunks_exact(frame).map(encode).collect();
        let mut payloads = payloads.iter().cycle();
        let (mut decoder, mut heard) = (codec.decoder(rate_hz).unwrap(), Vec::new());
        bench.bench_function(&format!("decode {codec:?} {rate_hz}"), |run| {
            run.iter(|| {
                heard.clear();
                decoder.decode(payloads.next().unwrap(), &mut heard)
            });
        });
    }
}

fn jitter_buffer(bench: &mut Criterion) {
    let packet = |n: u32, now| Packet {
        payload_type: 111,
        content: Content::Audio(Codec::Opus),
        sequence: n as u16,
        timestamp: n.wrapping_mul(960),
        ticks: 960,
        payload: Bytes::from_static(&[0; 80]),
        arrival: now,
        copied: false,
    };
    let (mut now, mut n) = (Instant::now(), 0_u32);
    let mut buffer = JitterBuffer::new(48_000, 0.0, now, packet(n, now));
    let mut due = now;
    bench.bench_function("jitter buffer", |run| {
        run.iter(|| {
            buffer.insert(now, packet(n, now));
            black_box(buffer.surplus_ms(due));
            black_box(buffer.next(due, now, false));
            (now, due, n) = (now + SLOT, due + SLOT, n + 1);
        });
    });
}

fn resampler(bench: &mut Criterion) {
    for (from_hz, to_hz) in [(48_000, 8000), (8000, 48_000), (16_000, 48_000), (44_100, 48_000)] {
        let mut resampler = Resampler::new(from_hz, to_hz);
        let input = voice(from_hz, 1);
        bench.bench_function(&format!("resample 20 ms {from_hz} to {to_hz}"), |run| {
            let input = &input[..from_hz as usize / 50];
            run.iter(|| {
                let mut output = vec![0; resampler.available(input.len())];
                resampler.process(input.iter().copied(), &mut output);
                output
            });
        });
    }
}

fn speech(bench: &mut Criterion) {
    for rate_hz in [8000, 16_000, 48_000] {
        let mut detector = SpeechDetector::new(rate_hz, SpeechSettings::default());
        let voice = voice(rate_hz, 2);
        let mut frames = voice.chunks_exact(rate_hz as usize / 50).cycle();
        bench.bench_function(&format!("look for speech in 20 ms at {rate_hz}"), |run| {
            run.iter(|| {
                detector.feed(frames.next().unwrap());
                detector.poll()
            });
        });
    }
}

fn srtp(bench: &mut Criterion) {
    let Wire { now, sides, .. } = Wire::connected();
    let [mut from, mut to] = sides.map(|side| side.transport);
    let mut sequence = 0_u16;
    bench.bench_function("seal and open SRTP", |run| {
        run.iter(|| {
            let header = RtpHeader { sequence, ssrc: 1, ..RtpHeader::default() };
            from.send_rtp(&header, &[7; 80]);
            let sealed = from.poll_transmit().unwrap();
            to.receive(now, sealed.peer, sealed.local, &sealed.payload);
            sequence = sequence.wrapping_add(1);
            to.poll_event()
        });
    });
}

/// What JavaScript calls into, without JavaScript: a signal written, and frames of another read.
fn border(bench: &mut Criterion) {
    let (ring, pcm) = (Ring::live(16_000, 1, 1000), [7; 320]);
    let (mut sink, queue) = Sink::new(&ring, 16_000, 20, 50);
    let (now, mut frame) = (Instant::now(), [0; 320]);
    bench.bench_function("border: write a signal, cut and read its frame", |run| {
        run.iter(|| {
            ring.write(&pcm, 16_000, 1);
            sink.pump(now);
            queue.read(&mut frame)
        });
    });
}

fn whole(bench: &mut Criterion) {
    for (codec, rate_hz) in CODECS {
        let (mut path, voice) = (Path::new(codec, rate_hz), voice(rate_hz, 2));
        let mut frames = voice.chunks_exact(rate_hz as usize / 50).cycle();
        bench.bench_function(&format!("one direction {codec:?} {rate_hz}"), |run| {
            run.iter(|| path.play(frames.next().unwrap()));
        });
    }
}

criterion_group!(benches, codecs, jitter_buffer, resampler, speech, srtp, border, whole);
criterion_main!(benches);
