//! W3C "check if negotiation is needed" (section 4.7.3).
//!
//! Invariant: compares what the application wants with the last agreement, never with an open negotiation.

use super::slot::{Content, Negotiated, Slot};
use super::state::State;
use super::transceiver::Transceiver;
use super::types::{Direction, SignalingState};

/// An offer would change something.
pub(super) fn check(state: &State) -> bool {
    if state.signaling == SignalingState::Closed {
        return false;
    }
    let agreement = state.stable.as_deref().unwrap_or(&state.agreement);
    let lacks_data = state.wants_data && !agreement.slots.iter().any(|slot| slot.content == Content::Data);
    !state.replace.is_empty()
        || lacks_data
        || state.transceivers.iter().any(|transceiver| wants_offer(state, &agreement.slots, transceiver))
}

fn wants_offer(state: &State, slots: &[Slot], transceiver: &Transceiver) -> bool {
    if transceiver.stopped || !state.is_negotiable(transceiver.kind) {
        return false;
    }
    if transceiver.stopping {
        return true;
    }
    let slot = slots.iter().find(|slot| slot.content == Content::Media(transceiver.id));
    slot.and_then(|slot| slot.negotiated.as_ref()).is_none_or(|negotiated| differs(transceiver, negotiated))
}

/// Streams or direction are not what was negotiated.
fn differs(transceiver: &Transceiver, negotiated: &Negotiated) -> bool {
    let announced = |streams: &Vec<String>| {
        streams.len() == transceiver.streams.len() && streams.iter().all(|it| transceiver.streams.contains(it))
    };
    if transceiver.direction.sends() && !negotiated.local.announced.as_ref().is_some_and(announced) {
        return true;
    }
    let remote = negotiated.remote.direction.unwrap_or(Direction::Inactive);
    if negotiated.we_offered {
        transceiver.direction != negotiated.local.direction && transceiver.direction != remote
    } else {
        transceiver.direction.intersect(remote) != negotiated.local.direction
    }
}
