//! What an application is told of its speech (marks, milliseconds played, what a clear dropped), against what has left
//! in RTP packets, and against what the far end hears.

use crate::support::*;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use webphone_rtc::media::{Codec, CodecSpec, Ring, RingEvent, Sink};

const FRAME_MS: f64 = 20.0;
const RATES_HZ: [u32; 5] = [8000, 16_000, 24_000, 44_100, 48_000];
/// What a codec and the filters before and after it may delay a sample by.
const CODEC_MS: f64 = 15.0;

/// A call without a listener, whose application writes as fast as the queue takes it.
struct Playout {
    call: Call,
    codec: Codec,
    told: Arc<Mutex<Vec<RingEvent>>>,
    /// Chunks that the queue has not taken, with their rates.
    waiting: VecDeque<(Vec<i16>, u32)>,
    written_ms: f64,
    /// Mark and the milliseconds written before it.
    marks: VecDeque<(String, f64)>,
    reached: Vec<(String, f64)>,
}

impl Playout {
    fn new(spec: CodecSpec, rate_hz: u32) -> Self {
        let codec = spec.codec().unwrap();
        let call = Call::with(send_spec(spec), rate_hz, false);
        let told = Arc::new(Mutex::new(Vec::new()));
        let into = told.clone();
        call.source.on_event(Some(Arc::new(move |event| into.lock().unwrap().push(event))));
        Self {
            call,
            codec,
            told,
            waiting: VecDeque::new(),
            written_ms: 0.0,
            marks: VecDeque::new(),
            reached: Vec::new(),
        }
    }

    fn ring(&self) -> &Arc<Ring> {
        &self.call.source
    }

    /// Writes what the queue takes now, with a mark after each chunk.
    fn write(&mut self) {
        while let Some((pcm, rate_hz)) = self.waiting.front() {
            let outcome = self.call.source.write(pcm, *rate_hz, 1);
            if outcome.accepted_ms == 0.0 && outcome.full {
                return;
            }
            self.written_ms += pcm.len() as f64 * 1000.0 / f64::from(*rate_hz);
            self.waiting.pop_front();
            let name = self.marks.len().to_string();
            self.call.source.mark(&name);
            self.marks.push_back((name, self.written_ms));
        }
    }

    /// A slot of the sender; marks that were reached in it are those of the packets that have left by then.
    fn step(&mut self) {
        self.write();
        self.call.run(ms(20));
        let sent_ms = self.sent_ms();
        for event in std::mem::take(&mut *self.told.lock().unwrap()) {
            if let RingEvent::Mark(name) = event {
                self.reached.push((name, sent_ms));
            }
        }
    }

    fn sent_ms(&self) -> f64 {
        self.call.sent.len() as f64 * FRAME_MS
    }

    /// All that has left, decoded at 16 kHz.
    fn decoded(&self) -> Vec<i16> {
        let pcm = self.call.decoded(self.codec);
        if self.codec.native_hz(16_000) == 16_000 { pcm } else { pcm.iter().flat_map(|it| [*it, *it]).collect() }
    }
}

/// Lengths of chunks, from one sample to seconds, that make `samples` together.
fn lengths(dice: &mut Dice, samples: usize) -> Vec<usize> {
    let mut rest = samples;
    let mut lengths = Vec::new();
    while rest > 0 {
        let most = [1.0, 10.0, 400.0, 4000.0, 40_000.0][(dice.roll() * 5.0) as usize];
        let length = ((dice.roll() * most) as usize + 1).min(rest);
        lengths.push(length);
        rest -= length;
    }
    lengths
}

#[test]
fn chunks_of_any_length_and_rate_leave_whole_and_paced_and_marks_are_exact_to_a_frame() {
    for codec in [pcmu(), g722(), opus()] {
        for (seed, rate_hz) in (0u64..).zip(RATES_HZ.into_iter().cycle()).take(15) {
            let mut dice = Dice::new(seed);
            let source_hz = RATES_HZ[(dice.roll() * 5.0) as usize];
            let case = format!("{} seed {seed}: {rate_hz} in {source_hz} Hz", codec.name);
            let mut playout = Playout::new(codec.clone(), source_hz);
            // The queue takes no chunk that is longer than itself.
            let tone = sine(440.0, rate_hz, 3 * rate_hz as usize);
            let mut rest = &tone[..];
            for length in lengths(&mut dice, tone.len()) {
                let (chunk, after) = rest.split_at(length);
                playout.waiting.extend(chunk.chunks(rate_hz as usize / 2).map(|it| (it.to_vec(), rate_hz)));
                rest = after;
            }
            for _ in 0..160 {
                playout.step();
            }
            let one_ms = 1000.0 / f64::from(source_hz.min(rate_hz));
            assert!((playout.written_ms - 3000.0).abs() < 1e-6, "{case}: {} ms were written", playout.written_ms);
            assert!((playout.ring().played_ms() - 3000.0).abs() <= one_ms, "{case}: {}", playout.ring().played_ms());
            assert_eq!(playout.ring().queued_ms(), 0.0, "{case}");
            assert_eq!(playout.reached.len(), playout.marks.len(), "{case}");
            for ((name, written_ms), (reached, sent_ms)) in playout.marks.iter().zip(&playout.reached) {
                assert_eq!(name, reached, "{case}");
                let late_ms = sent_ms - written_ms;
                // All before it has left, and less than a frame more.
                assert!((-one_ms..FRAME_MS + one_ms).contains(&late_ms), "{case}: mark {name} after {late_ms} ms");
            }
            let heard = playout.decoded();
            assert_eq!(heard.len(), 160 * 320, "{case}: one packet in each slot");
            let windows = heard[320..16 * 2980].chunks_exact(320);
            let bad =
                windows.filter(|window| snr_db(window, 440.0) < 15.0 || amplitude(window, 440.0) < 7000.0).count();
            assert_eq!(bad, 0, "{case}: of the tone nothing is missing");
            // A transform codec rings for a frame.
            assert!(heard[16 * 3040..].iter().all(|it| it.unsigned_abs() < 300), "{case}: and nothing follows");
        }
    }
}

#[test]
fn a_click_leaves_in_the_very_packet_in_which_played_ms_passes_it() {
    for codec in [pcmu(), g722(), opus()] {
        let mut errors_ms = Vec::new();
        for (seed, rate_hz) in (0u64..).zip(RATES_HZ.into_iter().cycle()).take(40) {
            let mut dice = Dice::new(seed);
            let at = (f64::from(rate_hz) * (0.2 + dice.roll() * 0.6)) as usize;
            let mut pcm = vec![0i16; rate_hz as usize];
            // Two milliseconds of a tone that rises and falls.
            let length = rate_hz as usize / 500;
            for (n, it) in pcm[at..at + length].iter_mut().enumerate() {
                let x = n as f64 / length as f64 * std::f64::consts::PI;
                *it = (x.sin() * (4.0 * x).sin() * 25_000.0) as i16;
            }
            let click_ms = (at + length / 2) as f64 * 1000.0 / f64::from(rate_hz);
            let mut playout = Playout::new(codec.clone(), 16_000);
            playout.waiting.push_back((pcm, rate_hz));
            // Before any packet the application may already be waiting: nothing is played then.
            assert_eq!(playout.ring().played_ms(), 0.0);
            let mut passed = None;
            for _ in 0..60 {
                playout.step();
                if playout.ring().played_ms() > click_ms {
                    passed.get_or_insert(playout.call.sent.len());
                }
            }
            let heard = playout.decoded();
            let loudest = (0..heard.len()).max_by_key(|n| heard[*n].unsigned_abs()).unwrap();
            assert!(heard[loudest].unsigned_abs() > 4000);
            let error_ms = loudest as f64 / 16.0 - click_ms;
            errors_ms.push(error_ms);
            assert!((-1.0..=CODEC_MS).contains(&error_ms), "{} at {rate_hz} Hz: {error_ms} ms", codec.name);
            // The packet that carries it, or the next where the codec delays it over the border.
            let packet = loudest / 320 + 1;
            assert!((passed.unwrap()..=passed.unwrap() + 1).contains(&packet), "{packet}, not {passed:?}");
        }
        print_distribution(&format!("{}: a click in the RTP stream, ms after its place", codec.name), errors_ms);
    }
}

#[test]
fn after_a_gap_and_after_a_clear_a_mark_waits_for_what_was_written_before_it() {
    for codec in [pcmu(), g722(), opus()] {
        for rate_hz in RATES_HZ {
            let mut playout = Playout::new(codec.clone(), 16_000);
            let mut total_ms = 0.0;
            for round in 0..6 {
                let dropped_ms = match round % 3 {
                    1 => {
                        (0..7).for_each(|_| playout.step());
                        0.0
                    }
                    2 => {
                        playout.call.source.write(&sine(300.0, rate_hz, rate_hz as usize / 4), rate_hz, 1);
                        playout.step();
                        total_ms += 250.0;
                        playout.call.source.clear().dropped_ms
                    }
                    _ => 0.0,
                };
                total_ms -= dropped_ms;
                playout.waiting.push_back((sine(300.0, rate_hz, rate_hz as usize / 5), rate_hz));
                total_ms += 200.0;
                let (first, before) = (playout.reached.len(), playout.sent_ms());
                while playout.reached.len() == first {
                    assert!(playout.ring().played_ms() < total_ms, "{rate_hz} Hz: told too late");
                    playout.step();
                }
                let case = format!("{} {rate_hz} Hz round {round}", codec.name);
                assert!((playout.ring().played_ms() - total_ms).abs() < 1.0, "{case}: {}", playout.ring().played_ms());
                assert!(playout.sent_ms() - before >= 200.0, "{case}: not before it has left");
                assert!(playout.sent_ms() - before <= 200.0 + 2.0 * FRAME_MS, "{case}");
                assert_eq!(playout.ring().queued_ms(), 0.0, "{case}");
            }
        }
    }
}

/// How long the far end still hears what was cleared, for a clear at each millisecond of a frame: each frame sounds from
/// the moment it is played. And how much louder than the speech the cut is, where a click would be heard.
fn clear_to_silence(codec: &CodecSpec, rate_hz: u32) -> (Vec<f64>, f64) {
    let mut rests_ms = Vec::new();
    let mut worst_click = 0.0f64;
    for phase in 0..40 {
        let mut call = Call::new(codec.clone(), rate_hz);
        let hz = 200.0 + 7.0 * phase as f64;
        // Until the jitter buffer knows that the path is clean.
        call.run(ms(3000));
        call.source.write(&sine(hz, rate_hz, rate_hz as usize), rate_hz, 1);
        call.run(ms(500) + Duration::from_millis(phase / 2));
        let cleared = call.now;
        call.source.clear();
        call.run(ms(400));
        let loud = call.heard.iter().rposition(|it| it.unsigned_abs() > 100).unwrap();
        let sounds = call.frames[loud / 320].0 + Duration::from_micros((loud % 320) as u64 * 1000 / 16);
        rests_ms.push((sounds - cleared).as_secs_f64() * 1000.0);
        let click = |from: usize, to: usize| sharpest(&call.heard[from..to]);
        worst_click = worst_click.max(click(loud - 960, call.heard.len()) / click(loud - 4800, loud - 960));
    }
    (rests_ms, worst_click)
}

/// The largest second difference: what a step in the signal makes large, and a tone below 500 Hz does not.
fn sharpest(pcm: &[i16]) -> f64 {
    let bend = |it: &[i16]| (f64::from(it[0]) - 2.0 * f64::from(it[1]) + f64::from(it[2])).abs();
    pcm.windows(3).map(bend).fold(0.0, f64::max)
}

#[test]
fn clear_silences_the_far_ear_within_60_ms_and_without_a_click() {
    for codec in [pcmu(), g722(), opus()] {
        for rate_hz in [8000, 16_000, 24_000, 48_000] {
            let (rests_ms, click) = clear_to_silence(&codec, rate_hz);
            let name =
                format!("{} from {rate_hz} Hz: clear to silence at the far end, ms (click {click:.1})", codec.name);
            let worst = rests_ms.iter().copied().fold(0.0, f64::max);
            print_distribution(&name, rests_ms);
            assert!(worst <= 60.0, "{name}: {worst}");
            assert!(click < 4.0, "{name}");
        }
    }
}

#[test]
fn what_a_clear_drops_what_was_played_and_what_is_left_are_all_that_was_written() {
    let mut dice = Dice::new(7);
    for case in 0..60 {
        let rate_hz = RATES_HZ[case % 5];
        let mut playout = Playout::new(pcmu(), RATES_HZ[case / 5 % 5]);
        let (mut written_ms, mut dropped_ms) = (0.0, 0.0);
        for _ in 0..12 {
            let samples = (dice.roll() * f64::from(rate_hz) / 8.0) as usize + 1;
            if playout.ring().write(&sine(500.0, rate_hz, samples), rate_hz, 1).accepted_ms > 0.0 {
                written_ms += samples as f64 * 1000.0 / f64::from(rate_hz);
            }
            (0..(dice.roll() * 4.0) as usize).for_each(|_| playout.step());
            if dice.roll() < 0.3 {
                dropped_ms += playout.ring().clear().dropped_ms;
            }
        }
        let told_ms = dropped_ms + playout.ring().played_ms() + playout.ring().queued_ms();
        // Each pause and each clear may round a sample away.
        assert!((told_ms - written_ms).abs() <= 12.0 * 1000.0 / 8000.0, "case {case}: {told_ms} of {written_ms} ms");
    }
}

#[test]
fn a_writer_at_another_rate_that_is_just_in_time_is_heard_without_a_seam() {
    for (rate_hz, source_hz) in [(24_000, 16_000), (8000, 16_000), (48_000, 16_000), (16_000, 24_000), (44_100, 16_000)]
    {
        let mut playout = Playout::new(opus(), source_hz);
        let tone = sine(440.0, rate_hz, 2 * rate_hz as usize);
        for chunk in tone.chunks(rate_hz as usize / 50) {
            playout.ring().write(chunk, rate_hz, 1);
            playout.step();
        }
        playout.step();
        let heard = playout.decoded();
        let bad = heard[640..16 * 1960].chunks_exact(320).filter(|window| snr_db(window, 440.0) < 25.0).count();
        assert_eq!(bad, 0, "{rate_hz} Hz in {source_hz} Hz: windows with a seam");
        assert!((playout.ring().played_ms() - 2000.0).abs() < 0.2, "{}", playout.ring().played_ms());
    }
}

#[test]
fn room_that_was_told_is_taken() {
    let mut dice = Dice::new(3);
    for rate_hz in RATES_HZ {
        for source_hz in RATES_HZ {
            let ring = Ring::new(source_hz, 1, 200);
            let mut reader = ring.reader();
            for _ in 0..50 {
                let first = (dice.roll() * 500.0) as usize;
                ring.write(&vec![1; first], rate_hz, 1);
                let space = ring.space(rate_hz);
                if space > 0 {
                    assert!(ring.write(&vec![1; space], rate_hz, 1).accepted_ms > 0.0, "{rate_hz} in {source_hz}");
                }
                assert!(!ring.write(&vec![1; rate_hz as usize / 50], rate_hz, 1).accepted_ms.is_normal());
                let mut out = vec![0; (dice.roll() * 3000.0) as usize + 1];
                reader.pull(&mut out, source_hz, 1);
            }
        }
    }
}

fn print_distribution(name: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values[((values.len() - 1) as f64 * q) as usize];
    println!("{name}: min {:.1} p50 {:.1} p95 {:.1} max {:.1}", at(0.0), at(0.5), at(0.95), at(1.0));
}

#[test]
fn a_sink_gets_a_frame_for_each_20_ms_whatever_happens_to_the_call() {
    let mut call = Call::new(opus(), 16_000).tone(440.0).over(bad(5, 0.1, 30));
    let mut wide: Option<Sink> = None;
    call.run(ms(1000));
    for round in 0..24 {
        match round % 6 {
            0 => call.sender.configure(call.now, Some(send_spec(pcmu()))),
            1 => wide = Some(Sink::new(call.receiver.ring(), 48_000, 60, 10).0),
            2 => call.sender.configure(call.now, Some(send_spec(opus()))),
            3 => call.network = bad(round, 0.4, 100),
            4 => call.sender.set_active(false),
            _ => {
                call.sender.set_active(true);
                call.network = clean();
                wide = None;
            }
        }
        for _ in 0..100 {
            call.run(ms(7));
            wide.iter_mut().for_each(|sink| _ = sink.pump(call.now));
        }
        let elapsed_ms = (call.now - call.frames[0].0).as_secs_f64() * 1000.0;
        let heard_ms = call.heard.len() as f64 / 16.0;
        // Blocks of 60 ms at most come out of the receiver at once.
        assert!((heard_ms - elapsed_ms).abs() <= 60.0, "round {round}: {heard_ms} ms in {elapsed_ms} ms");
    }
}
