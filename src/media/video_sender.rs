//! One outbound video stream for life: a black picture, again and again.
//!
//! There is no video encoder here, but whoever negotiates video expects pictures: a far end that gets none shows a
//! spinner, and its track stays muted.
//!
//! Invariant: every frame of our own is the same VP8 key frame in one packet, so that a loss needs no repair and a receiver
//! can begin anywhere. Frames that come back from a detour are the application's, and so is what a loss does to them.

use super::assembler::VideoFormat;
use super::detour::{Detour, Detours, EncodedFrame, Picture};
use crate::rtp::RtpHeader;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A VP8 key frame of [`WIDTH`] by [`HEIGHT`] black pixels, as the `VP8 ` chunk of a WebP file holds it.
const BLACK: &[u8] = include_bytes!("black-640x480.vp8");
/// Pixels.
pub const WIDTH: u32 = 640;
/// Pixels.
pub const HEIGHT: u32 = 480;
/// Nothing moves; this is often enough to notice that the stream lives.
const FRAME_INTERVAL: Duration = Duration::from_millis(200);
/// Frames that are asked for do not come faster than this.
const LEAST_INTERVAL: Duration = Duration::from_millis(33);
const CLOCK_HZ: u32 = 90_000;
/// With headers and SRTP this fits into the 1280 bytes that any path has.
const MAX_PAYLOAD: usize = 1150;

/// How to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoSendSpec {
    /// Of the format.
    pub payload_type: u8,
    /// Frames of our own are VP8; of another format only what comes back from a detour is sent.
    pub format: VideoFormat,
    /// Extension id and value of the mid header extension.
    pub mid: Option<(u8, String)>,
}

/// Counters for RTCP and getStats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VideoSenderStats {
    /// Packets sent.
    pub packets: u64,
    /// Payload bytes sent.
    pub bytes: u64,
    /// RTP header bytes sent.
    pub header_bytes: u64,
    /// Frames sent, each a key frame.
    pub frames: u64,
    /// Frames sent in the last whole second, or so far in the first.
    pub frames_per_second: Option<u32>,
    /// Payload type.
    pub payload_type: Option<u8>,
    /// Picture loss indications.
    pub plis: u32,
    /// Full intra requests.
    pub firs: u32,
    /// Negative acknowledgements.
    pub nacks: u32,
    /// RTP timestamp of the last packet and when it was due.
    pub last: Option<(u32, Instant)>,
}

/// Why the far end wants a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// PLI (RFC 4585).
    PictureLoss,
    /// FIR (RFC 5104).
    FullIntra,
    /// NACK (RFC 4585).
    Lost,
}

/// One outbound video stream.
pub struct VideoSender {
    header: RtpHeader,
    spec: Option<VideoSendSpec>,
    source: bool,
    active: bool,
    /// Where encoded frames go first.
    detour: Option<Arc<Detour>>,
    /// Frames that have left.
    pictures: u64,
    /// When the first frame went, and its timestamp.
    origin: Option<(Instant, u32)>,
    last: Option<Instant>,
    due: Option<Instant>,
    second: Option<(Instant, u32)>,
    stats: VideoSenderStats,
}

impl VideoSender {
    /// A stream that starts with the given (random) sequence number and timestamp.
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            header: RtpHeader { ssrc, sequence, timestamp, ..RtpHeader::default() },
            spec: None,
            source: false,
            active: true,
            detour: None,
            pictures: 0,
            origin: None,
            last: None,
            due: None,
            second: None,
            stats: VideoSenderStats::default(),
        }
    }

    /// How to send from `now` on; `None` sends nothing.
    pub fn configure(&mut self, now: Instant, spec: Option<VideoSendSpec>) {
        if let Some(spec) = &spec {
            self.header.mid.clone_from(&spec.mid);
            self.header.payload_type = spec.payload_type;
            self.stats.payload_type = Some(spec.payload_type);
        }
        self.spec = spec;
        self.due = self.due.or(Some(now));
        self.tell_detour();
    }

    /// There is a track to send; without one nothing is sent.
    pub fn set_source(&mut self, source: bool) {
        self.source = source;
        self.tell_detour();
    }

    fn tell_detour(&self) {
        if let Some(detour) = &self.detour {
            detour.set_still(!self.sends());
        }
    }

    /// `encodings[0].active`.
    pub fn set_active(&mut self, active: bool) {
        self.active = active;
        self.tell_detour();
    }

    /// The far end wants a frame.
    pub fn request(&mut self, now: Instant, wish: Wish) {
        match wish {
            Wish::PictureLoss => self.stats.plis += 1,
            Wish::FullIntra => self.stats.firs += 1,
            Wish::Lost => self.stats.nacks += 1,
        }
        let soonest = self.last.map_or(now, |last| now.max(last + LEAST_INTERVAL));
        self.due = self.due.map(|due| due.min(soonest));
        if let Some(detour) = self.detour.as_ref().filter(|_| wish != Wish::Lost) {
            detour.ask_for_key();
        }
    }

    fn send(&mut self, now: Instant, payloads: &[Vec<u8>], out: &mut impl FnMut(&RtpHeader, &[u8])) {
        for (n, payload) in payloads.iter().enumerate() {
            self.header.marker = n + 1 == payloads.len();
            out(&self.header, payload);
            self.stats.packets += 1;
            self.stats.bytes += payload.len() as u64;
            self.stats.header_bytes += self.header.wire_len() as u64;
            self.header.sequence = self.header.sequence.wrapping_add(1);
        }
        if !payloads.is_empty() {
            self.count(now);
        }
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.filter(|_| self.sends())
    }

    fn sends(&self) -> bool {
        self.spec.is_some() && self.source && self.active
    }

    /// Sends what is due.
    pub fn poll(&mut self, now: Instant, out: &mut impl FnMut(&RtpHeader, &[u8])) {
        let vp8 = self.spec.as_ref().is_some_and(|spec| spec.format == VideoFormat::Vp8);
        if self.next_due().is_none_or(|due| due > now) || !vp8 {
            return;
        }
        let (origin, first) = *self.origin.get_or_insert((now, self.header.timestamp));
        let elapsed = now.saturating_duration_since(origin).as_secs_f64() * f64::from(CLOCK_HZ);
        self.header.timestamp = first.wrapping_add(elapsed as u64 as u32);
        if let Some(detour) = &self.detour {
            detour.leave(EncodedFrame {
                ssrc: self.header.ssrc,
                payload_type: self.header.payload_type,
                codec: VideoFormat::Vp8.name(),
                timestamp: self.header.timestamp,
                picture: Some(Picture { key: true, size: Some((WIDTH as u16, HEIGHT as u16)), id: self.pictures }),
                data: Bytes::from_static(BLACK),
                ..EncodedFrame::default()
            });
            self.pictures += 1;
        } else {
            self.send(now, &VideoFormat::Vp8.split(BLACK, MAX_PAYLOAD), out);
        }
        self.last = Some(now);
        self.due = Some(now + FRAME_INTERVAL);
    }

    fn count(&mut self, now: Instant) {
        self.stats.frames += 1;
        self.stats.last = Some((self.header.timestamp, now));
        let (since, frames) = self.second.unwrap_or((now, 0));
        self.second = Some((since, frames + 1));
        if now.saturating_duration_since(since) >= Duration::from_secs(1) {
            self.stats.frames_per_second = Some(frames);
            self.second = Some((now, 1));
        }
    }

    /// Counters.
    pub fn stats(&self) -> VideoSenderStats {
        let so_far = self.second.map(|(_, frames)| frames);
        VideoSenderStats { frames_per_second: self.stats.frames_per_second.or(so_far), ..self.stats.clone() }
    }

    /// The RTP timestamp that belongs to `now`, for a sender report.
    pub fn timestamp_at(&self, now: Instant) -> Option<u32> {
        let (timestamp, at) = self.stats.last?;
        let elapsed = now.saturating_duration_since(at).as_secs_f64() * f64::from(CLOCK_HZ);
        Some(timestamp.wrapping_add(elapsed as u32))
    }

    /// The stream's name.
    pub fn ssrc(&self) -> u32 {
        self.header.ssrc
    }
}

impl Detours for VideoSender {
    fn set_detour(&mut self, detour: Option<Arc<Detour>>) {
        self.detour = detour;
        self.tell_detour();
    }

    fn send_returned(&mut self, now: Instant, out: &mut impl FnMut(&RtpHeader, &[u8])) {
        let Some(detour) = self.detour.clone() else { return };
        if detour.take_wish() {
            self.due = self.due.map(|due| due.min(now));
            self.poll(now, out);
        }
        while let Some(frame) = detour.take_back() {
            let Some(format) = self.spec.as_ref().filter(|_| self.active).map(|spec| spec.format) else { continue };
            // What was encoded before the codec changed has missed its time.
            if frame.codec == format.name() {
                self.header.timestamp = frame.timestamp;
                self.send(now, &format.split(&frame.data, MAX_PAYLOAD), out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(now: Instant) -> VideoSender {
        let mut sender = VideoSender::new(7, 65_535, 1000);
        sender.configure(now, Some(VideoSendSpec { payload_type: 96, format: VideoFormat::Vp8, mid: None }));
        sender.set_source(true);
        sender
    }

    fn sent(sender: &mut VideoSender, now: Instant) -> Vec<(RtpHeader, Vec<u8>)> {
        let mut packets = Vec::new();
        sender.poll(now, &mut |header, payload| packets.push((header.clone(), payload.to_vec())));
        packets
    }

    #[test]
    fn the_frame_is_a_shown_vp8_key_frame_of_the_size_that_is_told() {
        let tag = u32::from(BLACK[0]) | u32::from(BLACK[1]) << 8 | u32::from(BLACK[2]) << 16;
        assert_eq!((tag & 1, tag >> 4 & 1), (0, 1), "RFC 6386 section 9.1: key frame, show_frame");
        assert_eq!(BLACK[3..6], [0x9d, 0x01, 0x2a]);
        let size = |at: usize| u32::from(u16::from_le_bytes([BLACK[at], BLACK[at + 1]]) & 0x3fff);
        assert_eq!((size(6), size(8)), (WIDTH, HEIGHT));
    }

    #[test]
    fn frames_are_sent_in_their_rhythm_and_on_request() {
        let start = Instant::now();
        let mut sender = sender(start);
        let first = sent(&mut sender, start);
        assert_eq!((first[0].0.sequence, first[0].0.timestamp, first[0].0.marker), (65_535, 1000, true));
        assert_eq!(sent(&mut sender, start + FRAME_INTERVAL / 2), []);
        sender.request(start + FRAME_INTERVAL / 2, Wish::PictureLoss);
        let asked = sent(&mut sender, start + FRAME_INTERVAL / 2);
        assert_eq!((asked[0].0.sequence, asked[0].0.timestamp), (0, 1000 + 9000));
        sender.request(start + FRAME_INTERVAL / 2, Wish::FullIntra);
        assert_eq!(sent(&mut sender, start + FRAME_INTERVAL / 2), [], "not twice in the same moment");
        assert_eq!((sender.stats().plis, sender.stats().firs, sender.stats().frames), (1, 1, 2));
    }

    #[test]
    fn nothing_is_sent_without_a_track_or_while_the_encoding_is_inactive() {
        let start = Instant::now();
        let mut sender = sender(start);
        sender.set_active(false);
        assert_eq!((sender.next_due(), sent(&mut sender, start)), (None, vec![]));
        sender.set_active(true);
        sender.set_source(false);
        assert_eq!((sender.next_due(), sent(&mut sender, start)), (None, vec![]));
        sender.set_source(true);
        assert_eq!(sent(&mut sender, start).len(), 1);
    }
}
