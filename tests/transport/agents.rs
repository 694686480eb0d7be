//! Other people's ICE agents: lite ones, ones that nominate early or again, ones that disagree about the roles.

use crate::stub::{Role, Stub, is_request, is_success};
use crate::wire::{address, host, ms};
use rtc_stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE};
use rtc_stun::message::Message;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use webphone_rtc::negotiation::{Candidate, CandidateKind, DtlsRole};
use webphone_rtc::transport::{DtlsState, IceState, Transmit};

fn far(last: u8) -> SocketAddr {
    address(&format!("10.0.1.{last}:5000"))
}

fn decoded(transmit: &Transmit) -> Message {
    let mut message = Message { raw: transmit.payload.to_vec(), ..Message::default() };
    message.decode().unwrap();
    message
}

/// Answers every check that the transport sends; those seen.
fn answer_checks(stub: &mut Stub) -> Vec<Transmit> {
    let sent = stub.sent();
    for check in sent.iter().filter(|transmit| is_request(&transmit.payload)) {
        let answer = stub.success(&check.payload, check.local);
        stub.deliver(check.peer, &answer);
    }
    sent
}

#[test]
fn a_lite_far_end_that_never_checks_is_nominated() {
    let mut stub = Stub::new(false, true, vec![host(far(1))]); // lite makes us controlling, whatever was planned
    let start = stub.now;
    for _ in 0..10 {
        answer_checks(&mut stub);
        if stub.path().is_some() {
            break;
        }
        stub.wait();
    }
    assert_eq!(stub.path(), Some(far(1)));
    assert!(stub.now - start < ms(500));
    stub.wait();
    let consent = stub.sent();
    assert!(decoded(&consent[0]).contains(ATTR_ICE_CONTROLLING), "consent goes on as controlling");
}

#[test]
fn the_best_pair_is_nominated_as_soon_as_it_has_answered_and_another_one_when_the_best_had_its_time() {
    let candidates = [2, 1].map(|last| Candidate { priority: u32::from(last), ..host(far(last)) });
    let nominated = |sent: &[Transmit]| {
        let checks = sent.iter().filter(|transmit| is_request(&transmit.payload));
        checks.filter(|check| decoded(check).contains(ATTR_USE_CANDIDATE)).map(|check| check.peer).collect::<Vec<_>>()
    };
    for answering in [2, 1] {
        let mut stub = Stub::new(true, false, candidates.to_vec());
        let mut seen = Vec::new();
        for _ in 0..2 {
            stub.now += ms(5);
            let sent = stub.sent();
            for check in sent.iter().filter(|sent| sent.peer == far(answering)) {
                let answer = stub.success(&check.payload, check.local);
                stub.deliver(check.peer, &answer);
            }
            seen.extend(sent);
        }
        assert_eq!(stub.path(), Some(far(answering)), "it is used from its first answer on");
        assert_eq!(nominated(&seen), vec![far(2); usize::from(answering == 2)]);
        if answering == 1 {
            stub.wait();
            assert_eq!(nominated(&answer_checks(&mut stub)), [far(1)]);
            assert_eq!(stub.path(), Some(far(1)));
        }
    }
}

#[test]
fn a_better_pair_that_answers_later_is_nominated_and_used() {
    let candidates = [2, 1].map(|last| Candidate { priority: u32::from(last), ..host(far(last)) });
    let mut stub = Stub::new(true, false, candidates.to_vec());
    let checks = stub.sent();
    for answering in [1, 2] {
        assert_eq!(stub.path(), (answering == 2).then(|| far(1)));
        stub.now += ms(5);
        let check = checks.iter().find(|sent| sent.peer == far(answering)).unwrap();
        let answer = stub.success(&check.payload, check.local);
        stub.deliver(check.peer, &answer);
    }
    answer_checks(&mut stub);
    assert_eq!(stub.path(), Some(far(2)));
}

#[test]
fn a_controlled_side_waits_for_no_nomination_and_checks_no_pair_that_has_answered() {
    let mut stub = Stub::controlled(vec![host(far(1))]);
    answer_checks(&mut stub);
    assert_eq!((stub.path(), stub.transport.state().0), (Some(far(1)), IceState::Connected));
    for nominates in [false, true] {
        stub.now += ms(30);
        let request = stub.request(Role::Controlling(9), nominates).raw;
        stub.deliver(far(1), &request);
        let sent = stub.sent();
        assert!(sent.iter().all(|transmit| is_success(&transmit.payload)) && sent.len() == 1, "{sent:?}");
    }
}

#[test]
fn a_controlled_side_lets_the_far_end_ask_first_for_10_ms() {
    let asks = |stub: &mut Stub| stub.sent().iter().any(|transmit| is_request(&transmit.payload));
    let mut asked = Stub::new(false, false, vec![host(far(1))]);
    assert!(!asks(&mut asked));
    let request = asked.request(Role::Controlling(9), false).raw;
    asked.deliver(far(1), &request);
    assert!(asks(&mut asked), "at once when it is asked");

    let mut alone = Stub::new(false, false, vec![host(far(1))]);
    let start = alone.now;
    alone.wait();
    assert!(asks(&mut alone) && alone.now - start == ms(10));

    for (controlling, lite) in [(true, false), (false, true)] {
        assert!(asks(&mut Stub::new(controlling, lite, vec![host(far(1))])), "who nominates does not wait");
    }
}

#[test]
fn a_far_end_that_dropped_the_first_client_hello_gets_another_one_when_it_nominates() {
    let mut stub = Stub::controlled(vec![host(far(1))]);
    stub.begin_dtls(DtlsRole::Client);
    let hellos = |sent: Vec<Transmit>| sent.iter().filter(|transmit| transmit.payload[0] == 22).count();
    answer_checks(&mut stub);
    assert_eq!(hellos(stub.sent()), 1);
    stub.now += ms(5);
    let nomination = stub.request(Role::Controlling(9), true).raw;
    stub.deliver(far(1), &nomination);
    assert_eq!(hellos(stub.sent()), 0, "the answer may be on its way");
    let mut sent = 0;
    let end = stub.now + ms(100);
    while stub.transport.timeout().is_some_and(|at| at < end) {
        stub.wait();
        sent += hellos(stub.sent());
    }
    assert_eq!(sent, 1);
}

#[test]
fn an_early_nomination_is_answered_as_soon_as_its_pair_is_checked() {
    let mut stub = Stub::new(false, false, vec![]);
    let nomination = stub.request(Role::Controlling(9), true);
    stub.deliver(far(1), &nomination.raw);
    let sent = answer_checks(&mut stub);
    assert!(sent.iter().any(|transmit| is_request(&transmit.payload)), "our own check goes first");
    assert_eq!(stub.path(), Some(far(1)), "without the far end having to repeat itself");
    let answers = stub.sent();
    let id = |transmit: &Transmit| transmit.payload[8..20] == nomination.transaction_id.0;
    assert!(answers.iter().any(|transmit| is_success(&transmit.payload) && id(transmit)));
}

#[test]
fn a_controlled_side_follows_each_further_nomination_and_lives_by_it() {
    let mut stub = Stub::new(false, false, vec![]);
    for peer in [far(1), far(2), far(1)] {
        for nominates in [false, true] {
            let request = stub.request(Role::Controlling(9), nominates).raw;
            stub.deliver(peer, &request);
            answer_checks(&mut stub);
            stub.now += ms(20);
        }
        assert_eq!(stub.path(), Some(peer));
    }
    let request = stub.request(Role::Controlling(9), true).raw;
    stub.deliver(far(2), &request);
    let end = stub.now + ms(20_000);
    while stub.now < end {
        for sent in stub.sent().iter().filter(|transmit| is_request(&transmit.payload) && transmit.peer == far(2)) {
            let answer = stub.success(&sent.payload, sent.local);
            stub.deliver(far(2), &answer);
        }
        stub.wait();
    }
    assert_eq!(stub.path(), Some(far(2)));
    assert_eq!(stub.transport.state().0, IceState::Connected, "far(1) is silent");
}

#[test]
fn of_several_nominated_pairs_the_best_is_used_and_another_one_when_it_has_failed() {
    let candidates = [2, 1].map(|last| Candidate { priority: u32::from(last), ..host(far(last)) });
    let nominate = |stub: &mut Stub, last| {
        stub.now += ms(20);
        let request = stub.request(Role::Controlling(9), true).raw;
        stub.deliver(far(last), &request);
    };
    for order in [[1, 2], [2, 1]] {
        let mut stub = Stub::controlled(candidates.to_vec());
        answer_checks(&mut stub);
        for last in order {
            nominate(&mut stub, last);
        }
        for answers in [true, false] {
            let end = stub.now + ms(2000);
            nominate(&mut stub, 1);
            assert_eq!(stub.path(), Some(far(2)), "nominated as {order:?}");
            while stub.transport.timeout().is_some_and(|at| at < end) {
                stub.wait();
                if answers {
                    answer_checks(&mut stub);
                }
            }
            assert_eq!(stub.path(), Some(far(if answers { 2 } else { 1 })));
        }
        nominate(&mut stub, 2);
        assert_eq!(stub.path(), Some(far(2)), "it is back");
    }
}

#[test]
fn a_role_conflict_is_settled_by_the_tie_breakers() {
    for (ours, theirs, we_control) in [
        (true, Role::Controlling(u64::MAX), false),
        (true, Role::Controlling(0), true),
        (false, Role::Controlled(0), true),
        (false, Role::Controlled(u64::MAX), false),
    ] {
        let mut stub = Stub::new(ours, false, vec![host(far(1))]);
        stub.sent();
        let request = stub.request(theirs, false).raw;
        stub.deliver(far(1), &request);
        assert_eq!(stub.transport.stats().controlling, we_control);
        let complained = stub.sent().iter().any(|transmit| transmit.payload.starts_with(&[1, 0x11]));
        assert_eq!(complained, we_control == ours, "487 only where we keep our role");
    }
}

/// Sealed with the far end's password, or with ours, as by rtpengine 10; with neither it is nobody's.
#[test]
fn a_487_makes_us_change_the_role_once() {
    for (pwd, changes) in [("theirs", true), ("ours", true), ("nobody's", false)] {
        let mut stub = Stub::new(true, false, vec![host(far(1))]);
        let key = match pwd {
            "theirs" => stub.own.pwd.clone(),
            "ours" => stub.theirs.pwd.clone(),
            _ => pwd.to_owned(),
        };
        let check = stub.sent().remove(0);
        let conflict = stub.role_conflict(&check.payload, &key);
        stub.deliver(far(1), &conflict);
        assert_eq!(stub.transport.stats().controlling, !changes, "{pwd}");
        stub.deliver(far(1), &conflict);
        assert_eq!(stub.transport.stats().controlling, !changes, "a repeated answer says nothing new");
        let mut checks = stub.sent();
        while checks.is_empty() {
            stub.wait();
            checks = stub.sent();
        }
        let check = decoded(&checks[0]);
        assert_eq!(check.contains(ATTR_ICE_CONTROLLED), changes, "{pwd}");
        assert!(!check.contains(ATTR_USE_CANDIDATE));
    }
}

#[test]
fn a_far_end_of_a_thousand_addresses_is_answered_and_not_flooded_with_checks() {
    let address = |number: u16| SocketAddr::from(([10, 1, 0, 1], 1000 + number));
    let mut stub = Stub::new(false, false, vec![]);
    let mut sent = Vec::new();
    for number in 0..1000 {
        let request = stub.request(Role::Controlling(9), false).raw;
        stub.deliver(address(number), &request);
        sent.extend(stub.sent());
    }
    let answered = sent.iter().filter(|sent| is_success(&sent.payload)).count();
    assert_eq!(answered, 1000);
    assert!(sent.len() - answered < 300, "{} checks", sent.len() - answered);
    let request = stub.request(Role::Controlling(9), false).raw;
    stub.deliver(address(7), &request);
    assert!(stub.sent().iter().any(|sent| is_success(&sent.payload) && sent.peer == address(7)));
}

#[test]
fn a_far_end_that_never_nominates_is_not_checked_for_ever() {
    let mut stub = Stub::new(false, false, vec![host(far(1)), host(far(2))]);
    let start = stub.now;
    let mut late = 0;
    while stub.now < start + ms(120_000) {
        let sent = stub.sent();
        for check in sent.iter().filter(|sent| is_request(&sent.payload)) {
            late += usize::from(check.peer == far(2) && stub.now > start + ms(31_000));
            if check.peer == far(1) {
                let answer = stub.success(&check.payload, check.local);
                stub.deliver(check.peer, &answer);
            }
        }
        stub.wait();
    }
    assert_eq!((late, stub.path(), stub.transport.state().0), (0, Some(far(1)), IceState::Connected));
}

#[test]
fn an_answer_that_the_agent_takes_no_more_spares_its_pair_no_check() {
    let mut stub = Stub::controlled(vec![host(far(1))]);
    let first = stub.sent().remove(0);
    stub.now += ms(4500);
    let answer = stub.success(&first.payload, first.local);
    stub.deliver(far(1), &answer);
    assert_eq!(stub.path(), Some(far(1)), "it has answered");
    stub.sent();
    stub.now += ms(30);
    let request = stub.request(Role::Controlling(9), false).raw;
    stub.deliver(far(1), &request);
    assert!(stub.sent().iter().any(|sent| is_request(&sent.payload)), "the pair has not succeeded yet");
}

#[test]
fn restarts_one_after_the_other_wait_for_the_nomination_on_the_pair_from_before() {
    let mut stub = Stub::controlled(vec![host(far(1))]);
    answer_checks(&mut stub);
    let nomination = stub.request(Role::Controlling(9), true).raw;
    stub.deliver(far(1), &nomination);
    stub.restart("first", vec![]);
    stub.restart("second", vec![host(far(2))]);
    stub.wait();
    let answered = answer_checks(&mut stub).iter().filter(|sent| is_request(&sent.payload)).count();
    assert_eq!((answered, stub.path()), (1, Some(far(1))), "the new pair has answered");
    stub.now += ms(30);
    let nomination = stub.request(Role::Controlling(9), true).raw;
    stub.deliver(far(2), &nomination);
    assert_eq!(stub.path(), Some(far(2)));
}

#[test]
fn another_far_end_is_checked_from_the_addresses_that_the_one_before_was() {
    let relayed = address("203.0.113.9:7000");
    for relay_only in [false, true] {
        let mut stub = Stub::new(true, false, vec![host(far(1))]);
        stub.transport.set_relay_only(relay_only);
        let candidate = Candidate { kind: CandidateKind::Relay, ..host(relayed) };
        stub.transport.add_local_address(stub.now, candidate, relayed).unwrap();
        stub.sent();
        stub.replace("other", vec![host(far(2))]);
        let from: BTreeSet<_> = stub.sent().iter().map(|check| check.local).collect();
        assert_eq!(from, if relay_only { [relayed].into() } else { [stub.local, relayed].into() });
    }
}

#[test]
fn a_far_end_has_its_answers_until_another_one_is_found_by_the_same_credentials_of_ours() {
    let mut stub = Stub::new(true, false, vec![host(far(1))]);
    answer_checks(&mut stub);
    let request = stub.request(Role::Controlled(9), false).raw;
    stub.replace("other", vec![host(far(2))]);
    for (asks, from) in [(request, far(1)), (stub.request(Role::Controlled(9), false).raw, far(2))] {
        stub.sent();
        stub.deliver(from, &asks);
        let answers = stub.sent().iter().filter(|sent| is_success(&sent.payload) && sent.peer == from).count();
        assert_eq!((answers, stub.path()), (1, Some(far(1))), "{from}");
    }
}

#[test]
fn a_far_end_has_30_s_for_the_handshake_and_signaling_90_s_before_to_tell_it_of_us() {
    for (nominates, limit_s) in [(true, 30), (false, 120)] {
        let mut stub = Stub::controlled(vec![host(far(1))]);
        stub.begin_dtls(DtlsRole::Client);
        answer_checks(&mut stub);
        if nominates {
            let nomination = stub.request(Role::Controlling(9), true).raw;
            stub.deliver(far(1), &nomination);
        }
        let start = stub.now;
        while stub.transport.state().1 == DtlsState::Connecting && stub.now < start + ms(200_000) {
            stub.wait();
            answer_checks(&mut stub);
        }
        assert_eq!((stub.transport.state().1, (stub.now - start).as_secs()), (DtlsState::Failed, limit_s));
    }
}

#[test]
fn a_far_end_that_consents_no_more_is_sent_no_more_client_hellos() {
    let mut stub = Stub::controlled(vec![host(far(1))]);
    stub.begin_dtls(DtlsRole::Client);
    answer_checks(&mut stub);
    let (start, mut hellos) = (stub.now, [0; 2]);
    while stub.now < start + ms(60_000) {
        stub.wait();
        let failed = stub.transport.state().0 == IceState::Failed;
        hellos[usize::from(failed)] += stub.sent().iter().filter(|sent| sent.payload[0] == 22).count();
    }
    assert!(hellos[0] > 10 && hellos[1] == 0, "before and after consent expired: {hellos:?}");
}

#[test]
fn checks_have_a_rate_however_many_addresses_the_far_end_names() {
    let checks = |addresses: u8, requests: bool| {
        let remotes = (1..=addresses).map(|last| host(address(&format!("10.2.0.{last}:4000")))).collect();
        let mut stub = Stub::controlled(remotes);
        let start = stub.now;
        let (mut checks, mut asked) = (0, start);
        while stub.now < start + ms(30_000) && stub.transport.timeout().is_some() {
            checks += stub.sent().iter().filter(|sent| is_request(&sent.payload)).count();
            stub.wait();
            if requests && stub.now > asked + ms(20) {
                asked = stub.now;
                let request = stub.request(Role::Controlling(9), false).raw;
                stub.deliver(address("10.2.0.1:4000"), &request);
            }
        }
        checks
    };
    let few = checks(16, false);
    assert!((16 * 50..16 * 100).contains(&few), "{few}");
    let many = checks(100, false);
    assert!((few / 2..few * 3 / 2).contains(&many), "{many}, of few {few}");
    let provoked = checks(100, true);
    assert!(provoked < 2 * many, "{provoked}, unprovoked {many}");
}
