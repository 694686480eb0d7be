//! One inbound stream: from packets to a continuous signal in its ring, with statistics and digits.
//!
//! Invariant: once it plays, the signal has no gap: each moment is audio, concealment or silence. While nobody reads
//! the ring, nothing is buffered and nothing decoded.

use super::codec::{Codec, CodecSpec, Decoder, PayloadKind};
use super::conceal::Concealer;
use super::dtmf::{Digit, DtmfReceiver};
use super::jitter::{Content, Inserted, JitterBuffer, Packet, PlayoutBuffer, Pull, duration};
use super::level::Level;
use super::noise::ComfortNoise;
use super::reception::{Reception, ReceptionReport};
use super::ring::Ring;
use crate::rtp::RtpPacket;
use bytes::Bytes;
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
/// Surplus delay is cut out in pieces of this length, out of quiet stretches, or out of anything if it is much.
const CUT_MS: u32 = 10;
const CUT_QUIET_MS: u32 = 15;
const CUT_ANY_MS: u32 = 60;
/// Below this level a stretch is quiet.
const QUIET_RMS: f64 = 0.003;

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

/// Counters for RTCP and getStats. Samples are those of the decoder's rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReceiverStats {
    /// The stream that plays, if any.
    pub ssrc: Option<u32>,
    /// Packets of it, duplicates and late ones included.
    pub packets: u64,
    /// Payload bytes, all streams.
    pub bytes: u64,
    /// Packets of it that never came; negative when there were duplicates.
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
    /// Samples cut out to bring the delay down.
    pub removed_samples: u64,
    /// `jitterBufferDelay` of webrtc-stats: seconds, summed over samples.
    pub jitter_buffer_delay_s: f64,
    /// `jitterBufferEmittedCount` of webrtc-stats.
    pub jitter_buffer_emitted: u64,
    /// The delay that the jitter buffer aims at.
    pub jitter_buffer_target_ms: f64,
    /// Loudness of what was played.
    pub level: Level,
}

/// One inbound stream; see the module. After [`configure`](Self::configure) and [`receive`](Self::receive) ask
/// [`next_due`](Self::next_due) again.
pub struct Receiver {
    ring: Arc<Ring>,
    payloads: Vec<(u8, PayloadKind, u32)>,
    reception: Option<Reception>,
    /// First packet of a stream that may take over.
    rival: Option<RtpPacket>,
    buffer: Box<dyn JitterBuffer>,
    clock_hz: u32,
    player: Player,
    digits: DtmfReceiver,
    /// The next stretch is to be played.
    due: Option<Instant>,
    last_packet: Option<Instant>,
    muted: bool,
    events: VecDeque<ReceiverEvent>,
    bytes: u64,
    garbage: u64,
}

impl Receiver {
    /// A receiver that plays into `ring`.
    pub fn new(ring: Arc<Ring>) -> Self {
        Self::with_buffer(ring, Box::new(PlayoutBuffer::new(48_000)))
    }

    /// A receiver with a jitter buffer of another kind.
    pub fn with_buffer(ring: Arc<Ring>, buffer: Box<dyn JitterBuffer>) -> Self {
        Self {
            player: Player::new(ring.clone()),
            ring,
            payloads: Vec::new(),
            reception: None,
            rival: None,
            buffer,
            clock_hz: 48_000,
            digits: DtmfReceiver::default(),
            due: None,
            last_packet: None,
            muted: true,
            events: VecDeque::new(),
            bytes: 0,
            garbage: 0,
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

    /// The signal that this receiver plays into.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Takes a packet. Payload types that were not announced are ignored.
    pub fn receive(&mut self, now: Instant, packet: &RtpPacket) {
        let Some(&(_, kind, clock_hz)) = self.payloads.iter().find(|known| known.0 == packet.payload_type) else {
            return;
        };
        if !self.admit(now, packet) {
            return;
        }
        if let Some(reception) = &mut self.reception {
            reception.update(packet.sequence);
            if let PayloadKind::Audio(_) = kind {
                reception.time(packet.timestamp, packet.arrival, clock_hz);
            }
        }
        self.bytes += packet.payload.len() as u64;
        self.last_packet = Some(now);
        if std::mem::replace(&mut self.muted, false) {
            tracing::info!(target: "webphone-rtc:media", "unmuted: packets come");
            self.events.push_back(ReceiverEvent::Unmuted);
        }
        match kind {
            PayloadKind::TelephoneEvent => {
                let RtpPacket { marker, timestamp, payload, .. } = packet;
                let heard = self.digits.receive(now, *marker, *timestamp, payload, clock_hz);
                heard.into_iter().flatten().for_each(|digit| self.hear(digit));
            }
            PayloadKind::ComfortNoise => self.buffer(now, packet, Content::Noise, 0, self.clock_hz),
            PayloadKind::Audio(codec) => match codec.ticks(&packet.payload) {
                Some(ticks) => self.buffer(now, packet, Content::Audio(codec), ticks, clock_hz),
                None => self.garbage += 1,
            },
        }
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
            tracing::warn!(target: "webphone-rtc:media", "the process stood still: playing starts anew");
            self.buffer.reset(self.clock_hz);
            self.due = Some(now);
        }
        while let Some(due) = self.due.filter(|due| *due <= now) {
            let surplus_ms = self.buffer.surplus(due) / (self.clock_hz / 1000);
            let pull = self.buffer.pull(due);
            let cut_ms = self.player.play(pull, self.clock_hz, surplus_ms);
            let played = self.player.ticks - u64::from(cut_ms) * u64::from(self.clock_hz) / 1000;
            self.due = Some(due + duration(played as u32, self.clock_hz));
        }
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        let mute = self.last_packet.filter(|_| !self.muted).map(|last| last + MUTE_AFTER);
        [self.due, mute, self.digits.next_due()].into_iter().flatten().min()
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<ReceiverEvent> {
        self.events.pop_front()
    }

    /// The numbers of an RTCP report block; the fraction lost counts from the last call. `None` before any packet.
    pub fn report(&mut self) -> Option<ReceptionReport> {
        self.reception.as_mut().map(Reception::report)
    }

    /// Counters.
    pub fn stats(&self) -> ReceiverStats {
        let jitter = self.buffer.stats();
        let reception = self.reception.as_ref();
        let samples = |ticks: f64| ticks * f64::from(self.player.rate_hz) / f64::from(self.clock_hz);
        ReceiverStats {
            ssrc: reception.map(|it| it.ssrc),
            packets: reception.map_or(0, Reception::received),
            bytes: self.bytes,
            lost: reception.map_or(0, Reception::lost),
            highest_sequence: reception.map_or(0, Reception::highest_sequence),
            jitter_ticks: reception.map_or(0.0, Reception::jitter),
            jitter_s: reception.map_or(0.0, Reception::jitter_s),
            last_packet: self.last_packet,
            rtp_timestamp: self.player.timestamp,
            garbage: self.garbage,
            discarded: jitter.late + jitter.skipped,
            duplicates: jitter.duplicates,
            jitter_buffer_delay_s: samples(jitter.delay_sum),
            jitter_buffer_emitted: samples(jitter.emitted_ticks as f64) as u64,
            jitter_buffer_target_ms: jitter.target_ms,
            ..self.player.stats.clone()
        }
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
                self.change_stream(&first);
                self.receive(now, &first);
            }
            _ => self.change_stream(packet),
        }
        true
    }

    fn change_stream(&mut self, first: &RtpPacket) {
        if let Some(digit) = self.digits.restart() {
            self.hear(digit);
        }
        if self.reception.is_some() {
            self.buffer.reset(self.clock_hz);
        }
        let (ssrc, payload_type) = (first.ssrc, first.payload_type);
        if self.reception.is_none() {
            tracing::info!(target: "webphone-rtc:media", ssrc, payload_type, "the first packet has come");
        } else {
            tracing::info!(target: "webphone-rtc:media", ssrc, payload_type, "the far end sends another stream");
        }
        self.rival = None;
        self.reception = Some(Reception::new(first.ssrc, first.sequence, first.arrival));
        self.events.push_back(ReceiverEvent::SsrcChanged(first.ssrc));
    }

    fn buffer(&mut self, now: Instant, packet: &RtpPacket, content: Content, ticks: u32, clock_hz: u32) {
        if !self.ring.has_readers() {
            self.stop();
            return;
        }
        if clock_hz != self.clock_hz {
            self.clock_hz = clock_hz;
            self.buffer.reset(clock_hz);
        }
        let &RtpPacket { payload_type, sequence, timestamp, arrival, .. } = packet;
        let payload = Bytes::copy_from_slice(&packet.payload);
        let packet = Packet { payload_type, content, sequence, timestamp, ticks, payload, arrival };
        let inserted = self.buffer.insert(now, packet);
        if inserted == Inserted::Resync {
            tracing::info!(target: "webphone-rtc:media", timestamp, "the far end's clock has jumped: playing starts anew");
        }
        if self.due.is_none() && matches!(inserted, Inserted::Queued | Inserted::Resync) {
            self.due = Some(now);
        }
    }

    fn stop(&mut self) {
        if self.due.take().is_some() {
            self.buffer.reset(self.clock_hz);
            self.player.decoder = None;
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

/// Turns stretches of the timeline into samples in the ring.
struct Player {
    ring: Arc<Ring>,
    decoder: Option<(Codec, Box<dyn Decoder>)>,
    concealer: Concealer,
    rate_hz: u32,
    noise: ComfortNoise,
    /// Timestamp of the next tick.
    timestamp: u32,
    /// Length of the stretch played last.
    ticks: u64,
    /// Part of a sample that is owed when ticks are no whole number of samples.
    remainder: u64,
    /// The last stretch was concealed.
    concealing: bool,
    pcm: Vec<i16>,
    stats: ReceiverStats,
}

impl Player {
    fn new(ring: Arc<Ring>) -> Self {
        Self {
            rate_hz: ring.rate_hz(),
            concealer: Concealer::new(ring.rate_hz()),
            ring,
            decoder: None,
            noise: ComfortNoise::default(),
            timestamp: 0,
            ticks: 0,
            remainder: 0,
            concealing: false,
            pcm: Vec::new(),
            stats: ReceiverStats::default(),
        }
    }

    /// Plays one stretch; returns the milliseconds left out of it because of `surplus_ms` of delay.
    fn play(&mut self, pull: Pull, clock_hz: u32, surplus_ms: u32) -> u32 {
        self.pcm.clear();
        let from = match &pull {
            Pull::Packet(packet) => packet.timestamp,
            _ => self.timestamp,
        };
        self.ticks = match pull {
            Pull::Packet(packet) => self.packet(&packet, clock_hz),
            Pull::Conceal { ticks } => self.conceal(ticks, clock_hz),
            Pull::Silence { ticks } => self.silence(ticks, clock_hz),
        }
        .into();
        self.timestamp = from.wrapping_add(self.ticks as u32);
        if self.pcm.is_empty() {
            return 0;
        }
        self.stats.total_samples += self.pcm.len() as u64;
        self.stats.level.add(&self.pcm, self.rate_hz);
        let cut_ms = self.cut(surplus_ms);
        self.ring.write_live(&self.pcm, self.rate_hz, from, clock_hz);
        cut_ms
    }

    fn packet(&mut self, packet: &Packet, clock_hz: u32) -> u32 {
        let Content::Audio(codec) = packet.content else {
            self.noise.set(&packet.payload);
            return 0;
        };
        self.prepare(codec);
        let samples = self.samples(packet.ticks, clock_hz);
        let Some((_, decoder)) = &mut self.decoder else { return packet.ticks };
        if decoder.decode(&packet.payload, &mut self.pcm) {
            self.noise.stop();
            self.concealing = false;
            self.stats.decoded += 1;
            self.stats.codec = Some((packet.payload_type, codec));
            self.pcm.resize(samples, 0);
            self.concealer.played(&mut self.pcm);
        } else {
            self.bridge(samples);
        }
        packet.ticks
    }

    fn conceal(&mut self, ticks: u32, clock_hz: u32) -> u32 {
        let samples = self.samples(ticks, clock_hz);
        self.bridge(samples);
        ticks
    }

    /// A decoder for `codec` at the highest rate that somebody listens at.
    fn prepare(&mut self, codec: Codec) {
        let rate_hz = codec.native_hz(self.ring.wanted_hz().unwrap_or(48_000));
        if self.decoder.as_ref().is_none_or(|(kind, decoder)| *kind != codec || decoder.rate_hz() != rate_hz) {
            self.decoder = codec.decoder(rate_hz).map(|decoder| (codec, decoder));
            self.rate_hz = rate_hz;
            self.remainder = 0;
            if self.concealer.rate_hz() != rate_hz {
                self.concealer = Concealer::new(rate_hz);
            }
        }
    }

    /// Fills a gap of `samples`: with comfort noise if that was announced, else with what was played last, fading.
    fn bridge(&mut self, samples: usize) {
        if !std::mem::replace(&mut self.concealing, true) {
            self.stats.concealment_events += 1;
            if let Some((_, decoder)) = &mut self.decoder {
                decoder.gap();
            }
        }
        self.stats.concealed_samples += samples as u64;
        if self.noise.active() {
            self.stats.silent_concealed_samples += samples as u64;
            self.noise.fill(samples, &mut self.pcm);
        } else {
            self.concealer.bridge(samples, &mut self.pcm);
        }
    }

    fn silence(&mut self, ticks: u32, clock_hz: u32) -> u32 {
        let samples = self.samples(ticks, clock_hz);
        if self.decoder.is_some() {
            self.stats.concealed_samples += samples as u64;
            self.stats.silent_concealed_samples += samples as u64;
        }
        self.noise.fill(samples, &mut self.pcm);
        ticks
    }

    /// Whole samples in `ticks`; what is left over counts next time.
    fn samples(&mut self, ticks: u32, clock_hz: u32) -> usize {
        let owed = u64::from(ticks) * u64::from(self.rate_hz) + self.remainder;
        self.remainder = owed % u64::from(clock_hz);
        (owed / u64::from(clock_hz)) as usize
    }

    /// Leaves out [`CUT_MS`] in the middle, blending over the seam, if there is too much delay.
    fn cut(&mut self, surplus_ms: u32) -> u32 {
        let quiet = self.stats.level.rms < QUIET_RMS;
        let cut = (self.rate_hz * CUT_MS / 1000) as usize;
        if surplus_ms < if quiet { CUT_QUIET_MS } else { CUT_ANY_MS } || self.pcm.len() < 2 * cut {
            return 0;
        }
        // The first `cut` samples are blended into the `cut` that follow: the seam has no step at either end.
        for n in 0..cut {
            let (old, new) = (i32::from(self.pcm[n]), i32::from(self.pcm[n + cut]));
            self.pcm[n] = ((old * (cut - n) as i32 + new * n as i32) / cut as i32) as i16;
        }
        self.pcm.drain(cut..2 * cut);
        self.stats.removed_samples += cut as u64;
        CUT_MS
    }
}
