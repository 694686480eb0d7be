//! One inbound video stream: counted, put together for a detour where there is one, not decoded.
//!
//! Invariant: belongs to the SSRC that sent last; another one begins new counts.

use super::assembler::{Assembler, VideoFormat};
use super::detour::{Detour, EncodedFrame, Picture};
use super::reception::{Reception, ReceptionReport};
use super::red;
use crate::rtp::RtpPacket;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Without a packet for so long the track is muted.
const MUTE_AFTER: Duration = Duration::from_secs(2);
const CLOCK_HZ: u32 = 90_000;

/// Counters for RTCP and getStats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VideoReceiverStats {
    /// The stream, once there is one.
    pub ssrc: Option<u32>,
    /// How many there have been, this one included: a stream that comes back is counted again.
    pub streams: u32,
    /// Payload type of the last packet.
    pub payload_type: u8,
    /// Packets received, duplicates and late ones included.
    pub packets: u64,
    /// Payload bytes.
    pub bytes: u64,
    /// RTP header bytes.
    pub header_bytes: u64,
    /// Packets that never came; negative when there were duplicates.
    pub lost: i64,
    /// Interarrival jitter in seconds.
    pub jitter_s: f64,
    /// Packets with the marker bit: the last of each frame.
    pub frames: u64,
    /// Arrival of the last packet.
    pub last_packet: Option<Instant>,
    /// RTP timestamp of the last packet.
    pub rtp_timestamp: u32,
}

/// One inbound video stream.
#[derive(Default)]
pub struct VideoReceiver {
    /// Payload types of media; packets of others (`rtx`, `ulpfec`) are not of this stream.
    payload_types: Vec<u8>,
    /// Payload type of RED (RFC 2198), in which browsers wrap media and `ulpfec` wherever it was negotiated.
    red: Option<u8>,
    reception: Option<Reception>,
    unmuted: bool,
    stats: VideoReceiverStats,
    changes: VecDeque<bool>,
    detour: Option<Arc<Detour>>,
    /// Payload types of which frames can be put together.
    formats: Vec<(u8, VideoFormat)>,
    assembler: Assembler,
    /// Frames that have left on the detour.
    pictures: u64,
}

impl VideoReceiver {
    /// Payload types to expect; none switches reception off.
    pub fn configure(&mut self, payload_types: Vec<u8>) {
        self.payload_types = payload_types;
        if self.payload_types.is_empty() {
            self.set_unmuted(false);
        }
    }

    /// Payload type of RED, where negotiated.
    pub fn set_red(&mut self, red: Option<u8>) {
        self.red = red;
    }

    /// Payload types of which frames can be put together.
    pub fn set_formats(&mut self, formats: Vec<(u8, VideoFormat)>) {
        self.formats = formats;
    }

    /// Where whole frames go; nothing is done with what comes back.
    pub fn set_detour(&mut self, detour: Option<Arc<Detour>>) {
        self.detour = detour;
        self.assembler = Assembler::default();
    }

    /// The section was stopped, or there is one again.
    pub fn set_still(&mut self, still: bool) {
        if let Some(detour) = &self.detour {
            detour.set_still(still);
        }
    }

    /// The stream of which a key frame is wanted: there is none yet, something was lost, or the application wants one.
    pub fn take_wish(&mut self, now: Instant) -> Option<u32> {
        let detour = self.detour.as_ref()?;
        while detour.take_back().is_some() {}
        let wished = detour.take_wish();
        self.stats.ssrc.filter(|_| wished || self.assembler.wants_key(now))
    }

    fn assemble(&mut self, now: Instant, packet: &RtpPacket) {
        let Some(detour) = &self.detour else { return };
        let Some(&(_, format)) = self.formats.iter().find(|(known, _)| *known == packet.payload_type) else { return };
        let pictures = &mut self.pictures;
        self.assembler.insert(now, packet, format, &mut |frame| {
            detour.leave(EncodedFrame {
                ssrc: packet.ssrc,
                csrc: packet.csrc.clone(),
                payload_type: frame.payload_type,
                codec: format.name(),
                timestamp: frame.timestamp,
                received: Some(frame.received),
                picture: Some(Picture { key: frame.key, size: frame.size, id: *pictures }),
                data: Bytes::from(frame.data),
                ..EncodedFrame::default()
            });
            *pictures += 1;
        });
    }

    /// What is in a packet of RED. A repair packet is taken for one of media without a payload: it has a number among them.
    fn unwrap(&self, packet: &RtpPacket) -> Option<RtpPacket> {
        let (payload_type, begins) = primary(&packet.payload)?;
        let mut inner = packet.clone();
        if self.payload_types.contains(&payload_type) {
            inner.payload_type = payload_type;
            inner.payload.advance(begins);
        } else {
            inner.payload_type = self.stats.payload_type;
            inner.payload.clear();
        }
        Some(inner)
    }

    /// Takes a packet.
    pub fn receive(&mut self, now: Instant, packet: &RtpPacket, header_bytes: u64) {
        let unwrapped = self.red.filter(|red| *red == packet.payload_type).and_then(|_| self.unwrap(packet));
        let packet = unwrapped.as_ref().unwrap_or(packet);
        if !self.payload_types.contains(&packet.payload_type) {
            return;
        }
        if self.reception.as_ref().is_none_or(|reception| reception.ssrc != packet.ssrc) {
            self.reception = Some(Reception::new(packet.ssrc, packet.sequence, now));
            self.assembler = Assembler::default();
            let streams = self.stats.streams + 1;
            self.stats = VideoReceiverStats { ssrc: Some(packet.ssrc), streams, ..VideoReceiverStats::default() };
        }
        if let Some(reception) = &mut self.reception {
            if reception.update(packet.sequence) {
                reception.time(packet.timestamp, now, CLOCK_HZ);
            }
            self.stats.packets = reception.received();
            self.stats.lost = reception.lost();
            self.stats.jitter_s = reception.jitter_s();
        }
        self.stats.payload_type = packet.payload_type;
        self.stats.bytes += packet.payload.len() as u64;
        self.stats.header_bytes += header_bytes;
        self.stats.frames += u64::from(packet.marker);
        self.stats.last_packet = Some(now);
        self.stats.rtp_timestamp = packet.timestamp;
        self.set_unmuted(true);
        self.assemble(now, packet);
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        self.stats.last_packet.filter(|_| self.unmuted).map(|last| last + MUTE_AFTER)
    }

    /// Notices that nothing comes any more.
    pub fn poll(&mut self, now: Instant) {
        if self.next_due().is_some_and(|due| due <= now) {
            self.set_unmuted(false);
        }
    }

    /// `true`: packets arrive, the first ones or after a pause; `false`: none for a while.
    pub fn poll_change(&mut self) -> Option<bool> {
        self.changes.pop_front()
    }

    fn set_unmuted(&mut self, unmuted: bool) {
        if std::mem::replace(&mut self.unmuted, unmuted) != unmuted {
            self.changes.push_back(unmuted);
        }
    }

    /// Counters.
    pub fn stats(&self) -> VideoReceiverStats {
        self.stats.clone()
    }

    /// The numbers for a report block.
    pub fn report(&mut self) -> Option<ReceptionReport> {
        self.reception.as_mut().map(Reception::report)
    }
}

/// Payload type and beginning of the packet's own block, the last one of RED; those before are of earlier packets.
fn primary(payload: &[u8]) -> Option<(u8, usize)> {
    let own = red::split(payload)?.last()?;
    Some((own.payload_type, payload.len() - own.data.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    fn packet(ssrc: u32, sequence: u16, payload_type: u8) -> RtpPacket {
        RtpPacket {
            payload_type,
            marker: true,
            sequence,
            timestamp: u32::from(sequence) * 3000,
            ssrc,
            csrc: Vec::new(),
            extensions: Vec::new(),
            payload: BytesMut::from(&[0; 10][..]),
            arrival: Instant::now(),
        }
    }

    #[test]
    fn a_stream_unmutes_with_its_first_packet_and_mutes_when_none_comes() {
        let start = Instant::now();
        let mut receiver = VideoReceiver::default();
        receiver.receive(start, &packet(1, 1, 96), 12);
        assert_eq!((receiver.poll_change(), receiver.stats().ssrc), (None, None), "nothing was negotiated yet");
        receiver.configure(vec![96]);
        receiver.receive(start, &packet(1, 1, 96), 12);
        receiver.poll(start + MUTE_AFTER / 2);
        receiver.poll(start + MUTE_AFTER);
        assert_eq!((receiver.poll_change(), receiver.poll_change()), (Some(true), Some(false)));
        assert_eq!(receiver.next_due(), None);
    }

    #[test]
    fn loss_is_counted_and_repair_packets_are_not() {
        let start = Instant::now();
        let mut receiver = VideoReceiver::default();
        receiver.configure(vec![96]);
        for sequence in [1, 2, 4, 5] {
            receiver.receive(start, &packet(1, sequence, 96), 12);
        }
        receiver.receive(start, &packet(2, 900, 97), 12);
        let stats = receiver.stats();
        assert_eq!((stats.ssrc, stats.packets, stats.lost, stats.frames, stats.bytes), (Some(1), 4, 1, 4, 40));
    }

    #[test]
    fn a_stream_that_comes_back_is_counted_again_from_zero() {
        let mut receiver = VideoReceiver::default();
        receiver.configure(vec![96]);
        for ssrc in [1, 2, 1] {
            (1..=3).for_each(|sequence| receiver.receive(Instant::now(), &packet(ssrc, sequence, 96), 12));
        }
        let stats = receiver.stats();
        assert_eq!((stats.ssrc, stats.streams, stats.packets, stats.bytes), (Some(1), 3, 3, 30));
    }

    fn with_payload(sequence: u16, payload_type: u8, payload: &[u8]) -> RtpPacket {
        RtpPacket { payload: BytesMut::from(payload), ..packet(1, sequence, payload_type) }
    }

    #[test]
    fn media_in_red_is_media_and_repair_packets_in_it_leave_no_gap() {
        let now = Instant::now();
        let mut receiver = VideoReceiver::default();
        receiver.configure(vec![96]);
        receiver.set_formats(vec![(96, VideoFormat::Vp8)]);
        receiver.set_red(Some(122));
        let detour = Arc::new(Detour::default());
        receiver.set_detour(Some(detour.clone()));
        // A key frame of VP8, then others, each in one packet: after the first of them comes a repair packet (123).
        let frames: [&[u8]; 5] = [&[96, 0x10, 0, 1], &[123, 9, 9], &[96, 0x10, 1, 2], &[96, 0x10, 1, 3], &[]];
        for (sequence, payload) in (1..).zip(frames) {
            receiver.receive(now, &with_payload(sequence, 122, payload), 12);
        }
        let stats = receiver.stats();
        assert_eq!((stats.ssrc, stats.payload_type, stats.packets, stats.lost), (Some(1), 96, 4, 0));
        assert_eq!(stats.bytes, 9, "without the headers of RED");
        let frames: Vec<_> = std::iter::from_fn(|| detour.fetch()).map(|frame| frame.data.to_vec()).collect();
        assert_eq!(frames, [[0, 1], [1, 2], [1, 3]]);
    }

    #[test]
    fn the_primary_block_is_behind_the_redundant_ones_and_whole() {
        assert_eq!(primary(&[96, 1, 2]), Some((96, 1)));
        assert_eq!(primary(&[0x80 | 97, 0, 0, 2, 96, 7, 7, 1]), Some((96, 7)));
        for cut in [&[][..], &[0x80 | 97], &[0x80 | 97, 0, 0, 2], &[0x80 | 97, 0, 3, 255, 96, 1]] {
            assert_eq!(primary(cut), None, "{cut:?}");
        }
    }
}
