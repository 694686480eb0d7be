//! A session description of the far end, as far as JSEP asks for it.
//!
//! Invariant: what a section inherits from session level is already in the section. Unknown lines are not here.

mod attribute;
mod parse;

pub(super) use parse::parse;

use super::candidate::Candidate;
use super::codec::CodecParameters;
use super::extension::Extensions;
use super::plan::IceCredentials;
use super::types::{Direction, Fingerprint};
use std::collections::BTreeSet;

/// A parsed description.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Session {
    /// `a=group:BUNDLE`.
    pub bundles: Vec<Vec<String>>,
    pub ice_lite: bool,
    pub sections: Vec<Section>,
}

/// `a=setup`.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Setup {
    ActPass,
    Active,
    Passive,
    HoldConn,
}

/// What may stand at session level and counts for every section that does not say otherwise.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Shared {
    pub ufrag: Option<String>,
    pub pwd: Option<String>,
    /// `a=ice-options:trickle` (RFC 8838); the other options mean nothing to us.
    pub trickles: bool,
    pub fingerprints: Vec<Fingerprint>,
    pub setup: Option<Setup>,
    /// Names the DTLS association (RFC 8842).
    pub tls_id: Option<String>,
    pub direction: Option<Direction>,
    pub extensions: Extensions,
    /// Header extension ids in use, for whatever.
    pub extension_ids: BTreeSet<u8>,
    /// Address of `c=`.
    pub address: Option<String>,
}

/// One `m=` section.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Section {
    pub media: String,
    pub port: u16,
    pub protocol: String,
    pub formats: Vec<String>,
    pub shared: Shared,
    pub mid: Option<String>,
    pub bundle_only: bool,
    pub rtcp_mux: bool,
    /// `a=rtcp` names a port other than that of RTP.
    pub rtcp_port: Option<u16>,
    pub rtcp_reduced_size: bool,
    /// In the order of the `m=` line; formats without any known meaning are left out.
    pub codecs: Vec<CodecParameters>,
    pub ptime_ms: Option<u16>,
    pub max_ptime_ms: Option<u16>,
    /// Those that could be read; of every component.
    pub candidates: Vec<Candidate>,
    pub end_of_candidates: bool,
    /// `a=msid`: stream (`-` for none) and track; the first [`parse::MAX_NAMES`] of them.
    pub msids: Vec<(String, Option<String>)>,
    /// `a=ssrc`, each once, in order; the first [`parse::MAX_NAMES`] of them.
    pub ssrcs: Vec<u32>,
    /// `a=ssrc:… msid:`, as browsers wrote it before `a=msid`.
    pub ssrc_msid: Option<(String, Option<String>)>,
    /// Simulcast layers that the far end takes (RFC 8853).
    pub rids: Vec<String>,
    pub sctp_port: Option<u16>,
    pub max_message_size: Option<u64>,
}

impl Section {
    /// RTP over anything: gateways that mean DTLS-SRTP still say RTP/SAVPF (RFC 8829 section 5.1.2).
    pub fn is_rtp(&self) -> bool {
        is_rtp(&self.protocol)
    }

    /// A data channel section of RFC 8841, or of the drafts before it.
    pub fn is_data(&self) -> bool {
        self.media == "application"
            && self.protocol.to_ascii_uppercase().ends_with("DTLS/SCTP")
            && self.formats.iter().any(|format| format == "webrtc-datachannel" || self.sctp_port.is_some())
    }

    pub fn credentials(&self) -> Option<IceCredentials> {
        let (ufrag, pwd) = self.shared.ufrag.clone().zip(self.shared.pwd.clone())?;
        Some(IceCredentials { ufrag, pwd })
    }

    /// What the far end wants to do, `c=0.0.0.0` (the hold of RFC 2543) counted. Ports below 1024 are placeholders of
    /// offers that have no candidate yet; these say `0.0.0.0` without meaning a hold.
    pub fn direction(&self) -> Direction {
        let said = self.shared.direction.unwrap_or(Direction::SendRecv);
        let held = self.shared.address.as_deref() == Some("0.0.0.0") && self.port >= 1024;
        if held { said.intersect(Direction::SendOnly) } else { said }
    }
}

pub(super) fn is_rtp(protocol: &str) -> bool {
    let protocol = protocol.to_ascii_uppercase();
    protocol.starts_with("RTP/") || protocol.contains("/RTP/")
}
