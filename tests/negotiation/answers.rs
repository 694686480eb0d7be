//! createAnswer: what our answers say.

use crate::support::*;
use webphone_rtc::negotiation::*;

#[test]
fn a_chromium_offer_is_answered_with_its_payload_types_in_its_order() {
    let (_, sdp) = called_by("chromium-offer");
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126");
    for wanted in ["a=group:BUNDLE 0", "a=mid:0", "a=rtcp-mux", "a=rtcp-rsize", "a=setup:active", "a=sendrecv"] {
        assert!(has(&sdp, wanted), "{wanted}");
    }
}

#[test]
fn a_firefox_offer_is_answered() {
    let (phone, sdp) = called_by("firefox-offer");
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101");
    assert!(has(&sdp, "a=rtpmap:109 opus/48000/2"));
    assert_eq!(only(&phone).remote_stream_ids, ["{8f1a2b3c-4d5e-4f60-8172-93a4b5c6d7e8}"]);
    assert_eq!(only(&phone).remote_track_id.unwrap(), "{1c2d3e4f-5061-4728-9304-a5b6c7d8e9f0}");
}

#[test]
fn header_extensions_are_answered_with_the_offers_ids_and_only_ours() {
    let sdp = called_by("chromium-offer").1;
    let level = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    assert_eq!(lines(&sdp, "a=extmap"), [level, "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"]);
    assert!(lines(&called_by("ringcentral-2022-offer").1, "a=extmap").is_empty());
}

#[test]
fn the_mid_extension_is_planned_only_when_both_ends_have_it() {
    assert_eq!(media(&called_by("chromium-offer").0).send.unwrap().extension(Extension::Mid), Some(4));
    assert_eq!(media(&called_by("ringcentral-2022-offer").0).send.unwrap().extension(Extension::Mid), None);
}

#[test]
fn our_reoffer_keeps_the_extension_id_and_avoids_ids_with_another_meaning() {
    let (mut phone, _) = called_by("chromium-offer");
    let extmap = |phone: &mut Negotiator| {
        let sdp = phone.create_offer(OfferOptions::default()).unwrap();
        lines(&sdp, "a=extmap:").into_iter().find(|line| line.ends_with("sdes:mid")).unwrap().to_owned()
    };
    assert_eq!(extmap(&mut phone), "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid");
    let without = fixture("chromium-offer").replace("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n", "");
    let mut phone = crate::support::phone();
    answer(&mut phone, &without);
    assert_eq!(extmap(&mut phone), "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid");
}

#[test]
fn rtcp_rsize_is_answered_only_when_offered() {
    assert!(parameters(&called_by("chromium-offer").0).reduced_size_rtcp);
    let (phone, sdp) = called_by("ringcentral-2022-offer");
    assert!(!has(&sdp, "a=rtcp-rsize") && !parameters(&phone).reduced_size_rtcp);
}

#[test]
fn the_direction_is_the_offers_intersected_with_ours() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let table = [
        (SendRecv, "sendrecv", "sendrecv"),
        (SendRecv, "sendonly", "recvonly"),
        (SendRecv, "recvonly", "sendonly"),
        (SendRecv, "inactive", "inactive"),
        (SendOnly, "sendrecv", "sendonly"),
        (SendOnly, "recvonly", "sendonly"),
        (RecvOnly, "sendrecv", "recvonly"),
        (RecvOnly, "sendonly", "recvonly"),
        (RecvOnly, "recvonly", "inactive"),
        (Inactive, "sendrecv", "inactive"),
    ];
    for (ours, theirs, wanted) in table {
        let mut phone = phone();
        phone.set_direction(only(&phone).id, ours).unwrap();
        let offered = fixture("ringcentral-2022-offer").replace("a=sendrecv", &format!("a={theirs}"));
        let sdp = answer(&mut phone, &offered);
        assert_eq!(direction(&sdp), wanted, "{ours:?} and {theirs}");
        assert_eq!(only(&phone).direction, ours);
    }
}

#[test]
fn an_offer_without_direction_is_sendrecv() {
    let offered = fixture("ringcentral-2022-offer").replace("a=sendrecv\r\n", "");
    assert_eq!(direction(&answer(&mut phone(), &offered)), "sendrecv");
}

#[test]
fn a_session_level_direction_counts_where_the_section_has_none() {
    let offered =
        fixture("ringcentral-2022-offer").replace("a=sendrecv\r\n", "").replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n");
    assert_eq!(direction(&answer(&mut phone(), &offered)), "recvonly");
}

#[test]
fn video_and_data_are_refused_in_their_places_and_leave_the_group() {
    let (_, sdp) = called_by("chromium-audio-video-data-offer");
    let lines = lines(&sdp, "m=");
    assert_eq!(lines[1..], ["m=video 0 UDP/TLS/RTP/SAVPF 96 97", "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"]);
    assert!(has(&sdp, "a=group:BUNDLE 0"));
}

#[test]
fn a_bundled_section_takes_ice_and_dtls_from_the_first_of_its_group() {
    let mut config = config();
    config.features.video = true;
    let mut phone = with(config, 3);
    let offered = fixture("chromium-audio-video-data-offer");
    let (audio, rest) = offered.split_at(offered.find("m=video").unwrap());
    let bare = ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"];
    let rest: String =
        rest.split_inclusive("\r\n").filter(|line| !bare.iter().any(|it| line.starts_with(it))).collect();
    let sdp = answer(&mut phone, &format!("{audio}{rest}"));
    assert!(lines(&sdp, "m=")[1].starts_with("m=video 9 "));
    assert_eq!(phone.plan().transports.len(), 1);
}

#[test]
fn a_refused_first_section_leaves_the_group_to_the_next() {
    let mut config = config();
    config.features.data = true;
    let mut phone = with(config, 3);
    let offered = fixture("chromium-audio-video-data-offer").replace(" 111 63 9 0 8 13 110 126", " 63 13");
    let sdp = answer(&mut phone, &offered);
    assert!(has(&sdp, "a=group:BUNDLE 2"));
    assert_eq!(transport(&phone).ice.remote.unwrap().ufrag, "Yd0t");
}

#[test]
fn without_a_common_codec_the_section_is_refused_with_the_offers_formats() {
    let offered = fixture("ringcentral-2022-offer").replace(" 63 109 111 18 0 8 9 96 101", " 109 18 96 101");
    let mut phone = phone();
    let sdp = answer(&mut phone, &offered);
    assert_eq!(line(&sdp, "m="), "m=audio 0 UDP/TLS/RTP/SAVPF 109 18 96 101");
    assert_eq!(phone.snapshot().transceivers, []);
}

#[test]
fn a_repeated_mid_or_an_unknown_one_in_a_group_is_refused() {
    let offered = fixture("chromium-audio-video-data-offer");
    for bad in [offered.replace("a=mid:1", "a=mid:0"), offered.replace("BUNDLE 0 1 2", "BUNDLE 0 1 7")] {
        assert_eq!(kind(phone().set_remote(SdpType::Offer, &bad)), webphone_rtc::error::ErrorKind::InvalidAccess);
    }
}

#[test]
fn an_answer_says_nothing_of_msid_and_ssrc_while_it_does_not_send() {
    let offered = fixture("ringcentral-2022-offer").replace("a=sendrecv", "a=sendonly");
    let sdp = answer(&mut phone(), &offered);
    assert!(lines(&sdp, "a=msid").is_empty() && lines(&sdp, "a=ssrc").is_empty());
}

#[test]
fn the_far_ends_declared_streams_are_planned() {
    assert_eq!(media(&called_by("chromium-offer").0).recv.unwrap().ssrcs, [1_399_694_169]);
    assert!(media(&called_by("ringcentral-2022-offer").0).recv.unwrap().ssrcs.is_empty());
}

#[test]
fn msid_of_an_older_browser_is_read_from_its_ssrc_lines() {
    let offered: String =
        fixture("chromium-offer").split_inclusive("\r\n").filter(|line| !line.starts_with("a=msid:")).collect();
    let mut phone = phone();
    answer(&mut phone, &offered);
    assert_eq!(only(&phone).remote_stream_ids, ["7d1c4f0e-4d6c-4f7e-9d43-3f6d0b1e2a11"]);
}

#[test]
fn msid_with_a_dash_means_no_stream_but_names_the_track() {
    let mut a = phone();
    let mut b = peer();
    negotiate(&mut a, &mut b);
    assert!(only(&b).remote_stream_ids.is_empty());
    assert_eq!(only(&b).remote_track_id.as_deref(), Some("mic"));
    assert_eq!(only(&a).remote_stream_ids, ["peer-stream"]);
}

#[test]
fn port_and_address_of_the_default_candidate_are_in_the_description() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    phone.add_local_candidate(TransportId(0), &host("192.0.2.5", 4000));
    let sdp = phone.descriptions().current_local.unwrap().sdp;
    assert!(lines(&sdp, "m=audio 4000 ").len() == 1 && has(&sdp, "c=IN IP4 192.0.2.5"));
}
