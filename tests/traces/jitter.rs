//! Packets that come early, late, bunched and out of order.

use super::path::{Delay, Path, clean, journey, uniform};
use super::report::{Bounds, Case, Outcome, Table};
use super::stream::{Encoding, Sound, opus, pcmu};
use super::{CLEAN, MINUTE, SECOND, over, titled};
use crate::support::ms;

/// A minute of which the first five seconds are for learning.
fn learned(name: &str, encoding: &Encoding, path: &Path) -> Outcome {
    let stream = encoding.lasting(MINUTE);
    let trace = path.carry(&stream);
    Case::new(titled(name, &stream), stream, trace).settle(5 * SECOND).run()
}

#[test]
fn uniform_jitter_costs_its_width_in_delay_and_hardly_any_sound() {
    let mut table = Table::new("Uniform jitter");
    for jitter_ms in [10.0, 20.0, 40.0, 80.0, 120.0, 200.0] {
        // With all the width as delay nothing is late; blocks and straddling frames come on top of it.
        let bounds = Bounds {
            delay_mean_ms: jitter_ms + 20.0,
            delay_p95_ms: jitter_ms + 40.0,
            concealed: 0.005,
            discarded: 2.0,
            bad: 0.005,
            speech: (0.05, 0.003),
            ..CLEAN
        };
        for encoding in [opus(Sound::Tone), pcmu(Sound::Speech)] {
            table.row(&learned(&format!("jitter {jitter_ms} ms"), &encoding, &uniform(jitter_ms)), &bounds);
            let path = uniform(jitter_ms).in_order();
            table.row(&learned(&format!("jitter {jitter_ms} ms in order"), &encoding, &path), &bounds);
        }
    }
    table.finish();
}

#[test]
fn a_long_tail_of_delays_is_cut_where_it_pays() {
    let mut table = Table::new("Jitter with a tail");
    // The longer the tail, the more may be missing for less delay.
    for (name, delay, missing) in [
        ("bell of 10 ms", Delay::Normal(10.0), 0.005),
        ("bell of 30 ms", Delay::Normal(30.0), 0.01),
        ("gamma of 20 ms", Delay::Gamma { shape: 2, mean_ms: 20.0 }, 0.01),
        ("exponential of 20 ms", Delay::Gamma { shape: 1, mean_ms: 20.0 }, 0.02),
        ("mobile", Delay::Mobile { swing_ms: 40.0 }, 0.005),
    ] {
        for encoding in [opus(Sound::Tone), opus(Sound::Speech), pcmu(Sound::Speech)] {
            let outcome = learned(name, &encoding, &clean().delayed(delay.clone()));
            // With the delay of 99 of 100 packets less than one of them is late, and most of these by little.
            let bounds = Bounds {
                delay_mean_ms: outcome.jitter_ms.1 + 20.0,
                delay_p95_ms: outcome.jitter_ms.1 + 60.0,
                concealed: missing,
                discarded: 2.0,
                bad: missing,
                speech: (missing * 12.0, missing * 0.7),
                ..CLEAN
            };
            table.row(&outcome, &bounds);
        }
    }
    table.finish();
}

#[test]
fn spikes_are_neither_waited_for_nor_dropped() {
    let mut table = Table::new("Spikes");
    let path = clean().delayed(Delay::Spikes { every_s: (2.0, 6.0), length_ms: (100.0, 300.0) });
    // Spikes of 200 ms each 4.2 s. With 80 ms of delay 120 ms of each are missing, that is 2.9 %, with 140 ms 1.5 %;
    // with hardly any delay, which is what they are judged to be worth, 4.5 %, of which a third has faded to silence. A tone suffers where the bridge has faded.
    let bounds = Bounds {
        delay_mean_ms: 150.0,
        delay_p95_ms: 260.0,
        concealed: 0.045,
        discarded: 10.0,
        bad: 0.035,
        speech: (0.8, 0.045),
        ..CLEAN
    };
    for encoding in [opus(Sound::Tone), opus(Sound::Speech), pcmu(Sound::Speech)] {
        table.row(&learned("spikes", &encoding, &path), &bounds);
    }
    table.finish();
}

#[test]
fn a_rare_outage_costs_itself_and_the_delay_comes_down_again() {
    let mut table = Table::new("Outages");
    for outage_ms in [300, 1000] {
        let length = outage_ms as f64;
        let path = clean().delayed(Delay::Spikes { every_s: (20.0, 20.0), length_ms: (length, length) });
        for encoding in [opus(Sound::Tone), pcmu(Sound::Tone)] {
            let mut outcome = over(&format!("outage of {outage_ms} ms"), encoding.lasting(35 * SECOND), &path);
            let end = 20 * SECOND + ms(outage_ms + 20);
            let back = outcome.recovered(end, end + 3 * SECOND);
            let later = outcome.delay_between(end + 5 * SECOND, end + 14 * SECOND);
            outcome.note = format!("back after {back:?}, 5 s later {:.0} ms", later.mean);
            // What comes late can still be played. After a second of it some may be skipped.
            let discarded = if outage_ms < 500 { 1.0 } else { 30.0 };
            table.row(&outcome, &Bounds { discarded, ..Bounds::default() });
            // The packets that come hold the tone: a frame to fill and one to blend in.
            table.at_most(&outcome, "time to the tone in ms", back.as_secs_f64() * 1e3, 81.0);
            table.at_most(&outcome, "delay after 5 s in ms", later.mean, 81.0);
        }
    }
    table.finish();
}

#[test]
fn jitter_that_comes_is_learned_and_jitter_that_goes_is_forgotten() {
    let mut table = Table::new("Jitter that comes and goes");
    for encoding in [opus(Sound::Tone), pcmu(Sound::Tone), opus(Sound::Speech)] {
        let stream = encoding.lasting(100 * SECOND);
        let trace = journey(&stream, &[(20 * SECOND, clean()), (40 * SECOND, uniform(80.0)), (100 * SECOND, clean())]);
        let mut outcome = Case::new(titled("80 ms from 20 to 40 s", &stream), stream, trace).run();
        let during = outcome.delay_between(30 * SECOND, 40 * SECOND);
        let after = outcome.delay_between(80 * SECOND, 100 * SECOND);
        outcome.note = format!("{:.0} ms, then {:.0} ms", during.mean, after.mean);
        table.row(&outcome, &Bounds { concealed: 0.005, speech: (0.15, 0.012), ..Bounds::default() });
        table.at_most(&outcome, "delay during jitter in ms", during.mean, 100.0);
        table.at_most(&outcome, "delay 40 s after it in ms", after.mean, 31.0);
        if encoding.sound == Sound::Tone {
            let learning = outcome.bad_between(20 * SECOND, 25 * SECOND);
            let learned = outcome.bad_between(25 * SECOND, 100 * SECOND);
            // The first late packets come as a surprise: each is missing once.
            table.at_most(&outcome, "bad frames in the first 5 s", learning as f64, 15.0);
            table.at_most(&outcome, "bad frames after that", learned as f64, 5.0);
        }
    }
    table.finish();
}

#[test]
fn another_route_is_followed_both_ways() {
    let mut table = Table::new("Another route");
    for encoding in [opus(Sound::Tone), pcmu(Sound::Tone)] {
        let (longer, shorter) = (20 * SECOND, 40 * SECOND);
        let path = clean().routes(&[(longer, 100.0), (shorter, 0.0)]);
        let mut outcome = over("100 ms longer, then back", encoding.lasting(MINUTE), &path);
        let bad = [longer, shorter].map(|at| outcome.bad_between(at, at + 5 * SECOND));
        let delay = [longer, shorter].map(|at| outcome.delay_between(at + 10 * SECOND, at + 20 * SECOND).mean);
        outcome.note =
            format!("{} and {} bad frames, 10 s later {:.0} and {:.0} ms", bad[0], bad[1], delay[0], delay[1]);
        table.row(&outcome, &Bounds { discarded: 0.0, ..Bounds::default() });
        // 100 ms are missing once, of which the last part has faded; on the way back nothing is missing.
        table.at_most(&outcome, "bad frames on the longer route", bad[0] as f64, 6.0);
        table.at_most(&outcome, "bad frames on the shorter route", bad[1] as f64, 1.0);
        table.at_most(&outcome, "delay on the longer route in ms", delay[0], 61.0);
        table.at_most(&outcome, "delay on the shorter route in ms", delay[1], 41.0);
    }
    table.finish();
}
