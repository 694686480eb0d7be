//! Senders that send nothing: pauses with and without a clock, discontinuous transmission.

use super::path::{Loss, clean, uniform};
use super::report::{Bounds, Table};
use super::stream::{Clock, PAUSE, SPURT, Sound, opus, pcmu};
use super::{SECOND, minute, over};
use crate::support::ms;

#[test]
fn after_a_pause_the_sound_is_back_at_once_and_the_delay_as_before() {
    let mut table = Table::new("Pauses of the sender");
    for clock in [Clock::Runs, Clock::Stands] {
        for pause_ms in [100, 300, 1000, 3000, 10_000, 30_000] {
            for encoding in [opus(Sound::Tone), pcmu(Sound::Tone)] {
                let (at, pause) = (10 * SECOND, ms(pause_ms));
                let stream = encoding.lasting(20 * SECOND).paused(at, pause, clock);
                let mut outcome = over(&format!("pause of {pause_ms} ms, clock {clock:?}"), stream, &clean());
                let first = at + pause + ms(20);
                let back = outcome.recovered(first, first + 5 * SECOND);
                let before = outcome.bad_between(2 * SECOND, at);
                let later = outcome.delay_between(first + 3 * SECOND, first + 9 * SECOND);
                outcome.note = format!("back after {back:?}, 3 s later {:.0} ms", later.mean);
                table.row(&outcome, &Bounds { discarded: 0.0, ..Bounds::default() });
                // The delay of a clean line, a frame to fill and one to blend in; CELT takes another after a long gap.
                table.at_most(&outcome, "time to the tone in ms", back.as_secs_f64() * 1e3, 81.0);
                table.at_most(&outcome, "bad frames before the pause", before as f64, 0.0);
                table.at_most(&outcome, "delay after 3 s in ms", later.mean, 31.0);
            }
        }
    }
    table.finish();
}

#[test]
fn discontinuous_sound_is_whole_and_the_silence_between_is_quiet() {
    let mut table = Table::new("Discontinuous transmission");
    let paths = [
        ("clean", clean(), 21.0),
        ("jitter 20 ms", uniform(20.0), 41.0),
        ("loss 2 %", clean().lossy(Loss::Random(0.02)), 31.0),
    ];
    for (name, path, delay_ms) in paths {
        for encoding in [opus(Sound::Spurts), pcmu(Sound::Spurts)] {
            let mut outcome = minute(name, &encoding, &path);
            let missing = 1.0 - outcome.heard_of_sent();
            // From 300 ms after the end of a spurt was sent, until the next one.
            let (spurt, round) = (SPURT.as_millis(), (SPURT + PAUSE).as_millis());
            let loudest = outcome.loudest(|at| (spurt + 300..round).contains(&(at.as_millis() % round)));
            outcome.note = format!("{:.1} % not heard, silence up to {loudest:.0}", missing * 100.0);
            // What is not sent is not missing. A lost announcement is bridged until it has faded: 100 ms of 4 s.
            let bounds = Bounds {
                delay_mean_ms: delay_ms,
                delay_p95_ms: delay_ms + 20.0,
                concealed: 0.005,
                discarded: 1.0,
                ..Bounds::default()
            };
            table.row(&outcome, &bounds);
            // Spurts of 100 frames: the first and the last may not be filled.
            table.at_most(&outcome, "share of the sound not heard", missing, 0.02 + outcome.lost.0);
            // -60 dBov are 33.
            table.at_most(&outcome, "level of the silence", loudest, 100.0);
        }
    }
    table.finish();
}
