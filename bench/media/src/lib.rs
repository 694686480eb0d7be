//! The speech that the floor of calls is measured with, and how it is coded.

use webphone_rtc::media::codec::{Codec, Decoder, Encoder, EncoderSettings};

/// What a measure fails of.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Mono PCM in frames of 20 ms, at the rate of its codec.
pub struct Speech {
    pub codec: Codec,
    pub frames: Vec<Vec<i16>>,
    rate_hz: u32,
    settings: EncoderSettings,
}

impl Speech {
    /// `codec` is `opus` or `pcmu`; `file` holds samples of 16 bits, little-endian.
    pub fn read(codec: &str, file: &str, complexity: Option<&String>) -> Result<Self, Fault> {
        let (codec, rate_hz) = match codec {
            "opus" => (Codec::Opus, 48_000),
            "pcmu" => (Codec::Pcmu, 8000),
            other => return Err(format!("{other} is neither opus nor pcmu").into()),
        };
        let complexity = complexity.map(|text| text.parse()).transpose()?;
        let bytes = std::fs::read(file)?;
        let pcm: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let frames = pcm.chunks_exact(rate_hz as usize / 50).map(<[i16]>::to_vec).collect();
        Ok(Self { codec, frames, rate_hz, settings: EncoderSettings { complexity, ..EncoderSettings::default() } })
    }

    pub fn encoder(&self) -> Result<Box<dyn Encoder>, Fault> {
        self.codec.encoder(self.rate_hz, &self.settings).ok_or_else(|| "no encoder".into())
    }

    pub fn decoder(&self) -> Result<Box<dyn Decoder>, Fault> {
        self.codec.decoder(self.rate_hz).ok_or_else(|| "no decoder".into())
    }

    /// A payload for each frame, which `take` is shown as soon as it is encoded.
    pub fn encode(&self, mut take: impl FnMut(&[u8])) -> Result<Vec<Vec<u8>>, Fault> {
        let (mut encoder, mut out) = (self.encoder()?, [0; 1275]);
        let encoded = self.frames.iter().filter_map(|frame| {
            let length = encoder.encode(frame, &mut out)?;
            take(&out[..length]);
            Some(out[..length].to_vec())
        });
        Ok(encoded.collect())
    }
}
