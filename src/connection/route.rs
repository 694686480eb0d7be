//! Which m-section an RTP packet belongs to (RFC 8843 section 9.2).
//!
//! Invariant: an SSRC, once bound, stays with its section until the section goes or the far end says otherwise by a
//! MID; the table is bounded whatever the far end sends.

use crate::negotiation::TransceiverId;
use crate::rtp::RtpPacket;

/// Streams that were not declared: a call has one per section, a far end that restarts its stream a few more in its life.
const MAX_BOUND: usize = 64;

/// What one m-section of a transport accepts.
#[derive(Clone, Debug)]
pub struct Section {
    /// Who receives.
    pub transceiver: TransceiverId,
    /// `a=mid`.
    pub mid: String,
    /// Header extension id of `urn:ietf:params:rtp-hdrext:sdes:mid`, where negotiated.
    pub mid_extension: Option<u8>,
    /// Payload types that were announced.
    pub payload_types: Vec<u8>,
    /// Streams declared by `a=ssrc`.
    pub ssrcs: Vec<u32>,
}

/// The sections of one transport and the streams bound to them.
#[derive(Debug, Default)]
pub struct Routes {
    sections: Vec<Section>,
    bound: Vec<(u32, TransceiverId)>,
}

impl Routes {
    /// Replaces the sections; bindings to sections that remain are kept.
    pub fn configure(&mut self, sections: Vec<Section>) {
        self.bound.retain(|(_, owner)| sections.iter().any(|section| section.transceiver == *owner));
        self.sections = sections;
    }

    /// The receiver for `packet`, or `None` where no section wants it.
    pub fn route(&mut self, packet: &RtpPacket) -> Option<TransceiverId> {
        if let Some(owner) = self.by_mid(packet) {
            self.bind(packet.ssrc, owner);
            return Some(owner);
        }
        if let Some(owner) = self.owner_of(packet.ssrc) {
            return Some(owner);
        }
        let owner = self.by_payload_type(packet.payload_type)?;
        self.bind(packet.ssrc, owner);
        Some(owner)
    }

    /// The section that `ssrc` is bound to, or else the first that declares it.
    pub fn owner_of(&self, ssrc: u32) -> Option<TransceiverId> {
        let bound = self.bound.iter().rev().find(|(bound, _)| *bound == ssrc).map(|(_, owner)| *owner);
        bound.or_else(|| self.sections.iter().find(|it| it.ssrcs.contains(&ssrc)).map(|it| it.transceiver))
    }

    fn by_mid(&self, packet: &RtpPacket) -> Option<TransceiverId> {
        let section = self.sections.iter().find(|section| {
            let id = section.mid_extension;
            packet.extensions.iter().any(|(found, value)| Some(*found) == id && value[..] == *section.mid.as_bytes())
        })?;
        Some(section.transceiver)
    }

    /// Only a payload type that one section alone has names that section.
    fn by_payload_type(&self, payload_type: u8) -> Option<TransceiverId> {
        let mut owners = self.sections.iter().filter(|section| section.payload_types.contains(&payload_type));
        let owner = owners.next()?;
        owners.next().is_none().then_some(owner.transceiver)
    }

    fn bind(&mut self, ssrc: u32, owner: TransceiverId) {
        if self.bound.last() == Some(&(ssrc, owner)) || self.owner_of(ssrc) == Some(owner) {
            return;
        }
        self.bound.retain(|(bound, _)| *bound != ssrc);
        if self.bound.len() == MAX_BOUND {
            self.bound.remove(0);
        }
        self.bound.push((ssrc, owner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use std::time::Instant;

    fn packet(ssrc: u32) -> RtpPacket {
        RtpPacket {
            payload_type: 111,
            marker: false,
            sequence: 1,
            timestamp: 1,
            ssrc,
            csrc: vec![],
            extensions: vec![],
            payload: BytesMut::new(),
            arrival: Instant::now(),
        }
    }

    #[test]
    fn every_declared_stream_is_heard_however_many_there_are() {
        let mut routes = Routes::default();
        let section = |n: u32| Section {
            transceiver: TransceiverId(n),
            mid: n.to_string(),
            mid_extension: None,
            payload_types: vec![111],
            ssrcs: vec![1000 + n, 2000 + n],
        };
        routes.configure((0..200).map(section).collect());
        for n in 0..200 {
            assert_eq!(routes.route(&packet(1000 + n)), Some(TransceiverId(n)));
        }
        assert_eq!(routes.route(&packet(1)), None, "who it is for cannot be told");
    }
}
