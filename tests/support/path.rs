//! The way of one direction of a call, packet by packet: PCM, encoder, SRTP, jitter buffer, decoder, frames.
#![allow(dead_code)]

use crate::wire::Wire;
use std::sync::Arc;
use std::time::{Duration, Instant};
use webphone_rtc::media::codec::{Codec, CodecSpec};
use webphone_rtc::media::{Receiver, RecvSpec, Ring, SendSpec, Sender, Sink, SinkQueue};
use webphone_rtc::transport::{Transport, TransportEvent};

pub const SLOT: Duration = Duration::from_millis(20);

/// One direction; both ends in this thread, without a wire between them.
pub struct Path {
    sides: [Transport; 2],
    now: Instant,
    source: Arc<Ring>,
    sender: Sender,
    receiver: Receiver,
    sink: Sink,
    queue: Arc<SinkQueue>,
    frame: Vec<i16>,
    rate_hz: u32,
    pub heard: u64,
    pub loudest: u16,
}

fn spec(codec: Codec) -> CodecSpec {
    let (payload_type, name, channels) = match codec {
        Codec::Opus => (111, "opus", 2),
        Codec::G722 => (9, "G722", 1),
        Codec::Pcma => (8, "PCMA", 1),
        Codec::Pcmu => (0, "PCMU", 1),
    };
    CodecSpec { payload_type, name: name.to_owned(), clock_rate: codec.clock_hz(), channels, fmtp: String::new() }
}

impl Path {
    /// PCM at `rate_hz` on both ends.
    pub fn new(codec: Codec, rate_hz: u32) -> Self {
        let Wire { now, sides, .. } = Wire::connected();
        let source = Ring::new(rate_hz, 1, 1000);
        let mut sender = Sender::new(1, 1000, 0);
        let line = SendSpec { codec: spec(codec), dtmf: None, ptime_ms: 20, mid: None, audio_level: None, red: None };
        sender.configure(now, Some(line));
        sender.set_source(Some(source.reader()));
        let ring = Ring::live(48_000, 1, 1000);
        let (sink, queue) = Sink::new(&ring, rate_hz, 10, 50);
        let mut receiver = Receiver::new(ring);
        receiver.configure(Some(RecvSpec { codecs: vec![spec(codec)] }));
        let frame = vec![0; queue.frame_samples()];
        let sides = sides.map(|side| side.transport);
        Self { sides, now, source, sender, receiver, sink, queue, frame, rate_hz, heard: 0, loudest: 0 }
    }

    /// The next 20 ms.
    pub fn play(&mut self, pcm: &[i16]) {
        self.source.write(pcm, self.rate_hz, 1);
        let (now, [from, to]) = (self.now, &mut self.sides);
        self.sender.poll(now, &mut |header, payload| {
            assert!(from.send_rtp(header, payload), "there is a way");
        });
        while let Some(transmit) = from.poll_transmit() {
            to.receive(now, transmit.peer, transmit.local, &transmit.payload);
        }
        while let Some(event) = to.poll_event() {
            if let TransportEvent::Rtp(packet) = event {
                self.receiver.receive(now, &packet);
            }
        }
        self.receiver.poll(now);
        self.sink.pump(now);
        while self.queue.read(&mut self.frame).is_some() {
            self.heard += 1;
            self.loudest = self.frame.iter().map(|sample| sample.unsigned_abs()).fold(self.loudest, u16::max);
        }
        self.now += SLOT;
    }
}

/// Vowels: harmonics under a slow envelope; what a codec has to do for speech, without a file.
pub fn voice(rate_hz: u32, seconds: u32) -> Vec<i16> {
    let rate = f64::from(rate_hz);
    let sample = |n: u32| {
        let time = f64::from(n) / rate;
        let pitch = 110.0 + 20.0 * (time * 3.0).sin();
        let formant = 700.0 + 500.0 * (time * 5.0).sin();
        let harmonics = (1..30).map(f64::from).map(|k| {
            let off = (k * pitch - formant) / 300.0;
            (-off * off).exp() * (std::f64::consts::TAU * k * pitch * time).sin()
        });
        (2500.0 * (0.6 + 0.4 * (time * 12.0).sin()) * harmonics.sum::<f64>()) as i16
    };
    (0..rate_hz * seconds).map(sample).collect()
}
