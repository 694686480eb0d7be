//! addTrack, addTransceiver, removeTrack, direction, stop, and when negotiation is needed.

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

fn init(direction: Direction) -> TransceiverInit {
    TransceiverInit { direction, ..TransceiverInit::default() }
}

#[test]
fn add_track_then_a_remote_offer_is_one_transceiver() {
    for name in ["ringcentral-2016-offer", "ringcentral-2019-offer", "ringcentral-2022-offer", "chromium-offer"] {
        let (phone, _) = called_by(name);
        let shown = only(&phone);
        assert_eq!((shown.created_by_remote, shown.current_direction), (false, Some(Direction::SendRecv)), "{name}");
    }
}

#[test]
fn add_transceiver_then_a_remote_offer_are_two() {
    let mut phone = with(config(), 1);
    phone.add_transceiver(Kind::Audio, init(Direction::SendRecv)).unwrap();
    answer(&mut phone, &fixture("chromium-offer"));
    let shown = phone.snapshot().transceivers;
    assert_eq!((shown.len(), shown[0].mid.clone(), shown[1].mid.clone()), (2, None, Some("0".into())));
}

#[test]
fn add_transceiver_then_add_track_then_a_remote_offer_is_one_transceiver() {
    let mut phone = with(config(), 1);
    let id = phone.add_transceiver(Kind::Audio, init(Direction::SendRecv)).unwrap();
    assert_eq!(phone.add_track(Kind::Audio, "mic", &[]).unwrap(), id);
    answer(&mut phone, &fixture("chromium-offer"));
    assert_eq!(only(&phone).mid.as_deref(), Some("0"));
}

#[test]
fn a_sendonly_offer_of_a_browser_makes_a_transceiver_of_its_own() {
    let mut phone = phone();
    answer(&mut phone, &fixture("chromium-offer").replace("a=sendrecv", "a=sendonly"));
    assert_eq!(phone.snapshot().transceivers.len(), 2);
}

#[test]
fn a_remote_offer_without_a_local_track_is_received_only() {
    let mut idle = with(config(), 1);
    let sdp = answer(&mut idle, &fixture("chromium-offer"));
    assert_eq!(direction(&sdp), "recvonly");
    let shown = only(&idle);
    assert_eq!((shown.direction, shown.created_by_remote), (Direction::RecvOnly, true));
    assert!(!idle.negotiation_needed());
}

#[test]
fn add_track_takes_the_transceiver_of_the_remote_offer() {
    let mut idle = with(config(), 1);
    idle.set_remote(SdpType::Offer, &fixture("chromium-offer")).unwrap();
    let remote = only(&idle).id;
    assert_eq!(idle.add_track(Kind::Audio, "mic", &["s".into()]).unwrap(), remote);
    let sdp = idle.create_answer().unwrap();
    assert_eq!((direction(&sdp), line(&sdp, "a=msid:")), ("sendrecv", "a=msid:s mic"));
}

#[test]
fn add_track_does_not_take_a_sender_that_has_sent() {
    let (mut phone, _) = called_by("chromium-offer");
    let first = only(&phone).id;
    phone.remove_track(first).unwrap();
    assert_ne!(phone.add_track(Kind::Audio, "other", &[]).unwrap(), first);
}

#[test]
fn add_track_takes_a_sender_that_never_sent() {
    let mut idle = with(config(), 1);
    let id = idle.add_transceiver(Kind::Audio, init(Direction::Inactive)).unwrap();
    assert_eq!(idle.add_track(Kind::Audio, "mic", &[]).unwrap(), id);
    assert_eq!(only(&idle).direction, Direction::SendOnly);
}

#[test]
fn add_track_does_not_take_another_kind_or_a_stopped_one() {
    let mut idle = with(config(), 1);
    let video = idle.add_transceiver(Kind::Video, init(Direction::RecvOnly)).unwrap();
    let stopped = idle.add_transceiver(Kind::Audio, init(Direction::RecvOnly)).unwrap();
    idle.stop(stopped).unwrap();
    let id = idle.add_track(Kind::Audio, "mic", &[]).unwrap();
    assert!(id != video && id != stopped);
}

#[test]
fn the_same_track_cannot_be_added_twice() {
    assert_eq!(kind(phone().add_track(Kind::Audio, "mic", &[])), ErrorKind::InvalidAccess);
}

#[test]
fn remove_track_takes_the_sending_half_away() {
    let table = [(Direction::SendRecv, Direction::RecvOnly), (Direction::SendOnly, Direction::Inactive)];
    for (before, after) in table {
        let mut phone = phone();
        let id = only(&phone).id;
        phone.set_direction(id, before).unwrap();
        phone.remove_track(id).unwrap();
        assert_eq!(only(&phone).direction, after);
        phone.set_direction(id, Direction::SendRecv).unwrap();
        phone.remove_track(id).unwrap();
        assert_eq!(only(&phone).direction, Direction::SendRecv, "a sender without a track is left alone");
    }
}

#[test]
fn an_unknown_transceiver_is_an_error_everywhere() {
    let (mut phone, nobody) = (phone(), TransceiverId(42));
    let errors = [
        kind(phone.remove_track(nobody)),
        kind(phone.set_direction(nobody, Direction::SendRecv)),
        kind(phone.stop(nobody)),
        kind(phone.set_track(nobody, None)),
        kind(phone.set_streams(nobody, &[])),
        kind(phone.set_codec_preferences(nobody, &[])),
    ];
    assert!(errors.iter().all(|error| *error == ErrorKind::InvalidAccess));
}

#[test]
fn stopped_is_no_direction_to_ask_for() {
    let mut phone = phone();
    assert_eq!(kind(phone.set_direction(only(&phone).id, Direction::Stopped)), ErrorKind::Type);
    assert_eq!(kind(phone.add_transceiver(Kind::Audio, init(Direction::Stopped))), ErrorKind::Type);
}

#[test]
fn a_stopping_transceiver_has_no_direction_to_change() {
    let mut phone = phone();
    phone.stop(only(&phone).id).unwrap();
    assert_eq!(kind(phone.set_direction(only(&phone).id, Direction::SendRecv)), ErrorKind::InvalidState);
}

#[test]
fn stop_ends_media_at_once_and_the_line_with_the_next_negotiation() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    a.stop(only(&a).id).unwrap();
    assert!(a.plan().media.is_empty());
    assert_eq!((only(&a).stopping, only(&a).stopped, only(&a).direction), (true, false, Direction::Stopped));
    assert!(a.negotiation_needed());
    let sdp = offer(&mut a);
    assert!(line(&sdp, "m=").starts_with("m=audio 0 "));
    let sdp = answer(&mut b, &sdp);
    a.set_remote(SdpType::Answer, &sdp).unwrap();
    assert_eq!((a.snapshot().transceivers, b.snapshot().transceivers), (vec![], vec![]));
    assert!(!a.negotiation_needed());
}

#[test]
fn stopping_twice_is_stopping_once() {
    let mut phone = phone();
    let id = only(&phone).id;
    phone.stop(id).unwrap();
    phone.stop(id).unwrap();
}

#[test]
fn stop_before_our_answer_makes_the_line_inactive_and_our_next_offer_ends_it() {
    let mut phone = phone();
    phone.set_remote(SdpType::Offer, &fixture("chromium-offer")).unwrap();
    phone.stop(only(&phone).id).unwrap();
    let sdp = phone.create_answer().unwrap();
    assert!(line(&sdp, "m=").starts_with("m=audio 9 ") && has(&sdp, "a=inactive"));
    phone.set_local(SdpType::Answer, &sdp).unwrap();
    assert_eq!(only(&phone).current_direction, Some(Direction::Inactive));
    assert!(phone.negotiation_needed() && phone.plan().media.is_empty());
    assert!(line(&offer(&mut phone), "m=").starts_with("m=audio 0 "));
}

#[test]
fn a_transceiver_that_the_far_end_stops_keeps_its_mid_until_our_answer() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    a.stop(only(&a).id).unwrap();
    let offered = offer(&mut a);
    b.set_remote(SdpType::Offer, &offered).unwrap();
    let stopped = b.snapshot().transceivers[0].clone();
    assert_eq!((stopped.stopped, stopped.mid.as_deref()), (true, Some("0")));
    let answered = b.create_answer().unwrap();
    b.set_local(SdpType::Answer, &answered).unwrap();
    assert_eq!(b.snapshot().transceivers, []);
}

#[test]
fn of_stopped_transceivers_nothing_is_kept_and_no_name_is_given_twice() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    let mut names = std::collections::BTreeSet::from([only(&a).id]);
    for _ in 0..20 {
        let id = a.add_transceiver(Kind::Audio, init(Direction::SendRecv)).unwrap();
        assert!(names.insert(id));
        negotiate(&mut a, &mut b);
        let there = b.plan().transceivers[1];
        a.stop(id).unwrap();
        assert!(a.knows(id) && a.plan().knows(id), "its line has not ended");
        negotiate(&mut a, &mut b);
        for (end, id) in [(&a, id), (&b, there)] {
            assert!(!end.knows(id) && end.parameters(id).is_err());
            assert_eq!((end.snapshot().transceivers.len(), end.plan().transceivers), (1, vec![only(end).id]));
        }
    }
}

#[test]
fn one_that_was_stopped_before_it_had_a_line_is_forgotten_too() {
    let (mut a, mut b) = (phone(), peer());
    let id = a.add_transceiver(Kind::Audio, init(Direction::SendRecv)).unwrap();
    a.stop(id).unwrap();
    negotiate(&mut a, &mut b);
    assert_ne!(only(&a).id, id);
}

#[test]
fn negotiation_is_needed_after_each_change_that_the_far_end_must_hear_of() {
    let (mut a, mut b) = (phone(), peer());
    assert!(a.negotiation_needed());
    negotiate(&mut a, &mut b);
    assert!(!a.negotiation_needed() && !b.negotiation_needed());
    let id = only(&a).id;
    let changes: [&dyn Fn(&mut Negotiator); 6] = [
        &|a| a.set_direction(id, Direction::RecvOnly).unwrap(),
        &|a| a.set_direction(id, Direction::SendRecv).unwrap(),
        &|a| a.set_streams(id, &["new".into()]).unwrap(),
        &|a| a.restart_ice(),
        &|a| a.remove_track(id).unwrap(),
        &|a| {
            a.add_transceiver(Kind::Audio, init(Direction::SendRecv)).unwrap();
        },
    ];
    for (index, change) in changes.iter().enumerate() {
        change(&mut a);
        assert!(a.negotiation_needed(), "change {index}");
        negotiate(&mut a, &mut b);
        assert!(!a.negotiation_needed(), "change {index}");
    }
}

#[test]
fn a_change_taken_back_needs_no_negotiation() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    let id = only(&a).id;
    a.set_direction(id, Direction::Inactive).unwrap();
    a.set_direction(id, Direction::SendRecv).unwrap();
    assert!(!a.negotiation_needed());
}

#[test]
fn transceivers_are_listed_in_the_order_of_their_creation() {
    let mut idle = with(config(), 1);
    let ids: Vec<_> = (0..5).map(|_| idle.add_transceiver(Kind::Audio, init(Direction::SendRecv)).unwrap()).collect();
    let shown: Vec<_> = idle.snapshot().transceivers.iter().map(|it| it.id).collect();
    assert_eq!(shown, ids);
    let ssrcs: std::collections::BTreeSet<_> = idle.snapshot().transceivers.iter().map(|it| it.ssrc).collect();
    assert_eq!(ssrcs.len(), 5);
}
