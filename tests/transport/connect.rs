//! Setting a transport up and taking it down.

use crate::wire::{Wire, address, certificate, credentials, host, ms};
use std::net::SocketAddr;
use webphone_rtc::negotiation::{Candidate, CandidateKind, DtlsRole, Fingerprint, HashAlgorithm};
use webphone_rtc::transport::{DtlsFailure, DtlsState, IceState, Transmit, TransportEvent};

const BAD_CERTIFICATE: u8 = 42;
const FATAL_HANDSHAKE_FAILURE: [u8; 15] = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 90, 0, 2, 2, 40];
const HALF_A_HANDSHAKE_RECORD: [u8; 15] = [22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 91, 0, 9, 1, 0];

fn failures(wire: &Wire, side: usize) -> Vec<DtlsFailure> {
    let failure = |event: &TransportEvent| match event {
        TransportEvent::Failed(failure) => Some(failure.clone()),
        _ => None,
    };
    wire.sides[side].events.iter().filter_map(|(_, event)| failure(event)).collect()
}

#[test]
fn media_flows_both_ways_after_four_and_a_half_round_trips() {
    let mut wire = Wire::connected();
    // Half of one until the side that nominates has asked, one of checks, three of DTLS: nobody waits for a nomination.
    assert!(wire.elapsed() <= ms(45), "{:?} at a one-way latency of 5 ms", wire.elapsed());
    wire.media = true;
    wire.run(ms(2000));
    assert_eq!(wire.lost(), [0, 0]);
    assert_eq!(wire.sides[0].sent.len(), 100);
    let stats = wire.sides[0].transport.stats();
    assert_eq!((stats.traffic.packets_sent, stats.traffic.packets_received), (100, 100));
    assert_eq!(stats.srtp_profile, Some("SRTP_AEAD_AES_128_GCM"));
    assert_eq!(stats.usage.traffic, stats.traffic);
    assert_eq!(stats.usage.round_trip, Some(ms(10)));
    assert_eq!(stats.pair.map(|pair| pair.remote), Some(host(address("10.0.0.2:5000"))));
    assert_eq!(wire.sides[0].transport.remote_certificate(), Some(wire.sides[1].certificate.der()));
}

#[test]
fn the_best_pair_is_checked_first_in_whatever_order_addresses_are_told() {
    let [worse, best, worst] = [("10.0.1.1:1", 5), ("10.0.1.2:2", 9), ("10.0.1.3:3", 1)].map(|(at, priority)| {
        let candidate = host(address(at));
        Candidate { priority: priority << 8 | candidate.priority & 0xFF, ..candidate }
    });
    let mut wire = Wire::new();
    wire.sides[1].candidates = vec![worse.clone(), best.clone(), worst.clone()];
    wire.signal(0);
    wire.run(ms(1));
    let checked: Vec<_> = wire.captured.iter().filter(|sent| sent.0 == 0).map(|(_, sent)| sent.peer).collect();
    let address = |candidate: &Candidate| address(&format!("{}:{}", candidate.address, candidate.port));
    assert_eq!(checked, [best, worse, worst].each_ref().map(address));
}

#[test]
fn a_call_comes_up_among_more_than_a_hundred_pairs() {
    for (ours, theirs, latency) in [(12, 12, 5), (12, 12, 75), (2, 80, 30), (3, 60, 5)] {
        let mut wire = Wire::new();
        wire.latency = ms(latency);
        let worse = |net: u8, number: u8| Candidate {
            priority: u32::from(u8::MAX - number),
            ..host(SocketAddr::from(([172, net, number, 1], 5000)))
        };
        for candidate in (1..ours).map(|number| worse(16, number)) {
            let base = address(&format!("{}:5000", candidate.address));
            wire.dead.push(base);
            wire.sides[0].transport.add_local_address(wire.now, candidate, base).unwrap();
        }
        wire.sides[1].candidates.extend((1..theirs).map(|number| worse(17, number)));
        wire.signal(0);
        wire.signal(1);
        assert!(wire.run_until(ms(5000), Wire::is_up), "{ours} x {theirs}: {:?}", wire.states());
    }
}

#[test]
fn rtcp_arrives_decrypted() {
    let mut wire = Wire::connected();
    let report = [0x80, 201, 0, 1, 0, 0, 0, 5];
    assert!(wire.sides[0].transport.send_rtcp(&report));
    wire.run(ms(20));
    assert!(wire.sides[1].saw(&TransportEvent::Rtcp(report.to_vec())));
}

#[test]
fn nothing_is_sent_before_the_far_end_has_proved_who_it_is() {
    let mut wire = Wire::new();
    assert!(!wire.sides[0].transport.send_rtp(&Default::default(), &[1]));
    wire.signal(0);
    wire.signal(1);
    wire.media = true;
    assert!(wire.run_until(ms(5000), Wire::is_up));
    assert!(wire.captured.iter().any(|(_, sent)| sent.payload[0] == 22), "a handshake went by");
    let sent = wire.sides.iter().map(|side| side.sent.len()).sum::<usize>();
    let on_wire = wire.captured.iter().filter(|(_, sent)| sent.payload[0] >= 128).count();
    assert!(sent <= 2 && on_wire <= 2, "only the moment of completion itself");
}

#[test]
fn a_wrong_fingerprint_on_either_side_fails_both_and_each_knows_why() {
    for liar in [0, 1] {
        let mut wire = Wire::new();
        let mut plan = wire.plan(liar);
        let wrong = Fingerprint { algorithm: HashAlgorithm::Sha256, bytes: vec![7; 32] };
        plan.dtls.as_mut().unwrap().fingerprints = vec![wrong];
        wire.apply(liar, &plan);
        wire.signal(1 - liar);
        wire.media = true;
        wire.run(ms(3000));
        assert_eq!(wire.sides[liar].dtls(), DtlsState::Failed, "side {liar} sees a wrong fingerprint");
        assert_eq!(wire.sides[1 - liar].dtls(), DtlsState::Failed, "the other side is told");
        assert_eq!(failures(&wire, liar), [DtlsFailure::Fingerprint]);
        assert_eq!(failures(&wire, 1 - liar), [DtlsFailure::AlertReceived(Some(BAD_CERTIFICATE))]);
        assert_eq!(wire.sides[1 - liar].received.len() + wire.sides[liar].received.len(), 0);
        assert_eq!(wire.sides[liar].transport.remote_certificate(), None);
    }
}

#[test]
fn any_of_several_fingerprints_is_enough() {
    let mut wire = Wire::new();
    let mut plan = wire.plan(0);
    let fingerprints = &mut plan.dtls.as_mut().unwrap().fingerprints;
    fingerprints.insert(0, Fingerprint { algorithm: HashAlgorithm::Sha1, bytes: vec![1; 20] });
    wire.apply(0, &plan);
    wire.signal(1);
    assert!(wire.run_until(ms(5000), Wire::is_up));
}

#[test]
fn applying_a_plan_again_changes_nothing() {
    let mut wire = Wire::connected();
    wire.run(ms(100));
    let events = wire.sides[0].events.len();
    let sent = wire.captured.len();
    for _ in 0..5 {
        wire.signal(0);
        wire.signal(1);
    }
    wire.run(ms(50));
    assert_eq!((wire.sides[0].events.len(), wire.captured.len()), (events, sent));
}

#[test]
fn either_side_may_know_no_candidate_of_the_other() {
    for ignorant in [0, 1] {
        let mut wire = Wire::new();
        let mut plan = wire.plan(ignorant);
        plan.ice.remote_candidates.clear();
        wire.apply(ignorant, &plan);
        wire.signal(1 - ignorant);
        assert!(wire.run_until(ms(3000), Wire::is_up), "side {ignorant} has no candidates");
        wire.media = true;
        wire.run(ms(500));
        assert_eq!(wire.lost(), [0, 0]);
    }
}

#[test]
fn an_address_that_only_checks_have_told_is_peer_reflexive_until_signaling_tells_it() {
    let mut wire = Wire::new();
    let told = wire.plan(0);
    let mut untold = told.clone();
    untold.ice.remote_candidates.clear();
    wire.apply(0, &untold);
    wire.signal(1);
    assert!(wire.run_until(ms(3000), Wire::is_up));
    let pairs = |wire: &Wire| -> Vec<Candidate> {
        let remote = |event: &TransportEvent| match event {
            TransportEvent::SelectedPair(pair) => Some(pair.remote.clone()),
            _ => None,
        };
        wire.sides[0].events.iter().filter_map(|(_, event)| remote(event)).collect()
    };
    let checked = pairs(&wire);
    assert_eq!(checked.last().unwrap().kind, CandidateKind::Prflx);
    assert!(!checked[0].foundation.is_empty(), "RFC 8839 wants one");
    wire.apply(0, &told);
    wire.apply(0, &told);
    wire.run(ms(10));
    assert_eq!(pairs(&wire)[checked.len()..], told.ice.remote_candidates[..1], "told once");
}

#[test]
fn the_role_is_known_before_the_far_end_is() {
    let mut wire = Wire::new();
    for side in [0, 1] {
        let mut early = wire.plan(side);
        early.ice.remote = None;
        early.dtls = None;
        wire.apply(side, &early);
        assert_eq!(wire.sides[side].transport.stats().controlling, early.ice.controlling);
    }
}

#[test]
fn candidates_may_trickle_in_late_and_odd_ones_are_passed_over() {
    let mut wire = Wire::new();
    let good = host(address("10.0.0.2:5000"));
    let odd = ["printer.local", "gateway.example.net", "0.0.0.0", "not an address"];
    let mut tcp = good.clone();
    tcp.protocol = webphone_rtc::negotiation::Protocol::Tcp;
    let mut other_component = good.clone();
    other_component.component = 2;
    let mut other_generation = good.clone();
    other_generation.ufrag = Some("old".to_owned());

    for side in [0, 1] {
        let mut plan = wire.plan(side);
        let template = plan.ice.remote_candidates[0].clone();
        plan.ice.remote_candidates = odd
            .map(|text| (template.clone(), text))
            .map(|(mut c, text)| {
                c.address = text.to_owned();
                c
            })
            .into();
        plan.ice.remote_candidates.extend([tcp.clone(), other_component.clone(), other_generation.clone()]);
        wire.apply(side, &plan);
    }
    wire.run(ms(4000));
    assert!(wire.captured.is_empty(), "no check goes to any of them");
    wire.signal(0);
    assert!(wire.run_until(ms(2000), Wire::is_up));
}

#[test]
fn candidates_that_come_before_the_credentials_are_kept() {
    let mut wire = Wire::new();
    let mut early = wire.plan(0);
    early.ice.remote = None;
    early.dtls = None;
    wire.apply(0, &early);
    assert_eq!(wire.sides[0].ice(), IceState::New);
    wire.run(ms(100));
    wire.connect();
}

#[test]
fn thirty_percent_loss_delays_but_does_not_prevent() {
    let mut wire = Wire::new();
    wire.loss_percent = 30;
    wire.signal(0);
    wire.signal(1);
    assert!(wire.run_until(ms(20_000), Wire::is_up), "{:?}", wire.states());
}

#[test]
fn lost_handshake_flights_heal() {
    for mute in [0, 1] {
        let mut wire = Wire::new();
        wire.signal(0);
        wire.signal(1);
        assert!(wire.run_until(ms(2000), Wire::is_paired));
        wire.cut[mute] = true;
        wire.run(ms(3000));
        assert!(!wire.is_up());
        wire.cut[mute] = false;
        assert!(wire.run_until(ms(15_000), Wire::is_up), "{:?}", wire.states());
    }
}

#[test]
fn a_far_end_that_never_shakes_hands_fails_at_the_deadline() {
    let mut wire = Wire::new();
    wire.signal(0);
    let mut ice_only = wire.plan(1);
    ice_only.dtls = None;
    wire.apply(1, &ice_only);
    wire.run(ms(29_000));
    assert_eq!(wire.sides[0].dtls(), DtlsState::Connecting);
    wire.run(ms(2_000));
    assert_eq!(wire.sides[0].dtls(), DtlsState::Failed);
    assert_eq!(wire.sides[0].ice(), IceState::Connected);
    assert_eq!(failures(&wire, 0), [DtlsFailure::Silence]);
}

#[test]
fn a_handshake_that_does_not_end_is_told_from_one_that_never_began() {
    let mut wire = Wire::new();
    wire.signal(0);
    let mut ice_only = wire.plan(1);
    ice_only.dtls = None;
    wire.apply(1, &ice_only);
    wire.run(ms(1000));
    let from = wire.sides[1].addresses[0];
    wire.forge(0, from, &HALF_A_HANDSHAKE_RECORD);
    wire.run(ms(30_000));
    assert!(matches!(failures(&wire, 0)[..], [DtlsFailure::Unfinished(_)]), "{:?}", failures(&wire, 0));
}

#[test]
fn an_alert_that_ends_a_handshake_is_told_by_its_number() {
    for victim in [0, 1] {
        let mut wire = Wire::new();
        wire.signal(0);
        wire.signal(1);
        assert!(wire.run_until(ms(1000), Wire::is_shaking));
        let from = wire.sides[1 - victim].addresses[0];
        wire.forge(victim, from, &FATAL_HANDSHAKE_FAILURE);
        wire.run(ms(1));
        assert_eq!(failures(&wire, victim), [DtlsFailure::AlertReceived(Some(40))]);
    }
}

#[test]
fn a_controlling_side_with_all_candidates_is_completed() {
    let mut wire = Wire::new();
    for side in [0, 1] {
        let mut plan = wire.plan(side);
        plan.ice.remote_complete = true;
        wire.apply(side, &plan);
    }
    assert!(wire.run_until(ms(5000), Wire::is_up));
    assert_eq!([wire.sides[0].ice(), wire.sides[1].ice()], [IceState::Completed, IceState::Connected]);
    wire.run(ms(20_000));
    let told = |side: usize| {
        wire.sides[side].events.iter().filter_map(|(_, event)| match event {
            TransportEvent::Ice(state) => Some(*state),
            _ => None,
        })
    };
    let once = [IceState::Checking, IceState::Connected, IceState::Completed];
    assert_eq!(told(0).collect::<Vec<_>>(), once, "each state once, by way of 'connected'");
    assert_eq!(told(1).collect::<Vec<_>>(), once[..2]);
}

#[test]
fn close_is_seen_by_the_far_end_at_once_and_reported_once() {
    for closer in [0, 1] {
        let mut wire = Wire::connected();
        let now = wire.now;
        wire.sides[closer].transport.close(now);
        wire.run(ms(6));
        let other = &wire.sides[1 - closer];
        assert!(other.saw(&TransportEvent::PeerClosed));
        assert_eq!(other.dtls(), DtlsState::Closed);
        wire.run(ms(60_000));
        let reports = wire.sides[1 - closer].events.iter().filter(|(_, event)| *event == TransportEvent::PeerClosed);
        assert_eq!(reports.count(), 1);
        assert_eq!(wire.sides[closer].transport.state(), (IceState::Closed, DtlsState::Closed));
        assert_eq!(wire.sides[closer].transport.timeout(), None);
        assert!(!wire.sides[1 - closer].transport.send_rtp(&Default::default(), &[1]));
    }
}

#[test]
fn another_endpoint_may_take_the_call_over() {
    let mut wire = Wire::connected();
    wire.media = true;
    wire.run(ms(500));
    let old = wire.sides[1].certificate.der().to_vec();
    wire.replace(1);
    wire.sides[0].local = credentials("0g1");
    wire.signal(1);
    wire.run(ms(50));
    wire.signal(0);
    let renewed = |wire: &Wire| {
        let seen = wire.sides[0].transport.remote_certificate();
        wire.is_up() && seen == Some(wire.sides[1].certificate.der())
    };
    assert!(wire.run_until(ms(5000), renewed), "{:?}", wire.states());
    assert_ne!(wire.sides[1].certificate.der(), old);
    for side in &mut wire.sides {
        side.sent.clear();
        side.received.clear();
    }
    wire.run(ms(1000));
    assert_eq!(wire.lost(), [0, 0]);
    assert_eq!(failures(&wire, 0), []);
}

/// The handshake of one branch is under way, or over, when another one answers; its datagrams come late. Both may be behind one
/// gateway, with one certificate.
#[test]
fn what_one_branch_of_a_forked_call_still_says_is_nothing_to_another() {
    for role in [DtlsRole::Client, DtlsRole::Server] {
        for (over, one_gateway) in [(false, false), (false, true), (true, false), (true, true)] {
            let case = format!("{role:?}, over: {over}, one gateway: {one_gateway}");
            let mut wire = Wire::new();
            wire.sides[0].role = role;
            wire.sides[1].role = other(role);
            wire.signal(0);
            wire.signal(1);
            let has_begun = |wire: &Wire| wire.captured.iter().filter(|it| is_dtls(it, 1)).count() > 1;
            assert!(wire.run_until(ms(5000), |wire| if over { wire.is_up() } else { has_begun(wire) }), "{case}");
            let late: Vec<_> = wire.captured.iter().filter(|it| is_dtls(it, 1)).map(|it| it.1.clone()).collect();
            let next = if one_gateway { wire.sides[1].certificate.clone() } else { certificate() };
            wire.replace_by(1, address("10.0.0.9:5000"), next);
            wire.sides[1].role = other(role);
            wire.sides[1].association += 1;
            wire.signal(1);
            wire.run(ms(50));
            wire.signal(0);
            let from = wire.elapsed();
            while !wire.is_up() {
                assert!(wire.elapsed() < from + ms(5000), "{case}: {:?}", wire.states());
                wire.run(ms(3));
                late.iter().for_each(|it| wire.forge(0, it.local, &it.payload));
            }
            wire.run(ms(100));
            wire.media = true;
            wire.run(ms(500));
            assert_eq!((wire.lost(), failures(&wire, 0)), ([0, 0], vec![]), "{case}");
            assert_eq!(wire.sides[0].transport.remote_certificate(), Some(wire.sides[1].certificate.der()), "{case}");
        }
    }
}

fn other(role: DtlsRole) -> DtlsRole {
    if role == DtlsRole::Client { DtlsRole::Server } else { DtlsRole::Client }
}

fn is_dtls((from, sent): &(usize, Transmit), side: usize) -> bool {
    *from == side && (20..=63).contains(&sent.payload[0])
}
