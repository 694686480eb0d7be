//! The vocabulary of negotiation: names, choices and what callers hand in.
//!
//! Invariant: plain values without behaviour beyond their own algebra.

use std::fmt::{self, Write as _};

/// Names a transceiver within its connection, in the order of creation; never used twice.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TransceiverId(pub u32);

/// Names an ICE and DTLS transport within its connection; never used twice.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TransportId(pub u32);

/// Kind of media.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl Kind {
    /// The media token of the `m=` line.
    pub(super) fn media(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    pub(super) fn from_media(media: &str) -> Option<Self> {
        match media {
            "audio" => Some(Self::Audio),
            "video" => Some(Self::Video),
            _ => None,
        }
    }
}

/// RTCRtpTransceiverDirection, seen from this end.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Only towards the far end.
    SendOnly,
    /// Only from the far end.
    RecvOnly,
    /// Neither, for now.
    Inactive,
    /// Never again.
    Stopped,
}

impl Direction {
    /// Media may go to the far end.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Media may come from the far end.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    pub(super) fn from_ways(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The same direction as the other end sees it.
    pub(super) fn reversed(self) -> Self {
        Self::from_ways(self.receives(), self.sends())
    }

    pub(super) fn intersect(self, other: Self) -> Self {
        Self::from_ways(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The SDP attribute.
    pub(super) fn attribute(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive | Self::Stopped => "inactive",
        }
    }
}

/// RTCSdpType.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum SdpType {
    /// Opens a negotiation.
    Offer,
    /// Answers for the time being.
    PrAnswer,
    /// Ends a negotiation.
    Answer,
    /// Takes an offer back.
    Rollback,
}

/// RTCSignalingState.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum SignalingState {
    /// No negotiation is open.
    Stable,
    /// We offered.
    HaveLocalOffer,
    /// The far end offered.
    HaveRemoteOffer,
    /// The far end offered, we answered for the time being.
    HaveLocalPrAnswer,
    /// We offered, the far end answered for the time being.
    HaveRemotePrAnswer,
    /// The connection was closed.
    Closed,
}

/// RTCBundlePolicy.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum BundlePolicy {
    /// One transport per section until BUNDLE is answered.
    #[default]
    Balanced,
    /// One transport per section until BUNDLE is answered.
    MaxCompat,
    /// One transport from the start.
    MaxBundle,
}

/// Which parts of the engine may be negotiated.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Features {
    /// RFC 2198 redundancy for Opus.
    pub red: bool,
    /// Video sections.
    pub video: bool,
    /// Data channels.
    pub data: bool,
}

/// What a connection negotiates with.
#[derive(Clone, Debug)]
pub struct Config {
    /// How sections share transports in our first offer.
    pub bundle_policy: BundlePolicy,
    /// A section without `a=rtcp-mux` is an error, unless it is a gateway's that names a second RTCP address.
    pub rtcp_mux_require: bool,
    /// Of our certificate.
    pub fingerprints: Vec<Fingerprint>,
    /// What may be negotiated.
    pub features: Features,
}

/// Hash functions of RFC 8122 that a fingerprint may use.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum HashAlgorithm {
    /// SHA-1, still seen at gateways.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256, what we send.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    const ALL: [(Self, &'static str, usize); 5] = [
        (Self::Sha1, "sha-1", 20),
        (Self::Sha224, "sha-224", 28),
        (Self::Sha256, "sha-256", 32),
        (Self::Sha384, "sha-384", 48),
        (Self::Sha512, "sha-512", 64),
    ];

    /// The name in SDP and in RTCDtlsFingerprint.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The algorithm of that name and the length of its digest in bytes.
    pub(super) fn from_name(name: &str) -> Option<(Self, usize)> {
        Self::ALL.iter().find(|row| row.1.eq_ignore_ascii_case(name)).map(|row| (row.0, row.2))
    }
}

/// Digest of a certificate.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint {
    /// How it was made.
    pub algorithm: HashAlgorithm,
    /// The digest.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Fingerprint {
    /// As in `a=fingerprint:`, upper-case hex with colons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.name())?;
        for (index, byte) in self.bytes.iter().enumerate() {
            f.write_char(if index == 0 { ' ' } else { ':' })?;
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

/// RTCRtpTransceiverInit.
#[derive(Clone, Debug)]
pub struct TransceiverInit {
    /// What the application wants.
    pub direction: Direction,
    /// The track to send, if there is one already.
    pub track_id: Option<String>,
    /// Streams announced with it.
    pub stream_ids: Vec<String>,
    /// Simulcast layers, by their `rid`.
    pub rids: Vec<String>,
}

impl Default for TransceiverInit {
    fn default() -> Self {
        Self { direction: Direction::SendRecv, track_id: None, stream_ids: Vec::new(), rids: Vec::new() }
    }
}

/// RTCOfferOptions.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct OfferOptions {
    /// New ICE credentials for every transport.
    pub ice_restart: bool,
    /// Legacy `offerToReceiveAudio`.
    pub offer_to_receive_audio: Option<bool>,
    /// Legacy `offerToReceiveVideo`.
    pub offer_to_receive_video: Option<bool>,
}

/// RTCIceCandidateInit; an empty candidate is the end of candidates.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RemoteCandidateInit {
    /// `candidate:…`, with or without `a=`.
    pub candidate: String,
    /// Section by mid.
    pub sdp_mid: Option<String>,
    /// Section by index.
    pub sdp_m_line_index: Option<u16>,
    /// The ICE generation it belongs to.
    pub username_fragment: Option<String>,
}
