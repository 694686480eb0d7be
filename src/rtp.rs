//! RTP packets in our own terms (RFC 3550), so that media never meets the protocol machines.
//!
//! Invariant: nothing read here reaches past the bytes it was given, whatever they are.

use bytes::BytesMut;
use std::time::Instant;

const FIXED_LEN: usize = 12;
/// RFC 8285 section 4.2.
const ONE_BYTE_PROFILE: u16 = 0xBEDE;
/// RFC 8285 section 4.3: the low four bits are for the application.
const TWO_BYTE_PROFILE: u16 = 0x1000;

/// The header of a packet to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RtpHeader {
    /// 0 to 127.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// In the codec's clock rate.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// `sdes:mid` (RFC 8843): extension id 1 to 14, and the mid.
    pub mid: Option<(u8, String)>,
    /// `ssrc-audio-level` (RFC 6464): extension id 1 to 14, and V bit plus level in -dBov.
    pub audio_level: Option<(u8, u8)>,
}

impl RtpHeader {
    /// Bytes that [`write`](Self::write) appends.
    pub fn wire_len(&self) -> usize {
        let element = |length: usize| if (1..=16).contains(&length) { 1 + length } else { 0 };
        let mid = self.mid.as_ref().map_or(0, |(_, mid)| element(mid.len()));
        let elements = mid + self.audio_level.map_or(0, |_| element(1));
        if elements == 0 { FIXED_LEN } else { FIXED_LEN + 4 + elements.next_multiple_of(4) }
    }

    /// Appends the header as it goes on the wire. Extensions that do not fit the one-byte form are left out.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let marker = u8::from(self.marker) << 7;
        out.extend_from_slice(&[0x80, marker | (self.payload_type & 0x7F)]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        if self.mid.is_none() && self.audio_level.is_none() {
            return;
        }
        out.extend_from_slice(&ONE_BYTE_PROFILE.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        let elements = out.len();
        if let Some((id, mid)) = &self.mid {
            write_element(out, *id, mid.as_bytes());
        }
        if let Some((id, level)) = self.audio_level {
            write_element(out, id, &[level]);
        }
        if out.len() == elements {
            out.truncate(start + FIXED_LEN);
            return;
        }
        out.resize(elements + (out.len() - elements).next_multiple_of(4), 0);
        let words = ((out.len() - elements) / 4) as u16;
        out[elements - 2..elements].copy_from_slice(&words.to_be_bytes());
        out[start] |= 0x10;
    }
}

fn write_element(out: &mut Vec<u8>, id: u8, value: &[u8]) {
    if (1..=14).contains(&id) && (1..=16).contains(&value.len()) {
        out.push((id << 4) | (value.len() - 1) as u8);
        out.extend_from_slice(value);
    }
}

/// A packet as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpPacket {
    /// 0 to 127.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// In the codec's clock rate.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// Contributing sources.
    pub csrc: Vec<u32>,
    /// Header extension elements by id.
    pub extensions: Vec<(u8, Vec<u8>)>,
    /// Without padding.
    pub payload: BytesMut,
    /// When it arrived.
    pub arrival: Instant,
}

impl RtpPacket {
    /// Reads a whole packet in the clear. `None` where it is malformed.
    pub fn read(mut packet: BytesMut, arrival: Instant) -> Option<Self> {
        let header_len = header_len(&packet)?;
        let mut payload = packet.split_off(header_len);
        let header = &packet[..];
        if header[0] & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            let kept = payload.len().checked_sub(padding.max(1))?;
            payload.truncate(kept);
        }
        let csrc_end = FIXED_LEN + csrc_len(header);
        Some(Self {
            payload_type: header[1] & 0x7F,
            marker: header[1] & 0x80 != 0,
            sequence: sequence(header)?,
            timestamp: word(header, 4)?,
            ssrc: ssrc(header)?,
            csrc: header[FIXED_LEN..csrc_end].chunks_exact(4).filter_map(|bytes| word(bytes, 0)).collect(),
            extensions: read_extensions(&header[csrc_end..]),
            payload,
            arrival,
        })
    }

    /// Length of the header as it was on the wire, one-byte extension elements assumed.
    pub fn header_bytes(&self) -> u64 {
        let elements: usize = self.extensions.iter().map(|(_, value)| 1 + value.len()).sum();
        let extension = if elements == 0 { 0 } else { 4 + elements.next_multiple_of(4) };
        (FIXED_LEN + 4 * self.csrc.len() + extension) as u64
    }
}

/// Length of the header of an RTP packet, or `None` where it is malformed. The header is never encrypted.
pub fn header_len(packet: &[u8]) -> Option<usize> {
    if packet.len() < FIXED_LEN || packet[0] >> 6 != 2 {
        return None;
    }
    let mut len = FIXED_LEN + csrc_len(packet);
    if packet[0] & 0x10 != 0 {
        let words = packet.get(len + 2..len + 4)?;
        len += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (len <= packet.len()).then_some(len)
}

/// Sequence number of an RTP packet.
pub fn sequence(packet: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]))
}

/// SSRC of an RTP packet.
pub fn ssrc(packet: &[u8]) -> Option<u32> {
    word(packet, 8)
}

fn csrc_len(packet: &[u8]) -> usize {
    4 * usize::from(packet[0] & 0x0F)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Elements of a header extension block (RFC 8285); empty where there is none or its form is unknown.
fn read_extensions(block: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    let Some(profile) = block.get(..2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]])) else { return found };
    let two_byte = profile & 0xFFF0 == TWO_BYTE_PROFILE;
    if profile != ONE_BYTE_PROFILE && !two_byte {
        return found;
    }
    let mut rest = &block[4..];
    while let Some((&first, tail)) = rest.split_first() {
        if first == 0 {
            rest = tail; // padding
            continue;
        }
        let (id, len, tail) = if two_byte {
            let Some((&len, tail)) = tail.split_first() else { break };
            (first, usize::from(len), tail)
        } else {
            (first >> 4, usize::from(first & 0x0F) + 1, tail)
        };
        if !two_byte && id == 15 {
            break; // RFC 8285 section 4.2: stop here
        }
        let Some(value) = tail.get(..len) else { break };
        found.push((id, value.to_vec()));
        rest = &tail[len..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<RtpPacket> {
        RtpPacket::read(BytesMut::from(bytes), Instant::now())
    }

    #[test]
    fn a_written_header_reads_back() {
        let header = RtpHeader {
            payload_type: 111,
            marker: true,
            sequence: 65535,
            timestamp: 0xDEAD_BEEF,
            ssrc: 7,
            mid: Some((4, "audio0".to_owned())),
            audio_level: Some((1, 0x80 | 30)),
        };
        let mut wire = Vec::new();
        header.write(&mut wire);
        assert_eq!(wire.len() % 4, 0);
        wire.extend_from_slice(b"payload");
        let packet = read(&wire).unwrap();
        assert_eq!((packet.payload_type, packet.marker, packet.sequence), (111, true, 65535));
        assert_eq!((packet.timestamp, packet.ssrc), (0xDEAD_BEEF, 7));
        assert_eq!(packet.extensions, vec![(4, b"audio0".to_vec()), (1, vec![0x80 | 30])]);
        assert_eq!(&packet.payload[..], b"payload");
    }

    #[test]
    fn an_extension_that_does_not_fit_leaves_a_plain_header() {
        let mut wire = Vec::new();
        RtpHeader { mid: Some((3, "a mid longer than sixteen".to_owned())), ..Default::default() }.write(&mut wire);
        assert_eq!(wire.len(), FIXED_LEN);
        assert_eq!(wire[0], 0x80);
    }

    #[test]
    fn padding_inside_the_extension_block_and_after_the_payload_is_removed() {
        let mut wire = vec![0xB1, 8, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 9, 0xBE, 0xDE, 0, 2];
        wire.extend_from_slice(&[0x10, 0xAA, 0, 0, 0, 0x20, 0xBB, 0]);
        wire.extend_from_slice(&[5, 5, 5, 0, 0, 3]);
        let packet = read(&wire).unwrap();
        assert_eq!(packet.csrc, vec![9]);
        assert_eq!(packet.extensions, vec![(1, vec![0xAA]), (2, vec![0xBB])]);
        assert_eq!(&packet.payload[..], &[5, 5, 5]);
    }

    #[test]
    fn no_bytes_whatever_make_it_read_too_far() {
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..20_000 {
            let mut bytes = [0_u8; 48];
            for byte in &mut bytes {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                *byte = seed as u8;
            }
            bytes[0] = 0x80 | (bytes[0] & 0x3F);
            if bytes[1] & 1 == 0 {
                let words = bytes[15] % 9;
                bytes[12..16].copy_from_slice(&[0xBE, 0xDE, 0, words]);
            }
            let _ = read(&bytes[..(seed % 49) as usize]);
        }
        assert!(read(&[0x40; 20]).is_none(), "version 1");
        assert!(read(&[0x80; 11]).is_none(), "short");
    }
}
