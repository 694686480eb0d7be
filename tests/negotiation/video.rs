//! Video sections, header extensions and simulcast layers.

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

fn camera(seed: u64) -> (Negotiator, TransceiverId) {
    let mut config = config();
    config.features.video = true;
    let mut negotiator = with(config, seed);
    let id = negotiator.add_track(Kind::Video, "camera", &["stream".into()]).unwrap();
    (negotiator, id)
}

fn made(negotiator: &mut Negotiator) -> String {
    negotiator.create_offer(OfferOptions::default()).unwrap()
}

/// What is said of payload type `number`.
fn of(sdp: &str, number: u8) -> (String, Option<String>) {
    let after = |prefix: &str| {
        let prefix = format!("{prefix}:{number} ");
        lines(sdp, &prefix).first().map(|line| line[prefix.len()..].to_owned())
    };
    (after("a=rtpmap").unwrap(), after("a=fmtp"))
}

#[test]
fn a_video_offer_has_each_codec_with_its_repair_and_what_a_receiver_may_ask_for() {
    let sdp = made(&mut camera(1).0);
    assert!(line(&sdp, "m=").starts_with("m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 101 102 103 "));
    assert_eq!(of(&sdp, 96), ("VP8/90000".into(), None));
    assert_eq!(of(&sdp, 97), ("rtx/90000".into(), Some("apt=96".into())));
    assert_eq!(of(&sdp, 46), ("rtx/90000".into(), Some("apt=45".into())));
    assert_eq!(lines(&sdp, "a=rtcp-fb:96 "), ["a=rtcp-fb:96 ccm fir", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli"]);
    assert!(lines(&sdp, "a=rtcp-fb:97 ").is_empty());
}

#[test]
fn a_video_answer_takes_the_offers_payload_types_and_the_repair_of_what_it_keeps() {
    let offered = made(&mut camera(1).0).replace(" 96 97 98 99 ", " 96 97 120 121 ");
    let offered = offered.replace(":98 ", ":120 ").replace(":99 ", ":121 ").replace("apt=98", "apt=120");
    let (mut callee, _) = camera(2);
    callee.set_remote(SdpType::Offer, &offered).unwrap();
    let id = callee.snapshot().transceivers[0].id;
    let named = |name: &str, fmtp: Option<&str>| CodecCapability {
        name: name.into(),
        clock_rate: 90_000,
        channels: None,
        fmtp: fmtp.map(str::to_owned),
    };
    let wanted = [named("VP9", Some("profile-id=0")), named("rtx", None)];
    callee.set_codec_preferences(id, &wanted).unwrap();
    let sdp = callee.create_answer().unwrap();
    assert_eq!(line(&sdp, "m="), "m=video 9 UDP/TLS/RTP/SAVPF 120 121");
    assert_eq!(of(&sdp, 121), ("rtx/90000".into(), Some("apt=120".into())));
}

#[test]
fn preferences_without_rtx_offer_none() {
    let (mut caller, id) = camera(1);
    let all = capabilities(Kind::Video, &Features { video: true, ..Features::default() });
    let wanted: Vec<_> = all.into_iter().filter(|codec| codec.name != "rtx").collect();
    caller.set_codec_preferences(id, &wanted).unwrap();
    assert!(!made(&mut caller).contains("rtx"));
}

#[test]
fn a_profile_that_we_do_not_have_is_another_codec() {
    let (mut caller, _) = camera(1);
    let offered = made(&mut caller);
    let head = offered.split("m=video").next().unwrap();
    let media: String = offered
        .split_inclusive("\r\n")
        .filter(|line| ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"].iter().any(|it| line.starts_with(it)))
        .collect();
    let offered = format!(
        "{head}m=video 9 UDP/TLS/RTP/SAVPF 35 36 37\r\nc=IN IP4 0.0.0.0\r\n{media}a=mid:0\r\na=rtcp-mux\r\n\
         a=rtpmap:35 H264/90000\r\na=fmtp:35 packetization-mode=1;profile-level-id=640c1f\r\n\
         a=rtpmap:36 H264/90000\r\na=fmtp:36 packetization-mode=1;profile-level-id=42e033\r\n\
         a=rtpmap:37 VP9/90000\r\na=fmtp:37 profile-id=1\r\n"
    );
    let (mut callee, _) = camera(2);
    let sdp = answer(&mut callee, &offered);
    assert_eq!(line(&sdp, "m="), "m=video 9 UDP/TLS/RTP/SAVPF 36", "the level may differ, the profile may not");
}

#[test]
fn payload_types_keep_their_meaning_when_codecs_change_places() {
    let (mut caller, id) = camera(1);
    let (mut callee, _) = camera(2);
    negotiate(&mut caller, &mut callee);
    let before = made(&mut caller);
    let mut wanted = capabilities(Kind::Video, &Features { video: true, ..Features::default() });
    wanted.reverse();
    caller.set_codec_preferences(id, &wanted).unwrap();
    let after = made(&mut caller);
    let sorted = |sdp: &str| {
        let mut all: Vec<String> =
            lines(sdp, "a=rtpmap").into_iter().chain(lines(sdp, "a=fmtp")).map(str::to_owned).collect();
        all.sort();
        all
    };
    assert_ne!(line(&before, "m="), line(&after, "m="));
    assert_eq!(sorted(&before), sorted(&after));
}

#[test]
fn what_we_send_is_vp8_wherever_it_stands_in_the_list() {
    let (mut caller, _) = camera(1);
    let (mut callee, _) = camera(2);
    let offered = offer(&mut caller);
    let id = callee.snapshot().transceivers[0].id;
    let mut wanted = capabilities(Kind::Video, &Features { video: true, ..Features::default() });
    wanted.rotate_left(1);
    callee.set_codec_preferences(id, &wanted).unwrap();
    let answered = answer(&mut callee, &offered);
    caller.set_remote(SdpType::Answer, &answered).unwrap();
    let send = caller.plan().media[0].send.clone().unwrap();
    assert_eq!((send.codec.name.as_str(), send.codec.payload_type), ("VP8", 96));
}

#[test]
fn an_extension_that_was_switched_off_is_neither_offered_nor_answered() {
    let (mut caller, id) = camera(1);
    let (mut callee, _) = camera(2);
    caller.stop_extensions(id, &[Extension::VideoOrientation]).unwrap();
    assert!(!made(&mut caller).contains("video-orientation"));
    let offered = offer(&mut callee);
    assert!(offered.contains("video-orientation"));
    assert!(!answer(&mut caller, &offered).contains("video-orientation"));
    let agreed = caller.parameters(id).unwrap().extensions;
    assert!(agreed.iter().all(|(_, extension)| *extension != Extension::VideoOrientation));
    assert!(agreed.iter().any(|(_, extension)| *extension == Extension::Mid));
}

#[test]
fn one_extension_has_one_id_in_all_sections_and_no_two_share_one() {
    let (mut caller, _) = camera(1);
    caller.add_track(Kind::Audio, "mic", &[]).unwrap();
    let sdp = made(&mut caller);
    let mut pairs: Vec<_> = lines(&sdp, "a=extmap:");
    pairs.sort_unstable();
    pairs.dedup();
    let mut ids: Vec<_> = pairs.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let count = ids.len();
    ids.dedup();
    assert_eq!((ids.len(), count), (5, 5), "{pairs:?}");
}

#[test]
fn an_answer_that_gives_an_extension_id_another_meaning_is_refused() {
    let (mut caller, _) = camera(1);
    let offered = offer(&mut caller);
    let (mut callee, _) = camera(2);
    let answered = answer(&mut callee, &offered);
    let swapped =
        answered.replace("sdes:mid", "x").replace("urn:3gpp:video-orientation", "urn:ietf:params:rtp-hdrext:sdes:mid");
    let error = caller.set_remote(SdpType::Answer, &swapped).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidAccess);
    caller.set_remote(SdpType::Answer, &answered).unwrap();
}

#[test]
fn simulcast_layers_are_offered_and_those_of_the_answer_are_told() {
    let (mut caller, _) = camera(1);
    let init = TransceiverInit { rids: vec!["lo".into(), "hi".into()], ..TransceiverInit::default() };
    let id = caller.add_transceiver(Kind::Video, init).unwrap();
    let offered = offer(&mut caller);
    let layered = section(&offered, 1);
    assert_eq!(lines(&layered, "a=rid:"), ["a=rid:lo send", "a=rid:hi send"]);
    assert_eq!(line(&layered, "a=simulcast:"), "a=simulcast:send lo;hi");
    assert!(lines(&section(&offered, 0), "a=simulcast:").is_empty());
    let (mut callee, _) = camera(2);
    let answered = answer(&mut callee, &offered) + "a=rid:hi recv\r\na=simulcast:recv ~hi,x\r\n";
    let rids = |caller: &Negotiator| caller.snapshot().transceivers.iter().find(|it| it.id == id).unwrap().rids.clone();
    assert_eq!(rids(&caller), None);
    caller.set_remote(SdpType::Answer, &answered).unwrap();
    assert_eq!(rids(&caller), Some(vec!["hi".to_owned()]));
}

#[test]
fn what_was_gathered_before_a_rolled_back_restart_is_not_gathered_again() {
    let (mut caller, _) = camera(1);
    let (mut callee, _) = camera(2);
    negotiate(&mut caller, &mut callee);
    caller.local_candidates_complete(TransportId(0));
    let restart = OfferOptions { ice_restart: true, ..OfferOptions::default() };
    let offered = caller.create_offer(restart).unwrap();
    caller.set_local(SdpType::Offer, &offered).unwrap();
    assert!(!caller.plan().transports[0].gathered);
    caller.set_local(SdpType::Rollback, "").unwrap();
    assert!(caller.plan().transports[0].gathered);
}

#[test]
fn transports_show_the_credentials_of_both_ends_and_who_nominates() {
    let (mut caller, _) = camera(1);
    let (mut callee, _) = camera(2);
    let offered = offer(&mut caller);
    let shown = |negotiator: &Negotiator| negotiator.snapshot().transports[0].clone();
    assert_eq!((shown(&caller).remote, shown(&caller).controlling), (None, true));
    assert_eq!(format!("a=ice-ufrag:{}", shown(&caller).local.ufrag), line(&offered, "a=ice-ufrag:"));
    let answered = answer(&mut callee, &offered);
    caller.set_remote(SdpType::Answer, &answered).unwrap();
    assert_eq!(shown(&caller).remote.unwrap(), shown(&callee).local);
    assert_eq!((shown(&callee).remote.unwrap(), shown(&callee).controlling), (shown(&caller).local, false));
}
