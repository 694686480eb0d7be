//! Bad networks and strange senders: what is heard stays a continuous signal.

use crate::support::*;
use bytes::Bytes;
use std::time::{Duration, Instant};
use webphone_rtc::media::jitter::{Content, Inserted, JitterBuffer, Next, Packet};
use webphone_rtc::media::{Codec, CodecSpec, ReceiverEvent, SendSpec, Sink};

/// No frame is missing and none is dropped. A frame may come late while a missing packet, and the one after it, is
/// waited for: 20 ms each, beside the packet's own 20, and the frame's.
fn assert_continuous(call: &Call) {
    assert_continuous_within(call, ms(80));
}

/// The same when packets are as long as `longest`: what they hold comes at once.
fn assert_continuous_within(call: &Call, longest: Duration) {
    let times: Vec<_> = call.frames.iter().map(|frame| frame.0).collect();
    let gap = times.windows(2).map(|it| it[1] - it[0]).max().unwrap();
    assert!(gap <= longest, "no frame for {gap:?}");
    let span = *times.last().unwrap() - times[0];
    let expected = span.as_millis() as usize / 20;
    assert!(call.frames.len().abs_diff(expected) <= 8, "{} frames in {span:?}", call.frames.len());
    assert!(call.frames.iter().all(|frame| frame.1.dropped == 0));
}

#[test]
fn loss_is_concealed_and_frames_stay_continuous() {
    for codec in [opus(), g722(), pcmu(), pcma()] {
        let mut call = Call::new(codec.clone(), 16_000).tone(1000.0).over(bad(1, 0.05, 0));
        call.run(Duration::from_secs(20));
        assert_continuous(&call);
        let stats = call.receiver.stats();
        let share = stats.concealed_samples as f64 / stats.total_samples as f64;
        assert!((0.02..0.08).contains(&share), "{}: {share}", codec.name);
        let report = call.receiver.report().unwrap();
        assert!((8..=18).contains(&report.fraction_lost), "{report:?}");
        assert_eq!(i64::from(report.cumulative_lost), stats.lost);
        assert!(bad_windows(call.last(ms(15_000)), 1000.0) < 0.08, "{}", codec.name);
    }
}

#[test]
fn reordering_and_jitter_are_absorbed_after_a_while() {
    for jitter_ms in [20, 40, 80, 150] {
        let mut call = Call::new(opus(), 16_000).tone(1000.0).over(bad(2, 0.0, jitter_ms));
        call.run(Duration::from_secs(30));
        assert_continuous(&call);
        let bad = bad_windows(call.last(ms(20_000)), 1000.0);
        let stats = call.receiver.stats();
        println!("jitter {jitter_ms}: {bad:.4} bad, target {:.0} ms", stats.jitter_buffer_target_ms);
        assert!(bad < 0.01, "{jitter_ms} ms of jitter: {bad} bad windows, {stats:?}");
        assert!(stats.lost <= 8, "only what is still on its way");
    }
}

/// How long packets wait on average during `time`, in seconds.
fn delay(call: &mut Call, time: Duration) -> f64 {
    let before = call.receiver.stats();
    call.run(time);
    let after = call.receiver.stats();
    (after.jitter_buffer_delay_s - before.jitter_buffer_delay_s)
        / (after.jitter_buffer_emitted - before.jitter_buffer_emitted) as f64
}

#[test]
fn the_first_packet_is_heard_when_it_comes_and_the_next_ones_may_be_late_by_20_ms() {
    let late: Network = Box::new(|n, _| vec![if n == 0 { ms(5) } else { ms(24) }]);
    let mut call = Call::new(pcmu(), 16_000).tone(440.0).over(late);
    call.run(ms(1000));
    let (sent, first) = (call.sent[0].0, call.frames[0].0);
    assert_eq!(first - sent, ms(5));
    assert!(call.heard[..320].iter().any(|it| it.unsigned_abs() > 1000));
    assert_eq!(call.receiver.stats().concealed_samples, 0);
}

#[test]
fn packets_wait_as_long_as_is_asked_for_and_no_longer_when_it_is_not() {
    for codec in [opus(), pcmu()] {
        let mut call = Call::new(codec.clone(), 16_000).tone(1000.0);
        call.run(ms(2000));
        call.receiver.set_least_delay_ms(300.0);
        call.run(ms(8000));
        let raised = delay(&mut call, ms(2000));
        let stats = call.receiver.stats();
        assert!(stats.jitter_buffer_minimum_delay_s < 0.2 * stats.jitter_buffer_target_delay_s, "{stats:?}");
        call.receiver.set_least_delay_ms(0.0);
        call.run(ms(8000));
        let lowered = delay(&mut call, ms(2000));
        println!("{}: {raised:.3} s, then {lowered:.3} s", codec.name);
        assert!((0.27..0.33).contains(&raised), "{}: {raised}", codec.name);
        assert!(lowered < 0.03, "{}: {lowered}", codec.name);
        assert_continuous(&call);
        assert!(bad_windows(call.last(ms(18_000)), 1000.0) < 0.05, "{}", codec.name);
    }
}

#[test]
fn a_stream_that_begins_late_waits_as_long_as_was_asked_for_before() {
    let mut call = Call::new(opus(), 16_000).tone(1000.0);
    call.receiver.set_least_delay_ms(10_000.0);
    let first = delay(&mut call, ms(3000));
    assert!((0.55..0.62).contains(&first), "at most 600 ms, not {first}");
}

#[test]
fn the_delay_grows_with_jitter_and_shrinks_slowly_when_it_is_gone() {
    let mut call = Call::new(opus(), 16_000);
    // Words of 400 ms with pauses of 200 ms between them.
    let tone = sine(1000.0, 16_000, 16_000);
    call.speak = Some(Box::new(move |n| if n % 9600 < 6400 { tone[n % 16_000] } else { 0 }));
    let mut dice = Dice::new(5);
    call.network = Box::new(move |n, _| {
        let jitter = if n < 500 { dice.roll() * 100.0 } else { 0.0 };
        vec![Duration::from_micros(5000 + (jitter * 1000.0) as u64)]
    });
    call.run(ms(5000));
    assert!(call.receiver.stats().jitter_buffer_target_ms > 60.0);
    let during = delay(&mut call, ms(5000));
    call.run(ms(30_000));
    let after = delay(&mut call, ms(5000));
    println!("delay {during:.3} s, then {after:.3} s");
    assert!(during > 0.03 && after < 0.015);
    assert!(call.receiver.stats().jitter_buffer_target_ms < 10.0);
    assert_continuous(&call);
}

#[test]
fn duplicates_are_dropped() {
    let mut call = Call::new(pcmu(), 16_000).tone(1000.0);
    call.network = Box::new(|n, _| if n % 2 == 0 { vec![ms(5), ms(15), ms(90)] } else { vec![ms(5)] });
    call.run(ms(4000));
    assert!(snr_db(call.last(ms(3000)), 1000.0) > 30.0);
    let stats = call.receiver.stats();
    assert!(stats.duplicates + stats.discarded > 150, "{stats:?}");
    assert!(stats.lost < -150);
}

/// Plays a tone, lets `change` alter the packets from one second on, and expects the tone back.
fn survives(change: impl Fn(u64, &mut webphone_rtc::rtp::RtpPacket) + 'static) -> Call {
    let mut call = Call::new(opus(), 16_000).tone(1000.0);
    call.network = Box::new(move |n, packet| {
        if n >= 50 {
            change(n, packet);
        }
        vec![ms(5)]
    });
    call.run(ms(3000));
    let snr = snr_db(call.last(ms(1000)), 1000.0);
    assert!(snr > 30.0, "{snr}");
    // What is lost to the jump itself is short.
    let bad = bad_windows(call.last(ms(2500)), 1000.0);
    assert!(bad < 0.08, "{bad}");
    assert_continuous(&call);
    call
}

#[test]
fn the_tone_survives_a_change_of_ssrc() {
    let call = survives(|_, packet| {
        packet.ssrc = 99;
        packet.sequence = packet.sequence.wrapping_add(20_000);
        packet.timestamp = packet.timestamp.wrapping_add(3_000_000_000);
    });
    let changes: Vec<_> = call
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            ReceiverEvent::SsrcChanged(ssrc) => Some(*ssrc),
            _ => None,
        })
        .collect();
    assert_eq!(changes, [SSRC, 99]);
    assert_eq!(call.receiver.stats().ssrc, Some(99));
}

#[test]
fn the_counters_of_a_stream_begin_with_it() {
    let mut call = Call::new(pcmu(), 16_000).tone(1000.0);
    call.network = bad(7, 0.1, 40);
    call.run(ms(10_000));
    for (streams, ssrc) in [(2, 99), (3, SSRC)] {
        call.network = Box::new(move |_, packet| {
            packet.ssrc = ssrc;
            packet.timestamp = packet.timestamp.wrapping_add(ssrc);
            vec![ms(5)]
        });
        call.run(ms(1000));
        let stats = call.receiver.stats();
        assert_eq!((stats.ssrc, stats.streams), (Some(ssrc), streams));
        assert!((40..=51).contains(&stats.packets), "{}", stats.packets);
        // 20 ms of PCMU: 160 bytes behind a header of 12.
        assert_eq!((stats.bytes, stats.header_bytes), (160 * stats.packets, 12 * stats.packets));
        assert!(stats.decoded <= stats.packets + 10, "{}", stats.decoded);
        assert!(stats.discarded <= 1 && stats.concealed_samples < 2000, "{stats:?}");
        // A second at 8 kHz, and what of the stream before was still to be heard.
        assert!((7_000..=9_600).contains(&stats.total_samples), "{}", stats.total_samples);
        assert!(stats.jitter_buffer_emitted <= stats.total_samples);
        assert!((0.0..=0.2).contains(&(stats.jitter_buffer_delay_s / stats.jitter_buffer_emitted as f64)));
        let duration_s = stats.level.total_duration_s;
        assert!((duration_s - stats.total_samples as f64 / 8000.0).abs() < 1e-6, "{duration_s}");
        assert!((0.0..=duration_s).contains(&stats.level.total_energy));
    }
}

#[test]
fn the_tone_survives_jumps_of_the_timestamp() {
    for jump in [48_000 * 60, 48_000, 24_000, -24_000, -48_000, i32::MAX - 5, 100] {
        survives(move |_, packet| packet.timestamp = packet.timestamp.wrapping_add(jump as u32));
    }
}

#[test]
fn the_tone_survives_jumps_of_the_sequence() {
    for jump in [200, 5000, 30_000, 40_000, 65_000] {
        survives(move |_, packet| packet.sequence = packet.sequence.wrapping_add(jump));
    }
}

#[test]
fn a_stray_packet_of_another_stream_is_not_played() {
    let mut call = Call::new(opus(), 16_000).tone(1000.0);
    call.run(ms(1000));
    let (_, mut stray) = call.sent[10].clone();
    stray.ssrc = 77;
    for _ in 0..20 {
        stray.sequence = stray.sequence.wrapping_add(1);
        call.receiver.receive(call.now, &stray);
        call.run(ms(50));
    }
    assert_eq!(call.receiver.stats().ssrc, Some(SSRC));
    assert!(snr_db(call.last(ms(1000)), 1000.0) > 30.0);
}

#[test]
fn a_pause_of_the_sender_is_silence_and_the_tone_comes_back() {
    for (pause_ms, frozen) in [(100, false), (700, false), (5000, false), (700, true), (5000, true)] {
        let mut call = Call::new(opus(), 16_000).tone(1000.0);
        call.run(ms(1000));
        let packets = pause_ms / 20;
        call.network = Box::new(move |_, _| vec![]);
        call.run(ms(pause_ms));
        let back = (packets * 960) as u32;
        call.network = Box::new(move |_, packet| {
            // A sender whose clock stands still while it pauses.
            packet.sequence = packet.sequence.wrapping_sub(packets as u16);
            if frozen {
                packet.timestamp = packet.timestamp.wrapping_sub(back);
            }
            vec![ms(5)]
        });
        call.run(ms(1500));
        let snr = snr_db(call.last(ms(1000)), 1000.0);
        assert!(snr > 30.0, "{pause_ms} {frozen}: {snr}");
        assert_continuous(&call);
    }
}

#[test]
fn muted_and_unmuted_are_told_with_the_packets() {
    let mut call = Call::new(pcmu(), 16_000).tone(1000.0);
    call.run(ms(500));
    call.network = Box::new(|_, _| vec![]);
    call.run(ms(3000));
    call.network = clean();
    call.run(ms(500));
    let told: Vec<_> = call
        .events
        .iter()
        .filter(|(_, event)| matches!(event, ReceiverEvent::Muted | ReceiverEvent::Unmuted))
        .map(|(_, event)| event.clone())
        .collect();
    assert_eq!(told, [ReceiverEvent::Unmuted, ReceiverEvent::Muted, ReceiverEvent::Unmuted]);
}

#[test]
fn a_stall_of_the_network_ends_with_little_delay() {
    for stall_ms in [250u64, 500, 1000] {
        let mut call = Call::new(opus(), 16_000).tone(1000.0);
        call.network = Box::new(move |n, _| {
            // Packets of the stall arrive all together at its end.
            let at = n * 20;
            vec![if (1000..1000 + stall_ms).contains(&at) { ms(1005 + stall_ms - at) } else { ms(5) }]
        });
        call.run(ms(6000));
        assert!(snr_db(call.last(ms(2000)), 1000.0) > 30.0, "{stall_ms}");
        assert_continuous(&call);
        let before = call.receiver.stats();
        call.run(ms(500));
        let after = call.receiver.stats();
        let delay = (after.jitter_buffer_delay_s - before.jitter_buffer_delay_s)
            / (after.jitter_buffer_emitted - before.jitter_buffer_emitted) as f64;
        assert!(delay < 0.3, "{stall_ms} ms: {delay} s");
    }
}

/// A voice of 100 Hz with a room behind it: pulses through a resonance, and noise.
fn low_voice(rate_hz: u32) -> impl FnMut(usize) -> i16 {
    let (mut dice, mut past) = (Dice::new(3), [0.0; 2]);
    let period = rate_hz as usize / 100;
    let turn = 2.0 * 0.95 * (std::f64::consts::TAU * 600.0 / f64::from(rate_hz)).cos();
    move |n| {
        let pulse = if n % period == 0 { 6000.0 } else { 0.0 };
        past = [pulse + turn * past[0] - 0.9025 * past[1], past[0]];
        (past[0] + 500.0 * (dice.roll() - 0.5)) as i16
    }
}

#[test]
fn the_delay_of_a_stall_is_made_up_for_with_packets_of_any_length() {
    for (codec, rate_hz) in [(pcmu(), 8000), (opus(), 16_000)] {
        for ptime_ms in [10, 20] {
            let mut call = Call::with(SendSpec { ptime_ms, ..send_spec(codec.clone()) }, rate_hz, true);
            call.speak = Some(Box::new(low_voice(rate_hz)));
            call.network = Box::new(move |n, _| {
                let at = n * u64::from(ptime_ms);
                vec![if (2000..2150).contains(&at) { ms(2155 - at) } else { ms(5) }]
            });
            call.run(ms(1000));
            let before = delay(&mut call, ms(900));
            let after = delay(&mut call, ms(800));
            call.run(ms(6000));
            let now = delay(&mut call, ms(1000));
            let [before, after, now] = [before, after, now].map(|s| (s * 1000.0).round());
            eprintln!("{} {ptime_ms}: {before} {after} {now}", codec.name);
            assert!(now <= before + 20.0, "{} by {ptime_ms} ms: {before}, {after}, {now} ms", codec.name);
        }
    }
}

#[test]
fn the_delay_of_a_stall_is_made_up_for_while_the_far_end_is_silent_in_a_room_that_hisses() {
    for (codec, rate_hz) in [(pcmu(), 8000), (g722(), 16_000), (opus(), 16_000)] {
        for level in [100.0, 300.0] {
            let mut call = Call::new(codec.clone(), rate_hz);
            let mut dice = Dice::new(5);
            call.speak = Some(Box::new(move |_| ((dice.roll() - 0.5) * 12f64.sqrt() * level) as i16));
            call.network = Box::new(|n, _| {
                let at = n * 20;
                vec![if (2000..2400).contains(&at) { ms(2405 - at) } else { ms(5) }]
            });
            call.run(ms(1000));
            let before = delay(&mut call, ms(900)) * 1000.0;
            call.run(ms(3000));
            let after = delay(&mut call, ms(1000)) * 1000.0;
            assert!(after < before + 25.0, "{} at {level}: {before} and {after} ms", codec.name);
        }
    }
}

#[test]
fn garbage_under_the_audio_payload_type_is_concealed_not_played() {
    for codec in [opus(), g722(), pcmu()] {
        let mut call = Call::new(codec.clone(), 16_000).tone(1000.0);
        call.network = Box::new(|n, packet| {
            if n % 25 == 24 {
                packet.payload = [(n % 16) as u8, 0x0a, 0x03, 0x20][..].into();
            }
            vec![ms(5)]
        });
        call.run(ms(5000));
        let stats = call.receiver.stats();
        assert!(stats.garbage >= 9, "{stats:?}");
        assert_eq!(stats.lost, 0);
        assert_continuous(&call);
        // Concealment of a steady tone keeps its level: no burst of noise anywhere.
        let peak = call.heard.iter().map(|it| it.unsigned_abs()).max().unwrap();
        // A G.722 decoder whose state is off overshoots a little.
        assert!(peak < 14_000, "{}: {peak}", codec.name);
        assert!(bad_windows(call.last(ms(4000)), 1000.0) < 0.07, "{}", codec.name);
    }
}

#[test]
fn random_payloads_never_break_the_signal() {
    let mut dice = Dice::new(9);
    for codec in [opus(), g722(), pcmu(), pcma(), noise()] {
        let mut call = Call::new(opus(), 16_000).tone(1000.0);
        let mut roll = Dice::new(11);
        let payload_type = codec.payload_type;
        call.network = Box::new(move |_, packet| {
            let length = (roll.roll() * 200.0) as usize;
            packet.payload = (0..length).map(|_| (roll.roll() * 256.0) as u8).collect::<Vec<u8>>()[..].into();
            packet.payload_type = payload_type;
            if roll.roll() < 0.05 {
                packet.timestamp = (roll.roll() * u32::MAX as f64) as u32;
                packet.sequence = (roll.roll() * 65_536.0) as u16;
            }
            vec![Duration::from_micros((roll.roll() * 100_000.0) as u64)]
        });
        call.run(ms((dice.roll() * 2000.0) as u64 + 4000));
        if payload_type != 13 {
            // 120 ms of packet, waited for as long again.
            assert_continuous_within(&call, ms(280));
        }
        call.network = clean();
        call.run(ms(3000));
        assert!(snr_db(call.last(ms(1000)), 1000.0) > 30.0, "{}", codec.name);
    }
}

#[test]
fn comfort_noise_is_quiet_and_ends_with_the_next_speech() {
    let mut call = Call::new(pcmu(), 8000).tone(1000.0);
    call.network = Box::new(|n, packet| match n {
        // Speech, then one CN packet and nothing more, then speech again.
        50 => {
            packet.payload_type = 13;
            packet.payload = [60u8, 1, 2, 3][..].into();
            vec![ms(5)]
        }
        51..100 => vec![],
        _ => vec![ms(5)],
    });
    call.run(ms(1800));
    let noise = call.last(ms(500));
    let rms = (noise.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / noise.len() as f64).sqrt();
    assert!((15.0..60.0).contains(&rms), "-60 dBov is an rms of 33, here {rms}");
    call.run(ms(1700));
    assert!(snr_db(call.last(ms(1000)), 1000.0) > 30.0);
    assert_continuous(&call);
}

#[test]
fn nothing_is_decoded_while_nobody_reads() {
    let mut call = Call::with(send_spec(opus()), 16_000, false).tone(1000.0);
    call.run(ms(2000));
    let stats = call.receiver.stats();
    assert_eq!((stats.decoded, stats.total_samples, stats.packets), (0, 0, 100));
    let ring = call.receiver.ring().clone();
    call.sink = Some(webphone_rtc::media::Sink::new(&ring, 16_000, 20, 100));
    call.run(ms(2000));
    assert!(call.receiver.stats().decoded > 90);
    assert!(snr_db(call.last(ms(1000)), 1000.0) > 30.0);
    call.sink = None;
    call.run(ms(100));
    let decoded = call.receiver.stats().decoded;
    call.run(ms(1000));
    assert_eq!(call.receiver.stats().decoded, decoded);
}

/// The most that a sample of what was heard since `from` is off what the two before it say of a tone.
fn roughest(heard: &[i16], hz: f64, rate_hz: u32) -> f64 {
    let turn = 2.0 * (std::f64::consts::TAU * hz / f64::from(rate_hz)).cos();
    let off = |w: &[i16]| (f64::from(w[0]) + f64::from(w[2]) - turn * f64::from(w[1])).abs();
    heard.windows(3).map(off).fold(0.0, f64::max)
}

#[test]
fn opus_is_decoded_at_the_rate_that_is_listened_to() {
    let mut call = Call::new(opus(), 16_000).tone(440.0);
    call.run(ms(1000));
    let ring = call.receiver.ring().clone();
    assert_eq!(ring.rate_hz(), 16_000);
    let begun = call.heard.len();
    // A second listener at 48 kHz,
    let (mut second, queue) = webphone_rtc::media::Sink::new(&ring, 48_000, 10, 1000);
    for _ in 0..100 {
        call.run(ms(10));
        second.pump(call.now);
    }
    assert_eq!(ring.rate_hz(), 48_000);
    assert!((95..=101).contains(&queue.waiting()), "{}", queue.waiting());
    assert!(snr_db(call.last(ms(500)), 440.0) > 30.0);
    // who leaves again, and may come back at once: it costs little to serve the first one from there for a while.
    drop(second);
    call.run(ms(1000));
    assert_eq!(ring.rate_hz(), 48_000);
    call.run(ms(5000));
    assert_eq!(ring.rate_hz(), 16_000);
    assert!(snr_db(call.last(ms(500)), 440.0) > 30.0);
    // The first one hears nothing of all this.
    assert!(call.frames.windows(2).all(|two| two[1].0 - two[0].0 <= ms(21)), "a frame came late");
    let rough = roughest(&call.heard[begun..], 440.0, 16_000);
    assert!(rough < 0.1 * 10_000.0, "{rough}");
    let levels: Vec<f64> = call.heard[begun..].chunks_exact(160).map(rms).collect();
    assert!(levels.iter().all(|level| (0.8..1.2).contains(&(level / levels[0]))), "{levels:?}");
}

#[test]
fn a_change_of_codec_has_no_step() {
    let step = |pcm: &[i16]| pcm.windows(2).map(|it| it[0].abs_diff(it[1])).max().unwrap_or(0);
    let codecs = [pcmu(), pcma(), g722(), opus()];
    for (from, to) in codecs.iter().flat_map(|from| codecs.iter().map(move |to| (from, to))) {
        for n in 0..6 {
            let mut call = Call::new(from.clone(), 16_000).tone(313.0);
            call.run(ms(2000 + n * 20));
            let (usual, begun) = (step(call.last(ms(1000))), call.heard.len() - 320);
            call.sender.configure(call.now, Some(send_spec(to.clone())));
            call.run(ms(1000));
            let most = step(&call.heard[begun..]);
            assert!(most < usual * 3 / 2, "{} to {}: {most} where {usual} is usual", from.name, to.name);
        }
    }
}

/// A tone whose packets wait for 300 ms is heard whole, while `change` is done to the call after 2 s, with so many changes of
/// the encoder.
fn waiting_over(codec: CodecSpec, changes: usize, change: impl FnOnce(&mut Call)) -> Call {
    let mut call = Call::new(codec, 16_000).tone(440.0);
    call.receiver.set_least_delay_ms(300.0);
    call.run(ms(2000));
    let before = call.heard.len();
    change(&mut call);
    call.run(ms(2000));
    let stats = call.receiver.stats();
    let waiting = call.sent.len() as u64 - stats.decoded;
    assert!((14..=17).contains(&waiting) || stats.streams > 1, "{} packets were sent: {stats:?}", call.sent.len());
    assert_eq!(stats.discarded, 0);
    let bad = call.heard[before..].chunks_exact(320).filter(|window| bad_windows(window, 440.0) > 0.0).count();
    // A decoder that begins needs a moment.
    assert!(bad <= changes, "{bad} windows");
    assert_continuous(&call);
    call
}

#[test]
fn what_waits_is_played_when_another_stream_takes_over() {
    for codec in [opus(), pcmu()] {
        let call = waiting_over(codec, 1, |call| {
            call.network = Box::new(|_, packet| {
                packet.ssrc = 99;
                packet.sequence = packet.sequence.wrapping_add(20_000);
                packet.timestamp = packet.timestamp.wrapping_add(3_000_000_000);
                vec![ms(5)]
            });
        });
        assert_eq!(call.receiver.stats().ssrc, Some(99));
    }
}

#[test]
fn what_waits_is_played_when_the_codec_changes() {
    for (from, to) in [(opus(), pcmu()), (pcmu(), opus()), (g722(), opus()), (opus(), g722()), (pcmu(), g722())] {
        waiting_over(from, 1, |call| call.sender.configure(call.now, Some(send_spec(to))));
    }
}

#[test]
fn the_last_packets_before_a_change_of_codec_may_come_after_the_first_behind_it() {
    let call = waiting_over(opus(), 2, |call| {
        call.sender.configure(call.now, Some(send_spec(pcmu())));
        // The one before the change, and every second one of those around it.
        call.network = Box::new(|n, _| vec![if n % 2 == 0 { ms(65) } else { ms(5) }]);
        call.run(ms(100));
        call.sender.configure(call.now, Some(send_spec(opus())));
        call.run(ms(100));
        call.network = clean();
    });
    assert_eq!(call.receiver.stats().concealed_samples, 0);
}

#[test]
fn a_stream_that_has_been_left_does_not_come_back_with_its_last_packets() {
    let mut call = Call::new(pcmu(), 16_000).tone(440.0);
    call.receiver.set_least_delay_ms(300.0);
    call.run(ms(2000));
    call.network = Box::new(|n, packet| {
        let late = n < 110;
        if !late {
            packet.ssrc = 99;
        }
        vec![if late { ms(260 - (n - 100) * 20) } else { ms(5) }]
    });
    call.run(ms(2000));
    let changes = call.events.iter().filter(|(_, event)| matches!(event, ReceiverEvent::SsrcChanged(_))).count();
    assert_eq!(changes, 2, "{:?}", call.events);
    assert_eq!(call.receiver.stats().concealed_samples, 0);
    assert_eq!(bad_windows(call.last(ms(1900)), 440.0), 0.0);
}

#[test]
fn a_flood_that_changes_its_clock_with_each_packet_is_over_soon() {
    let mut call = Call::new(pcmu(), 16_000).tone(440.0);
    call.run(ms(1000));
    let [(_, mut pcmu), (_, mut opus)] = [9, 10].map(|n| call.sent[n].clone());
    (opus.payload_type, opus.payload) = (111, [0xF8, 0xFF, 0xFE][..].into());
    for _ in 0..2500 {
        for packet in [&mut opus, &mut pcmu] {
            packet.sequence = packet.sequence.wrapping_add(2);
            packet.timestamp = packet.timestamp.wrapping_add(160);
            call.receiver.receive(call.now, packet);
        }
    }
    call.run(ms(3000));
    assert_eq!(bad_windows(call.last(ms(1000)), 440.0), 0.0);
}

#[test]
fn frames_carry_rtp_timestamps() {
    let mut call = Call::new(opus(), 16_000).tone(1000.0);
    call.run(ms(5000));
    let stamps: Vec<u32> = call.frames.iter().map(|frame| frame.1.timestamp).collect();
    // Once the delay has come down, each frame is 20 ms of the 48 kHz clock after the one before.
    assert!(stamps[150..].windows(2).all(|it| it[1].wrapping_sub(it[0]) == 960), "{stamps:?}");
    let sent = call.sent[0].1.timestamp;
    assert!(stamps.iter().any(|stamp| stamp.wrapping_sub(sent) < 960));
}

#[test]
fn a_drifting_sender_is_followed() {
    for ppm in [-200i64, 200] {
        let mut call = Call::new(pcmu(), 8000).tone(1000.0);
        call.network = Box::new(move |n, _| {
            let drift_us = n as i64 * 20_000 * ppm / 1_000_000;
            vec![Duration::from_micros((200_000 - drift_us) as u64)]
        });
        call.run(Duration::from_secs(300));
        let stats = call.receiver.stats();
        assert!(bad_windows(&call.heard[32_000..], 1000.0) < 0.01, "{ppm}: {stats:?}");
        assert_continuous(&call);
        let delay_ms = stats.jitter_buffer_delay_s * 1000.0 / stats.jitter_buffer_emitted as f64;
        assert!(delay_ms < 120.0, "{ppm}: {delay_ms}");
    }
}

#[test]
fn packets_of_200_ms_are_played() {
    for codec in [pcmu(), pcma(), g722()] {
        let mut call = Call::new(codec.clone(), 16_000).tone(1000.0);
        let mut payload = Vec::new();
        call.network = Box::new(move |n, packet| {
            payload.extend_from_slice(&packet.payload);
            if n % 10 != 9 {
                return vec![];
            }
            packet.payload = std::mem::take(&mut payload)[..].into();
            packet.timestamp = packet.timestamp.wrapping_sub(9 * 160);
            packet.sequence = (n / 10) as u16;
            vec![ms(5)]
        });
        call.run(ms(5000));
        let stats = call.receiver.stats();
        assert_eq!((stats.garbage, stats.concealed_samples, stats.packets), (0, 0, 25), "{}", codec.name);
        assert!(snr_db(call.last(ms(2000)), 1000.0) > 30.0, "{}", codec.name);
    }
}

/// The n-th packet of 20 ms of Opus.
fn silence(n: u32, timestamp: u32, arrival: Instant) -> Packet {
    Packet {
        payload_type: 111,
        content: Content::Audio(Codec::Opus),
        sequence: n as u16,
        timestamp,
        ticks: 960,
        payload: Bytes::from_static(&[0xF8, 0xFF, 0xFE]),
        arrival,
        copied: false,
    }
}

#[test]
fn what_a_sender_had_kept_and_sends_all_at_once_is_no_jump_of_its_clock() {
    let now = Instant::now();
    let mut buffer = JitterBuffer::new(48_000, 0.0, now, silence(0, 0, now));
    for n in 1..200_u32 {
        assert_eq!(buffer.insert(now, silence(n, n * 960, now)), Inserted::Queued, "packet {n}");
    }
    assert_eq!(buffer.stats().jumps, 0);
    let played = (0..250).filter(|_| matches!(buffer.next(now, now, true), Next::Packet(_))).count();
    assert!((50..=80).contains(&played), "the last 1.5 s at most are played: {played}");
}

#[test]
fn a_flood_for_one_moment_or_from_a_clock_that_jumps_leaves_a_bounded_number_of_packets() {
    for step in [0, 10_000_000] {
        let now = Instant::now();
        let mut buffer = JitterBuffer::new(48_000, 0.0, now, silence(0, 0, now));
        for n in 1..20_000_u32 {
            buffer.insert(now, silence(n, n.wrapping_mul(step), now));
        }
        let played = (0..25_000).filter(|_| matches!(buffer.next(now, now, true), Next::Packet(_))).count();
        assert!((50..=1000).contains(&played), "{played} of step {step}");
    }
}

#[test]
fn a_process_that_wakes_now_and_then_for_a_minute_is_not_late_afterwards() {
    for asleep in [ms(600), ms(1300)] {
        let mut call = Call::new(opus(), 16_000).tone(440.0);
        call.run(ms(5000));
        for _ in 0..60_000 / asleep.as_millis() {
            call.now += asleep;
            call.wake();
        }
        call.run(ms(2000));
        let before = call.receiver.stats();
        call.run(ms(1000));
        let after = call.receiver.stats();
        let samples = (after.jitter_buffer_emitted - before.jitter_buffer_emitted) as f64;
        assert!(samples > 14_000.0, "{samples} of a second were played");
        let delay_ms = (after.jitter_buffer_delay_s - before.jitter_buffer_delay_s) / samples * 1000.0;
        assert!(delay_ms < 60.0, "asleep for {asleep:?} each time, and {delay_ms:.0} ms late afterwards");
    }
}

#[test]
fn a_process_that_stood_still_while_the_far_end_talked_on_hears_it_within_a_second_and_without_delay() {
    for codec in [opus(), pcmu()] {
        for (asleep, jitter_ms) in [(2, 0), (2, 60), (30, 60)] {
            let mut call = Call::new(codec.clone(), 16_000).tone(1000.0).over(bad(3, 0.0, jitter_ms));
            call.run(ms(10_000));
            call.stand_still(Duration::from_secs(asleep));
            call.run(ms(6000));
            let bad = bad_windows(call.last(ms(5000)), 1000.0);
            let late = delay(&mut call, ms(1000));
            let told = format!("{} after {asleep} s, jitter of {jitter_ms} ms", codec.name);
            assert!(bad < 0.01, "{told}: {bad} bad windows");
            assert!(late < 0.1, "{told}: {late} s late for good");
        }
    }
}

#[test]
fn a_far_end_that_begins_anew_with_its_ssrc_is_heard_within_half_a_second() {
    for codec in [opus(), pcmu()] {
        for (sequence, timestamp) in [(0, 77_777_777), (40_000, 500), (65_000, 3_000_000_000), (12_345, 4_000_000_000)]
        {
            let (mut call, mut network) = (Call::new(codec.clone(), 16_000).tone(1000.0), bad(3, 0.1, 40));
            call.network = Box::new(move |n, packet| {
                if n >= 500 {
                    packet.sequence = packet.sequence.wrapping_add(sequence);
                    packet.timestamp = packet.timestamp.wrapping_add(timestamp);
                }
                network(n, packet)
            });
            call.run(ms(10_500));
            call.run(ms(2000));
            let bad = bad_windows(call.last(ms(2000)), 1000.0);
            assert!(bad < 0.03, "{}, {sequence}, {timestamp}: {bad} bad windows", codec.name);
        }
    }
}

fn rms(pcm: &[i16]) -> f64 {
    (pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt()
}

/// What the network knows of a far end that sends nothing for a second after each second of speech, but for one packet of
/// comfort noise at the beginning (RFC 3389); the packets take up to `jitter_ms` longer than the fastest.
fn speech_with_pauses(jitter_ms: f64) -> Call {
    let mut call = Call::new(pcmu(), 8000).tone(1000.0);
    let (mut dice, mut sequence) = (Dice::new(7), 0);
    call.network = Box::new(move |n, packet| {
        let slot = n % 100;
        if slot > 50 {
            return vec![];
        }
        packet.sequence = sequence;
        sequence = sequence.wrapping_add(1);
        if slot == 50 {
            packet.payload_type = 13;
            packet.payload = [60_u8][..].into();
        }
        vec![Duration::from_micros((5000.0 + dice.roll() * jitter_ms * 1000.0) as u64)]
    });
    call
}

#[test]
fn what_is_known_of_jitter_outlives_the_pauses_of_the_far_end() {
    let mut call = speech_with_pauses(120.0);
    call.run(ms(120_000));
    let stats = call.receiver.stats();
    let missed_ms = (stats.concealed_samples - stats.silent_concealed_samples) / 8;
    assert!(missed_ms < 300, "{missed_ms} ms of a minute of speech came too late");
}

#[test]
fn where_nothing_comes_any_more_a_codec_does_not_go_on_with_the_background() {
    let mut seed = 1_u32;
    let mut call = Call::new(opus(), 48_000).says(move |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 18) as i16 - 8192) / 2
    });
    call.sink = Some(Sink::new(&call.receiver.ring().clone(), 16_000, 20, 1000));
    call.run(ms(5000));
    let speaking = rms(call.last(ms(1000)));
    call.network = Box::new(|_, _| vec![]);
    call.run(ms(400));
    let soon = rms(call.last(ms(200)));
    assert!(soon > speaking / 2.0, "{soon} after {speaking}: what is lost for a moment is concealed");
    let concealed = call.receiver.stats().silent_concealed_samples;
    call.run(ms(2000));
    assert_eq!(rms(call.last(ms(1000))), 0.0);
    assert!(call.receiver.stats().silent_concealed_samples > concealed + 16_000, "and counted as silence");
}

#[test]
fn a_far_end_that_was_silent_and_never_comes_back_leaves_silence_when_its_track_is_muted() {
    let mut seed = 1_u32;
    let send = SendSpec { codec: CodecSpec { fmtp: "usedtx=1".into(), ..opus() }, ..send_spec(opus()) };
    let mut call = Call::with(send, 48_000, true).says(move |n| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let room = (seed >> 24) as i16 - 128;
        if n < 96_000 { room * 40 } else { room }
    });
    call.run(ms(8000));
    let resting = rms(call.last(ms(2000)));
    assert!(resting > 10.0, "comfort noise: {resting}");
    let packets = call.receiver.stats().packets;
    call.run(ms(1000));
    assert!(call.receiver.stats().packets - packets < 10, "discontinued transmission");
    call.network = Box::new(|_, _| vec![]);
    call.run(ms(1200));
    let soon = rms(call.last(ms(200)));
    assert!(soon > resting / 3.0, "{soon}: two refreshes may be lost");
    call.run(ms(2800));
    assert_eq!(call.events.last().map(|it| &it.1), Some(&ReceiverEvent::Muted));
    assert_eq!(rms(call.last(ms(1000))), 0.0);
    let stats = call.receiver.stats();
    call.run(ms(1000));
    let after = call.receiver.stats();
    assert_eq!(
        after.silent_concealed_samples - stats.silent_concealed_samples,
        after.total_samples - stats.total_samples
    );
    call.network = clean();
    call.run(ms(2000));
    let back = rms(call.last(ms(500)));
    assert!(back > resting / 3.0, "and the noise comes back with it: {back}");
}

#[test]
fn counters_of_the_jitter_buffer_never_go_back_whatever_rates_follow_each_other() {
    let mut call = Call::new(g722(), 16_000).tone(1000.0);
    call.run(ms(5000));
    let mut before = call.receiver.stats();
    let ring = call.receiver.ring().clone();
    let mut other = None;
    for step in 0..4 {
        match step {
            0 => other = Some(ring.reader()),
            1 => call.sender.configure(call.now, Some(send_spec(pcmu()))),
            2 => call.sender.configure(call.now, Some(send_spec(opus()))),
            _ => drop(other.take()),
        }
        if let Some(other) = &mut other {
            other.prefer(48_000);
        }
        call.run(ms(500));
        let after = call.receiver.stats();
        let samples = after.jitter_buffer_emitted.checked_sub(before.jitter_buffer_emitted).expect("no fewer");
        assert!((3_900..=26_000).contains(&samples), "{samples} in half a second, in step {step}");
        let delay_s = after.jitter_buffer_delay_s - before.jitter_buffer_delay_s;
        assert!((0.0..=0.2).contains(&(delay_s / samples as f64)), "{delay_s} s over {samples}, in step {step}");
        before = after;
    }
}
