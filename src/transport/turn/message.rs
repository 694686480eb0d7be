//! What TURN says in STUN messages and in ChannelData (RFC 8656 sections 12 and 18), as values.
//!
//! Invariant: reading never fails but by `None`, and never allocates more than the datagram is long.

use crate::error::Result;
use crate::transport::failed;
use crate::transport::stun::{HEADER_LEN, find_range};
use bytes::{BufMut, BytesMut};
use rtc_crypto::RTCCrypto;
use rtc_stun::attributes::{
    ATTR_DATA, ATTR_ERROR_CODE, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, AttrType,
};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_INDICATION, CLASS_REQUEST, METHOD_SEND, Message, MessageType, Method, Setter, TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

/// RFC 8489 section 14.3.
const MAX_USERNAME_BYTES: usize = 508;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// Channel number and length.
const CHANNEL_HEADER_LEN: usize = 4;

/// An attribute to send.
pub(super) enum Attribute {
    Plain(AttrType, Vec<u8>),
    Address(AttrType, SocketAddr),
}

/// The long-term credential, once the server has told realm and nonce (RFC 8489 section 9.2).
pub(super) struct Credential {
    username: String,
    realm: String,
    nonce: Vec<u8>,
    key: Vec<u8>,
}

impl Credential {
    /// From the challenge `datagram`, an error response; `None` where it has no realm and nonce.
    pub(super) fn from_challenge(
        datagram: &[u8],
        username: &str,
        password: &str,
        crypto: &dyn RTCCrypto,
    ) -> Option<Self> {
        let realm = String::from_utf8(find(datagram, ATTR_REALM)?.to_vec()).ok()?;
        let nonce = find(datagram, ATTR_NONCE)?.to_vec();
        let key =
            MessageIntegrity::long_term_integrity_key(username.to_owned(), realm.clone(), password.to_owned(), crypto);
        Some(Self { username: username.to_owned(), realm, nonce, key: key.ok()? })
    }

    /// The nonce of a 438; `false` where there is none.
    pub(super) fn renew(&mut self, datagram: &[u8]) -> bool {
        let nonce = find(datagram, ATTR_NONCE).map(<[u8]>::to_vec);
        nonce.map(|nonce| self.nonce = nonce).is_some()
    }

    /// Was the response written by somebody who knows the password?
    pub(super) fn vouches_for(&self, datagram: &[u8], crypto: &dyn RTCCrypto) -> bool {
        let mut message = Message { raw: datagram.to_vec(), ..Message::default() };
        message.decode().is_ok() && MessageIntegrity::check(&mut message, &self.key, crypto).is_ok()
    }

    fn sign(&self, message: &mut Message, crypto: &dyn RTCCrypto) -> Result<()> {
        message.add(ATTR_USERNAME, self.username.as_bytes());
        message.add(ATTR_REALM, self.realm.as_bytes());
        message.add(ATTR_NONCE, &self.nonce);
        let integrity = MessageIntegrity::new_raw_integrity_with_provider(self.key.clone(), crypto);
        integrity.add_to(message).map_err(|error| failed("TURN", error))
    }
}

/// Can this name be sent?
pub(super) fn is_username(username: &str) -> bool {
    username.len() <= MAX_USERNAME_BYTES
}

/// A request, signed where there is a credential.
pub(super) fn request(
    method: Method,
    id: TransactionId,
    attributes: &[Attribute],
    credential: Option<&Credential>,
    crypto: &dyn RTCCrypto,
) -> Result<BytesMut> {
    let mut message = build(MessageType::new(method, CLASS_REQUEST), id, attributes)?;
    if let Some(credential) = credential {
        credential.sign(&mut message, crypto)?;
    }
    Ok(BytesMut::from(&message.raw[..]))
}

/// `payload` to `peer` without a channel.
pub(super) fn send_indication(peer: SocketAddr, payload: &[u8]) -> Result<BytesMut> {
    let attributes = [Attribute::Address(ATTR_XOR_PEER_ADDRESS, peer), Attribute::Plain(ATTR_DATA, payload.to_vec())];
    let kind = MessageType::new(METHOD_SEND, CLASS_INDICATION);
    Ok(BytesMut::from(&build(kind, TransactionId::new(), &attributes)?.raw[..]))
}

fn build(kind: MessageType, id: TransactionId, attributes: &[Attribute]) -> Result<Message> {
    let mut message = Message::new();
    message.build(&[Box::new(kind), Box::new(id)]).map_err(|error| failed("TURN", error))?;
    for attribute in attributes {
        match attribute {
            Attribute::Plain(kind, value) => message.add(*kind, value),
            Attribute::Address(kind, address) => XorMappedAddress { ip: address.ip(), port: address.port() }
                .add_to_as(&mut message, *kind)
                .map_err(|error| failed("TURN", error))?,
        }
    }
    Ok(message)
}

/// ChannelData; in a stream it is `padded` (RFC 8656 section 12.5).
pub(super) fn channel_data(number: u16, payload: &[u8], padded: bool) -> BytesMut {
    let mut framed = BytesMut::with_capacity(CHANNEL_HEADER_LEN + payload.len().next_multiple_of(4));
    framed.put_u16(number);
    // A UDP payload, so it fits.
    framed.put_u16(u16::try_from(payload.len()).unwrap_or(u16::MAX));
    framed.extend_from_slice(payload);
    if padded {
        framed.resize(framed.len().next_multiple_of(4), 0);
    }
    framed
}

/// How long the message is that a stream goes on with; `None` while that cannot be known yet, an error where it can be none.
pub(super) fn length_in_stream(stream: &[u8]) -> std::result::Result<Option<usize>, Garbled> {
    let Some(header) = stream.get(..CHANNEL_HEADER_LEN) else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    match header[0] {
        0..=0x3F => Ok(Some(HEADER_LEN + len)),
        0x40..=0x4F => Ok(Some(CHANNEL_HEADER_LEN + len.next_multiple_of(4))),
        _ => Err(Garbled),
    }
}

/// A stream in which the next message cannot be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Garbled;

/// Channel number and where the payload is.
pub(super) fn read_channel_data(datagram: &[u8]) -> Option<(u16, Range<usize>)> {
    let header = datagram.get(..CHANNEL_HEADER_LEN)?;
    let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let payload = CHANNEL_HEADER_LEN..CHANNEL_HEADER_LEN + len;
    datagram.get(payload.clone())?;
    Some((u16::from_be_bytes([header[0], header[1]]), payload))
}

/// Type and transaction of what has the form of a STUN message.
pub(super) fn read_header(datagram: &[u8]) -> Option<(MessageType, TransactionId)> {
    let header = datagram.get(..HEADER_LEN).filter(|header| header[0] < 0x40 && header[4..8] == MAGIC_COOKIE)?;
    let mut kind = MessageType::default();
    kind.read_value(u16::from_be_bytes([header[0], header[1]]));
    Some((kind, TransactionId(header[8..].try_into().ok()?)))
}

fn find(datagram: &[u8], wanted: AttrType) -> Option<&[u8]> {
    find_range(datagram, wanted).and_then(|range| datagram.get(range))
}

/// An XOR-…-ADDRESS (RFC 8489 section 14.2).
pub(super) fn find_address(datagram: &[u8], wanted: AttrType) -> Option<SocketAddr> {
    let value = find(datagram, wanted)?;
    let mask = datagram.get(4..HEADER_LEN)?;
    let port = u16::from_be_bytes([value.get(2)? ^ mask[0], value.get(3)? ^ mask[1]]);
    let mut octets = [0; 16];
    let len = if *value.get(1)? == 1 { 4 } else { 16 };
    for (octet, (masked, mask)) in octets.iter_mut().zip(value.get(4..4 + len)?.iter().zip(mask)) {
        *octet = masked ^ mask;
    }
    let ip = match len {
        4 => IpAddr::from([octets[0], octets[1], octets[2], octets[3]]),
        _ => IpAddr::from(octets),
    };
    Some(SocketAddr::new(ip, port))
}

/// LIFETIME.
pub(super) fn find_lifetime(datagram: &[u8]) -> Option<Duration> {
    let seconds: [u8; 4] = find(datagram, ATTR_LIFETIME)?.try_into().ok()?;
    Some(Duration::from_secs(u32::from_be_bytes(seconds).into()))
}

/// ERROR-CODE and its phrase.
pub(super) fn find_error(datagram: &[u8]) -> Option<(u16, String)> {
    let value = find(datagram, ATTR_ERROR_CODE)?;
    let code = u16::from(*value.get(2)? & 7) * 100 + u16::from(*value.get(3)?);
    Some((code, String::from_utf8_lossy(value.get(4..)?).into_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use rtc_stun::attributes::ATTR_XOR_RELAYED_ADDRESS;

    fn message(attributes: &[Attribute]) -> Vec<u8> {
        build(MessageType::new(METHOD_SEND, CLASS_INDICATION), TransactionId::new(), attributes).unwrap().raw
    }

    #[test]
    fn addresses_of_both_families_are_read_as_they_were_written() {
        for text in ["192.0.2.7:49152", "[2001:db8:1:2:3:4:5:6]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            let written = message(&[
                Attribute::Plain(ATTR_DATA, vec![1, 2, 3]),
                Attribute::Address(ATTR_XOR_RELAYED_ADDRESS, address),
            ]);
            assert_eq!(find_address(&written, ATTR_XOR_RELAYED_ADDRESS), Some(address));
            assert_eq!(find_address(&written[..written.len() - 1], ATTR_XOR_RELAYED_ADDRESS), None, "cut");
            assert_eq!(find_address(&written, ATTR_XOR_PEER_ADDRESS), None);
        }
    }

    #[test]
    fn channel_data_says_where_its_payload_is_and_a_cut_one_says_nothing() {
        let framed = channel_data(0x4001, &[9; 5], false);
        assert_eq!(read_channel_data(&framed), Some((0x4001, 4..9)));
        assert_eq!(read_channel_data(&framed[..8]), None);
        assert_eq!(read_channel_data(&framed[..3]), None);
        let padded = channel_data(0x4001, &[9; 5], true);
        assert_eq!((padded.len(), read_channel_data(&padded)), (12, Some((0x4001, 4..9))));
    }

    #[test]
    fn a_stream_tells_where_a_message_ends_as_soon_as_it_can() {
        let written = message(&[Attribute::Plain(ATTR_DATA, vec![1, 2, 3])]);
        assert_eq!(length_in_stream(&written[..4]), Ok(Some(written.len())));
        assert_eq!(length_in_stream(&written[..3]), Ok(None));
        assert_eq!(length_in_stream(&channel_data(0x4001, &[9; 5], true)), Ok(Some(12)));
        assert_eq!(length_in_stream(&[0x80, 0, 0, 0]), Err(Garbled));
    }
}
