//! Opus (RFC 6716, RTP payload RFC 7587) over a libopus that needs nothing but a Rust compiler.
//!
//! Invariant: the only unsafe code of media. Each pointer comes from a `create` that succeeded, is owned by one value,
//! and is destroyed with it; lengths handed over are those of the slices.
#![allow(unsafe_code)]

use super::{Decoder, Encoder, EncoderSettings, MAX_PACKET_MS, looks_like_telephone_event};
use std::ptr::NonNull;

/// Rates that libopus works at.
pub(super) const RATES_HZ: [u32; 5] = [8000, 12_000, 16_000, 24_000, 48_000];
const MONO: i32 = 1;

/// Length of a packet in 48 kHz ticks, or `None` if it breaks a rule of RFC 6716 section 3.4.
pub(super) fn ticks(payload: &[u8]) -> Option<u32> {
    if looks_like_telephone_event(payload) { None } else { frames(payload).map(|(ticks, _)| ticks) }
}

/// Length of a packet in 48 kHz ticks, and whether each of its frames has anything in it.
fn frames(payload: &[u8]) -> Option<(u32, bool)> {
    let length = i32::try_from(payload.len()).ok().filter(|length| *length > 0)?;
    let mut sizes = [0i16; 48];
    // SAFETY: `payload` is `length` readable bytes; 48 is the most frames a packet can have; the null outputs are
    // optional by the library's contract.
    let (frames, each) = unsafe {
        let frames = unsafe_libopus::opus_packet_parse(
            payload.as_ptr(),
            length,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            sizes.as_mut_ptr(),
            std::ptr::null_mut(),
        );
        (frames, unsafe_libopus::opus_packet_get_samples_per_frame(payload.as_ptr(), 48_000))
    };
    let frames = usize::try_from(frames).ok().filter(|frames| *frames > 0)?;
    let ticks = u32::try_from(each).ok()? * frames as u32;
    // libopus takes a frame of one byte or none as discontinued transmission.
    let full = sizes.iter().take(frames).all(|size| *size > 1);
    (ticks > 0 && ticks <= MAX_PACKET_MS * 48).then_some((ticks, full))
}

pub(super) struct OpusEncoder {
    state: NonNull<unsafe_libopus::OpusEncoder>,
    rate_hz: u32,
    settings: EncoderSettings,
}

// SAFETY: the state is plain memory without ties to a thread, and only `&mut self` reaches it.
unsafe impl Send for OpusEncoder {}

impl OpusEncoder {
    pub(super) fn new(rate_hz: u32, settings: &EncoderSettings) -> Option<Self> {
        let mut error = 0;
        // SAFETY: `error` outlives the call; the result is checked before use.
        let state = unsafe {
            unsafe_libopus::opus_encoder_create(
                rate_hz as i32,
                MONO,
                unsafe_libopus::OPUS_APPLICATION_VOIP,
                &raw mut error,
            )
        };
        let mut encoder = Self { state: NonNull::new(state)?, rate_hz, settings: *settings };
        encoder.apply();
        Some(encoder)
    }

    fn apply(&mut self) {
        let EncoderSettings { bitrate_bps, complexity, fec, loss_percent } = self.settings;
        self.set(unsafe_libopus::OPUS_SET_BITRATE_REQUEST, bitrate_bps.clamp(6000, 510_000) as i32);
        self.set(unsafe_libopus::OPUS_SET_COMPLEXITY_REQUEST, i32::from(complexity.min(10)));
        self.set(unsafe_libopus::OPUS_SET_INBAND_FEC_REQUEST, i32::from(fec));
        self.set(unsafe_libopus::OPUS_SET_PACKET_LOSS_PERC_REQUEST, i32::from(loss_percent.min(100)));
    }

    fn set(&mut self, request: i32, value: i32) {
        // SAFETY: the state is live; every request used takes one i32.
        unsafe { unsafe_libopus::opus_encoder_ctl!(self.state.as_ptr(), request, value) };
    }
}

impl Encoder for OpusEncoder {
    fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Option<usize> {
        let (frames, room) = (i32::try_from(pcm.len()).ok()?, i32::try_from(out.len()).ok()?);
        // SAFETY: `pcm` holds `frames` mono samples, `out` has `room` writable bytes.
        let written =
            unsafe { unsafe_libopus::opus_encode(self.state.as_ptr(), pcm.as_ptr(), frames, out.as_mut_ptr(), room) };
        usize::try_from(written).ok().filter(|bytes| *bytes > 0)
    }

    fn configure(&mut self, settings: &EncoderSettings) {
        if *settings != self.settings {
            self.settings = *settings;
            self.apply();
        }
    }
}

impl Drop for OpusEncoder {
    fn drop(&mut self) {
        // SAFETY: created by `opus_encoder_create`, destroyed once.
        unsafe { unsafe_libopus::opus_encoder_destroy(self.state.as_ptr()) };
    }
}

pub(super) struct OpusDecoder {
    state: NonNull<unsafe_libopus::OpusDecoder>,
    rate_hz: u32,
    /// The last packet was CELT, not SILK or both (RFC 6716 section 3.1).
    celt: bool,
    gap: bool,
}

// SAFETY: as for the encoder.
unsafe impl Send for OpusDecoder {}

impl OpusDecoder {
    pub(super) fn new(rate_hz: u32) -> Option<Self> {
        let mut error = 0;
        // SAFETY: `error` outlives the call; the result is checked before use.
        let state = unsafe { unsafe_libopus::opus_decoder_create(rate_hz as i32, MONO, &raw mut error) };
        Some(Self { state: NonNull::new(state)?, rate_hz, celt: true, gap: false })
    }
}

impl OpusDecoder {
    fn reset(&mut self) {
        // SAFETY: the state is live; the request takes no argument.
        unsafe { unsafe_libopus::opus_decoder_ctl!(self.state.as_ptr(), unsafe_libopus::OPUS_RESET_STATE,) };
    }
}

impl Decoder for OpusDecoder {
    fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool {
        // An empty frame would make the library conceal, which it does not do well: see `conceal`.
        let Some((ticks, true)) = frames(payload) else { return false };
        let celt = payload.first().is_some_and(|toc| toc & 0x80 != 0);
        if std::mem::replace(&mut self.gap, false) && celt && !self.celt {
            // The packet that leads over to CELT may be lost, and the library would conceal from SILK.
            self.reset();
        }
        self.celt = celt;
        let (start, samples) = (out.len(), (ticks / (48_000 / self.rate_hz)) as usize);
        out.resize(start + samples, 0);
        // SAFETY: `payload` is readable for its length; `samples` writable i16 follow `start`.
        let decoded = unsafe {
            let pcm = out.as_mut_ptr().add(start);
            let (data, length) = (payload.as_ptr(), payload.len() as i32);
            unsafe_libopus::opus_decode(self.state.as_ptr(), data, length, pcm, samples as i32, 0)
        };
        out.truncate(start + usize::try_from(decoded).unwrap_or(0));
        out.len() > start
    }

    fn conceal(&mut self, _samples: usize, _out: &mut Vec<i16>) -> bool {
        self.gap = true;
        false
    }
}

impl Drop for OpusDecoder {
    fn drop(&mut self) {
        // SAFETY: created by `opus_decoder_create`, destroyed once.
        unsafe { unsafe_libopus::opus_decoder_destroy(self.state.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_says_how_long_it_plays() {
        let mut encoder = OpusEncoder::new(16_000, &EncoderSettings::default()).unwrap();
        let mut out = [0u8; 1275];
        for (ms, expected) in [(10, 480), (20, 960), (40, 1920), (60, 2880)] {
            let pcm: Vec<i16> = (0..16 * ms).map(|n| ((n as f32 * 0.3).sin() * 9000.0) as i16).collect();
            let bytes = encoder.encode(&pcm, &mut out).unwrap();
            assert_eq!(ticks(&out[..bytes]), Some(expected));
        }
    }

    #[test]
    fn malformed_packets_have_no_length() {
        assert_eq!(ticks(&[]), None);
        // Code 3 with a frame count of zero (R5).
        assert_eq!(ticks(&[0x7b, 0x00]), None);
        // Code 1 with an odd number of bytes (R3).
        assert_eq!(ticks(&[0x79, 1, 2, 3]), None);
        // 60 ms times three is longer than 120 ms (R5).
        assert_eq!(ticks(&[0x1b, 0x03, 1, 2, 3]), None);
    }

    #[test]
    fn discontinued_transmission_is_a_packet_without_sound() {
        let mut decoder = OpusDecoder::new(16_000).unwrap();
        for payload in [&[0x48u8][..], &[0x48, 0], &[0x4b, 0x02], &[0x4b, 0x03, 1, 2, 3]] {
            assert!(ticks(payload).is_some());
            let mut out = Vec::new();
            assert!(!decoder.decode(payload, &mut out));
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_lost_transition_to_celt_makes_no_burst() {
        let settings = |bitrate_bps| EncoderSettings { bitrate_bps, ..EncoderSettings::default() };
        let mut encoder = OpusEncoder::new(16_000, &settings(16_000)).unwrap();
        let mut packets = Vec::new();
        for n in 0..50 {
            if n == 25 {
                encoder.configure(&settings(128_000));
            }
            let pcm: Vec<i16> = (n * 320..(n + 1) * 320).map(|n| ((n as f32 * 0.2).sin() * 8000.0) as i16).collect();
            let mut out = [0; 1275];
            let bytes = encoder.encode(&pcm, &mut out).unwrap();
            packets.push(out[..bytes].to_vec());
        }
        let first = packets.iter().position(|packet| packet[0] & 0x80 != 0).unwrap();
        assert!(first > 24, "it begins with SILK");
        let mut decoder = OpusDecoder::new(16_000).unwrap();
        let mut out = Vec::new();
        packets[..first - 1].iter().for_each(|packet| assert!(decoder.decode(packet, &mut out)));
        decoder.conceal(320, &mut out);
        packets[first..].iter().for_each(|packet| assert!(decoder.decode(packet, &mut out)));
        let peak = out.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(peak < 12_000, "{peak}");
    }
}
