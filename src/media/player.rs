//! Turns stretches of the timeline into samples in the ring.
//!
//! Invariant: what is written is as long as the stretch that it stands for, but for what [`stretch`](super::stretch) and
//! the end of a bridge leave out or put in, which is counted. The decoder is asked first, for a packet, for redundancy
//! or for concealment, so that it knows of every stretch; what it cannot do is done in PCM.

use super::codec::{Codec, Decoder};
use super::conceal::{Concealer, Fit, PAST_US};
use super::delay::TOLERANCE_MS;
use super::jitter::{Content, Packet};
use super::noise::ComfortNoise;
use super::pitch::samples;
use super::receiver::ReceiverStats;
use super::resample::converted;
use super::ring::Ring;
use super::seam::fade_over;
use super::stretch::{Strictness, lengthen, shorten};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Less is hardly ever a pitch period, which is what a splice leaves out or puts in.
const PERIOD_MS: f64 = 8.0;

/// A codec that conceals goes on with what it takes for background for as long as it is asked. After so long that fades, and
/// then there is silence: nobody is there any more.
const FADE_US: RangeInclusive<u32> = 500_000..=1_000_000;
/// The same where the sender has announced that it is silent: it describes its background every 400 ms all the same (RFC 6716
/// section 2.1.9), and without a packet for two seconds its track is muted. Noise of RFC 3389 need not be described again and
/// goes on.
const REST_FADE_US: RangeInclusive<u32> = 1_500_000..=2_000_000;

/// A splice finds the longest period within so much.
const SPLICED_MS: u32 = 20;

/// A decoder sounds as one that has heard the stream from its beginning once it has heard so much of it.
const REHEARSAL_MS: u32 = 200;
/// Readers who want a high rate may come back; who wants less is served from there for so long.
const STEP_DOWN_MS: u32 = 5000;

/// Plays into a ring; see the module.
pub struct Player {
    ring: Arc<Ring>,
    decoder: Option<(Codec, Box<dyn Decoder>)>,
    successor: Option<Successor>,
    /// Samples for which a lower rate would have done.
    more_than_wanted: usize,
    concealer: Concealer,
    noise: ComfortNoise,
    /// The sender has announced that it is silent: nothing is missing.
    resting: bool,
    /// The last stretch was concealed.
    concealing: bool,
    /// Samples that the decoder has concealed on end.
    concealed: usize,
    rate_hz: u32,
    /// Timestamp of the next tick.
    timestamp: u32,
    /// Part of a sample that is owed when ticks are no whole number of samples.
    remainder: u64,
    /// Samples since the last change of length.
    since_stretch: usize,
    /// The packet of this timestamp, decoded already.
    ahead: Option<(u32, Vec<i16>)>,
    held: Option<Held>,
    pcm: Vec<i16>,
    stats: ReceiverStats,
}

/// Decoded, and kept until the packet that follows is: a period of a low voice is no shorter than a short packet.
struct Held {
    timestamp: u32,
    ticks: u32,
    clock_hz: u32,
    pcm: Vec<i16>,
}

/// A decoder of another rate, which hears what the one in use hears until it can take its place.
struct Successor {
    decoder: Box<dyn Decoder>,
    heard: usize,
    /// The last packet.
    pcm: Vec<i16>,
}

impl Player {
    /// Plays into `ring`, at the rate that its readers want.
    pub fn new(ring: Arc<Ring>) -> Self {
        Self {
            rate_hz: ring.rate_hz(),
            concealer: Concealer::new(ring.rate_hz()),
            ring,
            decoder: None,
            successor: None,
            more_than_wanted: 0,
            noise: ComfortNoise::default(),
            resting: false,
            concealing: false,
            concealed: 0,
            timestamp: 0,
            remainder: 0,
            since_stretch: 0,
            ahead: None,
            held: None,
            pcm: Vec::new(),
            stats: ReceiverStats::default(),
        }
    }

    /// What comes next has nothing to do with what was played.
    pub fn reset(&mut self) {
        self.forget_decoder();
        self.held = None;
        self.resting = false;
        self.noise.stop();
    }

    /// Another stream follows, which is joined to what was played as after a loss. Returns how long that takes which was held.
    pub fn meet_stream(&mut self) -> Duration {
        let before = self.release();
        self.meet_encoder();
        self.concealer.bridge(0, &mut Vec::new());
        before
    }

    /// Another encoder begins, or the one that goes on has been missed for long: a fresh decoder grows into that, and one that is not
    /// forgiving would be far too loud.
    fn meet_encoder(&mut self) {
        if self.decoder.as_ref().is_some_and(|(codec, _)| !codec.is_forgiving()) {
            self.forget_decoder();
        }
    }

    fn forget_decoder(&mut self) {
        self.decoder = None;
        self.successor = None;
        self.ahead = None;
    }

    /// What was counted here.
    pub fn stats(&self) -> &ReceiverStats {
        &self.stats
    }

    /// Rate of what is played.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// RTP timestamp that is played next.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Has the sender announced that it is silent?
    pub fn resting(&self) -> bool {
        self.resting
    }

    /// Plays a packet; `surplus_ms` is how much longer it has waited than it should, some of which may be left out, or
    /// put in if it is negative. Returns how long it plays.
    pub fn packet(&mut self, packet: &Packet, clock_hz: u32, surplus_ms: f64) -> Duration {
        let Content::Audio(codec) = packet.content else {
            let before = self.release();
            self.timestamp = packet.timestamp;
            self.noise.set(&packet.payload);
            self.resting = true;
            return before;
        };
        let same = self.decoder.as_ref().is_some_and(|(kind, _)| *kind == codec);
        let before = if same { Duration::ZERO } else { self.release() };
        self.timestamp = packet.timestamp;
        if self.concealer.silent() {
            self.meet_encoder();
        }
        self.prepare(codec);
        self.pcm.clear();
        let samples = self.samples(packet.ticks, clock_hz);
        let decoded = match self.ahead.take().filter(|ahead| ahead.0 == packet.timestamp) {
            Some((_, pcm)) => {
                self.pcm.extend(pcm);
                true
            }
            None => self.decoder.as_mut().is_some_and(|it| it.1.decode(&packet.payload, &mut self.pcm)),
        };
        self.resting = codec.announces_silence(&packet.payload);
        if !decoded {
            let before = before + self.release();
            self.timestamp = packet.timestamp;
            if self.resting {
                self.concealed = 0;
                return before + self.rest(samples, packet.ticks, clock_hz);
            }
            self.lose(samples, samples, None);
            return before + self.emit(packet.ticks, clock_hz);
        }
        self.noise.stop();
        self.stats.decoded += 1;
        self.stats.recovered += u64::from(packet.copied);
        self.stats.codec = Some((packet.payload_type, codec));
        self.pcm.resize(samples, 0);
        self.rehearse(packet, clock_hz);
        self.end_concealment();
        self.join(fit(surplus_ms));
        before + self.settle(packet.ticks, clock_hz, surplus_ms)
    }

    /// Plays `ticks` that are lost for good, the end of a packet of `whole`, if possible from the packet that follows.
    pub fn lost(&mut self, ticks: u32, whole: u32, follower: Option<&Packet>, clock_hz: u32) -> Duration {
        let before = self.release();
        let samples = self.samples(ticks, clock_hz);
        if self.resting {
            return before + self.rest(samples, ticks, clock_hz);
        }
        self.pcm.clear();
        let whole = whole_samples(whole, clock_hz, self.rate_hz).max(samples);
        if let (Some((codec, decoder)), Some(follower)) = (&mut self.decoder, follower)
            && follower.content == Content::Audio(*codec)
            && decoder.recover(&follower.payload, whole, &mut self.pcm)
        {
            self.pcm.drain(..self.pcm.len().saturating_sub(samples));
            self.pcm.resize(samples, 0);
            self.stats.recovered += 1;
            self.end_concealment();
            self.join(Fit::Fixed);
            return before + self.emit(ticks, clock_hz);
        }
        self.lose(samples, whole, follower);
        before + self.emit(ticks, clock_hz)
    }

    /// Bridges `ticks` of which it is not known whether they are lost or late.
    pub fn bridge(&mut self, ticks: u32, clock_hz: u32) -> Duration {
        let before = self.release();
        let samples = self.samples(ticks, clock_hz);
        if self.resting {
            return before + self.rest(samples, ticks, clock_hz);
        }
        self.lose(samples, samples, None);
        before + self.emit(ticks, clock_hz)
    }

    /// Plays what was decoded, which stands for `ticks`, and what was held before it, or holds it.
    fn settle(&mut self, ticks: u32, clock_hz: u32, surplus_ms: f64) -> Duration {
        let ms = |ticks: u32| f64::from(ticks) * 1000.0 / f64::from(clock_hz);
        let length_ms = ms(ticks);
        let (mut ticks, mut held_ms) = (ticks, 0.0);
        if let Some(mut held) = self.held.take() {
            held_ms = ms(held.ticks);
            held.pcm.append(&mut self.pcm);
            ticks += held.ticks;
            self.pcm = held.pcm;
            self.timestamp = held.timestamp;
        }
        // With so much left the packet that follows is there.
        let follows = surplus_ms >= length_ms + TOLERANCE_MS;
        let short = self.pcm.len() < samples(SPLICED_MS * 1000, self.rate_hz);
        if short && follows && self.may_stretch(surplus_ms + held_ms) {
            let pcm = std::mem::take(&mut self.pcm);
            self.held = Some(Held { timestamp: self.timestamp, ticks, clock_hz, pcm });
            return Duration::ZERO;
        }
        self.stretch(surplus_ms + held_ms);
        self.emit(ticks, clock_hz)
    }

    /// Plays what was held.
    fn release(&mut self) -> Duration {
        let Some(held) = self.held.take() else { return Duration::ZERO };
        self.pcm = held.pcm;
        self.timestamp = held.timestamp;
        self.emit(held.ticks, held.clock_hz)
    }

    /// Fills in for `samples`, the end of a packet of `whole` that is lost, keeping the decoder in step.
    fn lose(&mut self, samples: usize, whole: usize, follower: Option<&Packet>) {
        self.pcm.clear();
        let Some((codec, decoder)) = &mut self.decoder else {
            self.pcm.resize(samples, 0);
            return;
        };
        // A codec knows more of speech than its last pitch period; but only of speech.
        let faded = has_faded(self.concealed, FADE_US, self.rate_hz) && !self.concealer.bridging();
        if faded || decoder.conceal(whole, self.concealer.steady(), &mut self.pcm) {
            self.pcm.drain(..self.pcm.len().saturating_sub(samples));
            self.pcm.resize(samples, 0);
            self.fade(FADE_US);
            self.join(Fit::Fixed);
            self.note_concealment(samples);
            return;
        }
        if *codec != Codec::Opus
            && let Some(follower) = follower.filter(|it| it.content == Content::Audio(*codec))
            && let Some(after) = decode_ahead(&mut **decoder, follower)
        {
            self.concealer.meet(samples, &after, &mut self.pcm);
            self.ahead = Some((follower.timestamp, after));
        } else {
            self.concealer.bridge(samples, &mut self.pcm);
        }
        self.note_concealment(samples);
    }

    /// Silence that nobody misses: the codec's own comfort noise, that of RFC 3389, or none.
    fn rest(&mut self, samples: usize, ticks: u32, clock_hz: u32) -> Duration {
        self.pcm.clear();
        if self.decoder.is_some() {
            self.stats.concealed_samples += samples as u64;
            self.stats.silent_concealed_samples += samples as u64;
        }
        let own = !self.noise.active()
            && self.resting
            && !has_faded(self.concealed, REST_FADE_US, self.rate_hz)
            && self.decoder.as_mut().is_some_and(|(_, decoder)| decoder.conceal(samples, false, &mut self.pcm));
        if own {
            self.fade(REST_FADE_US);
        } else {
            self.noise.fill(samples, &mut self.pcm);
        }
        self.join(Fit::Fixed);
        self.emit(ticks, clock_hz)
    }

    fn note_concealment(&mut self, samples: usize) {
        if !std::mem::replace(&mut self.concealing, true) {
            self.stats.concealment_events += 1;
        }
        self.stats.concealed_samples += samples as u64;
        if self.concealer.silent() || has_faded(self.concealed, FADE_US, self.rate_hz) {
            self.stats.silent_concealed_samples += samples as u64;
        }
    }

    fn end_concealment(&mut self) {
        self.concealing = false;
        self.concealed = 0;
    }

    /// Takes what the decoder has made of nothing as far down as its age wants.
    fn fade(&mut self, between_us: RangeInclusive<u32>) {
        let [from, to] = [between_us.start(), between_us.end()].map(|us| samples(*us, self.rate_hz));
        for sample in self.pcm.iter_mut() {
            let left = to.saturating_sub(self.concealed.max(from)) as f32 / (to - from) as f32;
            *sample = (f32::from(*sample) * left) as i16;
            self.concealed += 1;
        }
    }

    /// Ends a bridge, if there is one, with what was decoded.
    fn join(&mut self, fit: Fit) {
        if self.concealer.bridging() {
            let before = self.pcm.len();
            self.concealer.join(&mut self.pcm, fit);
            self.count_change(before);
        }
    }

    /// A decoder for `codec` at the highest rate that somebody listens at.
    fn prepare(&mut self, codec: Codec) {
        let wanted_hz = codec.native_hz(self.ring.wanted_hz().unwrap_or(48_000));
        if self.decoder.as_ref().is_some_and(|(kind, _)| *kind == codec) {
            return self.follow_readers(codec, wanted_hz);
        }
        let other = self.decoder.is_some();
        self.forget_decoder();
        self.decoder = codec.decoder(wanted_hz).map(|decoder| (codec, decoder));
        self.change_rate(wanted_hz);
        if other {
            // A decoder that begins knows nothing of what was played: its first packet is joined to that as after a loss.
            self.concealer.bridge(0, &mut Vec::new());
        }
    }

    /// A fresh decoder has to grow into its stream, which would be heard by all readers: it does so beside the one in use.
    fn follow_readers(&mut self, codec: Codec, wanted_hz: u32) {
        if wanted_hz >= self.rate_hz {
            self.more_than_wanted = 0;
        }
        let stays = wanted_hz == self.rate_hz
            || (wanted_hz < self.rate_hz && self.more_than_wanted < samples(STEP_DOWN_MS * 1000, self.rate_hz));
        if stays {
            self.successor = None;
        } else if self.successor.as_ref().is_none_or(|successor| successor.decoder.rate_hz() != wanted_hz) {
            let decoder = codec.decoder(wanted_hz);
            self.successor = decoder.map(|decoder| Successor { decoder, heard: 0, pcm: Vec::new() });
        }
    }

    /// The successor hears a packet too, of which the decoder has made what is in `pcm`. What it cannot hear it misses.
    fn rehearse(&mut self, packet: &Packet, clock_hz: u32) {
        self.more_than_wanted = self.more_than_wanted.saturating_add(self.pcm.len());
        let Some(successor) = &mut self.successor else { return };
        let rate_hz = successor.decoder.rate_hz();
        successor.pcm.clear();
        if !successor.decoder.decode(&packet.payload, &mut successor.pcm) {
            return;
        }
        successor.heard += successor.pcm.len();
        successor.pcm.resize(whole_samples(packet.ticks, clock_hz, rate_hz), 0);
        let too_soon = successor.heard < samples(REHEARSAL_MS * 1000, rate_hz);
        if too_soon || self.concealer.bridging() || self.held.is_some() {
            return;
        }
        let old = [self.concealer.past(), &self.pcm].concat();
        let old = converted(&old, (self.rate_hz, 1), (rate_hz, 1));
        let Some(mut successor) = self.successor.take() else { return };
        fade_over(&old[samples(PAST_US, rate_hz)..], &mut successor.pcm, (rate_hz, 1));
        self.pcm = successor.pcm;
        self.change_rate(rate_hz);
        if let Some((_, decoder)) = &mut self.decoder {
            *decoder = successor.decoder;
        }
    }

    fn change_rate(&mut self, rate_hz: u32) {
        self.rate_hz = rate_hz;
        self.remainder = 0;
        self.more_than_wanted = 0;
        let past_hz = self.concealer.rate_hz();
        if past_hz != rate_hz {
            let past = converted(self.concealer.past(), (past_hz, 1), (rate_hz, 1));
            self.concealer = Concealer::new(rate_hz);
            self.concealer.played(&past);
        }
    }

    /// Brings the delay nearer to its target by a pitch period: the further off, the oftener, and the less like each
    /// other the two sides of the splice have to be.
    fn stretch(&mut self, surplus_ms: f64) {
        let off_ms = surplus_ms.abs();
        let Some((strictness, _)) = haste(off_ms) else { return };
        let may = self.may_stretch(surplus_ms);
        self.since_stretch += self.pcm.len();
        if !may {
            return;
        }
        let before = self.pcm.len();
        let most = (off_ms * f64::from(self.rate_hz) / 1000.0) as usize;
        let change = if surplus_ms > 0.0 { shorten } else { lengthen };
        let done = change(self.concealer.past(), &mut self.pcm, most, self.rate_hz, strictness) > 0;
        // To look for a splice in vain costs a third of a codec; so little off it is not worth that for each packet.
        if done || off_ms < PERIOD_MS {
            self.since_stretch = 0;
        }
        self.count_change(before);
    }

    /// Is it time to bring the delay nearer to its target?
    fn may_stretch(&self, surplus_ms: f64) -> bool {
        let since = self.since_stretch + self.pcm.len();
        haste(surplus_ms.abs()).is_some_and(|(_, pause_ms)| since >= samples(pause_ms * 1000, self.rate_hz))
    }

    fn count_change(&mut self, before: usize) {
        let after = self.pcm.len();
        self.stats.inserted_samples += after.saturating_sub(before) as u64;
        self.stats.removed_samples += before.saturating_sub(after) as u64;
    }

    /// Writes what is in `pcm`, which stands for `ticks`.
    fn emit(&mut self, ticks: u32, clock_hz: u32) -> Duration {
        self.stats.total_samples += self.pcm.len() as u64;
        self.stats.level.add(&self.pcm, self.rate_hz);
        self.ring.write_live(&self.pcm, self.rate_hz, self.timestamp, clock_hz);
        self.concealer.played(&self.pcm);
        self.timestamp = self.timestamp.wrapping_add(ticks);
        Duration::from_nanos(self.pcm.len() as u64 * 1_000_000_000 / u64::from(self.rate_hz.max(1)))
    }

    /// Whole samples in `ticks`; what is left over counts next time.
    fn samples(&mut self, ticks: u32, clock_hz: u32) -> usize {
        let owed = u64::from(ticks) * u64::from(self.rate_hz) + self.remainder;
        self.remainder = owed % u64::from(clock_hz);
        (owed / u64::from(clock_hz)) as usize
    }
}

/// Samples at `rate_hz` that `ticks` have room for.
fn whole_samples(ticks: u32, clock_hz: u32, rate_hz: u32) -> usize {
    (u64::from(ticks) * u64::from(rate_hz) / u64::from(clock_hz)) as usize
}

/// Is nothing left of what a decoder conceals?
fn has_faded(concealed: usize, between_us: RangeInclusive<u32>, rate_hz: u32) -> bool {
    concealed >= samples(*between_us.end(), rate_hz)
}

/// How much a splice may be heard where the delay is so far off, and after how many milliseconds there may be another.
fn haste(off_ms: f64) -> Option<(Strictness, u32)> {
    let (strictness, pause_ms) = match off_ms {
        ..TOLERANCE_MS => return None,
        ..15.0 => (0.85, 60),
        ..40.0 => (0.75, 60),
        ..120.0 => (0.6, 40),
        _ => (0.4, 20),
    };
    Some((Strictness(strictness), pause_ms))
}

/// Where a bridge may end, so that the delay comes nearer to its target.
fn fit(surplus_ms: f64) -> Fit {
    if surplus_ms.abs() < TOLERANCE_MS {
        Fit::Fixed
    } else if surplus_ms > 0.0 {
        Fit::Sooner
    } else {
        Fit::Later
    }
}

/// The sound of a packet before its turn.
fn decode_ahead(decoder: &mut dyn Decoder, packet: &Packet) -> Option<Vec<i16>> {
    let mut pcm = Vec::new();
    decoder.decode(&packet.payload, &mut pcm).then_some(pcm)
}
