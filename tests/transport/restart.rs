//! ICE restarts: media goes on, on whatever pair still works.

use crate::wire::{Wire, address, credentials, host, ms};
use std::collections::BTreeMap;
use webphone_rtc::negotiation::{Candidate, CandidateKind};
use webphone_rtc::rtp::RtpHeader;
use webphone_rtc::transport::{IceState, Traffic, TransportEvent, Usage};

/// Side 0 offers a restart at once, side 1 answers 300 ms later, the answer takes 300 ms back. `remote_meanwhile`: does
/// the offerer's plan still name the old remote credentials while it waits?
fn restart(wire: &mut Wire, remote_meanwhile: bool) {
    restart_by(wire, 0, remote_meanwhile);
}

/// The same, with side `offerer` in the place of side 0.
fn restart_by(wire: &mut Wire, offerer: usize, remote_meanwhile: bool) {
    let answerer = 1 - offerer;
    let mut offered = wire.plan(offerer);
    wire.renew_credentials(offerer, 1);
    offered.ice.local = wire.sides[offerer].local.clone();
    offered.generation = 1;
    if !remote_meanwhile {
        offered.ice.remote = None;
        offered.ice.remote_candidates.clear();
    }
    wire.apply(offerer, &offered);
    wire.run(ms(300));
    wire.renew_credentials(answerer, 1);
    wire.signal(answerer);
    wire.run(ms(300));
    wire.signal(offerer);
}

fn is_restarted(wire: &Wire) -> bool {
    let renewed = |side: usize| {
        let stats = wire.sides[side].transport.stats();
        stats.local_ufrag == wire.sides[side].local.ufrag
            && stats.usage.session > 0
            && stats.usage.responses_received > 0
    };
    wire.is_up() && renewed(0) && renewed(1)
}

#[test]
fn a_restart_loses_no_packet() {
    for remote_meanwhile in [true, false] {
        let mut wire = Wire::connected();
        wire.media = true;
        wire.run(ms(500));
        let changes = wire.sides[0].events.len();
        restart(&mut wire, remote_meanwhile);
        assert!(wire.run_until(ms(2000), is_restarted));
        wire.run(ms(40_000)); // the new pair lives by its own consent
        assert_eq!(wire.lost(), [0, 0]);
        assert!(wire.is_up());
        let states: Vec<_> = wire.sides[0].events[changes..]
            .iter()
            .filter(|(_, event)| matches!(event, TransportEvent::Ice(_) | TransportEvent::Dtls(_)))
            .collect();
        assert!(states.is_empty(), "the application sees no interruption: {states:?}");
    }
}

#[test]
fn counters_of_a_pair_never_go_back_and_a_restart_has_a_pair_of_its_own() {
    let mut wire = Wire::connected();
    wire.media = true;
    let mut last = [BTreeMap::new(), BTreeMap::new()];
    let mut watch = |wire: &mut Wire, steps: u32| {
        for _ in 0..steps {
            wire.run(ms(10));
            for (side, last) in wire.sides.iter().zip(&mut last) {
                let Usage { session, number, .. } = side.transport.stats().usage;
                let now = counters(&side.transport.stats().usage);
                let before = last.insert((session, number), now).unwrap_or_default();
                assert!(now.iter().zip(before).all(|(now, before)| *now >= before), "{before:?} -> {now:?}");
            }
        }
    };
    watch(&mut wire, 300);
    let changes = wire.sides[0].transport.stats().pair_changes;
    restart(&mut wire, false);
    watch(&mut wire, 1000);
    assert!(is_restarted(&wire));
    assert_eq!(wire.sides[0].transport.stats().pair_changes, changes + 1, "although the addresses are the same");
    for (side, last) in wire.sides.iter().zip(last) {
        assert_eq!(last.len(), 2, "{last:?}");
        let Traffic { packets_sent, packets_received, .. } = side.transport.stats().traffic;
        let sum = |counter: usize| last.values().map(|usage| usage[counter]).sum::<u64>();
        // Of what the pair from before carried in the 600 ms of signaling nobody has looked.
        assert!((packets_sent.saturating_sub(40)..=packets_sent).contains(&sum(0)), "{packets_sent}, {last:?}");
        assert!((packets_received.saturating_sub(40)..=packets_received).contains(&sum(1)));
    }
}

/// All that a pair counts, what it sent and received first.
fn counters(usage: &Usage) -> [u64; 10] {
    let Traffic { packets_sent, packets_received, bytes_sent, bytes_received, .. } = usage.traffic;
    [
        packets_sent,
        packets_received,
        bytes_sent,
        bytes_received,
        usage.requests_sent,
        usage.responses_received,
        usage.requests_received,
        usage.responses_sent,
        usage.consent_requests_sent,
        usage.total_round_trip.as_micros() as u64,
    ]
}

#[test]
fn the_pair_in_use_stays_what_it_is_while_a_restart_is_open() {
    let mut wire = Wire::connected();
    let before = wire.sides[0].transport.selected_pair();
    let mut offered = wire.plan(0);
    offered.ice.local = credentials("0g1");
    offered.ice.remote = None;
    offered.ice.remote_candidates.clear();
    wire.apply(0, &offered);
    wire.run(ms(1000));
    assert_eq!(wire.sides[0].transport.selected_pair(), before);
}

#[test]
fn a_restart_comes_through_on_bad_networks() {
    for seed in 0..300 {
        let mut wire = Wire::connected();
        let mut dice = wire.trouble(seed);
        wire.media = true;
        wire.run(ms(500));
        restart(&mut wire, dice.roll(2) == 1);
        assert!(wire.run_until(ms(10_000), is_restarted), "{seed}: {:?}", wire.states());
    }
}

#[test]
fn a_restart_moves_to_a_new_address_without_a_lost_packet() {
    let mut wire = Wire::connected();
    wire.media = true;
    wire.run(ms(500));
    let new = address("10.0.9.1:6000");
    let now = wire.now;
    wire.sides[0].addresses.push(new);
    wire.sides[0].transport.add_local_address(now, host(new), new).unwrap();
    wire.sides[0].transport.remove_local_address(address("10.0.0.1:5000"));
    wire.sides[0].candidates = vec![host(new)];
    restart(&mut wire, true);
    let moved = |wire: &Wire| wire.sides[0].transport.selected_pair().is_some_and(|pair| pair.base == new);
    assert!(wire.run_until(ms(2000), moved));
    wire.run(ms(500));
    assert_eq!(wire.lost(), [0, 0]);
    assert_eq!(wire.sides[1].received_from.last(), Some(&new));
}

#[test]
fn a_restart_revives_a_dead_address() {
    let mut wire = Wire::connected();
    wire.dead.push(address("10.0.0.1:5000"));
    wire.run(ms(40_000));
    assert_eq!(wire.sides[0].ice(), IceState::Failed);
    let new = address("10.0.9.1:6000");
    let now = wire.now;
    wire.sides[0].addresses.push(new);
    wire.sides[0].transport.add_local_address(now, host(new), new).unwrap();
    wire.sides[0].candidates = vec![host(new)];
    restart(&mut wire, false);
    assert!(wire.run_until(ms(3000), is_restarted), "{:?}", wire.states());
    wire.media = true;
    wire.run(ms(500));
    assert_eq!(wire.lost(), [0, 0]);
}

#[test]
fn a_restart_taken_back_leaves_everything_as_it_was() {
    let mut wire = Wire::connected();
    wire.media = true;
    let before = wire.plan(0);
    let mut offered = before.clone();
    offered.ice.local = credentials("0g1");
    wire.apply(0, &offered);
    wire.run(ms(5_000));
    wire.apply(0, &before);
    let usage = wire.sides[0].transport.stats().usage;
    assert!(usage.session == 0 && usage.responses_received > 3, "the session from before goes on: {usage:?}");
    wire.run(ms(60_000));
    assert!(wire.is_up());
    assert_eq!(wire.lost(), [0, 0]);
    let stats = wire.sides[0].transport.stats();
    assert_eq!((stats.local_ufrag, stats.usage.session), (before.ice.local.ufrag, 0));
}

#[test]
fn a_restart_that_is_never_answered_keeps_the_call() {
    let mut wire = Wire::connected();
    wire.media = true;
    let mut offered = wire.plan(0);
    offered.ice.local = credentials("0g1");
    offered.ice.remote = None;
    wire.apply(0, &offered);
    wire.run(ms(120_000));
    assert!(wire.is_up(), "{:?}", wire.states());
    assert_eq!(wire.lost(), [0, 0]);
}

#[test]
fn a_restart_that_finds_no_pair_keeps_the_call_and_is_given_up() {
    let mut wire = Wire::connected();
    wire.media = true;
    let mut offered = wire.plan(0);
    offered.ice.local = credentials("0g1");
    offered.ice.remote = Some(credentials("1g1")); // which the far end has not
    wire.apply(0, &offered);
    wire.run(ms(60_000));
    assert!(wire.is_up(), "{:?}", wire.states());
    assert_eq!(wire.lost(), [0, 0]);
    wire.cut = [true, true];
    wire.run(ms(10_000));
    assert_eq!(wire.sides[0].ice(), IceState::Disconnected, "the pair from before has its 30 s");
    wire.run(ms(30_000));
    assert_eq!(wire.sides[0].ice(), IceState::Failed);
    wire.cut = [false, false];
    assert!(wire.run_until(ms(3000), Wire::is_up), "{:?}", wire.states());
}

#[test]
fn a_pair_that_answers_again_while_a_restart_is_open_is_connected_again() {
    for (silence, lost) in [(8_000, IceState::Disconnected), (40_000, IceState::Failed)] {
        for answered in [true, false] {
            let mut wire = Wire::connected();
            wire.cut = [true, true];
            wire.run(ms(silence));
            assert_eq!(wire.sides[0].ice(), lost);
            let mut offered = wire.plan(0);
            offered.ice.local = credentials("0g1");
            offered.ice.remote = answered.then(|| credentials("1g1"));
            wire.apply(0, &offered);
            assert_eq!(wire.sides[0].ice(), if answered { IceState::Checking } else { lost });
            wire.cut = [false, false];
            assert!(wire.run_until(ms(3000), Wire::is_up), "{:?}", wire.states());
            assert!(wire.sides[0].transport.send_rtp(&Default::default(), &[1]));
        }
    }
}

#[test]
fn a_far_end_that_alone_changes_its_credentials_is_reached_from_our_relayed_address() {
    let mut wire = Wire::new();
    wire.dead.push(address("10.0.0.1:5000"));
    let relayed = address("203.0.113.9:7000");
    let candidate = Candidate { kind: CandidateKind::Relay, priority: 100, ..host(relayed) };
    wire.sides[0].transport.add_local_address(wire.now, candidate.clone(), relayed).unwrap();
    wire.sides[0].addresses.push(relayed);
    wire.sides[0].candidates.push(candidate);
    wire.connect();
    wire.media = true;
    wire.run(ms(1000));
    wire.renew_credentials(1, 1);
    wire.signal(1);
    wire.signal(0);
    assert!(wire.run_until(ms(3000), is_restarted), "{:?}", wire.states());
    wire.run(ms(40_000));
    assert!(wire.is_up(), "{:?}", wire.states());
    assert_eq!(wire.lost(), [0, 0]);
}

#[test]
fn a_restart_that_the_controlled_side_offers_loses_no_packet() {
    let mut wire = Wire::connected();
    wire.media = true;
    wire.run(ms(500));
    restart_by(&mut wire, 1, false);
    assert!(wire.run_until(ms(2000), is_restarted));
    wire.run(ms(40_000));
    assert!(wire.is_up(), "{:?}", wire.states());
    assert_eq!(wire.lost(), [0, 0]);
}

#[test]
fn packets_that_could_not_go_out_leave_no_hole_in_the_numbers() {
    let mut wire = Wire::connected();
    let header = |sequence| RtpHeader { payload_type: 0, ssrc: 7, sequence, ..RtpHeader::default() };
    assert!(wire.sides[0].transport.send_rtp(&header(65_000), &[9; 80]));
    wire.run(ms(100));
    wire.cut = [true, true];
    assert!(wire.run_until(ms(60_000), |wire| wire.states()[0].0 == IceState::Failed));
    // Eleven minutes of 20 ms packets are more than half of all numbers.
    for n in 0..33_000_u16 {
        assert!(!wire.sides[0].transport.send_rtp(&header(65_001_u16.wrapping_add(n)), &[9; 80]));
    }
    wire.cut = [false, false];
    restart(&mut wire, false);
    assert!(wire.run_until(ms(5000), Wire::is_up));
    wire.sides[1].received.clear();
    for n in 33_000..33_100_u16 {
        assert!(wire.sides[0].transport.send_rtp(&header(65_001_u16.wrapping_add(n)), &[9; 80]));
    }
    wire.run(ms(100));
    assert_eq!(wire.sides[1].received, (65_001..65_101).collect::<Vec<u16>>());
}
