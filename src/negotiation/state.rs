//! Everything that a connection has negotiated or wants to negotiate, as one value.
//!
//! Invariant: `agreement` may be ahead of what both ends agreed on only while `stable` holds what to return to.

use super::codec::negotiable;
use super::description::{Draft, Gathered, LocalDescription, RemoteDescription};
use super::random::{self, Random};
use super::slot::{Content, Slot};
use super::transceiver::{Origin, Transceiver};
use super::transport::Transport;
use super::types::{Config, Direction, Kind, SignalingState, TransceiverId, TransportId};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};

/// The state of a connection.
#[derive(Clone)]
pub(super) struct State {
    pub config: Config,
    pub signaling: SignalingState,
    /// In the order of their ids, which is that of their creation.
    pub transceivers: Vec<Transceiver>,
    pub next_transceiver: u32,
    /// The application has a data channel.
    pub wants_data: bool,
    pub agreement: Agreement,
    /// The agreement before the pending offer: what a rollback restores.
    pub stable: Option<Box<Agreement>>,
    /// The lines as we have offered them, once a provisional answer has changed them: the next answer is one to these.
    pub offered: Option<Vec<Slot>>,
    pub current_local: Option<LocalDescription>,
    pub pending_local: Option<LocalDescription>,
    pub current_remote: Option<RemoteDescription>,
    pub pending_remote: Option<RemoteDescription>,
    pub last_offer: Option<Draft>,
    pub last_answer: Option<Draft>,
    /// W3C `[[LocalIceCredentialsToReplace]]`, by username fragment.
    pub replace: BTreeSet<String>,
    pub session_id: u64,
    /// Of the last description that was set.
    pub version: u64,
    pub next_transport: u32,
    pub next_mid: u32,
    /// Raised by everything that could change the next description.
    pub revision: u64,
    pub cname: String,
}

/// What a rollback restores.
#[derive(Clone, Default)]
pub(super) struct Agreement {
    pub slots: Vec<Slot>,
    pub transports: BTreeMap<TransportId, Transport>,
    /// The transport of the BUNDLE group, once one was answered.
    pub bundle: Option<TransportId>,
    /// Groups of the far end's pending offer.
    pub offered_bundles: Vec<Vec<String>>,
}

impl State {
    pub fn new(config: Config, random: &mut dyn Random) -> Self {
        Self {
            config,
            signaling: SignalingState::Stable,
            transceivers: Vec::new(),
            next_transceiver: 0,
            wants_data: false,
            agreement: Agreement::default(),
            stable: None,
            offered: None,
            current_local: None,
            pending_local: None,
            current_remote: None,
            pending_remote: None,
            last_offer: None,
            last_answer: None,
            replace: BTreeSet::new(),
            session_id: random::session_id(random),
            version: 0,
            next_transport: 0,
            next_mid: 0,
            revision: 0,
            cname: random::token(random, 16),
        }
    }

    pub fn transceiver(&self, id: TransceiverId) -> Result<&Transceiver> {
        self.index_of(id).map(|index| &self.transceivers[index])
    }

    pub fn transceiver_mut(&mut self, id: TransceiverId) -> Result<&mut Transceiver> {
        self.index_of(id).map(|index| &mut self.transceivers[index])
    }

    fn index_of(&self, id: TransceiverId) -> Result<usize> {
        let found = self.transceivers.binary_search_by_key(&id, |transceiver| transceiver.id);
        found.map_err(|_| unknown_transceiver(id))
    }

    pub fn new_transceiver(
        &mut self,
        kind: Kind,
        origin: Origin,
        direction: Direction,
        random: &mut dyn Random,
    ) -> &mut Transceiver {
        let index = self.transceivers.len();
        let id = TransceiverId(self.next_transceiver);
        self.next_transceiver += 1;
        let mut transceiver = Transceiver::new(id, kind, origin, direction, random);
        while self.transceivers.iter().any(|other| other.ssrc == transceiver.ssrc) {
            transceiver.ssrc = random::ssrc(random);
        }
        self.transceivers.push(transceiver);
        &mut self.transceivers[index]
    }

    /// The m-line of a transceiver, if it is associated.
    pub fn slot_of(&self, id: TransceiverId) -> Option<usize> {
        self.agreement.slots.iter().position(|slot| slot.content == Content::Media(id))
    }

    /// The kind has a codec, so that a section for it can live.
    pub fn is_negotiable(&self, kind: Kind) -> bool {
        negotiable(kind, &self.config.features)
    }

    pub fn new_transport(&mut self, transport: Transport) -> TransportId {
        let id = TransportId(self.next_transport);
        self.next_transport += 1;
        self.agreement.transports.insert(id, transport);
        id
    }

    /// Candidates that belong to a username fragment of ours, of the agreement or of the one before it.
    pub fn gathered(&self, ufrag: &str) -> Option<Gathered<'_>> {
        let before = self.stable.iter().flat_map(|stable| stable.transports.values());
        let mut transports = self.agreement.transports.values().chain(before);
        let found = transports.find(|transport| transport.local.ufrag == ufrag)?;
        Some(Gathered { candidates: &found.candidates, complete: found.complete })
    }

    /// A transport, and its copy that a rollback would restore.
    pub fn each_transport(&mut self, id: TransportId, mut change: impl FnMut(&mut Transport)) {
        let stable = self.stable.as_mut().and_then(|stable| stable.transports.get_mut(&id));
        self.agreement.transports.get_mut(&id).into_iter().chain(stable).for_each(&mut change);
    }

    /// The first number from `next` on that is no mid yet; moves `next` behind it.
    pub fn fresh_mid(slots: &[Slot], next: &mut u32) -> String {
        loop {
            let mid = next.to_string();
            *next += 1;
            if !slots.iter().any(|slot| slot.mid == mid) {
                return mid;
            }
        }
    }

    /// Remembers what a rollback restores, when a negotiation opens.
    pub fn open_negotiation(&mut self) {
        if self.stable.is_none() {
            self.stable = Some(Box::new(self.agreement.clone()));
        }
    }

    /// Nothing can bring a transceiver back that was stopped and has no line any more. For a stable state alone: in any other, a
    /// rollback may return to lines that are not those of the agreement.
    pub fn forget_stopped(&mut self) {
        let slots = &self.agreement.slots;
        let has_line = |id| slots.iter().any(|slot| slot.content == Content::Media(id));
        self.transceivers.retain(|transceiver| !transceiver.stopped || has_line(transceiver.id));
    }

    /// Returns to the last stable state (RFC 8829 section 4.1.10.2).
    pub fn roll_back(&mut self) -> Result<()> {
        if !matches!(self.signaling, SignalingState::HaveLocalOffer | SignalingState::HaveRemoteOffer) {
            return Err(Error::new(ErrorKind::InvalidState, "there is no offer to roll back"));
        }
        let Some(stable) = self.stable.take() else {
            return Err(Error::new(ErrorKind::InvalidState, "there is no offer to roll back"));
        };
        let left = std::mem::replace(&mut self.agreement, *stable);
        for (id, transport) in &mut self.agreement.transports {
            let Some(left) = left.transports.get(id) else { continue };
            if left.local != transport.local {
                // The engine has seen the newer credentials: the old ones come back as a further change.
                transport.generation = left.generation + 1;
            }
        }
        for index in 0..self.transceivers.len() {
            let transceiver = &self.transceivers[index];
            let unbound = self.slot_of(transceiver.id).is_none();
            if transceiver.origin == Origin::Remote && !transceiver.adopted && unbound {
                self.transceivers[index].end();
            }
        }
        self.forget_stopped();
        self.signaling = SignalingState::Stable;
        self.pending_local = None;
        self.pending_remote = None;
        self.last_offer = None;
        self.last_answer = None;
        Ok(())
    }
}

fn unknown_transceiver(id: TransceiverId) -> Error {
    Error::new(ErrorKind::InvalidAccess, format!("transceiver {} does not belong to this connection", id.0))
}
