//! What the engine tells JavaScript about a connection. Plain values: no handle into the engine travels here.

use super::channels::Transmitted;
use super::stats::Stats;
use crate::negotiation::{Candidate, TransceiverId, TransportId};
use crate::transport::{CandidateSource, ChannelId, DataEvent, DtlsFailure, DtlsState, IceState};
use std::net::SocketAddr;
use std::sync::Arc;

/// One thing that happened, in the order it happened within its connection.
#[derive(Clone, Debug)]
pub enum Report {
    /// Candidates are being gathered (the first time, or anew after an ICE restart).
    GatheringStarted,
    /// A local candidate was found. Not yet in any description: the connection's owner puts it there.
    LocalCandidate {
        /// The transport that can be reached there.
        transport: TransportId,
        /// The address and its rank.
        candidate: Candidate,
        /// Who told a reflexive or relayed address.
        source: Option<CandidateSource>,
    },
    /// A STUN or TURN server did not help.
    CandidateError {
        /// The address that asked, or would have; none where it is not told, or there is none.
        local: Option<SocketAddr>,
        /// As configured.
        url: String,
        /// STUN error code, or 701 where the server could not be reached.
        code: u16,
        /// For people.
        text: String,
    },
    /// No more candidates come for this generation, of this transport.
    TransportGathered(TransportId),
    /// No more candidates come for this generation, of any transport.
    GatheringComplete,
    /// The ICE state of a transport.
    Ice(TransportId, IceState),
    /// The DTLS state of a transport, unless it has failed; with the far end's certificate chain (DER) once connected.
    Dtls(TransportId, DtlsState, Vec<Vec<u8>>),
    /// The DTLS of a transport has failed.
    DtlsFailed(TransportId, DtlsFailure),
    /// The candidate pair in use: local and remote.
    Pair(TransportId, Box<(Candidate, Candidate)>),
    /// Nothing has come for a remote track for a while.
    Muted(TransceiverId),
    /// Media comes for a remote track.
    Unmuted(TransceiverId),
    /// A digit begins to sound (empty at the end of the queue), and what is still to come.
    ToneChange {
        /// Whose sender plays.
        transceiver: TransceiverId,
        /// The digit, `,` for a pause, or empty at the end.
        tone: String,
        /// The rest of the queue.
        remaining: String,
    },
    /// A digit was heard.
    Dtmf {
        /// Whose receiver heard it.
        transceiver: TransceiverId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long it sounded.
        duration_ms: u32,
    },
    /// Something happened to the data channels. A message counts as waiting until it was reported handled.
    Data(DataEvent),
    /// Bytes and messages of a channel have left; how many is read when this is.
    Transmitted(ChannelId, Arc<Transmitted>),
    /// The counters that were asked for with this number.
    Stats(u32, Box<Stats>),
    /// A panic inside the connection's task: the connection is lost, others are not.
    Crashed(String),
}
