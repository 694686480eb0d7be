//! Descriptions as they are kept: ours as text with holes for addresses, the far end's as it came.
//!
//! Invariant: two renderings of one description differ in candidates, and in the address and port that follow from
//! them, in nothing else.

use super::candidate::{Candidate, CandidateKind, MAX_CANDIDATES, Protocol};
use super::plan::IceCredentials;
use super::sdp::{Section, Session};
use super::slot::Slot;
use super::types::SdpType;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

/// Our description.
#[derive(Clone, Debug)]
pub(super) struct LocalDescription {
    pub ty: SdpType,
    /// Up to the first `m=` line.
    pub head: String,
    pub sections: Vec<LocalSection>,
}

/// One section of it.
#[derive(Clone, Debug)]
pub(super) struct LocalSection {
    pub media: String,
    pub protocol: String,
    pub formats: String,
    pub shape: Shape,
    /// Credentials of its transport; the candidates are found by them.
    pub credentials: Option<IceCredentials>,
    /// `a=rtcp` has a meaning here.
    pub rtp: bool,
    /// `b=` lines.
    pub bandwidth: String,
    /// Everything after the addresses.
    pub attributes: String,
}

/// How the port is written.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    Live,
    /// Port 0 until BUNDLE is answered (RFC 8843 section 6).
    BundleOnly,
    Rejected,
}

/// Candidates of one generation.
pub(super) struct Gathered<'a> {
    pub candidates: &'a [Candidate],
    pub complete: bool,
}

/// The far end's description.
#[derive(Clone, Debug)]
pub(super) struct RemoteDescription {
    pub ty: SdpType,
    /// As it came, plus the candidates that trickled in.
    pub text: String,
    pub session: Arc<Session>,
    pub trickles: bool,
    /// mid (as written, or ours) and ufrag of each section.
    pub sections: Vec<RemoteSection>,
}

/// What trickled candidates are matched against.
#[derive(Clone, Debug)]
pub(super) struct RemoteSection {
    pub mid: String,
    pub ufrag: Option<String>,
    /// Lines about candidates, those that trickled in included.
    candidates: usize,
}

/// What createOffer or createAnswer made: the text, and all that comes true when it is set.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub text: String,
    pub description: LocalDescription,
    pub slots: Vec<Slot>,
    pub version: u64,
    pub next_mid: u32,
    /// State that it was made from; a later state makes it stale.
    pub revision: u64,
    /// createOffer was asked for an ICE restart.
    pub restarts: bool,
}

impl LocalDescription {
    /// The text; `gathered` finds candidates by username fragment.
    pub fn render<'a>(&self, gathered: impl Fn(&str) -> Option<Gathered<'a>>) -> String {
        let mut text = self.head.clone();
        let mut shown: Vec<&str> = Vec::new();
        for section in &self.sections {
            let ufrag = section.credentials.as_ref().map(|credentials| credentials.ufrag.as_str());
            let found = ufrag.filter(|_| section.shape == Shape::Live).and_then(&gathered);
            // Sections that share a transport list its candidates once, in the first of them.
            let first = ufrag.is_some_and(|ufrag| !shown.contains(&ufrag));
            shown.extend(ufrag);
            section.render(&mut text, found.as_ref(), first);
        }
        text
    }
}

impl LocalSection {
    fn render(&self, text: &mut String, gathered: Option<&Gathered<'_>>, list: bool) {
        let default = gathered.and_then(|gathered| default_candidate(gathered.candidates));
        let (port, address) = match (self.shape, default) {
            (Shape::Live, Some((address, port))) => (port, address),
            (Shape::Live, None) => (9, UNKNOWN_ADDRESS),
            (Shape::BundleOnly | Shape::Rejected, _) => (0, UNKNOWN_ADDRESS),
        };
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        let Self { media, protocol, formats, bandwidth, .. } = self;
        // Writing to a String cannot fail.
        let _ = write!(text, "m={media} {port} {protocol} {formats}\r\nc=IN {family} {address}\r\n{bandwidth}");
        if self.rtp {
            text.push_str("a=rtcp:9 IN IP4 0.0.0.0\r\n");
        }
        if let Some(gathered) = gathered.filter(|_| list) {
            for candidate in gathered.candidates {
                let _ = write!(text, "a={candidate}\r\n");
            }
            if gathered.complete {
                text.push_str("a=end-of-candidates\r\n");
            }
        }
        text.push_str(&self.attributes);
    }
}

/// RFC 8840 section 8.2.
pub(super) const END_OF_CANDIDATES: &str = "a=end-of-candidates";
const UNKNOWN_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// Where an end without ICE would send: the candidate most likely to be reached (RFC 8839 section 4.2.1.2).
fn default_candidate(candidates: &[Candidate]) -> Option<(IpAddr, u16)> {
    let usable = candidates.iter().filter(|candidate| candidate.protocol == Protocol::Udp && candidate.component == 1);
    let ranked = usable.filter_map(|candidate| {
        let address: IpAddr = candidate.address.parse().ok()?;
        let kind = match candidate.kind {
            CandidateKind::Relay => 3,
            CandidateKind::Srflx => 2,
            CandidateKind::Host | CandidateKind::Prflx => 1,
        };
        Some(((kind, address.is_ipv4(), candidate.priority), (address, candidate.port)))
    });
    ranked.max_by_key(|(rank, _)| *rank).map(|(_, address)| address)
}

impl RemoteSection {
    pub fn new(slot: &Slot, section: &Section) -> Self {
        let ufrag = section.shared.ufrag.clone();
        Self { mid: slot.mid.clone(), ufrag, candidates: section.candidates.len() }
    }
}

impl RemoteDescription {
    /// Adds a line about a candidate to section `index`, with the line end that the text uses. `false` where the section
    /// has as many as it may have.
    pub fn append(&mut self, index: usize, line: &str) -> bool {
        // That there are no more can be said of a full section too.
        let most = MAX_CANDIDATES + usize::from(line == END_OF_CANDIDATES);
        let Some(section) = self.sections.get_mut(index).filter(|section| section.candidates < most) else {
            return false;
        };
        section.candidates += 1;
        let end_of_line = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        if !self.text.ends_with('\n') {
            self.text.push_str(end_of_line);
        }
        let starts = self.text.match_indices("\nm=").map(|(at, _)| at + 1);
        let at = starts.skip(index + 1).chain([self.text.len()]).next().unwrap_or(self.text.len());
        self.text.insert_str(at, &format!("{line}{end_of_line}"));
        true
    }
}
