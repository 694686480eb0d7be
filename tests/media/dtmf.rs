//! Digits as telephone events, both ways.

use crate::support::*;
use std::time::Duration;
use webphone_rtc::media::{ReceiverEvent, Sender};
use webphone_rtc::rtp::RtpPacket;

/// Packets of telephone events among those sent.
fn digits_on_wire(call: &Call) -> Vec<&RtpPacket> {
    call.sent.iter().map(|(_, packet)| packet).filter(|packet| [110, 126].contains(&packet.payload_type)).collect()
}

fn durations(call: &Call) -> Vec<u32> {
    let durations = call.events.iter().filter_map(|(_, event)| match event {
        ReceiverEvent::Dtmf { duration_ms, .. } => Some(*duration_ms),
        _ => None,
    });
    durations.collect()
}

#[test]
fn every_tone_arrives_once_with_its_duration() {
    for codec in [opus(), pcmu()] {
        let mut call = Call::new(codec, 16_000).tone(440.0);
        call.run(ms(500));
        call.sender.insert_dtmf("0123456789*#abcD", 100, 70);
        call.run(Duration::from_secs(4));
        assert_eq!(call.digits(), "0123456789*#ABCD");
        assert_eq!(durations(&call), [100; 16]);
    }
}

#[test]
fn the_wire_is_as_rfc_4733_wants_it() {
    for (codec, clock) in [(opus(), 48_000u32), (pcmu(), 8000)] {
        let mut call = Call::new(codec, 16_000).tone(440.0);
        call.run(ms(500));
        call.sender.insert_dtmf("5", 100, 70);
        call.run(ms(500));
        let packets = digits_on_wire(&call);
        assert_eq!(packets.len(), 7, "five slots of 20 ms, the last one an end packet, which comes three times");
        assert!(packets[0].marker && packets[1..].iter().all(|packet| !packet.marker));
        assert!(packets.iter().all(|packet| packet.timestamp == packets[0].timestamp && packet.ssrc == SSRC));
        assert!(packets.iter().all(|packet| packet.payload[0] == 5 && packet.payload[1] & 0x7f == 10));
        let told: Vec<_> = packets
            .iter()
            .map(|packet| (packet.payload[1] & 0x80 != 0, u16::from_be_bytes([packet.payload[2], packet.payload[3]])))
            .collect();
        let units = |ms: u32| (clock / 1000 * ms) as u16;
        let expected = [(false, 20), (false, 40), (false, 60), (false, 80), (true, 100), (true, 100), (true, 100)];
        assert_eq!(told, expected.map(|(end, ms)| (end, units(ms))));
        // One stream: sequence numbers go on across audio and digits, and time goes on below the digit.
        for pair in call.sent.windows(2) {
            assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1));
        }
        let audio = call.sent.iter().find(|(at, packet)| {
            packet.timestamp != packets[0].timestamp
                && *at > call.sent[30].0
                && ![110, 126].contains(&packet.payload_type)
        });
        let (_, audio) = audio.unwrap();
        assert_eq!(audio.timestamp.wrapping_sub(packets[0].timestamp), clock / 1000 * 140);
        assert!(audio.marker, "a talk spurt begins");
    }
}

#[test]
fn telephone_event_8000_beside_opus_counts_durations_in_its_own_clock() {
    let mut send = send_spec(opus());
    send.dtmf = Some(events(8000));
    let mut call = Call::with(send, 16_000, true).tone(440.0);
    call.run(ms(500));
    call.sender.insert_dtmf("7", 200, 70);
    call.run(ms(600));
    let packets = digits_on_wire(&call);
    assert!(packets.iter().all(|packet| packet.payload_type == 126));
    assert_eq!(packets.last().unwrap().payload[2..], 1600u16.to_be_bytes());
    assert_eq!((call.digits().as_str(), durations(&call)), ("7", vec![200]));
}

#[test]
fn audio_is_suppressed_while_a_tone_sounds_and_comes_back_after_it() {
    let mut call = Call::new(pcmu(), 16_000).tone(440.0);
    call.run(ms(1000));
    call.sender.insert_dtmf("1", 500, 70);
    let first = call.sent.len();
    call.run(ms(500));
    assert!(call.sent[first..].iter().all(|(_, packet)| packet.payload_type == 126 || packet.payload_type == 110));
    call.run(ms(1500));
    assert!(snr_db(call.last(ms(1000)), 440.0) > 30.0);
}

#[test]
fn tone_changes_tell_each_tone_and_the_end() {
    let mut call = Call::new(opus(), 16_000).tone(440.0);
    call.run(ms(500));
    let start = call.now;
    call.sender.insert_dtmf("1,2", 100, 50);
    call.run(ms(3000));
    let told: Vec<_> = call.tones.iter().map(|(at, tone, rest)| (tone.as_str(), rest.as_str(), *at - start)).collect();
    assert_eq!(told.len(), 4);
    assert_eq!([told[0].0, told[1].0, told[2].0, told[3].0], ["1", ",", "2", ""]);
    assert_eq!([told[0].1, told[1].1, told[2].1, told[3].1], [",2", "2", "", ""]);
    assert!(told[2].2 - told[1].2 == ms(2000), "a comma waits two seconds");
    assert!(told[1].2 - told[0].2 >= ms(150) && told[1].2 - told[0].2 <= ms(180));
    assert_eq!(call.digits(), "12");
}

#[test]
fn a_second_call_replaces_what_has_not_begun() {
    let mut call = Call::new(opus(), 16_000).tone(440.0);
    call.run(ms(500));
    call.sender.insert_dtmf("123456", 100, 70);
    call.run(ms(50));
    call.sender.insert_dtmf("9", 40, 30);
    call.run(ms(1000));
    assert_eq!(call.digits(), "19");
    call.sender.insert_dtmf("777", 100, 70);
    call.run(ms(50));
    call.sender.insert_dtmf("", 100, 70);
    call.run(ms(1000));
    assert_eq!(call.digits(), "197");
    assert_eq!(call.tones.last().unwrap().1, "");
}

#[test]
fn without_telephone_event_nothing_is_sent_and_nothing_waits() {
    let mut send = send_spec(opus());
    send.dtmf = None;
    let mut call = Call::with(send, 16_000, true).tone(440.0);
    assert!(!call.sender.can_send_dtmf());
    call.sender.insert_dtmf("123", 100, 70);
    call.run(ms(1000));
    assert_eq!((call.digits(), call.tones.len()), (String::new(), 0));
}

#[test]
fn digits_are_sent_even_without_a_source() {
    let mut call = Call::new(pcma(), 16_000);
    call.sender.set_source(None);
    call.run(ms(200));
    assert_eq!(call.sent.len(), 0);
    call.sender.insert_dtmf("42", 100, 70);
    call.run(ms(1000));
    assert_eq!(call.digits(), "42");
}

#[test]
fn digits_survive_loss_duplication_and_reordering() {
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let network: Network = Box::new(move |_, packet| {
            let event = [110, 126].contains(&packet.payload_type);
            let mut copies = vec![];
            // Audio passes; of event packets a third is lost, some come twice, all out of order.
            if !event || dice.roll() > 0.3 {
                copies.push(Duration::from_micros(5000 + (dice.roll() * 30_000.0) as u64));
            }
            if event && dice.roll() < 0.3 {
                copies.push(Duration::from_micros(5000 + (dice.roll() * 60_000.0) as u64));
            }
            copies
        });
        let mut call = Call::new(opus(), 16_000).tone(440.0).over(network);
        call.run(ms(300));
        call.sender.insert_dtmf("1223334444", 200, 100);
        call.run(ms(5000));
        assert_eq!(call.digits(), "1223334444", "seed {seed}");
    }
}

#[test]
fn a_digit_is_heard_from_its_end_packets_alone_and_without_them_by_timeout() {
    for (keep_ends, expected) in [(true, 100), (false, 80)] {
        let network: Network = Box::new(move |_, packet| {
            let event = packet.payload_type == 126 || packet.payload_type == 110;
            let end = event && packet.payload[1] & 0x80 != 0;
            if event && end != keep_ends { vec![] } else { vec![ms(5)] }
        });
        let mut call = Call::new(pcmu(), 8000).tone(440.0).over(network);
        call.run(ms(300));
        call.sender.insert_dtmf("3", 100, 70);
        call.run(ms(1000));
        assert_eq!((call.digits().as_str(), durations(&call)), ("3", vec![expected]));
    }
}

#[test]
fn a_long_event_crosses_the_limit_of_its_duration_field_as_one_digit() {
    let mut call = Call::new(opus(), 16_000).tone(440.0);
    call.run(ms(300));
    // 6000 ms at 48 kHz are 288000 units: five segments.
    call.sender.insert_dtmf("8", 6000, 70);
    call.run(ms(7000));
    assert_eq!((call.digits().as_str(), durations(&call)), ("8", vec![6000]));
    let mut timestamps: Vec<u32> = digits_on_wire(&call).iter().map(|packet| packet.timestamp).collect();
    timestamps.dedup();
    assert_eq!(timestamps.len(), 5);
    assert!(timestamps.windows(2).all(|it| it[1].wrapping_sub(it[0]) == 0xffff));
}

#[test]
fn digits_are_heard_when_nobody_listens_to_the_audio() {
    let mut call = Call::with(send_spec(opus()), 16_000, false).tone(440.0);
    call.run(ms(300));
    call.sender.insert_dtmf("6", 100, 70);
    call.run(ms(500));
    assert_eq!(call.digits(), "6");
    assert_eq!(call.receiver.stats().decoded, 0);
}

#[test]
fn events_that_are_no_digits_and_short_payloads_are_ignored() {
    let mut call = Call::new(pcmu(), 8000).tone(440.0);
    call.run(ms(100));
    let mut event = call.sent[0].1.clone();
    event.payload_type = 126;
    for payload in [&[16u8, 0x8a, 3, 0x20][..], &[1, 0x8a], &[], &[200, 0x8a, 3, 0x20]] {
        event.payload = payload.into();
        event.timestamp = event.timestamp.wrapping_add(1600);
        call.receiver.receive(call.now, &event);
    }
    call.run(ms(500));
    assert_eq!(call.digits(), "");
}

#[test]
fn a_fresh_sender_has_nothing_due() {
    let sender = Sender::new(SSRC, 0, 0);
    assert_eq!(sender.next_due(), None);
}
