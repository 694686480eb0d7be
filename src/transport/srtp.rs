//! SRTP and SRTCP over the keys of one DTLS association.
//!
//! Invariant: an SSRC gets state in a receive context only after a packet of it was authentic, and every receive
//! context refuses replays.

use super::failed;
use super::guard::{MAX_PROBES, Streams};
use crate::error::Result;
use crate::rtp::{self, RtpHeader, RtpPacket};
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_rtp::Header;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// RFC 3711 section 3.3.2 asks for 64 at least.
const REPLAY_WINDOW: usize = 64;
/// How long packets under the keys of a replaced association may still be on their way.
const OLD_KEYS_LIFE: Duration = Duration::from_secs(1);
/// Above the MTU of every path that a call crosses.
const MAX_PACKET: usize = 1400;

/// What DTLS agreed on.
#[derive(Clone)]
pub(super) struct Keys {
    pub profile: ProtectionProfile,
    pub local: Master,
    pub remote: Master,
}

/// A master key with its salt.
#[derive(Clone)]
pub(super) struct Master {
    pub key: Vec<u8>,
    pub salt: Vec<u8>,
}

/// Both directions of one transport's media.
pub(super) struct Srtp {
    crypto: Arc<dyn RTCCryptoProvider>,
    outbound: Context,
    inbound: Inbound,
    replaced: Option<(Inbound, Instant)>,
    plain: Vec<u8>,
}

impl Srtp {
    pub(super) fn new(crypto: Arc<dyn RTCCryptoProvider>, keys: Keys) -> Result<Self> {
        Ok(Self {
            outbound: context(&*crypto, keys.profile, &keys.local)?,
            inbound: Inbound::new(&*crypto, &keys)?,
            replaced: None,
            plain: Vec::with_capacity(MAX_PACKET),
            crypto,
        })
    }

    /// Goes over to the keys of a new association; packets under the old ones are still taken for a while.
    pub(super) fn rekey(&mut self, now: Instant, keys: Keys) -> Result<()> {
        self.outbound = context(&*self.crypto, keys.profile, &keys.local)?;
        let inbound = Inbound::new(&*self.crypto, &keys)?;
        self.replaced = Some((std::mem::replace(&mut self.inbound, inbound), now + OLD_KEYS_LIFE));
        Ok(())
    }

    /// `None` for a packet too long to send, or when the keys are worn out.
    pub(super) fn seal_rtp(&mut self, header: &RtpHeader, payload: &[u8]) -> Option<BytesMut> {
        self.plain.clear();
        header.write(&mut self.plain);
        let machine_header = machine_header(header.ssrc, header.sequence, self.plain.len());
        if self.plain.len() + payload.len() > MAX_PACKET {
            return None;
        }
        self.plain.extend_from_slice(payload);
        self.outbound.encrypt_rtp_with_header(&self.plain, &machine_header).ok()
    }

    pub(super) fn seal_rtcp(&mut self, compound: &[u8]) -> Option<BytesMut> {
        self.outbound.encrypt_rtcp(compound).ok()
    }

    pub(super) fn open_rtp(&mut self, now: Instant, packet: &[u8]) -> Option<RtpPacket> {
        let header = machine_header(rtp::ssrc(packet)?, rtp::sequence(packet)?, rtp::header_len(packet)?);
        let crypto = &*self.crypto;
        let plain = self.inbound.open_rtp(crypto, packet, &header).or_else(|| {
            let (replaced, _) = self.replaced.as_mut().filter(|(_, until)| now < *until)?;
            replaced.open_rtp(crypto, packet, &header)
        })?;
        RtpPacket::read(plain, now)
    }

    pub(super) fn open_rtcp(&mut self, now: Instant, packet: &[u8]) -> Option<BytesMut> {
        let crypto = &*self.crypto;
        self.inbound.open_rtcp(crypto, packet).or_else(|| {
            let (replaced, _) = self.replaced.as_mut().filter(|(_, until)| now < *until)?;
            replaced.open_rtcp(crypto, packet)
        })
    }
}

/// One receive direction. `probe` meets SSRCs that nothing vouches for yet, so that they leave no trace.
struct Inbound {
    profile: ProtectionProfile,
    master: Master,
    context: Context,
    rtp: Streams,
    rtcp: Streams,
    probe: Context,
    probes: u32,
}

impl Inbound {
    fn new(crypto: &dyn RTCCryptoProvider, keys: &Keys) -> Result<Self> {
        Ok(Self {
            profile: keys.profile,
            master: keys.remote.clone(),
            context: context(crypto, keys.profile, &keys.remote)?,
            rtp: Streams::default(),
            rtcp: Streams::default(),
            probe: context(crypto, keys.profile, &keys.remote)?,
            probes: 0,
        })
    }

    fn open_rtp(&mut self, crypto: &dyn RTCCryptoProvider, packet: &[u8], header: &Header) -> Option<BytesMut> {
        if !self.rtp.knows(header.ssrc) {
            self.count_probe(crypto)?;
            self.probe.decrypt_rtp_with_header(packet, header).ok().filter(|_| self.rtp.has_room())?;
            self.rtp.admit(header.ssrc);
        }
        self.context.decrypt_rtp_with_header(packet, header).ok()
    }

    fn open_rtcp(&mut self, crypto: &dyn RTCCryptoProvider, packet: &[u8]) -> Option<BytesMut> {
        let ssrc = u32::from_be_bytes(packet.get(4..8)?.try_into().ok()?);
        if !self.rtcp.knows(ssrc) {
            self.count_probe(crypto)?;
            self.probe.decrypt_rtcp(packet).ok().filter(|_| self.rtcp.has_room())?;
            self.rtcp.admit(ssrc);
        }
        self.context.decrypt_rtcp(packet).ok()
    }

    fn count_probe(&mut self, crypto: &dyn RTCCryptoProvider) -> Option<()> {
        self.probes += 1;
        if self.probes > MAX_PROBES {
            self.probe = context(crypto, self.profile, &self.master).ok()?;
            self.probes = 1;
        }
        Some(())
    }
}

fn context(crypto: &dyn RTCCryptoProvider, profile: ProtectionProfile, master: &Master) -> Result<Context> {
    Context::new(
        &master.key,
        &master.salt,
        profile,
        Some(srtp_replay_protection(REPLAY_WINDOW)),
        Some(srtcp_replay_protection(REPLAY_WINDOW)),
        crypto.crypto(),
    )
    .map_err(|error| failed("SRTP keys", error))
}

/// The machine takes SSRC, sequence number and length from its own header type and computes the length from the
/// parsed extensions, wrongly for some forms. This header has exactly the length seen on the wire, and no allocation.
fn machine_header(ssrc: u32, sequence: u16, len: usize) -> Header {
    Header {
        version: 2,
        ssrc,
        sequence_number: sequence,
        extension: len > 12,
        extensions_padding: len.saturating_sub(16),
        ..Header::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc_crypto::default_provider;

    const GCM: ProtectionProfile = ProtectionProfile::AeadAes128Gcm;

    fn master(seed: u8) -> Master {
        Master { key: vec![seed; GCM.key_len()], salt: vec![seed ^ 0xFF; GCM.salt_len()] }
    }

    fn pair() -> (Srtp, Srtp) {
        let crypto = default_provider().unwrap();
        let keys = Keys { profile: GCM, local: master(1), remote: master(2) };
        let mirror = Keys { profile: GCM, local: master(2), remote: master(1) };
        (Srtp::new(crypto.clone(), keys).unwrap(), Srtp::new(crypto, mirror).unwrap())
    }

    fn header(ssrc: u32, sequence: u16) -> RtpHeader {
        RtpHeader { payload_type: 111, ssrc, sequence, ..RtpHeader::default() }
    }

    #[test]
    fn a_replayed_packet_is_refused() {
        let (mut alice, mut bob) = pair();
        let now = Instant::now();
        let rtp = alice.seal_rtp(&header(5, 1), b"sound").unwrap();
        let rtcp = alice.seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 5]).unwrap();
        assert_eq!(&bob.open_rtp(now, &rtp).unwrap().payload[..], b"sound");
        assert!(bob.open_rtp(now, &rtp).is_none());
        assert!(bob.open_rtcp(now, &rtcp).is_some());
        assert!(bob.open_rtcp(now, &rtcp).is_none());
    }

    #[test]
    fn header_forms_that_the_machine_misjudges_open_all_the_same() {
        let (mut alice, mut bob) = pair();
        // One-byte extensions with padding between them, then with the stop id 15.
        for block in [[0x10, 0xAA, 0, 0, 0, 0x20, 0xBB, 0], [0x10, 0xAA, 0xF0, 1, 2, 3, 4, 5]] {
            let mut plain = vec![0x91, 111, 0, block[2], 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 0xBE, 0xDE, 0, 2];
            plain.extend_from_slice(&block);
            let len = plain.len();
            plain.extend_from_slice(b"sound");
            let machine_header = machine_header(9, u16::from(block[2]), len);
            let wire = alice.outbound.encrypt_rtp_with_header(&plain, &machine_header).unwrap();
            assert_eq!(wire[..len], plain[..len], "the header stays in the clear");
            let packet = bob.open_rtp(Instant::now(), &wire).unwrap();
            assert_eq!(&packet.payload[..], b"sound");
            assert_eq!(packet.extensions[0], (1, vec![0xAA]));
        }
    }

    #[test]
    fn a_flood_of_forged_ssrcs_leaves_no_state_and_no_lasting_harm() {
        let (mut alice, mut bob) = pair();
        let now = Instant::now();
        let mut forged = alice.seal_rtp(&header(1, 1), &[0; 40]).unwrap();
        for ssrc in 0..10_000_u32 {
            forged[8..12].copy_from_slice(&(ssrc + 100).to_be_bytes());
            assert!(bob.open_rtp(now, &forged).is_none());
            assert!(!bob.inbound.rtp.knows(ssrc + 100));
        }
        assert!(bob.inbound.probes <= MAX_PROBES);
        let honest = alice.seal_rtp(&header(50_000, 1), b"new stream").unwrap();
        assert!(bob.open_rtp(now, &honest).is_some(), "a stream that is honest still gets in");
    }

    #[test]
    fn even_the_authenticated_far_end_has_a_limit_of_streams() {
        let (mut alice, mut bob) = pair();
        let accepted = (0..2000)
            .filter(|ssrc| {
                let packet = alice.seal_rtp(&header(*ssrc, 1), b"x").unwrap();
                bob.open_rtp(Instant::now(), &packet).is_some()
            })
            .count();
        assert_eq!(accepted, 256);
    }

    #[test]
    fn packets_under_replaced_keys_are_taken_for_a_while() {
        let (mut alice, mut bob) = pair();
        let now = Instant::now();
        let first = alice.seal_rtp(&header(1, 1), b"a").unwrap();
        let late = alice.seal_rtp(&header(1, 2), b"b").unwrap();
        let too_late = alice.seal_rtp(&header(1, 3), b"c").unwrap();
        assert!(bob.open_rtp(now, &first).is_some());
        bob.rekey(now, Keys { profile: GCM, local: master(4), remote: master(3) }).unwrap();
        alice.rekey(now, Keys { profile: GCM, local: master(3), remote: master(4) }).unwrap();
        assert!(bob.open_rtp(now, &late).is_some());
        let renewed = alice.seal_rtp(&header(1, 4), b"d").unwrap();
        assert!(bob.open_rtp(now, &renewed).is_some());
        assert!(bob.open_rtp(now + OLD_KEYS_LIFE, &too_late).is_none());
    }
}
