//! Which codec is which, and under which payload type.

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

fn answer_formats(from: &str, to: &str) -> String {
    let offered = fixture("ringcentral-2022-offer");
    assert!(offered.contains(from), "{from}");
    let sdp = answer(&mut phone(), &offered.replace(from, to));
    line(&sdp, "m=").split_once("SAVPF ").unwrap().1.to_owned()
}

fn capability(name: &str, clock_rate: u32, channels: u8, fmtp: &str) -> CodecCapability {
    let fmtp = (!fmtp.is_empty()).then(|| fmtp.to_owned());
    CodecCapability { name: name.into(), clock_rate, channels: Some(channels), fmtp }
}

const OPUS_FMTP: &str = "minptime=10;useinbandfec=1";

#[test]
fn opus_at_16000_is_not_opus() {
    assert_eq!(answer_formats("a=rtpmap:111 OPUS/48000/2", "a=rtpmap:111 OPUS/16000/2"), "0 8 9 101");
}

#[test]
fn opus_without_its_two_channels_is_opus() {
    for named in ["OPUS/48000", "OPUS/48000/1"] {
        let rtpmap = format!("a=rtpmap:111 {named}");
        assert_eq!(answer_formats("a=rtpmap:111 OPUS/48000/2", &rtpmap), "111 0 8 9 101", "{named}");
    }
}

#[test]
fn names_match_in_any_case_and_are_answered_as_registered() {
    let sdp = answer(&mut phone(), &fixture("ringcentral-2019-offer"));
    assert!(has(&sdp, "a=rtpmap:0 PCMU/8000") && has(&sdp, "a=rtpmap:8 PCMA/8000"));
}

#[test]
fn a_conflicting_fmtp_does_not_lose_the_codec() {
    for fmtp in ["useinbandfec=0;stereo=1;maxaveragebitrate=6000", "cbr=1", "x-unknown"] {
        assert_eq!(answer_formats("a=fmtp:111 useinbandfec=1", &format!("a=fmtp:111 {fmtp}")), "111 0 8 9 101");
    }
}

#[test]
fn the_far_ends_fmtp_is_planned_for_sending_and_ours_for_receiving() {
    let mut phone = phone();
    answer(&mut phone, &fixture("firefox-offer"));
    let plan = media(&phone);
    assert_eq!(plan.send.unwrap().codec.fmtp, "maxplaybackrate=48000;stereo=1;useinbandfec=1");
    assert_eq!(plan.recv.unwrap().codecs[0].fmtp, OPUS_FMTP);
}

#[test]
fn an_fmtp_before_its_rtpmap_counts() {
    let mut phone = phone();
    answer(&mut phone, &fixture("firefox-offer"));
    assert_eq!(parameters(&phone).send_codecs[0].name, "opus");
}

#[test]
fn a_dynamic_payload_type_without_rtpmap_is_skipped() {
    assert_eq!(answer_formats("a=rtpmap:111 OPUS/48000/2\r\n", ""), "0 8 9 101");
}

#[test]
fn pcmu_under_a_dynamic_payload_type_is_pcmu() {
    let offered = fixture("ringcentral-2022-offer").replace("18 0 8 9 96", "18 8 9 96").replace("96 ilbc", "96 PCMU");
    let sdp = answer(&mut phone(), &offered);
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 111 8 9 96 101");
}

#[test]
fn the_offers_order_is_kept() {
    assert_eq!(answer_formats("63 109 111 18 0 8 9 96 101", "8 0 111 101"), "8 0 111 101");
}

#[test]
fn the_first_common_codec_that_carries_media_is_sent() {
    let mut phone = phone();
    answer(&mut phone, &fixture("ringcentral-2022-offer").replace("63 109 111 18 0 8 9 96 101", "101 8 111"));
    assert_eq!(media(&phone).send.unwrap().codec.name, "PCMA");
}

#[test]
fn telephone_event_alone_is_no_codec() {
    let mut phone = phone();
    let sdp = answer(&mut phone, &fixture("ringcentral-2022-offer").replace("63 109 111 18 0 8 9 96 101", "18 101"));
    assert!(line(&sdp, "m=").starts_with("m=audio 0 "));
}

#[test]
fn digits_take_the_codecs_clock_where_both_ends_have_it() {
    let mut phone = phone();
    answer(&mut phone, &fixture("chromium-offer"));
    assert_eq!(names(&[media(&phone).send.unwrap().dtmf.unwrap()]), ["110 telephone-event/48000/1"]);
}

#[test]
fn digits_fall_back_to_8000() {
    let (phone, _) = called_by("ringcentral-2022-offer");
    assert_eq!(names(&[media(&phone).send.unwrap().dtmf.unwrap()]), ["101 telephone-event/8000/1"]);
    assert!(only(&phone).dtmf);
}

#[test]
fn without_telephone_event_there_are_no_digits() {
    let mut phone = phone();
    answer(&mut phone, &fixture("ringcentral-2022-offer").replace(" 96 101", " 96"));
    assert!(media(&phone).send.unwrap().dtmf.is_none() && !only(&phone).dtmf);
}

#[test]
fn red_is_negotiated_only_where_the_engine_has_it() {
    let mut config = config();
    config.features.red = true;
    let mut phone = with(config, 1);
    let sdp = answer(&mut phone, &fixture("ringcentral-2022-offer"));
    assert!(line(&sdp, "m=").ends_with(" 63 111 0 8 9 101") && has(&sdp, "a=fmtp:63 111/111"));
}

/// A phone with redundancy that has answered `formats` of RingCentral's offer.
fn with_red(formats: &str) -> Negotiator {
    let mut config = config();
    config.features.red = true;
    let mut phone = with(config, 1);
    phone.add_track(Kind::Audio, "mic", &[]).unwrap();
    answer(&mut phone, &fixture("ringcentral-2022-offer").replace("63 109 111 18 0 8 9 96 101", formats));
    phone
}

fn named(name: &str) -> Option<CodecCapability> {
    capabilities(Kind::Audio, &Features { red: true, ..Features::default() }).into_iter().find(|it| it.name == name)
}

#[test]
fn red_goes_with_the_codec_that_it_names_and_is_wished_for_where_it_stands_first() {
    let red = |formats: &str| media(&with_red(formats)).send.unwrap().red;
    assert_eq!(red("63 111 0"), Some(RedPlan { payload_type: 63, preferred: true }));
    assert_eq!(red("111 0 63"), Some(RedPlan { payload_type: 63, preferred: false }));
    assert_eq!(red("0 63 111"), None, "it repeats Opus, and PCMU is sent");
    assert_eq!(red("111 0"), None);
}

#[test]
fn a_codec_that_was_negotiated_can_be_chosen_to_send_with() {
    let mut phone = with_red("111 63 0 8 101");
    let id = only(&phone).id;
    let sent = |phone: &Negotiator| {
        let send = media(phone).send.unwrap();
        (send.codec.name, send.red.is_some_and(|red| red.preferred), send.dtmf.unwrap().clock_rate)
    };
    phone.set_send_codec(id, named("PCMU")).unwrap();
    assert_eq!(sent(&phone), ("PCMU".into(), false, 8000));
    phone.set_send_codec(id, named("red")).unwrap();
    assert_eq!(sent(&phone), ("opus".into(), true, 8000));
    phone.set_send_codec(id, named("G722")).unwrap();
    assert_eq!(sent(&phone), ("opus".into(), false, 8000), "not negotiated: the first");
    phone.set_send_codec(id, None).unwrap();
    assert_eq!(sent(&phone), ("opus".into(), false, 8000));

    let mut phone = with_red("63 111 0");
    let id = only(&phone).id;
    phone.set_send_codec(id, named("opus")).unwrap();
    assert!(!media(&phone).send.unwrap().red.unwrap().preferred, "Opus itself is wished for");
}

#[test]
fn our_reoffer_keeps_the_payload_types_of_the_call_and_its_order() {
    let (mut phone, _) = called_by("firefox-offer");
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101 110");
}

#[test]
fn a_payload_type_never_gets_a_second_meaning() {
    let offered =
        fixture("ringcentral-2022-offer").replace("a=rtpmap:96 ilbc/8000", "a=rtpmap:96 ilbc/8000\r\na=x:110");
    let offered = offered.replace(" 96 101", " 110 101").replace("a=rtpmap:96 ilbc", "a=rtpmap:110 ilbc");
    let mut phone = phone();
    answer(&mut phone, &offered);
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    let mapped = lines(&sdp, "a=rtpmap:").into_iter().find(|line| line.ends_with("telephone-event/48000")).unwrap();
    assert_ne!(mapped, "a=rtpmap:110 telephone-event/48000");
}

#[test]
fn an_answer_without_a_codec_of_ours_is_refused() {
    let mut phone = phone();
    offer(&mut phone);
    let sdp = fixture("ringcentral-outbound-answer").replace("OPUS/48000/2", "OPUS/16000");
    assert_eq!(kind(phone.set_remote(SdpType::Answer, &sdp)), ErrorKind::InvalidAccess);
}

#[test]
fn payload_types_that_mean_rtcp_are_refused_under_rtcp_mux() {
    let offered = fixture("ringcentral-2022-offer").replace(" 96 101", " 72 101").replace("a=rtpmap:96", "a=rtpmap:72");
    assert_eq!(kind(phone().set_remote(SdpType::Offer, &offered)), ErrorKind::InvalidAccess);
}

#[test]
fn preferences_order_and_restrict_offers() {
    let mut phone = phone();
    let wanted = [capability("PCMA", 8000, 1, ""), capability("opus", 48000, 2, OPUS_FMTP)];
    phone.set_codec_preferences(only(&phone).id, &wanted).unwrap();
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 8 111");
    phone.set_codec_preferences(only(&phone).id, &[]).unwrap();
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126");
}

#[test]
fn preferences_order_and_restrict_answers() {
    let mut phone = phone();
    let wanted =
        [capability("telephone-event", 8000, 1, ""), capability("PCMA", 8000, 1, ""), capability("PCMU", 8000, 1, "")];
    phone.set_codec_preferences(only(&phone).id, &wanted).unwrap();
    let sdp = answer(&mut phone, &fixture("ringcentral-2022-offer"));
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 101 8 0");
}

#[test]
fn preferences_must_be_capabilities_and_carry_media() {
    let mut phone = phone();
    let id = only(&phone).id;
    let bad = [
        capability("iLBC", 8000, 1, ""),
        capability("opus", 16000, 2, OPUS_FMTP),
        capability("opus", 48000, 1, OPUS_FMTP),
        capability("opus", 48000, 2, "cbr=1"),
        capability("telephone-event", 8000, 1, ""),
    ];
    for codec in bad {
        assert_eq!(
            kind(phone.set_codec_preferences(id, std::slice::from_ref(&codec))),
            ErrorKind::InvalidModification,
            "{codec:?}"
        );
    }
}

#[test]
fn capabilities_are_what_can_be_preferred() {
    let features = Features { red: true, ..Features::default() };
    let known = capabilities(Kind::Audio, &features);
    let listed: Vec<_> = known.iter().map(|codec| codec.name.as_str()).collect();
    assert_eq!(listed, ["opus", "red", "G722", "PCMU", "PCMA", "telephone-event", "telephone-event"]);
    let mut phone = with(Config { features, ..config() }, 1);
    let id = phone.add_track(Kind::Audio, "mic", &[]).unwrap();
    phone.set_codec_preferences(id, &known).unwrap();
    assert!(capabilities(Kind::Video, &Features::default()).is_empty());
}

/// The payload type of opus in our next offer.
fn offered_opus(phone: &mut Negotiator) -> String {
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    let mapped = lines(&sdp, "a=rtpmap:").into_iter().find(|line| line.ends_with(" opus/48000/2")).unwrap();
    mapped["a=rtpmap:".len()..].split(' ').next().unwrap().to_owned()
}

#[test]
fn a_codec_that_comes_back_has_its_former_payload_type() {
    let (mut phone, _) = called_by("firefox-offer");
    answer(&mut phone, &fixture("firefox-offer").replace("SAVPF 109 9 0 8 101", "SAVPF 0 8 101"));
    assert_eq!(offered_opus(&mut phone), "109");
}

#[test]
fn of_several_payload_types_of_a_codec_the_latest_is_kept() {
    let (mut phone, _) = called_by("firefox-offer");
    let moved = fixture("firefox-offer").replace("SAVPF 109 9", "SAVPF 112 9");
    answer(&mut phone, &moved.replace("a=rtpmap:109", "a=rtpmap:112").replace("a=fmtp:109", "a=fmtp:112"));
    assert_eq!(offered_opus(&mut phone), "112");
}

#[test]
fn a_payload_type_means_the_same_in_every_section() {
    let offered = fixture("ringcentral-2022-offer");
    let second = section(&offered, 0).replace("a=mid:0", "a=mid:1").replace(" 96 ", " 110 ").replace(":96 ", ":110 ");
    let mut phone = phone();
    answer(&mut phone, &format!("{offered}{second}"));
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    assert!(!section(&sdp, 0).contains("a=rtpmap:110 "), "{sdp}");
}
