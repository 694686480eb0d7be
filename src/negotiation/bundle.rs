//! Which transport each m-line has: BUNDLE as the far end describes it (RFC 8843, RFC 8829 section 5.10 and 5.11).
//!
//! Invariant: lines of one group are on one transport, and its ICE and DTLS lines are those of the first line of the
//! group that the answer keeps.

use super::codec;
use super::random::Random;
use super::sdp::{Section, Session};
use super::slot::Slot;
use super::state::State;
use super::transport::{RemoteIce, Transport, credentials};
use super::types::{Kind, TransportId};
use crate::error::{Error, ErrorKind, Result};

/// Transports that a far end's offers may ask for: sound and pictures have two where it knows no BUNDLE.
const MAX_TRANSPORTS: usize = 16;

/// What we could do with a section of the far end.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Use {
    Media(Kind),
    Data,
    Nothing,
}

pub(super) fn use_of(state: &State, session: &Session, index: usize) -> Use {
    let section = &session.sections[index];
    match Kind::from_media(&section.media) {
        _ if !is_live(session, index) => Use::Nothing,
        Some(kind) if section.is_rtp() && state.is_negotiable(kind) => Use::Media(kind),
        None if state.config.features.data && is_data(session, index) => Use::Data,
        _ => Use::Nothing,
    }
}

/// One association carries all data channels, so a second section for them has nothing to do; port 0 ends the
/// association (RFC 8841 section 5.2).
fn is_data(session: &Session, index: usize) -> bool {
    let is_data = |index: usize| {
        let section = &session.sections[index];
        section.is_data() && section.sctp_port != Some(0) && is_live(session, index)
    };
    is_data(index) && !(0..index).any(is_data)
}

/// What we could do with each section of an offer. Sections that would need one transport too many are left: each has sockets of
/// its own, and of the system there are few.
pub(super) fn uses_of(state: &State, session: &Session) -> Vec<Use> {
    let groups = session.bundles.len();
    let has_one = |index: usize| state.agreement.slots.get(index).is_some_and(|slot| !slot.rejected);
    let mut transports = Vec::new();
    let mut limited = |index: usize| {
        let what = use_of(state, session, index);
        let transport = group_at(session, index).unwrap_or(groups + index);
        if what == Use::Nothing || transports.contains(&transport) {
            return what;
        }
        if transports.len() >= MAX_TRANSPORTS && !has_one(index) {
            return Use::Nothing;
        }
        transports.push(transport);
        what
    };
    (0..session.sections.len()).map(&mut limited).collect()
}

/// Port 0 means refused, unless the section waits for the transport of its group (RFC 8843 section 6).
pub(super) fn is_live(session: &Session, index: usize) -> bool {
    let section = &session.sections[index];
    section.port != 0 || section.bundle_only && group_at(session, index).is_some()
}

/// Sections that can be the first of their group: the answer will not refuse them.
pub(super) fn leads(state: &State, session: &Session, uses: &[Use]) -> Vec<bool> {
    let leads = |(index, (section, what)): (usize, (&Section, &Use))| match what {
        Use::Nothing => false,
        _ if section.bundle_only => false,
        Use::Data => true,
        Use::Media(kind) => {
            let slot = state.agreement.slots.get(index).filter(|slot| !slot.rejected);
            let transceiver = slot.and_then(Slot::transceiver).and_then(|id| state.transceiver(id).ok());
            let features = &state.config.features;
            let preferred = transceiver.and_then(|transceiver| transceiver.rows(features));
            let common = codec::answered(preferred.as_deref(), *kind, features, &section.codecs);
            !common.is_empty() && !transceiver.is_some_and(|transceiver| transceiver.stopped)
        }
    };
    session.sections.iter().zip(uses).enumerate().map(leads).collect()
}

/// Which group section `index` is in.
fn group_at(session: &Session, index: usize) -> Option<usize> {
    let mid = session.sections[index].mid.as_ref()?;
    session.bundles.iter().position(|group| group.contains(mid))
}

/// The group that section `index` is in, as indexes.
fn group_of(session: &Session, index: usize) -> Option<Vec<usize>> {
    let group = &session.bundles[group_at(session, index)?];
    let position = |mid: &String| session.sections.iter().position(|section| section.mid.as_ref() == Some(mid));
    Some(group.iter().filter_map(position).collect())
}

/// The section whose ICE and DTLS lines count for section `index`: the first of its group that can lead it.
pub(super) fn carrier(session: &Session, leads: &[bool], index: usize) -> usize {
    let first = group_of(session, index).and_then(|group| group.into_iter().find(|member| leads[*member]));
    first.unwrap_or(index)
}

/// Gives every live line of an offer its transport, and the transports the far end's side.
pub(super) fn apply_offered_transports(state: &mut State, random: &mut dyn Random, session: &Session, uses: &[Use]) {
    let leads = leads(state, session, uses);
    state.agreement.bundle = None;
    for index in (0..uses.len()).filter(|index| uses[*index] != Use::Nothing) {
        let holder = carrier(session, &leads, index);
        let known = known_transport(state, session, holder);
        let shared = known.is_some_and(|id| holder == index && is_shared_before(state, session, index, id));
        let id = known.filter(|_| !shared).unwrap_or_else(|| new_remote_transport(state, random));
        state.agreement.slots[holder].transport = Some(id);
        state.agreement.slots[index].transport = Some(id);
        if holder == index {
            apply_remote_transport(state, id, session, index);
            offer_restart(state, random, id);
        }
        if group_of(session, index).is_some() {
            state.agreement.bundle.get_or_insert(id);
        }
    }
}

/// The transport that a line, or another of its group, has already.
fn known_transport(state: &State, session: &Session, holder: usize) -> Option<TransportId> {
    let of = |index: &usize| {
        let slot = state.agreement.slots.get(*index).filter(|slot| !slot.rejected)?;
        slot.transport.filter(|id| state.agreement.transports.contains_key(id))
    };
    of(&holder).or_else(|| group_of(session, holder)?.iter().find_map(of))
}

/// Before our answer: lines whose transceiver was stopped meanwhile, or has other codecs now, no longer lead their group.
pub(super) fn reassign(state: &mut State, random: &mut dyn Random) {
    let Some(session) = state.pending_remote.as_ref().map(|remote| remote.session.clone()) else { return };
    let uses = uses_of(state, &session);
    let leads = leads(state, &session, &uses);
    let refused = |index: usize| matches!(uses[index], Use::Media(_)) && !leads[index];
    if (0..uses.len()).any(|index| !session.sections[index].bundle_only && refused(index)) {
        apply_offered_transports(state, random, &session, &uses);
    }
}

/// An earlier line outside this line's group has the transport: this line has left that group.
fn is_shared_before(state: &State, session: &Session, index: usize, id: TransportId) -> bool {
    let group = group_of(session, index).unwrap_or_default();
    let mut earlier = state.agreement.slots[..index].iter().enumerate().filter(|(other, _)| !group.contains(other));
    earlier.any(|(_, slot)| !slot.rejected && slot.transport == Some(id))
}

fn new_remote_transport(state: &mut State, random: &mut dyn Random) -> TransportId {
    let local = credentials(random);
    state.new_transport(Transport::new(local, false))
}

fn apply_remote_transport(state: &mut State, id: TransportId, session: &Session, index: usize) {
    let before = state.stable.as_ref().and_then(|stable| stable.transports.get(&id));
    let before: Option<RemoteIce> = before.and_then(|transport| transport.remote.clone());
    if let Some(transport) = state.agreement.transports.get_mut(&id) {
        transport.apply_remote(&session.sections[index], session.ice_lite, before.as_ref());
    }
}

/// The far end restarts ICE: our answer will have new credentials (RFC 8839 section 4.4.1.1).
fn offer_restart(state: &mut State, random: &mut dyn Random, id: TransportId) {
    if let Some(transport) = state.agreement.transports.get_mut(&id) {
        transport.next_local = transport.remote_restarted.then(|| credentials(random));
    }
}

/// Lines that the answer bundles share the transport of the first of them.
pub(super) fn collapse_transports(state: &mut State, session: &Session, uses: &[Use]) -> Result<()> {
    let mut bundled = None;
    let mut held: Vec<TransportId> = Vec::new();
    let leads = leads(state, session, uses);
    for index in (0..uses.len()).filter(|index| uses[*index] != Use::Nothing) {
        let holder = carrier(session, &leads, index);
        let id = state.agreement.slots[holder].transport;
        state.agreement.slots[index].transport = id;
        bundled = bundled.or(id.filter(|_| group_of(session, index).is_some()));
        if let Some(id) = id.filter(|_| holder == index) {
            if held.contains(&id) {
                return Err(Error::new(
                    ErrorKind::InvalidAccess,
                    "the answer does not bundle sections that have one transport",
                ));
            }
            held.push(id);
            apply_remote_transport(state, id, session, index);
        }
    }
    state.agreement.bundle = bundled;
    Ok(())
}
