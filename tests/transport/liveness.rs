//! Consent: a far end that has gone is noticed, one that comes back is taken back.

use crate::wire::{Wire, ms};
use webphone_rtc::transport::{IceState, TransportEvent};

#[test]
fn a_vanished_far_end_is_disconnected_then_failed_and_may_come_back() {
    let mut wire = Wire::connected();
    wire.media = true;
    wire.run(ms(1000));
    wire.cut[1] = true;
    let vanished = wire.elapsed();
    wire.run(ms(40_000));
    let side = &wire.sides[0];
    let disconnected = side.when(&TransportEvent::Ice(IceState::Disconnected)).unwrap() - vanished;
    let failed = side.when(&TransportEvent::Ice(IceState::Failed)).unwrap() - vanished;
    assert!(ms(2_000) <= disconnected && disconnected <= ms(5_000), "{disconnected:?}");
    assert!(ms(27_000) <= failed && failed <= ms(30_000), "{failed:?}");
    assert!(!wire.sides[0].transport.send_rtp(&Default::default(), &[1]), "without consent nothing is sent");

    wire.cut[1] = false;
    let back = |wire: &Wire| wire.sides[0].ice() == IceState::Connected;
    assert!(wire.run_until(ms(3_000), back));
    wire.sides[0].sent.clear();
    wire.sides[1].sent.clear();
    wire.run(ms(500));
    assert_eq!(wire.lost(), [0, 0]);
}

#[test]
fn some_lost_answers_do_not_disconnect() {
    let mut wire = Wire::connected();
    for _ in 0..100 {
        wire.cut = [true, true];
        // Three to five requests. The last answer is up to 2.4 s older, and the next one comes up to 0.6 s later.
        wire.run(ms(1_900));
        wire.cut = [false, false];
        wire.run(ms(2_700));
    }
    assert!(!wire.sides.iter().any(|side| side.saw(&TransportEvent::Ice(IceState::Disconnected))));
}

#[test]
fn without_any_pair_ice_fails_after_thirty_seconds() {
    let mut wire = Wire::new();
    wire.cut = [true, true];
    wire.signal(0);
    wire.run(ms(29_000));
    assert_eq!(wire.sides[0].ice(), IceState::Checking);
    wire.run(ms(2_000));
    assert_eq!(wire.sides[0].ice(), IceState::Failed);
    let checks = wire.captured.len();
    assert!((50..150).contains(&checks), "{checks} checks: fast at first, then slower");
    wire.run(ms(60_000));
    assert_eq!(wire.captured.len(), checks, "nothing more goes out");
}

#[test]
fn a_far_end_that_is_there_only_after_the_failure_still_connects() {
    let mut wire = Wire::new();
    wire.cut = [true, true];
    wire.signal(0);
    wire.run(ms(40_000));
    assert_eq!(wire.sides[0].ice(), IceState::Failed);
    wire.cut = [false, false];
    wire.signal(1);
    assert!(wire.run_until(ms(5_000), Wire::is_paired), "{:?}", wire.states());
}

#[test]
fn a_quiet_call_wakes_up_for_consent_alone() {
    let mut wire = Wire::connected();
    wire.run(ms(5_000));
    let mut wakes = 0;
    let end = wire.now + ms(60_000);
    while wire.now < end {
        let next = wire.sides.iter().filter_map(|side| side.transport.timeout()).min().unwrap();
        let step = next.saturating_duration_since(wire.now) + ms(1);
        wire.run(step);
        wakes += 1;
    }
    assert!(wakes <= 160, "{wakes} wake-ups of two transports in 60 s, answers included");
}

#[test]
fn the_round_trip_time_is_measured() {
    let mut wire = Wire::connected();
    wire.latency = ms(40);
    wire.run(ms(10_000));
    let stats = wire.sides[0].transport.stats().usage;
    assert_eq!(stats.round_trip, Some(ms(80)));
    assert!(stats.consent_requests_sent >= 3 && stats.responses_received >= stats.consent_requests_sent);
}
