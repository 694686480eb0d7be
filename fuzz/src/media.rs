//! Packets through the real receive path: jitter buffer, player, decoder, ring, sink.

use super::script::Script;
use bytes::BytesMut;
use std::sync::Arc;
use std::time::{Duration, Instant};
use webphone_rtc::media::{CodecSpec, Receiver, RecvSpec, Ring, Sink, SinkQueue, VideoReceiver};
use webphone_rtc::rtp::RtpPacket;

/// So many polls within one step of the script are no hang: a block is 10 ms, a step 3 s at most.
const MAX_POLLS: usize = 5_000;

fn spec(payload_type: u8, name: &str, clock_rate: u32, channels: u8) -> CodecSpec {
    CodecSpec { payload_type, name: name.to_owned(), clock_rate, channels, fmtp: String::new() }
}

/// A remote track that somebody listens to.
struct Line {
    now: Instant,
    receiver: Receiver,
    sink: Sink,
    queue: Arc<SinkQueue>,
}

impl Line {
    fn new(codecs: Vec<CodecSpec>, listen_hz: u32) -> Self {
        let ring = Ring::live(48_000, 1, 1000);
        let (sink, queue) = Sink::new(&ring, listen_hz, 20, 10);
        let mut receiver = Receiver::new(ring);
        receiver.configure(Some(RecvSpec { codecs }));
        Self { now: Instant::now(), receiver, sink, queue }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut polls = 0;
        while let Some(due) = self.receiver.next_due().filter(|due| *due <= end) {
            polls += 1;
            assert!(polls < MAX_POLLS, "a receiver that is never done");
            self.now = due.max(self.now);
            self.receiver.poll(self.now);
            self.listen();
        }
        self.now = end;
        self.listen();
    }

    fn listen(&mut self) {
        self.sink.pump(self.now);
        let mut frame = vec![0; self.queue.frame_samples()];
        while self.queue.read(&mut frame).is_some() {}
        while self.receiver.poll_event().is_some() {}
    }

    fn end(mut self) {
        self.wait(Duration::from_millis(200));
        let _ = self.receiver.report();
        let stats = self.receiver.stats();
        assert!(stats.concealed_samples <= stats.total_samples);
        assert!(stats.jitter_s.is_finite() && stats.jitter_buffer_delay_s.is_finite());
    }
}

/// Packets of one stream as a script: what is said of each, then its payload.
fn stream(data: &[u8], codecs: Vec<CodecSpec>) {
    let mut script = Script(data);
    let Some(first) = script.byte() else { return };
    let listen_hz = [48_000, 16_000, 8000][usize::from(first % 3)];
    let mut line = Line::new(codecs.clone(), listen_hz);
    let mut packet = RtpPacket {
        payload_type: 0,
        marker: false,
        sequence: 65_530,
        timestamp: u32::MAX - 5000,
        ssrc: 1,
        csrc: Vec::new(),
        extensions: Vec::new(),
        payload: BytesMut::new(),
        arrival: line.now,
    };
    // Usual: the next in sequence, on time. What is unusual has a bit.
    while let Some(flags) = script.byte() {
        let codec = if flags & 1 == 0 { 0 } else { usize::from(flags >> 6) % codecs.len() };
        packet.payload_type = codecs[codec].payload_type;
        packet.marker = flags & 2 != 0;
        let step = if flags & 4 == 0 { 1 } else { script.byte().unwrap_or(0) as i8 as u16 };
        packet.sequence = packet.sequence.wrapping_add(step);
        let ticks =
            if flags & 8 == 0 { u32::from(step) * codecs[codec].clock_rate / 50 } else { script.u32().unwrap_or(0) };
        packet.timestamp = packet.timestamp.wrapping_add(ticks);
        let wait_ms = if flags & 16 == 0 { 20 } else { u64::from(script.byte().unwrap_or(0)) };
        packet.ssrc ^= u32::from(flags & 32 != 0);
        packet.payload = BytesMut::from(script.block().unwrap_or_default());
        packet.arrival = line.now;
        line.receiver.receive(line.now, &packet);
        line.wait(Duration::from_millis(if wait_ms > 200 { (wait_ms - 200) * 50 } else { wait_ms }));
    }
    line.end();
}

/// Opus payloads, and a second codec to change to.
pub fn opus(data: &[u8]) {
    stream(data, vec![spec(111, "opus", 48_000, 2), spec(0, "PCMU", 8000, 1), spec(13, "CN", 8000, 1)]);
}

/// G.711, G.722 and comfort noise.
pub fn g711(data: &[u8]) {
    let codecs =
        [spec(0, "PCMU", 8000, 1), spec(8, "PCMA", 8000, 1), spec(9, "G722", 8000, 1), spec(13, "CN", 8000, 1)];
    stream(data, codecs.into());
}

/// RFC 4733 between audio.
pub fn telephone_event(data: &[u8]) {
    let codecs = [
        spec(126, "telephone-event", 8000, 1),
        spec(0, "PCMU", 8000, 1),
        spec(110, "telephone-event", 48_000, 1),
        spec(111, "opus", 48_000, 2),
    ];
    stream(data, codecs.into());
}

/// Whole RTP packets in the clear, as they come out of SRTP.
pub fn rtp(data: &[u8]) {
    let mut script = Script(data);
    let audio =
        [spec(111, "opus", 48_000, 2), spec(0, "PCMU", 8000, 1), spec(9, "G722", 8000, 1), spec(13, "CN", 8000, 1)];
    let mut line = Line::new([audio.into(), vec![spec(101, "telephone-event", 8000, 1)]].concat(), 16_000);
    let mut video = VideoReceiver::default();
    video.configure(vec![96]);
    while let Some(wait_ms) = script.byte() {
        let Some(bytes) = script.long_block() else { break };
        if let Some(packet) = RtpPacket::read(BytesMut::from(bytes), line.now) {
            assert!(packet.payload.len() <= bytes.len());
            line.receiver.receive(line.now, &packet);
            video.receive(line.now, &packet, (bytes.len() - packet.payload.len()) as u64);
            let _ = (video.report(), video.stats());
        }
        line.wait(Duration::from_millis(wait_ms.into()));
        video.poll(line.now);
    }
    line.end();
}
