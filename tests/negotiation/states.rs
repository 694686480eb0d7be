//! The signaling state machine, transactions and what may be set.

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

fn state(negotiator: &Negotiator) -> SignalingState {
    negotiator.snapshot().signaling_state
}

#[test]
fn offer_and_answer_move_both_ends_through_the_states() {
    let (mut a, mut b) = (phone(), peer());
    let sdp = offer(&mut a);
    assert_eq!(state(&a), SignalingState::HaveLocalOffer);
    b.set_remote(SdpType::Offer, &sdp).unwrap();
    assert_eq!(state(&b), SignalingState::HaveRemoteOffer);
    b.set_local(SdpType::PrAnswer, "").unwrap();
    assert_eq!(state(&b), SignalingState::HaveLocalPrAnswer);
    let provisional = b.descriptions().pending_local.unwrap();
    assert_eq!(provisional.ty, SdpType::PrAnswer);
    a.set_remote(SdpType::PrAnswer, &provisional.sdp).unwrap();
    assert_eq!(state(&a), SignalingState::HaveRemotePrAnswer);
    b.set_local(SdpType::Answer, &provisional.sdp).unwrap();
    a.set_remote(SdpType::Answer, &provisional.sdp).unwrap();
    assert_eq!((state(&a), state(&b)), (SignalingState::Stable, SignalingState::Stable));
    assert!(a.descriptions().pending_remote.is_none() && b.descriptions().pending_local.is_none());
}

#[test]
fn a_provisional_answer_starts_media() {
    let mut phone = phone();
    offer(&mut phone);
    phone.set_remote(SdpType::PrAnswer, &fixture("ringcentral-outbound-answer")).unwrap();
    assert!(media(&phone).send.is_some() && transport(&phone).dtls.is_some());
}

#[test]
fn descriptions_that_do_not_fit_the_state_are_refused() {
    let offered = fixture("chromium-offer");
    let mut phone = phone();
    for ty in [SdpType::Answer, SdpType::PrAnswer] {
        assert_eq!(kind(phone.set_remote(ty, &offered)), ErrorKind::InvalidState);
        assert_eq!(kind(phone.set_local(ty, "")), ErrorKind::InvalidState);
    }
    assert_eq!(kind(phone.create_answer()), ErrorKind::InvalidState);
    phone.set_remote(SdpType::Offer, &offered).unwrap();
    assert_eq!(kind(phone.create_offer(OfferOptions::default())), ErrorKind::InvalidState);
    assert_eq!(kind(phone.set_local(SdpType::Offer, "")), ErrorKind::InvalidState);
    assert_eq!(kind(phone.set_remote(SdpType::Answer, &offered)), ErrorKind::InvalidState);
}

#[test]
fn only_the_text_that_was_created_last_can_be_set() {
    let mut phone = phone();
    let first = phone.create_offer(OfferOptions::default()).unwrap();
    let altered = first.replace("a=setup:actpass", "a=setup:passive");
    assert_eq!(kind(phone.set_local(SdpType::Offer, &altered)), ErrorKind::InvalidModification);
    phone.set_streams(only(&phone).id, &["s".into()]).unwrap();
    let second = phone.create_offer(OfferOptions::default()).unwrap();
    assert_eq!(kind(phone.set_local(SdpType::Offer, &first)), ErrorKind::InvalidModification);
    phone.set_local(SdpType::Offer, &second).unwrap();
    phone.set_local(SdpType::Offer, &second).unwrap();
}

#[test]
fn without_a_change_two_offers_or_answers_are_the_same() {
    let mut phone = phone();
    let first = phone.create_offer(OfferOptions::default()).unwrap();
    assert_eq!(phone.create_offer(OfferOptions::default()).unwrap(), first);
    let restarted = phone.create_offer(OfferOptions { ice_restart: true, ..OfferOptions::default() }).unwrap();
    assert_ne!(restarted, first);
    phone.set_remote(SdpType::Offer, &fixture("chromium-offer")).unwrap();
    assert_eq!(phone.create_answer().unwrap(), phone.create_answer().unwrap());
}

#[test]
fn a_repeated_offer_shows_the_candidates_found_meanwhile() {
    let mut phone = phone();
    offer(&mut phone);
    phone.add_local_candidate(TransportId(0), &host("192.0.2.5", 4000));
    assert_eq!(lines(&phone.create_offer(OfferOptions::default()).unwrap(), "a=candidate").len(), 1);
}

#[test]
fn an_altered_answer_cannot_be_set() {
    let mut phone = phone();
    phone.set_remote(SdpType::Offer, &fixture("chromium-offer")).unwrap();
    assert_eq!(kind(phone.set_local(SdpType::Answer, "v=0\r\n")), ErrorKind::InvalidModification);
    let sdp = phone.create_answer().unwrap();
    let altered = sdp.replace("a=setup:active", "a=setup:passive");
    assert_eq!(kind(phone.set_local(SdpType::Answer, &altered)), ErrorKind::InvalidModification);
    phone.set_local(SdpType::Answer, &sdp).unwrap();
}

#[test]
fn an_offer_and_an_answer_can_be_set_without_their_promise_to_trickle() {
    let without = |sdp: String| sdp.replace("a=ice-options:trickle\r\n", "");
    let (mut a, mut b) = (phone(), peer());
    let offer = without(a.create_offer(OfferOptions::default()).unwrap());
    a.set_local(SdpType::Offer, &offer).unwrap();
    a.add_local_candidate(TransportId(0), &host("192.0.2.5", 4000));
    let described = a.descriptions().pending_local.unwrap().sdp;
    assert_eq!((lines(&described, "a=ice-options").len(), lines(&described, "a=candidate").len()), (0, 1));
    b.set_remote(SdpType::Offer, &described).unwrap();
    assert_eq!(b.snapshot().can_trickle, Some(false));
    let answer = without(b.create_answer().unwrap());
    b.set_local(SdpType::Answer, &answer).unwrap();
    a.set_remote(SdpType::Answer, &b.descriptions().current_local.unwrap().sdp).unwrap();
    assert_eq!(a.snapshot().can_trickle, Some(false));
    assert_eq!(lines(&a.create_offer(OfferOptions::default()).unwrap(), "a=ice-options:trickle").len(), 1);
}

#[test]
fn an_empty_text_sets_what_would_be_created_now() {
    let (mut a, mut b) = (phone(), peer());
    a.set_local(SdpType::Offer, "").unwrap();
    b.set_remote(SdpType::Offer, &a.descriptions().pending_local.unwrap().sdp).unwrap();
    b.set_local(SdpType::Answer, "").unwrap();
    a.set_remote(SdpType::Answer, &b.descriptions().current_local.unwrap().sdp).unwrap();
    assert_eq!(state(&a), SignalingState::Stable);
}

#[test]
fn an_empty_text_takes_the_last_offer_while_it_is_up_to_date() {
    let (mut phone, _) = called_by("chromium-offer");
    let options = OfferOptions { ice_restart: true, ..OfferOptions::default() };
    let sdp = phone.create_offer(options).unwrap();
    phone.set_local(SdpType::Offer, "").unwrap();
    assert_eq!(phone.descriptions().pending_local.unwrap().sdp, sdp);
}

#[test]
fn an_empty_text_does_not_take_a_stale_offer() {
    let mut phone = phone();
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    phone.set_direction(only(&phone).id, Direction::RecvOnly).unwrap();
    phone.set_local(SdpType::Offer, "").unwrap();
    let set = phone.descriptions().pending_local.unwrap().sdp;
    assert_ne!(set, sdp);
    assert_eq!(direction(&set), "recvonly");
}

#[test]
fn the_remote_description_is_kept_as_it_came() {
    let offered = fixture("ringcentral-2019-offer");
    let (phone, _) = called_by("ringcentral-2019-offer");
    assert_eq!(phone.descriptions().current_remote.unwrap(), Description { ty: SdpType::Offer, sdp: offered });
}

#[test]
fn an_error_changes_nothing() {
    let (mut phone, _) = called_by("chromium-offer");
    let before = seen(&phone);
    let offered = fixture("chromium-offer");
    phone.set_remote(SdpType::Offer, &offered.replace("a=mid:0", "a=mid:")).unwrap_err();
    phone.set_remote(SdpType::Offer, &offered.replace("a=ice-pwd", "a=ice-pwx")).unwrap_err();
    phone.set_remote(SdpType::Offer, &offered[..offered.find("m=").unwrap()]).unwrap_err();
    phone.set_remote(SdpType::Answer, &offered).unwrap_err();
    phone.set_direction(TransceiverId(99), Direction::SendRecv).unwrap_err();
    phone.add_track(Kind::Audio, "mic", &[]).unwrap_err();
    assert_eq!(seen(&phone), before);
}

#[test]
fn a_syntax_error_names_its_line() {
    let bad = fixture("ringcentral-2019-offer").replace("a=rtpmap:111 OPUS/48000/2", "a=rtpmap:111 OPUS");
    let error = phone().set_remote(SdpType::Offer, &bad).unwrap_err();
    assert_eq!((error.kind, error.sdp_line), (ErrorKind::SdpSyntax, Some(9)));
}

#[test]
fn a_closed_negotiator_refuses_everything_and_plans_nothing() {
    let (mut phone, _) = called_by("chromium-offer");
    let id = only(&phone).id;
    phone.close();
    assert_eq!(state(&phone), SignalingState::Closed);
    assert_eq!(phone.plan(), Plan::default());
    assert!(!phone.negotiation_needed());
    let errors = [
        kind(phone.create_offer(OfferOptions::default())),
        kind(phone.create_answer()),
        kind(phone.set_local(SdpType::Offer, "")),
        kind(phone.set_remote(SdpType::Offer, &fixture("chromium-offer"))),
        kind(phone.add_track(Kind::Audio, "x", &[])),
        kind(phone.set_direction(id, Direction::SendOnly)),
        kind(phone.add_remote_candidate(RemoteCandidateInit::default())),
    ];
    assert!(errors.iter().all(|error| *error == ErrorKind::InvalidState), "{errors:?}");
}

#[test]
fn a_new_negotiator_needs_nothing_and_plans_nothing() {
    let idle = with(config(), 1);
    assert!(!idle.negotiation_needed());
    assert_eq!(idle.plan(), Plan::default());
}

#[test]
fn gathering_starts_with_the_local_description() {
    let mut phone = phone();
    phone.set_remote(SdpType::Offer, &fixture("chromium-offer")).unwrap();
    assert!(!transport(&phone).gather);
    phone.set_local(SdpType::Answer, "").unwrap();
    assert!(transport(&phone).gather);
}
