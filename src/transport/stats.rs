//! What a transport shows of itself to statistics.
//!
//! Invariant: plain values, copied out; nothing here changes a transport.

use super::gather::CandidateSource;
use super::ice::Pair;
use super::machine::{DtlsState, IceState, Local};
use super::usage::{Traffic, Usage};
use crate::negotiation::{Candidate, CandidateKind, DtlsRole, LocalCandidate, Protocol};
use std::net::SocketAddr;

/// A selected candidate pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairInfo {
    /// Ours: the host or relayed candidate that sends.
    pub local: LocalCandidate,
    /// Theirs; peer-reflexive where it was never signalled.
    pub remote: Candidate,
    /// The socket that sends.
    pub base: SocketAddr,
    /// The far end's address.
    pub peer: SocketAddr,
}

impl PairInfo {
    pub(super) fn new(pair: Pair, locals: &[Local], remotes: &[Candidate]) -> Self {
        let is_own = |local: &&Local| {
            local.base == pair.local && matches!(local.candidate.kind, CandidateKind::Host | CandidateKind::Relay)
        };
        let ip = pair.peer.ip().to_string();
        let is_theirs = |candidate: &&Candidate| {
            candidate.protocol == Protocol::Udp && candidate.port == pair.peer.port() && candidate.address == ip
        };
        let local = locals.iter().find(is_own).map(|local| local.candidate.clone());
        let remote = remotes.iter().find(is_theirs).cloned();
        Self {
            local: local.unwrap_or_else(|| unsignalled(CandidateKind::Host, pair.local)),
            remote: remote.unwrap_or_else(|| unsignalled(CandidateKind::Prflx, pair.peer)),
            base: pair.local,
            peer: pair.peer,
        }
    }
}

fn unsignalled(kind: CandidateKind, address: SocketAddr) -> Candidate {
    Candidate {
        foundation: "unsignalled".to_owned(), // like no other's (RFC 8445 §7.3.1.3)
        component: 1,
        protocol: Protocol::Udp,
        priority: super::gather::priority(kind, 0),
        address: address.ip().to_string(),
        port: address.port(),
        kind,
        related: None,
        tcp_type: None,
        ufrag: None,
    }
}

/// Counters and properties of one transport.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransportStats {
    /// ICE state.
    pub ice: IceState,
    /// DTLS state.
    pub dtls: DtlsState,
    /// We nominate.
    pub controlling: bool,
    /// Our username fragment.
    pub local_ufrag: String,
    /// The far end's.
    pub remote_ufrag: Option<String>,
    /// On all pairs.
    pub traffic: Traffic,
    /// Candidates of this end, and who told the reflexive and relayed ones.
    pub locals: Vec<(LocalCandidate, Option<CandidateSource>)>,
    /// Candidates that the far end has told.
    pub remotes: Vec<Candidate>,
    /// The pair in use.
    pub pair: Option<PairInfo>,
    /// What it was used for.
    pub usage: Usage,
    /// Connectivity checks of the far end, on whatever pair, under the current credentials.
    pub requests_received: u64,
    /// How often the pair changed.
    pub pair_changes: u32,
    /// Our role in DTLS.
    pub dtls_role: Option<DtlsRole>,
    /// IANA name.
    pub dtls_cipher: Option<String>,
    /// IANA name.
    pub srtp_profile: Option<&'static str>,
}
