//! Video frames from packets, in order, for whoever wants encoded frames.
//!
//! Invariant: a frame comes out whole or not at all, and after a loss none comes out before the next key frame; packets that
//! wait are bounded in number and time.

use super::{h264, vp8};
use crate::rtp::RtpPacket;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A missing packet is waited for until so many others have come,
const MAX_WAITING: usize = 512;
/// or for so long: what is reordered comes sooner, and nothing is retransmitted.
const MAX_WAIT: Duration = Duration::from_millis(100);
/// A key frame is asked for again after so long.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// How frames are in packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoFormat {
    /// RFC 7741.
    Vp8,
    /// RFC 6184.
    H264,
}

impl VideoFormat {
    /// By the codec's name in SDP.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Vp8, Self::H264].into_iter().find(|format| format.name().eq_ignore_ascii_case(name))
    }

    /// As SDP and media types have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
        }
    }

    /// The payloads of a frame's packets.
    pub fn split(self, frame: &[u8], most: usize) -> Vec<Vec<u8>> {
        match self {
            Self::Vp8 => vp8::split(frame, most).collect(),
            Self::H264 => h264::split(frame, most),
        }
    }

    fn is_key(self, frame: &[u8]) -> bool {
        match self {
            Self::Vp8 => vp8::is_key(frame),
            Self::H264 => h264::is_key(frame),
        }
    }

    fn size(self, frame: &[u8]) -> Option<(u16, u16)> {
        match self {
            Self::Vp8 => vp8::size(frame),
            Self::H264 => None,
        }
    }

    fn may_be_first(self, payload: &[u8]) -> bool {
        match self {
            Self::Vp8 => vp8::read(payload).is_some_and(|payload| payload.first),
            Self::H264 => h264::may_be_first(payload),
        }
    }

    fn append(self, payload: &[u8], frame: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Vp8 => frame.extend_from_slice(vp8::read(payload)?.data),
            Self::H264 => h264::append(payload, frame)?,
        }
        Some(())
    }
}

/// A whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    /// The payload.
    pub data: Vec<u8>,
    /// It needs no other frame.
    pub key: bool,
    /// Pixels, where the frame says them.
    pub size: Option<(u16, u16)>,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Of its packets.
    pub payload_type: u8,
    /// Arrival of its first packet.
    pub received: Instant,
}

/// Puts the packets of one stream together.
#[derive(Debug, Default)]
pub struct Assembler {
    /// Packets that wait, by sequence number with the count of its cycles above it.
    waiting: BTreeMap<u64, (RtpPacket, VideoFormat)>,
    highest: Option<u64>,
    /// The packet that must come next.
    expected: Option<u64>,
    /// Frames that build on what is there can be used.
    intact: bool,
    asked: Option<Instant>,
}

impl Assembler {
    /// Takes a packet; whole frames go to `out`.
    pub fn insert(&mut self, now: Instant, packet: &RtpPacket, format: VideoFormat, out: &mut impl FnMut(Assembled)) {
        let sequence = self.extend(packet.sequence);
        if self.expected.is_some_and(|expected| sequence < expected) {
            return;
        }
        self.expected.get_or_insert(sequence);
        self.waiting.insert(sequence, (packet.clone(), format));
        self.give(out);
        let oldest = self.waiting.first_key_value().map(|(_, (packet, _))| packet.arrival);
        let stale = oldest.is_some_and(|oldest| now.saturating_duration_since(oldest) > MAX_WAIT);
        if stale || self.waiting.len() > MAX_WAITING {
            self.give_up();
            self.give(out);
        }
    }

    /// Without a key frame nothing can come out; asked for at intervals.
    pub fn wants_key(&mut self, now: Instant) -> bool {
        let due = self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= ASK_AGAIN);
        let wants = !self.intact && due;
        if wants {
            self.asked = Some(now);
        }
        wants
    }

    fn extend(&mut self, sequence: u16) -> u64 {
        // Begins high enough for packets from before the first one.
        let highest = *self.highest.get_or_insert(0x1_0000 | u64::from(sequence));
        let extended = highest.wrapping_add_signed(i64::from(sequence.wrapping_sub(highest as u16) as i16));
        self.highest = Some(highest.max(extended));
        extended
    }

    /// Gives all frames that are whole.
    fn give(&mut self, out: &mut impl FnMut(Assembled)) {
        while let Some(count) = self.whole() {
            let Some(first) = self.expected else { return };
            self.expected = Some(first + count);
            let mut packets: Vec<_> = (first..first + count).filter_map(|at| self.waiting.remove(&at)).collect();
            packets.retain(|(packet, _)| !packet.payload.is_empty());
            if packets.is_empty() {
                continue;
            }
            match assemble(&packets).filter(|frame| frame.key || self.intact) {
                Some(frame) => {
                    self.intact = true;
                    out(frame);
                }
                None => self.intact = false,
            }
        }
    }

    /// How many packets the next frame has, if all of them are there; one without a payload, as of padding, is passed over.
    fn whole(&self) -> Option<u64> {
        let first = self.expected?;
        let (begins, _) = self.waiting.get(&first)?;
        if begins.payload.is_empty() {
            return Some(1);
        }
        let timestamp = begins.timestamp;
        for (count, at) in (first..).enumerate() {
            let (packet, _) = self.waiting.get(&at)?;
            if packet.payload.is_empty() {
                continue;
            }
            if packet.timestamp != timestamp {
                return Some(count as u64);
            }
            if packet.marker {
                return Some(count as u64 + 1);
            }
        }
        None
    }

    /// What is missing will not come: goes on with the next frame of which the beginning is there.
    fn give_up(&mut self) {
        self.intact = false;
        let mut last: Option<u32> = None;
        let begins = self.waiting.iter().find_map(|(at, (packet, format))| {
            let begins = Some(*at) != self.expected && last != Some(packet.timestamp);
            last = Some(packet.timestamp);
            (begins && format.may_be_first(&packet.payload)).then_some(*at)
        });
        let Some(begins) = begins else {
            self.waiting.clear();
            self.expected = None;
            return;
        };
        self.waiting = self.waiting.split_off(&begins);
        self.expected = Some(begins);
    }
}

fn assemble(packets: &[(RtpPacket, VideoFormat)]) -> Option<Assembled> {
    let (first, format) = packets.first()?;
    if !format.may_be_first(&first.payload) {
        return None;
    }
    let mut data = Vec::with_capacity(packets.iter().map(|(packet, _)| packet.payload.len()).sum());
    for (packet, _) in packets {
        format.append(&packet.payload, &mut data)?;
    }
    let (key, size) = (format.is_key(&data), format.size(&data));
    let &RtpPacket { timestamp, payload_type, arrival, .. } = first;
    Some(Assembled { data, key, size, timestamp, payload_type, received: arrival })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    /// Frames of three packets each: `key` ones begin with a byte that says so.
    fn packets(first: u16, frames: usize, key: impl Fn(usize) -> bool) -> Vec<RtpPacket> {
        let mut sequence = first;
        let mut all = Vec::new();
        for n in 0..frames {
            let mut frame = vec![n as u8; 250];
            frame[0] = u8::from(!key(n));
            let parts = VideoFormat::Vp8.split(&frame, 100);
            let last = parts.len() - 1;
            for (part, payload) in parts.into_iter().enumerate() {
                all.push(RtpPacket {
                    payload_type: 96,
                    marker: part == last,
                    sequence,
                    timestamp: n as u32 * 3000,
                    ssrc: 1,
                    csrc: Vec::new(),
                    extensions: Vec::new(),
                    payload: BytesMut::from(&payload[..]),
                    arrival: Instant::now(),
                });
                sequence = sequence.wrapping_add(1);
            }
        }
        all
    }

    fn assembled(assembler: &mut Assembler, packets: &[RtpPacket]) -> Vec<u32> {
        let start = packets[0].arrival;
        let mut frames = Vec::new();
        for (n, packet) in packets.iter().enumerate() {
            let now = start + Duration::from_millis(10 * n as u64);
            let packet = RtpPacket { arrival: now, ..packet.clone() };
            assembler.insert(now, &packet, VideoFormat::Vp8, &mut |frame| {
                assert_eq!(frame.data.len(), 250);
                frames.push(frame.timestamp / 3000);
            });
        }
        frames
    }

    #[test]
    fn frames_come_out_whole_and_in_order_across_the_wrap() {
        let mut all = packets(65_530, 5, |n| n == 0);
        all.swap(4, 6);
        all.swap(7, 8);
        assert_eq!(assembled(&mut Assembler::default(), &all), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn after_a_loss_nothing_comes_before_the_next_key_frame_which_is_asked_for() {
        let mut all = packets(7, 20, |n| n == 0 || n == 15);
        all.remove(10);
        let mut assembler = Assembler::default();
        assert_eq!(assembled(&mut assembler, &all[..30]), [0, 1, 2]);
        let now = Instant::now();
        assert!(assembler.wants_key(now));
        assert!(!assembler.wants_key(now), "not twice in the same moment");
        assert_eq!(assembled(&mut assembler, &all[30..]), [15, 16, 17, 18, 19]);
        assert!(!assembler.wants_key(now + ASK_AGAIN));
    }

    #[test]
    fn a_stream_that_begins_in_the_middle_waits_for_a_key_frame() {
        let all = packets(7, 6, |n| n == 3);
        let mut assembler = Assembler::default();
        assert_eq!(assembled(&mut assembler, &all[1..]), [3, 4, 5]);
    }

    #[test]
    fn packets_of_frames_that_never_end_are_bounded() {
        let mut assembler = Assembler::default();
        let now = Instant::now();
        let packet = RtpPacket { marker: false, ..packets(0, 1, |_| true)[1].clone() };
        for sequence in 0..60_000 {
            assembler.insert(now, &RtpPacket { sequence, ..packet.clone() }, VideoFormat::Vp8, &mut |_| {});
        }
        assert!(assembler.waiting.len() <= MAX_WAITING);
    }
}
