//! Two signals on one time axis, in virtual time.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "support/media.rs"]
mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Dice, ms, sine, snr_db};
use webphone_rtc::media::{Gate, Heard, Reader, Ring, RingEvent};
use webphone_rtc::recording::{Mixer, Side};

/// As a recording does: the mixer is asked so often, for what is so old.
const INTERVAL: Duration = Duration::from_millis(200);
const HOLD: Duration = Duration::from_millis(300);

/// A call without a network: the caller is played by whoever writes him, the bot by a reader.
struct Room {
    start: Instant,
    caller: Arc<Ring>,
    bot: Arc<Ring>,
    wire: Reader,
    mixer: Mixer,
    rate_hz: u32,
    out: Vec<i16>,
}

impl Room {
    fn new(caller_hz: u32, bot_hz: u32, rate_hz: u32) -> Self {
        let start = Instant::now() + Duration::from_secs(3600);
        let (caller, bot) = (Ring::live(caller_hz, 1, 1000), Ring::new(bot_hz, 1, 10_000));
        let wire = bot.reader();
        let mut mixer = Mixer::new(start, rate_hz);
        mixer.replace(Side::Left, Some(caller.tap(rate_hz, Gate::new(true))));
        mixer.replace(Side::Right, Some(bot.tap(rate_hz, Gate::new(true))));
        Self { start, caller, bot, wire, mixer, rate_hz, out: Vec::new() }
    }

    /// The caller is heard to say `pcm`.
    fn hear(&self, at: Instant, pcm: &[i16]) {
        self.caller.tell_time(at);
        self.caller.write(pcm, self.caller.rate_hz(), 1);
    }

    /// The next 20 ms of the bot go out.
    fn send(&mut self, at: Instant) {
        self.bot.tell_time(at);
        let rate_hz = self.bot.rate_hz();
        self.wire.pull(&mut vec![0; rate_hz as usize / 50], rate_hz, 1);
    }

    fn mix(&mut self, until: Instant) {
        while self.mixer.mix(until, &mut self.out) {}
    }

    /// Lets time pass until `end`: each side plays `signal(side, sample)` by a clock of its own that is fast by `ppm`, in
    /// pieces of 20 ms; `late` says how late each is.
    fn run(
        &mut self,
        end: Instant,
        ppm: [f64; 2],
        mut late: impl FnMut() -> Duration,
        mut signal: impl FnMut(usize, u64) -> i16,
    ) {
        let (start, rates) = (self.start, [self.caller.rate_hz(), self.bot.rate_hz()]);
        let due =
            |side: usize, piece: u64| start + Duration::from_secs_f64(piece as f64 * 0.02 / (1.0 + ppm[side] / 1e6));
        let (mut pieces, mut next, mut wake) = ([0, 0], [start + late(), start + late()], start + INTERVAL);
        while let Some(now) = next.into_iter().chain([wake]).min().filter(|now| *now < end) {
            if now == wake {
                self.mix(now - HOLD.min(now - start));
                wake += INTERVAL;
            }
            for side in 0..2 {
                if now != next[side] {
                    continue;
                }
                let count = u64::from(rates[side] / 50);
                let samples = pieces[side] * count..(pieces[side] + 1) * count;
                let pcm: Vec<i16> = samples.map(|n| signal(side, n)).collect();
                if side == 0 {
                    self.hear(now, &pcm);
                } else {
                    self.bot.write(&pcm, rates[1], 1);
                    self.send(now);
                }
                pieces[side] += 1;
                // Whoever is late catches up, and nobody plays before the time.
                next[side] = (due(side, pieces[side]) + late()).max(now);
            }
        }
        self.mix(end);
    }

    fn side(&self, side: usize) -> Vec<i16> {
        self.out.iter().copied().skip(side).step_by(2).collect()
    }

    fn frames(&self, time: Duration) -> usize {
        (time.as_secs_f64() * f64::from(self.rate_hz)).round() as usize
    }
}

fn on_time() -> Duration {
    Duration::ZERO
}

/// Late by up to 2 ms, and now and then by up to 100 ms.
fn sleepy(seed: u64) -> impl FnMut() -> Duration {
    let mut dice = Dice::new(seed);
    move || {
        let most_us = if dice.roll() < 0.02 { 100_000.0 } else { 2000.0 };
        Duration::from_micros((dice.roll() * most_us) as u64)
    }
}

/// Where the loudest sample of `pcm` is.
fn peak(pcm: &[i16]) -> usize {
    (0..pcm.len()).max_by_key(|n| pcm[*n].unsigned_abs()).unwrap()
}

#[test]
fn a_click_on_both_sides_at_once_is_at_once_in_the_file_at_any_rates() {
    for (caller_hz, bot_hz, rate_hz) in [
        (16_000, 16_000, 16_000),
        (48_000, 16_000, 16_000),
        (8000, 44_100, 16_000),
        (24_000, 8000, 48_000),
        (48_000, 44_100, 8000),
        (16_000, 32_000, 44_100),
    ] {
        let mut room = Room::new(caller_hz, bot_hz, rate_hz);
        let rates = [caller_hz, bot_hz];
        // At 1.2345 s a short burst that every rate can carry.
        let signal = |side: usize, n: u64| {
            let t = (n as f64 / f64::from(rates[side]) - 1.2345) * 8000.0 / 3.0;
            (25_000.0 * (-t * t).exp()) as i16
        };
        room.run(room.start + ms(2000), [0.0; 2], on_time, signal);
        let expected = (1.2345 * f64::from(rate_hz)) as usize;
        for side in 0..2 {
            let at = peak(&room.side(side));
            assert!(at.abs_diff(expected) <= 1, "{rates:?} Hz to {rate_hz} Hz, side {side}: {at}, not {expected}");
        }
    }
}

#[test]
fn an_hour_of_clocks_that_run_apart_by_400_ppm_stays_within_20_ms_without_a_pause_to_catch_up_in() {
    let tone = sine(320.0, 16_000, 50);
    for ppm in [[200.0, -200.0], [-200.0, 200.0]] {
        let mut room = Room::new(16_000, 16_000, 16_000);
        let hour = Duration::from_secs(3600);
        // Each 7 s of real time a click, over a tone that never stops.
        let mut clicks = [7.0, 7.0];
        let signal = |side: usize, n: u64| {
            let t = n as f64 / 16_000.0 / (1.0 + ppm[side] / 1e6);
            if t >= clicks[side] {
                clicks[side] += 7.0;
                return 30_000;
            }
            tone[n as usize % tone.len()]
        };
        room.run(room.start + hour, ppm, sleepy(1), signal);
        assert_eq!(room.out.len(), 2 * room.frames(hour));
        for side in 0..2 {
            let pcm = room.side(side);
            let mut found: Vec<usize> = (0..pcm.len()).filter(|n| pcm[*n] > 20_000).collect();
            found.dedup_by_key(|n| *n / 16);
            assert_eq!(found.len(), 514, "no click is lost or doubled");
            for (k, at) in found.iter().enumerate() {
                let off_ms = (*at as f64 / 16.0 - (k + 1) as f64 * 7000.0).abs();
                assert!(off_ms <= 20.0, "{ppm:?}, side {side}: click {k} is {off_ms} ms off");
            }
            // Too short by a sample here and there, never torn: the tone keeps its level everywhere.
            let torn = pcm.chunks_exact(320).filter(|window| window.iter().all(|it| it.unsigned_abs() < 9000)).count();
            assert_eq!(torn, 0);
        }
    }
}

#[test]
fn whoever_wakes_up_late_leaves_no_trace() {
    let mut room = Room::new(16_000, 16_000, 16_000);
    let tone = sine(300.0, 16_000, 16_000 * 60);
    room.run(room.start + ms(60_000), [0.0; 2], sleepy(2), |_, n| tone[n as usize]);
    for side in 0..2 {
        let pcm = room.side(side);
        let first = pcm.iter().position(|it| *it != 0).unwrap() - 1;
        assert!(first <= 32, "within 2 ms: {first}");
        assert!(pcm[first..] == tone[..pcm.len() - first], "sample for sample");
    }
}

#[test]
fn a_side_that_begins_late_pauses_or_runs_dry_is_silent_in_that_very_time() {
    let mut room = Room::new(16_000, 16_000, 16_000);
    // What the bot wrote and when; the queue runs dry in the middle of a packet each time.
    let speech = [(1000, 230), (1240, 33), (1280, 19), (1500, 5), (1700, 100), (3000, 700)];
    for slot in 0..250u64 {
        let now = room.start + ms(slot * 20);
        if let Some((_, length)) = speech.iter().find(|(at, _)| *at == slot * 20) {
            room.bot.write(&vec![9; length * 16], 16_000, 1);
        }
        room.send(now);
        // The caller is there from 2 s to 4 s.
        if (100..200).contains(&slot) {
            room.hear(now, &[7; 320]);
        }
        if slot % 10 == 0 {
            room.mix(now - HOLD.min(now - room.start));
        }
    }
    room.mix(room.start + ms(5000));
    let [left, right] = [0, 1].map(|side| room.side(side));
    let stretch = |at: u64, length: usize| at as usize * 16..(at as usize + length) * 16;
    let mut expected = vec![0; 5000 * 16];
    expected[stretch(2000, 2000)].fill(7);
    assert!(left == expected);
    expected.fill(0);
    speech.into_iter().for_each(|(at, length)| expected[stretch(at, length)].fill(9));
    assert!(right == expected);
}

#[test]
fn two_that_send_the_same_source_are_recorded_once() {
    let mut room = Room::new(16_000, 16_000, 16_000);
    let mut second = room.bot.reader();
    let tone = sine(500.0, 16_000, 16_000);
    for slot in 0..100u64 {
        let now = room.start + ms(slot * 20);
        if slot == 20 {
            room.bot.write(&tone, 16_000, 1);
        }
        room.send(now);
        room.bot.tell_time(now + ms(7));
        second.pull(&mut [0; 320], 16_000, 1);
    }
    room.mix(room.start + ms(2000));
    let right = room.side(1);
    assert!(right[..6400].iter().all(|it| *it == 0));
    assert!(right[6400..22_400] == tone);
    assert!(right[22_400..].iter().all(|it| *it == 0));
}

#[test]
fn what_is_cleared_was_not_said() {
    let mut room = Room::new(16_000, 16_000, 16_000);
    room.bot.write(&[5000; 16_000], 16_000, 1);
    for slot in 0..100u64 {
        if slot == 10 {
            room.bot.clear();
        }
        room.send(room.start + ms(slot * 20));
    }
    room.mix(room.start + ms(2000));
    let right = room.side(1);
    assert!(right[..3200].iter().all(|it| *it == 5000));
    assert!(right[3200..3280].is_sorted_by(|a, b| a > b), "5 ms fade");
    assert!(right[3280..].iter().all(|it| *it == 0));
}

#[test]
fn a_tap_changes_nothing_for_those_who_read() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let played = |tapped: bool| {
        let ring = Ring::new(16_000, 1, 1000);
        let tap = tapped.then(|| ring.tap(48_000, Gate::new(true)));
        let into = told.clone();
        ring.on_event(Some(Arc::new(move |event| into.lock().unwrap().push(event))));
        let start = Instant::now();
        ring.tell_time(start);
        ring.write(&sine(300.0, 16_000, 12_000), 16_000, 1);
        if let Some(tap) = &tap {
            tap.take(&mut Heard::default());
        }
        ring.mark("end");
        let before = (ring.queued_ms(), ring.played_ms(), ring.space(16_000));
        let mut reader = ring.reader();
        let mut pcm = vec![0; 16_000];
        let real = reader.pull(&mut pcm, 16_000, 1);
        (before, real, pcm, std::mem::take(&mut *told.lock().unwrap()))
    };
    let (alone, tapped) = (played(false), played(true));
    assert_eq!(alone.3, [RingEvent::Mark("end".into())]);
    assert_eq!(alone.0, (750.0, 0.0, 4000));
    assert!(alone == tapped);
}

#[test]
fn a_live_signal_is_played_for_a_tap_alone_at_the_rate_it_wants() {
    let ring = Ring::live(48_000, 1, 1000);
    assert_eq!((ring.has_readers(), ring.wanted_hz()), (false, None));
    let tap = ring.tap(16_000, Gate::new(true));
    assert_eq!((ring.has_readers(), ring.wanted_hz()), (true, Some(16_000)));
    drop(tap);
    assert!(!ring.has_readers());
}

#[test]
fn a_closed_gate_is_silence_and_moves_nothing() {
    let mut room = Room::new(16_000, 16_000, 16_000);
    let gate = Gate::new(true);
    room.mixer.replace(Side::Left, Some(room.caller.tap(16_000, gate.clone())));
    let tone = sine(300.0, 16_000, 16_000);
    for (slot, pcm) in tone.chunks_exact(320).enumerate() {
        gate.set_open(!(10..25).contains(&slot));
        room.hear(room.start + ms(slot as u64 * 20), pcm);
    }
    room.mix(room.start + ms(1000));
    let left = room.side(0);
    assert!(left[..3200] == tone[..3200]);
    assert!(left[3200..8000].iter().all(|it| *it == 0));
    assert!(left[8000..] == tone[8000..]);
}

#[test]
fn another_source_takes_over_where_the_one_before_stops() {
    let mut room = Room::new(16_000, 16_000, 16_000);
    let other = Ring::live(48_000, 1, 1000);
    let (low, high) = (sine(300.0, 16_000, 24_000), sine(600.0, 48_000, 72_000));
    for slot in 0..75usize {
        let now = room.start + ms(slot as u64 * 20);
        let next = [(25, &other), (50, &room.caller)].into_iter().find(|next| next.0 == slot);
        if let Some((_, ring)) = next {
            room.mixer.replace(Side::Left, Some(ring.tap(16_000, Gate::new(true))));
        }
        other.tell_time(now);
        other.write(&high[slot * 960..][..960], 48_000, 1);
        room.hear(now, &low[slot * 320..][..320]);
    }
    room.mix(room.start + ms(1500));
    let left = room.side(0);
    assert!(left[..8000] == low[..8000]);
    assert!(snr_db(&left[8050..15_950], 600.0) > 60.0);
    // The end of it went through the filter with nothing after it, and is there all the same.
    assert!(left[15_950..16_000].iter().any(|it| it.unsigned_abs() > 8000));
    assert!(left[15_984..16_000].iter().any(|it| it.unsigned_abs() > 1000));
    assert!(left[16_000..] == low[16_000..]);
}

#[test]
fn a_file_that_hangs_costs_sound_and_no_time() {
    let mut room = Room::new(16_000, 16_000, 16_000);
    let second = |n: u64| vec![n as i16 + 1; 320];
    for slot in 0..500u64 {
        room.hear(room.start + ms(slot * 20), &second(slot / 50));
    }
    // For 10 s nobody has listened; a tap keeps 5.
    room.mix(room.start + ms(10_000));
    for slot in 500..600u64 {
        room.hear(room.start + ms(slot * 20), &second(slot / 50));
    }
    room.mix(room.start + ms(12_000));
    assert_eq!(room.mixer.dropped_ms(), 5000.0);
    for (n, pcm) in room.side(0).chunks_exact(16_000).enumerate() {
        let expected = if (5..10).contains(&n) { 0 } else { n as i16 + 1 };
        assert!(pcm.iter().all(|it| *it == expected), "second {n}");
    }
    assert_eq!(room.out.len(), 2 * 12 * 16_000);
}
