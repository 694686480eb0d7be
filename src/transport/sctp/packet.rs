//! SCTP packets as bytes (RFC 9260 section 3): what the layer around the association machine has to read, cut and make.
//!
//! Invariant: nothing here panics, whatever the bytes; what cannot be read is not returned.

use bytes::{BufMut, BytesMut};

/// Parameters of INIT and INIT ACK that the machine makes something of: state cookie, supported extensions (RFC 5061).
const PARAMETERS: [u16; 2] = [7, 0x8008];
const HEARTBEAT_INFO: u16 = 1;

/// Source port, destination port, verification tag, checksum.
pub(super) const HEADER_LEN: usize = 12;
const CHUNK_HEADER_LEN: usize = 4;
/// Of the fixed fields of an INIT or INIT ACK.
const INIT_LEN: usize = 16;
const CHECKSUM: std::ops::Range<usize> = 8..12;

pub(super) const DATA: u8 = 0;
pub(super) const INIT: u8 = 1;
pub(super) const INIT_ACK: u8 = 2;
pub(super) const SACK: u8 = 3;
pub(super) const HEARTBEAT: u8 = 4;
pub(super) const ABORT: u8 = 6;
pub(super) const SHUTDOWN: u8 = 7;
pub(super) const SHUTDOWN_ACK: u8 = 8;
#[cfg(test)]
pub(super) const ERROR: u8 = 9;
pub(super) const COOKIE_ECHO: u8 = 10;
pub(super) const COOKIE_ACK: u8 = 11;
pub(super) const SHUTDOWN_COMPLETE: u8 = 14;
pub(super) const RECONFIG: u8 = 130;
pub(super) const FORWARD_TSN: u8 = 192;

/// Flag of a DATA chunk: the receiver shall not delay its acknowledgement (RFC 7053).
const IMMEDIATE: u8 = 8;
/// Flags of a DATA chunk that is a whole message.
const WHOLE: u8 = 3;

/// The fields that every packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub source: u16,
    pub destination: u16,
    pub tag: u32,
}

/// One chunk of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    pub kind: u8,
    /// What follows the four bytes of type, flags and length.
    pub value: &'a [u8],
    /// The whole chunk, without padding.
    pub raw: &'a [u8],
}

/// The fields of a DATA chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Data {
    pub tsn: u32,
    pub stream: u16,
    pub protocol: u32,
    /// Of the user data, in bytes.
    pub len: usize,
}

/// The fields of an INIT or INIT ACK chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Init {
    pub tag: u32,
    pub tsn: u32,
}

/// What a SACK chunk says of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sack {
    pub cumulative: u32,
    pub window: u32,
}

/// The TSNs that a SACK chunk names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Acknowledged {
    cumulative: u32,
    /// Offsets from there, both inclusive.
    gaps: Vec<(u16, u16)>,
    pub highest: u32,
}

impl Acknowledged {
    pub fn holds(&self, tsn: u32) -> bool {
        let offset = tsn.wrapping_sub(self.cumulative);
        let named = |(first, last): &(u16, u16)| (u32::from(*first)..=u32::from(*last)).contains(&offset);
        is_at_or_before(tsn, self.cumulative) || self.gaps.iter().any(named)
    }
}

pub(super) fn header(packet: &[u8]) -> Option<Header> {
    let checked = packet.get(..HEADER_LEN)?;
    Some(Header { source: u16_at(checked, 0)?, destination: u16_at(checked, 2)?, tag: u32_at(checked, 4)? })
}

/// The chunks of a packet, as far as they can be told apart.
pub(super) fn chunks(packet: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = packet.get(HEADER_LEN..).unwrap_or_default();
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 2)?);
        let raw = rest.get(..len).filter(|raw| raw.len() >= CHUNK_HEADER_LEN)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(Chunk { kind: raw[0], value: &raw[CHUNK_HEADER_LEN..], raw })
    })
}

impl Chunk<'_> {
    pub fn data(&self) -> Option<Data> {
        let len = self.value.len().checked_sub(12)?;
        let (tsn, stream) = (u32_at(self.value, 0)?, u16_at(self.value, 4)?);
        Some(Data { tsn, stream, protocol: u32_at(self.value, 8)?, len })
    }

    pub fn init(&self) -> Option<Init> {
        Some(Init { tag: u32_at(self.value, 0)?, tsn: u32_at(self.value, 12)? })
    }

    pub fn sack(&self) -> Option<Sack> {
        Some(Sack { cumulative: u32_at(self.value, 0)?, window: u32_at(self.value, 4)? })
    }

    pub fn acknowledged(&self) -> Option<Acknowledged> {
        let (cumulative, count) = (u32_at(self.value, 0)?, usize::from(u16_at(self.value, 8)?));
        let blocks = self.value.get(12..12 + 4 * count)?.chunks_exact(4);
        let gaps: Vec<_> = blocks.filter_map(|block| Some((u16_at(block, 0)?, u16_at(block, 2)?))).collect();
        let farthest = gaps.iter().map(|(_, last)| *last).max().unwrap_or_default();
        Some(Acknowledged { cumulative, gaps, highest: cumulative.wrapping_add(farthest.into()) })
    }

    /// Its fields fill it: the machine goes on reading where the fields end, wherever the chunk does.
    pub fn is_exact(&self) -> bool {
        let len = self.value.len();
        let count = |at| usize::from(u16_at(self.value, at).unwrap_or_default());
        match self.kind {
            SACK => len == 12 + 4 * (count(8) + count(10)),
            FORWARD_TSN => len >= 4 && len.is_multiple_of(4),
            HEARTBEAT => u16_at(self.value, 0) == Some(HEARTBEAT_INFO) && len == count(2),
            COOKIE_ACK | SHUTDOWN_ACK | SHUTDOWN_COMPLETE => len == 0,
            _ => true,
        }
    }

    /// The new cumulative TSN of a FORWARD TSN chunk.
    pub fn forward(&self) -> Option<u32> {
        u32_at(self.value, 0)
    }

    /// Error cause of an ABORT or ERROR chunk: code and information (RFC 9260 section 3.3.10).
    pub fn cause(&self) -> Option<(u16, &[u8])> {
        let len = usize::from(u16_at(self.value, 2)?);
        Some((u16_at(self.value, 0)?, self.value.get(4..len).unwrap_or_default()))
    }
}

/// A packet of these chunks, each without its padding.
pub(super) fn write<'a>(header: Header, chunks: impl IntoIterator<Item = &'a [u8]>) -> BytesMut {
    let mut packet = BytesMut::with_capacity(256);
    packet.put_u16(header.source);
    packet.put_u16(header.destination);
    packet.put_u32(header.tag);
    packet.put_u32(0);
    for chunk in chunks {
        packet.put_slice(chunk);
        packet.put_bytes(0, chunk.len().next_multiple_of(4) - chunk.len());
    }
    seal(&mut packet);
    packet
}

/// A chunk of this type. `value` is far below the 64 KiB that its length field can tell.
pub(super) fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(CHUNK_HEADER_LEN + value.len()).unwrap_or(u16::MAX);
    let mut chunk = vec![kind, flags];
    chunk.put_u16(len);
    chunk.put_slice(value);
    chunk
}

/// A DATA chunk that any receiver has had before, so that all it does is to acknowledge what it has.
pub(super) fn stale_data(tsn: u32) -> Vec<u8> {
    let mut value = Vec::with_capacity(13);
    value.put_u32(tsn);
    value.put_bytes(0, 9);
    chunk(DATA, WHOLE | IMMEDIATE, &value)
}

/// An INIT or INIT ACK alone (RFC 9260 section 6.10 lets no other chunk stand beside it), with its fixed fields and the
/// [`PARAMETERS`]: the machine would read what it makes nothing of as more chunks. The checksum is left to [`seal`].
pub(super) fn plain_init(packet: &BytesMut) -> Option<BytesMut> {
    let init = chunks(packet).next()?;
    let mut value = init.value.get(..INIT_LEN)?.to_vec();
    for parameter in parameters(init.value.get(INIT_LEN..)?) {
        // An empty one at the end is read as a chunk.
        if PARAMETERS.contains(&u16_at(parameter, 0)?) && parameter.len() > 4 {
            value.resize(value.len().next_multiple_of(4), 0);
            value.extend_from_slice(parameter);
        }
    }
    Some(write(header(packet)?, [chunk(init.kind, 0, &value).as_slice()]))
}

/// Parameters (RFC 9260 section 3.2.1), without their padding.
fn parameters(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 2)?);
        let parameter = rest.get(..len).filter(|parameter| parameter.len() >= 4)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(parameter)
    })
}

/// Another verification tag.
pub(super) fn set_tag(packet: &mut [u8], tag: u32) {
    set_u32(packet, 4, tag);
}

/// Another initiate tag, in a packet that is an INIT.
pub(super) fn set_initiate_tag(packet: &mut [u8], tag: u32) {
    set_u32(packet, HEADER_LEN + CHUNK_HEADER_LEN, tag);
}

/// Another receive window, in a packet that is an INIT or INIT ACK; a smaller one stays.
pub(super) fn limit_window(packet: &mut [u8], limit: u32) {
    let at = HEADER_LEN + CHUNK_HEADER_LEN + 4;
    let window = u32_at(packet, at).unwrap_or_default();
    set_u32(packet, at, window.min(limit));
}

/// Another source and destination port.
pub(super) fn set_ports(packet: &mut [u8], source: u16, destination: u16) {
    set_u32(packet, 0, u32::from(source) << 16 | u32::from(destination));
}

/// Makes the checksum right after a change.
pub(super) fn seal(packet: &mut [u8]) {
    if let Some(field) = packet.get_mut(CHECKSUM) {
        field.fill(0);
        let checksum = crc32c::crc32c(packet);
        packet[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// Serial number arithmetic (RFC 1982): `a` is not after `b`.
pub(super) fn is_at_or_before(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) < 1 << 31
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([field[0], field[1]]))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([field[0], field[1], field[2], field[3]]))
}

fn set_u32(packet: &mut [u8], at: usize, value: u32) {
    if let Some(field) = packet.get_mut(at..at + 4) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Header = Header { source: 5000, destination: 5001, tag: 7 };

    #[test]
    fn a_packet_is_read_as_it_was_written() {
        let chunks_in = [chunk(ERROR, 0, &[1, 2, 3]), stale_data(9)];
        let packet = write(HEAD, chunks_in.iter().map(Vec::as_slice));
        assert_eq!(header(&packet), Some(HEAD));
        let read: Vec<_> = chunks(&packet).map(|chunk| chunk.raw.to_vec()).collect();
        assert_eq!(read, chunks_in);
        assert_eq!(
            chunks(&packet).nth(1).and_then(|chunk| chunk.data()),
            Some(Data { tsn: 9, stream: 0, protocol: 0, len: 1 })
        );
    }

    #[test]
    fn lengths_that_lie_end_the_reading() {
        for len in [0, 3, 200] {
            let mut packet = write(HEAD, [chunk(SACK, 0, &[0; 12]).as_slice()]);
            packet[HEADER_LEN + 3] = len;
            assert_eq!(chunks(&packet).count(), 0, "length {len}");
        }
        assert_eq!(chunks(&[1, 2, 3]).count(), 0);
        assert_eq!(header(&[0; 11]), None);
    }

    #[test]
    fn an_acknowledgement_names_what_came_in_sequence_and_what_came_beyond_it() {
        let value = [u32::MAX.to_be_bytes(), [0; 4], [0, 2, 0, 0], [0, 2, 0, 3], [0, 6, 0, 6]].concat();
        let packet = write(HEAD, [chunk(SACK, 0, &value).as_slice()]);
        let acknowledged = chunks(&packet).next().unwrap().acknowledged().unwrap();
        let missing = (0..10).filter(|tsn| !acknowledged.holds(*tsn)).collect::<Vec<_>>();
        assert_eq!((missing, acknowledged.highest), (vec![0, 3, 4, 6, 7, 8, 9], 5));
        assert!(acknowledged.holds(u32::MAX));
    }

    #[test]
    fn a_chunk_is_exact_when_its_fields_fill_it() {
        let exact = |kind, value: &[u8]| {
            let packet = write(HEAD, [chunk(kind, 0, value).as_slice()]);
            chunks(&packet).next().unwrap().is_exact()
        };
        let sack =
            |gaps: u8, duplicates: u8, rest: usize| [&[0; 9][..], &[gaps, 0, duplicates], &vec![0; rest]].concat();
        assert!(exact(SACK, &sack(1, 2, 12)) && !exact(SACK, &sack(1, 2, 16)) && !exact(SACK, &sack(1, 2, 8)));
        assert!(exact(FORWARD_TSN, &[0; 8]) && !exact(FORWARD_TSN, &[0; 6]) && !exact(FORWARD_TSN, &[]));
        assert!(
            exact(HEARTBEAT, &[0, 1, 0, 5, 9])
                && !exact(HEARTBEAT, &[0, 1, 0, 4, 9])
                && !exact(HEARTBEAT, &[0, 2, 0, 4])
        );
        for kind in [COOKIE_ACK, SHUTDOWN_ACK, SHUTDOWN_COMPLETE] {
            assert!(exact(kind, &[]) && !exact(kind, &[0; 4]));
        }
        assert!(exact(DATA, &[0; 13]) && exact(COOKIE_ECHO, &[1, 2]));
    }

    #[test]
    fn a_plain_init_has_its_fixed_fields_and_what_the_machine_knows() {
        let cookie = [0, 7, 0, 6, 1, 2, 0, 0];
        let extensions = [0x80, 8, 0, 6, 130, 192, 0, 0];
        let forward = [0xC0, 0, 0, 4];
        let value = [&[5; 16][..], &cookie, &[0x80, 2, 0, 5, 9, 0, 0, 0], &forward, &extensions, &[0x80, 8, 0, 4]];
        let packet = write(HEAD, [chunk(INIT_ACK, 9, &value.concat()).as_slice(), &chunk(ABORT, 0, &[])]);
        let plain = plain_init(&packet).unwrap();
        let kept = [&[5; 16][..], &cookie, &extensions[..6]].concat();
        assert_eq!(chunks(&plain).map(|chunk| chunk.raw.to_vec()).collect::<Vec<_>>(), [chunk(INIT_ACK, 0, &kept)]);
        assert_eq!(header(&plain), Some(HEAD));
        assert_eq!(plain_init(&write(HEAD, [chunk(INIT, 0, &[5; 15]).as_slice()])), None);
    }

    #[test]
    fn serial_numbers_compare_across_the_wrap() {
        assert!(is_at_or_before(u32::MAX, 0) && is_at_or_before(5, 5) && !is_at_or_before(0, u32::MAX));
    }

    #[test]
    fn the_checksum_is_that_of_rfc_9260() {
        let mut packet = [0; 32];
        seal(&mut packet);
        // CRC32c of 32 zero bytes (RFC 3720 appendix B.4), low byte first.
        assert_eq!(packet[CHECKSUM], 0x8a91_36aa_u32.to_le_bytes());
    }
}
