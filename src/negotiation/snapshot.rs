//! What the facade mirrors after each operation.
//!
//! Invariant: plain values; nothing in a snapshot changes after it was taken.

use super::codec::CodecParameters;
use super::extension::{Extension, Extensions};
use super::plan::{DtlsRole, IceCredentials};
use super::types::{Direction, Kind, SdpType, SignalingState, TransceiverId, TransportId};

/// The negotiated state as W3C's slots show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// RTCSignalingState.
    pub signaling_state: SignalingState,
    /// Media may flow: there is an answer, and if it is provisional it is ours.
    pub answered: bool,
    /// W3C canTrickleIceCandidates.
    pub can_trickle: Option<bool>,
    /// Those that live, in the order of their creation; a stopped one too while a negotiation may still tell of its line.
    pub transceivers: Vec<TransceiverSnapshot>,
    /// The data section once it has a transport.
    pub data: Option<DataSnapshot>,
    /// Transports in use.
    pub transports: Vec<TransportSnapshot>,
}

/// The session descriptions in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Descriptions {
    /// W3C `[[CurrentLocalDescription]]`, with the candidates gathered so far.
    pub current_local: Option<Description>,
    /// W3C `[[PendingLocalDescription]]`, with the candidates gathered so far.
    pub pending_local: Option<Description>,
    /// W3C `[[CurrentRemoteDescription]]`, with the candidates added so far.
    pub current_remote: Option<Description>,
    /// W3C `[[PendingRemoteDescription]]`, with the candidates added so far.
    pub pending_remote: Option<Description>,
}

/// A session description.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// What it is.
    pub ty: SdpType,
    /// Its text.
    pub sdp: String,
}

/// A transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransportSnapshot {
    /// Its name.
    pub id: TransportId,
    /// Our credentials.
    pub local: IceCredentials,
    /// The far end's, once it has told them.
    pub remote: Option<IceCredentials>,
    /// We nominate.
    pub controlling: bool,
}

/// The data section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataSnapshot {
    /// Its mid.
    pub mid: String,
    /// What carries it.
    pub transport: TransportId,
    /// Largest message that the far end takes, in bytes; 0 means no limit, 65536 until it has told (RFC 8841).
    pub max_message_size: u64,
    /// Our DTLS role there, once an answer has fixed it: it decides which streams are ours to choose (RFC 8832).
    pub dtls_role: Option<DtlsRole>,
}

/// A transceiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransceiverSnapshot {
    /// Its name.
    pub id: TransceiverId,
    /// What it is.
    pub kind: Kind,
    /// `None` while it is not associated.
    pub mid: Option<String>,
    /// `None` while it is not associated.
    pub m_line_index: Option<u16>,
    /// Wanted; `Stopped` from `stop()` on.
    pub direction: Direction,
    /// Negotiated.
    pub current_direction: Option<Direction>,
    /// `stop()` was called.
    pub stopping: bool,
    /// Stopped for good.
    pub stopped: bool,
    /// A remote description made it.
    pub created_by_remote: bool,
    /// What carries it.
    pub transport: Option<TransportId>,
    /// Direction of the last applied remote description, reversed: the value that W3C's "process remote tracks" puts
    /// into `[[FiredDirection]]`. The facade compares it with the one before to fire `track`, `mute` and the like.
    pub firing: Option<Direction>,
    /// The last applied remote description sends to us.
    pub receiving: bool,
    /// As announced by `a=msid`, else generated; the same for the life of the transceiver.
    pub remote_track_id: Option<String>,
    /// As announced; no `a=msid` at all gives exactly one generated id, `a=msid:-` gives none.
    pub remote_stream_ids: Vec<String>,
    /// telephone-event was negotiated for sending.
    pub dtmf: bool,
    /// Our stream, fixed for life.
    pub ssrc: u32,
    /// Simulcast layers that the far end takes; `None` before an answer.
    pub rids: Option<Vec<String>>,
}

/// What was negotiated for the packets of a transceiver: apart from the snapshot, since few ask, and it is more than all the
/// rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// Whose media they are.
    pub kind: Kind,
    /// Negotiated for sending, first preferred.
    pub send_codecs: Vec<CodecParameters>,
    /// Negotiated for receiving.
    pub recv_codecs: Vec<CodecParameters>,
    /// Our RTCP name.
    pub cname: String,
    /// RFC 5506 was negotiated.
    pub reduced_size_rtcp: bool,
    /// Header extensions in use, with their ids.
    pub extensions: Extensions,
    /// Header extensions that the application has switched off.
    pub stopped_extensions: Vec<Extension>,
}
