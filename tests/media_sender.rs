//! A sender and its pace.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod media_support;

use media_support::*;
use std::time::{Duration, Instant};
use webphone_rtc::media::Ring;
use webphone_rtc::rtp::RtpHeader;

fn poll(call: &mut Call, at: Instant) -> Vec<RtpHeader> {
    let mut headers = Vec::new();
    call.sender.poll(at, &mut |header, _| headers.push(header.clone()));
    headers
}

#[test]
fn packets_go_out_one_by_one_on_a_grid() {
    let mut call = Call::new(opus(), 16_000).tone(1000.0);
    call.run(ms(1000));
    assert_eq!(call.sent.len(), 50);
    for (n, pair) in call.sent.windows(2).enumerate() {
        assert_eq!(pair[1].0 - pair[0].0, ms(20));
        assert_eq!(pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp), 960);
        assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1));
        assert_eq!(pair[0].1.marker, n == 0, "the first packet begins a talk spurt");
    }
    let stats = call.sender.stats();
    assert_eq!((stats.packets, stats.encoded, stats.clock_hz), (50, 50, 48_000));
    assert_eq!(stats.bytes, call.sent.iter().map(|(_, packet)| packet.payload.len() as u64).sum::<u64>());
    let (timestamp, at) = stats.last.unwrap();
    assert_eq!((timestamp, at), (call.sent[49].1.timestamp, call.sent[49].0));
    assert_eq!(stats.timestamp_at(at + ms(15)), Some(timestamp.wrapping_add(720)));
}

#[test]
fn a_late_poll_catches_up_a_little_and_skips_much() {
    let mut call = Call::new(pcmu(), 8000);
    let start = call.now;
    let first = poll(&mut call, start)[0].timestamp;
    assert_eq!(poll(&mut call, start + ms(45)).len(), 2);
    let after = poll(&mut call, start + ms(1005));
    assert_eq!(after.len(), 1, "no burst");
    assert_eq!(after[0].timestamp.wrapping_sub(first), 8 * 1000, "the timestamp moves with real time");
    assert_eq!(call.sender.next_due(), Some(start + ms(1020)));
}

#[test]
fn muting_sends_silence_and_what_was_said_meanwhile_is_never_heard() {
    for codec in [opus(), pcmu()] {
        let mut call = Call::new(codec, 16_000).tone(1000.0);
        call.run(ms(1000));
        call.sender.set_enabled(false);
        let sent = call.sent.len();
        call.run(ms(2000));
        assert_eq!(call.sent.len() - sent, 100, "RTP goes on");
        assert!(call.last(ms(1500)).iter().all(|it| it.unsigned_abs() < 30));
        assert!(call.sender.stats().encoded < 50 + 30, "long silence is not encoded again and again");
        call.sender.set_enabled(true);
        call.run(ms(1500));
        assert!(snr_db(call.last(ms(1000)), 1000.0) > 30.0);
        assert!(call.source.queued_ms() <= 20.0, "the source went on while muted");
        assert_eq!(call.receiver.stats().concealed_samples, 0);
    }
}

#[test]
fn a_short_source_is_filled_with_silence() {
    let mut call = Call::new(pcmu(), 8000);
    call.source.write(&[8000; 250], 8000, 1);
    call.run(ms(100));
    assert_eq!(call.sent.len(), 5);
    let silence = |packet: usize, from: usize| call.sent[packet].1.payload[from..].iter().all(|byte| *byte == 0xff);
    assert!(!silence(0, 159) && !silence(1, 89));
    assert!(silence(1, 90) && silence(2, 0));
}

#[test]
fn the_first_sample_written_before_the_start_is_the_first_sent() {
    let mut call = Call::new(pcmu(), 8000);
    call.source.write(&[1000, 8000, 16_000], 8000, 1);
    call.run(ms(20));
    let levels: Vec<i16> =
        call.sent[0].1.payload[..3].iter().map(|byte| audio_codec_algorithms::decode_ulaw(*byte)).collect();
    for (level, wanted) in levels.iter().zip([1000, 8000, 16_000]) {
        assert!((level - wanted).abs() < wanted / 16 + 16, "{levels:?}");
    }
}

#[test]
fn without_a_source_or_a_codec_or_inactive_nothing_is_sent_and_time_goes_on() {
    for case in 0..3 {
        let mut call = Call::new(opus(), 16_000).tone(1000.0);
        call.run(ms(1000));
        let reader = call.source.reader();
        match case {
            0 => call.sender.set_source(None),
            1 => call.sender.configure(call.now, None),
            _ => call.sender.set_active(false),
        }
        let sent = call.sent.len();
        call.run(ms(1000));
        assert_eq!(call.sent.len(), sent);
        match case {
            0 => call.sender.set_source(Some(reader)),
            1 => call.sender.configure(call.now, Some(send_spec(opus()))),
            _ => call.sender.set_active(true),
        }
        call.run(ms(1500));
        assert_eq!(call.sent.len() - sent, 75, "no burst after the pause");
        let (before, after) = (&call.sent[sent - 1], &call.sent[sent]);
        assert_eq!(after.1.sequence, before.1.sequence.wrapping_add(1));
        let ticks = after.1.timestamp.wrapping_sub(before.1.timestamp);
        let real = ((after.0 - before.0).as_millis() * 48) as u32;
        assert!(ticks.abs_diff(real) <= 960, "case {case}: {ticks} ticks in {real}");
        assert!(after.1.marker);
        assert!(snr_db(call.last(ms(1000)), 1000.0) > 30.0, "case {case}");
    }
}

#[test]
fn before_the_first_packet_a_source_waits() {
    let mut call = Call::new(opus(), 16_000);
    call.sender.configure(call.now, None);
    call.source.write(&sine(1000.0, 16_000, 16_000), 16_000, 1);
    call.run(ms(5000));
    assert_eq!(call.source.queued_ms(), 1000.0);
    call.sender.configure(call.now, Some(send_spec(opus())));
    call.run(ms(2000));
    assert_eq!(call.source.played_ms(), 1000.0);
    let heard: Vec<i16> = call.heard.iter().copied().skip_while(|it| it.unsigned_abs() < 1000).collect();
    assert!(snr_db(&heard[1600..14_400], 1000.0) > 30.0);
}

#[test]
fn replacing_the_source_keeps_the_stream() {
    let mut call = Call::new(opus(), 16_000).tone(1000.0);
    call.run(ms(1000));
    let other = Ring::new(48_000, 2, 1000);
    let stereo: Vec<i16> = sine(500.0, 48_000, 48_000).iter().flat_map(|it| [*it, *it]).collect();
    other.write(&stereo, 48_000, 2);
    call.sender.set_source(Some(other.reader()));
    call.run(ms(900));
    for pair in call.sent.windows(2) {
        assert_eq!(pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp), 960);
        assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1));
    }
    assert!(snr_db(call.last(ms(600)), 500.0) > 30.0);
    assert_eq!(call.receiver.stats().concealed_samples, 0);
}

#[test]
fn a_codec_change_keeps_ssrc_and_sequence_and_is_heard() {
    let mut call = Call::new(opus(), 16_000).tone(1000.0);
    call.run(ms(1000));
    for codec in [pcmu(), pcma(), opus()] {
        call.sender.configure(call.now, Some(send_spec(codec.clone())));
        call.run(ms(2000));
        assert!(snr_db(call.last(ms(1000)), 1000.0) > 30.0, "{}", codec.name);
    }
    for pair in call.sent.windows(2) {
        assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1));
        assert_eq!(pair[1].1.ssrc, pair[0].1.ssrc);
    }
}

#[test]
fn the_packet_length_is_obeyed() {
    for (codec, ptime, ms_each) in
        [(opus(), 10, 10), (opus(), 60, 60), (opus(), 30, 20), (pcmu(), 30, 30), (pcma(), 40, 40)]
    {
        let mut send = send_spec(codec);
        send.ptime_ms = ptime;
        let mut call = Call::with(send, 16_000, true).tone(1000.0);
        call.run(ms(3000));
        assert_eq!(call.sent.len() as u64, 3000 / ms_each);
        assert!(snr_db(call.last(ms(1000)), 1000.0) > 30.0, "{ptime}");
    }
}

#[test]
fn clear_silences_the_far_ear_quickly() {
    let mut call = Call::new(opus(), 16_000);
    call.source.write(&sine(1000.0, 16_000, 16_000), 16_000, 1);
    call.run(ms(500));
    call.source.clear();
    let cleared = call.heard.len();
    call.run(ms(500));
    // One frame on its way, 5 ms of wire, 40 ms of buffer, the codec's tail.
    let silent = call.heard[cleared + 16 * 80..].iter().all(|it| it.unsigned_abs() < 200);
    assert!(silent, "{:?}", call.heard[cleared..].iter().rposition(|it| it.unsigned_abs() >= 200));
}

#[test]
fn loss_reports_switch_redundancy_and_max_bitrate_is_obeyed() {
    let bytes = |prepare: &dyn Fn(&mut Call)| {
        let mut codec = opus();
        codec.fmtp = "minptime=10;useinbandfec=1".into();
        let mut call = Call::with(send_spec(codec), 16_000, true).tone(1000.0);
        prepare(&mut call);
        call.run(ms(4000));
        call.sender.stats()
    };
    let plain = bytes(&|_| {});
    let thin = bytes(&|call| call.sender.set_max_bitrate_bps(Some(12_000)));
    assert_eq!((plain.target_bitrate_bps, thin.target_bitrate_bps), (32_000, 12_000));
    assert!(thin.bytes * 3 < plain.bytes * 2, "{} {}", thin.bytes, plain.bytes);
    let lossy = bytes(&|call| (0..5).for_each(|_| call.sender.apply_report(0.2)));
    assert_ne!(lossy.bytes, plain.bytes);
}

#[test]
fn header_extensions_go_with_each_packet() {
    let mut send = send_spec(pcmu());
    send.mid = Some((4, "0".into()));
    send.audio_level = Some(1);
    let mut call = Call::with(send, 8000, true).tone(1000.0);
    call.run(ms(100));
    call.source.write(&sine(1000.0, 8000, 160), 8000, 1);
    let now = call.now;
    let headers = poll(&mut call, now);
    assert_eq!(headers[0].mid, Some((4, "0".into())));
    assert!(matches!(headers[0].audio_level, Some((1, level)) if level < 127));
}

#[test]
fn a_remote_track_can_be_sent_on() {
    // What one call receives is the source of another: a bridge.
    let mut first = Call::new(opus(), 16_000).tone(1000.0);
    first.sink = None;
    let mut second = Call::new(pcmu(), 8000);
    second.sender.set_source(Some(first.receiver.ring().reader()));
    second.now = first.now;
    for _ in 0..4000 {
        first.run(ms(1));
        second.run(ms(1));
    }
    assert!(snr_db(second.last(ms(2000)), 1000.0) > 30.0);
    assert!(bad_windows(second.last(Duration::from_secs(3)), 1000.0) < 0.01);
}
