//! What an application may change in our description before it is set, and what not.

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

/// Whatever `from` is in `sdp`, `to` instead.
fn change(sdp: &str, from: &str, to: &str) -> String {
    assert!(sdp.contains(from), "{from} is not in {sdp}");
    sdp.replace(from, to)
}

/// Without the lines that begin so.
fn without(sdp: &str, prefixes: &[&str]) -> String {
    let kept = sdp.split_inclusive('\n').filter(|line| !prefixes.iter().any(|prefix| line.starts_with(prefix)));
    kept.collect()
}

/// The answer of `b` to an offer of `a` that was changed.
fn call(a: &mut Negotiator, b: &mut Negotiator, munge: impl Fn(&str) -> String) -> String {
    let offer = munge(&a.create_offer(OfferOptions::default()).unwrap());
    a.set_local(SdpType::Offer, &offer).unwrap();
    let shown = a.descriptions().pending_local.unwrap().sdp;
    let sdp = answer(b, &shown);
    a.set_remote(SdpType::Answer, &sdp).unwrap();
    shown
}

const NARROWBAND: [&str; 3] = ["8 PCMA/8000/1", "0 PCMU/8000/1", "126 telephone-event/8000/1"];

/// Opus is gone, PCMA goes before PCMU.
fn narrowband(sdp: &str) -> String {
    let list = line(sdp, "m=audio").rsplit_once("SAVPF ").unwrap().1;
    let sdp = change(sdp, list, "8 0 126");
    without(&sdp, &["a=rtpmap:111", "a=fmtp:111", "a=rtpmap:9 ", "a=rtpmap:110"])
}

#[test]
fn codecs_that_are_taken_out_are_neither_received_nor_sent_and_the_order_is_the_applications() {
    let (mut a, mut b) = (phone(), peer());
    let shown = call(&mut a, &mut b, narrowband);
    assert!(line(&shown, "m=audio").ends_with(" 8 0 126") && !shown.contains("opus"));
    for end in [&a, &b] {
        let plan = media(end);
        assert_eq!(names(&plan.recv.unwrap().codecs), NARROWBAND);
        assert_eq!(plan.send.unwrap().codec.name, "PCMA");
    }
    let again = a.create_offer(OfferOptions::default()).unwrap();
    assert!(again.contains("opus"), "the next offer has everything again");
}

#[test]
fn an_answer_can_leave_codecs_out_too() {
    let (mut a, mut b) = (phone(), peer());
    b.set_remote(SdpType::Offer, &offer(&mut a)).unwrap();
    let sdp = narrowband(&b.create_answer().unwrap());
    b.set_local(SdpType::Answer, &sdp).unwrap();
    a.set_remote(SdpType::Answer, &b.descriptions().current_local.unwrap().sdp).unwrap();
    assert_eq!(media(&a).send.unwrap().codec.name, "PCMA");
    assert_eq!(names(&media(&b).recv.unwrap().codecs), NARROWBAND);
}

#[test]
fn parameters_of_a_codec_reach_the_far_ends_encoder() {
    let (mut a, mut b) = (phone(), peer());
    let fmtp = "minptime=10;useinbandfec=1;stereo=1;maxaveragebitrate=64000";
    call(&mut a, &mut b, |sdp| change(sdp, "minptime=10;useinbandfec=1", fmtp) + "a=ptime:40\r\n");
    let sent = media(&b).send.unwrap();
    assert_eq!((sent.codec.fmtp.as_str(), sent.ptime_ms), (fmtp, 40));
}

#[test]
fn a_direction_can_be_narrowed_for_hold() {
    let (mut a, mut b) = (phone(), peer());
    call(&mut a, &mut b, |sdp| change(sdp, "a=sendrecv", "a=sendonly"));
    assert_eq!(only(&a).current_direction, Some(Direction::SendOnly));
    assert!(media(&a).recv.is_none() && media(&a).send.is_some() && media(&b).send.is_none());
}

#[test]
fn header_extensions_can_be_taken_out_and_a_bandwidth_be_asked_for() {
    let (mut a, mut b) = (phone(), peer());
    let shown = call(&mut a, &mut b, |sdp| {
        let sdp = change(sdp, "c=IN IP4 0.0.0.0\r\n", "c=IN IP4 0.0.0.0\r\nb=AS:40\r\n");
        without(&sdp, &["a=extmap"])
    });
    assert!(has(&shown, "b=AS:40") && !shown.contains("a=extmap"));
    assert!(media(&a).send.unwrap().extensions.is_empty());
    let index = |prefix: &str| shown.find(prefix).unwrap();
    assert!(index("c=IN") < index("b=AS") && index("b=AS") < index("a=rtcp:"));
}

#[test]
fn candidates_found_meanwhile_are_shown_whatever_was_taken_out() {
    let mut a = phone();
    offer(&mut a);
    a.add_local_candidate(TransportId(0), &host("192.0.2.5", 4000));
    let sdp = a.create_offer(OfferOptions::default()).unwrap();
    a.set_local(SdpType::Offer, &without(&sdp, &["a=candidate"])).unwrap();
    assert_eq!(lines(&a.descriptions().pending_local.unwrap().sdp, "a=candidate").len(), 1);
}

#[test]
fn bare_line_feeds_and_a_missing_end_of_line_change_nothing() {
    let mut a = phone();
    let sdp = a.create_offer(OfferOptions::default()).unwrap();
    let bare = sdp.replace("\r\n", "\n");
    a.set_local(SdpType::Offer, bare.trim_end()).unwrap();
    assert_eq!(a.descriptions().pending_local.unwrap().sdp, sdp);
}

#[test]
fn what_the_call_goes_by_cannot_be_changed_and_a_refusal_changes_nothing() {
    let mut a = phone();
    let sdp = a.create_offer(OfferOptions::default()).unwrap();
    let before = seen(&a);
    let credential = line(&sdp, "a=ice-pwd:");
    let cases = [
        change(&sdp, credential, "a=ice-pwd:0123456789012345678901"),
        without(&sdp, &["a=ice-ufrag"]),
        without(&sdp, &["a=fingerprint"]),
        change(&sdp, "a=setup:actpass", "a=setup:active"),
        change(&sdp, "a=mid:0", "a=mid:1"),
        change(&sdp, "a=group:BUNDLE 0", "a=group:LS 0"),
        without(&sdp, &["a=rtcp-mux"]),
        change(&sdp, "opus/48000", "opus/24000"),
        change(&sdp, "a=rtpmap:111", "a=rtpmap:112"),
        change(&sdp, "m=audio 9", "m=audio 0"),
        change(&sdp, "m=audio", "m=video"),
        change(&sdp, "o=- ", "o=- 1"),
        change(&sdp, line(&sdp, "m=audio").rsplit_once("SAVPF ").unwrap().1, "126"),
        change(&sdp, " 126\r\n", " 126 127\r\n"),
        sdp.clone() + "a=extmap:9 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
        sdp.clone() + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n",
        sdp.clone() + "a=nobody-reads-this\r\n",
        sdp.clone() + "a=rtcp-fb:111 nack\r\n",
        change(&sdp, "s=-", "s=another"),
        sdp.clone() + "nonsense\r\n",
        "v=0\r\n".to_owned(),
        "x".repeat(1 << 20),
    ];
    for text in cases {
        let error = a.set_local(SdpType::Offer, &text).map_err(|error| error.kind);
        assert_eq!(error, Err(ErrorKind::InvalidModification), "{text:.3000}");
        assert_eq!(seen(&a), before);
    }
    a.set_local(SdpType::Offer, &sdp).unwrap();
}

#[test]
fn a_direction_cannot_be_widened() {
    let mut a = phone();
    a.set_direction(only(&a).id, Direction::RecvOnly).unwrap();
    let sdp = a.create_offer(OfferOptions::default()).unwrap();
    for wider in ["a=sendrecv", "a=sendonly"] {
        let text = change(&sdp, "a=recvonly", wider);
        assert_eq!(kind(a.set_local(SdpType::Offer, &text)), ErrorKind::InvalidModification);
    }
}
