//! One outbound stream for life: SSRC, sequence, timestamp, encoder, digits.
//!
//! Invariant: the timestamp moves with real time. At most one packet per slot; slots that were missed are skipped, never
//! sent in a burst. What feeds the stream can change at any time without the far end noticing.

use super::codec::{Codec, CodecSpec, Encoder, EncoderSettings, MAX_PAYLOAD, OpusFormat};
use super::detour::{Detour, Detours, EncodedFrame};
use super::dtmf::{DtmfSender, Slot, ToneChange};
use super::frame_queue::FrameQueue;
use super::jitter::duration;
use super::level::Level;
use super::path::Path;
use super::red::Redundancy;
use super::ring::Reader;
use super::seam::Fader;
use crate::rtp::RtpHeader;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A poll that is late by more slots than this skips them.
const MAX_LATE_SLOTS: u32 = 3;
/// After so much encoded silence the last packet is sent again instead of encoding more.
const SILENCE_MS: u32 = 400;
/// A frame that has grown beyond this on its detour does not fit into a packet.
const MAX_RETURNED: usize = 1400;
/// A live source that has piled up more than this is skipped ahead.
const MAX_LAG_MS: u32 = 120;

/// How to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendSpec {
    /// The audio codec, with the far end's format parameters.
    pub codec: CodecSpec,
    /// The telephone-event to use, if one was negotiated.
    pub dtmf: Option<CodecSpec>,
    /// Packet length.
    pub ptime_ms: u16,
    /// Extension id and value of the mid header extension, sent with each packet.
    pub mid: Option<(u8, String)>,
    /// Extension id of ssrc-audio-level (RFC 6464), if negotiated.
    pub audio_level: Option<u8>,
    /// Packets may carry earlier ones again, if that was negotiated.
    pub red: Option<RedSpec>,
}

/// Redundancy by RFC 2198.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedSpec {
    /// RTP payload type.
    pub payload_type: u8,
    /// Wished for whether or not packets are lost.
    pub always: bool,
}

/// What happened in a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenderEvent {
    /// W3C `tonechange`: a tone has begun, or with an empty tone all have been played.
    ToneChange {
        /// The tone.
        tone: String,
        /// Tones still to come: `toneBuffer`.
        remaining: String,
    },
}

/// Counters for RTCP and getStats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SenderStats {
    /// Packets sent.
    pub packets: u64,
    /// Payload bytes sent.
    pub bytes: u64,
    /// RTP header bytes sent.
    pub header_bytes: u64,
    /// RTP timestamp of the last packet and when it was due: what a sender report extrapolates from.
    pub last: Option<(u32, Instant)>,
    /// Clock of the timestamps.
    pub clock_hz: u32,
    /// What the encoder aims at, in bit/s.
    pub target_bitrate_bps: u32,
    /// Payload type and codec that is sent.
    pub codec: Option<(u8, Codec)>,
    /// Frames encoded.
    pub encoded: u64,
    /// Samples taken from the source, real ones and silence.
    pub total_samples: u64,
    /// Loudness of what is sent.
    pub level: Level,
}

impl SenderStats {
    /// The timestamp that belongs to `now`, for a sender report.
    pub fn timestamp_at(&self, now: Instant) -> Option<u32> {
        let (timestamp, at) = self.last?;
        let elapsed = now.saturating_duration_since(at).as_secs_f64() * f64::from(self.clock_hz);
        Some(timestamp.wrapping_add(elapsed as u64 as u32))
    }
}

/// One outbound stream; see the module. Ask [`next_due`](Self::next_due) again after each change, and do not
/// [`poll`](Self::poll) before the transport can carry packets: nothing of the source is taken until then.
pub struct Sender {
    header: RtpHeader,
    line: Option<Line>,
    /// The one before, while nothing is sent: its encoder goes on where the far end's decoder is.
    held: Option<Line>,
    source: Option<Reader>,
    /// Frames that are sent as they are, in place of a source.
    frames: Option<Arc<FrameQueue>>,
    /// Where encoded frames go first.
    detour: Option<Arc<Detour>>,
    enabled: bool,
    fader: Fader,
    active: bool,
    dtmf: DtmfSender,
    changes: VecDeque<ToneChange>,
    clock: Clock,
    /// Something was sent: from now on the source is live, and goes on while nothing can be sent.
    started: bool,
    pcm: Vec<i16>,
    max_bitrate_bps: Option<u32>,
    complexity: Option<u8>,
    path: Path,
    stats: SenderStats,
}

/// The negotiated way to send.
struct Line {
    spec: SendSpec,
    codec: Codec,
    format: OpusFormat,
    encoder: Option<Box<dyn Encoder>>,
    settings: EncoderSettings,
    /// What was sent last, and how much of it each packet carries again.
    redundancy: Redundancy,
    copies: usize,
    /// The last packet, kept to be sent again in long silence.
    payload: [u8; MAX_PAYLOAD],
    length: usize,
    /// Silence encoded in a row.
    silent_ms: u32,
    /// The far end was told that nothing follows for a while.
    paused: bool,
}

/// What became of a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Played {
    /// Audio was sent.
    Audio,
    /// The far end fills the pause by itself (discontinued transmission).
    Pause,
    /// There was no audio to send.
    Nothing,
}

/// The slots of the stream.
struct Clock {
    /// The next slot, once armed.
    due: Option<Instant>,
    /// Timestamp of the next slot.
    timestamp: u32,
    hz: u32,
    slot_ms: u32,
    /// When the stream was configured: due then, until the first poll arms the clock.
    configured: Option<Instant>,
    /// There was no audio in the last slot: slots that are missed then are of no interest.
    idle: bool,
    /// No audio was sent in the last slot, or slots were skipped: the next packet begins a talk spurt.
    spurt: bool,
}

impl Sender {
    /// A stream that starts with the given (random) sequence number and timestamp.
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            header: RtpHeader { ssrc, sequence, ..RtpHeader::default() },
            line: None,
            held: None,
            source: None,
            frames: None,
            detour: None,
            enabled: true,
            fader: Fader::default(),
            active: true,
            dtmf: DtmfSender::default(),
            changes: VecDeque::new(),
            clock: Clock { due: None, timestamp, hz: 48_000, slot_ms: 20, configured: None, idle: true, spurt: true },
            started: false,
            pcm: Vec::new(),
            max_bitrate_bps: None,
            complexity: None,
            path: Path::default(),
            stats: SenderStats::default(),
        }
    }

    /// How to send from `now` on; `None`, or a codec that this engine does not have, sends nothing.
    pub fn configure(&mut self, now: Instant, spec: Option<SendSpec>) {
        self.clock.configured = Some(now);
        if spec.as_ref() == self.line.as_ref().map(|line| &line.spec) {
            return;
        }
        let old = self.line.take().or_else(|| self.held.take());
        let Some(spec) = spec else {
            self.held = old;
            return;
        };
        self.line = Line::new(spec, old);
        let Some(line) = &self.line else { return };
        self.header.mid = line.spec.mid.clone();
        self.clock.hz = line.codec.clock_hz();
        self.clock.slot_ms = line.codec.ptime_ms(line.spec.ptime_ms.max(line.format.min_ptime_ms));
        self.stats.codec = Some((line.spec.codec.payload_type, line.codec));
        self.stats.clock_hz = self.clock.hz;
        self.apply();
    }

    /// What feeds the stream; `None` sends nothing.
    pub fn set_source(&mut self, source: Option<Reader>) {
        match source {
            Some(_) => self.fader.replace(&self.pcm),
            None => self.fader.forget(),
        }
        self.source = source;
        self.prefer();
        if let Some(source) = &mut self.source {
            source.set_max_lag_ms(MAX_LAG_MS);
        }
    }

    /// Frames to send as they are, in place of a source. Those of another codec than the negotiated one are dropped.
    pub fn set_frames(&mut self, frames: Option<Arc<FrameQueue>>) {
        self.frames = frames;
    }

    /// A disabled source is sent as silence; disabled frames are not sent.
    pub fn set_enabled(&mut self, enabled: bool) {
        self.enabled = enabled;
    }

    /// `encodings[0].active`: `false` sends nothing at all.
    pub fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    /// `encodings[0].maxBitrate` in bit/s.
    pub fn set_max_bitrate_bps(&mut self, max_bitrate_bps: Option<u32>) {
        self.max_bitrate_bps = max_bitrate_bps;
        self.apply();
    }

    /// CPU against quality, 0 to 10.
    pub fn set_complexity(&mut self, complexity: u8) {
        self.complexity = Some(complexity);
        self.apply();
    }

    /// Replaces the queue of digits (W3C `insertDTMF`); an empty one cancels what has not begun.
    pub fn insert_dtmf(&mut self, tones: &str, duration_ms: u32, gap_ms: u32) {
        self.dtmf.insert(tones, duration_ms, gap_ms);
    }

    /// Whether digits can be sent now (W3C `canInsertDTMF`).
    pub fn can_send_dtmf(&self) -> bool {
        self.active && self.line.as_ref().is_some_and(|line| line.spec.dtmf.is_some())
    }

    /// What a receiver report says that came `now`: the share of packets lost (0 to 1), and the round trip if it was measured.
    pub fn apply_report(&mut self, now: Instant, loss: f32, round_trip_s: Option<f64>) {
        self.path.report(now, loss, round_trip_s);
        self.apply();
    }

    /// Sends what is due.
    pub fn poll(&mut self, now: Instant, out: &mut impl FnMut(&RtpHeader, &[u8])) {
        if !self.can_send_dtmf() {
            self.dtmf.abort();
        }
        if self.path.forget(now) {
            self.apply();
        }
        let wanted = self.wanted();
        self.clock.advance(now, wanted);
        while wanted && let Some(due) = self.clock.due.filter(|due| *due <= now) {
            let (played, ticks) = self.slot(due, out);
            self.clock.idle = played == Played::Nothing;
            self.clock.spurt = played != Played::Audio;
            self.clock.step(ticks);
        }
    }

    /// When [`poll`](Self::poll) has something to do; in the past if something was set in the meantime.
    pub fn next_due(&self) -> Option<Instant> {
        self.clock.due.or(self.clock.configured).filter(|_| self.wanted())
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        let ToneChange { tone, remaining } = self.changes.pop_front()?;
        Some(SenderEvent::ToneChange { tone, remaining })
    }

    /// Counters.
    pub fn stats(&self) -> SenderStats {
        self.stats.clone()
    }

    /// The stream's name.
    pub fn ssrc(&self) -> u32 {
        self.header.ssrc
    }

    /// Is there anything to do in the next slot? A source that has been heard goes on while nothing can be sent, as
    /// a microphone would.
    fn wanted(&self) -> bool {
        let sending = self.active && self.line.is_some();
        let fed = self.source.is_some() || self.frames.is_some();
        (sending && (fed || self.dtmf.busy())) || (self.started && fed)
    }

    /// Plays one slot; with how many ticks it has.
    fn slot(&mut self, due: Instant, out: &mut impl FnMut(&RtpHeader, &[u8])) -> (Played, u32) {
        // A slot is as long as the frame that it takes, whether that is sent or a digit in its place.
        let frame = self.frames.as_ref().and_then(|frames| frames.take());
        let ticks = frame.as_ref().map_or(self.clock.ticks(), |(_, ticks)| *ticks);
        let digit = self.digit(due, ticks, out);
        if self.frames.is_some() {
            let data = frame.map(|(data, _)| data).filter(|_| !digit);
            return (self.relay(due, data, out), ticks);
        }
        let Some(sound) = self.take() else { return (Played::Nothing, ticks) };
        let Some(line) = self.line.as_mut().filter(|_| self.active && !digit) else { return (Played::Nothing, ticks) };
        let played = line.encode(&self.pcm, sound, &mut self.stats);
        if played == Played::Audio {
            self.header.payload_type = line.spec.codec.payload_type;
            self.header.marker = self.clock.spurt;
            self.header.timestamp = self.clock.timestamp;
            self.header.audio_level = line.spec.audio_level.map(|id| (id, self.stats.level.dbov()));
            self.started = true;
            if let Some(detour) = &self.detour {
                let level = Some(self.stats.level.dbov());
                let data = Bytes::copy_from_slice(&line.payload[..line.length]);
                detour.leave(encoded_frame(&self.header, line.codec, level, data));
            } else {
                let Line { spec, copies, redundancy, payload, length, .. } = line;
                let sent = with_copies(spec, *copies, redundancy, &mut self.header, &payload[..*length]);
                out(&self.header, sent);
                self.stats.count(&mut self.header, sent.len(), due);
            }
        }
        (played, ticks)
    }

    /// Sends a frame of the application in this slot.
    fn relay(&mut self, due: Instant, data: Option<Bytes>, out: &mut impl FnMut(&RtpHeader, &[u8])) -> Played {
        let Some(data) = data else { return Played::Nothing };
        let codec = self.frames.as_ref().map(|frames| frames.codec());
        let line = self.line.as_mut().filter(|line| self.active && self.enabled && Some(line.codec) == codec);
        let Some(line) = line else { return Played::Nothing };
        self.header.payload_type = line.spec.codec.payload_type;
        self.header.marker = self.clock.spurt;
        self.header.timestamp = self.clock.timestamp;
        self.header.audio_level = None;
        self.started = true;
        if let Some(detour) = &self.detour {
            detour.leave(encoded_frame(&self.header, line.codec, None, data));
        } else {
            let Line { spec, copies, redundancy, .. } = line;
            let sent = with_copies(spec, *copies, redundancy, &mut self.header, &data);
            out(&self.header, sent);
            self.stats.count(&mut self.header, sent.len(), due);
        }
        Played::Audio
    }

    /// Plays the digits of this slot of `ticks`; `true` if they displace the audio.
    fn digit(&mut self, due: Instant, ticks: u32, out: &mut impl FnMut(&RtpHeader, &[u8])) -> bool {
        let Some(spec) = self.line.as_ref().and_then(|line| line.spec.dtmf.as_ref()).filter(|_| self.active) else {
            return false;
        };
        let Clock { timestamp, hz, .. } = self.clock;
        let slot = Slot {
            ptime_us: (u64::from(ticks) * 1_000_000 / u64::from(hz)) as u32,
            timestamp,
            clock_hz: hz,
            event_hz: spec.clock_rate,
        };
        let (header, stats) = (&mut self.header, &mut self.stats);
        self.dtmf.tick(slot, &mut self.changes, |packet| {
            header.payload_type = spec.payload_type;
            header.marker = packet.marker;
            header.timestamp = packet.timestamp;
            header.audio_level = None;
            out(header, &packet.payload);
            stats.count(header, packet.payload.len(), due);
            // A digit keeps its first timestamp; a sender report needs that of the slot.
            stats.last = Some((timestamp, due));
        })
    }

    /// Takes a slot's worth of PCM from the source; `None` without a source. `true`: there is sound in it.
    fn take(&mut self) -> Option<bool> {
        let source = self.source.as_mut()?;
        let rate_hz = match &self.line {
            Some(line) => line.rate_hz(source),
            None => source.ring().rate_hz(),
        };
        self.pcm.resize((rate_hz * self.clock.slot_ms / 1000) as usize, 0);
        source.pull(&mut self.pcm, rate_hz, 1);
        if let Some(line) = &mut self.line {
            line.prepare(rate_hz);
        }
        self.fader.pass(self.enabled, &mut self.pcm, rate_hz);
        self.stats.total_samples += self.pcm.len() as u64;
        self.stats.level.add(&self.pcm, rate_hz);
        Some(self.pcm.iter().any(|sample| *sample != 0))
    }

    fn apply(&mut self) {
        let Some(line) = &mut self.line else { return };
        let wished = line.format.bitrate_bps();
        let bitrate_bps = self.path.bitrate_bps(self.max_bitrate_bps.map_or(wished, |most| wished.min(most)));
        // Frames that make a detour come back as the application wants them, and are not put together with others.
        let red = line.spec.red.filter(|_| self.detour.is_none());
        let room = self.max_bitrate_bps.map_or(usize::MAX, |most| (most / bitrate_bps.max(1)) as usize);
        let copies = self.path.copies().min(room.saturating_sub(1));
        line.copies = red.map_or(0, |red| copies.max(usize::from(red.always)));
        line.settings = EncoderSettings {
            bitrate_bps,
            complexity: self.complexity,
            fec: self.path.fec() && line.format.fec && line.copies == 0,
            loss_percent: self.path.loss_percent(),
            dtx: line.format.dtx,
            cbr: line.format.cbr,
            max_playback_hz: line.format.playback_hz,
        };
        if let Some(encoder) = &mut line.encoder {
            encoder.configure(&line.settings);
        }
        self.stats.target_bitrate_bps = match line.codec {
            Codec::Opus => line.settings.bitrate_bps,
            Codec::G722 | Codec::Pcmu | Codec::Pcma => 64_000,
        };
        self.prefer();
    }

    /// Tells a live source the rate that it will be read at.
    fn prefer(&mut self) {
        if let (Some(source), Some(line)) = (&mut self.source, &self.line) {
            let rate_hz = line.rate_hz(source);
            source.prefer(rate_hz);
        }
    }
}

impl Detours for Sender {
    fn set_detour(&mut self, detour: Option<Arc<Detour>>) {
        self.detour = detour;
        self.apply();
    }

    /// Each packet gets its sequence number here.
    fn send_returned(&mut self, now: Instant, out: &mut impl FnMut(&RtpHeader, &[u8])) {
        let Some(detour) = &self.detour else { return };
        while let Some(frame) = detour.take_back() {
            let Some(line) = self.line.as_ref().filter(|_| self.active) else { continue };
            // What was encoded before the codec changed has missed its time.
            let fits = (1..=MAX_RETURNED).contains(&frame.data.len());
            if frame.codec != line.codec.name() || !fits {
                tracing::debug!(target: "webphone-rtc:media", bytes = frame.data.len(), "an encoded frame cannot be sent");
                continue;
            }
            self.header.payload_type = line.spec.codec.payload_type;
            self.header.marker = frame.marker;
            self.header.timestamp = frame.timestamp;
            self.header.audio_level = line.spec.audio_level.zip(frame.level);
            out(&self.header, &frame.data);
            self.stats.count(&mut self.header, frame.data.len(), self.clock.time_of(frame.timestamp).unwrap_or(now));
        }
    }
}

/// What goes out for `payload`: that alone, or with copies of those before it.
fn with_copies<'a>(
    spec: &SendSpec,
    copies: usize,
    redundancy: &'a mut Redundancy,
    header: &mut RtpHeader,
    payload: &'a [u8],
) -> &'a [u8] {
    let Some(red) = spec.red.filter(|_| copies > 0) else { return payload };
    header.payload_type = red.payload_type;
    redundancy.wrap(spec.codec.payload_type, header.timestamp, payload, copies)
}

fn encoded_frame(header: &RtpHeader, codec: Codec, level: Option<u8>, data: Bytes) -> EncodedFrame {
    EncodedFrame {
        ssrc: header.ssrc,
        payload_type: header.payload_type,
        codec: codec.name(),
        timestamp: header.timestamp,
        level,
        marker: header.marker,
        data,
        ..EncodedFrame::default()
    }
}

impl SenderStats {
    fn count(&mut self, header: &mut RtpHeader, bytes: usize, due: Instant) {
        self.packets += 1;
        self.bytes += bytes as u64;
        self.header_bytes += header.wire_len() as u64;
        self.last = Some((header.timestamp, due));
        header.sequence = header.sequence.wrapping_add(1);
    }
}

impl Line {
    fn new(spec: SendSpec, old: Option<Self>) -> Option<Self> {
        let codec = spec.codec.codec()?;
        // The same codec goes on with its encoder: the far end's decoder has its state.
        let encoder = old.filter(|old| old.codec == codec).and_then(|old| old.encoder);
        Some(Self {
            codec,
            format: OpusFormat::parse(&spec.codec.fmtp),
            encoder,
            settings: EncoderSettings::default(),
            redundancy: Redundancy::default(),
            copies: 0,
            payload: [0; MAX_PAYLOAD],
            length: 0,
            silent_ms: 0,
            paused: false,
            spec,
        })
    }

    /// The rate to read `source` at: its own if the codec works at that, so that nothing is resampled; no more than the
    /// far end plays.
    fn rate_hz(&self, source: &Reader) -> u32 {
        let ring = source.ring();
        let rate_hz = if ring.is_live() { 48_000 } else { ring.rate_hz() };
        self.codec.native_hz(rate_hz.min(self.format.playback_hz))
    }

    fn prepare(&mut self, rate_hz: u32) {
        if self.encoder.as_ref().is_none_or(|encoder| encoder.rate_hz() != rate_hz) {
            self.encoder = self.codec.encoder(rate_hz, &self.settings);
            self.silent_ms = 0;
        }
    }

    /// Encodes a frame into `payload`; in long silence leaves there what it has.
    fn encode(&mut self, pcm: &[i16], sound: bool, stats: &mut SenderStats) -> Played {
        let Some(encoder) = &mut self.encoder else { return Played::Nothing };
        if sound || self.settings.dtx {
            self.silent_ms = 0;
        } else if self.silent_ms >= SILENCE_MS && self.codec.is_forgiving() {
            return Played::Audio;
        } else {
            self.silent_ms += pcm.len() as u32 * 1000 / encoder.rate_hz();
        }
        let Some(length) = encoder.encode(pcm, &mut self.payload) else { return Played::Nothing };
        self.length = length;
        stats.encoded += 1;
        // The first packet that need not be sent is, as browsers do: it tells the far end.
        let told = std::mem::replace(&mut self.paused, encoder.is_discontinued());
        if told && self.paused { Played::Pause } else { Played::Audio }
    }
}

impl Clock {
    fn slot(&self) -> Duration {
        Duration::from_millis(u64::from(self.slot_ms))
    }

    fn ticks(&self) -> u32 {
        self.hz / 1000 * self.slot_ms
    }

    fn step(&mut self, ticks: u32) {
        self.due = self.due.map(|due| due + duration(ticks, self.hz));
        self.timestamp = self.timestamp.wrapping_add(ticks);
    }

    /// When a recent slot was due.
    fn time_of(&self, timestamp: u32) -> Option<Instant> {
        let ticks = self.timestamp.wrapping_sub(timestamp);
        // Of anything older, or of the application's own making, nothing is known.
        let recent = ticks < self.hz.saturating_mul(10);
        self.due?.checked_sub(duration(ticks, self.hz)).filter(|_| recent)
    }

    /// Arms the clock, and skips slots that were missed: all of them after a pause, else when they are too many.
    fn advance(&mut self, now: Instant, wanted: bool) {
        let due = *self.due.get_or_insert(now);
        let late = now.saturating_duration_since(due).as_nanos() / self.slot().as_nanos();
        if late > u128::from(MAX_LATE_SLOTS) || self.idle || !wanted {
            self.spurt |= late > u128::from(MAX_LATE_SLOTS);
            self.due = Some(due + self.slot().saturating_mul(late as u32));
            self.timestamp = self.timestamp.wrapping_add((late as u32).wrapping_mul(self.ticks()));
        }
    }
}
