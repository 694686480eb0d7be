//! The two streams of a transceiver: a sender with what is wanted of it before it exists, a receiver with its signal.
//!
//! Invariant: a sender exists from the first plan that lets it send and keeps its SSRC, sequence and encoder for life;
//! what was asked of it earlier takes effect then.

use super::Encoding;
use super::detoured::Detoured;
use super::outlet::Outlet;
use super::report::Report;
use super::reporting::Heard;
use super::stats::Playout;
use crate::media::{
    CodecSpec, Detour, FrameQueue, Receiver, ReceiverEvent, ReceiverStats, RecvSpec, RedSpec, Ring, SendSpec, Sender,
    SenderEvent, SenderStats,
};
use crate::negotiation::{CodecParameters, Extension, MediaPlan, RecvPlan, SendPlan, TransceiverId, TransportId};
use crate::rtcp::{self, ReportBlock, SenderInfo};
use crate::rtp::RtpPacket;
use crate::transport::Transport;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// How much a remote track's signal keeps for a slow reader, in milliseconds.
const RECEIVER_RING_MS: u32 = 1000;
/// Rate of a remote track's signal until its readers ask for another.
const RECEIVER_RATE_HZ: u32 = 48_000;

/// An empty signal for a remote track.
pub fn receiver_ring() -> Arc<Ring> {
    Ring::live(RECEIVER_RATE_HZ, 1, RECEIVER_RING_MS)
}

/// Where the sequence numbers of our stream `ssrc` begin (RFC 3550 section 5.1: at random, not near the wrap).
pub fn first_sequence(ssrc: u32) -> u16 {
    ssrc as u16 & 0x7fff
}

/// Where its time begins: the SSRC is random, and another part of it makes a start that differs from call to call.
pub fn first_timestamp(ssrc: u32) -> u32 {
    ssrc.rotate_left(16)
}

/// What we send for one transceiver.
pub struct Outbound {
    /// The stream, and the way that its encoded frames take.
    pub out: Detoured<Sender>,
    transport: Option<TransportId>,
    cname: String,
    source: Option<Arc<Ring>>,
    frames: Option<Arc<FrameQueue>>,
    enabled: bool,
    encoding: Encoding,
    feedback: Feedback,
}

/// What the far end says of a stream of ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Feedback {
    /// The last report, and when it came (milliseconds since 1970).
    pub last: Option<(ReportBlock, f64)>,
    /// Of the last report that allowed to measure it.
    pub round_trip_s: Option<f64>,
    /// Sum over all measurements.
    pub total_round_trip_s: f64,
    /// How many.
    pub measurements: u32,
}

impl Feedback {
    /// Takes in a report that came at `ntp`, which is also `unix_ms`.
    pub fn note(&mut self, block: &ReportBlock, ntp: u64, unix_ms: f64) {
        self.last = Some((*block, unix_ms));
        if let Some(round_trip_s) = rtcp::round_trip_s(block, ntp) {
            self.round_trip_s = Some(round_trip_s);
            self.total_round_trip_s += round_trip_s;
            self.measurements += 1;
        }
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            out: Detoured::default(),
            transport: None,
            cname: String::new(),
            source: None,
            frames: None,
            enabled: true,
            encoding: Encoding { active: true, max_bitrate_bps: None },
            feedback: Feedback::default(),
        }
    }
}

impl Outbound {
    /// Does what the plan says of sending.
    pub fn configure(&mut self, now: Instant, media: &MediaPlan) {
        let Some(plan) = &media.send else { return self.pause(now) };
        self.transport = Some(media.transport);
        self.cname.clone_from(&plan.cname);
        let (source, frames, enabled, encoding) = (&self.source, &self.frames, self.enabled, self.encoding);
        let sender = self.out.get_or_begin(|| {
            let mut sender = Sender::new(plan.ssrc, first_sequence(plan.ssrc), first_timestamp(plan.ssrc));
            sender.set_source(source.as_ref().map(Ring::reader));
            sender.set_frames(frames.clone());
            sender.set_enabled(enabled);
            sender.set_active(encoding.active);
            sender.set_max_bitrate_bps(encoding.max_bitrate_bps);
            sender
        });
        sender.configure(now, Some(send_spec(plan, &media.mid)));
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
        self.out.get().map(Sender::ssrc)
    }

    /// What feeds it; `None` sends nothing.
    pub fn set_source(&mut self, ring: Option<Arc<Ring>>) {
        if let Some(sender) = self.out.get_mut() {
            sender.set_source(ring.as_ref().map(Ring::reader));
        }
        self.source = ring;
    }

    /// Encoded frames that are sent in place of what feeds it.
    pub fn set_frames(&mut self, frames: Option<Arc<FrameQueue>>) {
        if let Some(sender) = self.out.get_mut() {
            sender.set_frames(frames.clone());
        }
        self.frames = frames;
    }

    /// Whether what feeds it may be heard.
    pub fn set_enabled(&mut self, enabled: bool) {
        self.enabled = enabled;
        if let Some(sender) = self.out.get_mut() {
            sender.set_enabled(enabled);
        }
    }

    /// Obeys encoding parameters.
    pub fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
        if let Some(sender) = self.out.get_mut() {
            sender.set_active(encoding.active);
            sender.set_max_bitrate_bps(encoding.max_bitrate_bps);
        }
    }

    /// Replaces the queue of digits. Without a negotiated telephone-event the facade has refused it.
    pub fn insert_dtmf(&mut self, tones: &str, duration_ms: u32, gap_ms: u32) {
        if let Some(sender) = self.out.get_mut() {
            sender.insert_dtmf(tones, duration_ms, gap_ms);
        }
    }

    /// When [`send`](Self::send) has something to do; `None` also until it was called once.
    pub fn next_due(&self) -> Option<Instant> {
        self.out.get().and_then(Sender::next_due)
    }

    /// Sends what is due.
    pub fn send(&mut self, now: Instant, transport: &mut Transport) {
        if let Some(source) = &self.source {
            source.tell_time(now);
        }
        if let Some(sender) = self.out.get_mut() {
            sender.poll(now, &mut |header, payload| {
                transport.send_rtp(header, payload);
            });
        }
    }

    /// Tells what happened.
    pub fn drain_events(&mut self, transceiver: TransceiverId, reports: &mut VecDeque<Report>) {
        while let Some(event) = self.out.get_mut().and_then(Sender::poll_event) {
            let SenderEvent::ToneChange { tone, remaining } = event;
            reports.push_back(Report::ToneChange { transceiver, tone, remaining });
        }
    }

    /// What a sender report says at `now`, once something was sent.
    pub fn sender_info(&self, now: Instant, ntp: u64) -> Option<(u32, SenderInfo)> {
        let sender = self.out.get()?;
        let stats = sender.stats();
        let rtp_timestamp = stats.timestamp_at(now)?;
        let info = SenderInfo { ntp, rtp_timestamp, packets: stats.packets as u32, octets: stats.bytes as u32 };
        Some((sender.ssrc(), info))
    }

    /// A report of the far end about this stream, which came `now`.
    pub fn note_block(&mut self, block: &ReportBlock, now: Instant, ntp: u64, unix_ms: f64) {
        let round_trip_s = rtcp::round_trip_s(block, ntp);
        self.feedback.note(block, ntp, unix_ms);
        if let Some(sender) = self.out.get_mut() {
            sender.apply_report(now, f32::from(block.fraction_lost) / 256.0, round_trip_s);
        }
    }

    /// Counters of the stream with what the far end says of it, once it exists.
    pub fn stats(&self) -> Option<(SenderStats, Feedback, bool)> {
        let sender = self.out.get()?;
        Some((sender.stats(), self.feedback, self.encoding.active && (self.source.is_some() || self.frames.is_some())))
    }
}

/// What we receive for one transceiver.
#[derive(Default)]
pub struct Inbound {
    receiver: Option<Receiver>,
    ring: Option<Arc<Ring>>,
    outlets: Vec<Outlet>,
    /// Packets wait for at least so long.
    least_delay_ms: f64,
    detour: Option<Arc<Detour>>,
    transport: Option<TransportId>,
    /// Sender reports of the stream that plays, and when the last came (milliseconds since 1970).
    heard: Heard,
    heard_unix_ms: f64,
}

impl Inbound {
    /// Does what the plan says of receiving.
    pub fn configure(&mut self, media: &MediaPlan) {
        self.transport = Some(media.transport);
        let spec = media.recv.as_ref().map(recv_spec);
        if spec.is_some() && self.receiver.is_none() {
            let ring = self.ring.get_or_insert_with(receiver_ring);
            let mut receiver = Receiver::new(ring.clone());
            receiver.set_least_delay_ms(self.least_delay_ms);
            receiver.set_detour(self.detour.clone());
            self.receiver = Some(receiver);
        }
        if let Some(receiver) = &mut self.receiver {
            receiver.configure(spec);
            receiver.set_level_extension(media.recv.as_ref().and_then(|recv| recv.extension(Extension::AudioLevel)));
        }
    }

    /// The section is gone.
    pub fn idle(&mut self) {
        self.transport = None;
        if let Some(receiver) = &mut self.receiver {
            receiver.configure(None);
        }
    }

    /// The signal to play into.
    pub fn set_ring(&mut self, ring: Arc<Ring>) {
        self.ring.get_or_insert(ring);
    }

    /// Lets packets wait for at least so long, whatever the network asks for.
    pub fn set_least_delay_ms(&mut self, least_ms: f64) {
        self.least_delay_ms = least_ms;
        if let Some(receiver) = &mut self.receiver {
            receiver.set_least_delay_ms(least_ms);
        }
    }

    /// The way that encoded frames take before they are buffered.
    pub fn set_detour(&mut self, detour: Option<Arc<Detour>>) {
        if let Some(receiver) = &mut self.receiver {
            receiver.set_detour(detour.clone());
        }
        self.detour = detour;
    }

    /// Buffers the frames that have come back from the detour.
    pub fn receive_returned(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.receiver {
            receiver.receive_returned(now);
        }
    }

    /// Frames for `outlet` are cut whenever something was played.
    pub fn add_outlet(&mut self, outlet: Outlet) {
        self.outlets.push(outlet);
    }

    /// No more will come.
    pub fn end(&mut self, now: Instant) {
        if let Some(ring) = &self.ring {
            ring.end();
        }
        self.outlets.retain_mut(|outlet| outlet.pump(now));
    }

    /// Where its packets come from.
    pub fn transport(&self) -> Option<TransportId> {
        self.transport
    }

    /// The stream that plays.
    pub fn ssrc(&self) -> Option<u32> {
        self.receiver.as_ref().and_then(|receiver| receiver.stats().ssrc)
    }

    /// Takes a packet.
    pub fn receive(&mut self, now: Instant, packet: &RtpPacket) {
        if let Some(receiver) = &mut self.receiver {
            receiver.receive(now, packet);
        }
    }

    /// When [`play`](Self::play) has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        self.receiver.as_ref().and_then(Receiver::next_due)
    }

    /// Plays what is due.
    pub fn play(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.receiver {
            receiver.ring().tell_time(now);
            receiver.poll(now);
            self.outlets.retain_mut(|outlet| outlet.pump(now));
        }
    }

    /// Tells what happened.
    pub fn drain_events(&mut self, transceiver: TransceiverId, reports: &mut VecDeque<Report>) {
        while let Some(event) = self.receiver.as_mut().and_then(Receiver::poll_event) {
            match event {
                ReceiverEvent::Dtmf { digit, duration_ms } => {
                    reports.push_back(Report::Dtmf { transceiver, digit, duration_ms });
                }
                ReceiverEvent::Muted => reports.push_back(Report::Muted(transceiver)),
                ReceiverEvent::Unmuted => reports.push_back(Report::Unmuted(transceiver)),
                // What was heard is of another stream.
                ReceiverEvent::SsrcChanged(_) => self.heard = Heard::default(),
            }
        }
    }

    /// A sender report of the stream that plays.
    pub fn note_sender(&mut self, info: SenderInfo, now: Instant, unix_ms: f64) {
        self.heard.note(info, now);
        self.heard_unix_ms = unix_ms;
    }

    /// What we say of the stream, once one plays.
    pub fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        let report = self.receiver.as_mut()?.report()?;
        Some(self.heard.block(report, now))
    }

    /// What was played, once there was a stream.
    pub fn played(&self) -> Option<Playout> {
        let (samples, duration_s) = self.receiver.as_ref()?.played()?;
        Some(Playout { samples: samples as f64, duration_s })
    }

    /// Counters of the stream, once a receiver exists, and the far end's reports with the time of the last.
    pub fn stats(&self) -> Option<(ReceiverStats, Heard, f64)> {
        let receiver = self.receiver.as_ref()?;
        Some((receiver.stats(), self.heard, self.heard_unix_ms))
    }
}

fn send_spec(plan: &SendPlan, mid: &str) -> SendSpec {
    SendSpec {
        codec: codec_spec(&plan.codec),
        dtmf: plan.dtmf.as_ref().map(codec_spec),
        ptime_ms: plan.max_ptime_ms.map_or(plan.ptime_ms, |most| plan.ptime_ms.min(most)),
        mid: plan.extension(Extension::Mid).map(|id| (id, mid.to_owned())),
        audio_level: plan.extension(Extension::AudioLevel),
        red: plan.red.as_ref().map(|red| RedSpec { payload_type: red.payload_type, always: red.preferred }),
    }
}

fn recv_spec(plan: &RecvPlan) -> RecvSpec {
    RecvSpec { codecs: plan.codecs.iter().map(codec_spec).collect() }
}

fn codec_spec(codec: &CodecParameters) -> CodecSpec {
    CodecSpec {
        payload_type: codec.payload_type,
        name: codec.name.clone(),
        clock_rate: codec.clock_rate,
        channels: codec.channels,
        fmtp: codec.fmtp.clone(),
    }
}
