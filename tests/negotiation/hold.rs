//! Hold and resume in all their forms.

use crate::support::*;
use webphone_rtc::negotiation::*;

/// The re-offer of the gateway with another direction or address.
fn reoffer(phone: &mut Negotiator, from: &str, to: &str) -> String {
    let offered = fixture("ringcentral-2022-offer");
    assert!(offered.contains(from));
    answer(phone, &offered.replace(from, to))
}

#[test]
fn sendonly_is_answered_recvonly_and_stops_sending() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    assert_eq!(direction(&reoffer(&mut phone, "a=sendrecv", "a=sendonly")), "recvonly");
    assert!(media(&phone).send.is_none() && media(&phone).recv.is_some());
    assert_eq!(only(&phone).current_direction, Some(Direction::RecvOnly));
}

#[test]
fn inactive_stops_both_ways_but_not_the_transceiver() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    assert_eq!(direction(&reoffer(&mut phone, "a=sendrecv", "a=inactive")), "inactive");
    let plan = media(&phone);
    assert!(plan.send.is_none() && plan.recv.is_none() && !only(&phone).stopped);
}

#[test]
fn recvonly_is_answered_sendonly() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    assert_eq!(direction(&reoffer(&mut phone, "a=sendrecv", "a=recvonly")), "sendonly");
    assert!(media(&phone).recv.is_none());
}

#[test]
fn an_unspecified_address_is_a_hold() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    assert_eq!(direction(&reoffer(&mut phone, "c=IN IP4 203.0.113.30", "c=IN IP4 0.0.0.0")), "recvonly");
}

#[test]
fn an_unspecified_address_with_a_placeholder_port_is_none() {
    let (_, sdp) = called_by("chromium-offer");
    assert_eq!(direction(&sdp), "sendrecv");
}

#[test]
fn every_hold_can_be_resumed() {
    for held in ["a=sendonly", "a=inactive", "a=recvonly"] {
        let (mut phone, _) = called_by("ringcentral-2022-offer");
        reoffer(&mut phone, "a=sendrecv", held);
        assert_eq!(direction(&answer(&mut phone, &fixture("ringcentral-2022-offer"))), "sendrecv", "{held}");
        let plan = media(&phone);
        assert!(plan.send.is_some() && plan.recv.is_some(), "{held}");
    }
}

#[test]
fn what_was_announced_once_stays_announced_while_held() {
    let (mut phone, sending) = called_by("ringcentral-2022-offer");
    let held = reoffer(&mut phone, "a=sendrecv", "a=inactive");
    for line in sending.lines().filter(|line| line.starts_with("a=msid:") || line.starts_with("a=ssrc:")) {
        assert!(held.lines().any(|kept| kept == line), "{line}");
    }
    assert!(held.contains("a=ssrc:") && held.contains("a=msid:"));
}

#[test]
fn hold_changes_neither_transport_nor_codec_nor_stream() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let (before, sent) = (transport(&phone), media(&phone).send);
    reoffer(&mut phone, "a=sendrecv", "a=sendonly");
    assert_eq!(transport(&phone), before);
    answer(&mut phone, &fixture("ringcentral-2022-offer"));
    assert_eq!((transport(&phone), media(&phone).send), (before, sent));
}

#[test]
fn a_held_call_needs_no_negotiation_of_ours() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    reoffer(&mut phone, "a=sendrecv", "a=sendonly");
    assert!(!phone.negotiation_needed());
    reoffer(&mut phone, "a=sendrecv", "a=inactive");
    assert!(!phone.negotiation_needed());
}

#[test]
fn our_own_hold_is_offered_and_taken_back() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    let id = only(&a).id;
    a.set_direction(id, Direction::SendOnly).unwrap();
    assert!(a.negotiation_needed());
    negotiate(&mut a, &mut b);
    assert_eq!(only(&b).current_direction, Some(Direction::RecvOnly));
    assert!(media(&a).recv.is_none() && !a.negotiation_needed());
    a.set_direction(id, Direction::SendRecv).unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!(only(&b).current_direction, Some(Direction::SendRecv));
}

#[test]
fn an_old_answer_sent_back_as_an_offer_keeps_role_and_association() {
    let (mut caller, mut phone) = (peer(), phone());
    negotiate(&mut caller, &mut phone);
    let before = transport(&caller);
    assert_eq!(before.dtls.as_ref().unwrap().role, DtlsRole::Server);
    let old_answer = phone.descriptions().current_local.unwrap().sdp;
    assert!(has(&old_answer, "a=setup:active"));
    let held = old_answer.replace("a=sendrecv", "a=sendonly");
    let sdp = answer(&mut caller, &held);
    assert_eq!(direction(&sdp), "recvonly");
    assert!(has(&sdp, "a=setup:passive"));
    assert_eq!(transport(&caller), before);
}

#[test]
fn the_first_audible_state_is_what_the_remote_description_says() {
    let mut phone = phone();
    phone.set_remote(SdpType::Offer, &fixture("ringcentral-2022-offer").replace("a=sendrecv", "a=recvonly")).unwrap();
    let shown = only(&phone);
    assert_eq!((shown.firing, shown.receiving), (Some(Direction::SendOnly), false));
    assert!(shown.remote_stream_ids.is_empty());
}
