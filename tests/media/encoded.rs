//! Encoded frames out of a stream and into it.

use crate::support::*;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use webphone_rtc::media::{Codec, Detour, Detours, EncodedFrame, FrameQueue, Role};
use webphone_rtc::rtp::{RtpHeader, RtpPacket};

fn detour(sending: bool) -> Arc<Detour> {
    let detour = Arc::<Detour>::default();
    detour.on_return(Some((Role { video: false, sending }, Arc::new(|| {}))));
    detour.on_leave(Some(Arc::new(|| {})));
    detour
}

fn left(detour: &Detour) -> Vec<EncodedFrame> {
    std::iter::from_fn(|| detour.fetch()).collect()
}

/// Polls every 10 ms up to `until`.
fn polled(call: &mut Call, until: u64) -> Vec<(RtpHeader, Vec<u8>)> {
    let mut sent = Vec::new();
    for at in (0..=until).step_by(10) {
        call.sender.poll(call.start + ms(at), &mut |header, payload| sent.push((header.clone(), payload.to_vec())));
    }
    sent
}

fn returned(call: &mut Call, at: u64) -> Vec<(RtpHeader, Vec<u8>)> {
    let (mut sent, now) = (Vec::new(), call.start + ms(at));
    call.sender.send_returned(now, &mut |header, payload| sent.push((header.clone(), payload.to_vec())));
    sent
}

#[test]
fn a_frame_that_does_not_come_back_is_no_loss_and_one_that_does_keeps_its_time() {
    let mut call = Call::new(opus(), 16_000).tone(1000.0);
    let detour = detour(true);
    call.sender.set_detour(Some(detour.clone()));
    assert_eq!(polled(&mut call, 100), []);
    let frames = left(&detour);
    assert_eq!(frames.len(), 6);
    assert!(frames.windows(2).all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) == 960));
    for frame in [&frames[0], &frames[1], &frames[4]] {
        detour.give_back(EncodedFrame { data: Bytes::from_static(b"changed"), ..frame.clone() });
    }
    let sent = returned(&mut call, 120);
    assert_eq!(sent.iter().map(|(header, _)| header.sequence).collect::<Vec<_>>(), [65_500, 65_501, 65_502]);
    assert_eq!(sent[2].0.timestamp, frames[4].timestamp);
    assert_eq!(sent.iter().filter(|(_, payload)| payload == b"changed").count(), 3);
    let stats = call.sender.stats();
    assert_eq!((stats.packets, stats.encoded), (3, 6));
    assert_eq!(stats.last, Some((frames[4].timestamp, call.start + ms(80))), "when it was due, for sender reports");
}

#[test]
fn a_frame_of_another_codec_or_larger_than_a_packet_is_not_sent() {
    let mut call = Call::new(opus(), 16_000).tone(1000.0);
    let detour = detour(true);
    call.sender.set_detour(Some(detour.clone()));
    polled(&mut call, 0);
    let frame = left(&detour).remove(0);
    detour.give_back(EncodedFrame { codec: "PCMU", ..frame.clone() });
    detour.give_back(EncodedFrame { data: Bytes::from(vec![0; 1401]), ..frame.clone() });
    detour.give_back(EncodedFrame { data: Bytes::new(), ..frame.clone() });
    assert_eq!(returned(&mut call, 0), []);
    detour.give_back(frame);
    assert_eq!(returned(&mut call, 0).len(), 1);
}

#[test]
fn frames_of_the_application_are_sent_at_their_pace_and_a_pause_begins_a_talk_spurt() {
    let mut call = Call::new(pcmu(), 8000);
    let queue = Arc::new(FrameQueue::new(Codec::Pcmu, 1000));
    call.sender.set_source(None);
    call.sender.set_frames(Some(queue.clone()));
    // 20, 40 and 20 ms.
    for length in [160, 320, 160] {
        assert_eq!(queue.write(Bytes::from(vec![7; length])), Some(true));
    }
    let sent = polled(&mut call, 200);
    let first = sent[0].0.timestamp;
    let told = |sent: &[(RtpHeader, Vec<u8>)]| {
        let each = |(header, payload): &(RtpHeader, Vec<u8>)| {
            (header.timestamp.wrapping_sub(first), header.marker, payload.len())
        };
        sent.iter().map(each).collect::<Vec<_>>()
    };
    assert_eq!(told(&sent), [(0, true, 160), (160, false, 320), (480, false, 160)]);
    queue.write(Bytes::from(vec![7; 160]));
    let mut later = Vec::new();
    call.sender.poll(call.start + ms(1000), &mut |header, payload| later.push((header.clone(), payload.to_vec())));
    assert_eq!(told(&later), [(8000, true, 160)]);
    assert_eq!(call.sender.stats().encoded, 0);
}

#[test]
fn frames_of_another_codec_than_the_negotiated_one_and_of_a_disabled_track_go_nowhere() {
    for (codec, enabled) in [(opus(), true), (pcmu(), false)] {
        let mut call = Call::new(codec, 8000);
        let queue = Arc::new(FrameQueue::new(Codec::Pcmu, 1000));
        call.sender.set_source(None);
        call.sender.set_frames(Some(queue.clone()));
        call.sender.set_enabled(enabled);
        (0..5).for_each(|_| _ = queue.write(Bytes::from(vec![7; 160])));
        assert_eq!(polled(&mut call, 200), []);
        assert_eq!(queue.queued_ms(), 0.0, "time goes on");
    }
}

#[test]
fn a_received_frame_is_played_once_it_has_come_back_and_not_before() {
    let mut call = Call::new(opus(), 16_000).tone(1000.0);
    let (out, back) = (polled(&mut call, 400), detour(false));
    call.receiver.set_detour(Some(back.clone()));
    call.receiver.set_level_extension(Some(1));
    for (header, payload) in &out {
        let packet = RtpPacket {
            payload_type: header.payload_type,
            marker: header.marker,
            sequence: header.sequence,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            csrc: vec![9],
            extensions: vec![(1, vec![0x80 | 30])],
            payload: BytesMut::from(&payload[..]),
            arrival: call.start,
        };
        call.receiver.receive(call.start, &packet);
    }
    for at in (0..300).step_by(10) {
        call.receiver.poll(call.start + ms(at));
    }
    assert_eq!((call.receiver.stats().packets, call.receiver.stats().decoded), (out.len() as u64, 0));
    let frames = left(&back);
    let told = &frames[0];
    assert_eq!((told.csrc.as_slice(), told.level, told.codec), ([9].as_slice(), Some(30), "opus"));
    let now = call.start + ms(300);
    for frame in frames.into_iter().take(10) {
        back.give_back(frame);
    }
    back.give_back(EncodedFrame { ssrc: 1, ..EncodedFrame::default() });
    call.receiver.receive_returned(now);
    for at in (300..1000).step_by(10) {
        call.receiver.poll(call.start + ms(at));
    }
    assert_eq!(call.receiver.stats().decoded, 10);
}

#[test]
fn digits_displace_as_much_of_the_frames_as_they_last_however_long_those_are() {
    let mut call = Call::new(opus(), 48_000);
    let queue = Arc::new(FrameQueue::new(Codec::Opus, 60_000));
    // SILK of 60 ms (RFC 6716 section 3.1).
    let frame = Bytes::from([&[0x58][..], &[7; 60]].concat());
    (0..100).for_each(|_| assert_eq!(queue.write(frame.clone()), Some(true)));
    call.sender.set_source(None);
    call.sender.set_frames(Some(queue.clone()));
    call.run(ms(600));
    let before = queue.queued_ms();
    call.sender.insert_dtmf(",12", 100, 70);
    let began = call.now;
    call.run(ms(3000));
    assert_eq!(before - queue.queued_ms(), 3000.0);
    let times: Vec<_> =
        call.tones.iter().map(|(at, tone, _)| ((*at - began).as_millis() as u64, tone.as_str())).collect();
    let [(comma, ","), (first, "1"), (second, "2"), (_, "")] = times[..] else { panic!("{times:?}") };
    assert!((2000..=2060).contains(&(first - comma)), "a comma is two seconds: {times:?}");
    assert!((170..=240).contains(&(second - first)), "{times:?}");
}

#[test]
fn digits_last_as_long_among_frames_that_are_no_whole_milliseconds() {
    let mut call = Call::new(opus(), 48_000);
    let queue = Arc::new(FrameQueue::new(Codec::Opus, 60_000));
    // CELT of 2.5 ms (RFC 6716 section 3.1).
    let frame = Bytes::from([&[0xe0][..], &[7; 20]].concat());
    (0..2000).for_each(|_| assert_eq!(queue.write(frame.clone()), Some(true)));
    call.sender.set_source(None);
    call.sender.set_frames(Some(queue.clone()));
    call.run(ms(600));
    call.sender.insert_dtmf("1,2", 100, 70);
    call.run(ms(3000));
    let times: Vec<_> = call.tones.iter().map(|(at, _, _)| *at).collect();
    let lengths: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert!((170..=174).contains(&lengths[0]) && (2000..=2004).contains(&lengths[1]), "{lengths:?}");
    assert_eq!(call.digits(), "12");
}
