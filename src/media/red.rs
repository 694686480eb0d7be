//! RED (RFC 2198): a payload that carries earlier ones again, in front of its own. Browsers wrap video in it as well, alone.
//!
//! Invariant: what is split was checked as a whole, so that no block reaches beyond its payload; what is written can be
//! split.

use std::collections::VecDeque;

/// As SDP and media types have it.
pub const NAME: &str = "red";
/// What the offset of a block can say, in ticks: 14 bits.
const MAX_OFFSET: u32 = 0x3fff;
/// What its length can say, in bytes: 10 bits.
const MAX_LENGTH: usize = 0x3ff;
/// Header of an earlier block, and of the last.
const EARLIER: usize = 4;
const LAST: usize = 1;
/// A payload does not grow beyond this by what it carries again: with all headers it stays below any MTU.
const MAX_TOTAL: usize = 1100;
/// So many earlier payloads are kept.
pub const MAX_COPIES: usize = 2;

/// One block of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// What it carries.
    pub payload_type: u8,
    /// How much earlier it belongs than the packet, in ticks; 0 for the last.
    pub offset: u32,
    /// A payload of that type; may be empty.
    pub data: &'a [u8],
}

/// The blocks of a payload, the oldest first by custom, the packet's own last; `None` if it is not well formed.
pub fn split(payload: &[u8]) -> Option<Blocks<'_>> {
    let (mut headers, mut earlier) = (payload, 0);
    while *headers.first()? & 0x80 != 0 {
        earlier += earlier_block(headers)?.2;
        headers = &headers[EARLIER..];
    }
    let data = &headers[LAST..];
    (earlier <= data.len()).then_some(Blocks { headers: payload, data })
}

/// See [`split`].
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    headers: &'a [u8],
    data: &'a [u8],
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let first = *self.headers.first()?;
        if first & 0x80 == 0 {
            self.headers = &[];
            return Some(Block { payload_type: first, offset: 0, data: self.data });
        }
        let (payload_type, offset, length) = earlier_block(self.headers)?;
        let (data, rest) = self.data.split_at_checked(length)?;
        (self.headers, self.data) = (&self.headers[EARLIER..], rest);
        Some(Block { payload_type, offset, data })
    }
}

/// Payload type, offset and length (RFC 2198 section 3).
fn earlier_block(headers: &[u8]) -> Option<(u8, u32, usize)> {
    let header = u32::from_be_bytes(headers.get(..EARLIER)?.try_into().ok()?);
    Some(((header >> 24) as u8 & 0x7f, header >> 10 & MAX_OFFSET, header as usize & MAX_LENGTH))
}

/// The latest payloads of a stream, and the one that carries them.
#[derive(Default)]
pub struct Redundancy {
    /// The latest first.
    past: VecDeque<Past>,
    written: Vec<u8>,
}

#[derive(Default)]
struct Past {
    timestamp: u32,
    payload: Vec<u8>,
}

impl Redundancy {
    /// A payload with up to `copies` of those before it.
    pub fn wrap(&mut self, payload_type: u8, timestamp: u32, payload: &[u8], copies: usize) -> &[u8] {
        let copies = self.fitting(timestamp, payload.len(), copies);
        self.written.clear();
        for past in self.past.iter().take(copies).rev() {
            let offset = timestamp.wrapping_sub(past.timestamp);
            let header = 1 << 31 | u32::from(payload_type) << 24 | offset << 10 | past.payload.len() as u32;
            self.written.extend_from_slice(&header.to_be_bytes());
        }
        self.written.push(payload_type);
        for past in self.past.iter().take(copies).rev() {
            self.written.extend_from_slice(&past.payload);
        }
        self.written.extend_from_slice(payload);
        self.remember(timestamp, payload);
        &self.written
    }

    fn fitting(&self, timestamp: u32, length: usize, copies: usize) -> usize {
        let mut total = LAST + length;
        let fits = |past: &&Past| {
            total += EARLIER + past.payload.len();
            let offset = timestamp.wrapping_sub(past.timestamp);
            (1..=MAX_OFFSET).contains(&offset) && past.payload.len() <= MAX_LENGTH && total <= MAX_TOTAL
        };
        self.past.iter().take(copies).take_while(fits).count()
    }

    fn remember(&mut self, timestamp: u32, payload: &[u8]) {
        let full = self.past.len() == MAX_COPIES;
        let mut past = if full { self.past.pop_back() } else { None }.unwrap_or_default();
        past.timestamp = timestamp;
        past.payload.clear();
        past.payload.extend_from_slice(payload);
        self.past.push_front(past);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(payload: &[u8]) -> Option<Vec<(u8, u32, Vec<u8>)>> {
        Some(split(payload)?.map(|block| (block.payload_type, block.offset, block.data.to_vec())).collect())
    }

    #[test]
    fn a_payload_carries_those_before_it_the_oldest_first() {
        let mut redundancy = Redundancy::default();
        assert_eq!(redundancy.wrap(111, 0, b"one", 1), b"\x6fone", "nothing was before");
        // RFC 2198 section 3: F, payload type, 14 bits of offset, 10 of length; then the last header of one byte.
        assert_eq!(redundancy.wrap(111, 960, b"two", 1), b"\xef\x0f\x00\x03\x6fonetwo");
        let three = redundancy.wrap(111, 1920, b"three", 2);
        let expected = [(111, 1920, b"one".to_vec()), (111, 960, b"two".to_vec()), (111, 0, b"three".to_vec())];
        assert_eq!(blocks(three).unwrap(), expected);
        assert_eq!(blocks(redundancy.wrap(111, 2880, b"four", 0)).unwrap(), [(111, 0, b"four".to_vec())]);
    }

    #[test]
    fn what_is_too_old_or_too_long_is_not_carried_again() {
        let mut redundancy = Redundancy::default();
        redundancy.wrap(111, 0, b"one", 1);
        let late = redundancy.wrap(111, MAX_OFFSET + 1, &[7; MAX_LENGTH + 1], 2).to_vec();
        assert_eq!(blocks(&late).unwrap().len(), 1);
        let next = redundancy.wrap(111, MAX_OFFSET + 961, b"next", 2).to_vec();
        assert_eq!(blocks(&next).unwrap().len(), 1, "longer than a length can say");
        redundancy.wrap(111, MAX_OFFSET + 1921, &[7; 600], 2);
        assert_eq!(blocks(redundancy.wrap(111, MAX_OFFSET + 2881, &[8; 600], 2)).unwrap().len(), 1, "over the limit");
        assert_eq!(blocks(redundancy.wrap(111, MAX_OFFSET + 2881, b"same time", 2)).unwrap().len(), 1);
    }

    #[test]
    fn what_is_cut_short_is_not_split() {
        let whole = b"\xef\x0f\x00\x03\x6fonetwo";
        assert_eq!(blocks(whole).unwrap().len(), 2);
        for length in 0..8 {
            assert_eq!(blocks(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(blocks(&whole[..8]).unwrap()[1], (111, 0, Vec::new()), "nothing of its own");
        assert_eq!(blocks(&[0xff; 40]), None, "headers alone");
    }
}
