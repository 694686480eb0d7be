//! The state as others see it: [`Snapshot`] for the facade, [`Plan`] for the engine.
//!
//! Invariant: looking changes nothing.

use super::codec::{CodecParameters, carries_media, receivable};
use super::description::{LocalDescription, RemoteDescription};
use super::extension::{Extension, Extensions};
use super::plan::{
    DataPlan, IcePlan, MAX_REMOTE_CANDIDATES, MediaPlan, Plan, RecvPlan, RedPlan, SendPlan, TransportPlan,
};
use super::slot::{Content, Negotiated, Slot};
use super::snapshot::{
    DataSnapshot, Description, Descriptions, Parameters, Snapshot, TransceiverSnapshot, TransportSnapshot,
};
use super::state::{Agreement, State};
use super::transceiver::Transceiver;
use super::transport::{RemoteIce, Transport};
use super::types::{Direction, Kind, SdpType, SignalingState, TransportId};

/// Packet durations that every codec of the table has, in milliseconds.
const PTIMES_MS: [u16; 4] = [10, 20, 40, 60];
/// What is sent to a far end that does not say what it likes.
const DEFAULT_PTIME_MS: u16 = 20;
/// RFC 8841 section 6.1: what may be sent before the far end has told its limit.
const DEFAULT_MAX_MESSAGE_BYTES: u64 = 65_536;
/// RFC 8841 section 5: what a far end means that names no port.
const DEFAULT_SCTP_PORT: u16 = 5000;

/// For the facade, when somebody looks.
pub(super) fn descriptions(state: &State) -> Descriptions {
    let local = |description: &Option<LocalDescription>| {
        description.as_ref().map(|it| Description { ty: it.ty, sdp: it.render(|ufrag| state.gathered(ufrag)) })
    };
    let remote = |description: &Option<RemoteDescription>| {
        description.as_ref().map(|it| Description { ty: it.ty, sdp: it.text.clone() })
    };
    Descriptions {
        current_local: local(&state.current_local),
        pending_local: local(&state.pending_local),
        current_remote: remote(&state.current_remote),
        pending_remote: remote(&state.pending_remote),
    }
}

/// For the facade.
pub(super) fn snapshot(state: &State) -> Snapshot {
    let provisional = state.pending_local.as_ref().is_some_and(|it| it.ty == SdpType::PrAnswer);
    let latest_remote = state.pending_remote.as_ref().or(state.current_remote.as_ref());
    Snapshot {
        signaling_state: state.signaling,
        answered: state.current_remote.is_some() || provisional,
        can_trickle: latest_remote.map(|remote| remote.trickles),
        transceivers: state.transceivers.iter().map(|transceiver| show_transceiver(state, transceiver)).collect(),
        data: data_slot(&state.agreement).map(|(slot, transport)| DataSnapshot {
            mid: slot.mid.clone(),
            transport,
            max_message_size: max_message_bytes(slot),
            dtls_role: state.agreement.transports.get(&transport).and_then(|it| it.dtls.as_ref()).map(|dtls| dtls.role),
        }),
        transports: used_transports(state).iter().filter_map(|id| show_transport(state, *id)).collect(),
    }
}

/// For the facade, when somebody asks.
pub(super) fn parameters(state: &State, transceiver: &Transceiver) -> Parameters {
    let slot = place(state, transceiver).map(|index| &state.agreement.slots[index]);
    let negotiated = slot.and_then(|slot| slot.negotiated.as_ref());
    let codecs = |pick: fn(&Negotiated) -> &Vec<CodecParameters>| negotiated.map(pick).cloned().unwrap_or_default();
    Parameters {
        kind: transceiver.kind,
        send_codecs: codecs(|negotiated| &negotiated.send_codecs),
        recv_codecs: codecs(|negotiated| &negotiated.recv_codecs),
        cname: state.cname.clone(),
        reduced_size_rtcp: negotiated.is_some_and(|it| it.remote.rtcp_reduced_size),
        extensions: negotiated.map(agreed_extensions).unwrap_or_default(),
        stopped_extensions: transceiver.stopped_extensions.clone(),
    }
}

/// The section that a transceiver is seen in. A remote offer stops one at once; it leaves its section with our answer.
fn place(state: &State, transceiver: &Transceiver) -> Option<usize> {
    let offered = state.signaling == SignalingState::HaveRemoteOffer;
    state.slot_of(transceiver.id).filter(|_| !transceiver.stopped || offered)
}

fn show_transceiver(state: &State, transceiver: &Transceiver) -> TransceiverSnapshot {
    let index = place(state, transceiver);
    let slot = index.map(|index| &state.agreement.slots[index]);
    let remote = slot.and_then(|slot| slot.remote.as_ref());
    let negotiated = slot.and_then(|slot| slot.negotiated.as_ref());
    let firing = remote.and_then(|remote| remote.direction);
    let current = if transceiver.stopped { Some(Direction::Stopped) } else { negotiated.map(|it| it.direction) };
    TransceiverSnapshot {
        id: transceiver.id,
        kind: transceiver.kind,
        mid: slot.map(|slot| slot.mid.clone()),
        m_line_index: index.and_then(|index| u16::try_from(index).ok()),
        direction: transceiver.direction,
        current_direction: current,
        stopping: transceiver.stopping,
        stopped: transceiver.stopped,
        created_by_remote: transceiver.origin == super::transceiver::Origin::Remote,
        transport: slot.and_then(|slot| slot.transport),
        firing,
        receiving: firing.is_some_and(Direction::receives),
        remote_track_id: transceiver.remote_track.clone(),
        remote_stream_ids: remote.map(|remote| remote.streams.clone()).unwrap_or_default(),
        dtmf: negotiated.is_some_and(|it| it.direction.sends() && dtmf_of(&it.send_codecs).is_some()),
        ssrc: transceiver.ssrc,
        rids: negotiated.map(|it| it.remote.rids.clone()),
    }
}

fn show_transport(state: &State, id: TransportId) -> Option<TransportSnapshot> {
    let transport = state.agreement.transports.get(&id)?;
    let remote = transport.remote.as_ref().filter(|_| !transport.awaiting_remote);
    Some(TransportSnapshot {
        id,
        local: transport.local.clone(),
        remote: remote.map(|remote| remote.credentials.clone()),
        controlling: transport.controlling,
    })
}

/// Those of sections that live, and of those that lived before the pending offer: none ends before the answer, and a rollback
/// goes on with them.
fn used_transports(state: &State) -> Vec<TransportId> {
    living(slots(state))
}

/// For the engine, where a transport ends for good: also those that a provisional answer does without.
fn kept_transports(state: &State) -> Vec<TransportId> {
    living(slots(state).chain(state.offered.iter().flatten()))
}

fn slots(state: &State) -> impl Iterator<Item = &Slot> {
    [Some(&state.agreement), state.stable.as_deref()].into_iter().flatten().flat_map(|agreement| &agreement.slots)
}

fn living<'a>(slots: impl Iterator<Item = &'a Slot>) -> Vec<TransportId> {
    let mut living: Vec<_> = slots.filter(|slot| !slot.rejected).filter_map(|slot| slot.transport).collect();
    living.sort();
    living.dedup();
    living
}

fn data_slot(agreement: &Agreement) -> Option<(&Slot, TransportId)> {
    let slot = agreement.slots.iter().find(|slot| slot.content == Content::Data && !slot.rejected)?;
    Some((slot, slot.transport?))
}

fn max_message_bytes(slot: &Slot) -> u64 {
    let told = slot.remote.as_ref().and_then(|remote| remote.max_message_size);
    told.unwrap_or(DEFAULT_MAX_MESSAGE_BYTES)
}

/// For the engine.
pub(super) fn plan(state: &State) -> Plan {
    if state.signaling == SignalingState::Closed {
        return Plan::default();
    }
    // What the far end offers comes true with our answer; until then the former agreement stands, and of the new one
    // only transports that did not exist.
    let offered = state.signaling == SignalingState::HaveRemoteOffer;
    let before = state.stable.as_deref().filter(|_| offered);
    let kept = kept_transports(state);
    let most_candidates = (MAX_REMOTE_CANDIDATES / kept.len().max(1)).max(1);
    let transport = |id: &TransportId| {
        let old = before.and_then(|before| before.transports.get(id));
        let transport = old.or_else(|| state.agreement.transports.get(id))?;
        Some(plan_transport(*id, transport, most_candidates))
    };
    let agreement = before.unwrap_or(&state.agreement);
    Plan {
        transports: kept.iter().filter_map(transport).collect(),
        transceivers: state.transceivers.iter().map(|transceiver| transceiver.id).collect(),
        media: agreement.slots.iter().filter_map(|slot| plan_media(state, slot)).collect(),
        data: plan_data(agreement),
    }
}

fn plan_transport(id: TransportId, transport: &Transport, most_candidates: usize) -> TransportPlan {
    let remote = transport.remote.as_ref().filter(|_| !transport.awaiting_remote);
    let candidates = |remote: &RemoteIce| remote.candidates.list.iter().take(most_candidates).cloned().collect();
    TransportPlan {
        id,
        ice: IcePlan {
            local: transport.local.clone(),
            remote: remote.map(|remote| remote.credentials.clone()),
            remote_lite: remote.is_some_and(|remote| remote.lite),
            controlling: transport.controlling,
            remote_candidates: remote.map(candidates).unwrap_or_default(),
            remote_complete: remote.is_some_and(|remote| remote.candidates.complete),
        },
        dtls: transport.dtls.clone(),
        gather: transport.gather,
        generation: transport.generation,
        gathered: transport.complete,
    }
}

fn plan_media(state: &State, slot: &Slot) -> Option<MediaPlan> {
    let transceiver = state.transceiver(slot.transceiver()?).ok().filter(|transceiver| !transceiver.is_ending())?;
    let (negotiated, transport) = slot.negotiated.as_ref().zip(slot.transport)?;
    let send = plan_send(state, transceiver, negotiated).filter(|_| negotiated.direction.sends());
    let recv = negotiated.direction.receives().then(|| RecvPlan {
        codecs: receivable(&negotiated.recv_codecs, &slot.payload_types),
        ssrcs: negotiated.remote.ssrcs.clone(),
        extensions: agreed_extensions(negotiated),
    });
    Some(MediaPlan {
        transceiver: transceiver.id,
        transport,
        kind: transceiver.kind,
        mid: slot.mid.clone(),
        send,
        recv,
    })
}

fn plan_send(state: &State, transceiver: &Transceiver, negotiated: &Negotiated) -> Option<SendPlan> {
    let codecs = &negotiated.send_codecs;
    let chosen = transceiver.send_codec.as_ref().and_then(|wanted| codecs.iter().find(|codec| wanted.is(codec)));
    let codec = match transceiver.kind {
        Kind::Audio => {
            let carried = chosen.map(|chosen| carried_by(chosen, codecs).unwrap_or(chosen));
            carried.into_iter().chain(codecs).find(|codec| carries_media(codec))?.clone()
        }
        // Pictures of our own are VP8; without it, what applications can send frames of (encoded transforms).
        Kind::Video => {
            let named = |name: &str| codecs.iter().find(|codec| codec.name == name);
            named("VP8").or_else(|| named("H264"))?.clone()
        }
    };
    let named =
        |name: &str, rate: u32| codecs.iter().find(|codec| codec.name == name && codec.clock_rate == rate).cloned();
    Some(SendPlan {
        dtmf: named("telephone-event", codec.clock_rate).or_else(|| dtmf_of(codecs).cloned()),
        cn: named("CN", codec.clock_rate),
        red: plan_red(codecs, &codec, chosen),
        ptime_ms: ptime_ms(negotiated.remote.ptime_ms, negotiated.remote.max_ptime_ms),
        max_ptime_ms: negotiated.remote.max_ptime_ms,
        ssrc: transceiver.ssrc,
        cname: state.cname.clone(),
        extensions: agreed_extensions(negotiated),
        rtcp_reduced_size: negotiated.remote.rtcp_reduced_size,
        codec,
    })
}

/// What redundancy repeats: the one payload type that all parts of its fmtp name (RFC 2198 section 5).
fn carried_by<'a>(red: &CodecParameters, codecs: &'a [CodecParameters]) -> Option<&'a CodecParameters> {
    let named = |codec: &&CodecParameters| {
        let payload_type = codec.payload_type.to_string();
        codec.clock_rate == red.clock_rate && red.fmtp.split('/').all(|part| part.trim() == payload_type)
    };
    codecs.iter().filter(|_| red.name == "red").find(named)
}

fn plan_red(codecs: &[CodecParameters], codec: &CodecParameters, chosen: Option<&CodecParameters>) -> Option<RedPlan> {
    let red = codecs.iter().find(|red| carried_by(red, codecs) == Some(codec))?;
    let first = codecs.iter().find(|other| [red, codec].contains(other));
    Some(RedPlan { payload_type: red.payload_type, preferred: chosen.or(first) == Some(red) })
}

/// The digits' codec that every gateway has: 8000 Hz, else any.
fn dtmf_of(codecs: &[CodecParameters]) -> Option<&CodecParameters> {
    let digits = || codecs.iter().filter(|codec| codec.name == "telephone-event");
    digits().find(|codec| codec.clock_rate == 8000).or_else(|| digits().next())
}

/// Both ends have written them, with the ids of the one that offered.
fn agreed_extensions(negotiated: &Negotiated) -> Extensions {
    let both = |entry: &&(u8, Extension)| negotiated.remote.extensions.contains(entry);
    negotiated.local.extensions.iter().filter(both).copied().collect()
}

/// The longest duration we have that is not above what the far end wants.
fn ptime_ms(wanted: Option<u16>, limit: Option<u16>) -> u16 {
    let wanted = wanted.unwrap_or(DEFAULT_PTIME_MS).min(limit.unwrap_or(u16::MAX));
    PTIMES_MS.into_iter().rev().find(|ptime| *ptime <= wanted).unwrap_or(PTIMES_MS[0])
}

fn plan_data(agreement: &Agreement) -> Option<DataPlan> {
    let (slot, transport) = data_slot(agreement)?;
    let remote = slot.remote.as_ref()?;
    agreement.transports.get(&transport)?.dtls.as_ref()?;
    Some(DataPlan {
        transport,
        mid: slot.mid.clone(),
        remote_port: remote.sctp_port.unwrap_or(DEFAULT_SCTP_PORT),
        max_message_size: max_message_bytes(slot),
    })
}
