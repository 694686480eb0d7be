//! Codecs behind two small traits, and the table from a negotiated description to a codec.
//!
//! Invariant: a payload reaches a decoder only after [`Codec::ticks`] has said that it is well formed for that codec.

mod fmtp;
mod g711;
mod g722;
mod opus;

pub use fmtp::OpusFormat;
pub use opus::StereoEncoder;

/// A payload type as it was negotiated; the part of an SDP `rtpmap` and `fmtp` that media needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecSpec {
    /// RTP payload type.
    pub payload_type: u8,
    /// Encoding name in any case.
    pub name: String,
    /// RTP clock rate.
    pub clock_rate: u32,
    /// Channels of the `rtpmap`; 1 when it names none.
    pub channels: u8,
    /// Format parameters as text, may be empty.
    pub fmtp: String,
}

/// The longest packet that is made, and that is played of Opus, whose limit it is (RFC 6716 section 3.2.5).
pub(crate) const MAX_PACKET_MS: u32 = 120;
/// The longest that is played of other codecs (RFC 3551 section 4.2).
const MAX_SAMPLED_MS: u32 = 200;
/// Room for one encoded packet: 120 ms of G.711, far more than Opus ever makes of voice.
pub(crate) const MAX_PAYLOAD: usize = 1275;

/// A codec that this engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 7587, always with a 48 kHz RTP clock.
    Opus,
    /// G.722 at 64 kbit/s: 16 kHz, with an RTP clock of 8 kHz.
    G722,
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// What a payload type carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadKind {
    /// Speech or music.
    Audio(Codec),
    /// Named events: DTMF (RFC 4733).
    TelephoneEvent,
    /// Comfort noise (RFC 3389).
    ComfortNoise,
    /// Payloads of other types, earlier ones again among them (RFC 2198).
    Redundant,
}

/// Settings of an encoder; a codec without such a setting ignores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Target in bit/s.
    pub bitrate_bps: u32,
    /// 0 to 10: CPU against quality; `None`: what pays at the encoder's rate.
    pub complexity: Option<u8>,
    /// Spend bits on in-band redundancy for lost packets.
    pub fec: bool,
    /// Loss that the encoder prepares for, in percent.
    pub loss_percent: u8,
    /// Stop in silence: see [`Encoder::is_discontinued`].
    pub dtx: bool,
    /// The same number of bits for each packet.
    pub cbr: bool,
    /// The far end plays at this rate: a wider band is not worth its bits.
    pub max_playback_hz: u32,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            bitrate_bps: 32_000,
            complexity: None,
            fec: false,
            loss_percent: 0,
            dtx: false,
            cbr: false,
            max_playback_hz: 48_000,
        }
    }
}

/// Turns PCM into payloads. Mono.
pub trait Encoder: Send {
    /// The rate that [`encode`](Self::encode) expects.
    fn rate_hz(&self) -> u32;
    /// Encodes one frame into `out` and returns the bytes used; `None` when the codec refuses.
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Option<usize>;
    /// The last frame was silence that need not be sent, as `dtx` asks for: the far end fills the pause. From time to
    /// time there is one that must be sent, with what the background sounds like.
    fn is_discontinued(&self) -> bool {
        false
    }
    /// Changes settings between two frames.
    fn configure(&mut self, settings: &EncoderSettings);
}

/// Turns payloads into PCM. Mono: stereo is mixed down by the codec itself.
pub trait Decoder: Send {
    /// The rate that comes out.
    fn rate_hz(&self) -> u32;
    /// Appends the decoded packet to `out`; `false` (and nothing appended) when it cannot be decoded. A packet of
    /// discontinued transmission gives comfort noise.
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool;
    /// Appends the `samples` that were lost just before the packet `next`, from the second copy of them in it; `false`
    /// (and nothing appended) when it has none. The copy is as long as one frame of `next`; what was lost before that
    /// is concealed. Then `next` is to be decoded as ever.
    fn recover(&mut self, _next: &[u8], _samples: usize, _out: &mut Vec<i16>) -> bool {
        false
    }
    /// Appends `samples` in place of a packet that is lost, so that the decoder stays in step; `false` (and nothing
    /// appended) when they are better made in PCM: always where the codec has no concealment of its own, and for some
    /// also where what was played is as `steady` as a tone.
    fn conceal(&mut self, _samples: usize, _steady: bool, _out: &mut Vec<i16>) -> bool {
        false
    }
}

impl CodecSpec {
    /// What this payload type carries, or `None` if the engine cannot handle it.
    /// Name, clock and channels must all fit: OPUS/16000 is not Opus.
    pub fn kind(&self) -> Option<PayloadKind> {
        let is = |name: &str, clock: u32, channels: u8| {
            self.name.eq_ignore_ascii_case(name) && self.clock_rate == clock && self.channels == channels
        };
        if is("opus", 48_000, 2) {
            Some(PayloadKind::Audio(Codec::Opus))
        } else if is("G722", 8000, 1) {
            Some(PayloadKind::Audio(Codec::G722))
        } else if is("PCMU", 8000, 1) {
            Some(PayloadKind::Audio(Codec::Pcmu))
        } else if is("PCMA", 8000, 1) {
            Some(PayloadKind::Audio(Codec::Pcma))
        } else if self.name.eq_ignore_ascii_case("telephone-event") {
            Some(PayloadKind::TelephoneEvent)
        } else if self.name.eq_ignore_ascii_case("CN") {
            Some(PayloadKind::ComfortNoise)
        } else if is("red", 48_000, 2) {
            Some(PayloadKind::Redundant)
        } else {
            None
        }
    }

    /// The audio codec of this payload type, or `None`.
    pub fn codec(&self) -> Option<Codec> {
        match self.kind() {
            Some(PayloadKind::Audio(codec)) => Some(codec),
            _ => None,
        }
    }
}

impl Codec {
    /// Is its decoder where it should be when a packet came again, or none for a while, or another encoder's? That of G.722 adapts
    /// to what it hears, and is too loud by up to a hundred times for what it has not been led to.
    pub fn is_forgiving(self) -> bool {
        self != Self::G722
    }

    /// As SDP and media types have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "G722",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The codec of a media type's name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Opus, Self::G722, Self::Pcmu, Self::Pcma]
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// RTP clock in Hz.
    pub fn clock_hz(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::G722 | Self::Pcmu | Self::Pcma => 8000,
        }
    }

    /// The rate nearest to `wanted_hz` that the codec works at natively.
    pub fn native_hz(self, wanted_hz: u32) -> u32 {
        match self {
            Self::Opus => opus::RATES_HZ.into_iter().find(|rate| *rate >= wanted_hz).unwrap_or(48_000),
            Self::G722 => g722::RATE_HZ,
            Self::Pcmu | Self::Pcma => 8000,
        }
    }

    /// The packet length nearest to `wanted_ms` that the codec can make.
    pub fn ptime_ms(self, wanted_ms: u16) -> u32 {
        let wanted_ms = u32::from(wanted_ms);
        match self {
            Self::Opus => [60, 40, 20, 10].into_iter().find(|ms| *ms <= wanted_ms).unwrap_or(10),
            Self::G722 | Self::Pcmu | Self::Pcma => (wanted_ms / 10 * 10).clamp(10, MAX_PACKET_MS),
        }
    }

    /// How long `payload` plays, in ticks of the RTP clock; `None` if it is not a packet of this codec.
    pub fn ticks(self, payload: &[u8]) -> Option<u32> {
        match self {
            Self::Opus => opus::ticks(payload),
            Self::G722 => g722::ticks(payload),
            Self::Pcmu | Self::Pcma => g711::ticks(payload),
        }
    }

    /// Does this packet say that silence follows, for which nothing is sent?
    pub fn announces_silence(self, payload: &[u8]) -> bool {
        // RFC 7587 section 4.1: with discontinued transmission the last packet of a stretch has one or two bytes.
        self == Self::Opus && payload.len() <= 2
    }

    /// An encoder for PCM at `rate_hz`, one of the rates that [`native_hz`](Self::native_hz) gives.
    pub fn encoder(self, rate_hz: u32, settings: &EncoderSettings) -> Option<Box<dyn Encoder>> {
        match self {
            Self::Opus => opus::OpusEncoder::new(rate_hz, settings).map(|it| Box::new(it) as Box<dyn Encoder>),
            Self::G722 => Some(Box::<g722::G722Encoder>::default()),
            Self::Pcmu => Some(Box::new(g711::G711Encoder::mu_law())),
            Self::Pcma => Some(Box::new(g711::G711Encoder::a_law())),
        }
    }

    /// A decoder that gives PCM at `rate_hz`, one of the rates that [`native_hz`](Self::native_hz) gives.
    pub fn decoder(self, rate_hz: u32) -> Option<Box<dyn Decoder>> {
        match self {
            Self::Opus => opus::OpusDecoder::new(rate_hz).map(|it| Box::new(it) as Box<dyn Decoder>),
            Self::G722 => Some(Box::<g722::G722Decoder>::default()),
            Self::Pcmu => Some(Box::new(g711::G711Decoder::mu_law())),
            Self::Pcma => Some(Box::new(g711::G711Decoder::a_law())),
        }
    }
}

/// A telephone event of RFC 4733 has four bytes: event, E and R bits with volume, duration. Gateways have been seen
/// to send such packets under the payload type of the audio.
pub(crate) fn looks_like_telephone_event(payload: &[u8]) -> bool {
    matches!(payload, [event, flags, _, _] if *event <= 16 && flags & 0x40 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, clock_rate: u32, channels: u8) -> CodecSpec {
        CodecSpec { payload_type: 96, name: name.into(), clock_rate, channels, fmtp: String::new() }
    }

    #[test]
    fn a_codec_is_found_by_name_in_any_case_and_rate_and_channels() {
        assert_eq!(spec("OPUS", 48_000, 2).codec(), Some(Codec::Opus));
        assert_eq!(spec("g722", 8000, 1).codec(), Some(Codec::G722));
        assert_eq!(spec("G722", 16_000, 1).codec(), None);
        assert_eq!(spec("pcmu", 8000, 1).codec(), Some(Codec::Pcmu));
        assert_eq!(spec("PcmA", 8000, 1).codec(), Some(Codec::Pcma));
        assert_eq!(spec("OPUS", 16_000, 1).codec(), None);
        assert_eq!(spec("opus", 48_000, 1).codec(), None);
        assert_eq!(spec("PCMU", 16_000, 1).codec(), None);
        assert_eq!(spec("G729", 8000, 1).kind(), None);
        assert_eq!(spec("telephone-event", 8000, 1).kind(), Some(PayloadKind::TelephoneEvent));
        assert_eq!(spec("cn", 8000, 1).kind(), Some(PayloadKind::ComfortNoise));
        assert_eq!(spec("RED", 48_000, 2).kind(), Some(PayloadKind::Redundant));
    }

    #[test]
    fn events_under_the_audio_payload_type_are_not_audio() {
        for event in 0..=15u8 {
            for codec in [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma] {
                assert_eq!(codec.ticks(&[event, 0x8a, 0x03, 0x20]), None);
            }
        }
        for codec in [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma] {
            assert_eq!(codec.ticks(&[]), None);
        }
    }
}
