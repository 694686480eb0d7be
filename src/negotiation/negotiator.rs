//! The door of this layer: one method per W3C operation.
//!
//! Invariant: a method that returns an error has changed nothing.

use super::candidate::{LocalCandidate, SurfacedCandidate};
use super::codec::{self, CodecCapability};
use super::extension::Extension;
use super::plan::Plan;
use super::random::Random;
use super::snapshot::{Descriptions, Parameters, Snapshot};
use super::state::State;
use super::transceiver::{Origin, Transceiver};
use super::types::{
    BundlePolicy, Config, Direction, Kind, OfferOptions, RemoteCandidateInit, SdpType, SignalingState, TransceiverId,
    TransceiverInit, TransportId,
};
use super::{answer, local, needed, offer, remote, trickle, view};
use crate::error::{Error, ErrorKind, Result};

/// Negotiates for one connection.
pub struct Negotiator {
    state: State,
    random: Box<dyn Random + Send>,
}

impl Negotiator {
    /// A negotiator in the stable state. `random` must be unguessable: ICE passwords come from it.
    pub fn new(config: Config, mut random: Box<dyn Random + Send>) -> Self {
        let state = State::new(config, random.as_mut());
        Self { state, random }
    }

    /// Works on a copy, which becomes the state only on success.
    fn change<T>(&mut self, work: impl FnOnce(&mut State, &mut dyn Random) -> Result<T>) -> Result<T> {
        if self.state.signaling == SignalingState::Closed {
            return Err(Error::new(ErrorKind::InvalidState, "the connection is closed"));
        }
        let mut next = self.state.clone();
        let value = work(&mut next, self.random.as_mut())?;
        self.state = next;
        Ok(value)
    }

    /// A change of what the application wants: descriptions made before no longer say it.
    fn intend<T>(&mut self, work: impl FnOnce(&mut State, &mut dyn Random) -> Result<T>) -> Result<T> {
        self.change(|state, random| {
            state.revision += 1;
            work(state, random)
        })
    }

    /// W3C `addTrack`: the transceiver that will send the track. Takes one whose sender has no track, is of the kind
    /// and never sent; makes one otherwise.
    pub fn add_track(&mut self, kind: Kind, track_id: &str, stream_ids: &[String]) -> Result<TransceiverId> {
        self.intend(|state, random| {
            let sends_it =
                |transceiver: &Transceiver| !transceiver.stopped && transceiver.track.as_deref() == Some(track_id);
            if state.transceivers.iter().any(sends_it) {
                return Err(Error::new(ErrorKind::InvalidAccess, "the track is being sent already"));
            }
            let reusable = |transceiver: &Transceiver| {
                transceiver.kind == kind
                    && transceiver.track.is_none()
                    && !transceiver.ever_sent
                    && !transceiver.is_ending()
            };
            let transceiver = match state.transceivers.iter().position(reusable) {
                Some(index) => {
                    let transceiver = &mut state.transceivers[index];
                    let receives = transceiver.direction.receives();
                    transceiver.direction = Direction::from_ways(true, receives);
                    transceiver.adopted = true;
                    transceiver
                }
                None => state.new_transceiver(kind, Origin::AddTrack, Direction::SendRecv, random),
            };
            transceiver.attach(track_id, stream_ids);
            Ok(transceiver.id)
        })
    }

    /// W3C `removeTrack`.
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<()> {
        self.intend(|state, _| {
            let transceiver = state.transceiver_mut(id)?;
            if transceiver.track.take().is_some() && !transceiver.is_ending() {
                transceiver.direction = transceiver.direction.intersect(Direction::RecvOnly);
            }
            Ok(())
        })
    }

    /// W3C `addTransceiver`.
    pub fn add_transceiver(&mut self, kind: Kind, init: TransceiverInit) -> Result<TransceiverId> {
        if init.direction == Direction::Stopped {
            return Err(stopped_is_no_wish());
        }
        self.intend(|state, random| {
            let transceiver = state.new_transceiver(kind, Origin::AddTransceiver, init.direction, random);
            match &init.track_id {
                Some(track) => transceiver.attach(track, &init.stream_ids),
                None => transceiver.set_streams(&init.stream_ids),
            }
            transceiver.rids = init.rids;
            Ok(transceiver.id)
        })
    }

    /// W3C `transceiver.direction = …`; it counts from the next negotiation on.
    pub fn set_direction(&mut self, id: TransceiverId, direction: Direction) -> Result<()> {
        if direction == Direction::Stopped {
            return Err(stopped_is_no_wish());
        }
        self.intend(|state, _| {
            let transceiver = state.transceiver_mut(id)?;
            if transceiver.is_ending() {
                return Err(Error::new(ErrorKind::InvalidState, "the transceiver is stopped"));
            }
            transceiver.direction = direction;
            Ok(())
        })
    }

    /// W3C `transceiver.stop()`; media ends at once, the m-line with the next negotiation.
    pub fn stop(&mut self, id: TransceiverId) -> Result<()> {
        self.intend(|state, _| {
            let transceiver = state.transceiver_mut(id)?;
            transceiver.stopping = true;
            transceiver.direction = Direction::Stopped;
            Ok(())
        })
    }

    /// The track that the sender has now (`replaceTrack`); needs no negotiation.
    pub fn set_track(&mut self, id: TransceiverId, track_id: Option<&str>) -> Result<()> {
        self.change(|state, _| {
            state.transceiver_mut(id)?.track = track_id.map(str::to_owned);
            Ok(())
        })
    }

    /// W3C `sender.setStreams`.
    pub fn set_streams(&mut self, id: TransceiverId, stream_ids: &[String]) -> Result<()> {
        self.intend(|state, _| {
            state.transceiver_mut(id)?.set_streams(stream_ids);
            Ok(())
        })
    }

    /// W3C `setCodecPreferences`; an empty list takes earlier preferences back.
    pub fn set_codec_preferences(&mut self, id: TransceiverId, codecs: &[CodecCapability]) -> Result<()> {
        self.intend(|state, _| {
            let features = state.config.features;
            let transceiver = state.transceiver_mut(id)?;
            if !codecs.is_empty() && codec::preferred(codecs, transceiver.kind, &features).is_none() {
                let message = "a codec is no capability, or none of them carries media by itself";
                return Err(Error::new(ErrorKind::InvalidModification, message));
            }
            transceiver.preferences = codecs.to_vec();
            Ok(())
        })
    }

    /// `encodings[0].codec` of W3C `setParameters`: what to send with if it was negotiated; needs no negotiation.
    pub fn set_send_codec(&mut self, id: TransceiverId, codec: Option<CodecCapability>) -> Result<()> {
        self.change(|state, _| {
            state.transceiver_mut(id)?.send_codec = codec;
            Ok(())
        })
    }

    /// W3C `setHeaderExtensionsToNegotiate`: what shall not be negotiated.
    pub fn stop_extensions(&mut self, id: TransceiverId, stopped: &[Extension]) -> Result<()> {
        self.intend(|state, _| {
            state.transceiver_mut(id)?.stopped_extensions = stopped.to_vec();
            Ok(())
        })
    }

    /// The first `createDataChannel`: from now on offers have a data section.
    pub fn create_data_section(&mut self) -> Result<()> {
        self.intend(|state, _| {
            if !state.config.features.data {
                return Err(Error::new(ErrorKind::NotSupported, "data channels are not available"));
            }
            state.wants_data = true;
            Ok(())
        })
    }

    /// W3C `createOffer`.
    pub fn create_offer(&mut self, options: OfferOptions) -> Result<String> {
        self.change(|state, random| offer::create(state, random, options))
    }

    /// W3C `createAnswer`.
    pub fn create_answer(&mut self) -> Result<String> {
        self.change(|state, random| answer::create(state, random))
    }

    /// W3C `setLocalDescription`. `sdp` is empty or exactly what was created last.
    pub fn set_local(&mut self, ty: SdpType, sdp: &str) -> Result<()> {
        self.change(|state, random| local::set(state, random, ty, sdp))
    }

    /// W3C `setRemoteDescription`; an offer rolls back an open offer of ours.
    pub fn set_remote(&mut self, ty: SdpType, sdp: &str) -> Result<()> {
        self.intend(|state, random| remote::set(state, random, ty, sdp))
    }

    /// W3C `addIceCandidate`; an empty candidate is the end of candidates.
    pub fn add_remote_candidate(&mut self, candidate: RemoteCandidateInit) -> Result<()> {
        self.change(|state, _| trickle::add_remote(state, &candidate))
    }

    /// A candidate was gathered. Returned as `icecandidate` events show it; nothing for one that is known or of an
    /// earlier generation.
    pub fn add_local_candidate(&mut self, id: TransportId, candidate: &LocalCandidate) -> Vec<SurfacedCandidate> {
        trickle::add_local(&mut self.state, id, candidate)
    }

    /// Gathering has ended for the present generation of a transport.
    pub fn local_candidates_complete(&mut self, id: TransportId) {
        trickle::complete_local(&mut self.state, id);
    }

    /// W3C `restartIce`: the next offer has new credentials for every transport in use.
    pub fn restart_ice(&mut self) {
        let state = &mut self.state;
        let described = state.agreement.transports.values().filter(|transport| transport.gather);
        state.replace.extend(described.map(|transport| transport.local.ufrag.clone()));
        state.revision += 1;
    }

    /// W3C `setConfiguration`, as far as it concerns descriptions.
    pub fn set_bundle_policy(&mut self, policy: BundlePolicy) {
        self.state.config.bundle_policy = policy;
    }

    /// W3C "check if negotiation is needed".
    pub fn negotiation_needed(&self) -> bool {
        needed::check(&self.state)
    }

    /// Closes: everything fails from now on, and the plan is empty.
    pub fn close(&mut self) {
        self.state.signaling = SignalingState::Closed;
    }

    /// The session descriptions in force.
    pub fn descriptions(&self) -> Descriptions {
        view::descriptions(&self.state)
    }

    /// For the facade.
    pub fn snapshot(&self) -> Snapshot {
        view::snapshot(&self.state)
    }

    /// The transceiver exists; not any more once its stop was negotiated.
    pub fn knows(&self, id: TransceiverId) -> bool {
        self.state.transceiver(id).is_ok()
    }

    /// What was negotiated for the packets of a transceiver.
    pub fn parameters(&self, id: TransceiverId) -> Result<Parameters> {
        Ok(view::parameters(&self.state, self.state.transceiver(id)?))
    }

    /// For the engine.
    pub fn plan(&self) -> Plan {
        view::plan(&self.state)
    }
}

fn stopped_is_no_wish() -> Error {
    Error::new(ErrorKind::Type, "stopped is no direction that can be asked for")
}
