//! The video streams of a transceiver: a black picture out, packets counted in.
//!
//! Invariant: as with audio, a sender exists from the first plan that lets it send and keeps its SSRC and sequence for
//! life; what was asked of it earlier takes effect then.

use super::detoured::Detoured;
use super::report::Report;
use super::reporting::Heard;
use super::stream::{Feedback, first_sequence, first_timestamp};
use crate::media::{
    Detour, VideoFormat, VideoReceiver, VideoReceiverStats, VideoSendSpec, VideoSender, VideoSenderStats, Wish,
};
use crate::negotiation::{Extension, MediaPlan, RecvPlan, SendPlan, TransceiverId, TransportId};
use crate::rtcp::{self, ReportBlock, SenderInfo};
use crate::rtp::RtpPacket;
use crate::transport::Transport;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// What we send for one video transceiver.
pub struct VideoOutbound {
    /// The stream, and the way that its encoded frames take.
    pub out: Detoured<VideoSender>,
    transport: Option<TransportId>,
    cname: String,
    source: bool,
    active: bool,
    feedback: Feedback,
}

impl Default for VideoOutbound {
    fn default() -> Self {
        let feedback = Feedback::default();
        let cname = String::new();
        Self { out: Detoured::default(), transport: None, cname, source: false, active: true, feedback }
    }
}

impl VideoOutbound {
    /// Does what the plan says of sending.
    pub fn configure(&mut self, now: Instant, media: &MediaPlan) {
        let Some(plan) = &media.send else { return self.pause(now) };
        self.transport = Some(media.transport);
        self.cname.clone_from(&plan.cname);
        let (source, active, ssrc) = (self.source, self.active, plan.ssrc);
        let sender = self.out.get_or_begin(|| {
            let mut sender = VideoSender::new(ssrc, first_sequence(ssrc), first_timestamp(ssrc));
            sender.set_source(source);
            sender.set_active(active);
            sender
        });
        sender.configure(now, send_spec(plan, &media.mid));
    }

    fn pause(&mut self, now: Instant) {
        if let Some(sender) = self.out.get_mut() {
            sender.configure(now, None);
        }
    }

    /// The section is gone.
    pub fn idle(&mut self, now: Instant) {
        self.pause(now);
        self.transport = None;
    }

    /// There is a track to send.
    pub fn set_source(&mut self, source: bool) {
        self.source = source;
        if let Some(sender) = self.out.get_mut() {
            sender.set_source(source);
        }
    }

    /// Obeys `encodings[0].active`.
    pub fn set_active(&mut self, active: bool) {
        self.active = active;
        if let Some(sender) = self.out.get_mut() {
            sender.set_active(active);
        }
    }

    /// Where its packets go.
    pub fn transport(&self) -> Option<TransportId> {
        self.transport
    }

    /// RTCP name.
    pub fn cname(&self) -> &str {
        &self.cname
    }

    /// The stream, once it exists.
    pub fn ssrc(&self) -> Option<u32> {
        self.out.get().map(VideoSender::ssrc)
    }

    /// When [`send`](Self::send) has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        self.out.get().and_then(VideoSender::next_due)
    }

    /// Sends what is due.
    pub fn send(&mut self, now: Instant, transport: &mut Transport) {
        if let Some(sender) = self.out.get_mut() {
            sender.poll(now, &mut |header, payload| {
                transport.send_rtp(header, payload);
            });
        }
    }

    /// The far end asks for something.
    pub fn note_feedback(&mut self, now: Instant, feedback: rtcp::Feedback) {
        let wish = match feedback {
            rtcp::Feedback::Nack => Wish::Lost,
            rtcp::Feedback::Pli => Wish::PictureLoss,
            rtcp::Feedback::Fir => Wish::FullIntra,
        };
        if let Some(sender) = self.out.get_mut() {
            sender.request(now, wish);
        }
    }

    /// What a sender report says at `now`, once something was sent.
    pub fn sender_info(&self, now: Instant, ntp: u64) -> Option<(u32, SenderInfo)> {
        let sender = self.out.get()?;
        let stats = sender.stats();
        let rtp_timestamp = sender.timestamp_at(now)?;
        let info = SenderInfo { ntp, rtp_timestamp, packets: stats.packets as u32, octets: stats.bytes as u32 };
        Some((sender.ssrc(), info))
    }

    /// A report of the far end about this stream.
    pub fn note_block(&mut self, block: &ReportBlock, ntp: u64, unix_ms: f64) {
        self.feedback.note(block, ntp, unix_ms);
    }

    /// Counters of the stream with what the far end says of it, once it exists.
    pub fn stats(&self) -> Option<(VideoSenderStats, Feedback, bool)> {
        Some((self.out.get()?.stats(), self.feedback, self.active && self.source))
    }
}

fn send_spec(plan: &SendPlan, mid: &str) -> Option<VideoSendSpec> {
    Some(VideoSendSpec {
        payload_type: plan.codec.payload_type,
        format: VideoFormat::from_name(&plan.codec.name)?,
        mid: plan.extension(Extension::Mid).map(|id| (id, mid.to_owned())),
    })
}

/// What we receive for one video transceiver.
#[derive(Default)]
pub struct VideoInbound {
    receiver: VideoReceiver,
    transport: Option<TransportId>,
    /// Sender reports of the stream, and when the last came (milliseconds since 1970).
    heard: Heard,
    heard_unix_ms: f64,
}

impl VideoInbound {
    /// Does what the plan says of receiving.
    pub fn configure(&mut self, media: &MediaPlan) {
        self.transport = Some(media.transport);
        self.receiver.configure(media.recv.as_ref().map(payload_types).unwrap_or_default());
        self.receiver.set_red(media.recv.as_ref().and_then(red));
        self.receiver.set_still(false);
        self.receiver.set_formats(media.recv.as_ref().map(formats).unwrap_or_default());
    }

    /// The section is gone.
    pub fn idle(&mut self) {
        self.transport = None;
        self.receiver.configure(Vec::new());
        self.receiver.set_still(true);
    }

    /// Where its packets come from.
    pub fn transport(&self) -> Option<TransportId> {
        self.transport
    }

    /// The stream that comes.
    pub fn ssrc(&self) -> Option<u32> {
        self.receiver.stats().ssrc
    }

    /// The way of whole frames.
    pub fn set_detour(&mut self, detour: Option<Arc<Detour>>) {
        self.receiver.set_detour(detour);
    }

    /// The stream of which a key frame is wanted.
    pub fn take_wish(&mut self, now: Instant) -> Option<u32> {
        self.receiver.take_wish(now)
    }

    /// Takes a packet.
    pub fn receive(&mut self, now: Instant, packet: &RtpPacket) {
        let before = self.ssrc();
        self.receiver.receive(now, packet, packet.header_bytes());
        if self.ssrc() != before {
            // What was heard is of another stream.
            self.heard = Heard::default();
        }
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        self.receiver.next_due()
    }

    /// Notices that nothing comes any more.
    pub fn poll(&mut self, now: Instant) {
        self.receiver.poll(now);
    }

    /// Tells what happened.
    pub fn drain_events(&mut self, transceiver: TransceiverId, reports: &mut VecDeque<Report>) {
        while let Some(unmuted) = self.receiver.poll_change() {
            reports.push_back(if unmuted { Report::Unmuted(transceiver) } else { Report::Muted(transceiver) });
        }
    }

    /// A sender report of the stream.
    pub fn note_sender(&mut self, info: SenderInfo, now: Instant, unix_ms: f64) {
        self.heard.note(info, now);
        self.heard_unix_ms = unix_ms;
    }

    /// What we say of the stream, once there is one.
    pub fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        let report = self.receiver.report()?;
        Some(self.heard.block(report, now))
    }

    /// Counters of the stream, and the far end's reports with the time of the last.
    pub fn stats(&self) -> (VideoReceiverStats, Heard, f64) {
        (self.receiver.stats(), self.heard, self.heard_unix_ms)
    }
}

fn payload_types(plan: &RecvPlan) -> Vec<u8> {
    let media = plan.codecs.iter().filter(|codec| !matches!(codec.name.as_str(), "rtx" | "red" | "ulpfec"));
    media.map(|codec| codec.payload_type).collect()
}

fn red(plan: &RecvPlan) -> Option<u8> {
    plan.codecs.iter().find(|codec| codec.name == "red").map(|codec| codec.payload_type)
}

fn formats(plan: &RecvPlan) -> Vec<(u8, VideoFormat)> {
    let known = plan.codecs.iter().filter_map(|codec| Some((codec.payload_type, VideoFormat::from_name(&codec.name)?)));
    known.collect()
}
