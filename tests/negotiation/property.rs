//! Properties of negotiation under any interleaving of operations, drawn at random; a failure shrinks to a few of them.

use crate::operations::{Act, Op, any_call, converge};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use webphone_rtc::negotiation::{Direction, Kind};

fn ops(longest: usize) -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(any::<[u8; 3]>().prop_map(Op::from), 1..longest)
}

/// The same cases in each run; `fuzz/` looks for others.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(2026), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(5000))]

    #[test]
    fn two_ends_agree_in_the_end_whatever_happens_in_between(ops in ops(60)) {
        converge(&ops);
    }

    #[test]
    fn any_call_in_any_state_does_what_it_is_asked_or_changes_nothing(ops in ops(60)) {
        any_call(&ops);
    }
}

// What the properties have found, and what they found it by.

const OFFER: Act = Act::Offer { ice_restart: false, implicit: false };
const ANSWER: Act = Act::Answer { provisional: false, implicit: false };

fn play(acts: &[(usize, Act)]) {
    converge(&acts.iter().map(|(end, act)| Op { end: *end, act: *act }).collect::<Vec<_>>());
}

#[test]
fn a_line_that_our_preferences_refuse_does_not_lend_its_transport_to_its_group() {
    let two_lines = [(0, Act::AddTrack(Kind::Audio)), (0, Act::AddTransceiver(Kind::Audio, Direction::SendRecv))];
    // The first line has opus, RED, telephone-event and none of the others; the far end wants anything else there.
    let apart = [(1, Act::AddTrack(Kind::Audio)), (0, Act::Prefer(0, 99)), (1, Act::Prefer(0, 0b0001_1100))];
    play(&[&two_lines[..], &apart[..]].concat());
    // The preferences come between the offer and our answer.
    let late = [(0, OFFER), (1, Act::Receive), (1, Act::Prefer(0, 0b0001_1100)), (1, ANSWER)];
    play(&[&two_lines[..], &apart[..2], &late[..]].concat());
}

#[test]
fn a_line_offered_beside_the_end_of_the_only_one_has_a_transport_of_its_own() {
    let audio = Act::AddTrack(Kind::Audio);
    play(&[(1, audio), (1, OFFER), (0, Act::Receive), (0, Act::Stop(0)), (0, audio)]);
}

#[test]
fn a_line_used_again_before_the_one_whose_transport_it_joins_restarts_ice_with_it() {
    let (audio, video) = (Act::AddTrack(Kind::Audio), Act::AddTrack(Kind::Video));
    let call = [(0, audio), (0, OFFER), (1, Act::Receive), (1, ANSWER), (1, video), (1, OFFER)];
    let again = Act::AddTransceiver(Kind::Audio, Direction::SendRecv);
    play(&[&call[..], &[(1, again), (1, Act::RestartIce), (0, Act::Stop(0))]].concat());
}
