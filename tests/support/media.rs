//! A call in virtual time: source, sender, a network that can be bad, receiver, sink; and measures for tones.
#![allow(dead_code, reason = "each test file uses a part")]

#[path = "tone.rs"]
pub mod tone;

use bytes::BytesMut;
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tone::ToneFit;
use webphone_rtc::media::{
    Codec, CodecSpec, FrameInfo, Receiver, ReceiverEvent, RecvSpec, Ring, SendSpec, Sender, SenderEvent, Sink,
    SinkQueue,
};
use webphone_rtc::rtp::{RtpHeader, RtpPacket};

pub const SSRC: u32 = 0x1234_5678;

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn spec(payload_type: u8, name: &str, clock_rate: u32, channels: u8) -> CodecSpec {
    CodecSpec { payload_type, name: name.into(), clock_rate, channels, fmtp: String::new() }
}

pub fn opus() -> CodecSpec {
    spec(111, "opus", 48_000, 2)
}

pub fn g722() -> CodecSpec {
    spec(9, "G722", 8000, 1)
}

pub fn pcmu() -> CodecSpec {
    spec(0, "PCMU", 8000, 1)
}

pub fn pcma() -> CodecSpec {
    spec(8, "PCMA", 8000, 1)
}

pub fn events(clock_rate: u32) -> CodecSpec {
    spec(if clock_rate == 8000 { 126 } else { 110 }, "telephone-event", clock_rate, 1)
}

pub fn noise() -> CodecSpec {
    spec(13, "CN", 8000, 1)
}

pub fn all() -> Vec<CodecSpec> {
    vec![opus(), g722(), pcmu(), pcma(), noise(), events(48_000), events(8000)]
}

pub fn send_spec(codec: CodecSpec) -> SendSpec {
    let dtmf = Some(events(codec.clock_rate));
    SendSpec { codec, dtmf, ptime_ms: 20, mid: None, audio_level: None, red: None }
}

/// A seeded generator: the same trace in each run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 0 to 1.
    pub fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What the network does with the n-th packet: when each of its copies arrives, after how long.
pub type Network = Box<dyn FnMut(u64, &mut RtpPacket) -> Vec<Duration>>;

pub fn clean() -> Network {
    Box::new(|_, _| vec![ms(5)])
}

/// Random loss (0 to 1) and jitter (uniform, reordering allowed).
pub fn bad(seed: u64, loss: f64, jitter_ms: u64) -> Network {
    let mut dice = Dice::new(seed);
    Box::new(move |_, _| {
        let lost = dice.roll() < loss;
        let delay = 5.0 + dice.roll() * jitter_ms as f64;
        if lost { vec![] } else { vec![Duration::from_micros((delay * 1000.0) as u64)] }
    })
}

pub struct Call {
    pub now: Instant,
    pub start: Instant,
    pub source: Arc<Ring>,
    pub sender: Sender,
    pub network: Network,
    pub sent: Vec<(Instant, RtpPacket)>,
    flight: BTreeMap<(Instant, u64), RtpPacket>,
    pub receiver: Receiver,
    pub sink: Option<(Sink, Arc<SinkQueue>)>,
    /// What the sink gave, and its frames' information.
    pub heard: Vec<i16>,
    pub frames: Vec<(Instant, FrameInfo)>,
    pub tones: Vec<(Instant, String, String)>,
    pub events: Vec<(Instant, ReceiverEvent)>,
    /// The application's signal: written in 20 ms pieces as time passes.
    pub speak: Option<Box<dyn FnMut(usize) -> i16>>,
    pub rate_hz: u32,
    spoken: usize,
    order: u64,
    count: u64,
}

impl Call {
    pub fn new(codec: CodecSpec, rate_hz: u32) -> Self {
        Self::with(send_spec(codec), rate_hz, true)
    }

    pub fn with(send: SendSpec, rate_hz: u32, listen: bool) -> Self {
        let now = Instant::now() + Duration::from_secs(3600);
        let source = Ring::new(rate_hz, 1, 1000);
        let mut sender = Sender::new(SSRC, 65_500, u32::MAX - 20_000);
        sender.configure(now, Some(send));
        sender.set_source(Some(source.reader()));
        let ring = Ring::live(48_000, 1, 500);
        let sink = listen.then(|| Sink::new(&ring, 16_000, 20, 10_000));
        let mut receiver = Receiver::new(ring);
        receiver.configure(Some(RecvSpec { codecs: all() }));
        Self {
            now,
            start: now,
            source,
            sender,
            network: clean(),
            sent: Vec::new(),
            flight: BTreeMap::new(),
            receiver,
            sink,
            heard: Vec::new(),
            frames: Vec::new(),
            tones: Vec::new(),
            events: Vec::new(),
            speak: None,
            rate_hz,
            spoken: 0,
            order: 0,
            count: 0,
        }
    }

    pub fn tone(self, hz: f64) -> Self {
        let step = TAU * hz / f64::from(self.rate_hz);
        self.says(move |n| ((n as f64 * step).sin() * 10_000.0) as i16)
    }

    /// The application's signal, sample by sample.
    pub fn says(mut self, signal: impl FnMut(usize) -> i16 + 'static) -> Self {
        self.speak = Some(Box::new(signal));
        self
    }

    pub fn over(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Lets `time` pass: every millisecond the application speaks, packets fly, and what is due is done.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.speak();
            self.wake();
            self.now += ms(1);
        }
    }

    /// Lets `time` pass in which this process stands still: the far end goes on, and what comes waits in the socket.
    pub fn stand_still(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.speak();
            if self.sender.next_due().is_some_and(|due| due <= self.now) {
                self.send();
            }
            self.now += ms(1);
        }
    }

    /// What a process does that wakes now: it may have stood still for long.
    pub fn wake(&mut self) {
        if self.sender.next_due().is_some_and(|due| due <= self.now) {
            self.send();
        }
        self.deliver();
        if self.receiver.next_due().is_some_and(|due| due <= self.now) {
            self.receiver.poll(self.now);
        }
        self.listen();
    }

    /// What the decoder of a far end that has lost nothing makes of all that was sent, at its rate that is next to 16 kHz.
    pub fn decoded(&self, codec: Codec) -> Vec<i16> {
        let mut decoder = codec.decoder(codec.native_hz(16_000)).unwrap();
        let mut pcm = Vec::new();
        self.sent.iter().for_each(|(_, packet)| assert!(decoder.decode(&packet.payload, &mut pcm)));
        pcm
    }

    /// The far end tells what it has received.
    pub fn report(&mut self, loss: f32, round_trip_s: Option<f64>) {
        self.sender.apply_report(self.now, loss, round_trip_s);
    }

    fn speak(&mut self) {
        let Some(speak) = &mut self.speak else { return };
        let elapsed = (self.now - self.start).as_millis() as usize;
        if elapsed.is_multiple_of(20) {
            let count = (self.rate_hz / 50) as usize;
            let pcm: Vec<i16> = (self.spoken..self.spoken + count).map(speak).collect();
            self.spoken += count;
            self.source.write(&pcm, self.rate_hz, 1);
        }
    }

    fn send(&mut self) {
        let (now, sent) = (self.now, &mut self.sent);
        let first = sent.len();
        self.sender.poll(now, &mut |header, payload| sent.push((now, packet(header, payload, now))));
        while let Some(SenderEvent::ToneChange { tone, remaining }) = self.sender.poll_event() {
            self.tones.push((self.now, tone, remaining));
        }
        for (_, packet) in &self.sent[first..] {
            let mut packet = packet.clone();
            let copies = (self.network)(self.count, &mut packet);
            self.count += 1;
            for delay in copies {
                self.order += 1;
                self.flight.insert((self.now + delay, self.order), packet.clone());
            }
        }
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.flight.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let mut packet = entry.remove();
            packet.arrival = self.now;
            self.receiver.receive(self.now, &packet);
        }
        while let Some(event) = self.receiver.poll_event() {
            self.events.push((self.now, event));
        }
    }

    fn listen(&mut self) {
        let Some((sink, queue)) = &mut self.sink else { return };
        sink.pump(self.now);
        let mut frame = vec![0; queue.frame_samples()];
        while let Some(info) = queue.read(&mut frame) {
            self.heard.extend(&frame);
            self.frames.push((self.now, info));
        }
    }

    /// What was heard of the last `time`.
    pub fn last(&self, time: Duration) -> &[i16] {
        &self.heard[self.heard.len() - (time.as_millis() as usize * 16)..]
    }

    pub fn digits(&self) -> String {
        let digits = self.events.iter().filter_map(|(_, event)| match event {
            ReceiverEvent::Dtmf { digit, .. } => Some(*digit),
            _ => None,
        });
        digits.collect()
    }
}

pub fn packet(header: &RtpHeader, payload: &[u8], arrival: Instant) -> RtpPacket {
    RtpPacket {
        payload_type: header.payload_type,
        marker: header.marker,
        sequence: header.sequence,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        csrc: Vec::new(),
        extensions: Vec::new(),
        payload: BytesMut::from(payload),
        arrival,
    }
}

pub fn sine(hz: f64, rate_hz: u32, samples: usize) -> Vec<i16> {
    let step = TAU * hz / f64::from(rate_hz);
    (0..samples).map(|n| ((n as f64 * step).sin() * 10_000.0) as i16).collect()
}

/// Amplitude of the least-squares sine at `hz` in 16 kHz PCM.
pub fn amplitude(pcm: &[i16], hz: f64) -> f64 {
    ToneFit::new(hz, 16_000, pcm.len()).fit(pcm).amplitude
}

/// Signal to noise ratio in dB: the fitted sine against all the rest.
pub fn snr_db(pcm: &[i16], hz: f64) -> f64 {
    ToneFit::new(hz, 16_000, pcm.len()).fit(pcm).snr_db()
}

/// Share of 20 ms windows in which the tone is not there as it should be.
pub fn bad_windows(pcm: &[i16], hz: f64) -> f64 {
    let tone = ToneFit::new(hz, 16_000, 320);
    let fits = pcm.chunks_exact(320).map(|window| tone.fit(window));
    let bad = fits.filter(|fit| fit.snr_db() < 10.0 || fit.amplitude < 5000.0);
    bad.count() as f64 / (pcm.len() / 320) as f64
}
