//! ICE candidates as text (RFC 8839 section 5.1) and as values.
//!
//! Invariant: an address is kept as it was written. Whether it can be used is the transport's question.

use super::types::TransportId;
use std::fmt;

/// Candidates that one section may have in one generation, the far end's trickled ones included.
pub(super) const MAX_CANDIDATES: usize = 1024;
/// Longest candidate, in bytes: a host name may have 253.
const MAX_BYTES: usize = 1024;

/// Transport protocol of a candidate.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP (RFC 6544).
    Tcp,
}

/// Type of a candidate.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum CandidateKind {
    /// An address of the machine.
    Host,
    /// Seen by a STUN server.
    Srflx,
    /// Seen by the peer.
    Prflx,
    /// At a TURN server.
    Relay,
}

/// A transport address with its rank.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Candidate {
    /// Groups candidates of the same origin.
    pub foundation: String,
    /// 1 for RTP; 2 for RTCP without rtcp-mux.
    pub component: u8,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// All 32 bits are used in the field.
    pub priority: u32,
    /// Literal address; domain and `.local` names are kept as text.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// Its type.
    pub kind: CandidateKind,
    /// `raddr` and `rport`.
    pub related: Option<(String, u16)>,
    /// `active`, `passive` or `so`.
    pub tcp_type: Option<String>,
    /// The ICE generation it belongs to, where known.
    pub ufrag: Option<String>,
}

/// A candidate that we gathered.
pub type LocalCandidate = Candidate;

/// A local candidate as an `icecandidate` event shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SurfacedCandidate {
    /// The transport it belongs to.
    pub transport: TransportId,
    /// `candidate:…`.
    pub candidate: String,
    /// Section by mid.
    pub mid: String,
    /// Section by index.
    pub m_line_index: u16,
    /// Our username fragment.
    pub ufrag: String,
}

/// Why a candidate line gives no candidate.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Unread {
    /// Not of the grammar.
    Malformed,
    /// Of the grammar, but with a transport or type from an extension that we do not know.
    Unknown,
}

impl Candidate {
    /// Reads `candidate:…` with or without `a=` before it.
    pub(super) fn parse(text: &str) -> Result<Self, Unread> {
        let text = text.strip_prefix("a=").unwrap_or(text);
        let mut words = text.strip_prefix("candidate:").ok_or(Unread::Malformed)?.split_ascii_whitespace();
        let mut word = || words.next().ok_or(Unread::Malformed);
        let foundation = word()?;
        let component = number(word()?)?;
        let protocol = word()?;
        let priority = number(word()?)?;
        let address = word()?;
        let port = number(word()?)?;
        if word()? != "typ" || component == 0 || foundation.len() > 32 || text.len() > MAX_BYTES {
            return Err(Unread::Malformed);
        }
        let kind = word()?;
        let mut candidate = Self {
            foundation: foundation.to_owned(),
            component,
            protocol: protocol_named(protocol)?,
            priority,
            address: address.to_owned(),
            port,
            kind: kind_named(kind)?,
            related: None,
            tcp_type: None,
            ufrag: None,
        };
        candidate.read_extensions(&words.collect::<Vec<_>>())?;
        Ok(candidate)
    }

    /// Name and value pairs after the type; unknown names are skipped.
    fn read_extensions(&mut self, words: &[&str]) -> Result<(), Unread> {
        let mut related_address = None;
        for pair in words.chunks_exact(2) {
            match pair[0] {
                "raddr" => related_address = Some(pair[1].to_owned()),
                "rport" => self.related = related_address.take().zip(Some(number(pair[1])?)),
                "tcptype" => self.tcp_type = Some(pair[1].to_owned()),
                "ufrag" => self.ufrag = Some(pair[1].to_owned()),
                _ => {}
            }
        }
        Ok(())
    }
}

impl fmt::Display for Candidate {
    /// `candidate:…` without the generation: that travels beside the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        };
        let kind = match self.kind {
            CandidateKind::Host => "host",
            CandidateKind::Srflx => "srflx",
            CandidateKind::Prflx => "prflx",
            CandidateKind::Relay => "relay",
        };
        let Self { foundation, component, priority, address, port, .. } = self;
        write!(f, "candidate:{foundation} {component} {protocol} {priority} {address} {port} typ {kind}")?;
        if let Some((address, port)) = &self.related {
            write!(f, " raddr {address} rport {port}")?;
        }
        if let Some(tcp_type) = &self.tcp_type {
            write!(f, " tcptype {tcp_type}")?;
        }
        Ok(())
    }
}

/// Digits only: Rust's own parser would also take a plus sign.
fn number<T: std::str::FromStr>(word: &str) -> Result<T, Unread> {
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        word.parse().map_err(|_| Unread::Malformed)
    } else {
        Err(Unread::Malformed)
    }
}

fn protocol_named(word: &str) -> Result<Protocol, Unread> {
    if word.eq_ignore_ascii_case("udp") {
        Ok(Protocol::Udp)
    } else if word.eq_ignore_ascii_case("tcp") {
        Ok(Protocol::Tcp)
    } else {
        Err(Unread::Unknown)
    }
}

fn kind_named(word: &str) -> Result<CandidateKind, Unread> {
    match word {
        "host" => Ok(CandidateKind::Host),
        "srflx" => Ok(CandidateKind::Srflx),
        "prflx" => Ok(CandidateKind::Prflx),
        "relay" => Ok(CandidateKind::Relay),
        _ => Err(Unread::Unknown),
    }
}
