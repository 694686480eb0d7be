//! SIP gateways: what RingCentral's edge sent in each generation, and what others do.

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

#[test]
fn an_offer_of_2019_is_answered_with_its_payload_types_and_protocol() {
    let (_, sdp) = called_by("ringcentral-2019-offer");
    assert_eq!(line(&sdp, "m="), "m=audio 9 RTP/SAVPF 111 0 8 9 101");
    assert!(has(&sdp, "a=rtpmap:111 opus/48000/2"));
    assert!(has(&sdp, "a=rtpmap:101 telephone-event/8000"));
}

#[test]
fn an_offer_of_2022_is_answered_without_red() {
    let (_, sdp) = called_by("ringcentral-2022-offer");
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 9 101");
}

#[test]
fn an_offer_in_the_manner_of_2016_is_answered() {
    let (phone, sdp) = called_by("ringcentral-2016-offer");
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 111 126");
    assert!(!has(&sdp, "a=rtcp-mux"));
    let ice = transport(&phone).ice;
    assert!(ice.remote_lite && ice.controlling);
}

#[test]
fn an_answer_of_2016_without_mid_and_mux_is_taken() {
    let mut phone = phone();
    offer(&mut phone);
    phone.set_remote(SdpType::Answer, &fixture("ringcentral-2016-answer")).unwrap();
    let send = media(&phone).send.unwrap();
    assert_eq!((send.codec.payload_type, send.max_ptime_ms), (111, Some(60)));
    assert_eq!(transport(&phone).dtls.unwrap().role, DtlsRole::Client);
}

#[test]
fn an_outbound_answer_uses_the_far_ends_payload_types() {
    let mut phone = phone();
    offer(&mut phone);
    phone.set_remote(SdpType::Answer, &fixture("ringcentral-outbound-answer")).unwrap();
    let send = media(&phone).send.unwrap();
    assert_eq!(names(&[send.codec]), ["111 opus/48000/2"]);
    assert_eq!(names(&[send.dtmf.unwrap()]), ["101 telephone-event/8000/1"]);
    let expected = ["111 opus/48000/2", "126 telephone-event/8000/1", "101 telephone-event/8000/1"];
    assert_eq!(names(&media(&phone).recv.unwrap().codecs), expected, "also what a gateway sends under its own");
}

#[test]
fn without_bundle_in_the_offer_there_is_none_in_the_answer() {
    for name in ["ringcentral-2016-offer", "ringcentral-2019-offer", "ringcentral-2022-offer"] {
        assert!(lines(&called_by(name).1, "a=group").is_empty(), "{name}");
    }
}

#[test]
fn without_mid_in_the_offer_there_is_none_in_the_answer_but_one_in_the_api() {
    let (phone, sdp) = called_by("ringcentral-2019-offer");
    assert!(lines(&sdp, "a=mid").is_empty());
    assert_eq!(only(&phone).mid.as_deref(), Some("0"));
    assert_eq!(only(&phone).m_line_index, Some(0));
}

#[test]
fn the_mid_of_the_offer_is_in_the_answer() {
    assert!(has(&called_by("ringcentral-2022-offer").1, "a=mid:0"));
}

#[test]
fn session_level_ice_and_dtls_count_for_the_section() {
    let (phone, _) = called_by("ringcentral-2022-offer");
    let plan = transport(&phone);
    assert_eq!(plan.ice.remote.unwrap().ufrag, "c9K2");
    assert_eq!(plan.dtls.unwrap().fingerprints[0].algorithm, HashAlgorithm::Sha256);
}

#[test]
fn priorities_use_all_32_bits() {
    let (phone, _) = called_by("ringcentral-2022-offer");
    assert_eq!(transport(&phone).ice.remote_candidates[0].priority, u32::MAX);
}

#[test]
fn candidates_of_component_2_are_dropped() {
    for name in ["ringcentral-2016-offer", "ringcentral-2019-offer", "ringcentral-2022-offer"] {
        let (phone, _) = called_by(name);
        let components: Vec<_> = transport(&phone).ice.remote_candidates.iter().map(|it| it.component).collect();
        assert_eq!(components, [1], "{name}");
    }
}

#[test]
fn a_sha_1_fingerprint_is_taken() {
    let (phone, _) = called_by("ringcentral-2019-offer");
    let fingerprint = transport(&phone).dtls.unwrap().fingerprints.remove(0);
    assert_eq!((fingerprint.algorithm, fingerprint.bytes.len()), (HashAlgorithm::Sha1, 20));
}

#[test]
fn every_known_fingerprint_counts_and_an_unknown_hash_is_skipped() {
    let (phone, _) = called_by("gateway-static-offer");
    let algorithms: Vec<_> = transport(&phone).dtls.unwrap().fingerprints.iter().map(|it| it.algorithm).collect();
    assert_eq!(algorithms, [HashAlgorithm::Sha1, HashAlgorithm::Sha256]);
}

#[test]
fn an_offer_with_no_fingerprint_of_a_known_hash_is_refused() {
    let sdp = fixture("ringcentral-2022-offer").replace("fingerprint:sha-256", "fingerprint:md5");
    assert_eq!(kind(phone().set_remote(SdpType::Offer, &sdp)), ErrorKind::InvalidAccess);
}

#[test]
fn static_payload_types_need_no_rtpmap() {
    let (_, sdp) = called_by("gateway-static-offer");
    assert_eq!(line(&sdp, "m="), "m=audio 9 RTP/SAVPF 8 0 101");
}

#[test]
fn no_crypto_line_is_answered() {
    assert!(lines(&called_by("gateway-static-offer").1, "a=crypto").is_empty());
}

#[test]
fn unreadable_candidates_do_not_hurt_the_others() {
    let (phone, _) = called_by("gateway-static-offer");
    let addresses: Vec<_> = transport(&phone).ice.remote_candidates.iter().map(|it| it.address.clone()).collect();
    assert_eq!(addresses, ["gw.example.com", "192.0.2.77"]);
}

#[test]
fn candidates_without_trickle_are_all_there_are() {
    assert!(transport(&called_by("ringcentral-2019-offer").0).ice.remote_complete);
    assert!(!transport(&called_by("ringcentral-2022-offer").0).ice.remote_complete);
}

#[test]
fn a_far_end_without_any_candidate_is_still_waited_for() {
    let sdp = fixture("ringcentral-2019-offer");
    let bare: String = sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=candidate")).collect();
    let mut phone = phone();
    answer(&mut phone, &bare);
    assert!(!transport(&phone).ice.remote_complete);
}

#[test]
fn can_trickle_says_whether_the_far_end_does() {
    assert_eq!(phone().snapshot().can_trickle, None);
    assert_eq!(called_by("ringcentral-2019-offer").0.snapshot().can_trickle, Some(false));
    assert_eq!(called_by("ringcentral-2022-offer").0.snapshot().can_trickle, Some(true));
}

#[test]
fn line_feeds_alone_end_lines_too() {
    let mut phone = phone();
    let sdp = answer(&mut phone, &fixture("ringcentral-2022-offer").replace("\r\n", "\n"));
    assert!(sdp.contains("a=sendrecv\r\n"));
}

#[test]
fn origin_numbers_may_be_beyond_64_bits() {
    assert!(fixture("gateway-static-offer").contains("340282366920938463463374607431768211456"));
    called_by("gateway-static-offer");
}

#[test]
fn ptime_and_maxptime_of_the_far_end_bound_our_packets() {
    let ptime = |from: &str, to: &str| {
        let mut phone = phone();
        answer(&mut phone, &fixture("gateway-static-offer").replace(from, to));
        media(&phone).send.unwrap().ptime_ms
    };
    assert_eq!(ptime("a=ptime:30\r\n", ""), 20);
    assert_eq!(ptime("a=ptime:30", "a=ptime:30"), 20);
    assert_eq!(ptime("a=ptime:30", "a=ptime:40"), 40);
    assert_eq!(ptime("a=ptime:30", "a=ptime:60"), 40);
    assert_eq!(ptime("a=ptime:30", "a=ptime:5"), 10);
    assert_eq!(ptime("a=ptime:30", "a=ptime:garbage"), 20);
}

#[test]
fn a_fax_line_is_refused_in_its_place() {
    let (_, sdp) = called_by("fax-offer");
    let sections = lines(&sdp, "m=");
    assert_eq!(sections[0], "m=audio 9 UDP/TLS/RTP/SAVPF 0 101");
    assert_eq!(sections[1..], ["m=image 0 udptl t38", "m=video 0 RTP/AVP 34", "m=text 0 RTP/AVP 98"]);
}

#[test]
fn refused_lines_make_no_transceiver() {
    only(&called_by("fax-offer").0);
}

#[test]
fn an_offer_that_begins_on_hold_keeps_our_track() {
    for direction in ["sendonly", "inactive"] {
        let mut phone = phone();
        let held = fixture("ringcentral-2022-offer").replace("a=sendrecv", &format!("a={direction}"));
        answer(&mut phone, &held);
        assert!(!only(&phone).created_by_remote && media(&phone).send.is_none(), "{direction}");
        answer(&mut phone, &fixture("ringcentral-2022-offer"));
        assert!(media(&phone).send.is_some(), "{direction}");
    }
}

#[test]
fn a_far_end_without_msid_has_exactly_one_stream_that_stays() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let first = only(&phone);
    assert_eq!(first.remote_stream_ids.len(), 1);
    answer(&mut phone, &fixture("ringcentral-2022-offer"));
    assert_eq!(only(&phone).remote_stream_ids, first.remote_stream_ids);
    assert_eq!(only(&phone).remote_track_id, first.remote_track_id);
}

#[test]
fn an_offer_without_rtcp_mux_and_without_a_second_port_is_refused() {
    let sdp = fixture("ringcentral-2022-offer").replace("a=rtcp-mux\r\n", "").replace("a=rtcp:31205\r\n", "");
    let sdp = sdp.replace("a=candidate:1 2 UDP 4294967294 203.0.113.30 31205 typ host\r\n", "");
    assert_eq!(kind(phone().set_remote(SdpType::Offer, &sdp)), ErrorKind::InvalidAccess);
}

#[test]
fn an_answer_without_any_media_line_is_refused() {
    let mut phone = phone();
    offer(&mut phone);
    let empty = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n";
    assert_eq!(kind(phone.set_remote(SdpType::Answer, empty)), ErrorKind::InvalidAccess);
    assert_eq!(phone.snapshot().signaling_state, SignalingState::HaveLocalOffer);
}

#[test]
fn an_answer_in_the_protocol_of_older_gateways_is_taken() {
    let mut phone = phone();
    offer(&mut phone);
    let sdp = fixture("ringcentral-outbound-answer").replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF");
    phone.set_remote(SdpType::Answer, &sdp).unwrap();
}

#[test]
fn our_reoffer_to_a_gateway_has_a_mid_and_keeps_its_payload_types() {
    let (mut phone, _) = called_by("ringcentral-2019-offer");
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 9 101 110");
    assert!(has(&sdp, "a=mid:0") && has(&sdp, "a=group:BUNDLE 0") && has(&sdp, "a=setup:actpass"));
}
