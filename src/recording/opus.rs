//! A stereo Ogg/Opus file (RFC 7845).
//!
//! Invariant: whatever was encoded is in the file after each write, in whole pages; a file without its end plays to its
//! last page. With [`finish`](OggOpus::finish) it plays exactly the frames that were written.

use super::ogg::{Pages, Place};
use crate::media::codec::StereoEncoder;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{Error, ErrorKind, Result, Write};

/// Granule positions are those of a signal at this rate, whatever is encoded.
const GRANULE_HZ: u64 = 48_000;
/// Packets of 20 ms.
const PACKETS_HZ: u32 = 50;
/// No packet of 20 ms is longer (RFC 6716 section 3.4).
const MAX_PACKET: usize = 1275;
const VENDOR: &str = concat!("webphone-rtc ", env!("CARGO_PKG_VERSION"));

/// A file being written.
pub struct OggOpus<W> {
    out: W,
    pages: Pages,
    encoder: StereoEncoder,
    rate_hz: u32,
    /// What the decoder is to leave out at the start, at [`GRANULE_HZ`].
    pre_skip: u64,
    packets: u64,
    frames: u64,
    /// Too little for a packet.
    waiting: Vec<i16>,
}

impl<W: Write> OggOpus<W> {
    /// An empty recording in an empty file; `rate_hz` is one that Opus works at.
    pub fn new(out: W, rate_hz: u32, bitrate_bps: u32) -> Result<Self> {
        let encoder = StereoEncoder::new(rate_hz, bitrate_bps)
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, format!("Opus does not encode {rate_hz} Hz")))?;
        let pre_skip = u64::from(encoder.delay()) * GRANULE_HZ / u64::from(rate_hz);
        let pages = Pages::new(RandomState::new().hash_one(0) as u32);
        let mut file = Self { out, pages, encoder, rate_hz, pre_skip, packets: 0, frames: 0, waiting: Vec::new() };
        file.pages.add(&head(pre_skip as u16, rate_hz));
        file.pages.write(&mut file.out, 0, Place::First)?;
        file.pages.add(&tags());
        file.pages.write(&mut file.out, 0, Place::Middle)?;
        Ok(file)
    }

    /// Adds frames, left and right in turn. What does not fill a packet waits.
    pub fn write(&mut self, pcm: &[i16]) -> Result<()> {
        self.frames += pcm.len() as u64 / 2;
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend(pcm);
        let mut packets = waiting.chunks_exact(self.packet_samples());
        packets.by_ref().try_for_each(|packet| self.encode(packet))?;
        let rest = packets.remainder().len();
        waiting.drain(..waiting.len() - rest);
        self.waiting = waiting;
        if self.pages.is_empty() { Ok(()) } else { self.flush() }
    }

    /// Ends the stream: its last page says where in its last packet the signal ends.
    pub fn finish(&mut self) -> Result<()> {
        let end = self.pre_skip + self.frames * GRANULE_HZ / u64::from(self.rate_hz);
        let mut last = std::mem::take(&mut self.waiting);
        // The encoder lags behind: at least one more packet is needed.
        while self.granule() < end {
            last.resize(self.packet_samples(), 0);
            self.encode(&last)?;
            last.clear();
        }
        self.pages.write(&mut self.out, end, Place::Last)
    }

    fn encode(&mut self, pcm: &[i16]) -> Result<()> {
        let mut packet = [0; MAX_PACKET];
        let refused = || Error::other("the Opus encoder has failed");
        let bytes = self.encoder.encode(pcm, &mut packet).ok_or_else(refused)?;
        if !self.pages.add(&packet[..bytes]) {
            self.flush()?;
            self.pages.add(&packet[..bytes]);
        }
        self.packets += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let granule = self.granule();
        self.pages.write(&mut self.out, granule, Place::Middle)
    }

    /// The position at the end of the last packet.
    fn granule(&self) -> u64 {
        self.packets * GRANULE_HZ / u64::from(PACKETS_HZ)
    }

    fn packet_samples(&self) -> usize {
        2 * (self.rate_hz / PACKETS_HZ) as usize
    }
}

/// The identification header (RFC 7845 section 5.1).
fn head(pre_skip: u16, rate_hz: u32) -> Vec<u8> {
    let mut head = b"OpusHead".to_vec();
    head.extend([1, 2]); // Version, channels
    head.extend(pre_skip.to_le_bytes());
    head.extend(rate_hz.to_le_bytes());
    head.extend([0; 3]); // Gain, mapping family
    head
}

/// The comment header (RFC 7845 section 5.2), without comments.
fn tags() -> Vec<u8> {
    let mut tags = b"OpusTags".to_vec();
    tags.extend((VENDOR.len() as u32).to_le_bytes());
    tags.extend(VENDOR.as_bytes());
    tags.extend([0; 4]);
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Page {
        flags: u8,
        granule: u64,
        sequence: u32,
        packets: Vec<Vec<u8>>,
        /// Where it ends in the file.
        end: usize,
    }

    /// The whole pages of a file, which may be cut off anywhere.
    fn pages(file: &[u8]) -> Vec<Page> {
        let (mut at, mut found) = (0, Vec::new());
        while file.len() >= at + 27 {
            let header = &file[at..at + 27];
            assert_eq!(&header[..5], b"OggS\0");
            let Some(lacing) = file.get(at + 27..at + 27 + usize::from(header[26])) else { break };
            let body = at + 27 + lacing.len();
            let end = body + lacing.iter().map(|it| usize::from(*it)).sum::<usize>();
            if end > file.len() {
                break;
            }
            let (mut packets, mut start, mut length) = (Vec::new(), body, 0);
            for segment in lacing {
                length += usize::from(*segment);
                if *segment < 255 {
                    packets.push(file[start..start + length].to_vec());
                    (start, length) = (start + length, 0);
                }
            }
            assert_eq!(length, 0, "a packet goes over the end of its page");
            let granule = u64::from_le_bytes(header[6..14].try_into().unwrap());
            let sequence = u32::from_le_bytes(header[18..22].try_into().unwrap());
            found.push(Page { flags: header[5], granule, sequence, packets, end });
            at = end;
        }
        found
    }

    fn noise(frames: usize) -> Vec<i16> {
        (0..2 * frames as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50) as i16 - 8192).collect()
    }

    /// A file from writes of so many frames.
    fn recorded(rate_hz: u32, writes: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut file = OggOpus::new(&mut out, rate_hz, 48_000).unwrap();
        writes.iter().for_each(|frames| file.write(&noise(*frames)).unwrap());
        file.finish().unwrap();
        out
    }

    #[test]
    fn a_file_begins_with_its_two_headers_each_on_a_page() {
        let file = recorded(16_000, &[]);
        let pages = pages(&file);
        assert_eq!((pages[0].flags, pages[0].granule, pages[0].packets.len()), (2, 0, 1));
        // 6.5 ms of delay are 312 samples at 48 kHz.
        assert_eq!(pages[0].packets[0], b"OpusHead\x01\x02\x38\x01\x80\x3e\0\0\0\0\0");
        assert_eq!((pages[1].flags, pages[1].granule, pages[1].packets.len()), (0, 0, 1));
        assert_eq!(pages[1].packets[0][..12], *b"OpusTags\x12\0\0\0");
    }

    #[test]
    fn positions_count_packets_and_the_last_one_ends_with_the_signal() {
        for rate_hz in [8000u32, 16_000, 24_000, 48_000] {
            let frames = |ms: usize| rate_hz as usize * ms / 1000;
            // A long write needs more than a page; a short one may not fill a packet.
            let writes = [frames(200), frames(7), frames(4000), frames(1), frames(213)];
            let file = recorded(rate_hz, &writes);
            let pages = pages(&file);
            assert_eq!(pages.last().unwrap().end, file.len());
            assert!(pages.iter().enumerate().all(|(n, page)| page.sequence == n as u32));
            let mut packets = 0;
            for page in &pages[2..pages.len() - 1] {
                packets += page.packets.len() as u64;
                assert_eq!((page.flags, page.granule), (0, packets * 960));
            }
            let last = pages.last().unwrap();
            let total = 312 + 4421 * 48;
            assert_eq!((last.flags, last.granule), (4, total), "{rate_hz} Hz");
            packets += last.packets.len() as u64;
            assert_eq!(packets, total.div_ceil(960), "no packet too many or too few");
        }
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_plays_all_but_the_page_that_is_cut() {
        let file = recorded(16_000, &[3200; 10]);
        let whole = pages(&file);
        for length in (0..file.len()).step_by(97) {
            let left = pages(&file[..length]);
            let expected = whole.iter().filter(|page| page.end <= length).count();
            assert_eq!(left.len(), expected);
            assert!(left.iter().zip(&whole).all(|(a, b)| (a.granule, &a.packets) == (b.granule, &b.packets)));
        }
        // What was written is there at once: a page of ten packets each time.
        assert!(whole[2..12].iter().all(|page| page.packets.len() == 10));
    }
}
