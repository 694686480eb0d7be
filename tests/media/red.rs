//! Redundant audio (RFC 2198) in virtual time: what it saves, when it is sent, and what a far end may do with it.

use crate::support::{Call, SSRC, all, bad, bad_windows, ms, opus, packet, send_spec, snr_db, spec};
use bytes::BytesMut;
use std::time::Duration;
use webphone_rtc::media::{RecvSpec, RedSpec, SendSpec};
use webphone_rtc::rtp::RtpHeader;

const RED: u8 = 63;

/// Opus with redundancy beside it; `always` as one that stands first.
fn call(always: bool) -> Call {
    let red = Some(RedSpec { payload_type: RED, always });
    let mut call = Call::with(SendSpec { red, ..send_spec(opus()) }, 16_000, true).tone(440.0);
    let codecs = all().into_iter().chain([spec(RED, "red", 48_000, 2)]).collect();
    call.receiver.configure(Some(RecvSpec { codecs }));
    call
}

/// The payload types of what was sent, each once, in the order of their first packets.
fn sent_types(call: &Call) -> Vec<u8> {
    let mut types: Vec<u8> = call.sent.iter().map(|(_, packet)| packet.payload_type).collect();
    types.dedup();
    types
}

#[test]
fn what_is_lost_is_played_from_the_packet_after_it() {
    let mut with = call(true).over(bad(3, 0.1, 5));
    let mut without = Call::new(opus(), 16_000).tone(440.0).over(bad(3, 0.1, 5));
    for call in [&mut with, &mut without] {
        call.run(Duration::from_secs(30));
    }
    assert_eq!(sent_types(&with), [RED]);
    let stats = with.receiver.stats();
    assert!(stats.lost > 100 && stats.recovered as f64 > stats.lost as f64 * 0.85, "{stats:?}");
    assert_eq!((stats.duplicates, stats.garbage), (0, 0), "a copy is no packet");
    assert_eq!(stats.codec.map(|codec| codec.0), Some(111));
    let share = |call: &Call| {
        let stats = call.receiver.stats();
        stats.concealed_samples as f64 / stats.total_samples as f64
    };
    assert!(share(&with) < share(&without) / 5.0, "{} and {}", share(&with), share(&without));
    assert!(bad_windows(&with.heard[16_000..], 440.0) < 0.03);
}

#[test]
fn copies_are_sent_when_packets_are_lost_and_only_then() {
    let mut call = call(false);
    call.run(ms(1000));
    assert_eq!(sent_types(&call), [111]);
    let plain = call.sent.last().unwrap().1.payload.len();
    (0..4).for_each(|_| call.report(0.06, Some(0.05)));
    call.run(ms(500));
    (0..4).for_each(|_| call.report(0.2, Some(0.05)));
    call.run(ms(500));
    assert_eq!(sent_types(&call), [111, RED]);
    let last = call.sent.last().unwrap().1.payload.len();
    assert!((plain * 5 / 2..plain * 7 / 2 + 20).contains(&last), "{plain} bytes, and {last} with two copies");
    (0..12).for_each(|_| call.report(0.0, Some(0.05)));
    call.run(ms(500));
    assert_eq!(sent_types(&call), [111, RED, 111]);
    assert!(snr_db(call.last(ms(1000)), 440.0) > 30.0, "the change is not heard");
}

#[test]
fn copies_stay_within_the_bit_rate_that_was_asked_for() {
    let mut call = call(false);
    call.sender.set_max_bitrate_bps(Some(40_000));
    (0..4).for_each(|_| call.report(0.2, Some(0.05)));
    call.run(ms(500));
    assert_eq!(sent_types(&call), [111]);
    call.sender.set_max_bitrate_bps(Some(70_000));
    call.run(ms(500));
    assert_eq!(sent_types(&call), [111, RED]);
}

#[test]
fn bursts_are_bridged_by_a_second_copy() {
    let mut call = call(false);
    let burst = |n: u64| n % 10 < 2 && n > 50;
    call.network = Box::new(move |n, _| if burst(n) { vec![] } else { vec![ms(5)] });
    (0..4).for_each(|_| call.report(0.2, Some(0.05)));
    call.run(Duration::from_secs(20));
    let stats = call.receiver.stats();
    assert!(stats.lost > 150 && stats.recovered as f64 > stats.lost as f64 * 0.9, "{stats:?}");
}

#[test]
fn a_packet_that_comes_after_its_copy_takes_its_place() {
    let mut call = call(true);
    // Every tenth comes after the one that carries it again.
    call.network = Box::new(|n, _| if n % 10 == 5 { vec![ms(30)] } else { vec![ms(5)] });
    call.run(Duration::from_secs(20));
    let stats = call.receiver.stats();
    assert_eq!((stats.lost, stats.duplicates, stats.garbage), (0, 0, 0));
    let early = 1000 - stats.recovered - stats.decoded.saturating_sub(stats.recovered);
    assert!(early < 20, "each moment is played once: {stats:?}");
    assert!(bad_windows(&call.heard[16_000..], 440.0) < 0.01);
}

#[test]
fn what_is_no_redundant_payload_is_garbage_and_harms_nothing() {
    let mut call = call(true);
    call.network = Box::new(|n, packet| {
        match n % 50 {
            10 => packet.payload.truncate(3),
            20 => packet.payload = BytesMut::from(&[0xff; 60][..]),
            // Redundancy in redundancy, a type that nobody knows, nothing at all.
            30 => packet.payload = BytesMut::from(&[RED, RED, RED, 1, 2, 3][..]),
            40 => packet.payload = BytesMut::from(&[99, 1, 2, 3][..]),
            45 => packet.payload.clear(),
            _ => {}
        }
        vec![ms(5)]
    });
    call.run(Duration::from_secs(10));
    let stats = call.receiver.stats();
    assert!(stats.garbage >= 25, "{stats:?}");
    assert!(stats.recovered >= 40, "what they should have carried came with the next: {stats:?}");
    assert!(bad_windows(&call.heard[16_000..], 440.0) < 0.02);
}

#[test]
fn redundancy_in_redundancy_is_left_out_under_whatever_type() {
    let mut call = call(true);
    let other = spec(RED + 1, "red", 48_000, 2);
    let codecs = all().into_iter().chain([spec(RED, "red", 48_000, 2), other]).collect();
    call.receiver.configure(Some(RecvSpec { codecs }));
    // 1000 headers, each of a payload that has nothing but the next, around one of Opus.
    call.network = Box::new(|_, packet| {
        let own = std::mem::replace(&mut packet.payload, BytesMut::from(&[RED + 1; 1000][..]));
        packet.payload.extend_from_slice(&own);
        vec![ms(5)]
    });
    call.run(ms(500));
    assert_eq!(call.receiver.stats().decoded, 0);
}

#[test]
fn the_first_packet_brings_nothing_of_what_was_before() {
    let mut call = call(true);
    call.network = Box::new(|n, _| if n < 10 { vec![] } else { vec![ms(5)] });
    call.run(ms(2000));
    let stats = call.receiver.stats();
    assert_eq!((stats.recovered, stats.lost), (0, 0), "what came before the first is nobody's loss");
    assert!(snr_db(call.last(ms(1000)), 440.0) > 30.0);
}

#[test]
fn a_digit_in_a_redundant_packet_is_heard() {
    let mut call = call(true);
    call.run(ms(200));
    let mut header = RtpHeader { ssrc: SSRC, payload_type: RED, ..Default::default() };
    let last = call.sent.last().unwrap().1.clone();
    (header.timestamp, header.marker) = (last.timestamp.wrapping_add(960), true);
    for (n, event) in [[5, 10, 3, 192], [5, 0x8a, 7, 128]].into_iter().enumerate() {
        header.sequence = last.sequence.wrapping_add(n as u16 + 1);
        let payload: Vec<u8> = [110].into_iter().chain(event).collect();
        call.receiver.receive(call.now, &packet(&header, &payload, call.now));
        header.marker = false;
    }
    call.run(ms(200));
    assert_eq!(call.digits(), "5");
}
