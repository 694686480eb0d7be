//! The section of data channels (RFC 8841).

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

fn data_config() -> Config {
    let mut config = config();
    config.features.data = true;
    config
}

/// Two ends, the first with a data channel.
fn ends() -> (Negotiator, Negotiator) {
    let (mut a, b) = (with(data_config(), 1), with(data_config(), 2));
    a.create_data_section().unwrap();
    (a, b)
}

#[test]
fn a_data_section_is_offered_and_answered_where_the_engine_has_it() {
    let (mut a, mut b) = ends();
    assert!(a.negotiation_needed());
    negotiate(&mut a, &mut b);
    let plan = a.plan().data.unwrap();
    assert_eq!((plan.mid.as_str(), plan.remote_port, plan.max_message_size), ("0", 5000, 262_144));
    assert!(b.plan().data.is_some() && !a.negotiation_needed());
    assert_eq!(a.snapshot().data.unwrap().max_message_size, 262_144);
}

#[test]
fn a_data_section_is_not_available_without_the_feature() {
    assert_eq!(kind(phone().create_data_section()), ErrorKind::NotSupported);
}

#[test]
fn the_section_says_what_a_browser_reads() {
    let (mut a, _) = ends();
    let sdp = offer(&mut a);
    assert_eq!(line(&sdp, "m="), "m=application 9 UDP/DTLS/SCTP webrtc-datachannel");
    for wanted in ["a=group:BUNDLE 0", "a=mid:0", "a=sctp-port:5000", "a=max-message-size:262144", "a=setup:actpass"] {
        assert!(has(&sdp, wanted), "{wanted} in\n{sdp}");
    }
    for unwanted in ["a=rtcp", "a=sendrecv", "a=msid", "a=rtpmap"] {
        assert!(!sdp.contains(unwanted), "{unwanted} in\n{sdp}");
    }
}

#[test]
fn chromiums_data_section_is_accepted_beside_audio_on_one_transport() {
    let mut phone = phone_with_data();
    let sdp = answer(&mut phone, &fixture("chromium-audio-video-data-offer"));
    assert_eq!(lines(&sdp, "m=")[2], "m=application 9 UDP/DTLS/SCTP webrtc-datachannel");
    assert!(has(&sdp, "a=group:BUNDLE 0 2") && has(&section(&sdp, 2), "a=setup:active"));
    let plan = phone.plan();
    assert_eq!((plan.transports.len(), plan.media.len()), (1, 1));
    assert_eq!(plan.data.unwrap().transport, plan.media[0].transport);
}

fn phone_with_data() -> Negotiator {
    let mut phone = with(data_config(), 3);
    phone.add_track(Kind::Audio, "microphone", &[]).unwrap();
    phone
}

#[test]
fn the_role_that_chooses_streams_is_known_with_the_answer() {
    let (mut a, mut b) = ends();
    let sdp = offer(&mut a);
    assert_eq!(a.snapshot().data.unwrap().dtls_role, None);
    b.set_remote(SdpType::Offer, &sdp).unwrap();
    assert_eq!(b.snapshot().data.unwrap().dtls_role, None);
    let answered = b.create_answer().unwrap();
    b.set_local(SdpType::Answer, &answered).unwrap();
    a.set_remote(SdpType::Answer, &answered).unwrap();
    assert_eq!(a.snapshot().data.unwrap().dtls_role, Some(DtlsRole::Server));
    assert_eq!(b.snapshot().data.unwrap().dtls_role, Some(DtlsRole::Client));
}

#[test]
fn limit_and_port_are_the_far_ends_and_have_the_defaults_of_rfc_8841() {
    for (from, to, port, limit) in [
        ("a=sctp-port:5000\r\n", "", 5000, 262_144),
        ("a=sctp-port:5000", "a=sctp-port:6001", 6001, 262_144),
        ("a=max-message-size:262144\r\n", "", 5000, 65_536),
        ("a=max-message-size:262144", "a=max-message-size:0", 5000, 0),
    ] {
        let (mut a, mut b) = ends();
        let sdp = offer(&mut a).replace(from, to);
        answer(&mut b, &sdp);
        let plan = b.plan().data.unwrap();
        assert_eq!((plan.remote_port, plan.max_message_size), (port, limit));
    }
}

#[test]
fn a_refused_section_is_gone_and_its_line_is_offered_again() {
    let (mut a, mut b) = (phone_with_data(), phone());
    a.create_data_section().unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!((a.plan().data, a.snapshot().data), (None, None));
    assert!(a.negotiation_needed(), "there is a channel that waits");
    let sdp = offer(&mut a);
    assert_eq!(lines(&sdp, "m=").len(), 2);
    assert!(lines(&sdp, "m=")[1].starts_with("m=application 9 "));
}

#[test]
fn an_sctp_port_of_zero_ends_the_association() {
    let (mut a, mut b) = ends();
    b.add_track(Kind::Audio, "microphone", &[]).unwrap();
    negotiate(&mut a, &mut b);
    let sdp = offer(&mut a).replace("a=sctp-port:5000", "a=sctp-port:0");
    let answered = answer(&mut b, &sdp);
    assert!(line(&answered, "m=").starts_with("m=application 0 "));
    assert_eq!(b.plan().data, None);
}

#[test]
fn a_second_data_section_is_refused() {
    let (mut a, mut b) = ends();
    let sdp = offer(&mut a).replace("BUNDLE 0", "BUNDLE 0 1");
    let second = section(&sdp, 0).replace("a=mid:0", "a=mid:1");
    let answered = answer(&mut b, &format!("{sdp}{second}"));
    let ports: Vec<_> = lines(&answered, "m=").iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(ports, ["9", "0"]);
}

#[test]
fn a_rolled_back_section_is_gone_and_wanted_again() {
    let (mut a, _) = ends();
    offer(&mut a);
    assert!(a.snapshot().data.is_some());
    a.set_local(SdpType::Rollback, "").unwrap();
    assert_eq!((a.snapshot().data, a.plan()), (None, Plan::default()));
    assert!(a.negotiation_needed());
}

#[test]
fn an_offer_that_is_rolled_back_leaves_the_agreed_section() {
    let (mut a, mut b) = ends();
    negotiate(&mut a, &mut b);
    a.add_track(Kind::Audio, "microphone", &[]).unwrap();
    let before = a.plan();
    offer(&mut a);
    assert_eq!(a.plan().data, before.data);
    a.set_local(SdpType::Rollback, "").unwrap();
    assert_eq!(a.plan(), before);
}

#[test]
fn audio_joins_the_transport_of_data_and_data_that_of_audio() {
    for data_first in [true, false] {
        let (mut a, mut b) = (with(data_config(), 1), with(data_config(), 2));
        for step in 0..2 {
            if (step == 0) == data_first {
                a.create_data_section().unwrap();
            } else {
                a.add_track(Kind::Audio, "microphone", &[]).unwrap();
            }
            negotiate(&mut a, &mut b);
        }
        let plan = a.plan();
        assert_eq!(plan.transports.len(), 1);
        assert_eq!(plan.data.unwrap().transport, plan.media[0].transport);
    }
}

#[test]
fn a_provisional_answer_is_enough_to_begin() {
    let (mut a, mut b) = ends();
    let sdp = offer(&mut a);
    b.set_remote(SdpType::Offer, &sdp).unwrap();
    let answered = b.create_answer().unwrap();
    b.set_local(SdpType::PrAnswer, &answered).unwrap();
    a.set_remote(SdpType::PrAnswer, &answered).unwrap();
    assert!(a.plan().data.is_some() && b.plan().data.is_some());
}

#[test]
fn what_is_no_data_channel_section_is_refused() {
    for (from, to) in [
        ("UDP/DTLS/SCTP webrtc-datachannel", "UDP/DTLS/SCTP something-else\r\na=x:"),
        ("UDP/DTLS/SCTP webrtc-datachannel", "UDP/TLS/BFCP *"),
    ] {
        let (mut a, mut b) = ends();
        let sdp = offer(&mut a).replace(from, to).replace("a=sctp-port:5000\r\n", "");
        assert!(line(&answer(&mut b, &sdp), "m=").starts_with("m=application 0 "), "{to}");
    }
}
