//! createOffer: what our offers say.

use crate::support::*;
use webphone_rtc::negotiation::*;

fn restart() -> OfferOptions {
    OfferOptions { ice_restart: true, ..OfferOptions::default() }
}

#[test]
fn an_audio_offer_has_the_codecs_in_our_order() {
    let sdp = phone().create_offer(OfferOptions::default()).unwrap();
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126");
    let maps = [
        "111 opus/48000/2",
        "9 G722/8000",
        "0 PCMU/8000",
        "8 PCMA/8000",
        "110 telephone-event/48000",
        "126 telephone-event/8000",
    ];
    assert_eq!(lines(&sdp, "a=rtpmap:"), maps.map(|map| format!("a=rtpmap:{map}")));
    assert_eq!(line(&sdp, "a=fmtp:"), "a=fmtp:111 minptime=10;useinbandfec=1");
}

#[test]
fn an_offer_is_actpass_bundled_muxed_and_says_its_direction() {
    let sdp = phone().create_offer(OfferOptions::default()).unwrap();
    for wanted in
        ["a=setup:actpass", "a=group:BUNDLE 0", "a=mid:0", "a=rtcp-mux", "a=sendrecv", "a=ice-options:trickle"]
    {
        assert!(has(&sdp, wanted), "{wanted}");
    }
    assert!(sdp.ends_with("\r\n") && sdp.is_ascii() && !sdp.replace("\r\n", "").contains(['\r', '\n']));
}

#[test]
fn the_fingerprint_is_ours_in_upper_case_hex() {
    let sdp = phone().create_offer(OfferOptions::default()).unwrap();
    assert!(line(&sdp, "a=fingerprint:").starts_with("a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B"));
}

#[test]
fn the_origin_fits_a_javascript_number() {
    let sdp = phone().create_offer(OfferOptions::default()).unwrap();
    let words: Vec<_> = line(&sdp, "o=- ").split(' ').collect();
    assert_eq!((words.len(), &words[3..]), (6, &["IN", "IP4", "127.0.0.1"][..]));
    assert!(words[1].parse::<u64>().unwrap() < 1 << 53 && words[2].parse::<u64>().unwrap() < 1 << 53);
}

#[test]
fn the_version_rises_with_each_description_and_leaves_room_for_a_client_that_counts_on() {
    let (mut phone, answered) = called_by("ringcentral-2022-offer");
    let offered = phone.create_offer(restart()).unwrap();
    assert!(version(&offered) > version(&answered) + 100);
    let id = |sdp: &str| line(sdp, "o=").split(' ').nth(1).unwrap().to_owned();
    assert_eq!(id(&offered), id(&answered));
}

#[test]
fn candidates_do_not_change_the_version() {
    let (mut phone, answered) = called_by("ringcentral-2022-offer");
    phone.add_local_candidate(TransportId(0), &host("192.0.2.5", 4000));
    assert_eq!(version(&phone.descriptions().current_local.unwrap().sdp), version(&answered));
}

#[test]
fn a_track_without_stream_is_announced_with_a_dash() {
    let sdp = phone().create_offer(OfferOptions::default()).unwrap();
    assert_eq!(line(&sdp, "a=msid:"), "a=msid:- mic");
}

#[test]
fn a_track_is_announced_with_each_of_its_streams_once() {
    let mut phone = with(config(), 1);
    phone.add_track(Kind::Audio, "mic", &["a".into(), "b".into(), "a".into()]).unwrap();
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    assert_eq!(lines(&sdp, "a=msid:"), ["a=msid:a mic", "a=msid:b mic"]);
}

#[test]
fn a_section_that_does_not_send_announces_nothing() {
    let mut phone = with(config(), 1);
    let init = TransceiverInit { direction: Direction::RecvOnly, ..TransceiverInit::default() };
    phone.add_transceiver(Kind::Audio, init).unwrap();
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    assert_eq!(direction(&sdp), "recvonly");
    assert!(lines(&sdp, "a=msid:").is_empty() && lines(&sdp, "a=ssrc:").is_empty());
}

#[test]
fn the_ssrc_is_the_transceivers_for_life() {
    let mut phone = phone();
    let wanted = format!("a=ssrc:{} cname:{}", only(&phone).ssrc, parameters(&phone).cname);
    assert!(has(&offer(&mut phone), &wanted));
    phone.set_local(SdpType::Rollback, "").unwrap();
    assert!(has(&offer(&mut phone), &wanted));
}

#[test]
fn replacing_the_track_keeps_the_announced_id() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    phone.set_track(only(&phone).id, Some("other-mic")).unwrap();
    assert!(has(&phone.create_offer(OfferOptions::default()).unwrap(), "a=msid:- mic"));
    assert!(!phone.negotiation_needed());
}

#[test]
fn sections_have_transports_of_their_own_until_bundle_is_answered() {
    let mut from = phone();
    from.add_transceiver(Kind::Audio, TransceiverInit::default()).unwrap();
    let mut to = with(config(), 9);
    let sdp = offer(&mut from);
    assert_ne!(line(&section(&sdp, 0), "a=ice-ufrag:"), line(&section(&sdp, 1), "a=ice-ufrag:"));
    assert_eq!(from.plan().transports.len(), 2);
    let sdp = answer(&mut to, &sdp);
    from.set_remote(SdpType::Answer, &sdp).unwrap();
    assert_eq!((from.plan().transports.len(), to.plan().transports.len()), (1, 1));
    assert_eq!(from.plan().media[0].transport, from.plan().media[1].transport);
}

#[test]
fn an_answer_without_bundle_keeps_the_transports_apart() {
    let mut from = phone();
    from.add_transceiver(Kind::Audio, TransceiverInit::default()).unwrap();
    let mut to = with(config(), 9);
    let offered = offer(&mut from).replace("a=group:BUNDLE 0 1\r\n", "");
    let answered = answer(&mut to, &offered);
    from.set_remote(SdpType::Answer, &answered).unwrap();
    assert_eq!((from.plan().transports.len(), to.plan().transports.len()), (2, 2));
}

#[test]
fn an_answer_may_keep_apart_what_a_provisional_one_has_bundled() {
    let mut from = phone();
    from.add_transceiver(Kind::Audio, TransceiverInit::default()).unwrap();
    let offered = offer(&mut from);
    let apart = offered.replace("a=group:BUNDLE 0 1\r\n", "");
    let [bundled, apart] = [offered, apart].map(|offered| answer(&mut with(config(), 9), &offered));
    from.set_remote(SdpType::PrAnswer, &bundled).unwrap();
    assert_eq!((from.plan().transports.len(), from.snapshot().transports.len()), (2, 1), "one is kept, and not shown");
    assert_eq!(from.plan().media[0].transport, from.plan().media[1].transport);
    from.set_remote(SdpType::Answer, &apart).unwrap();
    assert_eq!((from.plan().transports.len(), from.snapshot().transports.len()), (2, 2));
    assert_ne!(from.plan().media[0].transport, from.plan().media[1].transport);
}

#[test]
fn max_bundle_offers_one_transport_and_bundle_only_sections() {
    let mut config = config();
    config.bundle_policy = BundlePolicy::MaxBundle;
    let mut from = with(config, 5);
    from.add_transceiver(Kind::Audio, TransceiverInit::default()).unwrap();
    from.add_transceiver(Kind::Audio, TransceiverInit::default()).unwrap();
    let sdp = offer(&mut from);
    assert!(section(&sdp, 1).starts_with("m=audio 0 ") && has(&section(&sdp, 1), "a=bundle-only"));
    assert!(section(&sdp, 0).starts_with("m=audio 9 ") && !has(&section(&sdp, 0), "a=bundle-only"));
    assert_eq!(from.plan().transports.len(), 1);
    let sdp = answer(&mut with(self::config(), 6), &sdp);
    assert_eq!(lines(&sdp, "m=").len(), 2);
    assert!(lines(&sdp, "m=").iter().all(|line| line.starts_with("m=audio 9 ")));
    from.set_remote(SdpType::Answer, &sdp).unwrap();
    assert_eq!(from.plan().media.len(), 2);
}

fn config() -> Config {
    crate::support::config()
}

#[test]
fn a_later_section_joins_the_bundled_transport() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    a.add_transceiver(Kind::Audio, TransceiverInit::default()).unwrap();
    let sdp = offer(&mut a);
    assert_eq!(line(&section(&sdp, 0), "a=ice-ufrag:"), line(&section(&sdp, 1), "a=ice-ufrag:"));
    assert_eq!(a.plan().transports.len(), 1);
}

#[test]
fn an_offer_before_any_media_is_empty_and_can_be_answered() {
    let (mut a, mut b) = (with(config(), 1), with(config(), 2));
    negotiate(&mut a, &mut b);
    assert!(lines(&a.descriptions().current_local.unwrap().sdp, "m=").is_empty());
}

#[test]
fn offer_to_receive_audio_adds_a_recvonly_section_once() {
    let mut phone = with(config(), 1);
    let options = OfferOptions { offer_to_receive_audio: Some(true), ..OfferOptions::default() };
    assert_eq!(direction(&phone.create_offer(options).unwrap()), "recvonly");
    phone.create_offer(options).unwrap();
    assert_eq!(only(&phone).direction, Direction::RecvOnly);
}

#[test]
fn not_to_receive_audio_takes_the_receiving_half_away() {
    let options = OfferOptions { offer_to_receive_audio: Some(false), ..OfferOptions::default() };
    assert_eq!(direction(&phone().create_offer(options).unwrap()), "sendonly");
}

#[test]
fn video_is_not_offered_where_the_engine_has_none() {
    let mut phone = phone();
    phone.add_track(Kind::Video, "camera", &[]).unwrap();
    let sdp = offer(&mut phone);
    assert_eq!(lines(&sdp, "m=").len(), 1);
    let answered = answer(&mut peer(), &sdp);
    phone.set_remote(SdpType::Answer, &answered).unwrap();
    assert!(!phone.negotiation_needed());
}

#[test]
fn video_is_negotiated_where_the_engine_has_it() {
    let mut config = config();
    config.features.video = true;
    let (mut a, mut b) = (with(config.clone(), 1), with(config, 2));
    a.add_track(Kind::Video, "camera", &[]).unwrap();
    b.add_track(Kind::Video, "camera-b", &[]).unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!(names(&[media(&a).send.unwrap().codec]), ["96 VP8/90000/1"]);
    assert_eq!(media(&b).kind, Kind::Video);
}

#[test]
fn the_restart_option_renews_credentials_and_a_plain_offer_does_not() {
    let (mut phone, answered) = called_by("ringcentral-2022-offer");
    let ufrag = |sdp: &str| line(sdp, "a=ice-ufrag:").to_owned();
    assert_eq!(ufrag(&phone.create_offer(OfferOptions::default()).unwrap()), ufrag(&answered));
    assert_ne!(ufrag(&phone.create_offer(restart()).unwrap()), ufrag(&answered));
    assert_eq!(ufrag(&phone.create_offer(OfferOptions::default()).unwrap()), ufrag(&answered));
}
