//! Opus (RFC 6716, RTP payload RFC 7587) over libopus.
//!
//! Invariant: the only unsafe code of media. Each pointer comes from a `create` that succeeded, is owned by one value,
//! and is destroyed with it; lengths handed over are those of the slices.
#![allow(unsafe_code)]

use super::{Decoder, Encoder, EncoderSettings, MAX_PACKET_MS, looks_like_telephone_event};
use crate::census::{Kind, Live};
use std::ffi::c_int;
use std::ptr::NonNull;

/// Rates that libopus works at.
pub(super) const RATES_HZ: [u32; 5] = [8000, 12_000, 16_000, 24_000, 48_000];
const MONO: c_int = 1;
const STEREO: c_int = 2;
/// Concealment comes in multiples of 2.5 ms.
const QUANTA_PER_SECOND: u32 = 400;
/// A recording costs little beside the call that it is of.
const RECORDING_COMPLEXITY: c_int = 5;
/// A frame of at most so many bytes need not be sent: the far end makes comfort noise by itself.
const DISCONTINUED: usize = 2;

/// Length of a packet in 48 kHz ticks, or `None` if it breaks a rule of RFC 6716 section 3.4.
pub(super) fn ticks(payload: &[u8]) -> Option<u32> {
    if looks_like_telephone_event(payload) { None } else { length(payload) }
}

/// As [`ticks`], of any payload.
fn length(payload: &[u8]) -> Option<u32> {
    let length = c_int::try_from(payload.len()).ok().filter(|length| *length > 0)?;
    let mut sizes = [0i16; 48];
    // SAFETY: `payload` is `length` readable bytes; 48 is the most frames a packet can have; the null outputs are
    // optional by the library's contract.
    let frames = unsafe {
        opusic_sys::opus_packet_parse(
            payload.as_ptr(),
            length,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            sizes.as_mut_ptr(),
            std::ptr::null_mut(),
        )
    };
    let ticks = u32::try_from(frames).ok()? * frame_ticks(payload)?;
    (ticks > 0 && ticks <= MAX_PACKET_MS * 48).then_some(ticks)
}

/// Length of each frame of a packet in 48 kHz ticks.
fn frame_ticks(payload: &[u8]) -> Option<u32> {
    let toc = payload.first()?;
    // SAFETY: the function reads one byte.
    u32::try_from(unsafe { opusic_sys::opus_packet_get_samples_per_frame(toc, 48_000) }).ok()
}

/// The packet holds a second copy of the frame before it (LBRR, RFC 6716 section 4.2.4).
fn is_redundant(payload: &[u8]) -> bool {
    let Some(length) = c_int::try_from(payload.len()).ok().filter(|length| *length > 0) else { return false };
    // SAFETY: `payload` is `length` readable bytes, at least the one that is read without asking.
    unsafe { opusic_sys::opus_packet_has_lbrr(payload.as_ptr(), length) == 1 }
}

/// CELT alone, without SILK (RFC 6716 section 3.1).
fn is_celt(payload: &[u8]) -> bool {
    payload.first().is_some_and(|toc| toc & 0x80 != 0)
}

/// An encoder of libopus.
struct Lib {
    state: NonNull<opusic_sys::OpusEncoder>,
    channels: c_int,
    _live: Live,
}

// SAFETY: the state is plain memory without ties to a thread, and only `&mut self` changes it.
unsafe impl Send for Lib {}

impl Lib {
    fn new(rate_hz: u32, channels: c_int, application: c_int) -> Option<Self> {
        let (rate, mut error) = (c_int::try_from(rate_hz).ok()?, 0);
        // SAFETY: `error` outlives the call; the result is checked before use.
        let state = unsafe { opusic_sys::opus_encoder_create(rate, channels, application, &raw mut error) };
        Some(Self { state: NonNull::new(state)?, channels, _live: Live::new(Kind::Codec) })
    }

    fn set(&mut self, request: c_int, value: c_int) {
        // SAFETY: the state is live; every request used takes one int.
        unsafe { opusic_sys::opus_encoder_ctl(self.state.as_ptr(), request, value) };
    }

    fn lookahead(&self) -> u32 {
        let mut samples: c_int = 0;
        // SAFETY: the state is live; the request takes a pointer to one int, which outlives the call.
        unsafe {
            let request = opusic_sys::OPUS_GET_LOOKAHEAD_REQUEST;
            opusic_sys::opus_encoder_ctl(self.state.as_ptr(), request, &raw mut samples)
        };
        samples.unsigned_abs()
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Option<usize> {
        let frames = c_int::try_from(pcm.len()).ok()? / self.channels;
        let room = c_int::try_from(out.len()).ok()?;
        // SAFETY: `pcm` holds `frames` samples of each channel, `out` has `room` writable bytes.
        let written =
            unsafe { opusic_sys::opus_encode(self.state.as_ptr(), pcm.as_ptr(), frames, out.as_mut_ptr(), room) };
        usize::try_from(written).ok().filter(|bytes| *bytes > 0)
    }
}

impl Drop for Lib {
    fn drop(&mut self) {
        // SAFETY: created by `opus_encoder_create`, destroyed once.
        unsafe { opusic_sys::opus_encoder_destroy(self.state.as_ptr()) };
    }
}

pub(super) struct OpusEncoder {
    lib: Lib,
    rate_hz: u32,
    settings: EncoderSettings,
    discontinued: bool,
}

impl OpusEncoder {
    pub(super) fn new(rate_hz: u32, settings: &EncoderSettings) -> Option<Self> {
        let lib = Lib::new(rate_hz, MONO, opusic_sys::OPUS_APPLICATION_VOIP)?;
        let mut encoder = Self { lib, rate_hz, settings: *settings, discontinued: false };
        encoder.apply();
        Some(encoder)
    }

    fn apply(&mut self) {
        let EncoderSettings { bitrate_bps, fec, loss_percent, dtx, cbr, max_playback_hz, .. } = self.settings;
        let complexity = self.settings.complexity.unwrap_or_else(|| complexity(self.rate_hz, &self.settings));
        for (request, value) in [
            (opusic_sys::OPUS_SET_BITRATE_REQUEST, bitrate_bps.clamp(6000, 510_000) as c_int),
            (opusic_sys::OPUS_SET_COMPLEXITY_REQUEST, c_int::from(complexity.min(10))),
            (opusic_sys::OPUS_SET_INBAND_FEC_REQUEST, c_int::from(fec)),
            (opusic_sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, c_int::from(loss_percent.min(100))),
            (opusic_sys::OPUS_SET_DTX_REQUEST, c_int::from(dtx)),
            (opusic_sys::OPUS_SET_VBR_REQUEST, c_int::from(!cbr)),
            (opusic_sys::OPUS_SET_MAX_BANDWIDTH_REQUEST, bandwidth(max_playback_hz)),
        ] {
            self.lib.set(request, value);
        }
    }
}

/// Below this, or with FEC, a voice of up to 16 kHz is worth the last seventh of what its encoder can take.
const AMPLE_BPS: u32 = 28_000;

/// CPU against quality, 0 to 10. SILK alone, up to 16 kHz, is better at 6 than browsers' 48 kHz at 9, and has little left to
/// gain where bits are ample: 0.05 PESQ, in place of 0.15 where they are not (the figures are in docs/architecture.md).
/// Above 16 kHz the analysis that libopus does from 7 on chooses between SILK and CELT, and pays.
fn complexity(rate_hz: u32, settings: &EncoderSettings) -> u8 {
    let ample = settings.bitrate_bps >= AMPLE_BPS && !settings.fec;
    if rate_hz <= 16_000 && ample { 6 } else { 9 }
}

/// The widest audio band that a receiver which plays at `playback_hz` has a use for.
fn bandwidth(playback_hz: u32) -> c_int {
    match playback_hz {
        ..=8000 => opusic_sys::OPUS_BANDWIDTH_NARROWBAND,
        8001..=12_000 => opusic_sys::OPUS_BANDWIDTH_MEDIUMBAND,
        12_001..=16_000 => opusic_sys::OPUS_BANDWIDTH_WIDEBAND,
        16_001..=24_000 => opusic_sys::OPUS_BANDWIDTH_SUPERWIDEBAND,
        _ => opusic_sys::OPUS_BANDWIDTH_FULLBAND,
    }
}

impl Encoder for OpusEncoder {
    fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Option<usize> {
        let bytes = self.lib.encode(pcm, out)?;
        self.discontinued = self.settings.dtx && bytes <= DISCONTINUED;
        Some(bytes)
    }

    fn is_discontinued(&self) -> bool {
        self.discontinued
    }

    fn configure(&mut self, settings: &EncoderSettings) {
        if *settings != self.settings {
            self.settings = *settings;
            self.apply();
        }
    }
}

/// Encodes two signals into one stream, for a recording.
pub struct StereoEncoder(Lib);

impl StereoEncoder {
    /// For PCM at `rate_hz`, one of the rates of libopus; `None` for another.
    pub fn new(rate_hz: u32, bitrate_bps: u32) -> Option<Self> {
        let mut lib = Lib::new(rate_hz, STEREO, opusic_sys::OPUS_APPLICATION_AUDIO)?;
        lib.set(opusic_sys::OPUS_SET_BITRATE_REQUEST, bitrate_bps.clamp(6000, 510_000) as c_int);
        lib.set(opusic_sys::OPUS_SET_COMPLEXITY_REQUEST, RECORDING_COMPLEXITY);
        // Each side stays on its own, also where both are alike for a while.
        lib.set(opusic_sys::OPUS_SET_FORCE_CHANNELS_REQUEST, STEREO);
        Some(Self(lib))
    }

    /// Samples, at its rate, by which the decoded signal lags behind.
    pub fn delay(&self) -> u32 {
        self.0.lookahead()
    }

    /// Encodes one frame, left and right in turn, into `out` and returns the bytes used; `None` when libopus refuses.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Option<usize> {
        self.0.encode(pcm, out)
    }
}

pub(super) struct OpusDecoder {
    state: NonNull<opusic_sys::OpusDecoder>,
    rate_hz: u32,
    /// The last packet was CELT: libopus then has no use for redundancy, which is SILK's.
    celt: bool,
    _live: Live,
}

// SAFETY: as for the encoder.
unsafe impl Send for OpusDecoder {}

impl OpusDecoder {
    pub(super) fn new(rate_hz: u32) -> Option<Self> {
        let (rate, mut error) = (c_int::try_from(rate_hz).ok()?, 0);
        // SAFETY: `error` outlives the call; the result is checked before use.
        let state = unsafe { opusic_sys::opus_decoder_create(rate, MONO, &raw mut error) };
        Some(Self { state: NonNull::new(state)?, rate_hz, celt: false, _live: Live::new(Kind::Codec) })
    }

    /// Appends at most `samples` that libopus makes of `payload`, or of nothing: concealment. `redundancy`: of the
    /// frame before it.
    fn run(&mut self, payload: &[u8], samples: usize, redundancy: bool, out: &mut Vec<i16>) -> bool {
        let start = out.len();
        out.resize(start + samples, 0);
        let data = if payload.is_empty() { std::ptr::null() } else { payload.as_ptr() };
        let decoded = match (c_int::try_from(payload.len()), c_int::try_from(samples)) {
            // SAFETY: `data` is null, or readable for `length` bytes; `room` writable i16 follow `start`.
            (Ok(length), Ok(room)) => unsafe {
                let pcm = out.as_mut_ptr().add(start);
                opusic_sys::opus_decode(self.state.as_ptr(), data, length, pcm, room, c_int::from(redundancy))
            },
            _ => 0,
        };
        out.truncate(start + usize::try_from(decoded).unwrap_or(0));
        out.len() > start
    }

    fn quantum(&self) -> usize {
        (self.rate_hz / QUANTA_PER_SECOND) as usize
    }

    /// Samples of the longest packet: libopus has them on the stack.
    fn most(&self) -> usize {
        (self.rate_hz * MAX_PACKET_MS / 1000) as usize
    }
}

impl Decoder for OpusDecoder {
    fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool {
        let Some(ticks) = length(payload) else { return false };
        let decoded = self.run(payload, (ticks / (48_000 / self.rate_hz)) as usize, false, out);
        if decoded {
            self.celt = is_celt(payload);
        }
        decoded
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> bool {
        let Some(frame) = frame_ticks(next).map(|ticks| (ticks / (48_000 / self.rate_hz)) as usize) else {
            return false;
        };
        // Anything else would be concealed by libopus without a word.
        let usable = samples >= frame && samples.is_multiple_of(self.quantum()) && samples <= self.most();
        if !usable || self.celt || !is_redundant(next) {
            return false;
        }
        self.run(next, samples, true, out)
    }

    fn conceal(&mut self, samples: usize, steady: bool, out: &mut Vec<i16>) -> bool {
        // A tone goes on better in PCM, and the decoder is not told of it: what SILK makes of a tone overshoots, and so
        // does what it decodes after that; CELT, once told, expects less than the level before, to be on the safe side,
        // and a tone comes back over five to eight packets from as little as a twentieth of its level.
        if steady {
            return false;
        }
        let end = out.len() + samples;
        while out.len() < end {
            let missing = (end - out.len()).next_multiple_of(self.quantum());
            if !self.run(&[], missing.min(self.most()), false, out) {
                break;
            }
        }
        out.resize(end, 0);
        true
    }
}

impl Drop for OpusDecoder {
    fn drop(&mut self) {
        // SAFETY: created by `opus_decoder_create`, destroyed once.
        unsafe { opusic_sys::opus_decoder_destroy(self.state.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: f32 = 9000.0;

    fn settings(bitrate_bps: u32) -> EncoderSettings {
        EncoderSettings { bitrate_bps, ..EncoderSettings::default() }
    }

    fn redundant(bitrate_bps: u32) -> EncoderSettings {
        EncoderSettings { fec: true, loss_percent: 20, ..settings(bitrate_bps) }
    }

    /// A voice: the harmonics of a pitch that wanders, in syllables with a short pause after each; peaks near [`LOUD`].
    fn voice(rate_hz: u32, ms: u32) -> Vec<i16> {
        let mut phase = 0.0f32;
        let sample = |n: u32| {
            let seconds = n as f32 / rate_hz as f32;
            phase += (130.0 + 30.0 * (seconds * 5.0).sin()) / rate_hz as f32;
            let syllable = ((seconds * 3.0).fract() * 1.3).min(1.0);
            let vowel = 700.0 + 400.0 * (seconds * 2.0).sin();
            let harmonics = (1..24).map(|k| {
                let off = (k as f32 * 130.0 - vowel) / 500.0;
                (phase * std::f32::consts::TAU * k as f32).sin() / (1.0 + off * off) / 4.0
            });
            (harmonics.sum::<f32>() * LOUD * (syllable * std::f32::consts::PI).sin()) as i16
        };
        (0..rate_hz / 1000 * ms).map(sample).collect()
    }

    /// White noise that a room makes when nobody speaks.
    fn room(samples: usize, level: f32) -> Vec<i16> {
        let mut random = Random(1);
        (0..samples).map(|_| ((random.next() as f32 / u32::MAX as f32 - 0.5) * 3.46 * level) as i16).collect()
    }

    /// One second of voice, three of pause.
    fn spoken_in_a_room(rate_hz: u32) -> Vec<i16> {
        let mut pcm = room(rate_hz as usize * 4, 30.0);
        voice(rate_hz, 1000).iter().zip(&mut pcm).for_each(|(voice, room)| *room += voice);
        pcm
    }

    struct Random(u32);

    impl Random {
        fn next(&mut self) -> u32 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            self.0.rotate_left(16)
        }
    }

    fn packets(rate_hz: u32, settings: &EncoderSettings, pcm: &[i16]) -> Vec<Vec<u8>> {
        let mut encoder = OpusEncoder::new(rate_hz, settings).unwrap();
        pcm.chunks_exact(rate_hz as usize / 50).map(|frame| packet(&mut encoder, frame)).collect()
    }

    fn packet(encoder: &mut OpusEncoder, frame: &[i16]) -> Vec<u8> {
        let mut out = [0; 1275];
        let bytes = encoder.encode(frame, &mut out).unwrap();
        out[..bytes].to_vec()
    }

    fn level(pcm: &[i16]) -> f32 {
        let energy: f32 = pcm.iter().map(|sample| f32::from(*sample) * f32::from(*sample)).sum();
        (energy / pcm.len() as f32).sqrt()
    }

    fn peak(pcm: &[i16]) -> u16 {
        pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0)
    }

    #[test]
    fn a_packet_says_how_long_it_plays() {
        let mut encoder = OpusEncoder::new(16_000, &EncoderSettings::default()).unwrap();
        for (ms, expected) in [(10, 480), (20, 960), (40, 1920), (60, 2880)] {
            assert_eq!(ticks(&packet(&mut encoder, &voice(16_000, ms))), Some(expected));
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
    fn a_pause_of_discontinued_transmission_sounds_like_the_room() {
        let dtx = EncoderSettings { dtx: true, ..settings(32_000) };
        for rate_hz in [16_000, 48_000] {
            let frame = rate_hz as usize / 50;
            let mut encoder = OpusEncoder::new(rate_hz, &dtx).unwrap();
            let mut decoder = OpusDecoder::new(rate_hz).unwrap();
            let pcm = spoken_in_a_room(rate_hz);
            let (mut heard, mut sent) = (Vec::new(), Vec::new());
            for frame_pcm in pcm.chunks_exact(frame) {
                let packet = packet(&mut encoder, frame_pcm);
                sent.push(!encoder.is_discontinued());
                // What is discontinued does not arrive, so it is concealed.
                let played = if encoder.is_discontinued() {
                    decoder.conceal(frame, false, &mut heard)
                } else {
                    decoder.decode(&packet, &mut heard)
                };
                assert!(played);
            }
            assert!(sent[..50].iter().all(|sent| *sent), "speech is sent");
            let updates = sent[100..].iter().filter(|sent| **sent).count();
            assert!((1..15).contains(&updates), "{updates} of 100 frames of silence were sent");
            assert_eq!(heard.len(), pcm.len());
            for pause in heard[100 * frame..].chunks_exact(25 * frame) {
                assert!((8.0..60.0).contains(&level(pause)), "{rate_hz}: {}", level(pause));
            }
        }
    }

    #[test]
    fn a_packet_of_discontinued_transmission_is_comfort_noise() {
        let dtx = EncoderSettings { dtx: true, ..settings(32_000) };
        let packets = packets(16_000, &dtx, &spoken_in_a_room(16_000));
        let mut decoder = OpusDecoder::new(16_000).unwrap();
        let mut heard = Vec::new();
        packets.iter().for_each(|packet| assert!(decoder.decode(packet, &mut heard)));
        assert!(packets[100..].iter().filter(|packet| packet.len() <= DISCONTINUED).count() > 80);
        assert_eq!(heard.len(), 64_000);
        assert!((8.0..60.0).contains(&level(&heard[32_000..])), "{}", level(&heard[32_000..]));
    }

    #[test]
    fn speech_is_not_discontinued() {
        let dtx = EncoderSettings { dtx: true, ..settings(32_000) };
        let mut encoder = OpusEncoder::new(16_000, &dtx).unwrap();
        for frame in voice(16_000, 1000).chunks_exact(320) {
            packet(&mut encoder, frame);
            assert!(!encoder.is_discontinued());
        }
    }

    #[test]
    fn silence_is_sent_when_discontinued_transmission_was_not_asked_for() {
        let mut encoder = OpusEncoder::new(16_000, &settings(32_000)).unwrap();
        for _ in 0..100 {
            packet(&mut encoder, &[0; 320]);
            assert!(!encoder.is_discontinued());
        }
    }

    #[test]
    fn redundancy_brings_back_what_was_lost() {
        for (rate_hz, bitrate_bps) in [(8000, 20_000), (16_000, 24_000), (48_000, 32_000)] {
            let frame = rate_hz as usize / 50;
            let packets = packets(rate_hz, &redundant(bitrate_bps), &voice(rate_hz, 2000));
            let (mut whole, mut recovered, mut concealed) = (Vec::new(), Vec::new(), Vec::new());
            let mut intact = OpusDecoder::new(rate_hz).unwrap();
            packets.iter().for_each(|packet| assert!(intact.decode(packet, &mut whole)));
            for (out, recover) in [(&mut recovered, true), (&mut concealed, false)] {
                let mut decoder = OpusDecoder::new(rate_hz).unwrap();
                for (n, packet) in packets.iter().enumerate() {
                    let lost = n % 5 == 4 && n + 1 < packets.len();
                    let done = match packets.get(n + 1).filter(|_| lost) {
                        Some(next) if recover && decoder.recover(next, frame, out) => true,
                        Some(_) => decoder.conceal(frame, false, out),
                        None => decoder.decode(packet, out),
                    };
                    assert!(done);
                }
                assert_eq!(out.len(), whole.len());
            }
            let error = |out: &[i16]| {
                let lost = (0..packets.len() - 1).filter(|n| n % 5 == 4).map(|n| n * frame..(n + 1) * frame);
                let wrong: Vec<i16> = lost.flatten().map(|n| out[n].saturating_sub(whole[n])).collect();
                level(&wrong)
            };
            let (with, without) = (error(&recovered), error(&concealed));
            assert!(with < without * 0.6, "{rate_hz}: {with} {without}");
        }
    }

    #[test]
    fn a_tone_of_celt_has_its_level_after_a_lost_packet() {
        // A louder sound of another pitch each 0.7 s, as a ringing tone or a digit is.
        let tone = |n: u32| {
            let (hz, level) = if n % 34_080 < 2880 { (1320.0, 16_000.0) } else { (440.0, 8000.0) };
            ((n as f32 / 48_000.0 * hz * std::f32::consts::TAU).sin() * level) as i16
        };
        let packets = packets(48_000, &settings(128_000), &(0..48_000 * 4).map(tone).collect::<Vec<_>>());
        let mut intact = OpusDecoder::new(48_000).unwrap();
        let mut whole = Vec::new();
        packets.iter().for_each(|packet| assert!(intact.decode(packet, &mut whole)));
        for lost in 60..packets.len() - 5 {
            assert!(is_celt(&packets[lost]));
            let mut decoder = OpusDecoder::new(48_000).unwrap();
            let mut out = Vec::new();
            packets[..lost].iter().for_each(|packet| assert!(decoder.decode(packet, &mut out)));
            decoder.conceal(960, true, &mut out);
            out.resize((lost + 1) * 960, 0);
            packets[lost + 1..lost + 5].iter().for_each(|packet| assert!(decoder.decode(packet, &mut out)));
            let of = |pcm: &[i16]| level(&pcm[(lost + 2) * 960..(lost + 5) * 960]);
            assert!(of(&out) > of(&whole) * 0.9, "{lost}: {} of {}", of(&out), of(&whole));
        }
    }

    #[test]
    fn what_was_lost_before_the_redundancy_is_concealed() {
        let packets = packets(16_000, &redundant(24_000), &voice(16_000, 1000));
        let mut decoder = OpusDecoder::new(16_000).unwrap();
        let mut out = Vec::new();
        packets[..20].iter().for_each(|packet| assert!(decoder.decode(packet, &mut out)));
        assert!(decoder.recover(&packets[23], 960, &mut out));
        assert_eq!(out.len(), 23 * 320);
    }

    #[test]
    fn a_packet_without_redundancy_recovers_nothing() {
        let voice = voice(48_000, 1000);
        let plain = packets(48_000, &settings(32_000), &voice);
        let celt = packets(48_000, &settings(128_000), &voice);
        let useful = packets(48_000, &redundant(32_000), &voice);
        assert!(celt[30][0] & 0x80 != 0);
        let mut decoder = OpusDecoder::new(48_000).unwrap();
        let mut out = Vec::new();
        for next in [&plain[30][..], &celt[30], &[], &[0x48], &[0x48, 0x80], &[0xff; 20]] {
            assert!(!decoder.recover(next, 960, &mut out), "{next:?}");
        }
        // Less than its frame, more than a packet can be, no multiple of 2.5 ms.
        for samples in [0, 480, 5880, 1000] {
            assert!(!decoder.recover(&useful[30], samples, &mut out));
        }
        assert!(out.is_empty());
        assert!(decoder.recover(&useful[30], 960, &mut out));
        // libopus has no use for redundancy after CELT.
        assert!(decoder.decode(&celt[30], &mut out));
        assert!(!decoder.recover(&useful[30], 960, &mut out));
    }

    #[test]
    fn a_long_gap_fades() {
        for (rate_hz, bitrate_bps) in [(8000, 12_000), (16_000, 24_000), (48_000, 32_000), (48_000, 128_000)] {
            let mut decoder = OpusDecoder::new(rate_hz).unwrap();
            let mut out = Vec::new();
            let packets = packets(rate_hz, &settings(bitrate_bps), &voice(rate_hz, 500));
            packets.iter().for_each(|packet| assert!(decoder.decode(packet, &mut out)));
            let spoken = out.len();
            assert!(decoder.conceal(rate_hz as usize, false, &mut out));
            assert_eq!(out.len(), spoken + rate_hz as usize);
            let end = &out[spoken + rate_hz as usize / 2..];
            assert!(level(end) < 200.0, "{rate_hz} Hz at {bitrate_bps}: {}", level(end));
        }
    }

    #[test]
    fn a_gap_is_as_long_as_it_was_asked_for() {
        let mut decoder = OpusDecoder::new(48_000).unwrap();
        for samples in [1, 119, 480, 960, 1000, 5760, 48_000] {
            let mut out = Vec::new();
            assert!(decoder.conceal(samples, false, &mut out));
            assert_eq!(out.len(), samples);
        }
    }

    #[test]
    fn no_loss_is_louder_than_the_speech() {
        let with = |bitrate_bps, fec| if fec { redundant(bitrate_bps) } else { settings(bitrate_bps) };
        for rate_hz in [8000, 16_000, 48_000] {
            let frame = rate_hz as usize / 50;
            let mut pcm = voice(rate_hz, 3000);
            pcm[rate_hz as usize..rate_hz as usize * 2].fill(0);
            // SILK, hybrid, CELT, and all of them in turn.
            for bitrates in [&[12_000][..], &[24_000], &[32_000], &[128_000], &[12_000, 32_000, 128_000, 20_000]] {
                for (fec, dtx, seed) in [(false, false, 1), (true, false, 2), (true, true, 3), (false, true, 4)] {
                    let mut encoder = OpusEncoder::new(rate_hz, &with(bitrates[0], fec)).unwrap();
                    let mut packets = Vec::new();
                    for (n, frame) in pcm.chunks_exact(frame).enumerate() {
                        let now = with(bitrates[n / 13 % bitrates.len()], fec);
                        encoder.configure(&EncoderSettings { dtx, ..now });
                        packets.push(packet(&mut encoder, frame));
                    }
                    let mut decoder = OpusDecoder::new(rate_hz).unwrap();
                    let (mut random, mut out, mut before) = (Random(seed), Vec::new(), false);
                    for packet in &packets {
                        let lost = random.next() % 100 < 25;
                        if before && !(fec && decoder.recover(packet, frame, &mut out)) {
                            assert!(decoder.conceal(frame, false, &mut out));
                        }
                        if !lost {
                            assert!(decoder.decode(packet, &mut out));
                        }
                        before = lost;
                    }
                    let (said, heard) = (peak(&pcm), peak(&out));
                    assert!(heard < said + said / 2, "{rate_hz} Hz, {bitrates:?}, {fec} {dtx}: {heard}, said {said}");
                }
            }
        }
    }

    #[test]
    fn damaged_packets_are_refused_or_played_but_nothing_worse() {
        let mut sound = packets(48_000, &redundant(32_000), &voice(48_000, 1000));
        sound.extend(packets(48_000, &settings(128_000), &voice(48_000, 1000)));
        let mut random = Random(7);
        let mut decoder = OpusDecoder::new(48_000).unwrap();
        let (mut out, mut played) = (Vec::new(), 0);
        for n in 0..20_000 {
            let mut packet = sound[random.next() as usize % sound.len()].clone();
            match n % 3 {
                0 => packet.truncate(random.next() as usize % packet.len()),
                1 => (0..4).for_each(|_| {
                    let at = random.next() as usize % packet.len();
                    packet[at] = random.next() as u8;
                }),
                _ => packet = (0..random.next() % 100).map(|_| random.next() as u8).collect(),
            }
            out.clear();
            let expected = length(&packet);
            let recovered = decoder.recover(&packet, 960, &mut out);
            assert_eq!(out.len(), if recovered { 960 } else { 0 });
            out.clear();
            let decoded = decoder.decode(&packet, &mut out);
            assert!(expected.is_some() || !decoded);
            assert_eq!(out.len(), if decoded { expected.unwrap_or(0) as usize } else { 0 });
            played += usize::from(decoded);
        }
        assert!(played > 5000, "{played}");
        // The decoder is as good as new.
        out.clear();
        sound[..50].iter().for_each(|packet| assert!(decoder.decode(packet, &mut out)));
        assert!((1000.0..LOUD).contains(&level(&out[24_000..])));
    }

    #[test]
    fn the_band_is_no_wider_than_the_far_end_plays() {
        // RFC 6716 section 3.1: configurations 0 to 3 are narrowband SILK, 8 to 11 wideband, 12 to 15 hybrid: this voice
        // has nothing that only full band could carry.
        for (max_playback_hz, configurations) in [(8000, 0..=3), (16_000, 8..=11), (48_000, 12..=15)] {
            let narrow = EncoderSettings { max_playback_hz, ..settings(32_000) };
            let last = packets(48_000, &narrow, &voice(48_000, 400)).pop().unwrap();
            assert!(configurations.contains(&(last[0] >> 3)), "{max_playback_hz}: {}", last[0] >> 3);
        }
    }

    #[test]
    fn sound_that_is_no_voice_is_told_from_one_where_there_is_more_than_wide_band() {
        let last = |rate_hz: u32| {
            let step = 440.0 * std::f32::consts::TAU / rate_hz as f32;
            let tone: Vec<i16> = (0..rate_hz * 2).map(|n| ((n as f32 * step).sin() * LOUD) as i16).collect();
            packets(rate_hz, &settings(32_000), &tone).pop().unwrap()
        };
        assert!(is_celt(&last(48_000)) && !is_celt(&last(16_000)));
    }

    #[test]
    fn a_constant_bit_rate_is_constant() {
        let voice = voice(16_000, 1000);
        let cbr = packets(16_000, &EncoderSettings { cbr: true, ..settings(24_000) }, &voice);
        assert!(cbr.iter().all(|packet| packet.len() == 24_000 / 8 / 50));
        let vbr = packets(16_000, &settings(24_000), &voice);
        assert!(vbr.iter().any(|packet| packet.len() != vbr[0].len()));
    }

    #[test]
    fn stereo_is_mixed_down() {
        let voice = voice(48_000, 400);
        let both: Vec<i16> = voice.iter().flat_map(|left| [*left, 0]).collect();
        let (mut error, mut out) = (0, [0u8; 1275]);
        // SAFETY: the result is checked before use, and destroyed once.
        let state =
            unsafe { opusic_sys::opus_encoder_create(48_000, 2, opusic_sys::OPUS_APPLICATION_AUDIO, &raw mut error) };
        let encoder = NonNull::new(state).unwrap();
        let (mut decoder, mut heard) = (OpusDecoder::new(48_000).unwrap(), Vec::new());
        for frame in both.chunks_exact(1920) {
            // SAFETY: `frame` holds 960 stereo samples, `out` 1275 writable bytes.
            let bytes =
                unsafe { opusic_sys::opus_encode(encoder.as_ptr(), frame.as_ptr(), 960, out.as_mut_ptr(), 1275) };
            assert!(out[0] & 0x04 != 0, "stereo");
            assert!(decoder.decode(&out[..bytes as usize], &mut heard));
        }
        // SAFETY: as said.
        unsafe { opusic_sys::opus_encoder_destroy(encoder.as_ptr()) };
        let ratio = level(&heard[9600..]) / level(&voice[9600..]);
        assert!((0.4..0.6).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_lost_transition_to_celt_makes_no_burst() {
        let mut encoder = OpusEncoder::new(16_000, &settings(16_000)).unwrap();
        let mut packets = Vec::new();
        for n in 0..50 {
            if n == 25 {
                encoder.configure(&settings(128_000));
            }
            let pcm: Vec<i16> = (n * 320..(n + 1) * 320).map(|n| ((n as f32 * 0.2).sin() * 8000.0) as i16).collect();
            packets.push(packet(&mut encoder, &pcm));
        }
        let first = packets.iter().position(|packet| is_celt(packet)).unwrap();
        assert!(first > 24, "it begins with SILK");
        for concealed in [false, true] {
            let mut decoder = OpusDecoder::new(16_000).unwrap();
            let mut out = Vec::new();
            packets[..first - 1].iter().for_each(|packet| assert!(decoder.decode(packet, &mut out)));
            assert!(!concealed || decoder.conceal(320, false, &mut out));
            packets[first..].iter().for_each(|packet| assert!(decoder.decode(packet, &mut out)));
            assert!(peak(&out) < 12_000, "{}", peak(&out));
        }
    }
}
