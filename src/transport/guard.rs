//! The seven holes that the protocol machines leave open to anybody who can send a datagram, closed in one place.
//!
//! Invariant: a datagram that no key vouches for changes nothing but bounded counters.
//!
//! 1. [`Peers`] and [`is_forged_ccs`]: the DTLS machine acts on an undecrypted ChangeCipherSpec, and DTLS and SRTP
//!    would be taken from any address.
//! 2. [`authentic`]: the ICE agent acts on role conflicts before it checks MESSAGE-INTEGRITY.
//! 3. [`authentic`]: unauthenticated STUN indications count as a sign of life.
//! 4. [`Streams`]: the SRTP context keeps state for each SSRC it is shown, authenticated or not.
//! 5. [`Deadline`]: junk in mid-handshake leaves the DTLS machine waiting for ever.
//! 6. [`Handshakes`], and [`super::fragments`]: the DTLS machine keeps every fragment of a handshake and every record that comes before its time, and
//!    joins fragments by recursion, one frame of the stack for each.
//! 7. [`authentic`]: the ICE agent obeys what stands behind MESSAGE-INTEGRITY.

use super::fragments::{MESSAGE_HEADER_LEN, pieces};
use super::stun::{HEADER_LEN as STUN_HEADER_LEN, find_range};
use rtc_crypto::RTCCrypto;
use rtc_stun::attributes::ATTR_MESSAGE_INTEGRITY;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::Message;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A handshake takes two round trips; a lost flight some seconds more.
pub(super) const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
/// A call has one or two live addresses at the far end, and one more per ICE restart.
const MAX_PEERS: usize = 32;
/// Streams of one far end over the life of its keys.
const MAX_STREAMS: usize = 256;
/// Unknown SSRCs tried on one spare context before it is replaced.
pub(super) const MAX_PROBES: u32 = 64;

/// Pieces of handshakes, and other records before a handshake has ended, that one association takes in its life. A handshake
/// has some twenty, and one of its flights may come again every second.
const MAX_PIECES: usize = 1024;
/// What these may hold, in bytes: a hundred times what a handshake has.
const MAX_HANDSHAKE_BYTES: usize = 512 * 1024;
/// The only handshake message that is encrypted is Finished: 12 bytes after its header of 12, nonce, padding and tag.
const MAX_ENCRYPTED: usize = 128;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const RECORD_HEADER_LEN: usize = 13;

/// Is there a ChangeCipherSpec of a later epoch than the first? No honest handshake ends with one.
pub(super) fn is_forged_ccs(datagram: &[u8]) -> bool {
    let mut rest = datagram;
    while let Some(header) = rest.get(..RECORD_HEADER_LEN) {
        if header[0] == CHANGE_CIPHER_SPEC && header[3..5] != [0, 0] {
            return true;
        }
        let len = RECORD_HEADER_LEN + usize::from(u16::from_be_bytes([header[11], header[12]]));
        rest = rest.get(len..).unwrap_or_default();
    }
    false
}

/// What one association may still be sent of handshakes.
#[derive(Debug)]
pub(super) struct Handshakes {
    pieces: usize,
    bytes: usize,
}

impl Handshakes {
    pub(super) fn new() -> Self {
        Self { pieces: MAX_PIECES, bytes: MAX_HANDSHAKE_BYTES }
    }

    /// May the machine see this datagram? `up`: the handshake has ended, and what is no handshake costs nothing.
    pub(super) fn admit(&mut self, datagram: &[u8], up: bool) -> bool {
        self.charge(datagram, up).is_some()
    }

    fn charge(&mut self, datagram: &[u8], up: bool) -> Option<()> {
        let mut rest = datagram;
        while let Some(header) = rest.get(..RECORD_HEADER_LEN) {
            let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
            let body = rest.get(RECORD_HEADER_LEN..RECORD_HEADER_LEN + len)?;
            rest = &rest[RECORD_HEADER_LEN + len..];
            let pieces = match (header[0], &header[3..5]) {
                (HANDSHAKE, [0, 0]) => pieces(body).collect::<Option<Vec<_>>>()?.len(),
                (HANDSHAKE, _) if len > MAX_ENCRYPTED => return None,
                // What is in it cannot be seen.
                (HANDSHAKE, _) => MAX_ENCRYPTED / MESSAGE_HEADER_LEN,
                _ if up => continue,
                _ => 1,
            };
            self.pieces = self.pieces.checked_sub(pieces)?;
            self.bytes = self.bytes.checked_sub(len)?;
        }
        Some(())
    }
}

/// Decodes a STUN message whose MESSAGE-INTEGRITY proves that its sender knows `pwd`, without what follows that: nobody
/// vouches for it (RFC 8489 section 14.5), and whoever saw a message could send it again with a USE-CANDIDATE behind.
pub(super) fn authentic(datagram: &[u8], pwd: &str, crypto: &dyn RTCCrypto) -> Option<Message> {
    let mut message = Message { raw: signed(datagram)?, ..Message::default() };
    message.decode().ok()?;
    MessageIntegrity::check(&mut message, pwd.as_bytes(), crypto).ok()?;
    Some(message)
}

/// A message of its own, up to MESSAGE-INTEGRITY.
fn signed(datagram: &[u8]) -> Option<Vec<u8>> {
    let told = u16::from_be_bytes(datagram.get(2..4)?.try_into().ok()?);
    if datagram.len() != STUN_HEADER_LEN + usize::from(told) {
        return None;
    }
    let end = find_range(datagram, ATTR_MESSAGE_INTEGRITY)?.end;
    let mut message = datagram[..end].to_vec();
    let len = u16::try_from(end - STUN_HEADER_LEN).ok()?;
    message[2..4].copy_from_slice(&len.to_be_bytes());
    Some(message)
}

/// Addresses that have passed an authenticated STUN check, most recent first. A request may be a copy that comes from anywhere: those
/// that have answered one of ours are trusted beside these ([`super::ice::Session::has_answered`]).
#[derive(Debug, Default)]
pub(super) struct Peers(Vec<SocketAddr>);

impl Peers {
    pub(super) fn admit(&mut self, peer: SocketAddr) {
        match self.0.iter().position(|known| *known == peer) {
            Some(0) => {}
            Some(at) => self.0[..=at].rotate_right(1),
            None => {
                self.0.truncate(MAX_PEERS - 1);
                self.0.insert(0, peer);
            }
        }
    }

    pub(super) fn knows(&self, peer: SocketAddr) -> bool {
        self.0.contains(&peer)
    }

    /// Those of a later session as well.
    pub(super) fn join(&mut self, later: Self) {
        later.0.into_iter().rev().for_each(|peer| self.admit(peer));
    }
}

/// SSRCs from which one packet at least was authentic.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<u32>);

impl Streams {
    pub(super) fn knows(&self, ssrc: u32) -> bool {
        self.0.contains(&ssrc)
    }

    pub(super) fn has_room(&self) -> bool {
        self.0.len() < MAX_STREAMS
    }

    pub(super) fn admit(&mut self, ssrc: u32) {
        self.0.push(ssrc);
    }
}

/// The time by which a handshake must have ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn from(now: Instant) -> Self {
        Self(now + HANDSHAKE_LIMIT)
    }

    pub(super) fn at(self) -> Instant {
        self.0
    }

    pub(super) fn has_passed(self, now: Instant) -> bool {
        now >= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::fragments::MAX_MESSAGE;
    use super::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 1, 0, body.len() as u8];
        record.extend_from_slice(body);
        record
    }

    #[test]
    fn only_a_change_cipher_spec_of_a_later_epoch_is_forged() {
        let honest = [record(20, 0, &[1]), record(22, 1, &[9; 40])].concat();
        assert!(!is_forged_ccs(&honest));
        let hidden = [record(22, 0, &[9; 40]), record(20, 1, &[3, 3])].concat();
        assert!(is_forged_ccs(&hidden));
        assert!(!is_forged_ccs(&[20]));
    }

    fn fragment(length: usize, offset: usize, len: usize) -> Vec<u8> {
        let u24 = |value: usize| [(value >> 16) as u8, (value >> 8) as u8, value as u8];
        let header = [&[11], &u24(length)[..], &[0, 1], &u24(offset), &u24(len)].concat();
        [header, vec![7; len]].concat()
    }

    #[test]
    fn honest_pieces_of_a_handshake_pass_and_malformed_ones_do_not() {
        let admit = |body: &[u8]| Handshakes::new().admit(&record(22, 0, body), false);
        assert!(admit(&fragment(200, 0, 200)));
        assert!(admit(&[fragment(0, 0, 0), fragment(40, 0, 40)].concat()), "two messages");
        assert!(admit(&fragment(400, 200, 200)), "a fragment");
        assert!(!admit(&fragment(400, 0, 0)), "nothing of something");
        assert!(!admit(&fragment(400, 201, 200)), "beyond the end");
        assert!(admit(&[fragment(80, 0, 40), fragment(80, 40, 40)].concat()), "two fragments");
        assert!(!admit(&fragment(40, 0, 40)[..51]), "cut");
        assert!(!admit(&fragment(MAX_MESSAGE + 1, 0, 100)), "endless");
        assert!(!Handshakes::new().admit(&record(22, 0, &[0; 30])[..40], false), "a cut record");
        assert!(Handshakes::new().admit(&record(22, 1, &[0; MAX_ENCRYPTED]), true));
        assert!(!Handshakes::new().admit(&record(22, 1, &[0; MAX_ENCRYPTED + 1]), true));
    }

    #[test]
    fn an_association_takes_so_many_pieces_and_bytes_of_handshakes_and_data_for_ever() {
        let taken = |datagram: &[u8], up: bool| {
            let mut handshakes = Handshakes::new();
            (0..5000).filter(|_| handshakes.admit(datagram, up)).count()
        };
        assert_eq!(taken(&record(22, 0, &fragment(200, 0, 1)), false), MAX_PIECES);
        assert_eq!(taken(&record(22, 0, &fragment(200, 0, 1)), true), MAX_PIECES);
        assert_eq!(taken(&record(23, 1, &[9; 40]), false), MAX_PIECES);
        assert_eq!(taken(&record(23, 1, &[9; 40]), true), 5000);
        assert_eq!(taken(&record(22, 1, &[9; 40]), true), MAX_PIECES / 10);
        let long =
            [&[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1][..], &1012_u16.to_be_bytes(), &fragment(1000, 0, 1000)].concat();
        assert_eq!(taken(&long, false), MAX_HANDSHAKE_BYTES / 1012);
    }

    #[test]
    fn the_latest_peers_stay_known() {
        let address = |port: u16| SocketAddr::from(([10, 0, 0, 1], port));
        let mut peers = Peers::default();
        for port in 0..100 {
            peers.admit(address(port));
            peers.admit(address(0));
        }
        assert!(peers.knows(address(0)) && peers.knows(address(99)) && !peers.knows(address(1)));
        assert_eq!(peers.0.len(), MAX_PEERS);
    }
}
