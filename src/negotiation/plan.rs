//! What the engine shall do, as one declarative value: the whole wanted state, never a difference.
//!
//! Invariant: a plan is complete; what it does not name shall not exist.

use super::candidate::Candidate;
use super::codec::CodecParameters;
use super::extension::{Extension, Extensions, id_of};
use super::types::{Fingerprint, Kind, TransceiverId, TransportId};

/// The whole wanted state of a connection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// Transports in use, in order of id.
    pub transports: Vec<TransportPlan>,
    /// All that exist, negotiated or not, in order of id: of any other, nothing needs to be kept.
    pub transceivers: Vec<TransceiverId>,
    /// Negotiated media, in order of m-section.
    pub media: Vec<MediaPlan>,
    /// Negotiated data section.
    pub data: Option<DataPlan>,
}

impl Plan {
    /// The transceiver exists.
    pub fn knows(&self, id: TransceiverId) -> bool {
        self.transceivers.binary_search(&id).is_ok()
    }
}

/// Of a connection, shared by its transports: more than any honest far end has.
pub const MAX_REMOTE_CANDIDATES: usize = 100;

/// One ICE and DTLS transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransportPlan {
    /// Its name.
    pub id: TransportId,
    /// Connectivity.
    pub ice: IcePlan,
    /// Security; `None` until an answer has fixed the role and the far end's fingerprints.
    pub dtls: Option<DtlsPlan>,
    /// A local description names this transport: gather.
    pub gather: bool,
    /// Raised whenever `ice.local` changes.
    pub generation: u32,
    /// Everything was gathered for these credentials before: they have come back with a rollback.
    pub gathered: bool,
}

/// Short-term credentials of one end.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct IceCredentials {
    /// Username fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

/// Connectivity of a transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IcePlan {
    /// Ours.
    pub local: IceCredentials,
    /// The far end's; `None` while it has not yet told those that belong to `local` (also after our own restart).
    pub remote: Option<IceCredentials>,
    /// The far end is ice-lite.
    pub remote_lite: bool,
    /// We nominate.
    pub controlling: bool,
    /// Component 1 only.
    pub remote_candidates: Vec<Candidate>,
    /// No more of them come.
    pub remote_complete: bool,
}

/// Security of a transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DtlsPlan {
    /// Ours.
    pub role: DtlsRole,
    /// The far end's; its certificate must match any of them.
    pub fingerprints: Vec<Fingerprint>,
    /// Raised whenever the far end wants another association, be it under the same certificate.
    pub association: u32,
}

/// Who opens the DTLS handshake.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum DtlsRole {
    /// `setup:active`: we send the ClientHello.
    Client,
    /// `setup:passive`.
    Server,
}

/// One negotiated media section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaPlan {
    /// Whose section.
    pub transceiver: TransceiverId,
    /// What carries it.
    pub transport: TransportId,
    /// What it is.
    pub kind: Kind,
    /// Its mid (generated when the far end uses none).
    pub mid: String,
    /// `None` when the negotiated direction does not allow it.
    pub send: Option<SendPlan>,
    /// `None` when the negotiated direction does not allow it.
    pub recv: Option<RecvPlan>,
}

/// How to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendPlan {
    /// The far end's first choice that we have, with its payload type and its fmtp.
    pub codec: CodecParameters,
    /// telephone-event: at the codec's clock rate if the far end has it, else at 8000 Hz.
    pub dtmf: Option<CodecParameters>,
    /// Comfort noise at the codec's clock rate.
    pub cn: Option<CodecParameters>,
    /// Redundancy for that codec (RFC 2198).
    pub red: Option<RedPlan>,
    /// Packet duration in milliseconds: 10, 20, 40 or 60.
    pub ptime_ms: u16,
    /// The far end's limit in milliseconds.
    pub max_ptime_ms: Option<u16>,
    /// Fixed for the life of the transceiver.
    pub ssrc: u32,
    /// RTCP name, one per connection.
    pub cname: String,
    /// Header extensions that both ends have, with their ids.
    pub extensions: Extensions,
    /// RFC 5506.
    pub rtcp_reduced_size: bool,
}

/// Packets may carry earlier ones again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedPlan {
    /// Its payload type.
    pub payload_type: u8,
    /// It stands before the codec itself, or the application has chosen it: it is wished for, lost packets or not.
    pub preferred: bool,
}

impl SendPlan {
    /// The id of a header extension.
    pub fn extension(&self, extension: Extension) -> Option<u8> {
        id_of(&self.extensions, extension)
    }
}

/// What may arrive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecvPlan {
    /// Negotiated, with the payload types that we announced, then with others that they have had; telephone-event included.
    pub codecs: Vec<CodecParameters>,
    /// Declared by `a=ssrc`; may be empty.
    pub ssrcs: Vec<u32>,
    /// Header extensions that both ends have, with their ids.
    pub extensions: Extensions,
}

impl RecvPlan {
    /// The id of a header extension.
    pub fn extension(&self, extension: Extension) -> Option<u8> {
        id_of(&self.extensions, extension)
    }
}

/// The data section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataPlan {
    /// What carries it.
    pub transport: TransportId,
    /// Its mid.
    pub mid: String,
    /// The far end's SCTP port.
    pub remote_port: u16,
    /// Largest message that the far end takes, in bytes; 0 means no limit (RFC 8841).
    pub max_message_size: u64,
}
