//! Pages of an Ogg stream (RFC 3533).
//!
//! Invariant: each packet ends in the page in which it begins, and a page is written in one go: a process that is killed
//! leaves whole pages, and each plays without the next.

use std::io::{Result, Write};

/// The most segments of a page, and bytes of a segment.
const MAX_SEGMENTS: usize = 255;
const SEGMENT_BYTES: usize = 255;
/// Where the checksum goes, in the header of a page.
const CHECKSUM: std::ops::Range<usize> = 22..26;

/// What a page is besides one in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing.
    Middle = 0,
    /// The first of its stream.
    First = 2,
    /// The last of its stream.
    Last = 4,
}

/// One logical stream.
pub struct Pages {
    serial: u32,
    sequence: u32,
    lacing: Vec<u8>,
    body: Vec<u8>,
}

impl Pages {
    /// A stream with the given (random) serial number.
    pub fn new(serial: u32) -> Self {
        Self { serial, sequence: 0, lacing: Vec::new(), body: Vec::new() }
    }

    /// Adds a packet to the page being made; `false`, and nothing added, when it has no room.
    pub fn add(&mut self, packet: &[u8]) -> bool {
        let segments = packet.len() / SEGMENT_BYTES + 1;
        if self.lacing.len() + segments > MAX_SEGMENTS {
            return false;
        }
        self.lacing.extend(std::iter::repeat_n(SEGMENT_BYTES as u8, segments - 1));
        self.lacing.push((packet.len() % SEGMENT_BYTES) as u8);
        self.body.extend(packet);
        true
    }

    /// Is there nothing in the page being made?
    pub fn is_empty(&self) -> bool {
        self.lacing.is_empty()
    }

    /// Writes the page. `granule`: the position in the signal at its end.
    pub fn write(&mut self, out: &mut impl Write, granule: u64, place: Place) -> Result<()> {
        let mut page = Vec::with_capacity(27 + self.lacing.len() + self.body.len());
        page.extend(b"OggS\0");
        page.push(place as u8);
        page.extend(granule.to_le_bytes());
        page.extend(self.serial.to_le_bytes());
        page.extend(self.sequence.to_le_bytes());
        page.extend([0; 4]);
        page.push(self.lacing.len() as u8);
        page.append(&mut self.lacing);
        page.append(&mut self.body);
        let checksum = checksum(&page);
        page[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        out.write_all(&page)
    }
}

/// CRC-32 with the polynomial 0x04c11db7, not reflected, from 0 (RFC 3533 section 6).
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, byte| sum << 8 ^ TABLE[(sum >> 24) as usize ^ usize::from(*byte)])
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let (mut sum, mut bit) = ((n as u32) << 24, 0);
        while bit < 8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
            bit += 1;
        }
        table[n] = sum;
        n += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // The check value of CRC-32/CKSUM, which has the same polynomial and complements the result.
        assert_eq!(!checksum(b"123456789"), 0x765e_7680);
    }

    #[test]
    fn a_packet_of_whole_segments_ends_with_an_empty_one_and_a_full_page_takes_no_more() {
        let mut pages = Pages::new(7);
        assert!(pages.add(&[1; 510]));
        assert_eq!(pages.lacing, [255, 255, 0]);
        while pages.add(&[2; 10]) {}
        assert_eq!(pages.lacing.len(), MAX_SEGMENTS);
        let mut out = Vec::new();
        pages.write(&mut out, 0x0102, Place::Last).unwrap();
        assert!(pages.is_empty());
        assert_eq!(out[..14], *b"OggS\0\x04\x02\x01\0\0\0\0\0\0");
        assert_eq!(out.len(), 27 + 255 + 510 + 252 * 10);
    }
}
