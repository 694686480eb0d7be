//! The transport: ICE, DTLS, SRTP and SCTP joined. Sans-I/O and pure in time.
//!
//! Invariant: media leaves only on a pair whose far end consents, under keys whose certificate was signalled; it goes on
//! leaving on the last such pair while ICE restarts.

use super::certificate::Certificate;
use super::consent::Freshness;
use super::dtls::{Association, DtlsEvent};
use super::failure::DtlsFailure;
use super::gather::CandidateSource;
use super::guard::Peers;
use super::ice::{Pair, Session};
use super::sctp::{ChannelId, ChannelInit, DataEvent, Message, Sctp};
use super::srtp::Srtp;
use super::stats::{PairInfo, TransportStats};
use super::usage::Traffic;
use super::{Transmit, crypto};
use crate::census::{Kind, Live};
use crate::error::Result;
use crate::negotiation::{
    Candidate, CandidateKind, DataPlan, DtlsPlan, IceCredentials, IcePlan, LocalCandidate, TransportPlan,
};
use crate::rtp::{RtpHeader, RtpPacket};
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Without a pair after this time ICE has failed.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Type of a DTLS record that carries SCTP.
const APPLICATION_DATA: u8 = 23;

/// RTCIceTransportState.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IceState {
    /// No remote credentials yet.
    #[default]
    New,
    /// Looking for a pair.
    Checking,
    /// A pair is selected and the far end consents.
    Connected,
    /// As connected, and we, controlling, know all remote candidates.
    Completed,
    /// No answer for 5 s.
    Disconnected,
    /// No pair, or no answer, for 30 s.
    Failed,
    /// Closed by us.
    Closed,
}

/// RTCDtlsTransportState.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DtlsState {
    /// No handshake yet.
    #[default]
    New,
    /// In the handshake.
    Connecting,
    /// The far end is who the signalling says.
    Connected,
    /// Closed by either side.
    Closed,
    /// The handshake failed.
    Failed,
}

/// What a transport reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportEvent {
    /// The ICE state changed.
    Ice(IceState),
    /// The DTLS state changed, other than to `Failed`.
    Dtls(DtlsState),
    /// Media takes another pair from now on.
    SelectedPair(Box<PairInfo>),
    /// An authentic RTP packet.
    Rtp(RtpPacket),
    /// An authentic compound RTCP packet.
    Rtcp(Vec<u8>),
    /// Something happened to the data channels.
    Data(DataEvent),
    /// The far end closed DTLS; reported once.
    PeerClosed,
    /// DTLS failed, for this reason; its state is `Failed` now.
    Failed(DtlsFailure),
}

/// What a transport is made with.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// Ours.
    pub certificate: Certificate,
    /// Our ICE credentials until a plan says otherwise.
    pub local: IceCredentials,
}

/// An address of ours.
pub(super) struct Local {
    pub candidate: LocalCandidate,
    /// What it sends from.
    pub base: SocketAddr,
    /// Who told a reflexive or relayed one, for statistics.
    source: Option<CandidateSource>,
}

/// One transport.
pub struct Transport {
    crypto: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    locals: Vec<Local>,
    /// Sessions to come use no other addresses than relayed ones.
    relay_only: bool,
    remotes: Vec<Candidate>,
    /// Those of the session before a restart.
    remotes_before: Vec<Candidate>,
    remotes_complete: bool,
    /// The session of the current credentials.
    ice: Session,
    /// The session before a restart, in use until the restart has found a pair.
    ice_before: Option<Session>,
    /// Who has proved to know the current credentials.
    peers: Peers,
    /// Who has proved to know credentials before these, as long as the association in use may be with them.
    peers_before: Peers,
    dtls: Option<Association>,
    /// With the far end that an ICE restart leads to; begins when the restart has found a pair, or the far end before
    /// would answer in its place.
    dtls_next: Option<Association>,
    srtp: Option<Srtp>,
    sctp: Sctp,
    /// The far end's SCTP port, while data channels are negotiated.
    sctp_port: Option<u16>,
    /// Packets of SCTP have come or gone since somebody asked.
    data_has_moved: bool,
    path: Option<Pair>,
    may_send: bool,
    /// Packets of each of our streams that could not go out.
    unsent: BTreeMap<u32, u16>,
    ice_state: IceState,
    dtls_state: DtlsState,
    /// On all pairs.
    traffic: Traffic,
    pair_changes: u32,
    /// ICE sessions so far.
    sessions: u32,
    /// DTLS output that no pair can carry yet.
    stalled: VecDeque<BytesMut>,
    out: VecDeque<Transmit>,
    events: VecDeque<TransportEvent>,
    _live: Live,
}

impl Transport {
    /// A transport without addresses. `now` is the moment that its clock starts.
    pub fn new(now: Instant, config: TransportConfig) -> Result<Self> {
        let crypto = crypto()?;
        Ok(Self {
            ice: Session::new(now, crypto.clone(), config.local, 0)?,
            crypto,
            certificate: config.certificate,
            locals: Vec::new(),
            relay_only: false,
            remotes: Vec::new(),
            remotes_before: Vec::new(),
            remotes_complete: false,
            ice_before: None,
            peers: Peers::default(),
            peers_before: Peers::default(),
            dtls: None,
            dtls_next: None,
            srtp: None,
            sctp: Sctp::new(),
            sctp_port: None,
            data_has_moved: false,
            path: None,
            may_send: false,
            unsent: BTreeMap::new(),
            ice_state: IceState::New,
            dtls_state: DtlsState::New,
            traffic: Traffic::default(),
            pair_changes: 0,
            sessions: 1,
            stalled: VecDeque::new(),
            out: VecDeque::new(),
            events: VecDeque::new(),
            _live: Live::new(Kind::Transport),
        })
    }

    /// Goes over to the wanted state. Applying a plan again changes nothing.
    ///
    /// Other credentials start another ICE session (an ICE restart; going back to those before the restart ends it), a
    /// remote fingerprint that the far end's certificate does not have starts another DTLS association.
    pub fn apply(&mut self, now: Instant, plan: &TransportPlan) -> Result<()> {
        if self.ice_state == IceState::Closed {
            return Ok(());
        }
        self.apply_ice(now, &plan.ice)?;
        if let Some(dtls) = &plan.dtls {
            self.apply_dtls(now, dtls)?;
        }
        self.settle(now);
        Ok(())
    }

    fn apply_ice(&mut self, now: Instant, plan: &IcePlan) -> Result<()> {
        if !self.ice.may_have_credentials(&plan.local, plan.remote.as_ref()) {
            let back = |before: &mut Session| before.has_credentials(&plan.local, plan.remote.as_ref());
            match self.ice_before.take_if(back) {
                Some(before) => {
                    self.ice = before;
                    self.peers = std::mem::take(&mut self.peers_before);
                }
                None => self.restart(now, &plan.local)?,
            }
        }
        match &plan.remote {
            Some(remote) => self.ice.start(now, remote, plan.controlling || plan.remote_lite)?,
            None => self.ice.expect_role(plan.controlling),
        }
        for candidate in &plan.remote_candidates {
            self.ice.add_remote(now, candidate);
        }
        if self.remotes != plan.remote_candidates {
            let was_reflexive = self.is_peer_reflexive();
            self.remotes.clone_from(&plan.remote_candidates);
            // Signaling may tell of an address after a check has come from it.
            if was_reflexive && !self.is_peer_reflexive() {
                self.report_pair();
            }
        }
        self.remotes_complete = plan.remote_complete;
        Ok(())
    }

    fn restart(&mut self, now: Instant, local: &IceCredentials) -> Result<()> {
        tracing::info!(target: "webphone-rtc:ice", "ICE restarts");
        let mut session = Session::new(now, self.crypto.clone(), local.clone(), self.sessions)?;
        self.sessions += 1;
        session.set_relay_only(self.relay_only);
        // A relayed address counts again when a gathering has told it again; where the far end alone has changed, none follows.
        let kept = *local == *self.ice.local();
        let stays = |local: &&Local| match local.candidate.kind {
            CandidateKind::Host => !self.relay_only,
            CandidateKind::Relay => kept && self.ice.has_local(local.base),
            _ => false,
        };
        for Local { candidate, base, .. } in self.locals.iter().filter(stays) {
            session.add_local(now, candidate.kind, *base, candidate.priority)?;
        }
        let before = std::mem::replace(&mut self.ice, session);
        self.peers_before.join(std::mem::take(&mut self.peers));
        if before.selected().is_some() {
            self.ice_before = Some(before);
            self.remotes_before.clone_from(&self.remotes);
        }
        if self.ice_before.is_some() {
            self.ice.await_nomination();
        }
        Ok(())
    }

    fn apply_dtls(&mut self, now: Instant, plan: &DtlsPlan) -> Result<()> {
        if self.dtls.as_ref().is_some_and(|association| association.serves(plan)) {
            self.dtls_next = None;
            return Ok(());
        }
        if self.dtls_next.as_ref().is_some_and(|association| association.serves(plan)) {
            return Ok(());
        }
        self.dtls_next = Some(Association::new(&self.crypto, &self.certificate, plan.clone())?);
        if self.dtls.is_none() || self.ice_before.is_none() {
            self.go_over_to_next_dtls(now);
        }
        Ok(())
    }

    fn go_over_to_next_dtls(&mut self, now: Instant) {
        let Some(next) = self.dtls_next.take() else { return };
        self.dtls = Some(next);
        self.stalled.clear();
        // What the far end before still says is nothing to this one.
        self.peers_before = Peers::default();
        if self.path.is_some() {
            self.start_dtls(now);
        }
    }

    /// `base` is the socket's address; for a relayed candidate the relayed address, and the driver wraps what leaves
    /// from it.
    pub fn add_local_address(&mut self, now: Instant, candidate: LocalCandidate, base: SocketAddr) -> Result<()> {
        if sends(&candidate) {
            self.ice.add_local(now, candidate.kind, base, candidate.priority)?;
        }
        // A later gathering may tell an address under another foundation.
        let (kind, address, port) = (candidate.kind, &candidate.address, candidate.port);
        let same = |known: &LocalCandidate| known.kind == kind && known.address == *address && known.port == port;
        match self.locals.iter_mut().find(|known| known.base == base && same(&known.candidate)) {
            Some(known) => known.candidate = candidate,
            None => self.locals.push(Local { candidate, base, source: None }),
        }
        self.settle(now);
        Ok(())
    }

    /// Who told a candidate that was added.
    pub fn note_source(&mut self, candidate: &LocalCandidate, source: CandidateSource) {
        if let Some(known) = self.locals.iter_mut().find(|known| known.candidate == *candidate) {
            known.source = Some(source);
        }
    }

    /// Whether the next ICE session uses no other addresses than relayed ones; a pair that uses one now is used until then.
    pub fn set_relay_only(&mut self, relay_only: bool) {
        self.relay_only = relay_only;
        if self.ice.started().is_none() {
            self.ice.set_relay_only(relay_only);
        }
    }

    /// Nothing leaves from this address or comes to it any more: a pair that uses it is disconnected, and the next ICE restart
    /// does without it.
    pub fn lose_local_address(&mut self, now: Instant, base: SocketAddr) {
        for session in [Some(&mut self.ice), self.ice_before.as_mut()].into_iter().flatten() {
            session.lose_local(now, base);
        }
        if self.path.is_none_or(|path| path.local != base) {
            self.remove_local_address(base);
        }
        self.settle(now);
    }

    /// The next ICE restart does without this address; a pair that uses it now fails by itself.
    pub fn remove_local_address(&mut self, base: SocketAddr) {
        self.locals.retain(|known| known.base != base);
    }

    /// A remote candidate whose name the driver has resolved meanwhile. Plans bring all others.
    pub fn add_remote_candidate(&mut self, now: Instant, candidate: &Candidate) {
        self.ice.add_remote(now, candidate);
        self.settle(now);
    }

    /// One datagram in, told apart by its first byte (RFC 7983).
    pub fn receive(&mut self, now: Instant, local: SocketAddr, peer: SocketAddr, datagram: &[u8]) {
        if self.ice_state == IceState::Closed {
            return;
        }
        match datagram.first() {
            Some(0..=3) => self.receive_stun(now, Pair { local, peer }, datagram),
            Some(_) if !self.trusts(peer) => {}
            Some(20..=63) => self.receive_dtls(now, datagram),
            Some(128..=191) => self.receive_srtp(now, datagram),
            _ => {}
        }
    }

    fn trusts(&self, peer: SocketAddr) -> bool {
        self.peers.knows(peer)
            || self.ice.has_answered(peer)
            || self.peers_before.knows(peer)
            || self.ice_before.as_ref().is_some_and(|before| before.has_answered(peer))
    }

    fn receive_stun(&mut self, now: Instant, pair: Pair, datagram: &[u8]) {
        if self.ice.receive(now, pair, datagram) {
            self.peers.admit(pair.peer);
        } else if self.ice_before.as_mut().is_some_and(|before| before.receive(now, pair, datagram)) {
            self.peers_before.admit(pair.peer);
        } else {
            return;
        }
        self.settle(now);
    }

    fn receive_dtls(&mut self, now: Instant, datagram: &[u8]) {
        let event = self.dtls.as_mut().and_then(|association| association.receive(now, datagram));
        if self.dtls.as_ref().is_some_and(Association::has_data) {
            self.count(|traffic| traffic.received(datagram.len()));
        }
        // Data that comes with the end comes before it.
        if matches!(event, Some(DtlsEvent::PeerClosed)) {
            self.receive_data(now);
        }
        self.take_dtls(now, event);
        self.receive_data(now);
    }

    fn receive_srtp(&mut self, now: Instant, datagram: &[u8]) {
        let Some(srtp) = &mut self.srtp else { return };
        // RFC 5761 section 4: these payload types are RTCP packet types.
        let event = if datagram.get(1).is_some_and(|kind| (192..=223).contains(kind)) {
            srtp.open_rtcp(now, datagram).map(|compound| TransportEvent::Rtcp(compound.into()))
        } else {
            srtp.open_rtp(now, datagram).map(TransportEvent::Rtp)
        };
        if let Some(event) = event {
            self.count(|traffic| {
                traffic.received(datagram.len());
                traffic.last_received = Some(now);
            });
            self.events.push_back(event);
        }
    }

    /// `false` where it cannot go out now; the packet is dropped, and a later one of its stream gets its number: both ends count
    /// how often the numbers have begun anew (RFC 3711 section 3.3.1), so none may be missing for long.
    pub fn send_rtp(&mut self, header: &RtpHeader, payload: &[u8]) -> bool {
        let unsent = self.unsent.get(&header.ssrc).copied().unwrap_or_default();
        let seal = |srtp: &mut Srtp| match unsent {
            0 => srtp.seal_rtp(header, payload),
            _ => {
                srtp.seal_rtp(&RtpHeader { sequence: header.sequence.wrapping_sub(unsent), ..header.clone() }, payload)
            }
        };
        let sealed = self.srtp.as_mut().filter(|_| self.may_send).and_then(seal);
        let sent = self.send_sealed(sealed);
        if !sent {
            self.unsent.insert(header.ssrc, unsent.wrapping_add(1));
            self.count(|traffic| traffic.discarded(payload.len()));
        }
        sent
    }

    /// `false` where it cannot go out now; the packet is dropped.
    pub fn send_rtcp(&mut self, compound: &[u8]) -> bool {
        let sealed = self.srtp.as_mut().filter(|_| self.may_send).and_then(|srtp| srtp.seal_rtcp(compound));
        self.send_sealed(sealed)
    }

    fn send_sealed(&mut self, sealed: Option<BytesMut>) -> bool {
        let (Some(payload), Some(path)) = (sealed, self.path) else { return false };
        self.count(|traffic| traffic.sent(payload.len()));
        self.out.push_back(Transmit { local: path.local, peer: path.peer, payload });
        true
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] is next needed. A quiet connected transport asks for it every 2 s.
    pub fn timeout(&self) -> Option<Instant> {
        if self.ice_state == IceState::Closed {
            return None;
        }
        let connect = self.connect_deadline().filter(|_| !self.ice.is_given_up());
        let before = self.ice_before.as_ref().and_then(Session::timeout);
        let dtls = self.dtls.as_ref().and_then(Association::timeout);
        let sctp = self.sctp.timeout().filter(|_| self.may_send);
        [self.ice.timeout(), before, dtls, sctp, connect].into_iter().flatten().min()
    }

    fn connect_deadline(&self) -> Option<Instant> {
        self.ice.started().filter(|_| self.ice.selected().is_none()).map(|started| started + CONNECT_LIMIT)
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ice_state == IceState::Closed {
            return;
        }
        self.ice.handle_timeout(now);
        if let Some(before) = &mut self.ice_before {
            before.handle_timeout(now);
        }
        let event = self.dtls.as_mut().and_then(|association| association.handle_timeout(now));
        self.take_dtls(now, event);
        self.settle(now);
        if self.may_send && self.sctp.timeout().is_some_and(|due| due <= now) {
            self.sctp.handle_timeout(now);
            self.drain_sctp(now);
        }
    }

    /// ICE and DTLS state.
    pub fn state(&self) -> (IceState, DtlsState) {
        (self.ice_state, self.dtls_state)
    }

    /// The pair that media takes.
    pub fn selected_pair(&self) -> Option<PairInfo> {
        // Of the pair from before a restart signaling tells nothing more.
        let remotes = if self.ice_before.is_some() { &self.remotes_before } else { &self.remotes };
        self.path.map(|path| PairInfo::new(path, &self.locals, remotes))
    }

    /// The far end's certificate as DER, once DTLS is up.
    pub fn remote_certificate(&self) -> Option<&[u8]> {
        Some(&self.dtls.as_ref()?.agreed()?.remote_certificate)
    }

    /// DTLS cipher suite and SRTP profile, once DTLS is up.
    pub fn security(&self) -> Option<(&str, &'static str)> {
        let agreed = self.dtls.as_ref()?.agreed()?;
        Some((&agreed.cipher, agreed.profile))
    }

    /// Counters and properties at this moment.
    pub fn stats(&self) -> TransportStats {
        let agreed = self.dtls.as_ref().and_then(Association::agreed);
        TransportStats {
            ice: self.ice_state,
            dtls: self.dtls_state,
            controlling: self.ice.is_controlling(),
            local_ufrag: self.ice.local().ufrag.clone(),
            remote_ufrag: self.ice.remote().map(|remote| remote.ufrag.clone()),
            traffic: self.traffic,
            pair: self.selected_pair(),
            usage: self.in_use().usage().copied().unwrap_or_default(),
            requests_received: self.ice.requests_received(),
            pair_changes: self.pair_changes,
            locals: self.locals.iter().map(|local| (local.candidate.clone(), local.source.clone())).collect(),
            remotes: self.remotes.clone(),
            dtls_role: self.dtls.as_ref().map(Association::role),
            dtls_cipher: agreed.map(|agreed| agreed.cipher.clone()),
            srtp_profile: agreed.map(|agreed| agreed.profile),
        }
    }

    /// The session whose pair media takes, once there is one.
    fn in_use(&self) -> &Session {
        self.ice_before.as_ref().unwrap_or(&self.ice)
    }

    /// Counts for the transport and for the pair that media takes.
    fn count(&mut self, note: impl Fn(&mut Traffic)) {
        note(&mut self.traffic);
        if let Some(usage) = self.ice_before.as_mut().unwrap_or(&mut self.ice).usage_mut() {
            note(&mut usage.traffic);
        }
    }

    /// Says good-bye (in [`Self::poll_transmit`]) and ends.
    pub fn close(&mut self, now: Instant) {
        if self.ice_state == IceState::Closed {
            return;
        }
        self.sctp.close(now);
        self.drain_sctp(now);
        if let Some(association) = &mut self.dtls {
            association.close(now);
        }
        self.drain_dtls();
        self.srtp = None;
        self.ice_before = None;
        self.may_send = false;
        self.set_ice_state(IceState::Closed);
        self.set_dtls_state(DtlsState::Closed);
    }

    /// Takes over what the machines have come to.
    fn settle(&mut self, now: Instant) {
        for session in [Some(&mut self.ice), self.ice_before.as_mut()].into_iter().flatten() {
            while let Some(transmit) = session.poll_transmit() {
                self.out.push_back(transmit);
            }
        }
        if self.ice.selected().is_some() && self.ice_before.take().is_some() && self.path == self.ice.selected() {
            // Of the same addresses, but a pair of its own.
            self.pair_changes += 1;
        }
        let path = self.ice.selected().or_else(|| self.ice_before.as_ref().and_then(Session::selected));
        self.follow(now, path.or(self.path));
        if self.ice.is_nominated()
            && let Some(association) = &mut self.dtls
        {
            association.expect(now);
        }
        if self.ice_before.is_none() {
            self.go_over_to_next_dtls(now);
        }
        let state = self.judge(now);
        self.may_send = !matches!(state, IceState::Failed | IceState::Closed);
        self.set_ice_state(state);
        self.drain_sctp(now);
    }

    fn follow(&mut self, now: Instant, path: Option<Pair>) {
        if self.path == path {
            return;
        }
        self.path = path;
        self.pair_changes += 1;
        self.report_pair();
        self.start_dtls(now);
    }

    fn is_peer_reflexive(&self) -> bool {
        self.selected_pair().is_some_and(|pair| pair.remote.kind == CandidateKind::Prflx)
    }

    fn report_pair(&mut self) {
        if let Some(pair) = self.selected_pair() {
            self.events.push_back(TransportEvent::SelectedPair(Box::new(pair)));
        }
    }

    fn judge(&mut self, now: Instant) -> IceState {
        let deadline = self.connect_deadline();
        if deadline.is_some_and(|deadline| now >= deadline) {
            self.ice.give_up();
        }
        let (fresh, before) =
            (self.ice.freshness(now), self.ice_before.as_mut().and_then(|before| before.freshness(now)));
        let completed = match fresh {
            Some(_) => self.remotes_complete && self.ice.is_controlling() && self.ice.is_nominated(),
            // A restart shows only where there is no pair meanwhile.
            None => self.ice_state == IceState::Completed,
        };
        match fresh.or(before) {
            Some(Freshness::Fresh) if completed => IceState::Completed,
            Some(Freshness::Fresh) => IceState::Connected,
            _ if deadline.is_some_and(|deadline| now < deadline) => match self.ice_state {
                IceState::New if !self.ice.has_remotes() => IceState::New,
                _ => IceState::Checking,
            },
            Some(Freshness::Stale) => IceState::Disconnected,
            Some(Freshness::Expired) => IceState::Failed,
            None if deadline.is_some() => IceState::Failed,
            None => self.ice_state,
        }
    }

    fn start_dtls(&mut self, now: Instant) {
        let Some(association) = &mut self.dtls else { return };
        let event = association.start(now);
        if self.dtls_state == DtlsState::New {
            self.set_dtls_state(DtlsState::Connecting);
        }
        self.take_dtls(now, event);
    }

    fn take_dtls(&mut self, now: Instant, event: Option<DtlsEvent>) {
        self.drain_dtls();
        let outcome = match event {
            None => return,
            Some(DtlsEvent::Up(keys)) => self.take_keys(now, *keys).map_err(|error| DtlsFailure::of(error.to_string())),
            Some(DtlsEvent::PeerClosed) => {
                self.events.push_back(TransportEvent::PeerClosed);
                self.set_dtls_state(DtlsState::Closed);
                self.end_sessions();
                return;
            }
            Some(DtlsEvent::Failed(failure)) => Err(failure),
        };
        let with_data = |()| self.connect_sctp(now).map_err(|error| DtlsFailure::of(error.to_string()));
        match outcome.and_then(with_data) {
            Ok(()) => {
                self.set_dtls_state(DtlsState::Connected);
                self.drain_sctp(now);
            }
            Err(failure) => {
                self.dtls_state = DtlsState::Failed;
                self.events.push_back(TransportEvent::Failed(failure));
                self.end_sessions();
            }
        }
    }

    fn take_keys(&mut self, now: Instant, keys: super::srtp::Keys) -> Result<()> {
        match &mut self.srtp {
            Some(srtp) => srtp.rekey(now, keys),
            none => {
                *none = Some(Srtp::new(self.crypto.clone(), keys)?);
                Ok(())
            }
        }
    }

    /// Nothing that DTLS carried or keyed goes on.
    fn end_sessions(&mut self) {
        self.srtp = None;
        self.sctp.lose("the DTLS transport was closed");
        self.report_data();
    }

    fn drain_dtls(&mut self) {
        while let Some(record) = self.dtls.as_mut().and_then(Association::poll_transmit) {
            if record.first() == Some(&APPLICATION_DATA) {
                self.count(|traffic| traffic.sent(record.len()));
            }
            self.stalled.push_back(record);
        }
        if self.ice_state == IceState::Failed {
            // The far end has withdrawn its consent (RFC 7675 section 5.1).
            self.stalled.clear();
        } else if let Some(path) = self.path {
            let framed = |payload| Transmit { local: path.local, peer: path.peer, payload };
            self.out.extend(self.stalled.drain(..).map(framed));
        }
    }
}

/// Data channels.
impl Transport {
    /// What was negotiated of data channels here; `None` ends them.
    pub fn apply_data(&mut self, now: Instant, plan: Option<&DataPlan>) -> Result<()> {
        let port = plan.map(|plan| plan.remote_port);
        if self.ice_state == IceState::Closed || self.sctp_port == port {
            return Ok(());
        }
        self.sctp.close(now);
        self.sctp_port = port;
        if self.dtls_state == DtlsState::Connected {
            self.connect_sctp(now)?;
        }
        self.drain_sctp(now);
        Ok(())
    }

    /// A channel of ours. The caller has chosen a stream that no other channel has.
    pub fn open_channel(&mut self, now: Instant, id: ChannelId, stream: u16, init: ChannelInit) {
        self.sctp.open(now, id, stream, init);
        self.drain_sctp(now);
    }

    /// Sends a message when its turn has come. A channel that is not open takes none.
    pub fn send_message(&mut self, now: Instant, id: ChannelId, message: Message) {
        self.sctp.send(now, id, message);
        self.drain_sctp(now);
    }

    /// Closes a channel, behind all its messages.
    pub fn close_channel(&mut self, now: Instant, id: ChannelId) {
        self.sctp.close_channel(now, id);
        self.drain_sctp(now);
    }

    /// Whether messages may come; while they may not, the far end is held back.
    pub fn set_reading(&mut self, now: Instant, reading: bool) {
        self.sctp.set_reading(now, reading);
        self.drain_sctp(now);
    }

    /// Has a packet of data channels come or gone since the last call?
    pub fn take_data_has_moved(&mut self) -> bool {
        std::mem::take(&mut self.data_has_moved)
    }

    /// Each DTLS association carries an SCTP association of its own.
    fn connect_sctp(&mut self, now: Instant) -> Result<()> {
        let Some(port) = self.sctp_port else { return Ok(()) };
        self.sctp.lose("the far end was replaced");
        self.sctp.connect(now, port)
    }

    fn receive_data(&mut self, now: Instant) {
        while let Some(packet) = self.dtls.as_mut().and_then(Association::poll_data) {
            self.data_has_moved = true;
            self.sctp.receive(now, packet);
        }
        self.drain_sctp(now);
    }

    fn drain_sctp(&mut self, now: Instant) {
        while self.may_send
            && let Some(packet) = self.sctp.poll_packet()
        {
            self.data_has_moved = true;
            if let Some(association) = &mut self.dtls {
                association.send_data(now, &packet);
            }
        }
        self.drain_dtls();
        self.report_data();
    }

    fn report_data(&mut self) {
        while let Some(event) = self.sctp.poll_event() {
            self.events.push_back(TransportEvent::Data(event));
        }
    }
}

impl Transport {
    fn set_ice_state(&mut self, state: IceState) {
        // Applications wait for 'connected'; browsers always pass through it on the way to 'completed'.
        if state == IceState::Completed && !matches!(self.ice_state, IceState::Connected | IceState::Completed) {
            self.set_ice_state(IceState::Connected);
        }
        if self.ice_state != state {
            self.ice_state = state;
            self.events.push_back(TransportEvent::Ice(state));
        }
    }

    fn set_dtls_state(&mut self, state: DtlsState) {
        if self.dtls_state != state {
            self.dtls_state = state;
            self.events.push_back(TransportEvent::Dtls(state));
        }
    }
}

/// Reflexive candidates send from their base, which is a candidate of its own.
fn sends(candidate: &LocalCandidate) -> bool {
    matches!(candidate.kind, CandidateKind::Host | CandidateKind::Relay)
}
