//! Speech activity: known soon, seldom wrong, and only looked for while somebody listens.

use crate::support::{Call, Dice, ms, opus, pcmu};
use std::f64::consts::TAU;
use std::time::Instant;
use webphone_rtc::media::{
    Listeners, Loudness, Noticed, Ring, Sink, SpeechChange, SpeechDetector, SpeechSettings,
    resample::{RATES_HZ, Resampler},
};

const RATE_HZ: u32 = 16_000;

/// "…and I will say it back to you."
fn greeting() -> Vec<i16> {
    let wav = std::fs::read("examples/bridge/greeting.wav").unwrap();
    let rate_hz = u32::from_le_bytes(wav[24..28].try_into().unwrap());
    let pcm: Vec<i16> = wav[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    assert_eq!(rate_hz, RATE_HZ);
    pcm[26_000..].to_vec()
}

/// The first sample of the first 10 ms that are within 20 dB of the mean.
fn onset(pcm: &[i16]) -> usize {
    let energy = |block: &[i16]| block.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / block.len() as f64;
    160 * pcm.chunks(160).position(|block| energy(block) > energy(pcm) / 100.0).unwrap()
}

fn rms(pcm: &[i16]) -> f64 {
    (pcm.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt()
}

/// A second of silence, the greeting, and 1.5 s of silence; where the greeting begins to sound, and where it ends.
fn sentence() -> (Vec<i16>, usize, usize) {
    let said = greeting();
    let mut pcm = vec![0; 16_000];
    let first = pcm.len() + onset(&said);
    let reversed: Vec<i16> = said.iter().rev().copied().collect();
    let last = pcm.len() + said.len() - onset(&reversed);
    pcm.extend(said);
    pcm.extend([0; 24_000]);
    (pcm, first, last)
}

fn noise(seed: u64, samples: usize, level: f64) -> Vec<i16> {
    let mut dice = Dice::new(seed);
    // Uniform noise of this rms.
    (0..samples).map(|_| ((dice.roll() * 2.0 - 1.0) * level * 3f64.sqrt()) as i16).collect()
}

fn mixed(a: &[i16], b: &[i16]) -> Vec<i16> {
    a.iter().zip(b).map(|(a, b)| a.saturating_add(*b)).collect()
}

/// What a detector says of `pcm`, fed in blocks.
fn changes(pcm: &[i16], rate_hz: u32, block: usize, settings: SpeechSettings) -> Vec<SpeechChange> {
    let mut detector = SpeechDetector::new(rate_hz, settings);
    let mut told = Vec::new();
    for (n, block) in pcm.chunks(block).enumerate() {
        detector.feed(block);
        while let Some(change) = detector.poll() {
            assert_eq!(change.known as usize, (n * block.len() + block.len()).min(change.known as usize));
            told.push(change);
        }
    }
    told
}

fn default_changes(pcm: &[i16]) -> Vec<SpeechChange> {
    changes(pcm, RATE_HZ, 320, SpeechSettings::default())
}

#[test]
fn a_sentence_starts_within_100_ms_and_ends_once_whatever_the_noise() {
    let (clean, first, last) = sentence();
    let level = rms(&greeting());
    for snr_db in [60, 30, 20, 15, 10] {
        for seed in 0..4 {
            let field = noise(seed, clean.len(), level * 10f64.powf(-f64::from(snr_db) / 20.0));
            let told = default_changes(&mixed(&clean, &field));
            let [start, end] = told[..] else { panic!("{snr_db} dB, seed {seed}: {told:?}") };
            assert!(start.speaking && !end.speaking);
            let (began, ended) = (start.position as i64 - first as i64, end.position as i64 - last as i64);
            assert!(
                start.known as usize <= first + 1600,
                "{snr_db} dB: known after {} samples",
                start.known as usize - first
            );
            assert!((-800..=1280).contains(&began), "{snr_db} dB: begins {began} samples after it did");
            assert!((-2400..=1600).contains(&ended), "{snr_db} dB: ends {ended} samples after it did");
            assert!((end.known - end.position) as usize >= 16 * 500, "the hang-over");
            assert!((end.known - end.position) as usize <= 16 * 540, "and no more");
        }
    }
}

#[test]
fn whoever_speaks_from_the_first_moment_is_heard_too() {
    for skip in [0, 3000, 6000, 9000] {
        let told = default_changes(&greeting()[skip..]);
        assert!(told.first().is_some_and(|start| start.speaking && start.known <= 16 * 600), "{skip}: {told:?}");
    }
}

#[test]
fn noise_hum_tones_and_clicks_are_nobody() {
    let minute = 60 * RATE_HZ as usize;
    let sines = |frequencies: &'static [f64], level: f64| {
        move |n: usize| {
            let t = n as f64 / f64::from(RATE_HZ);
            frequencies.iter().map(|hz| (TAU * hz * t).sin()).sum::<f64>() * level / frequencies.len() as f64
        }
    };
    // Of 6 s: on for the first 2.
    let cadence = |n: usize, on: usize, of: usize| if n % of < on { 1.0 } else { 0.0 };
    let (ring_back, busy, key) =
        (sines(&[440.0, 480.0], 6000.0), sines(&[480.0, 620.0], 6000.0), sines(&[770.0, 1336.0], 9000.0));
    let hum = sines(&[50.0, 100.0, 150.0, 250.0], 3000.0);
    type Signal = Box<dyn Fn(usize) -> f64>;
    let signals: [(&str, Signal); 6] = [
        ("silence", Box::new(|_| 0.0)),
        ("ring-back", Box::new(move |n| ring_back(n) * cadence(n, 32_000, 96_000))),
        ("busy", Box::new(move |n| busy(n) * cadence(n, 8000, 16_000))),
        ("digits", Box::new(move |n| key(n) * cadence(n, 2400, 8000))),
        ("hum", Box::new(hum)),
        (
            "a click each second",
            Box::new(|n| if n % 16_000 < 40 { 20_000.0 * (-((n % 16_000) as f64) / 8.0).exp() } else { 0.0 }),
        ),
    ];
    for (name, signal) in signals {
        let pcm: Vec<i16> = (0..minute).map(|n| signal(n) as i16).collect();
        assert_eq!(default_changes(&mixed(&pcm, &noise(1, minute, 3.0))), [], "{name}");
    }
    for level in [10.0, 100.0, 1000.0] {
        assert_eq!(default_changes(&noise(2, minute, level)), [], "noise of {level}");
        let later: Vec<i16> = [0; 32_000].into_iter().chain(noise(3, 64_000, level)).collect();
        assert_eq!(default_changes(&later), [], "noise of {level} after silence");
    }
}

#[test]
fn what_the_signal_is_cut_into_makes_no_difference_to_where_speech_is() {
    let (pcm, _, _) = sentence();
    let positions = |block| -> Vec<_> {
        let told = changes(&pcm, RATE_HZ, block, SpeechSettings::default());
        told.iter().map(|change| (change.speaking, change.position)).collect()
    };
    let whole = positions(pcm.len());
    assert_eq!(whole.len(), 2);
    for block in [1, 37, 160, 320, 441, 960] {
        assert_eq!(positions(block), whole, "blocks of {block}");
    }
}

#[test]
fn at_every_rate_the_positions_are_samples_of_the_signal_that_was_fed() {
    let (pcm, first, _) = sentence();
    for rate_hz in RATES_HZ.into_iter().filter(|rate_hz| *rate_hz <= 48_000) {
        let mut resampler = Resampler::new(RATE_HZ, rate_hz);
        let mut fed = vec![0; resampler.available(pcm.len())];
        resampler.process(pcm.iter().copied(), &mut fed);
        let told = changes(&fed, rate_hz, rate_hz as usize / 50, SpeechSettings::default());
        assert_eq!(told.len(), 2, "{rate_hz}: {told:?}");
        let began_ms = told[0].position as f64 * 1000.0 / f64::from(rate_hz) - first as f64 / 16.0;
        let known_ms = told[0].known as f64 * 1000.0 / f64::from(rate_hz) - first as f64 / 16.0;
        assert!((-50.0..=80.0).contains(&began_ms), "{rate_hz} Hz: {began_ms} ms");
        assert!(known_ms <= 110.0, "{rate_hz} Hz: known after {known_ms} ms");
        assert!(told[1].position > told[0].known && told[1].known <= fed.len() as u64);
    }
}

#[test]
fn the_thresholds_are_obeyed() {
    let (pcm, first, last) = sentence();
    let with = |change: &dyn Fn(&mut SpeechSettings)| {
        let mut settings = SpeechSettings::default();
        change(&mut settings);
        changes(&pcm, RATE_HZ, 320, settings)
    };
    let usual = with(&|_| {});
    let careful = with(&|it| it.onset_ms = 200);
    assert!(careful[0].known >= usual[0].known + 16 * 100, "{careful:?}");
    assert!(careful[0].position.abs_diff(usual[0].position) <= 16 * 32, "what was said meanwhile belongs to it");
    let patient = with(&|it| it.hangover_ms = 1000);
    assert_eq!(patient[1].position, usual[1].position);
    assert!(patient[1].known as usize >= last + 16 * 900);
    let hasty = with(&|it| it.hangover_ms = 50);
    assert!(hasty.len() > 2, "each pause ends it: {hasty:?}");
    assert!(hasty.windows(2).all(|pair| pair[0].speaking != pair[1].speaking && pair[0].position <= pair[1].position));
    let strict = with(&|it| it.threshold = 0.9);
    assert!(strict[0].known > usual[0].known, "{strict:?}");
    assert_eq!(with(&|it| it.min_dbfs = 0.0), [], "nothing is that loud");
    let first_hop = with(&|it| it.onset_ms = 0);
    assert!((first as u64..usual[0].known).contains(&first_hop[0].known), "{first_hop:?}");
}

#[test]
fn people_in_the_background_are_not_taken_for_the_one_who_has_just_stopped() {
    let (pcm, _, last) = sentence();
    // Eight say the same out of step, 18 dB softer together.
    let said = greeting();
    let far: Vec<i16> = (0..pcm.len() + 16_000)
        .map(|n| (0..8).map(|voice| said[(n + voice * said.len() / 8 + voice * 311) % said.len()] / 24).sum())
        .collect();
    let near: Vec<i16> = pcm.iter().copied().chain([0; 16_000]).collect();
    let told = default_changes(&mixed(&near, &far));
    let after = told.iter().filter(|change| change.known as usize > last + 16 * 500).collect::<Vec<_>>();
    assert!(after.iter().all(|change| !change.speaking), "{told:?}");
    assert!(told.iter().any(|change| !change.speaking), "{told:?}");
}

/// A sink on a queue that holds `pcm`, and all that it says.
fn through_sink(pcm: &[i16], listeners: Listeners) -> (Vec<i16>, Vec<(usize, Noticed)>) {
    let ring = Ring::new(RATE_HZ, 1, 60_000);
    ring.write(pcm, RATE_HZ, 1);
    let (mut sink, queue) = Sink::new(&ring, RATE_HZ, 20, 10_000);
    queue.listen(listeners);
    let start = Instant::now();
    let (mut heard, mut frame) = (Vec::new(), [0; 320]);
    let mut told = Vec::new();
    for n in 0..pcm.len() as u64 / 320 {
        sink.pump(start + ms(20 * n));
        assert!(queue.read(&mut frame).is_some());
        heard.extend(frame);
        while let Some(it) = sink.poll() {
            told.push((heard.len(), it));
        }
    }
    (heard, told)
}

#[test]
fn a_sink_tells_of_speech_in_the_frame_in_which_it_is_known() {
    let (pcm, first, _) = sentence();
    let speech = Some(SpeechSettings::default());
    let (heard, told) = through_sink(&pcm, Listeners { speech, ..Listeners::default() });
    assert!(heard == pcm[..heard.len()], "the frames are untouched");
    let [(at, Noticed::Speech(start, timestamp)), (_, Noticed::Speech(end, _))] = told[..] else { panic!("{told:?}") };
    assert_eq!((start.speaking, end.speaking, start.known), (true, false, at as u64));
    assert_eq!(u64::from(timestamp), start.position, "without RTP the timestamp counts samples");
    assert!((first - 800..first + 1280).contains(&(start.position as usize)));
}

#[test]
fn a_sink_that_nobody_listens_to_or_whose_track_is_disabled_hears_nobody() {
    let (pcm, _, _) = sentence();
    assert_eq!(through_sink(&pcm, Listeners::default()).1, []);
    let speech = Some(SpeechSettings::default());
    let (heard, told) = through_sink(&pcm, Listeners { speech, levels: true, enabled: false });
    assert!(heard.iter().all(|it| *it == 0));
    assert!(told.iter().all(|it| matches!(it.1, Noticed::Level(Loudness { rms: 0.0, peak: 0.0 }))), "{told:?}");
}

#[test]
fn a_sink_measures_levels_ten_times_a_second() {
    let pcm = vec![16_384; 16_000];
    let (_, told) = through_sink(&pcm, Listeners { levels: true, ..Listeners::default() });
    let wanted: Vec<_> = (1..=10).map(|n| (n * 1600, Noticed::Level(Loudness { rms: 0.5, peak: 0.5 }))).collect();
    assert_eq!(told, wanted);
}

#[test]
fn listening_can_begin_and_end_at_any_time() {
    let (pcm, first, _) = sentence();
    let ring = Ring::new(RATE_HZ, 1, 60_000);
    let (mut sink, queue) = Sink::new(&ring, RATE_HZ, 20, 10_000);
    let start = Instant::now();
    let mut now = 0;
    let mut hear = |pcm: &[i16], listen: bool| {
        queue.listen(Listeners { speech: listen.then(SpeechSettings::default), ..Listeners::default() });
        let mut told = Vec::new();
        for block in pcm.chunks_exact(320) {
            ring.write(block, RATE_HZ, 1);
            sink.pump(start + ms(now));
            now += 20;
            told.extend(std::iter::from_fn(|| sink.poll()));
        }
        told
    };
    let length = pcm.len() / 320 * 320;
    assert_eq!(hear(&pcm, false), []);
    let told = hear(&pcm, true);
    let Noticed::Speech(change, timestamp) = told[0] else { panic!("{told:?}") };
    assert!(
        (length + first - 800..length + first + 1280).contains(&(change.position as usize)),
        "counted from the first frame"
    );
    assert_eq!(u64::from(timestamp), change.position);
    assert_eq!(told.len(), 2);
    assert_eq!(hear(&pcm, false), []);
}

#[test]
fn speech_that_comes_over_a_call_is_known_soon_and_carries_the_timestamp_of_its_first_sample() {
    for codec in [pcmu(), opus()] {
        let (pcm, first, _) = sentence();
        let (name, clock_hz) = (codec.name.clone(), u64::from(codec.clock_rate));
        let mut call = Call::new(codec, RATE_HZ);
        let (sink, queue) = call.sink.as_mut().unwrap();
        queue.listen(Listeners { speech: Some(SpeechSettings::default()), ..Listeners::default() });
        let _ = sink;
        let said = pcm.clone();
        call.speak = Some(Box::new(move |n| said.get(n).copied().unwrap_or(0)));
        let mut told = Vec::new();
        for _ in 0..(pcm.len() as u64 / 16) {
            call.run(ms(1));
            let now = call.now;
            let sink = &mut call.sink.as_mut().unwrap().0;
            told.extend(std::iter::from_fn(|| sink.poll()).map(|it| (now, it)));
        }
        let [(at, Noticed::Speech(start, timestamp)), (_, Noticed::Speech(_, _))] = told[..] else {
            panic!("{told:?}")
        };
        let spoken = call.start + ms(first as u64 / 16);
        let late = at - spoken;
        println!("{name}: known {late:?} after it was spoken at the far end");
        assert!(late < ms(250), "{name}: {late:?}");
        // The frame that holds the position has the timestamp that goes with it.
        let frame = start.position as usize / 320;
        let expected = call.frames[frame].1.timestamp.wrapping_add((start.position % 320 * clock_hz / 16_000) as u32);
        let tolerance = (clock_hz / 100) as i32; // Where time was stretched.
        assert!((timestamp.wrapping_sub(expected) as i32).abs() <= tolerance, "{name}: {timestamp} and not {expected}");
    }
}
