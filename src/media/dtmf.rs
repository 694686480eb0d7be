//! DTMF as named telephone events (RFC 4733), both ways; the sending side plays as W3C `insertDTMF` says.
//!
//! Invariant: every digit is told exactly once, whatever the network repeats, reorders or loses; a digit that is sent
//! has one timestamp.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Limits and defaults of W3C `insertDTMF`, in milliseconds.
pub const MIN_DURATION_MS: u32 = 40;
/// Longest tone.
pub const MAX_DURATION_MS: u32 = 6000;
/// Duration when none is given.
pub const DEFAULT_DURATION_MS: u32 = 100;
/// Shortest gap between tones.
pub const MIN_GAP_MS: u32 = 30;
/// Gap when none is given.
pub const DEFAULT_GAP_MS: u32 = 70;
/// What a comma waits.
const COMMA_US: u32 = 2_000_000;
/// -10 dBm0, as everybody sends.
const VOLUME: u8 = 10;
const END: u8 = 0x80;
/// The end packet is sent so often in all (RFC 4733 section 2.5.1.4).
const END_PACKETS: u8 = 3;
const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

/// The event code of a tone character.
fn code(tone: char) -> Option<u8> {
    let tone = u8::try_from(tone.to_ascii_uppercase()).ok()?;
    DIGITS.iter().position(|digit| *digit == tone).map(|code| code as u8)
}

/// A tone has begun, or with an empty `tone` all have been played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToneChange {
    /// The tone, or empty at the end.
    pub tone: String,
    /// Tones still to come.
    pub remaining: String,
}

/// One packet's worth of a telephone event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// First packet of the digit.
    pub marker: bool,
    /// The digit's timestamp.
    pub timestamp: u32,
    /// Event, flags and volume, duration.
    pub payload: [u8; 4],
}

/// The moment of a packet slot.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Packet interval in microseconds: a frame may have 2.5 ms.
    pub ptime_us: u32,
    /// Timestamp of the slot in the stream's clock.
    pub timestamp: u32,
    /// The stream's clock.
    pub clock_hz: u32,
    /// The clock of the negotiated telephone-event: unit of durations.
    pub event_hz: u32,
}

/// The tones that a sender still has to play.
#[derive(Debug, Default)]
pub struct DtmfSender {
    queue: VecDeque<char>,
    duration_ms: u32,
    gap_ms: u32,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Tone(Tone),
    /// Between tones; the last tone may still owe end packets.
    Wait {
        left_us: i64,
        ended: Option<(EventPacket, u8)>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Tone {
    code: u8,
    first: bool,
    timestamp: u32,
    duration_us: u32,
    elapsed_us: u32,
    /// Duration already told in segments that are complete, in event clock units.
    told: u32,
}

impl DtmfSender {
    /// Replaces the queue; a tone that sounds goes on to its end. Characters that are no tones are left out.
    pub fn insert(&mut self, tones: &str, duration_ms: u32, gap_ms: u32) {
        self.queue = tones.chars().map(|tone| tone.to_ascii_uppercase()).collect();
        self.queue.retain(|tone| *tone == ',' || code(*tone).is_some());
        self.duration_ms = duration_ms.clamp(MIN_DURATION_MS, MAX_DURATION_MS);
        self.gap_ms = gap_ms.max(MIN_GAP_MS);
        if matches!(self.phase, Phase::Idle) && !self.queue.is_empty() {
            self.phase = Phase::Wait { left_us: 0, ended: None };
        }
    }

    /// Drops everything at once: the stream can carry tones no more.
    pub fn abort(&mut self) {
        self.queue.clear();
        self.phase = Phase::Idle;
    }

    /// Is there anything to do in the next slot?
    pub fn busy(&self) -> bool {
        !matches!(self.phase, Phase::Idle)
    }

    /// Plays one slot. `true`: audio is to be suppressed in it.
    pub fn tick(&mut self, slot: Slot, changes: &mut VecDeque<ToneChange>, mut send: impl FnMut(EventPacket)) -> bool {
        if let Phase::Wait { left_us, ended } = &mut self.phase {
            if *left_us > 0 {
                *left_us -= i64::from(slot.ptime_us);
                return repeat_end(ended, 1, &mut send);
            }
            repeat_end(ended, END_PACKETS, &mut send);
            self.next(slot, changes);
        }
        match self.phase {
            Phase::Tone(tone) => {
                self.phase = tone.play(slot, self.gap_ms, &mut send);
                true
            }
            _ => false,
        }
    }

    /// W3C "playout task": takes the next tone off the queue.
    fn next(&mut self, slot: Slot, changes: &mut VecDeque<ToneChange>) {
        let tone = self.queue.pop_front();
        self.phase = match tone {
            None => Phase::Idle,
            Some(tone) => match code(tone) {
                Some(code) => Phase::Tone(Tone {
                    code,
                    first: true,
                    timestamp: slot.timestamp,
                    duration_us: self.duration_ms * 1000,
                    elapsed_us: 0,
                    told: 0,
                }),
                None => Phase::Wait { left_us: i64::from(COMMA_US - slot.ptime_us.min(COMMA_US)), ended: None },
            },
        };
        let tone = tone.map(String::from).unwrap_or_default();
        changes.push_back(ToneChange { tone, remaining: self.queue.iter().collect() });
    }
}

fn repeat_end(ended: &mut Option<(EventPacket, u8)>, times: u8, send: &mut impl FnMut(EventPacket)) -> bool {
    let Some((packet, owed)) = ended else { return false };
    for _ in 0..times.min(*owed) {
        send(*packet);
    }
    *owed = owed.saturating_sub(times);
    if *owed == 0 {
        *ended = None;
    }
    true
}

impl Tone {
    fn play(mut self, slot: Slot, gap_ms: u32, send: &mut impl FnMut(EventPacket)) -> Phase {
        self.elapsed_us = (self.elapsed_us + slot.ptime_us).min(self.duration_us);
        let total = (u64::from(self.elapsed_us) * u64::from(slot.event_hz) / 1_000_000) as u32;
        while total - self.told > 0xffff {
            // RFC 4733 section 2.5.1.3: a long event goes on in a new segment with a timestamp of its own.
            send(self.packet(0xffff, 0));
            self.first = false;
            self.told += 0xffff;
            let step = 0xffff * u64::from(slot.clock_hz) / u64::from(slot.event_hz.max(1));
            self.timestamp = self.timestamp.wrapping_add(step as u32);
        }
        let duration = (total - self.told) as u16;
        if self.elapsed_us < self.duration_us {
            send(self.packet(duration, 0));
            self.first = false;
            return Phase::Tone(self);
        }
        let last = self.packet(duration, END);
        send(last);
        let last = EventPacket { marker: false, ..last };
        Phase::Wait { left_us: i64::from(gap_ms) * 1000, ended: Some((last, END_PACKETS - 1)) }
    }

    fn packet(&self, duration: u16, flags: u8) -> EventPacket {
        let [high, low] = duration.to_be_bytes();
        let payload = [self.code, flags | VOLUME, high, low];
        EventPacket { marker: self.first, timestamp: self.timestamp, payload }
    }
}

/// A digit that was heard, told when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// `0-9`, `*`, `#`, `A-D`.
    pub digit: char,
    /// How long it sounded.
    pub duration_ms: u32,
}

/// Without a packet for so long a digit has ended: its end packets were lost.
const TIMEOUT: Duration = Duration::from_millis(150);
/// The longest duration that a packet can tell, in units of the event's clock.
const SEGMENT: u32 = 0xffff;
/// Digits remembered to recognise what the network repeats.
const REMEMBERED: usize = 16;

/// Hears digits in one stream.
#[derive(Debug, Default)]
pub struct DtmfReceiver {
    current: Option<Sounding>,
    /// Timestamps of digits already told.
    told: VecDeque<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Sounding {
    digit: char,
    timestamp: u32,
    /// Of complete segments, and of the present one, in event clock units.
    before: u32,
    duration: u16,
    event_hz: u32,
    heard: Instant,
}

impl Sounding {
    fn told(self) -> Digit {
        let units = u64::from(self.before) + u64::from(self.duration);
        Digit { digit: self.digit, duration_ms: (units * 1000 / u64::from(self.event_hz.max(1))) as u32 }
    }
}

impl DtmfReceiver {
    /// Takes a telephone-event packet of clock `event_hz`; gives the digits that have ended with it.
    pub fn receive(
        &mut self,
        now: Instant,
        marker: bool,
        timestamp: u32,
        payload: &[u8],
        event_hz: u32,
    ) -> [Option<Digit>; 2] {
        let &[event, flags, high, low, ..] = payload else { return [None; 2] };
        let Some(digit) = DIGITS.get(usize::from(event)).map(|digit| char::from(*digit)) else { return [None; 2] };
        if self.told.contains(&timestamp) {
            return [None; 2];
        }
        let duration = u16::from_be_bytes([high, low]);
        let mut displaced = None;
        match &mut self.current {
            Some(current) if current.timestamp == timestamp => {
                current.duration = current.duration.max(duration);
                current.heard = now;
            }
            Some(current) if !marker && current.continues(digit, timestamp) => {
                self.told.push_back(current.timestamp);
                current.before += timestamp.wrapping_sub(current.timestamp);
                (current.timestamp, current.duration, current.heard) = (timestamp, duration, now);
            }
            current => {
                displaced = current.take();
                *current = Some(Sounding { digit, timestamp, before: 0, duration, event_hz, heard: now });
            }
        }
        let displaced = displaced.map(|old| self.remember(old));
        let ended = if flags & END != 0 { self.finish() } else { None };
        self.told.drain(..self.told.len().saturating_sub(REMEMBERED));
        [displaced, ended]
    }

    /// A digit whose end was lost ends by itself.
    pub fn poll(&mut self, now: Instant) -> Option<Digit> {
        self.next_due().filter(|due| *due <= now)?;
        self.finish()
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        self.current.map(|current| current.heard + TIMEOUT)
    }

    /// Ends the digit that sounds; another stream begins, whose timestamps mean nothing here.
    pub fn restart(&mut self) -> Option<Digit> {
        let digit = self.finish();
        self.told.clear();
        digit
    }

    fn finish(&mut self) -> Option<Digit> {
        let current = self.current.take()?;
        Some(self.remember(current))
    }

    fn remember(&mut self, ended: Sounding) -> Digit {
        self.told.push_back(ended.timestamp);
        ended.told()
    }
}

impl Sounding {
    /// Is this the next segment of the event that sounds (RFC 4733 section 2.5.1.3)? It begins where the one before has ended;
    /// Chromium's begins with the packet that finds it full.
    fn continues(&self, digit: char, timestamp: u32) -> bool {
        let (step, slack) = (timestamp.wrapping_sub(self.timestamp), self.event_hz / 10);
        let full = u32::from(self.duration) + slack >= SEGMENT;
        self.digit == digit && (step == SEGMENT || full && (SEGMENT..=SEGMENT + slack).contains(&step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_event_whose_segments_begin_with_the_packet_that_finds_the_last_one_full_is_one_digit() {
        for (hz, packet) in [(48_000, 960), (8000, 160)] {
            let mut receiver = DtmfReceiver::default();
            let (start, mut now) = (90_000_u32, Instant::now());
            let (mut segment, mut told) = (start, Vec::new());
            let mut units = 0;
            let mut last = 0;
            while units < 3 * 0xffff {
                units += packet;
                now += Duration::from_millis(20);
                // As libwebrtc does it: the full length once, and the next segment begins where the packet is.
                let (length, end) = ((start + units - segment).min(0xffff), units >= 3 * 0xffff);
                let payload = [5, if end { 0x80 } else { 0 }, (length >> 8) as u8, length as u8];
                told.extend(receiver.receive(now, last == 0, segment, &payload, hz).into_iter().flatten());
                last = length;
                if length == 0xffff {
                    segment = start + units;
                }
            }
            let lengths: Vec<_> = told.iter().map(|digit| (digit.digit, digit.duration_ms)).collect();
            assert_eq!(lengths, [('5', units * 1000 / hz)]);
            // The same digit pressed again soon after a short one is another.
            let mut told = Vec::new();
            for (timestamp, length) in [(1_000_000_u32, 4000_u16), (1_000_000 + 0xffff + packet, 4000)] {
                let [high, low] = length.to_be_bytes();
                told.extend(receiver.receive(now, false, timestamp, &[5, 0, high, low], hz).into_iter().flatten());
            }
            assert_eq!(told.len(), 1);
        }
    }
}
