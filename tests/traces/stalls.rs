//! A process that stands still: nothing is received and nothing played, then all at once.

use super::path::{clean, uniform};
use super::report::{Bounds, Case, Table};
use super::stream::{Sound, opus, pcmu};
use super::{MINUTE, SECOND, titled};
use crate::support::ms;

#[test]
fn a_short_stall_is_made_up_for_without_loss_and_without_delay() {
    let mut table = Table::new("Short stalls of the process");
    for stall_ms in [80, 300] {
        for (name, path, delay_ms) in [("", clean(), 31.0), (" with 40 ms of jitter", uniform(40.0), 60.0)] {
            for encoding in [opus(Sound::Tone), pcmu(Sound::Tone)] {
                let stream = encoding.lasting(MINUTE / 2);
                let trace = path.carry(&stream);
                let (at, stall) = (10 * SECOND, ms(stall_ms));
                let name = titled(&format!("stall of {stall_ms} ms{name}"), &stream);
                let mut outcome = Case::new(name, stream, trace).settle(5 * SECOND).stalls(&[(at, stall)]).run();
                let later = outcome.delay_between(at + stall + 3 * SECOND, at + stall + 15 * SECOND);
                outcome.note = format!("3 s later {:.0} ms", later.mean);
                // All packets are there when it ends, and the frames that were due come at once.
                let bounds = Bounds {
                    concealed: 0.002,
                    discarded: 1.0,
                    bad: 0.002,
                    uneven: stall + ms(80),
                    ..Bounds::default()
                };
                table.row(&outcome, &bounds);
                // The path is what it was: late was the process, not the packets.
                table.at_most(&outcome, "delay after 3 s in ms", later.mean, delay_ms);
            }
        }
    }
    table.finish();
}

#[test]
fn a_long_stall_is_made_up_for_within_a_second() {
    let mut table = Table::new("Long stalls of the process");
    for encoding in [opus(Sound::Tone), pcmu(Sound::Tone)] {
        let stream = encoding.lasting(MINUTE / 2);
        let trace = clean().carry(&stream);
        let (at, stall) = (10 * SECOND, ms(2000));
        let mut outcome = Case::new(titled("stall of 2 s", &stream), stream, trace).stalls(&[(at, stall)]).run();
        let end = at + stall;
        let back = outcome.recovered(end, end + 5 * SECOND);
        let later = outcome.delay_between(end + SECOND, end + 10 * SECOND);
        outcome.note = format!("back after {back:?}, 1 s later {:.0} ms", later.mean);
        table.row(&outcome, &Bounds { uneven: stall + ms(80), ..Bounds::default() });
        // What waited is played at up to twice the speed, half a second and more of it.
        table.at_most(&outcome, "time to the tone in ms", back.as_secs_f64() * 1e3, 801.0);
        table.at_most(&outcome, "delay after 1 s in ms", later.mean, 61.0);
    }
    table.finish();
}
