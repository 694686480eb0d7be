//! m-lines through many negotiations.

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

#[test]
fn an_offer_with_fewer_lines_than_the_session_is_refused() {
    let (mut phone, _) = called_by("fax-offer");
    let sdp = fixture("fax-offer");
    let shorter = &sdp[..sdp.find("m=text").unwrap()];
    assert_eq!(kind(phone.set_remote(SdpType::Offer, shorter)), ErrorKind::InvalidAccess);
}

#[test]
fn a_live_line_cannot_change_its_media_type() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let changed = fixture("ringcentral-2022-offer").replace("m=audio", "m=video");
    assert_eq!(kind(phone.set_remote(SdpType::Offer, &changed)), ErrorKind::InvalidAccess);
}

#[test]
fn an_answer_with_other_lines_is_refused() {
    let answered = fixture("ringcentral-outbound-answer");
    let bad = [
        answered.replace("m=audio", "m=video"),
        answered.replace("a=mid:0", "a=mid:1"),
        format!("{answered}m=audio 0 RTP/AVP 0\r\n"),
        answered.replace("UDP/TLS/RTP/SAVPF", "udptl"),
    ];
    for sdp in bad {
        let mut phone = phone();
        offer(&mut phone);
        assert!(matches!(kind(phone.set_remote(SdpType::Answer, &sdp)), ErrorKind::InvalidAccess), "{sdp}");
    }
}

#[test]
fn a_line_that_the_answer_refuses_stops_its_transceiver() {
    let mut phone = phone();
    offer(&mut phone);
    let refused = fixture("ringcentral-outbound-answer").replace("m=audio 31300", "m=audio 0");
    phone.set_remote(SdpType::Answer, &refused).unwrap();
    assert_eq!((phone.snapshot().transceivers, phone.plan()), (vec![], Plan::default()));
}

#[test]
fn a_refusing_provisional_answer_stops_nothing_yet() {
    let mut phone = phone();
    offer(&mut phone);
    let answered = fixture("ringcentral-outbound-answer");
    phone.set_remote(SdpType::PrAnswer, &answered.replace("m=audio 31300", "m=audio 0")).unwrap();
    assert!(!only(&phone).stopped);
}

#[test]
fn what_a_provisional_answer_refused_another_one_may_take() {
    let mut phone = phone();
    offer(&mut phone);
    let answered = fixture("ringcentral-outbound-answer");
    phone.set_remote(SdpType::PrAnswer, &answered.replace("m=audio 31300", "m=audio 0")).unwrap();
    phone.set_remote(SdpType::Answer, &answered).unwrap();
    assert_eq!(only(&phone).current_direction, Some(Direction::SendRecv));
    assert!(media(&phone).send.is_some() && transport(&phone).dtls.is_some());
}

#[test]
fn a_refused_line_is_used_again_with_a_new_mid() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    a.stop(only(&a).id).unwrap();
    negotiate(&mut a, &mut b);
    assert!(a.plan().media.is_empty() && b.plan().media.is_empty());
    a.add_track(Kind::Audio, "second", &[]).unwrap();
    negotiate(&mut a, &mut b);
    let sdp = a.descriptions().current_local.unwrap().sdp;
    assert_eq!(lines(&sdp, "m=").len(), 1);
    assert_eq!((only(&a).mid.as_deref(), only(&a).m_line_index), (Some("1"), Some(0)));
    assert_eq!((media(&a).transceiver, media(&b).transceiver), (only(&a).id, only(&b).id));
}

#[test]
fn a_new_line_goes_behind_the_others() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    a.add_track(Kind::Audio, "second", &[]).unwrap();
    negotiate(&mut a, &mut b);
    let mids: Vec<_> = a.snapshot().transceivers.iter().map(|it| (it.mid.clone(), it.m_line_index)).collect();
    assert_eq!(mids, [(Some("0".into()), Some(0)), (Some("1".into()), Some(1))]);
    assert_eq!(b.plan().media.len(), 2);
}

#[test]
fn the_far_end_can_refuse_a_line_by_offer() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let sdp = answer(&mut phone, &fixture("ringcentral-2022-offer").replace("m=audio 31204", "m=audio 0"));
    assert!(line(&sdp, "m=").starts_with("m=audio 0 "));
    assert_eq!(phone.snapshot().transceivers, []);
}

#[test]
fn a_line_that_the_far_end_revives_is_a_new_transceiver() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let first = only(&phone).id;
    answer(&mut phone, &fixture("ringcentral-2022-offer").replace("m=audio 31204", "m=audio 0"));
    answer(&mut phone, &fixture("ringcentral-2022-offer"));
    let shown = only(&phone);
    assert_eq!((shown.created_by_remote, shown.stopped), (true, false));
    assert!(shown.id != first && media(&phone).transceiver == shown.id);
}

#[test]
fn a_gateway_may_begin_to_write_mids() {
    let (mut phone, _) = called_by("ringcentral-2019-offer");
    let named = fixture("ringcentral-2019-offer").replace("a=rtcp-mux", "a=rtcp-mux\r\na=mid:main");
    let sdp = answer(&mut phone, &named);
    assert!(has(&sdp, "a=mid:main"));
    assert_eq!(only(&phone).mid.as_deref(), Some("main"));
}

#[test]
fn a_generated_mid_does_not_collide_with_one_of_the_far_end() {
    let mut phone = phone();
    answer(&mut phone, &fixture("fax-offer").replace("m=image 16402 udptl t38", "m=image 16402 udptl t38\r\na=mid:0"));
    assert_ne!(only(&phone).mid.as_deref(), Some("0"));
}

#[test]
fn a_line_with_another_protocol_than_rtp_is_refused() {
    let offered = fixture("ringcentral-2022-offer").replace("UDP/TLS/RTP/SAVPF", "TCP/MSRP");
    let sdp = answer(&mut phone(), &offered);
    assert!(line(&sdp, "m=").starts_with("m=audio 0 TCP/MSRP "));
}

#[test]
fn stopping_before_the_offer_was_set_is_renegotiated_later() {
    let mut phone = phone();
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    phone.stop(only(&phone).id).unwrap();
    phone.set_local(SdpType::Offer, &sdp).unwrap();
    phone.set_remote(SdpType::Answer, &fixture("ringcentral-outbound-answer")).unwrap();
    assert!(phone.negotiation_needed() && phone.plan().media.is_empty());
}

/// Two lines in one group, each with credentials of its own, as an offer has before BUNDLE is answered.
fn two_lines() -> String {
    let mut far = peer();
    far.add_track(Kind::Audio, "second", &[]).unwrap();
    offer(&mut far)
}

#[test]
fn a_refused_first_line_hands_the_transport_to_the_next_of_its_group() {
    let offered = two_lines();
    let second = line(&section(&offered, 1), "a=ice-ufrag:")["a=ice-ufrag:".len()..].to_owned();
    let at = offered.find("opus/48000/2").unwrap();
    let strange: String = format!("{}{}", &offered[..at].replace("111 9 0 8", "111 96 97"), &offered[at..]);
    let strange = strange.replacen("opus/48000/2", "opus/16000/2", 1);
    let mut phone = phone();
    let sdp = answer(&mut phone, &strange);
    assert!(lines(&sdp, "m=")[0].starts_with("m=audio 0 ") && has(&sdp, "a=group:BUNDLE 1"));
    assert_eq!(transport(&phone).ice.remote.unwrap().ufrag, second);
}

#[test]
fn a_first_line_stopped_before_our_answer_hands_the_transport_on_too() {
    let mut far = peer();
    far.add_track(Kind::Audio, "second", &[]).unwrap();
    let offered = offer(&mut far);
    let mut phone = phone();
    phone.set_remote(SdpType::Offer, &offered).unwrap();
    phone.stop(phone.snapshot().transceivers[0].id).unwrap();
    let sdp = phone.create_answer().unwrap();
    phone.set_local(SdpType::Answer, &sdp).unwrap();
    far.set_remote(SdpType::Answer, &sdp).unwrap();
    assert_eq!(transport(&phone).ice.remote.unwrap(), transport(&far).ice.local);
    assert_eq!(transport(&far).ice.remote.unwrap(), transport(&phone).ice.local);
}

#[test]
fn a_recycled_first_line_stays_on_the_transport_of_its_group() {
    let (mut a, mut b) = (phone(), peer());
    a.add_track(Kind::Audio, "second", &[]).unwrap();
    negotiate(&mut a, &mut b);
    let id = transport(&b).id;
    a.stop(a.snapshot().transceivers[0].id).unwrap();
    negotiate(&mut a, &mut b);
    a.add_track(Kind::Audio, "third", &[]).unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!((transport(&b).id, b.plan().media.len()), (id, 2));
}

#[test]
fn a_bundle_only_line_lives_on_the_transport_of_another_even_if_it_is_named_first() {
    let offered = two_lines().replace("BUNDLE 0 1", "BUNDLE 1 0");
    let (first, second) = offered.split_at(offered.rfind("m=audio").unwrap());
    let bare = ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"];
    let second: String =
        second.split_inclusive("\r\n").filter(|line| !bare.iter().any(|it| line.starts_with(it))).collect();
    let second = second.replace("m=audio 9", "m=audio 0").replace("a=mid:1", "a=mid:1\r\na=bundle-only");
    let mut phone = phone();
    let sdp = answer(&mut phone, &format!("{first}{second}"));
    assert!(lines(&sdp, "m=").iter().all(|line| line.starts_with("m=audio 9 ")), "{sdp}");
    assert_eq!(transport(&phone).ice.remote.unwrap().ufrag, line(first, "a=ice-ufrag:")["a=ice-ufrag:".len()..]);
}

#[test]
fn a_bundle_only_line_without_a_group_is_refused() {
    let offered = fixture("ringcentral-2022-offer").replace("m=audio 31204", "m=audio 0") + "a=bundle-only\r\n";
    assert!(line(&answer(&mut phone(), &offered), "m=").starts_with("m=audio 0 "));
}
