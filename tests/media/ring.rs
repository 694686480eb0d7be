//! A signal and its readers.

use crate::support::{ms, sine, snr_db};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use webphone_rtc::media::{Cleared, Listeners, Reader, Ring, RingEvent, Sink};

fn events(ring: &Arc<Ring>) -> Arc<Mutex<Vec<RingEvent>>> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = told.clone();
    ring.on_event(Some(Arc::new(move |event| into.lock().unwrap().push(event))));
    told
}

fn take(told: &Arc<Mutex<Vec<RingEvent>>>) -> Vec<RingEvent> {
    std::mem::take(&mut told.lock().unwrap())
}

fn pull(reader: &mut Reader, samples: usize, rate_hz: u32) -> Vec<i16> {
    let mut out = vec![0; samples];
    reader.pull(&mut out, rate_hz, 1);
    out
}

#[test]
fn what_was_written_before_anybody_reads_is_kept_and_comes_first() {
    let ring = Ring::new(16_000, 1, 1000);
    assert_eq!(ring.write(&[7; 320], 16_000, 1).accepted_ms, 20.0);
    let mut reader = ring.reader();
    let mut out = [0; 640];
    assert_eq!(reader.pull(&mut out, 16_000, 1), 320);
    assert_eq!(out[..320], [7; 320]);
    assert_eq!(out[320..], [0; 320]);
}

#[test]
fn a_queue_holds_what_is_played_at_once_however_short_it_was_to_be() {
    let ring = Ring::new(16_000, 1, 20);
    let mut reader = ring.reader();
    pull(&mut reader, 960, 16_000);
    for _ in 0..3 {
        assert_eq!(ring.write(&[7; 320], 16_000, 1).accepted_ms, 20.0);
    }
    assert_eq!(pull(&mut reader, 960, 16_000), [7; 960]);
}

#[test]
fn a_full_queue_takes_all_or_nothing_and_tells_when_there_is_room() {
    let ring = Ring::new(16_000, 1, 1000);
    let told = events(&ring);
    let mut reader = ring.reader();
    let outcome = ring.write(&vec![1; 12_800], 16_000, 1);
    assert!(!outcome.full);
    assert_eq!(ring.space(16_000), 3200);
    let outcome = ring.write(&vec![2; 6400], 16_000, 1);
    assert_eq!((outcome.accepted_ms, outcome.full), (0.0, true));
    assert_eq!(ring.queued_ms(), 800.0);
    // 6400 samples fit once 3200 have been played, not before.
    pull(&mut reader, 3199, 16_000);
    assert_eq!(take(&told), []);
    pull(&mut reader, 1, 16_000);
    assert_eq!(take(&told), [RingEvent::Drain]);
    assert!(ring.write(&vec![2; 6400], 16_000, 1).full, "filled to the brim");
    assert_eq!(ring.queued_ms(), 1000.0);
    pull(&mut reader, 8000, 16_000);
    assert_eq!(take(&told), [RingEvent::Drain]);
    assert_eq!(ring.played_ms(), 700.0);
}

#[test]
fn a_writer_that_waits_for_room_is_told_while_there_is_something_left_to_play() {
    for (rate, chunk) in [(16_000, 40_000), (16_000, 15_000), (8000, 20_000), (44_100, 100_000)] {
        let ring = Ring::new(16_000, 1, 1000);
        let told = events(&ring);
        let mut reader = ring.reader();
        ring.write(&vec![1; ring.space(rate) * 9 / 10], rate, 1);
        assert!(ring.write(&vec![1; chunk], rate, 1).full, "{chunk} samples at {rate} Hz");
        while take(&told).is_empty() {
            pull(&mut reader, 320, 16_000);
        }
        assert!(ring.queued_ms() >= 400.0, "{chunk} samples at {rate} Hz: {} ms are left", ring.queued_ms());
    }
}

#[test]
fn marks_fire_when_the_fastest_reader_has_passed_them() {
    let ring = Ring::new(16_000, 1, 1000);
    let told = events(&ring);
    ring.mark("nothing before");
    assert_eq!(take(&told), [RingEvent::Mark("nothing before".into())]);
    let (mut fast, mut slow) = (ring.reader(), ring.reader());
    ring.write(&[1; 320], 16_000, 1);
    ring.mark("a");
    ring.write(&[1; 320], 16_000, 1);
    ring.mark("b");
    pull(&mut slow, 160, 16_000);
    pull(&mut fast, 319, 16_000);
    assert_eq!(take(&told), []);
    pull(&mut fast, 1, 16_000);
    assert_eq!(take(&told), [RingEvent::Mark("a".into())]);
    pull(&mut slow, 320, 16_000);
    assert_eq!(ring.played_ms(), 30.0);
    assert_eq!(take(&told), []);
    pull(&mut fast, 320, 16_000);
    assert_eq!(take(&told), [RingEvent::Mark("b".into())]);
}

#[test]
fn clear_drops_what_is_queued_without_a_click() {
    let ring = Ring::new(16_000, 1, 1000);
    let told = events(&ring);
    let mut reader = ring.reader();
    ring.write(&sine(200.0, 16_000, 9600), 16_000, 1);
    ring.mark("end");
    let mut heard = pull(&mut reader, 1600, 16_000);
    let Cleared { dropped_ms, marks } = ring.clear();
    assert!((490.0..=500.0).contains(&dropped_ms), "{dropped_ms}");
    assert_eq!(dropped_ms + ring.queued_ms() + ring.played_ms(), 600.0, "nothing is lost of the account");
    assert_eq!(marks, ["end"]);
    assert!(ring.queued_ms() <= 5.0);
    heard.extend(pull(&mut reader, 1600, 16_000));
    assert!(heard[1600 + 80..].iter().all(|sample| *sample == 0), "silent after the fade");
    let largest = heard.windows(2).map(|it| (i32::from(it[0]) - i32::from(it[1])).abs()).max().unwrap();
    assert!(largest < 1200, "a step of {largest} clicks; the tone itself has 785");
    assert_eq!(take(&told), [], "a mark that was cleared is never reached");
    assert_eq!(ring.clear(), Cleared::default());
    ring.write(&[3; 16], 16_000, 1);
    assert_eq!(pull(&mut reader, 16, 16_000), [3; 16], "it goes on with what comes next");
}

#[test]
fn clear_without_a_reader_drops_everything_and_tells_the_waiting_writer() {
    let ring = Ring::new(16_000, 1, 100);
    let told = events(&ring);
    ring.write(&[1; 1600], 16_000, 1);
    ring.mark("m");
    assert_eq!(ring.clear(), Cleared { dropped_ms: 100.0, marks: vec!["m".into()] });
    assert_eq!(take(&told), [RingEvent::Drain]);
}

#[test]
fn two_readers_at_different_rates_hear_the_same() {
    let ring = Ring::new(24_000, 1, 1000);
    let (mut a, mut b) = (ring.reader(), ring.reader());
    let tone = sine(1000.0, 24_000, 24_000);
    let (mut heard_a, mut heard_b) = (Vec::new(), Vec::new());
    for piece in tone.chunks(480) {
        ring.write(piece, 24_000, 1);
        heard_a.extend(pull(&mut a, 320, 16_000));
        heard_b.extend(pull(&mut b, 960, 48_000));
    }
    assert!(snr_db(&heard_a[1600..], 1000.0) > 60.0);
    assert!(snr_db(&heard_b[4800..], 1000.0 / 3.0) > 60.0, "fitted as if it were 16 kHz");
    assert_eq!(ring.played_ms(), 1000.0);
}

#[test]
fn a_slow_reader_loses_its_oldest_and_harms_nobody() {
    let ring = Ring::new(16_000, 1, 100);
    let (mut fast, mut slow) = (ring.reader(), ring.reader());
    pull(&mut slow, 320, 16_000);
    for n in 0..100 {
        assert_eq!(ring.write(&[n; 320], 16_000, 1).accepted_ms, 20.0);
        assert_eq!(pull(&mut fast, 320, 16_000), [n; 320]);
    }
    assert_eq!(fast.dropped_ms(), 0.0);
    let first = pull(&mut slow, 320, 16_000);
    assert!((80..99).contains(&first[0]), "{}", first[0]);
    assert_eq!(first, [first[0]; 320]);
    assert!(slow.dropped_ms() >= 1600.0);
    // And it can catch up with what is left.
    for n in first[0] + 1..100 {
        assert_eq!(pull(&mut slow, 320, 16_000), [n; 320]);
    }
}

#[test]
fn a_reader_that_begins_late_joins_the_others_however_long_the_queue_is() {
    for queue_ms in [100, 1000, 5000] {
        let ring = Ring::new(16_000, 1, queue_ms);
        let (mut early, mut late) = (ring.reader(), ring.reader());
        for n in 1..=100 {
            ring.write(&[n; 320], 16_000, 1);
            assert_eq!(pull(&mut early, 320, 16_000), [n; 320]);
        }
        assert_eq!(pull(&mut late, 320, 16_000), [0; 320], "all was played");
        ring.write(&[101; 320], 16_000, 1);
        assert_eq!(pull(&mut late, 320, 16_000), [101; 320]);
        assert_eq!(late.dropped_ms(), 0.0);
    }
}

#[test]
fn a_reader_that_has_paused_lies_behind_by_200_ms_at_most() {
    let ring = Ring::new(16_000, 1, 5000);
    let (mut steady, mut paused) = (ring.reader(), ring.reader());
    for n in 1..=100 {
        ring.write(&[n; 320], 16_000, 1);
        pull(&mut steady, 320, 16_000);
        if n == 1 {
            assert_eq!(pull(&mut paused, 320, 16_000), [1; 320]);
        }
    }
    assert_eq!(pull(&mut paused, 320, 16_000), [91; 320]);
}

#[test]
fn writes_of_any_length_rate_and_channel_count_make_one_signal() {
    for (rate, channels) in [(8000, 1), (16_000, 2), (24_000, 1), (44_100, 2), (48_000, 1)] {
        for chunk in [1, 37, 160, 1001] {
            let ring = Ring::new(16_000, 1, 10_000);
            let mut reader = ring.reader();
            let tone = sine(440.0, rate, rate as usize);
            for piece in tone.chunks(chunk) {
                let pcm: Vec<i16> = piece.iter().flat_map(|it| vec![*it; usize::from(channels)]).collect();
                ring.write(&pcm, rate, channels);
            }
            let mut heard = Vec::new();
            let mut out = [0; 320];
            let mut real = 0;
            for _ in 0..60 {
                real += reader.pull(&mut out, 16_000, 1);
                heard.extend(out);
            }
            assert!((15_995..=16_005).contains(&real), "{rate} by {chunk}: {real} samples for one second");
            assert!(snr_db(&heard[100..15_900], 440.0) > 60.0, "{rate} Hz by {chunk}");
            assert!(heard[16_005..].iter().all(|it| *it == 0));
        }
    }
}

#[test]
fn a_long_chunk_plays_back_whole_and_paced() {
    let ring = Ring::new(16_000, 1, 1000);
    ring.write(&sine(1000.0, 16_000, 16_000), 16_000, 1);
    let (mut sink, queue) = Sink::new(&ring, 16_000, 20, 100);
    let start = Instant::now();
    let mut frame = [0; 320];
    let mut heard = Vec::new();
    for n in 0..60u64 {
        assert_eq!(sink.pump(start + ms(n * 20)), 1, "one frame each 20 ms, not more");
        assert!(queue.read(&mut frame).is_some());
        heard.extend(frame);
    }
    assert!(snr_db(&heard[..16_000], 1000.0) > 60.0);
    assert!(heard[16_000..].iter().all(|it| *it == 0), "then silence, without a gap");
}

#[test]
fn a_sink_drops_its_oldest_frames_and_counts_them() {
    let ring = Ring::new(16_000, 1, 1000);
    let (mut sink, queue) = Sink::new(&ring, 16_000, 20, 5);
    let start = Instant::now();
    for n in 0..12u64 {
        ring.write(&[n as i16; 320], 16_000, 1);
        sink.pump(start + ms(n * 20));
    }
    let mut frame = [0; 320];
    let info = queue.read(&mut frame).unwrap();
    assert_eq!((info.dropped, frame[0]), (7, 7));
    assert_eq!(queue.read(&mut frame).unwrap().dropped, 0);
    assert_eq!((queue.waiting(), queue.dropped()), (3, 7));
    queue.close();
    assert!(sink.done());
    assert_eq!(sink.pump(start + Duration::from_secs(1)), 0);
}

#[test]
fn a_sink_of_a_track_that_is_disabled_and_enabled_again_fades() {
    let ring = Ring::live(16_000, 1, 500);
    let (mut sink, queue) = Sink::new(&ring, 16_000, 20, 100);
    let mut heard = Vec::new();
    for enabled in [false, true, true, false, false, true] {
        queue.listen(Listeners { enabled, ..Listeners::default() });
        ring.write(&[8000; 320], 16_000, 1);
        sink.pump(Instant::now());
        let mut frame = [0; 320];
        queue.read(&mut frame).unwrap();
        heard.push(frame);
    }
    assert_eq!((heard[0], heard[2], heard[4]), ([0; 320], [8000; 320], [0; 320]));
    for up in [heard[1], heard[5]] {
        assert!(up[0] < 200 && up.is_sorted() && up[80..] == [8000; 240]);
    }
    let down = heard[3];
    assert!(down[0] > 7800 && down.is_sorted_by(|before, after| before >= after) && down[80..] == [0; 240]);
}

#[test]
fn a_sink_of_a_queue_does_not_catch_up_in_a_burst() {
    let ring = Ring::new(16_000, 1, 1000);
    let (mut sink, _queue) = Sink::new(&ring, 16_000, 20, 100);
    let start = Instant::now();
    assert_eq!(sink.pump(start), 1);
    assert_eq!(sink.pump(start + ms(45)), 2);
    assert_eq!(sink.pump(start + ms(1000)), 1);
    assert_eq!(sink.next_due(), Some(start + ms(1020)));
}

#[test]
fn a_signal_that_has_ended_is_read_to_its_last_sample() {
    for live in [false, true] {
        let ring = if live { Ring::live(16_000, 1, 1000) } else { Ring::new(16_000, 1, 1000) };
        let (mut sink, queue) = Sink::new(&ring, 16_000, 20, 100);
        ring.write(&[9; 400], 16_000, 1);
        ring.end();
        assert_eq!(ring.write(&[9; 16], 16_000, 1).accepted_ms, 0.0);
        let start = Instant::now();
        let mut frames = 0;
        while !sink.done() {
            frames += sink.pump(start + ms(20 * frames as u64));
        }
        let (mut a, mut b) = ([0; 320], [0; 320]);
        assert!(queue.read(&mut a).is_some() && queue.read(&mut b).is_some() && queue.waiting() == 0, "{live}");
        assert_eq!(a, [9; 320]);
        assert_eq!((&b[..80], &b[80..]), (&[9; 80][..], &[0; 240][..]));
    }
}

/// Pushes 10 ms frames of a ramp and pulls 20 ms, `late` of which at times come one frame later; returns what is left.
fn paced(ring: &std::sync::Arc<Ring>, pulls: u32, late: impl Fn(u32) -> bool) -> f64 {
    let (mut reader, mut out, frame) = (ring.reader(), [0; 320], [7i16; 160]);
    let mut owed = 0;
    for n in 0..pulls {
        let pushes = if late(n) { 1 } else { 2 + owed };
        owed = if late(n) { 1 } else { 0 };
        (0..pushes).for_each(|_| _ = ring.write(&frame, 16_000, 1));
        reader.pull(&mut out, 16_000, 1);
    }
    ring.queued_ms()
}

#[test]
fn what_a_microphone_gave_before_anybody_read_is_no_delay() {
    let (queue, captured) = (Ring::new(16_000, 1, 1000), Ring::captured(16_000, 1, 1000));
    for ring in [&queue, &captured] {
        (0..50).for_each(|_| _ = ring.write(&[7; 160], 16_000, 1));
    }
    assert_eq!(paced(&queue, 10, |_| false), 500.0);
    assert_eq!(paced(&captured, 10, |_| false), 10.0);
}

#[test]
fn the_lead_of_a_punctual_microphone_shrinks_and_that_of_a_late_one_stays() {
    for (late, left_ms) in [(false, 4.0), (true, 10.0)] {
        let ring = Ring::captured(16_000, 1, 1000);
        (0..5).for_each(|_| _ = ring.write(&[7; 160], 16_000, 1));
        assert_eq!(paced(&ring, 600, |n| late && n % 100 == 50), left_ms, "late: {late}");
    }
}

#[test]
fn what_is_captured_comes_out_as_it_went_in_at_whatever_rate_that_was() {
    let ring = Ring::captured(48_000, 1, 1000);
    let (mut reader, tone) = (ring.reader(), sine(700.0, 8000, 800));
    for pcm in tone.chunks_exact(80) {
        ring.write(pcm, 8000, 1);
        assert_eq!(pull(&mut reader, 80, 8000), pcm);
    }
    assert_eq!((ring.rate_hz(), ring.played_ms(), ring.queued_ms()), (8000, 100.0, 0.0));
}

#[test]
fn a_microphone_that_changes_its_rate_is_heard_on_and_a_higher_one_with_its_whole_band() {
    let ring = Ring::captured(48_000, 1, 1000);
    let mut reader = ring.reader();
    let mut heard = Vec::new();
    // 100 ms each, always 10 ms ahead; 9 kHz is more than the first can carry.
    for (rate_hz, hz) in [(8000, 700.0), (48_000, 9000.0), (16_000, 700.0)] {
        for pcm in sine(hz, rate_hz, rate_hz as usize / 10).chunks_exact(rate_hz as usize / 50) {
            ring.write(pcm, rate_hz, 1);
            heard.extend(if heard.is_empty() { vec![1; 960] } else { pull(&mut reader, 960, 48_000) });
        }
    }
    assert_eq!(ring.rate_hz(), 48_000);
    assert_eq!((ring.played_ms(), ring.queued_ms()), (290.0, 10.0));
    let level = |from_ms: usize| {
        let window = &heard[from_ms * 48..][..480];
        (window.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / 480.0).sqrt()
    };
    // The sine has 7071; where the reader needs no filter any more, the 5 ms of a blend may be fainter.
    for from_ms in (30..290).step_by(10) {
        let expected = if from_ms == 100 { 5500.0 } else { 6700.0 };
        assert!((expected..7400.0).contains(&level(from_ms)), "{from_ms} ms: {}", level(from_ms));
    }
}

#[test]
fn a_reader_paced_by_a_clock_makes_up_for_a_pause_without_a_step_and_the_others_miss_nothing() {
    let ring = Ring::live(16_000, 1, 500);
    let [mut paused, mut punctual, mut unpaced] = [(); 3].map(|()| ring.reader());
    paused.set_max_lag_ms(120);
    punctual.set_max_lag_ms(120);
    let tone = sine(200.0, 16_000, 320 * 700);
    let mut heard = [const { Vec::new() }; 3];
    for (n, piece) in tone.chunks_exact(320).enumerate() {
        ring.write(piece, 16_000, 1);
        heard[0].extend(pull(&mut punctual, 320, 16_000));
        if !(100..104).contains(&n) {
            heard[1].extend(pull(&mut unpaced, 320, 16_000));
            heard[2].extend(pull(&mut paused, 320, 16_000));
        }
    }
    assert_eq!([&paused, &punctual, &unpaced].map(|reader| reader.available(16_000, 1)), [320, 0, 4 * 320]);
    assert_eq!([&paused, &punctual, &unpaced].map(Reader::dropped_ms), [60.0, 0.0, 0.0]);
    assert!(heard[0] == tone && heard[1] == tone[..tone.len() - 4 * 320]);
    let largest = heard[2].windows(2).map(|it| (i32::from(it[0]) - i32::from(it[1])).abs()).max().unwrap();
    assert!(largest < 1200, "a step of {largest} clicks; the tone itself has 785");
}

#[test]
fn a_reader_paced_by_a_clock_that_needs_its_lag_from_time_to_time_keeps_it() {
    let ring = Ring::live(16_000, 1, 500);
    let (mut reader, mut out) = (ring.reader(), [0; 320]);
    reader.set_max_lag_ms(120);
    for n in 0..2000 {
        // Every four seconds nothing comes for 60 ms.
        let pieces = [1, 0, 0, 0, 4][(n % 200_usize).saturating_sub(195)];
        (0..pieces).for_each(|_| _ = ring.write(&[7; 320], 16_000, 1));
        let real = reader.pull(&mut out, 16_000, 1);
        assert!(real == 320 || n < 200, "a hole at {n}");
    }
    assert_eq!(reader.dropped_ms(), 0.0);
}

#[test]
fn what_lags_behind_a_live_signal_too_far_is_skipped_at_once_and_without_a_step() {
    let ring = Ring::live(16_000, 1, 500);
    let mut reader = ring.reader();
    reader.set_max_lag_ms(120);
    let tone = sine(200.0, 16_000, 7000);
    ring.write(&tone[..660], 16_000, 1);
    let mut heard = pull(&mut reader, 660, 16_000);
    // From a peak on an odd number of half periods is left out.
    ring.write(&tone[660..660 + 3240], 16_000, 1);
    heard.extend(pull(&mut reader, 320, 16_000));
    assert_eq!(reader.dropped_ms(), 182.5);
    let largest = heard.windows(2).map(|it| (i32::from(it[0]) - i32::from(it[1])).abs()).max().unwrap();
    assert!(largest < 1200, "a step of {largest} clicks; the tone itself has 785");
}
