//! Taking an offer back, explicitly and implicitly.

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

#[test]
fn a_local_offer_can_be_rolled_back() {
    let mut phone = phone();
    offer(&mut phone);
    phone.set_local(SdpType::Rollback, "").unwrap();
    let pending = phone.descriptions().pending_local;
    assert_eq!((phone.snapshot().signaling_state, pending), (SignalingState::Stable, None));
    let transceivers = vec![only(&phone).id];
    assert_eq!((only(&phone).mid, phone.plan()), (None, Plan { transceivers, ..Plan::default() }));
    assert!(phone.negotiation_needed());
}

#[test]
fn a_remote_offer_can_be_rolled_back_from_either_side() {
    for local in [true, false] {
        let mut phone = phone();
        phone.set_remote(SdpType::Offer, &fixture("chromium-offer")).unwrap();
        let roll = |phone: &mut Negotiator| match local {
            true => phone.set_local(SdpType::Rollback, ""),
            false => phone.set_remote(SdpType::Rollback, ""),
        };
        roll(&mut phone).unwrap();
        assert_eq!(phone.descriptions().pending_remote, None);
        assert_eq!((only(&phone).mid, only(&phone).firing), (None, None));
    }
}

#[test]
fn there_is_nothing_to_roll_back_when_stable() {
    let (mut phone, _) = called_by("chromium-offer");
    assert_eq!(kind(phone.set_local(SdpType::Rollback, "")), ErrorKind::InvalidState);
    assert_eq!(kind(phone.set_remote(SdpType::Rollback, "")), ErrorKind::InvalidState);
}

#[test]
fn a_provisional_answer_cannot_be_rolled_back() {
    let mut phone = phone();
    phone.set_remote(SdpType::Offer, &fixture("chromium-offer")).unwrap();
    phone.set_local(SdpType::PrAnswer, "").unwrap();
    assert_eq!(kind(phone.set_local(SdpType::Rollback, "")), ErrorKind::InvalidState);
}

#[test]
fn a_transceiver_of_the_rolled_back_offer_is_gone() {
    let mut idle = with(config(), 1);
    idle.set_remote(SdpType::Offer, &fixture("chromium-offer")).unwrap();
    assert!(only(&idle).created_by_remote);
    idle.set_remote(SdpType::Rollback, "").unwrap();
    assert_eq!((idle.snapshot().transceivers, idle.plan()), (vec![], Plan::default()));
}

#[test]
fn a_line_whose_end_was_rolled_back_keeps_its_transceiver_until_it_ends() {
    let (mut one, mut other) = (phone(), peer());
    negotiate(&mut one, &mut other);
    let id = only(&other).id;
    one.stop(only(&one).id).unwrap();
    let ending = offer(&mut one);
    other.set_remote(SdpType::Offer, &ending).unwrap();
    other.set_remote(SdpType::Rollback, "").unwrap();
    assert_eq!((only(&other).id, only(&other).stopped), (id, true));
    other.set_remote(SdpType::Offer, &ending).unwrap();
    other.set_local(SdpType::Answer, "").unwrap();
    assert!(!other.knows(id));
}

#[test]
fn a_transceiver_that_add_track_took_survives_the_rollback() {
    let mut idle = with(config(), 1);
    idle.set_remote(SdpType::Offer, &fixture("chromium-offer")).unwrap();
    idle.add_track(Kind::Audio, "mic", &[]).unwrap();
    idle.set_remote(SdpType::Rollback, "").unwrap();
    let shown = only(&idle);
    assert_eq!((shown.stopped, shown.mid, shown.direction), (false, None, Direction::SendRecv));
    assert!(idle.negotiation_needed());
}

#[test]
fn what_the_application_changed_meanwhile_stays() {
    let (mut phone, _) = called_by("chromium-offer");
    offer(&mut phone);
    phone.set_direction(only(&phone).id, Direction::RecvOnly).unwrap();
    phone.set_local(SdpType::Rollback, "").unwrap();
    assert_eq!(only(&phone).direction, Direction::RecvOnly);
}

#[test]
fn no_transport_ends_before_the_answer_to_an_offer_that_ends_its_sections() {
    let (mut one, mut other) = (phone(), peer());
    negotiate(&mut one, &mut other);
    let before = (transport(&one).id, transport(&other).id);
    let shown = |phone: &Negotiator| phone.snapshot().transports.iter().map(|it| it.id).collect::<Vec<_>>();
    one.stop(only(&one).id).unwrap();
    let ending = offer(&mut one);
    other.set_remote(SdpType::Offer, &ending).unwrap();
    for (phone, id) in [(&one, before.0), (&other, before.1)] {
        assert_eq!((transport(phone).id, shown(phone)), (id, vec![id]));
    }
    one.set_local(SdpType::Rollback, "").unwrap();
    assert_eq!((transport(&one).id, shown(&one)), (before.0, vec![before.0]));
    let answer = other.create_answer().unwrap();
    other.set_local(SdpType::Answer, &answer).unwrap();
    assert_eq!((other.plan(), shown(&other)), (Plan::default(), vec![]));
}

#[test]
fn a_rolled_back_restart_brings_the_old_credentials_as_a_new_generation() {
    let (mut phone, _) = called_by("chromium-offer");
    let before = transport(&phone);
    phone.create_offer(OfferOptions { ice_restart: true, ..OfferOptions::default() }).unwrap();
    phone.restart_ice();
    phone.set_local(SdpType::Offer, "").unwrap();
    assert_ne!(transport(&phone).ice.local, before.ice.local);
    phone.set_local(SdpType::Rollback, "").unwrap();
    let after = transport(&phone);
    assert_eq!((after.ice.local, after.ice.remote), (before.ice.local, before.ice.remote));
    assert_eq!(after.generation, 2);
}

#[test]
fn candidates_that_came_meanwhile_survive_a_rollback() {
    let (mut phone, _) = called_by("chromium-offer");
    offer(&mut phone);
    phone.add_local_candidate(TransportId(0), &host("192.0.2.5", 4000));
    phone.local_candidates_complete(TransportId(0));
    phone.set_local(SdpType::Rollback, "").unwrap();
    let sdp = phone.descriptions().current_local.unwrap().sdp;
    assert!(lines(&sdp, "a=candidate").len() == 1 && has(&sdp, "a=end-of-candidates"));
}

#[test]
fn a_remote_offer_rolls_our_open_offer_back() {
    let (mut a, mut b) = (phone(), peer());
    offer(&mut a);
    negotiate(&mut b, &mut a);
    let pending = a.descriptions().pending_local;
    assert_eq!((a.snapshot().signaling_state, pending), (SignalingState::Stable, None));
    assert_eq!(only(&a).current_direction, Some(Direction::SendRecv));
}

#[test]
fn a_bad_remote_offer_leaves_our_open_offer_in_place() {
    let mut phone = phone();
    offer(&mut phone);
    let before = seen(&phone);
    phone.set_remote(SdpType::Offer, "v=0\r\nnonsense").unwrap_err();
    phone.set_remote(SdpType::Offer, &fixture("chromium-offer").replace("a=rtcp-mux\r\n", "")).unwrap_err();
    assert_eq!(seen(&phone), before);
}

#[test]
fn an_offer_made_before_the_rollback_cannot_be_set_any_more() {
    let mut phone = phone();
    let sdp = offer(&mut phone);
    phone.set_local(SdpType::Rollback, "").unwrap();
    assert_eq!(kind(phone.set_local(SdpType::Offer, &sdp)), ErrorKind::InvalidModification);
}
