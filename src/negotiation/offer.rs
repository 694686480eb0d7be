//! createOffer (RFC 8829 section 5.2, W3C section 4.4.1.7).
//!
//! Invariant: making an offer changes nothing but the list of offers made; everything it promises comes true when it
//! is set.

use super::codec::{self, PayloadTypes};
use super::description::{Draft, LocalDescription, LocalSection, Shape};
use super::extension::{Extension, Extensions, numbered};
use super::plan::IceCredentials;
use super::random::Random;
use super::sdp::is_rtp;
use super::slot::{Content, LocalMedia, Slot};
use super::state::State;
use super::transceiver::{Origin, Transceiver};
use super::transport::{Transport, credentials};
use super::types::{BundlePolicy, Direction, Kind, OfferOptions, SdpType, SignalingState, TransportId};
use super::write::{Lines, OurSetup, RtcpTerms, formats};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};

/// What JSEP offers for media sections.
const RTP_PROTOCOL: &str = "UDP/TLS/RTP/SAVPF";
const DATA_PROTOCOL: &str = "UDP/DTLS/SCTP";
const DATA_FORMAT: &str = "webrtc-datachannel";
/// How far apart the versions of two of our descriptions are. RFC 8829 says 1, but a SIP client that holds a call by
/// editing the last description counts on by itself, and a gateway takes an older version for "nothing changed".
pub(super) const VERSION_STEP: u64 = 1000;

/// Makes an offer and remembers it; returns its text.
pub(super) fn create(state: &mut State, random: &mut dyn Random, options: OfferOptions) -> Result<String> {
    if !matches!(state.signaling, SignalingState::Stable | SignalingState::HaveLocalOffer) {
        return Err(Error::new(ErrorKind::InvalidState, "an offer cannot be made while one of the far end is open"));
    }
    offer_to_receive(state, random, Kind::Audio, options.offer_to_receive_audio);
    offer_to_receive(state, random, Kind::Video, options.offer_to_receive_video);
    if let Some(text) = unchanged(state, options) {
        return Ok(text);
    }
    let draft = draft(state, random, options.ice_restart);
    let text = draft.text.clone();
    state.last_offer = Some(draft);
    Ok(text)
}

/// The last offer, when another one would say the same: then both texts can be set.
fn unchanged(state: &State, options: OfferOptions) -> Option<String> {
    let last = state.last_offer.as_ref().filter(|last| last.revision == state.revision)?;
    let same =
        !options.ice_restart && !last.restarts && last.description.render(|ufrag| state.gathered(ufrag)) == last.text;
    same.then(|| last.text.clone())
}

/// W3C section 4.4.3.2, the legacy options.
fn offer_to_receive(state: &mut State, random: &mut dyn Random, kind: Kind, wanted: Option<bool>) {
    let live = |transceiver: &&mut Transceiver| transceiver.kind == kind && !transceiver.is_ending();
    match wanted {
        Some(false) => {
            for transceiver in state.transceivers.iter_mut().filter(live) {
                transceiver.direction = transceiver.direction.intersect(Direction::SendOnly);
            }
            state.revision += 1;
        }
        Some(true) if !state.transceivers.iter_mut().filter(live).any(|it| it.direction.receives()) => {
            state.new_transceiver(kind, Origin::AddTransceiver, Direction::RecvOnly, random);
            state.revision += 1;
        }
        _ => {}
    }
}

/// The sections of the next offer: the lines so far, then what is new.
fn lay_out(state: &State, next_mid: &mut u32) -> Vec<Slot> {
    let mut slots = state.agreement.slots.clone();
    for slot in &mut slots {
        let ended = slot.transceiver().and_then(|id| state.transceiver(id).ok()).is_some_and(Transceiver::is_ending);
        slot.rejected |= ended || slot.content == Content::Refused;
    }
    for transceiver in &state.transceivers {
        let associated = slots.iter().any(|slot| slot.content == Content::Media(transceiver.id));
        if transceiver.is_ending() || associated || !state.is_negotiable(transceiver.kind) {
            continue;
        }
        let mid = State::fresh_mid(&slots, next_mid);
        let media = transceiver.kind.media();
        let fresh = Slot::new(Content::Media(transceiver.id), mid, media, RTP_PROTOCOL);
        // A refused line of the same kind may be used again (RFC 8829 section 5.2.2); others stay as they are, for
        // gateways seldom take a line that changes its meaning.
        let free = (0..state.agreement.slots.len()).find(|index| {
            let slot = &slots[*index];
            state.agreement.slots[*index].rejected && slot.media == media && slot.negotiated.is_none() && slot.rejected
        });
        match free {
            Some(index) => slots[index] = fresh,
            None => slots.push(fresh),
        }
    }
    if state.wants_data && !slots.iter().any(|slot| slot.content == Content::Data) {
        let mid = State::fresh_mid(&slots, next_mid);
        let fresh = Slot::new(Content::Data, mid, "application", DATA_PROTOCOL);
        match slots.iter_mut().find(|slot| slot.rejected && slot.media == fresh.media) {
            Some(refused) => *refused = fresh,
            None => slots.push(fresh),
        }
    }
    slots
}

fn draft(state: &State, random: &mut dyn Random, restart: bool) -> Draft {
    let mut next_mid = state.next_mid;
    let mut slots = lay_out(state, &mut next_mid);
    let mut purse = Purse::new(state, &slots, restart);
    let mut sections = Vec::new();
    let mut known = Meanings {
        payload_types: slots.iter().rev().flat_map(|slot| slot.payload_types.clone()).collect(),
        extensions: Extensions::new(),
        extension_ids: taken_extension_ids(state.agreement.slots.iter().chain(&slots)),
    };
    for slot in &mut slots {
        let section = if slot.rejected {
            refusal(slot)
        } else {
            let (credentials, first) = purse.credentials(slot, random);
            let shape = if first || !purse.bundle_only { Shape::Live } else { Shape::BundleOnly };
            live_section(state, slot, &mut known, credentials, shape)
        };
        sections.push(section);
    }
    let bundle: Vec<_> = slots.iter().filter(|slot| !slot.rejected).map(|slot| slot.mid.clone()).collect();
    let version = state.version + VERSION_STEP;
    let mut head = Lines::default();
    head.head(state.session_id, version, &[bundle]);
    let description = LocalDescription { ty: SdpType::Offer, head: head.into_text(), sections };
    let text = description.render(|ufrag| state.gathered(ufrag));
    Draft { text, description, slots, version, next_mid, revision: state.revision, restarts: restart }
}

/// Which credentials each section of an offer gets.
struct Purse<'a> {
    state: &'a State,
    restart: bool,
    renewed: BTreeMap<TransportId, IceCredentials>,
    /// The transport that new sections share. One that no section of the offer has any more ends with the last of them.
    bundle: Option<TransportId>,
    /// The one new transport of max-bundle.
    shared: Option<IceCredentials>,
    /// max-bundle before any answer: all but the first section wait for BUNDLE.
    bundle_only: bool,
}

impl<'a> Purse<'a> {
    fn new(state: &'a State, slots: &[Slot], restart: bool) -> Self {
        let lives = |id: &TransportId| slots.iter().any(|slot| !slot.rejected && slot.transport == Some(*id));
        let bundle = state.agreement.bundle.filter(lives);
        let bundle_only = state.config.bundle_policy == BundlePolicy::MaxBundle && bundle.is_none();
        Self { state, restart, renewed: BTreeMap::new(), bundle, shared: None, bundle_only }
    }

    /// The credentials, and whether they are no other section's that waits for BUNDLE.
    fn credentials(&mut self, slot: &Slot, random: &mut dyn Random) -> (IceCredentials, bool) {
        let agreement = &self.state.agreement;
        if let Some(id) = slot.transport.or(self.bundle).filter(|id| agreement.transports.contains_key(id)) {
            let transport = &agreement.transports[&id];
            let credentials = self.of_transport(id, transport, random);
            let first = self.shared.is_none();
            self.shared.get_or_insert_with(|| credentials.clone());
            return (credentials, first);
        }
        if !self.bundle_only {
            return (credentials(random), true);
        }
        let first = self.shared.is_none();
        (self.shared.get_or_insert_with(|| credentials(random)).clone(), first)
    }

    fn of_transport(&mut self, id: TransportId, transport: &Transport, random: &mut dyn Random) -> IceCredentials {
        if !self.restart && !self.state.replace.contains(&transport.local.ufrag) {
            return transport.local.clone();
        }
        self.renewed.entry(id).or_insert_with(|| credentials(random)).clone()
    }
}

/// What numbers mean in all lines, kept up while an offer is being made.
struct Meanings {
    payload_types: PayloadTypes,
    /// Those given to header extensions by this offer.
    extensions: Extensions,
    /// Those that the far end uses for header extensions, whichever.
    extension_ids: BTreeSet<u8>,
}

fn taken_extension_ids<'a>(slots: impl Iterator<Item = &'a Slot>) -> BTreeSet<u8> {
    slots.filter_map(|slot| slot.remote.as_ref()).flat_map(|remote| &remote.extension_ids).copied().collect()
}

fn live_section(
    state: &State,
    slot: &mut Slot,
    known: &mut Meanings,
    credentials: IceCredentials,
    shape: Shape,
) -> LocalSection {
    let mut lines = Lines::default();
    lines.transport(&credentials, &state.config.fingerprints, OurSetup::ActPass);
    // Our offers always have mids, also on lines that came without.
    slot.mid_on_wire = true;
    lines.mid(slot);
    if shape == Shape::BundleOnly {
        lines.line("a=bundle-only");
    }
    let formats = match slot.transceiver().and_then(|id| state.transceiver(id).ok()) {
        Some(transceiver) => {
            RTP_PROTOCOL.clone_into(&mut slot.protocol);
            let local = local_media(state, slot, transceiver, known);
            lines.media(&local, transceiver, &state.cname, RtcpTerms { mux: true, reduced_size: true });
            if transceiver.rids.len() > 1 && local.direction.sends() {
                lines.simulcast(&transceiver.rids);
            }
            slot.remember_codecs(&local.codecs);
            known.payload_types.extend(slot.payload_types.clone());
            known.extensions.extend(&local.extensions);
            let formats = formats(&local);
            slot.local = Some(local);
            formats
        }
        None => {
            lines.data();
            DATA_FORMAT.to_owned()
        }
    };
    slot.formats = formats.split(' ').map(str::to_owned).collect();
    LocalSection {
        media: slot.media.clone(),
        protocol: slot.protocol.clone(),
        formats,
        shape,
        credentials: Some(credentials),
        rtp: is_rtp(&slot.protocol),
        bandwidth: String::new(),
        attributes: lines.into_text(),
    }
}

fn local_media(state: &State, slot: &Slot, transceiver: &Transceiver, known: &Meanings) -> LocalMedia {
    let features = &state.config.features;
    let latest = match &slot.negotiated {
        Some(negotiated) => negotiated.recv_codecs.as_slice(),
        None => &[],
    };
    let rows = transceiver.rows(features);
    let own = &slot.payload_types;
    let mut used = used_extensions(state, slot);
    used.extend(known.extensions.iter().map(|(id, extension)| (*id, Some(*extension))));
    used.extend(known.extension_ids.iter().map(|id| (*id, None)));
    LocalMedia {
        direction: transceiver.direction,
        codecs: codec::offered(rows.as_deref(), transceiver.kind, features, own, &known.payload_types, latest),
        extensions: numbered(transceiver.extensions(), &used),
        announced: transceiver.direction.sends().then(|| transceiver.streams.clone()),
    }
}

/// What ids mean so far: on this line, then on any other.
fn used_extensions(state: &State, slot: &Slot) -> Vec<(u8, Option<Extension>)> {
    let slots = || std::iter::once(slot).chain(&state.agreement.slots);
    let remotes = || slots().filter_map(|slot| slot.remote.as_ref());
    let locals = slots().filter_map(|slot| slot.local.as_ref()).flat_map(|local| &local.extensions);
    let known = remotes().flat_map(|remote| &remote.extensions).chain(locals);
    known.map(|(id, extension)| (*id, Some(*extension))).collect()
}

/// A section with port 0: it repeats what was offered and says nothing else.
pub(super) fn refusal(slot: &Slot) -> LocalSection {
    let mut lines = Lines::default();
    lines.mid(slot);
    let rtp = is_rtp(&slot.protocol);
    if rtp {
        lines.line("a=inactive");
    }
    LocalSection {
        media: slot.media.clone(),
        protocol: slot.protocol.clone(),
        formats: slot.formats.join(" "),
        shape: Shape::Rejected,
        credentials: None,
        rtp: false,
        bandwidth: String::new(),
        attributes: lines.into_text(),
    }
}
