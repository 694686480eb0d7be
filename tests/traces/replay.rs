//! A receiver and a sink that live through a trace in virtual time, from event to event.
//!
//! Invariant: they see only what an engine task shows them: packets that have arrived, and a poll at the full
//! millisecond after the moment they asked for.

use super::path::Trace;
use super::stream::Stream;
use crate::support::{all, ms};
use bytes::BytesMut;
use std::time::{Duration, Instant};
use webphone_rtc::media::{Receiver, ReceiverStats, RecvSpec, Ring, Sink, SinkQueue};
use webphone_rtc::rtp::RtpPacket;

pub const FRAME: Duration = Duration::from_millis(20);
pub const FRAME_SAMPLES: usize = 320;
/// Played on after the last packet was sent.
const AFTER: Duration = Duration::from_secs(1);

/// A frame as the application got it.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub at: Duration,
    pub timestamp: u32,
}

/// What came out.
pub struct Replay {
    pub frames: Vec<Frame>,
    /// Their samples, 16 kHz.
    pub heard: Vec<i16>,
    /// Counters at each full second.
    pub seconds: Vec<ReceiverStats>,
    /// Counters at the end.
    pub stats: ReceiverStats,
}

/// From when on the process stands still, and for how long.
pub type Stall = (Duration, Duration);

pub fn replay(stream: &Stream, trace: &Trace, stalls: &[Stall]) -> Replay {
    let ring = Ring::live(48_000, 1, 500);
    let (sink, queue) = Sink::new(&ring, 16_000, 20, 10_000);
    let mut receiver = Receiver::new(ring);
    receiver.configure(Some(RecvSpec { codecs: all() }));
    let stats = receiver.stats();
    let out = Replay { frames: Vec::new(), heard: Vec::new(), seconds: Vec::new(), stats };
    let mut ear = Ear { start: Instant::now(), receiver, sink, queue, out };
    let end = stream.packets.last().unwrap().at + AFTER;
    let (mut arrivals, mut now) = (trace.arrivals.iter().peekable(), Duration::ZERO);
    while now < end {
        let arrival = arrivals.peek().map(|arrival| arrival.at);
        let wake = ear.next_due().map(|due| due.max(now + ms(1)));
        now = arrival.into_iter().chain(wake).min().unwrap_or(end);
        if let Some((from, length)) = stalls.iter().find(|(from, length)| now > *from && now < *from + *length) {
            now = *from + *length;
        }
        while let Some(arrival) = arrivals.next_if(|arrival| arrival.at <= now) {
            ear.receive(now, stream, arrival.packet);
        }
        ear.play(now);
    }
    ear.out.stats = ear.receiver.stats();
    ear.out
}

struct Ear {
    start: Instant,
    receiver: Receiver,
    sink: Sink,
    queue: std::sync::Arc<SinkQueue>,
    out: Replay,
}

impl Ear {
    /// As a timer does that knows milliseconds only.
    fn next_due(&self) -> Option<Duration> {
        let due = self.receiver.next_due()?.saturating_duration_since(self.start);
        Some(ms(due.as_nanos().div_ceil(1_000_000) as u64))
    }

    fn receive(&mut self, now: Duration, stream: &Stream, packet: usize) {
        let sent = &stream.packets[packet];
        let now = self.start + now;
        let packet = RtpPacket {
            payload_type: sent.payload_type,
            marker: sent.marker,
            sequence: sent.sequence,
            timestamp: sent.timestamp,
            ssrc: sent.ssrc,
            csrc: Vec::new(),
            extensions: Vec::new(),
            payload: BytesMut::from(&sent.payload[..]),
            arrival: now,
        };
        self.receiver.receive(now, &packet);
    }

    fn play(&mut self, now: Duration) {
        while self.out.seconds.len() as u64 <= now.as_secs() {
            self.out.seconds.push(self.receiver.stats());
        }
        if self.receiver.next_due().is_some_and(|due| due <= self.start + now) {
            self.receiver.poll(self.start + now);
        }
        while self.receiver.poll_event().is_some() {}
        self.sink.pump(self.start + now);
        let mut frame = [0; FRAME_SAMPLES];
        while let Some(info) = self.queue.read(&mut frame) {
            assert_eq!(info.dropped, 0, "a frame was dropped that nobody was slow to read");
            self.out.heard.extend(frame);
            self.out.frames.push(Frame { at: now, timestamp: info.timestamp });
        }
    }
}

impl Replay {
    /// How far frames are from an even pace, from the earliest to the latest one.
    pub fn unevenness(&self, from: Duration, to: Duration) -> Duration {
        let frames = self.frames.iter().filter(|frame| frame.at >= from && frame.at < to);
        let offsets = frames.enumerate().map(|(n, frame)| frame.at.as_micros() as i64 - n as i64 * 20_000);
        let (low, high) = offsets.fold((i64::MAX, i64::MIN), |(low, high), it| (low.min(it), high.max(it)));
        Duration::from_micros(high.saturating_sub(low).max(0) as u64)
    }

    /// Counters at about `at`.
    pub fn stats_at(&self, at: Duration) -> &ReceiverStats {
        self.seconds.get(at.as_secs() as usize).unwrap_or(&self.stats)
    }
}
