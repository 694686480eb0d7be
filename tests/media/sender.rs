//! A sender and its pace.

use crate::support::*;
use std::collections::BTreeSet;
use std::f64::consts::TAU;
use std::time::{Duration, Instant};
use webphone_rtc::media::{Codec, CodecSpec, Ring, SendSpec, Sender};
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

fn largest_step(pcm: &[i16]) -> i32 {
    pcm.windows(2).map(|it| (i32::from(it[0]) - i32::from(it[1])).abs()).max().unwrap_or_default()
}

#[test]
fn muting_and_unmuting_do_not_click_and_nothing_is_heard_beyond_the_fade() {
    for phase in 0..8 {
        let mut call = Call::new(pcmu(), 8000).tone(313.0);
        call.run(ms(200 + 20 * phase));
        let muted = call.sent.len() * 160;
        call.sender.set_enabled(false);
        call.run(ms(100));
        let unmuted = call.sent.len() * 160;
        call.sender.set_enabled(true);
        call.run(ms(100));
        let heard = call.decoded(Codec::Pcmu);
        assert!(heard[muted + 40..unmuted].iter().all(|sample| *sample == 0));
        assert!(largest_step(&heard) < 3200, "{}; the tone itself has 2460", largest_step(&heard));
        assert!(loudest(&heard[unmuted + 40..]) > 9000);
    }
}

#[test]
fn a_source_that_is_muted_before_it_is_heard_is_never_heard() {
    let mut call = Call::new(pcmu(), 8000).says(|_| 8000);
    call.sender.set_enabled(false);
    call.run(ms(100));
    assert_eq!(loudest(&call.decoded(Codec::Pcmu)), 0);
}

#[test]
fn a_source_fades_into_the_next_one_of_which_nothing_is_heard_if_it_is_muted() {
    for (enabled, next) in [(true, -8000), (false, 0)] {
        let mut call = Call::new(pcmu(), 8000).says(|_| 8000);
        call.run(ms(200));
        let replaced = call.sent.len() * 160;
        let other = Ring::new(8000, 1, 1000);
        other.write(&[-8000; 1600], 8000, 1);
        call.sender.set_source(Some(other.reader()));
        call.sender.set_enabled(enabled);
        call.run(ms(60));
        let heard = call.decoded(Codec::Pcmu);
        assert!(heard[replaced - 1..].is_sorted_by(|before, after| before >= after), "{:?}", &heard[replaced..][..60]);
        assert!(heard[replaced + 40..].iter().all(|sample| sample.abs_diff(next) < 300));
        assert!(largest_step(&heard[replaced - 1..]) < 1000, "{}", largest_step(&heard[replaced - 1..]));
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
    let lossy = bytes(&|call| (0..5).for_each(|_| call.report(0.2, None)));
    assert_ne!(lossy.bytes, plain.bytes);
}

fn opus_with(fmtp: &str) -> SendSpec {
    send_spec(CodecSpec { fmtp: fmtp.into(), ..opus() })
}

/// One second of syllables, two of silence, again and again.
fn talk(call: Call) -> Call {
    let rate_hz = f64::from(call.rate_hz);
    call.says(move |n| {
        let seconds = n as f64 / rate_hz;
        if seconds % 3.0 >= 1.0 {
            return 0;
        }
        let pitch = (seconds * 140.0 + (seconds * 9.0).sin()) * TAU;
        let voice: f64 = (1..12).map(|k| (pitch * f64::from(k)).sin() / f64::from(k)).sum();
        (voice * (seconds * 4.0 * TAU).cos().abs() * 6000.0) as i16
    })
}

#[test]
fn discontinued_transmission_is_silent_but_for_what_the_background_sounds_like() {
    let mut call = talk(Call::with(opus_with("usedtx=1"), 16_000, true));
    call.run(ms(9000));
    let sent = |from: u64, to: u64| {
        let (start, within) = (call.start, ms(from)..ms(to));
        let within = move |at: Instant| within.contains(&(at - start));
        call.sent.iter().filter(move |(at, _)| within(*at)).map(|(_, packet)| packet)
    };
    assert_eq!(sent(3000, 4000).count(), 50, "speech is sent whole");
    let pause = sent(4500, 6000).count();
    assert!((2..=12).contains(&pause), "{pause} of 75 packets in a pause");
    assert!(sent(4500, 6000).any(|packet| packet.payload.len() > 2), "what the background sounds like");
    for pair in call.sent.windows(2) {
        let (before, after) = (&pair[0].1, &pair[1].1);
        assert_eq!(after.sequence, before.sequence.wrapping_add(1), "nothing looks lost");
        let slots = after.timestamp.wrapping_sub(before.timestamp) / 960;
        assert_eq!(u128::from(slots), (pair[1].0 - pair[0].0).as_millis() / 20, "the timestamp moves with real time");
        assert_eq!(after.marker, slots > 1, "the first packet after a pause begins a talk spurt");
    }
    // Each pause begins with a packet that says so.
    for pair in call.sent.windows(2).filter(|pair| pair[1].0 - pair[0].0 > ms(20)) {
        assert!(pair[0].1.payload.len() <= 2, "{}", pair[0].1.payload.len());
    }
    assert_eq!(call.receiver.stats().lost, 0);
    assert!(call.last(ms(1500)).iter().all(|it| it.unsigned_abs() < 100), "the far end hears a pause");
}

#[test]
fn a_muted_source_stops_under_discontinued_transmission() {
    let mut call = Call::with(opus_with("usedtx=1"), 16_000, true).tone(1000.0);
    call.sender.set_enabled(false);
    call.run(ms(1000));
    let sent = call.sent.len();
    call.run(ms(2000));
    assert!((2..=15).contains(&(call.sent.len() - sent)), "{}", call.sent.len() - sent);
}

#[test]
fn silence_is_sent_unless_the_far_end_asked_for_discontinued_transmission() {
    for fmtp in ["", "usedtx=0"] {
        let mut call = talk(Call::with(opus_with(fmtp), 16_000, true));
        call.run(ms(6000));
        assert_eq!(call.sent.len(), 300);
    }
}

#[test]
fn redundancy_is_sent_while_there_is_loss_and_the_far_end_can_use_it() {
    // The flag of a mono SILK frame of 20 ms (RFC 6716 section 4.2.3).
    let redundant = |call: &Call, from: usize| {
        let silk = call.sent[from..].iter().map(|(_, packet)| &packet.payload).filter(|it| it[0] & 0x80 == 0);
        silk.filter(|payload| payload.len() > 2 && payload[1] & 0x40 != 0).count()
    };
    for (fmtp, wanted) in [("useinbandfec=1", true), ("useinbandfec=0", false), ("", false)] {
        let mut call = talk(Call::with(opus_with(fmtp), 16_000, true));
        call.run(ms(3000));
        assert_eq!(redundant(&call, 0), 0, "a clean line costs nothing");
        (0..5).for_each(|_| call.report(0.1, None));
        call.run(ms(3000));
        assert_eq!(redundant(&call, 150) > 30, wanted, "{fmtp}: {}", redundant(&call, 150));
        (0..9).for_each(|_| call.report(0.0, None));
        call.run(ms(3000));
        assert!(redundant(&call, 300) <= 1, "the line is clean again");
    }
}

#[test]
fn a_narrow_way_lowers_the_bit_rate_and_loss_alone_does_not() {
    let target = |reports: &[(f32, f64)]| {
        let mut call = Call::with(opus_with(""), 16_000, true);
        reports.iter().for_each(|(loss, round_trip_s)| call.report(*loss, Some(*round_trip_s)));
        call.sender.stats().target_bitrate_bps
    };
    assert_eq!(target(&[(0.0, 0.05), (0.2, 0.05), (0.2, 0.05)]), 32_000);
    assert_eq!(target(&[(0.0, 0.05), (0.2, 0.5), (0.2, 0.5)]), 25_920);
}

#[test]
fn what_a_far_end_told_that_tells_nothing_any_more_is_forgotten() {
    let mut call = Call::with(opus_with("useinbandfec=1"), 16_000, true).tone(440.0);
    call.report(0.0, Some(0.05));
    (0..20).for_each(|_| call.report(0.3, Some(0.5)));
    call.run(ms(30_000));
    assert_eq!(call.sender.stats().target_bitrate_bps, 12_000);
    call.run(ms(31_000));
    assert_eq!(call.sender.stats().target_bitrate_bps, 32_000);
}

#[test]
fn the_far_end_chooses_bit_rate_band_and_constancy() {
    let run = |fmtp: &str| {
        let mut call = talk(Call::with(opus_with(fmtp), 48_000, true));
        call.run(ms(3000));
        call
    };
    for (fmtp, wanted_bps) in [
        ("", 32_000),
        ("maxaveragebitrate=16000", 16_000),
        ("maxaveragebitrate=64000", 64_000),
        ("maxplaybackrate=16000", 20_000),
        ("maxplaybackrate=8000", 12_000),
    ] {
        let mut call = run(fmtp);
        assert_eq!(call.sender.stats().target_bitrate_bps, wanted_bps, "{fmtp}");
        call.sender.set_max_bitrate_bps(Some(14_000));
        assert_eq!(call.sender.stats().target_bitrate_bps, wanted_bps.min(14_000), "{fmtp}");
    }
    // RFC 6716 section 3.1: narrowband is configurations 0 to 3, wideband 8 to 11 and 20 to 23, fullband above.
    let configurations = |fmtp: &str| run(fmtp).sent.iter().skip(5).map(|it| it.1.payload[0] >> 3).collect::<Vec<_>>();
    assert!(configurations("maxplaybackrate=8000").iter().all(|it| *it <= 3));
    assert!(configurations("maxplaybackrate=16000").iter().all(|it| (4..=11).contains(it)));
    assert!(configurations("maxplaybackrate=48000").iter().any(|it| *it >= 12));
    let lengths = |fmtp: &str| run(fmtp).sent.iter().map(|it| it.1.payload.len()).collect::<BTreeSet<_>>();
    assert_eq!(lengths("cbr=1;maxaveragebitrate=24000").len(), 1);
    assert!(lengths("maxaveragebitrate=24000").len() > 10);
}

#[test]
fn a_far_end_that_plays_less_is_sent_less() {
    let mut call = Call::with(opus_with("maxplaybackrate=16000"), 48_000, true).tone(1000.0);
    call.run(ms(2000));
    // The source was read at the rate that the encoder needs.
    assert_eq!(call.sender.stats().total_samples, 32_000);
    assert!(snr_db(call.last(ms(1000)), 1000.0) > 30.0);
}

#[test]
fn packets_are_not_shorter_than_the_far_end_wants() {
    for (ptime_ms, fmtp, each) in [(10, "minptime=10", 10), (10, "minptime=20", 20), (20, "minptime=10", 20)] {
        let mut call = Call::with(SendSpec { ptime_ms, ..opus_with(fmtp) }, 16_000, true);
        call.run(ms(600));
        assert_eq!(call.sent.len(), 600 / each, "{fmtp}");
    }
}

#[test]
fn stereo_is_asked_for_in_vain() {
    // One source is one channel; each decoder plays mono (RFC 7587 section 3.4).
    let mut call = talk(Call::with(opus_with("stereo=1;sprop-stereo=1"), 48_000, true));
    call.run(ms(1000));
    assert!(call.sent.iter().all(|it| it.1.payload[0] & 0x04 == 0));
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

/// How long each beginning of a tone, one every 2 s, takes to our packet, in ms, where a remote track is sent on.
fn passages(mut far: Call, seconds: u64, hiccup: impl Fn(&mut Call, u64)) -> Vec<f64> {
    far.sink = None;
    let mut sender = Sender::new(5, 1, 1);
    sender.configure(far.now, Some(send_spec(pcmu())));
    sender.set_source(Some(far.receiver.ring().reader()));
    let (mut passages, mut quiet) = (Vec::new(), 0);
    while far.now - far.start < Duration::from_secs(seconds) {
        let at = (far.now - far.start).as_millis() as u64;
        hiccup(&mut far, at);
        far.run(ms(1));
        let at_ms = (far.now - far.start).as_millis() as f64;
        sender.poll(far.now, &mut |_, payload| {
            for (n, byte) in payload.iter().enumerate() {
                let loud = audio_codec_algorithms::decode_ulaw(*byte).unsigned_abs() > 3000;
                if loud && quiet > 2000 {
                    passages.push((at_ms + n as f64 / 8.0) % 2000.0);
                }
                quiet = if loud { 0 } else { quiet + 1 };
            }
        });
    }
    passages
}

#[test]
fn a_remote_track_that_is_sent_on_is_not_late_for_ever_after_a_hiccup() {
    let far = || {
        let step = 440.0 * TAU / 8000.0;
        Call::new(pcmu(), 8000)
            .says(move |n| if n / 8000 % 2 == 0 { ((n as f64 * step).sin() * 1e4) as i16 } else { 0 })
    };
    // Packets of 300 ms come at its end.
    let stalls: Network = Box::new(|n, _| vec![ms(5 + if (275..290).contains(&n) { (290 - n) * 20 } else { 0 })]);
    let stalled = passages(far().over(stalls), 24, |_, _| {});
    // The process stands still.
    let stood = passages(far(), 24, |far, at| {
        if at == 5500 {
            far.stand_still(ms(90))
        }
    });
    for (passages, worst) in [(stalled, 30.0), (stood, 70.0)] {
        let late: Vec<f64> = passages.iter().map(|passage| passage - passages[1]).collect();
        assert!(late[3] > worst, "a hiccup that costs nothing shows nothing: {late:?}");
        assert!(late[late.len() - 4..].iter().all(|late| *late <= 25.0), "{late:?}");
    }
}

/// A tone of 300 Hz whose amplitude a time decides, in milliseconds.
fn tone_of(amplitude: impl Fn(usize) -> f64 + 'static) -> impl FnMut(usize) -> i16 + 'static {
    move |n| ((n as f64 * TAU * 300.0 / 16_000.0).sin() * amplitude(n / 16)) as i16
}

fn loudest(pcm: &[i16]) -> u16 {
    pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default()
}

#[test]
fn after_a_hold_the_far_end_is_not_played_a_blast() {
    let mut call = Call::new(g722(), 16_000).says(tone_of(|_| 8000.0));
    call.run(ms(1000));
    let spec = send_spec(g722());
    for _ in 0..3 {
        call.sender.configure(call.now, None);
        call.run(ms(300));
        call.sender.configure(call.now, Some(spec.clone()));
        call.run(ms(300));
    }
    assert!(loudest(&call.decoded(Codec::G722)) < 12_000);
}

#[test]
fn in_long_silence_a_far_end_whose_decoder_adapts_hears_silence_and_then_what_follows_as_it_is() {
    // What the last packet of sound leaves behind depends on where it was cut off.
    for end in (1000..1020).step_by(2) {
        let speech = move |at: usize| if (end..3000).contains(&at) { 0.0 } else { 8000.0 };
        let mut call = Call::new(g722(), 16_000).says(tone_of(speech));
        call.run(ms(4000));
        let heard = call.decoded(Codec::G722);
        let (silence, after) = (loudest(&heard[16 * 1200..16 * 2950]), loudest(&heard[16 * 2950..]));
        assert!(silence < 100 && after < 12_000, "{silence} and {after}, cut at {end} ms");
    }
}

#[test]
fn a_stream_that_takes_over_and_one_that_comes_back_quieter_are_heard_as_loud_as_they_are() {
    let mut call = Call::new(g722(), 16_000).says(tone_of(|_| 8000.0));
    call.run(ms(1000));
    call.sender = Sender::new(77, 1, 1);
    call.sender.configure(call.now, Some(send_spec(g722())));
    call.sender.set_source(Some(call.source.reader()));
    call.run(ms(1000));
    assert!(loudest(&call.heard) < 12_000, "another SSRC");

    let mut call = Call::new(g722(), 16_000).says(tone_of(|at| if at < 1500 { 8000.0 } else { 300.0 }));
    call.network = Box::new(|count, _| if (50..100).contains(&count) { vec![] } else { vec![ms(5)] });
    call.run(ms(3000));
    let back = &call.heard[16 * 2050..];
    assert!(loudest(back) < 600, "{} after an outage", loudest(back));
}
