//! createAnswer (RFC 8829 section 5.3, W3C section 4.4.1.8).
//!
//! Invariant: an answer has the lines of the offer, in its order, with its payload types, protocols and mids, and says
//! nothing that the offer did not bring up.

use super::bundle;
use super::codec;
use super::description::{Draft, LocalDescription, LocalSection, Shape};
use super::extension::Extensions;
use super::offer::{VERSION_STEP, refusal};
use super::random::Random;
use super::sdp::is_rtp;
use super::slot::{Content, LocalMedia, RemoteMedia, Slot};
use super::state::State;
use super::transceiver::Transceiver;
use super::types::{Direction, SdpType, SignalingState};
use super::write::{Lines, OurSetup, RtcpTerms, formats};
use crate::error::{Error, ErrorKind, Result};

/// Makes an answer and remembers it; returns its text.
pub(super) fn create(state: &mut State, random: &mut dyn Random) -> Result<String> {
    if !matches!(state.signaling, SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPrAnswer) {
        return Err(Error::new(ErrorKind::InvalidState, "there is no offer to answer"));
    }
    if state.signaling == SignalingState::HaveRemoteOffer {
        bundle::reassign(state, random);
    }
    let draft = draft(state);
    let text = draft.text.clone();
    state.last_answer = Some(draft);
    Ok(text)
}

fn draft(state: &State) -> Draft {
    let mut slots = state.agreement.slots.clone();
    let sections: Vec<_> = slots.iter_mut().map(|slot| section(state, slot)).collect();
    let accepted = |mid: &&String| slots.iter().any(|slot| !slot.rejected && slot.mid == **mid);
    let groups = state.agreement.offered_bundles.iter();
    let bundles: Vec<Vec<String>> = groups.map(|group| group.iter().filter(accepted).cloned().collect()).collect();
    let version = state.version + VERSION_STEP;
    let mut head = Lines::default();
    head.head(state.session_id, version, &bundles);
    let description = LocalDescription { ty: SdpType::Answer, head: head.into_text(), sections };
    let text = description.render(|ufrag| state.gathered(ufrag));
    Draft { text, description, slots, version, next_mid: state.next_mid, revision: state.revision, restarts: false }
}

/// Answers one section; one that cannot live is refused.
fn section(state: &State, slot: &mut Slot) -> LocalSection {
    match (slot.content, slot.rejected) {
        (Content::Media(id), false) => {
            let transceiver = state.transceiver(id).ok().filter(|transceiver| !transceiver.stopped);
            let local = transceiver.zip(slot.remote.as_ref()).and_then(|(transceiver, remote)| {
                local_media(state, transceiver, remote).map(|local| (transceiver, local))
            });
            match local {
                Some((transceiver, local)) => media_section(state, slot, transceiver, local),
                None => refuse(slot),
            }
        }
        (Content::Data, false) => {
            let mut lines = Lines::default();
            lines.data();
            let formats = slot.formats.join(" ");
            live_section(state, slot, formats, lines)
        }
        (Content::Refused, _) | (_, true) => refuse(slot),
    }
}

fn refuse(slot: &mut Slot) -> LocalSection {
    slot.rejected = true;
    slot.local = None;
    refusal(slot)
}

/// `None` when there is no codec in common.
fn local_media(state: &State, transceiver: &Transceiver, remote: &RemoteMedia) -> Option<LocalMedia> {
    let features = &state.config.features;
    let rows = transceiver.rows(features);
    let codecs = codec::answered(rows.as_deref(), transceiver.kind, features, &remote.codecs);
    let offered = remote.direction.unwrap_or(Direction::Inactive);
    (!codecs.is_empty()).then(|| LocalMedia {
        direction: transceiver.direction.intersect(offered),
        codecs,
        extensions: answered_extensions(transceiver, remote),
        announced: transceiver.direction.sends().then(|| transceiver.streams.clone()),
    })
}

fn answered_extensions(transceiver: &Transceiver, remote: &RemoteMedia) -> Extensions {
    let wanted: Vec<_> = transceiver.extensions().collect();
    remote.extensions.iter().filter(|(_, extension)| wanted.contains(extension)).copied().collect()
}

fn media_section(state: &State, slot: &mut Slot, transceiver: &Transceiver, local: LocalMedia) -> LocalSection {
    let remote = slot.remote.as_ref();
    let rtcp = RtcpTerms {
        mux: remote.is_some_and(|remote| remote.rtcp_mux),
        reduced_size: remote.is_some_and(|remote| remote.rtcp_reduced_size),
    };
    let mut lines = Lines::default();
    lines.media(&local, transceiver, &state.cname, rtcp);
    slot.remember_codecs(&local.codecs);
    let formats = formats(&local);
    slot.local = Some(local);
    live_section(state, slot, formats, lines)
}

/// The transport's lines before those of the content.
fn live_section(state: &State, slot: &Slot, formats: String, content: Lines) -> LocalSection {
    let transport = slot.transport.and_then(|id| state.agreement.transports.get(&id));
    let credentials = transport.map(|transport| transport.next_local.clone().unwrap_or(transport.local.clone()));
    let mut lines = Lines::default();
    if let Some((transport, credentials)) = transport.zip(credentials.as_ref()) {
        let setup = transport.dtls_role(false).map_or(OurSetup::ActPass, OurSetup::As);
        lines.transport(credentials, &state.config.fingerprints, setup);
    }
    lines.mid(slot);
    LocalSection {
        media: slot.media.clone(),
        protocol: slot.protocol.clone(),
        formats,
        shape: Shape::Live,
        credentials,
        rtp: is_rtp(&slot.protocol),
        bandwidth: String::new(),
        attributes: lines.into_text() + &content.into_text(),
    }
}
