//! What is sent: a sound, encoded and cut into packets, with the strange things that senders do to it.

use crate::support::ms;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use webphone_rtc::media::Codec;
use webphone_rtc::media::codec::EncoderSettings;

pub const TONE_HZ: f64 = 440.0;
const TONE_AMPLITUDE: f64 = 10_000.0;
/// Encoded once and then repeated: whole periods of the tone, whole rounds of the speech.
const ROUND: Duration = Duration::from_secs(60);
/// One round of speech, a pause at its end included.
const SPEECH_ROUND_MS: usize = 4000;
const OPUS: u8 = 111;
const PCMU: u8 = 0;
const COMFORT_NOISE: u8 = 13;
/// A browser's encoder has this complexity and codes a tone with CELT. SILK is made for voices: with it the packet
/// after a lost one is a bad tone whatever the receiver does.
const TONE_COMPLEXITY: u8 = 9;
/// -60 dBov.
const NOISE_LEVEL: &[u8] = &[60];
/// [`Sound::Spurts`]: this much tone, then this much silence.
pub const SPURT: Duration = Duration::from_secs(2);
pub const PAUSE: Duration = Duration::from_secs(2);
/// What G.711 sends of silence before it describes it, and how often it does that again. Opus knows by itself.
const HANGOVER: Duration = Duration::from_millis(200);
const DESCRIBED_EACH: Duration = Duration::from_millis(400);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sound {
    /// [`TONE_HZ`], steady.
    Tone,
    /// The tone with pauses, for which nothing is sent but from time to time what the silence sounds like.
    Spurts,
    /// Sentences with pauses.
    Speech,
}

/// How a sound becomes packets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    pub codec: Codec,
    pub sound: Sound,
    /// Loss that the encoder prepares for with in-band redundancy; 0: none.
    pub loss_percent: u8,
    /// Packet lengths, each until that time of the stream, the last one for good.
    pub ptimes: Vec<(Duration, u64)>,
}

/// A packet as it leaves the sender.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Duration,
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Length in ticks of the RTP clock; 0 when there is no sound in it.
    pub ticks: u32,
    pub payload: Bytes,
    /// It is not silence that was encoded.
    pub sounding: bool,
}

/// A packet's length of sound as its encoder left it.
#[derive(Debug)]
struct Coded {
    packet_ms: u64,
    sounding: bool,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Audio(Bytes),
    ComfortNoise,
    /// Not sent.
    Nothing,
}

#[derive(Clone, Debug)]
pub struct Stream {
    pub codec: Codec,
    pub sound: Sound,
    pub packets: Vec<Sent>,
}

/// What a sender's RTP clock does while it sends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    Runs,
    Stands,
}

pub fn opus(sound: Sound) -> Encoding {
    Encoding { codec: Codec::Opus, sound, loss_percent: 0, ptimes: vec![(Duration::MAX, 20)] }
}

pub fn pcmu(sound: Sound) -> Encoding {
    Encoding { codec: Codec::Pcmu, ..opus(sound) }
}

impl Encoding {
    /// As a sender does that has heard of so much loss.
    pub fn protected(self, loss_percent: u8) -> Self {
        Self { loss_percent, ..self }
    }

    pub fn ptimes(self, ptimes: &[(Duration, u64)]) -> Self {
        Self { ptimes: ptimes.to_vec(), ..self }
    }

    /// A stream that starts shortly before its sequence numbers and timestamps wrap.
    pub fn lasting(&self, length: Duration) -> Stream {
        let clock_ms = self.codec.clock_hz() / 1000;
        let (mut at, mut timestamp, mut sequence) = (Duration::ZERO, u32::MAX - 20_000, 65_500u16);
        let (mut packets, mut paused) = (Vec::new(), true);
        for Coded { packet_ms, sounding, content } in self.round().iter().cycle() {
            if at >= length {
                break;
            }
            let ticks = *packet_ms as u32 * clock_ms;
            let (payload_type, payload, ticks_sent) = match content {
                Content::Audio(payload) if self.codec == Codec::Opus => (OPUS, payload.clone(), ticks),
                Content::Audio(payload) => (PCMU, payload.clone(), ticks),
                _ => (COMFORT_NOISE, Bytes::from_static(NOISE_LEVEL), 0),
            };
            if !matches!(content, Content::Nothing) {
                packets.push(Sent {
                    at,
                    payload_type,
                    marker: paused && ticks_sent > 0,
                    sequence,
                    timestamp,
                    ssrc: crate::support::SSRC,
                    ticks: ticks_sent,
                    payload,
                    sounding: *sounding,
                });
                sequence = sequence.wrapping_add(1);
            }
            paused = !matches!(content, Content::Audio(_));
            at += ms(*packet_ms);
            timestamp = timestamp.wrapping_add(ticks);
        }
        Stream { codec: self.codec, sound: self.sound, packets }
    }

    pub fn rate_hz(&self) -> u32 {
        self.codec.native_hz(16_000)
    }

    /// The packets of one round; encoded once per process.
    fn round(&self) -> Arc<Vec<Coded>> {
        type Rounds = HashMap<Encoding, Arc<OnceLock<Arc<Vec<Coded>>>>>;
        static ROUNDS: OnceLock<Mutex<Rounds>> = OnceLock::new();
        let mut rounds = ROUNDS.get_or_init(Mutex::default).lock().unwrap();
        let round = rounds.entry(self.clone()).or_default().clone();
        drop(rounds);
        round.get_or_init(|| Arc::new(self.encode())).clone()
    }

    fn encode(&self) -> Vec<Coded> {
        let rate_hz = self.rate_hz();
        let mut settings = EncoderSettings {
            fec: self.loss_percent > 0,
            loss_percent: self.loss_percent,
            dtx: self.sound == Sound::Spurts,
            ..EncoderSettings::default()
        };
        if self.sound != Sound::Speech {
            settings.complexity = Some(TONE_COMPLEXITY);
        }
        let mut encoder = self.codec.encoder(rate_hz, &settings).unwrap();
        let pcm = sound(self.sound, rate_hz);
        let (mut at, mut out, mut packets) = (Duration::ZERO, [0u8; 1275], Vec::new());
        let (mut silent, mut discontinued) = (Duration::ZERO, false);
        while at < ROUND {
            let stage = self.ptimes.iter().find(|(until, _)| at < *until).or(self.ptimes.last());
            let packet_ms = stage.unwrap().1;
            let first = at.as_millis() as usize * rate_hz as usize / 1000;
            let frame = &pcm[first..first + packet_ms as usize * rate_hz as usize / 1000];
            let length = encoder.encode(frame, &mut out).unwrap();
            let sounding = frame.iter().any(|sample| *sample != 0);
            let content = if settings.dtx && self.codec != Codec::Opus && silent >= HANGOVER {
                let again = (silent - HANGOVER).as_millis().is_multiple_of(DESCRIBED_EACH.as_millis());
                if again { Content::ComfortNoise } else { Content::Nothing }
            } else if std::mem::replace(&mut discontinued, encoder.is_discontinued()) && discontinued {
                // The first one is sent, as browsers do, so that the far end knows.
                Content::Nothing
            } else {
                Content::Audio(Bytes::copy_from_slice(&out[..length]))
            };
            packets.push(Coded { packet_ms, sounding, content });
            at += ms(packet_ms);
            silent = if sounding { Duration::ZERO } else { silent + ms(packet_ms) };
        }
        packets
    }
}

/// A round of the sound and a little more, so that a packet of any length fits in.
fn sound(sound: Sound, rate_hz: u32) -> Vec<i16> {
    let samples = (ROUND.as_secs() as usize + 1) * rate_hz as usize;
    let step = std::f64::consts::TAU * TONE_HZ / f64::from(rate_hz);
    let tone = |n: usize| ((n as f64 * step).sin() * TONE_AMPLITUDE) as i16;
    match sound {
        Sound::Tone => (0..samples).map(tone).collect(),
        Sound::Spurts => {
            let [spurt, pause] = [SPURT, PAUSE].map(|it| it.as_millis() as usize * rate_hz as usize / 1000);
            (0..samples).map(|n| if n % (spurt + pause) < spurt { tone(n) } else { 0 }).collect()
        }
        Sound::Speech => {
            let mut speech = super::wav::read(include_bytes!("../../examples/bridge/greeting.wav"));
            speech.resize(SPEECH_ROUND_MS * 16, 0);
            let speech = super::wav::resampled(&speech, 16_000, rate_hz);
            speech.into_iter().cycle().take(samples).collect()
        }
    }
}

impl Stream {
    pub fn clock_hz(&self) -> u32 {
        self.codec.clock_hz()
    }

    /// The sender's clock runs fast by `ppm`.
    pub fn drifting(mut self, ppm: f64) -> Self {
        for packet in &mut self.packets {
            packet.at = packet.at.div_f64(1.0 + ppm * 1e-6);
        }
        self
    }

    /// Nothing is sent for `length` from `at` on; what was to be said is said later.
    pub fn paused(mut self, at: Duration, length: Duration, clock: Clock) -> Self {
        let ticks = (length.as_millis() as u64 * u64::from(self.clock_hz()) / 1000) as u32;
        let mut later = self.packets.iter_mut().filter(|packet| packet.at >= at).peekable();
        if let Some(first) = later.peek_mut() {
            first.marker = true;
        }
        for packet in later {
            packet.at += length;
            if clock == Clock::Runs {
                packet.timestamp = packet.timestamp.wrapping_add(ticks);
            }
        }
        self
    }

    /// Alters all packets from `at` on.
    pub fn altered(mut self, at: Duration, alter: impl Fn(&mut Sent)) -> Self {
        self.packets.iter_mut().filter(|packet| packet.at >= at).for_each(alter);
        self
    }

    /// The packet that `timestamp`, heard at `at`, belongs to: the latest one, if numbers repeat.
    pub fn packet_at(&self, timestamp: u32, at: Duration) -> Option<usize> {
        /// A receiver may conceal a little ahead of what it has.
        const AHEAD: Duration = Duration::from_millis(60);
        /// No delay is longer.
        const BEHIND: Duration = Duration::from_secs(3);
        let end = self.packets.partition_point(|packet| packet.at <= at + AHEAD);
        let near = self.packets[..end].iter().enumerate().rev().take_while(|(_, packet)| packet.at + BEHIND >= at);
        near.into_iter().find(|(_, packet)| timestamp.wrapping_sub(packet.timestamp) < packet.ticks).map(|it| it.0)
    }
}

impl Sent {
    /// Does this packet carry a second, coarser version of the frame before it? RFC 6716 section 4.2.4: after
    /// one bit for the voice activity of each SILK frame comes one that says so, and the range coder's first bits are
    /// plain bits.
    pub fn has_redundancy(&self) -> bool {
        let [toc, first, ..] = self.payload[..] else { return false };
        let config = toc >> 3;
        let frames = match config {
            0..12 => [1, 1, 2, 3][usize::from(config & 3)],
            12..16 => 1,
            _ => return false,
        };
        self.payload_type == OPUS && toc & 3 == 0 && (first >> (7 - frames)) & 1 == 1
    }
}
