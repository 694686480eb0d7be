//! One inbound stream: from packets to a continuous signal in its ring, with statistics and digits.
//!
//! Invariant: once it plays, the signal has no gap: each moment is audio, concealment or silence. While nobody reads
//! the ring, nothing is buffered and nothing decoded.

use super::codec::{Codec, CodecSpec, PayloadKind};
use super::detour::{Detour, EncodedFrame};
use super::dtmf::{Digit, DtmfReceiver};
use super::jitter::{Content, Inserted, JitterStats, Next, Packet};
use super::level::Level;
use super::player::Player;
use super::reception::{Reception, ReceptionReport};
use super::red::{self, Block};
use super::ring::Ring;
use super::succession::{Step, StreamId, Succession};
use crate::rtp::RtpPacket;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Without a packet for so long the track is muted.
const MUTE_AFTER: Duration = Duration::from_secs(2);
/// A poll later than this does not catch up: the process was stopped.
const STALL: Duration = Duration::from_millis(500);
/// Another stream takes over at once when the present one has been quiet for this long, else with its second packet
/// in a row.
const TAKEOVER: Duration = Duration::from_millis(60);

/// What a receiver is to expect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecvSpec {
    /// Payload types announced, telephone-event and CN included.
    pub codecs: Vec<CodecSpec>,
}

/// What happened in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiverEvent {
    /// A digit was heard; told when it ends.
    Dtmf {
        /// `0-9`, `*`, `#`, `A-D`.
        digit: char,
        /// How long it sounded.
        duration_ms: u32,
    },
    /// Packets arrive, the first ones or after a pause.
    Unmuted,
    /// No packet for a while, or reception is switched off.
    Muted,
    /// The far end sends with another SSRC now (also told for the first).
    SsrcChanged(u32),
}

/// Counters for RTCP and getStats, of the stream that plays: they begin at zero with each. Samples are those of the decoder's
/// rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReceiverStats {
    /// The stream that plays, if any.
    pub ssrc: Option<u32>,
    /// How many have played, this one included: a stream that comes back is counted again.
    pub streams: u32,
    /// Packets received, duplicates and late ones included.
    pub packets: u64,
    /// Payload bytes.
    pub bytes: u64,
    /// RTP header bytes.
    pub header_bytes: u64,
    /// Packets that never came; negative when there were duplicates.
    pub lost: i64,
    /// Highest sequence number, the count of its cycles above it.
    pub highest_sequence: u32,
    /// Interarrival jitter of RFC 3550 in clock units.
    pub jitter_ticks: f64,
    /// The same in seconds.
    pub jitter_s: f64,
    /// Arrival of the last packet.
    pub last_packet: Option<Instant>,
    /// Payload type and codec that was decoded last.
    pub codec: Option<(u8, Codec)>,
    /// RTP timestamp that will be played next.
    pub rtp_timestamp: u32,
    /// Packets decoded.
    pub decoded: u64,
    /// Lost packets that a later one described (in-band redundancy) or carried again (RFC 2198).
    pub recovered: u64,
    /// Packets whose payload was no valid packet of its codec.
    pub garbage: u64,
    /// Packets that came too late, or were skipped to bring the delay down.
    pub discarded: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Samples played in all.
    pub total_samples: u64,
    /// Of these concealed, and of these concealed as silence.
    pub concealed_samples: u64,
    /// Concealed as silence or comfort noise.
    pub silent_concealed_samples: u64,
    /// Stretches of concealment.
    pub concealment_events: u64,
    /// Samples left out to bring the delay down.
    pub removed_samples: u64,
    /// Samples put in to let the delay grow.
    pub inserted_samples: u64,
    /// `jitterBufferDelay` of webrtc-stats: seconds, summed over samples.
    pub jitter_buffer_delay_s: f64,
    /// `jitterBufferEmittedCount` of webrtc-stats.
    pub jitter_buffer_emitted: u64,
    /// `jitterBufferTargetDelay` of webrtc-stats: seconds, summed over samples.
    pub jitter_buffer_target_delay_s: f64,
    /// `jitterBufferMinimumDelay` of webrtc-stats, likewise.
    pub jitter_buffer_minimum_delay_s: f64,
    /// The delay that the jitter buffer aims at now.
    pub jitter_buffer_target_ms: f64,
    /// Loudness of what was played.
    pub level: Level,
}

impl ReceiverStats {
    /// Without what was counted `before`; what is no sum stays.
    fn since(self, before: &Self) -> Self {
        Self {
            bytes: self.bytes - before.bytes,
            header_bytes: self.header_bytes - before.header_bytes,
            decoded: self.decoded - before.decoded,
            recovered: self.recovered - before.recovered,
            garbage: self.garbage - before.garbage,
            discarded: self.discarded - before.discarded,
            duplicates: self.duplicates - before.duplicates,
            total_samples: self.total_samples - before.total_samples,
            concealed_samples: self.concealed_samples - before.concealed_samples,
            silent_concealed_samples: self.silent_concealed_samples - before.silent_concealed_samples,
            concealment_events: self.concealment_events - before.concealment_events,
            removed_samples: self.removed_samples - before.removed_samples,
            inserted_samples: self.inserted_samples - before.inserted_samples,
            jitter_buffer_delay_s: self.jitter_buffer_delay_s - before.jitter_buffer_delay_s,
            jitter_buffer_emitted: self.jitter_buffer_emitted - before.jitter_buffer_emitted,
            jitter_buffer_target_delay_s: self.jitter_buffer_target_delay_s - before.jitter_buffer_target_delay_s,
            jitter_buffer_minimum_delay_s: self.jitter_buffer_minimum_delay_s - before.jitter_buffer_minimum_delay_s,
            level: self.level.since(&before.level),
            ..self
        }
    }
}

/// One inbound stream; see the module. After [`configure`](Self::configure) and [`receive`](Self::receive) ask
/// [`next_due`](Self::next_due) again.
pub struct Receiver {
    ring: Arc<Ring>,
    payloads: Vec<(u8, PayloadKind, u32)>,
    reception: Option<Reception>,
    /// First packet of a stream that may take over.
    rival: Option<RtpPacket>,
    streams: Succession,
    player: Player,
    /// Where encoded frames go before they are buffered, and the extension that says how loud they are.
    detour: Option<Arc<Detour>>,
    level_extension: Option<u8>,
    digits: DtmfReceiver,
    /// The next stretch is to be played.
    due: Option<Instant>,
    /// A packet that should have come is waited for until then.
    hold: Option<Instant>,
    last_packet: Option<Instant>,
    muted: bool,
    events: VecDeque<ReceiverEvent>,
    /// How many streams have played.
    begun: u32,
    bytes: u64,
    header_bytes: u64,
    garbage: u64,
    emitted: Emitted,
    /// What was counted before the stream that plays. Of the one before it some 100 ms may still be heard, which count for this one.
    before: ReceiverStats,
}

/// What the jitter buffer has given, in samples of the rate that each packet was played at, and how long that had waited, summed
/// over them: counters never go back, whatever rates follow each other.
#[derive(Default)]
struct Emitted {
    counted: JitterStats,
    samples: f64,
    delay_s: f64,
    target_s: f64,
    minimum_s: f64,
}

impl Emitted {
    /// Counts what `stats` has more than the last time.
    fn add(&mut self, stats: JitterStats, samples_per_tick: f64) {
        let counted = std::mem::replace(&mut self.counted, stats);
        self.samples += (stats.emitted_ticks - counted.emitted_ticks) as f64 * samples_per_tick;
        self.delay_s += (stats.delay_sum - counted.delay_sum) * samples_per_tick;
        self.target_s += (stats.target_sum - counted.target_sum) * samples_per_tick;
        self.minimum_s += (stats.minimum_sum - counted.minimum_sum) * samples_per_tick;
    }
}

impl Receiver {
    /// A receiver that plays into `ring`.
    pub fn new(ring: Arc<Ring>) -> Self {
        Self {
            player: Player::new(ring.clone()),
            ring,
            payloads: Vec::new(),
            reception: None,
            rival: None,
            streams: Succession::default(),
            detour: None,
            level_extension: None,
            digits: DtmfReceiver::default(),
            due: None,
            hold: None,
            last_packet: None,
            muted: true,
            events: VecDeque::new(),
            begun: 0,
            bytes: 0,
            header_bytes: 0,
            garbage: 0,
            emitted: Emitted::default(),
            before: ReceiverStats::default(),
        }
    }

    /// What to expect from now on; `None` receives nothing, while the signal goes on with silence.
    pub fn configure(&mut self, spec: Option<RecvSpec>) {
        let codecs = spec.map(|spec| spec.codecs).unwrap_or_default();
        self.payloads.clear();
        self.payloads.extend(codecs.iter().filter_map(|spec| Some((spec.payload_type, spec.kind()?, spec.clock_rate))));
        if self.payloads.is_empty() {
            self.mute();
        }
    }

    /// Lets packets wait for at least so long, whatever the network asks for.
    pub fn set_least_delay_ms(&mut self, least_ms: f64) {
        self.streams.set_least_ms(least_ms);
    }

    /// Encoded frames take this way before they are buffered, and only what comes back is; `None` buffers them at once.
    pub fn set_detour(&mut self, detour: Option<Arc<Detour>>) {
        self.detour = detour;
    }

    /// Extension id of ssrc-audio-level (RFC 6464), if negotiated.
    pub fn set_level_extension(&mut self, id: Option<u8>) {
        self.level_extension = id;
    }

    /// Buffers what has come back from the detour.
    pub fn receive_returned(&mut self, now: Instant) {
        let Some(detour) = self.detour.clone() else { return };
        while let Some(frame) = detour.take_back() {
            let playing = self.is_current(frame.ssrc) || self.streams.awaits(now, frame.ssrc);
            let known = self.known(frame.payload_type);
            let (true, Some(known), Some(sequence)) = (playing, known, frame.sequence) else { continue };
            // It is as late as the detour has made it: that is what the jitter buffer must know.
            let packet = RtpPacket {
                payload_type: frame.payload_type,
                marker: frame.marker,
                sequence,
                timestamp: frame.timestamp,
                ssrc: frame.ssrc,
                csrc: Vec::new(),
                extensions: Vec::new(),
                payload: BytesMut::from(&frame.data[..]),
                arrival: now,
            };
            self.unpack(now, &packet, &whole(&packet), known);
        }
    }

    /// The signal that this receiver plays into.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Takes a packet. Payload types that were not announced are ignored.
    pub fn receive(&mut self, now: Instant, packet: &RtpPacket) {
        let Some((kind, clock_hz)) = self.known(packet.payload_type) else { return };
        let sounds = matches!(kind, PayloadKind::Audio(_) | PayloadKind::Redundant);
        let straggles = sounds && !self.is_current(packet.ssrc) && self.streams.awaits(now, packet.ssrc);
        if !straggles {
            if !self.admit(now, packet) {
                return;
            }
            self.count(now, packet, sounds.then_some(clock_hz));
        }
        let frame = match kind {
            PayloadKind::Audio(codec) => Some(codec.name()),
            PayloadKind::Redundant => Some(red::NAME),
            PayloadKind::TelephoneEvent | PayloadKind::ComfortNoise => None,
        };
        match self.detour.as_ref().zip(frame) {
            Some((detour, codec)) => detour.leave(encoded_frame(packet, codec, self.level_extension)),
            None => self.unpack(now, packet, &whole(packet), (kind, clock_hz)),
        }
    }

    /// Counts a packet of the current stream; its timestamp is of a clock of so many Hz, if it tells when the packet was sent.
    fn count(&mut self, now: Instant, packet: &RtpPacket, clock_hz: Option<u32>) {
        if let Some(reception) = &mut self.reception {
            reception.update(packet.sequence);
            if let Some(clock_hz) = clock_hz {
                reception.time(packet.timestamp, packet.arrival, clock_hz);
            }
        }
        self.bytes += packet.payload.len() as u64;
        self.header_bytes += packet.header_bytes();
        self.last_packet = Some(now);
        if std::mem::replace(&mut self.muted, false) {
            tracing::info!(target: "webphone-rtc:media", "unmuted: packets come");
            self.events.push_back(ReceiverEvent::Unmuted);
        }
    }

    /// Takes what a packet carries, which is [known](Self::known).
    fn unpack(&mut self, now: Instant, packet: &RtpPacket, block: &Block, (kind, clock_hz): (PayloadKind, u32)) {
        match kind {
            PayloadKind::TelephoneEvent => {
                let heard = self.digits.receive(now, packet.marker, packet.timestamp, block.data, clock_hz);
                heard.into_iter().flatten().for_each(|digit| self.hear(digit));
            }
            PayloadKind::ComfortNoise => {
                // It goes with the audio, whatever clock was announced for it.
                let id = StreamId { ssrc: packet.ssrc, clock_hz: self.streams.clock_hz().unwrap_or(clock_hz) };
                self.buffer(now, id, queued(packet, block, Content::Noise, 0));
            }
            PayloadKind::Audio(codec) => match codec.ticks(block.data) {
                Some(ticks) => {
                    let id = StreamId { ssrc: packet.ssrc, clock_hz };
                    self.buffer(now, id, queued(packet, block, Content::Audio(codec), ticks));
                }
                None => self.refuse(block.payload_type, block.data.len()),
            },
            PayloadKind::Redundant => self.unpack_redundant(now, packet, block.data),
        }
    }

    /// The packet's own payload first: where it belongs is where what it carries of earlier ones is missing.
    fn unpack_redundant(&mut self, now: Instant, packet: &RtpPacket, payload: &[u8]) {
        let Some(own) = red::split(payload).and_then(Iterator::last) else {
            return self.refuse(packet.payload_type, payload.len());
        };
        // Redundancy in redundancy says nothing more, and could be nested at will.
        if let Some(known) = self.known(own.payload_type).filter(|known| known.0 != PayloadKind::Redundant) {
            self.unpack(now, packet, &own, known);
        }
        for block in red::split(payload).into_iter().flatten().filter(|block| block.offset > 0) {
            let Some((PayloadKind::Audio(codec), clock_hz)) = self.known(block.payload_type) else { continue };
            let id = StreamId { ssrc: packet.ssrc, clock_hz };
            let timestamp = packet.timestamp.wrapping_sub(block.offset);
            if let Some(ticks) = codec.ticks(block.data).filter(|ticks| self.streams.misses(id, timestamp, *ticks)) {
                self.streams.insert_copy(id, queued(packet, &block, Content::Audio(codec), ticks));
            }
        }
    }

    /// What a payload type carries, and its clock, if it was announced.
    fn known(&self, payload_type: u8) -> Option<(PayloadKind, u32)> {
        self.payloads.iter().find(|known| known.0 == payload_type).map(|known| (known.1, known.2))
    }

    /// Plays what is due into the ring.
    pub fn poll(&mut self, now: Instant) {
        if let Some(digit) = self.digits.poll(now) {
            self.hear(digit);
        }
        if !self.muted && self.last_packet.is_none_or(|last| now >= last + MUTE_AFTER) {
            self.mute();
        }
        if self.due.is_some() && !self.ring.has_readers() {
            self.stop();
        }
        if self.due.is_some_and(|due| now.saturating_duration_since(due) > STALL) {
            tracing::warn!(target: "webphone-rtc:media", "the process stood still: what was missed is left out");
            self.due = Some(now);
        }
        self.hold = None;
        while let Some(due) = self.due.filter(|due| *due <= now) {
            let Some(Step { next, clock_hz, another }) = self.streams.next(due, now, self.player.resting()) else {
                return;
            };
            let before = if another { self.player.meet_stream() } else { Duration::ZERO };
            let played = match next {
                Next::Wait(until) => {
                    self.hold = Some(until);
                    Duration::ZERO
                }
                Next::Packet(packet) => {
                    // What is to be played from `due` on is behind the packet now.
                    let length_ms = f64::from(packet.ticks) * 1000.0 / f64::from(clock_hz);
                    let surplus_ms = self.streams.surplus_ms(due) + length_ms;
                    self.player.packet(&packet, clock_hz, surplus_ms)
                }
                Next::Lost { ticks, whole, follower } => self.player.lost(ticks, whole, follower.as_ref(), clock_hz),
                Next::Bridge { ticks } => self.player.bridge(ticks, clock_hz),
            };
            self.due = Some(due + before + played);
            if self.hold.is_some() {
                return;
            }
            let samples_per_tick = f64::from(self.player.rate_hz()) / f64::from(clock_hz);
            self.emitted.add(self.streams.stats(), samples_per_tick);
        }
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        let mute = self.last_packet.filter(|_| !self.muted).map(|last| last + MUTE_AFTER);
        [self.hold.or(self.due), mute, self.digits.next_due()].into_iter().flatten().min()
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<ReceiverEvent> {
        self.events.pop_front()
    }

    /// The numbers of an RTCP report block; the fraction lost counts from the last call. `None` before any packet.
    pub fn report(&mut self) -> Option<ReceptionReport> {
        self.reception.as_mut().map(Reception::report)
    }

    /// Counters of the stream that plays.
    pub fn stats(&self) -> ReceiverStats {
        self.counted().since(&self.before)
    }

    /// Counters of all streams, but for what is [`Reception`]'s.
    fn counted(&self) -> ReceiverStats {
        let jitter = self.streams.stats();
        let reception = self.reception.as_ref();
        ReceiverStats {
            ssrc: reception.map(|it| it.ssrc),
            streams: self.begun,
            packets: reception.map_or(0, Reception::received),
            bytes: self.bytes,
            header_bytes: self.header_bytes,
            lost: reception.map_or(0, Reception::lost),
            highest_sequence: reception.map_or(0, Reception::highest_sequence),
            jitter_ticks: reception.map_or(0.0, Reception::jitter),
            jitter_s: reception.map_or(0.0, Reception::jitter_s),
            last_packet: self.last_packet,
            rtp_timestamp: self.player.timestamp(),
            garbage: self.garbage,
            discarded: jitter.late + jitter.skipped,
            duplicates: jitter.duplicates,
            jitter_buffer_delay_s: self.emitted.delay_s,
            jitter_buffer_emitted: self.emitted.samples as u64,
            jitter_buffer_target_delay_s: self.emitted.target_s,
            jitter_buffer_minimum_delay_s: self.emitted.minimum_s,
            jitter_buffer_target_ms: self.streams.target_ms(),
            ..self.player.stats().clone()
        }
    }

    /// Samples played of all streams, and how many seconds they were; `None` before any packet.
    pub fn played(&self) -> Option<(u64, f64)> {
        let ReceiverStats { total_samples, level, .. } = self.player.stats();
        self.reception.as_ref().map(|_| (*total_samples, level.total_duration_s))
    }

    /// Is this packet of the stream that plays, or of one that takes over now?
    fn admit(&mut self, now: Instant, packet: &RtpPacket) -> bool {
        match &self.reception {
            Some(reception) if reception.ssrc == packet.ssrc => {
                self.rival = None;
                return true;
            }
            Some(_) if self.last_packet.is_some_and(|last| now < last + TAKEOVER) => {
                // Two streams at once must not take turns: the other one has to show two packets in a row.
                let first = self.rival.take().filter(|first| first.ssrc == packet.ssrc);
                let Some(first) = first else {
                    self.rival = Some(packet.clone());
                    return false;
                };
                self.change_stream(now, &first);
                self.receive(first.arrival, &first);
            }
            _ => self.change_stream(now, packet),
        }
        true
    }

    fn change_stream(&mut self, now: Instant, first: &RtpPacket) {
        if let Some(digit) = self.digits.restart() {
            self.hear(digit);
        }
        self.streams.leave(now);
        let (ssrc, payload_type) = (first.ssrc, first.payload_type);
        if self.reception.is_none() {
            tracing::info!(target: "webphone-rtc:media", ssrc, payload_type, "the first packet has come");
        } else {
            tracing::info!(target: "webphone-rtc:media", ssrc, payload_type, "the far end sends another stream");
        }
        self.rival = None;
        self.begun += 1;
        self.before = self.counted();
        self.reception = Some(Reception::new(first.ssrc, first.sequence, first.arrival));
        self.events.push_back(ReceiverEvent::SsrcChanged(first.ssrc));
    }

    fn is_current(&self, ssrc: u32) -> bool {
        self.reception.as_ref().is_some_and(|reception| reception.ssrc == ssrc)
    }

    fn buffer(&mut self, now: Instant, id: StreamId, packet: Packet) {
        if !self.ring.has_readers() {
            self.stop();
            return;
        }
        let timestamp = packet.timestamp;
        if self.streams.insert(now, id, packet) == Inserted::Jumped {
            tracing::info!(target: "webphone-rtc:media", timestamp, "the far end's clock has jumped");
        }
        self.due.get_or_insert(now);
        self.hold = None;
    }

    fn refuse(&mut self, payload_type: u8, bytes: usize) {
        if self.garbage == 0 {
            tracing::warn!(target: "webphone-rtc:media", payload_type, bytes, "a packet is none of its codec; such are dropped");
        }
        self.garbage += 1;
    }

    fn stop(&mut self) {
        if self.due.take().is_some() {
            self.streams.clear();
            self.player.reset();
            self.hold = None;
        }
    }

    fn mute(&mut self) {
        if !std::mem::replace(&mut self.muted, true) {
            tracing::info!(target: "webphone-rtc:media", "muted: no packets come");
            self.events.push_back(ReceiverEvent::Muted);
        }
    }

    fn hear(&mut self, digit: Digit) {
        let Digit { digit, duration_ms } = digit;
        self.events.push_back(ReceiverEvent::Dtmf { digit, duration_ms });
    }
}

/// All that is in the packet.
fn whole(packet: &RtpPacket) -> Block<'_> {
    Block { payload_type: packet.payload_type, offset: 0, data: &packet.payload }
}

/// `block` of `packet`, for the jitter buffer.
fn queued(packet: &RtpPacket, block: &Block, content: Content, ticks: u32) -> Packet {
    Packet {
        payload_type: block.payload_type,
        content,
        sequence: packet.sequence,
        timestamp: packet.timestamp.wrapping_sub(block.offset),
        ticks,
        payload: Bytes::copy_from_slice(block.data),
        arrival: packet.arrival,
        copied: block.offset > 0,
    }
}

fn encoded_frame(packet: &RtpPacket, codec: &'static str, level_extension: Option<u8>) -> EncodedFrame {
    let told = packet.extensions.iter().find(|(id, _)| Some(*id) == level_extension);
    EncodedFrame {
        ssrc: packet.ssrc,
        csrc: packet.csrc.clone(),
        payload_type: packet.payload_type,
        codec,
        timestamp: packet.timestamp,
        sequence: Some(packet.sequence),
        level: told.and_then(|(_, value)| value.first()).map(|level| level & 0x7f),
        marker: packet.marker,
        received: Some(packet.arrival),
        picture: None,
        data: Bytes::copy_from_slice(&packet.payload),
    }
}
