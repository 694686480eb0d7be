//! setRemoteDescription (RFC 8829 section 5.10 and 5.11, W3C section 4.4.1.6).
//!
//! Invariant: nothing is applied before the whole description was found sound.

use super::bundle::{Use, apply_offered_transports, carrier, collapse_transports, is_live, leads, use_of, uses_of};
use super::codec;
use super::description::{RemoteDescription, RemoteSection};
use super::extension::Extension;
use super::local::settle;
use super::random::{self, Random};
use super::sdp::{self, Section, Session};
use super::slot::{Content, RemoteMedia, Slot};
use super::state::State;
use super::transceiver::{Origin, Transceiver};
use super::types::{Direction, Kind, SdpType, SignalingState, TransceiverId};
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;

/// Payload types that look like RTCP packet types when both share a port (RFC 5761 section 4).
const RTCP_RANGE: std::ops::RangeInclusive<u8> = 64..=95;

/// Sets the far end's description.
pub(super) fn set(state: &mut State, random: &mut dyn Random, ty: SdpType, text: &str) -> Result<()> {
    use SignalingState::{HaveLocalOffer, HaveRemoteOffer, HaveRemotePrAnswer, Stable};
    match (ty, state.signaling) {
        (SdpType::Rollback, _) => state.roll_back(),
        (SdpType::Offer, Stable | HaveRemoteOffer) => set_offer(state, random, text),
        (SdpType::Offer, HaveLocalOffer) => {
            state.roll_back()?;
            set_offer(state, random, text)
        }
        (SdpType::Answer | SdpType::PrAnswer, HaveLocalOffer | HaveRemotePrAnswer) => {
            set_answer(state, random, ty, text)
        }
        _ => Err(Error::new(ErrorKind::InvalidState, "a remote description of this type cannot be set now")),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidAccess, message)
}

fn set_offer(state: &mut State, random: &mut dyn Random, text: &str) -> Result<()> {
    let session = sdp::parse(text)?;
    check_mids(&session)?;
    let uses = uses_of(state, &session);
    check_transports(state, &session, &uses)?;
    if session.sections.len() < state.agreement.slots.len() {
        return Err(invalid("the offer has fewer m= sections than the session"));
    }
    check_continuity(state, &session)?;
    state.open_negotiation();
    let mut lines = Vec::new();
    for (index, (section, what)) in session.sections.iter().zip(&uses).enumerate() {
        apply_offered_section(state, random, index, &session, *what)?;
        lines.push(RemoteSection::new(&state.agreement.slots[index], section));
    }
    apply_offered_transports(state, random, &session, &uses);
    state.agreement.offered_bundles.clone_from(&session.bundles);
    state.pending_remote = Some(described(SdpType::Offer, text, session, lines));
    state.signaling = SignalingState::HaveRemoteOffer;
    state.last_offer = None;
    state.last_answer = None;
    Ok(())
}

fn described(ty: SdpType, text: &str, session: Session, sections: Vec<RemoteSection>) -> RemoteDescription {
    let trickles = session.sections.iter().any(|section| section.shared.trickles);
    RemoteDescription { ty, text: text.to_owned(), session: Arc::new(session), trickles, sections }
}

/// mids are unique and groups name existing ones, each once (RFC 8843 section 7.2).
fn check_mids(session: &Session) -> Result<()> {
    let mut mids: Vec<&String> = session.sections.iter().filter_map(|section| section.mid.as_ref()).collect();
    let count = mids.len();
    mids.sort();
    mids.dedup();
    if mids.len() < count {
        return Err(invalid("two m= sections have the same mid"));
    }
    let mut grouped: Vec<&String> = Vec::new();
    for mid in session.bundles.iter().flatten() {
        if !mids.contains(&mid) || grouped.contains(&mid) {
            return Err(invalid(format!("BUNDLE names mid {mid}, which does not exist or is in another group")));
        }
        grouped.push(mid);
    }
    Ok(())
}

/// Each transport in use has ICE credentials and a fingerprint; RTP shares its port with RTCP.
fn check_transports(state: &State, session: &Session, uses: &[Use]) -> Result<()> {
    let leads = leads(state, session, uses);
    for (index, section) in session.sections.iter().enumerate().filter(|(index, _)| uses[*index] != Use::Nothing) {
        let holder = &session.sections[carrier(session, &leads, index)];
        if holder.credentials().is_none() {
            return Err(invalid("section without ice-ufrag and ice-pwd"));
        }
        if holder.shared.fingerprints.is_empty() {
            return Err(invalid("section without a DTLS fingerprint that can be checked"));
        }
        // Gateways of 2016 have a second port for RTCP and do not mux; their calls work with RTP alone.
        let second_port = section.candidates.iter().any(|candidate| candidate.component == 2)
            || section.rtcp_port.is_some_and(|port| port != section.port && port != 9);
        let unmuxed = section.is_rtp() && !section.rtcp_mux && !holder.rtcp_mux;
        if state.config.rtcp_mux_require && unmuxed && !second_port {
            return Err(invalid("section without rtcp-mux"));
        }
        if !unmuxed && section.codecs.iter().any(|codec| RTCP_RANGE.contains(&codec.payload_type)) {
            return Err(invalid("section with a payload type that means RTCP under rtcp-mux"));
        }
    }
    Ok(())
}

/// A line in use keeps its media type until it was refused (RFC 8829 section 5.10).
fn check_continuity(state: &State, session: &Session) -> Result<()> {
    for (slot, section) in state.agreement.slots.iter().zip(&session.sections) {
        if slot.media != section.media && !slot.rejected && slot.content != Content::Refused {
            return Err(invalid("the offer changes the media type of an m= section that is in use"));
        }
    }
    Ok(())
}

fn apply_offered_section(
    state: &mut State,
    random: &mut dyn Random,
    index: usize,
    session: &Session,
    what: Use,
) -> Result<()> {
    let section = &session.sections[index];
    let slot = match state.agreement.slots.get(index) {
        Some(slot) if is_same_line(slot, section, what) => slot.clone(),
        _ => new_slot(state, random, index, session, what)?,
    };
    let mut slot = adopt_mid(state, slot, index, section);
    slot.protocol.clone_from(&section.protocol);
    slot.formats.clone_from(&section.formats);
    slot.rejected = what == Use::Nothing;
    if slot.rejected {
        slot.remote = None;
        if let Some(id) = slot.transceiver() {
            state.transceiver_mut(id)?.end();
        }
    } else {
        let heard = remote_media(state, random, &slot, section)?;
        slot.remember_codecs(&heard.codecs);
        slot.remote = Some(heard);
    }
    if index < state.agreement.slots.len() {
        state.agreement.slots[index] = slot;
    } else {
        state.agreement.slots.push(slot);
    }
    Ok(())
}

/// The line goes on as what it was. A refused one that comes back to life is a new line.
fn is_same_line(slot: &Slot, section: &Section, what: Use) -> bool {
    let fits = match what {
        Use::Media(_) => matches!(slot.content, Content::Media(_)),
        Use::Data => slot.content == Content::Data,
        Use::Nothing => true,
    };
    fits && slot.media == section.media && (!slot.rejected || what == Use::Nothing)
}

fn new_slot(state: &mut State, random: &mut dyn Random, index: usize, session: &Session, what: Use) -> Result<Slot> {
    let section = &session.sections[index];
    let content = match what {
        Use::Media(kind) => Content::Media(associate(state, random, kind, session, section)),
        Use::Data => Content::Data,
        Use::Nothing => Content::Refused,
    };
    let mid = match (&section.mid, state.agreement.slots.get(index)) {
        (Some(mid), _) => mid.clone(),
        (None, _) => State::fresh_mid(&state.agreement.slots, &mut state.next_mid),
    };
    Ok(Slot::new(content, mid, &section.media, &section.protocol))
}

/// The far end names its lines as it likes; a mid of ours that it takes elsewhere makes room.
fn adopt_mid(state: &mut State, mut slot: Slot, index: usize, section: &Section) -> Slot {
    slot.mid_on_wire = section.mid.is_some();
    if let Some(mid) = &section.mid {
        let taken = state.agreement.slots.iter().enumerate().position(|(at, other)| at != index && other.mid == *mid);
        if let Some(taken) = taken {
            let fresh = State::fresh_mid(&state.agreement.slots, &mut state.next_mid);
            state.agreement.slots[taken].mid = fresh;
        }
        slot.mid.clone_from(mid);
    }
    slot
}

/// The transceiver for a new line: the first that `addTrack` made and that waits for one, else a new one. JSEP gives
/// such a transceiver to a line that wants our media only. A far end that knows neither BUNDLE nor msid is a gateway
/// with one line for ever: there it must not be lost to a call that begins on hold.
fn associate(
    state: &mut State,
    random: &mut dyn Random,
    kind: Kind,
    session: &Session,
    section: &Section,
) -> TransceiverId {
    let wants_ours = section.direction().receives();
    let gateway = session.bundles.is_empty() && section.msids.is_empty();
    let waits = |transceiver: &&Transceiver| {
        transceiver.kind == kind
            && !transceiver.is_ending()
            && (transceiver.origin == Origin::AddTrack || transceiver.adopted)
            && state.slot_of(transceiver.id).is_none()
    };
    let found = state.transceivers.iter().find(waits).map(|transceiver| transceiver.id);
    match found.filter(|_| wants_ours || gateway) {
        Some(id) => id,
        None => state.new_transceiver(kind, Origin::Remote, Direction::RecvOnly, random).id,
    }
}

/// What a section says, from our side. Names the remote track and its streams.
fn remote_media(state: &mut State, random: &mut dyn Random, slot: &Slot, section: &Section) -> Result<RemoteMedia> {
    let direction = section.direction().reversed();
    let mut streams = Vec::new();
    if let Some(id) = slot.transceiver() {
        let transceiver = state.transceiver_mut(id)?;
        let msids: Vec<_> =
            section.msids.iter().chain(section.ssrc_msid.iter().filter(|_| section.msids.is_empty())).collect();
        let track = msids.iter().find_map(|(_, track)| track.clone());
        transceiver.remote_track.get_or_insert_with(|| track.unwrap_or_else(|| random::uuid(random)));
        if direction.receives() {
            streams = streams_of(&msids, &transceiver.generated_stream);
        }
    }
    Ok(RemoteMedia {
        direction: Some(direction),
        streams,
        codecs: section.codecs.clone(),
        ptime_ms: section.ptime_ms,
        max_ptime_ms: section.max_ptime_ms,
        extensions: section.shared.extensions.clone(),
        rids: section.rids.clone(),
        extension_ids: section.shared.extension_ids.clone(),
        rtcp_mux: section.rtcp_mux,
        rtcp_reduced_size: section.rtcp_reduced_size,
        ssrcs: section.ssrcs.clone(),
        sctp_port: section.sctp_port,
        max_message_size: section.max_message_size,
    })
}

/// No msid at all means one stream without a name, `-` means none.
fn streams_of(msids: &[&(String, Option<String>)], generated: &str) -> Vec<String> {
    if msids.is_empty() {
        return vec![generated.to_owned()];
    }
    let mut streams: Vec<String> = Vec::new();
    for (stream, _) in msids {
        if stream != "-" && !streams.contains(stream) {
            streams.push(stream.clone());
        }
    }
    streams
}

fn set_answer(state: &mut State, random: &mut dyn Random, ty: SdpType, text: &str) -> Result<()> {
    let session = sdp::parse(text)?;
    check_mids(&session)?;
    // RFC 8829 section 4.1.10.1: a provisional answer binds nobody, and the next one may be another far end's.
    let offered = state.offered.get_or_insert_with(|| state.agreement.slots.clone());
    state.agreement.slots.clone_from(offered);
    let uses = check_answer(state, &session)?;
    check_transports(state, &session, &uses)?;
    let mut lines = Vec::new();
    for (index, section) in session.sections.iter().enumerate() {
        let mut slot = state.agreement.slots[index].clone();
        slot.rejected |= uses[index] == Use::Nothing;
        slot.remote = if slot.rejected { None } else { Some(remote_media(state, random, &slot, section)?) };
        slot.remember_codecs(&section.codecs);
        lines.push(RemoteSection::new(&slot, section));
        state.agreement.slots[index] = slot;
    }
    collapse_transports(state, &session, &uses)?;
    state.pending_remote = Some(described(ty, text, session, lines));
    settle(state, true, ty);
    if ty == SdpType::PrAnswer {
        state.signaling = SignalingState::HaveRemotePrAnswer;
    } else {
        state.current_local = state.pending_local.take();
        state.current_remote = state.pending_remote.take();
    }
    Ok(())
}

/// An answer has the offer's lines, in its order (RFC 3264 section 6).
fn check_answer(state: &State, session: &Session) -> Result<Vec<Use>> {
    let slots = &state.agreement.slots;
    if session.sections.len() != slots.len() {
        return Err(invalid("the answer has not as many m= sections as the offer"));
    }
    let mut uses = Vec::new();
    for (index, (slot, section)) in slots.iter().zip(&session.sections).enumerate() {
        if slot.media != section.media {
            return Err(invalid("the answer changes the media type of an m= section"));
        }
        if section.mid.as_ref().is_some_and(|mid| *mid != slot.mid) {
            return Err(invalid("the answer changes the mid of an m= section"));
        }
        let what = if slot.rejected { Use::Nothing } else { use_of(state, session, index) };
        if what == Use::Nothing && is_live(session, index) && !slot.rejected {
            return Err(invalid("the answer has another protocol than the offer"));
        }
        if let (Use::Media(kind), Some(local)) = (what, &slot.local) {
            let renumbered = |(id, extension): &(u8, Extension)| {
                local.extensions.iter().any(|(offered, meaning)| offered == id && meaning != extension)
            };
            if section.shared.extensions.iter().any(renumbered) {
                return Err(invalid("the answer gives a header extension's id another meaning"));
            }
            let common = codec::common(kind, &state.config.features, &section.codecs, &local.codecs);
            if !common.iter().any(codec::carries_media) {
                return Err(invalid("the answer has no codec of the offer"));
            }
        }
        uses.push(what);
    }
    Ok(uses)
}
