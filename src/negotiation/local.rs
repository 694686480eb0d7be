//! setLocalDescription, and what both directions do when a negotiation ends (RFC 8829 section 5.9 and 5.11, W3C
//! section 4.4.1.5).
//!
//! Invariant: only the text that createOffer or createAnswer made last can be set, changed within the bounds of [`munge`].

use super::answer;
use super::codec;
use super::description::Draft;
use super::munge;
use super::offer;
use super::plan::IceCredentials;
use super::random::Random;
use super::slot::{Content, Negotiated, Slot};
use super::state::State;
use super::transport::Transport;
use super::types::{Direction, OfferOptions, SdpType, SignalingState, TransportId};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// Sets our description; an empty text stands for the one that would be made now.
pub(super) fn set(state: &mut State, random: &mut dyn Random, ty: SdpType, sdp: &str) -> Result<()> {
    use SignalingState::{HaveLocalOffer, HaveLocalPrAnswer, HaveRemoteOffer, Stable};
    match (ty, state.signaling) {
        (SdpType::Rollback, _) => state.roll_back(),
        (SdpType::Offer, Stable | HaveLocalOffer) => set_offer(state, random, sdp),
        (SdpType::Answer | SdpType::PrAnswer, HaveRemoteOffer | HaveLocalPrAnswer) => {
            set_answer(state, random, ty, sdp)
        }
        _ => Err(Error::new(ErrorKind::InvalidState, "a local description of this type cannot be set now")),
    }
}

fn set_offer(state: &mut State, random: &mut dyn Random, sdp: &str) -> Result<()> {
    if sdp.is_empty() && !is_current(state, state.last_offer.as_ref()) {
        offer::create(state, random, OfferOptions::default())?;
    }
    let mut draft = take_draft(state.last_offer.take(), sdp)?;
    state.open_negotiation();
    take_into_use(state, &mut draft, true);
    state.pending_local = Some(draft.description.clone());
    state.signaling = SignalingState::HaveLocalOffer;
    state.last_offer = Some(draft);
    Ok(())
}

fn set_answer(state: &mut State, random: &mut dyn Random, ty: SdpType, sdp: &str) -> Result<()> {
    if sdp.is_empty() && !is_current(state, state.last_answer.as_ref()) {
        answer::create(state, random)?;
    }
    let mut draft = take_draft(state.last_answer.take(), sdp)?;
    take_into_use(state, &mut draft, false);
    draft.description.ty = ty;
    state.pending_local = Some(draft.description.clone());
    settle(state, false, ty);
    if ty == SdpType::PrAnswer {
        state.signaling = SignalingState::HaveLocalPrAnswer;
        state.last_answer = Some(draft);
    } else {
        state.current_local = state.pending_local.take();
        state.current_remote = state.pending_remote.take();
    }
    Ok(())
}

/// The draft still says what a new one would.
fn is_current(state: &State, draft: Option<&Draft>) -> bool {
    draft.is_some_and(|draft| draft.revision == state.revision)
}

/// What was made last, as the application has changed it; an empty text changes nothing.
fn take_draft(draft: Option<Draft>, sdp: &str) -> Result<Draft> {
    let mut draft = draft.ok_or_else(munge::modified)?;
    if !sdp.is_empty() && draft.text != sdp {
        munge::apply(&mut draft, sdp)?;
    }
    Ok(draft)
}

/// Makes the draft's sections and credentials the agreement's.
fn take_into_use(state: &mut State, draft: &mut Draft, we_offer: bool) {
    state.version = draft.version;
    state.next_mid = state.next_mid.max(draft.next_mid);
    // A line that is used again may stand before the one whose transport it joins.
    let held = draft.slots.iter().zip(&draft.description.sections);
    let mut by_ufrag: BTreeMap<&str, TransportId> = held
        .filter_map(|(slot, section)| Some((section.credentials.as_ref()?.ufrag.as_str(), slot.transport?)))
        .collect();
    for (slot, section) in draft.slots.iter_mut().zip(&draft.description.sections) {
        let Some(credentials) = &section.credentials else { continue };
        let id = match slot.transport.or_else(|| by_ufrag.get(credentials.ufrag.as_str()).copied()) {
            Some(id) => id,
            None => transport_for(state, credentials, we_offer),
        };
        by_ufrag.insert(&credentials.ufrag, id);
        slot.transport = Some(id);
        if let Some(transport) = state.agreement.transports.get_mut(&id) {
            transport.use_credentials(credentials, we_offer);
        }
    }
    state.agreement.slots.clone_from(&draft.slots);
}

/// The transport with these credentials, or a new one.
fn transport_for(state: &mut State, credentials: &IceCredentials, we_offer: bool) -> TransportId {
    let known = state.agreement.transports.iter().find(|(_, transport)| transport.local == *credentials);
    match known.map(|(id, _)| *id) {
        Some(id) => id,
        None => state.new_transport(Transport::new(credentials.clone(), we_offer)),
    }
}

/// An answer of either end was applied: media, DTLS and transports follow it.
pub(super) fn settle(state: &mut State, we_offered: bool, ty: SdpType) {
    let mut slots = std::mem::take(&mut state.agreement.slots);
    for slot in &mut slots {
        settle_slot(state, slot, we_offered, ty);
    }
    state.agreement.slots = slots;
    for transport in state.agreement.transports.values_mut() {
        transport.settle_dtls(we_offered, ty == SdpType::PrAnswer);
    }
    if ty == SdpType::Answer {
        close_negotiation(state);
    }
}

fn settle_slot(state: &mut State, slot: &mut Slot, we_offered: bool, ty: SdpType) {
    if slot.rejected {
        slot.negotiated = None;
        if ty == SdpType::PrAnswer {
            return;
        }
        slot.transport = None;
        if let Some(Ok(transceiver)) = slot.transceiver().map(|id| state.transceiver_mut(id)) {
            transceiver.end();
        }
        slot.content = Content::Refused;
        return;
    }
    let features = state.config.features;
    let Some((local, remote)) = slot.local.clone().zip(slot.remote.clone()) else { return };
    let Some(Ok(transceiver)) = slot.transceiver().map(|id| state.transceiver_mut(id)) else { return };
    let direction = local.direction.intersect(remote.direction.unwrap_or(Direction::Inactive));
    transceiver.ever_sent |= direction.sends();
    slot.negotiated = Some(Negotiated {
        we_offered,
        direction,
        send_codecs: codec::common(transceiver.kind, &features, &remote.codecs, &local.codecs),
        recv_codecs: codec::common(transceiver.kind, &features, &local.codecs, &remote.codecs),
        local,
        remote,
    });
}

/// Back to stable with the new agreement.
fn close_negotiation(state: &mut State) {
    let used: Vec<_> = state.agreement.slots.iter().filter_map(|slot| slot.transport).collect();
    state.agreement.transports.retain(|id, _| used.contains(id));
    for index in 0..state.transceivers.len() {
        let stopping = state.transceivers[index].stopping;
        if stopping && state.slot_of(state.transceivers[index].id).is_none() {
            state.transceivers[index].end();
        }
    }
    state.forget_stopped();
    let ufrags = state.agreement.transports.values().map(|transport| &transport.local.ufrag);
    if !ufrags.into_iter().any(|ufrag| state.replace.contains(ufrag)) {
        state.replace.clear();
    }
    state.signaling = SignalingState::Stable;
    state.stable = None;
    state.offered = None;
    state.last_offer = None;
    state.last_answer = None;
}
