//! JSEP (RFC 8829, RFC 9429) and SDP, pure: no clock, no socket, no thread. Text and typed calls go in; text, a
//! [`Snapshot`] for the facade and a [`Plan`] for the engine come out.
//!
//! Invariant: every call that can fail is a transaction. It works on a copy of the state and the copy becomes the state
//! only when everything succeeded, so an error never leaves half a description behind.

mod answer;
mod bundle;
mod candidate;
mod codec;
mod description;
mod extension;
mod local;
mod munge;
mod needed;
mod negotiator;
mod offer;
mod plan;
mod random;
mod remote;
mod sdp;
mod slot;
mod snapshot;
mod state;
mod transceiver;
mod transport;
mod trickle;
mod types;
mod view;
mod write;

pub use candidate::{Candidate, CandidateKind, LocalCandidate, Protocol, SurfacedCandidate};
pub use codec::{CodecCapability, CodecParameters, capabilities};
pub use extension::{Extension, Extensions};
pub use negotiator::Negotiator;
pub use plan::{
    DataPlan, DtlsPlan, DtlsRole, IceCredentials, IcePlan, MAX_REMOTE_CANDIDATES, MediaPlan, Plan, RecvPlan, RedPlan,
    SendPlan, TransportPlan,
};
pub use random::Random;
pub use snapshot::{
    DataSnapshot, Description, Descriptions, Parameters, Snapshot, TransceiverSnapshot, TransportSnapshot,
};
pub use types::{
    BundlePolicy, Config, Direction, Features, Fingerprint, HashAlgorithm, Kind, OfferOptions, RemoteCandidateInit,
    SdpType, SignalingState, TransceiverId, TransceiverInit, TransportId,
};
