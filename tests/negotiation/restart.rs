//! ICE restart from either end.

use crate::support::*;
use webphone_rtc::negotiation::*;

fn restart(negotiator: &mut Negotiator) -> String {
    let options = OfferOptions { ice_restart: true, ..OfferOptions::default() };
    let sdp = negotiator.create_offer(options).unwrap();
    negotiator.set_local(SdpType::Offer, &sdp).unwrap();
    sdp
}

fn restarted_by_far_end() -> String {
    fixture("ringcentral-2022-offer").replace("ice-ufrag:c9K2", "ice-ufrag:new1")
}

#[test]
fn our_restart_replaces_credentials_and_raises_the_generation() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let before = transport(&phone);
    restart(&mut phone);
    let after = transport(&phone);
    assert_ne!(after.ice.local, before.ice.local);
    assert_eq!((after.id, after.generation), (before.id, before.generation + 1));
}

#[test]
fn until_our_restart_is_answered_the_far_ends_new_credentials_are_unknown() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    restart(&mut phone);
    let ice = transport(&phone).ice;
    assert!(ice.remote.is_none() && ice.remote_candidates.is_empty());
    phone.set_remote(SdpType::Answer, &restarted_by_far_end().replace("actpass", "passive")).unwrap();
    assert_eq!(transport(&phone).ice.remote.unwrap().ufrag, "new1");
}

#[test]
fn media_and_dtls_stay_planned_while_our_restart_is_open() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let (dtls, plan) = (transport(&phone).dtls, media(&phone));
    restart(&mut phone);
    assert_eq!((transport(&phone).dtls, media(&phone)), (dtls, plan));
}

#[test]
fn a_far_end_that_ignores_our_restart_is_tolerated() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    restart(&mut phone);
    phone.set_remote(SdpType::Answer, &fixture("ringcentral-2022-offer").replace("actpass", "passive")).unwrap();
    assert_eq!(transport(&phone).ice.remote.unwrap().ufrag, "c9K2");
}

#[test]
fn the_far_ends_restart_is_answered_with_new_credentials() {
    let (mut phone, first) = called_by("ringcentral-2022-offer");
    let sdp = answer(&mut phone, &restarted_by_far_end());
    assert_ne!(line(&sdp, "a=ice-ufrag:"), line(&first, "a=ice-ufrag:"));
    let plan = transport(&phone);
    assert_eq!((plan.generation, plan.ice.remote.unwrap().ufrag.as_str()), (1, "new1"));
}

#[test]
fn a_reoffer_with_the_same_credentials_is_no_restart() {
    let (mut phone, first) = called_by("ringcentral-2022-offer");
    let sdp = answer(&mut phone, &fixture("ringcentral-2022-offer"));
    assert_eq!(line(&sdp, "a=ice-ufrag:"), line(&first, "a=ice-ufrag:"));
    assert_eq!(transport(&phone).generation, 0);
}

#[test]
fn the_far_ends_restart_counts_only_once_answered() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let before = phone.plan();
    phone.set_remote(SdpType::Offer, &restarted_by_far_end()).unwrap();
    assert_eq!(phone.plan(), before);
}

#[test]
fn an_offer_corrected_back_to_the_old_credentials_is_no_restart() {
    let (mut phone, first) = called_by("ringcentral-2022-offer");
    phone.set_remote(SdpType::Offer, &restarted_by_far_end()).unwrap();
    let sdp = answer(&mut phone, &fixture("ringcentral-2022-offer"));
    assert_eq!(line(&sdp, "a=ice-ufrag:"), line(&first, "a=ice-ufrag:"));
}

#[test]
fn a_restart_forgets_candidates_of_both_ends() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    phone.add_local_candidate(TransportId(0), &host("192.0.2.5", 4000));
    let moved = restarted_by_far_end().replace("203.0.113.30 31204", "203.0.113.99 31204");
    let sdp = answer(&mut phone, &moved);
    assert!(lines(&sdp, "a=candidate").is_empty() && line(&sdp, "m=").starts_with("m=audio 9 "));
    let addresses: Vec<_> = transport(&phone).ice.remote_candidates.into_iter().map(|it| it.address).collect();
    assert_eq!(addresses, ["203.0.113.99"]);
}

#[test]
fn while_our_restart_is_open_the_current_description_keeps_its_candidates() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    phone.add_local_candidate(TransportId(0), &host("192.0.2.5", 4000));
    restart(&mut phone);
    let shown = phone.descriptions();
    assert_eq!(lines(&shown.current_local.unwrap().sdp, "a=candidate").len(), 1);
    assert!(lines(&shown.pending_local.unwrap().sdp, "a=candidate").is_empty());
}

#[test]
fn a_late_candidate_of_the_former_generation_is_dropped() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let old = LocalCandidate { ufrag: Some(transport(&phone).ice.local.ufrag), ..host("192.0.2.5", 4000) };
    answer(&mut phone, &restarted_by_far_end());
    assert!(phone.add_local_candidate(TransportId(0), &old).is_empty());
}

#[test]
fn restart_ice_asks_for_negotiation_until_an_offer_was_answered() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    a.restart_ice();
    assert!(a.negotiation_needed());
    let before = transport(&a).ice.local;
    let offered = offer(&mut a);
    assert!(a.negotiation_needed());
    let answered = answer(&mut b, &offered);
    a.set_remote(SdpType::Answer, &answered).unwrap();
    assert!(!a.negotiation_needed());
    assert_ne!(transport(&a).ice.local, before);
}

#[test]
fn restart_ice_before_any_description_asks_for_nothing() {
    let mut idle = with(config(), 1);
    idle.restart_ice();
    assert!(!idle.negotiation_needed());
}

#[test]
fn restart_ice_is_remembered_when_the_far_end_offers_without_a_restart() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    a.restart_ice();
    negotiate(&mut b, &mut a);
    assert!(a.negotiation_needed());
}

#[test]
fn restart_ice_is_satisfied_by_a_restart_of_the_far_end() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    a.restart_ice();
    b.restart_ice();
    negotiate(&mut b, &mut a);
    assert!(!a.negotiation_needed());
}
