//! A stereo WAV file, 16 bit.
//!
//! Invariant: after each write the header tells of all samples before it. The samples come first, then the header, so a
//! process that is killed in between leaves a file that plays up to the write before.
//!
//! Sizes in RIFF have 32 bits. A chunk `JUNK` keeps the place where an RF64 header (EBU Tech 3306) has its sizes of 64
//! bits, and the file becomes one when it outgrows 4 GiB.

use std::io::{Result, Seek, SeekFrom, Write};

/// Two channels of two bytes.
const FRAME_BYTES: u64 = 4;
const HEADER_BYTES: u64 = 80;
/// What the RIFF chunk holds besides samples.
const RIFF_BYTES: u64 = HEADER_BYTES - 8;
/// Stands for a size that is in the chunk `ds64`.
const ELSEWHERE: u32 = u32::MAX;

/// A file being written.
pub struct Wav<W> {
    out: W,
    rate_hz: u32,
    frames: u64,
    bytes: Vec<u8>,
}

impl<W: Write + Seek> Wav<W> {
    /// An empty recording in an empty file.
    pub fn new(mut out: W, rate_hz: u32) -> Result<Self> {
        out.write_all(&header(0, rate_hz))?;
        Ok(Self { out, rate_hz, frames: 0, bytes: Vec::new() })
    }

    /// Adds frames, left and right in turn.
    pub fn write(&mut self, pcm: &[i16]) -> Result<()> {
        self.bytes.clear();
        self.bytes.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
        self.out.seek(SeekFrom::Start(HEADER_BYTES + self.frames * FRAME_BYTES))?;
        self.out.write_all(&self.bytes)?;
        self.frames += pcm.len() as u64 / 2;
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header(self.frames, self.rate_hz))
    }
}

/// The header of a file with `frames`.
fn header(frames: u64, rate_hz: u32) -> Vec<u8> {
    let data = frames * FRAME_BYTES;
    let riff = data + RIFF_BYTES;
    let small = u32::try_from(riff).is_ok_and(|size| size < ELSEWHERE);
    let size = |bytes: u64| if small { bytes as u32 } else { ELSEWHERE }.to_le_bytes();
    let mut header = Vec::with_capacity(HEADER_BYTES as usize);
    header.extend(if small { b"RIFF" } else { b"RF64" });
    header.extend(size(riff));
    header.extend(b"WAVE");
    header.extend(if small { b"JUNK" } else { b"ds64" });
    header.extend(28u32.to_le_bytes());
    for size in [riff, data, frames] {
        header.extend(if small { 0 } else { size }.to_le_bytes());
    }
    header.extend([0; 4]); // No table of other large chunks.
    header.extend(b"fmt ");
    header.extend(16u32.to_le_bytes());
    header.extend(1u16.to_le_bytes()); // PCM
    header.extend(2u16.to_le_bytes()); // Channels
    header.extend(rate_hz.to_le_bytes());
    header.extend((rate_hz * FRAME_BYTES as u32).to_le_bytes());
    header.extend((FRAME_BYTES as u16).to_le_bytes());
    header.extend(16u16.to_le_bytes()); // Bits
    header.extend(b"data");
    header.extend(size(data));
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Walks the chunks as a reader does: form, and each chunk's name with its body.
    fn chunks(file: &[u8]) -> (String, Vec<(String, Vec<u8>)>) {
        let name = |at: usize| String::from_utf8_lossy(&file[at..at + 4]).into_owned();
        let size = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let (mut at, mut found) = (12, Vec::new());
        while at + 8 <= file.len() {
            let end = at.saturating_add(8).saturating_add(size(at + 4)).min(file.len());
            found.push((name(at), file[at + 8..end].to_vec()));
            at = end;
        }
        (name(0) + &name(8), found)
    }

    #[test]
    fn a_reader_finds_every_frame_after_every_write() {
        let mut file = Cursor::new(Vec::new());
        let mut wav = Wav::new(&mut file, 16_000).unwrap();
        let (mut written, mut snapshots) = (Vec::new(), Vec::new());
        for n in 0..5i16 {
            let pcm: Vec<i16> = (0..100).map(|k| n * 1000 - k).collect();
            wav.write(&pcm).unwrap();
            written.extend(pcm.iter().flat_map(|it| it.to_le_bytes()));
            snapshots.push((wav.out.get_ref().clone(), written.clone()));
        }
        for (file, expected) in snapshots {
            assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize, file.len() - 8);
            let (form, found) = chunks(&file);
            assert_eq!(form, "RIFFWAVE");
            assert_eq!(found[1].0, "fmt ");
            assert_eq!(found[1].1, [1, 0, 2, 0, 0x80, 0x3e, 0, 0, 0, 0xfa, 0, 0, 4, 0, 16, 0]);
            assert_eq!(found[2], ("data".into(), expected));
        }
    }

    #[test]
    fn a_file_beyond_4_gib_is_rf64() {
        let last_small = (u64::from(ELSEWHERE) - 1 - RIFF_BYTES) / FRAME_BYTES;
        assert_eq!(chunks(&header(last_small, 48_000)).0, "RIFFWAVE");
        let frames = last_small + 1;
        let header = header(frames, 48_000);
        assert_eq!(header.len() as u64, HEADER_BYTES);
        let (form, found) = chunks(&header);
        assert_eq!(form, "RF64WAVE");
        assert_eq!(found[0].0, "ds64");
        let sizes = found[0].1.chunks_exact(8).map(|size| u64::from_le_bytes(size.try_into().unwrap()));
        assert_eq!(sizes.collect::<Vec<_>>(), [frames * 4 + 72, frames * 4, frames]);
        assert_eq!(header[4..8], [0xff; 4]);
        assert_eq!(header[76..], [0xff; 4]);
    }
}
