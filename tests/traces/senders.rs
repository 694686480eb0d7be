//! Senders that change their numbers, or the length of their packets, in the middle of a call.

use super::path::clean;
use super::report::{Bounds, Table};
use super::stream::{Sent, Sound, opus, pcmu};
use super::{MINUTE, SECOND, over};
use crate::support::ms;
use std::time::Duration;

type Change = fn(&mut Sent);

#[test]
fn a_jump_of_the_numbers_is_over_after_a_few_frames() {
    let mut table = Table::new("Jumps of the sender's numbers");
    let changes: [(&str, Change); 8] = [
        ("another ssrc", |packet| {
            packet.ssrc = 99;
            packet.sequence = packet.sequence.wrapping_add(20_000);
            packet.timestamp = packet.timestamp.wrapping_add(3_000_000_000);
        }),
        ("another ssrc only", |packet| packet.ssrc = 99),
        ("sequence + 200", |packet| packet.sequence = packet.sequence.wrapping_add(200)),
        ("sequence + 30000", |packet| packet.sequence = packet.sequence.wrapping_add(30_000)),
        ("sequence - 500", |packet| packet.sequence = packet.sequence.wrapping_sub(500)),
        ("timestamp + 1 s", |packet| packet.timestamp = packet.timestamp.wrapping_add(second(packet))),
        ("timestamp - 1 s", |packet| packet.timestamp = packet.timestamp.wrapping_sub(second(packet))),
        ("timestamp + 2^31", |packet| packet.timestamp = packet.timestamp.wrapping_add(1 << 31)),
    ];
    for (name, change) in changes {
        for encoding in [opus(Sound::Tone), pcmu(Sound::Tone)] {
            let at = 10 * SECOND;
            let mut outcome = over(name, encoding.lasting(20 * SECOND).altered(at, change), &clean());
            let bad = outcome.bad_between(at, at + 5 * SECOND);
            let back = outcome.recovered(at + ms(20), at + 5 * SECOND);
            let later = outcome.delay_between(at + 5 * SECOND, at + 10 * SECOND);
            outcome.note = format!("back after {back:?}, {bad} bad frames, 5 s later {:.0} ms", later.mean);
            table.row(&outcome, &Bounds { delay_p95_ms: 61.0, discarded: 3.0, ..Bounds::default() });
            // No packet is missing. Another stream shows itself with two packets: one is heard late.
            table.at_most(&outcome, "bad frames", bad as f64, 3.0);
            table.at_most(&outcome, "time to the tone in ms", back.as_secs_f64() * 1e3, 101.0);
            table.at_most(&outcome, "delay after 5 s in ms", later.mean, 31.0);
        }
    }
    table.finish();
}

fn second(packet: &Sent) -> u32 {
    if packet.payload_type == 0 { 8000 } else { 48_000 }
}

#[test]
fn packets_may_become_longer_and_shorter() {
    let mut table = Table::new("Packet lengths");
    let lengths = [20, 10, 40, 20, 60, 20, 60, 10];
    let stage = 6 * SECOND;
    let ptimes: Vec<(Duration, u64)> =
        lengths.iter().enumerate().map(|(n, it)| (stage * (n as u32 + 1), *it)).collect();
    for encoding in [opus(Sound::Tone), pcmu(Sound::Tone), opus(Sound::Speech), pcmu(Sound::Speech)] {
        let encoding = encoding.ptimes(&ptimes);
        let mut outcome = over(
            "packets of 20, 10, 40, 20, 60, 20, 60, 10 ms",
            encoding.lasting(stage * lengths.len() as u32),
            &clean(),
        );
        let last = outcome.delay_between(stage * 7 + 4 * SECOND, stage * 8);
        outcome.note = format!("at the end {:.0} ms", last.mean);
        // A longer packet comes later by what it holds more, which is missing once: 20 to 40 ms, three times.
        let bounds = Bounds {
            delay_mean_ms: 51.0,
            delay_p95_ms: 91.0,
            concealed: 0.003,
            discarded: 0.0,
            bad: 0.003,
            speech: (0.1, 0.005),
            uneven: ms(160),
        };
        table.row(&outcome, &bounds);
        table.at_most(&outcome, "delay with 10 ms packets at the end in ms", last.mean, 31.0);
    }
    table.finish();
}

#[test]
fn any_packet_length_is_played_without_a_gap() {
    let mut table = Table::new("Each packet length");
    for packet_ms in [10, 20, 40, 60] {
        for encoding in [opus(Sound::Tone), pcmu(Sound::Speech)] {
            let encoding = encoding.ptimes(&[(Duration::MAX, packet_ms)]);
            let outcome = over(&format!("packets of {packet_ms} ms"), encoding.lasting(MINUTE / 2), &clean());
            // The end of a packet waits until its beginning has been played, and frames have 20 ms.
            let wait_ms = packet_ms.max(20) as f64;
            let bounds = Bounds {
                delay_mean_ms: 11.0 + wait_ms / 2.0,
                delay_p95_ms: 11.0 + wait_ms,
                uneven: ms(2 * packet_ms.max(20) + 40),
                ..super::CLEAN
            };
            table.row(&outcome, &bounds);
        }
    }
    table.finish();
}
