//! One `m=` line through all negotiations: lines are never removed and never change their place (RFC 8829).
//!
//! Invariant: `local` and `remote` are the latest descriptions, perhaps still pending; `negotiated` is what both ends
//! agreed on and what media obeys.

use super::codec::{CodecParameters, PayloadTypes, remember};
use super::extension::Extensions;
use super::types::{Direction, TransceiverId, TransportId};
use std::collections::BTreeSet;

/// What an m-line is for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Media(TransceiverId),
    Data,
    /// Something that we do not have: refused, but counted.
    Refused,
}

/// An m-line.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub content: Content,
    /// Generated where the far end uses none.
    pub mid: String,
    /// The far end writes mids, so its answers do.
    pub mid_on_wire: bool,
    pub media: String,
    pub protocol: String,
    /// As offered; a refusal repeats them.
    pub formats: Vec<String>,
    /// Refused by either end; the line is free for another section.
    pub rejected: bool,
    pub transport: Option<TransportId>,
    /// All payload types that the line has had, for they must keep their meaning (RFC 3264 section 8.3.2).
    pub payload_types: PayloadTypes,
    pub local: Option<LocalMedia>,
    pub remote: Option<RemoteMedia>,
    pub negotiated: Option<Negotiated>,
}

/// What our description says of a section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LocalMedia {
    pub direction: Direction,
    pub codecs: Vec<CodecParameters>,
    pub extensions: Extensions,
    /// Streams that we announce as soon as the far end lets us send; `None` while the application does not want to.
    pub announced: Option<Vec<String>>,
}

/// What the far end's description says of a section.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct RemoteMedia {
    /// As we see it: `recvonly` when the far end only sends.
    pub direction: Option<Direction>,
    pub streams: Vec<String>,
    pub codecs: Vec<CodecParameters>,
    pub ptime_ms: Option<u16>,
    pub max_ptime_ms: Option<u16>,
    pub extensions: Extensions,
    /// Header extension ids that the far end uses, for whatever.
    pub extension_ids: BTreeSet<u8>,
    /// Simulcast layers that the far end takes.
    pub rids: Vec<String>,
    pub rtcp_mux: bool,
    pub rtcp_reduced_size: bool,
    pub ssrcs: Vec<u32>,
    pub sctp_port: Option<u16>,
    pub max_message_size: Option<u64>,
}

/// What both ends agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Negotiated {
    pub we_offered: bool,
    pub local: LocalMedia,
    pub remote: RemoteMedia,
    pub direction: Direction,
    /// With the far end's payload types.
    pub send_codecs: Vec<CodecParameters>,
    /// With our payload types.
    pub recv_codecs: Vec<CodecParameters>,
}

impl Slot {
    pub fn new(content: Content, mid: String, media: &str, protocol: &str) -> Self {
        Self {
            content,
            mid,
            mid_on_wire: true,
            media: media.to_owned(),
            protocol: protocol.to_owned(),
            formats: Vec::new(),
            rejected: false,
            transport: None,
            payload_types: PayloadTypes::new(),
            local: None,
            remote: None,
            negotiated: None,
        }
    }

    /// The transceiver of a line that is in use.
    pub fn transceiver(&self) -> Option<TransceiverId> {
        match self.content {
            Content::Media(id) => Some(id),
            Content::Data | Content::Refused => None,
        }
    }

    pub fn remember_codecs(&mut self, codecs: &[CodecParameters]) {
        for codec in codecs {
            remember(&mut self.payload_types, codec);
        }
    }
}
