//! WAV files and rates of plain PCM.

use std::io::Write;
use std::path::Path;
use webphone_rtc::media::resample::Converter;

/// Mono samples of a canonical 16-bit WAV.
pub fn read(file: &[u8]) -> Vec<i16> {
    assert_eq!((&file[..4], &file[36..40]), (&b"RIFF"[..], &b"data"[..]));
    file[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

pub fn write(path: &Path, pcm: &[i16], rate_hz: u32) {
    let bytes = pcm.len() as u32 * 2;
    let mut file = Vec::with_capacity(44 + bytes as usize);
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(rate_hz.to_le_bytes());
    file.extend((rate_hz * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(bytes.to_le_bytes());
    pcm.iter().for_each(|sample| file.extend(sample.to_le_bytes()));
    std::fs::File::create(path).unwrap().write_all(&file).unwrap();
}

pub fn resampled(pcm: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    if from_hz == to_hz {
        return pcm.to_vec();
    }
    let mut converter = Converter::new((from_hz, 1), (to_hz, 1));
    let mut out = vec![0; converter.available(pcm.len())];
    converter.convert(pcm, &mut out);
    out
}
