//! One ICE session: the checks between one pair of credentials (RFC 8445). A restart makes a new session and keeps the
//! old one until the new has a pair.
//!
//! Invariant: the agent inside sees a message only after its MESSAGE-INTEGRITY was checked; what keeps a selected pair
//! alive is [`Consent`], never the agent's own timers. Only a pair on which the far end has answered is selected: at first
//! whichever answers first (RFC 8445 section 12.1), then the best that is nominated.

use super::consent::{Consent, Freshness};
use super::stun::find_range;
use super::usage::{Usage, Usages};
use super::{Transmit, failed, guard};
use crate::error::Result;
use crate::negotiation::{Candidate, CandidateKind, IceCredentials, MAX_REMOTE_CANDIDATES, Protocol};
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_ice::agent::agent_config::AgentConfig;
use rtc_ice::agent::{Agent, Event};
use rtc_ice::attributes::control::{AttrControlled, AttrControlling};
use rtc_ice::attributes::priority::PriorityAttr;
use rtc_ice::attributes::use_candidate::UseCandidateAttr;
use rtc_ice::candidate::candidate_host::CandidateHostConfig;
use rtc_ice::candidate::candidate_relay::CandidateRelayConfig;
use rtc_ice::candidate::{Candidate as AgentCandidate, CandidateConfig};
use rtc_ice::mdns::MulticastDnsMode;
use rtc_shared::error::Error as MachineError;
use rtc_shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc_stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::error_code::{CODE_ROLE_CONFLICT, ErrorCodeAttribute};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter, TransactionId};
use rtc_stun::textattrs::Username;
use rtc_stun::xoraddr::XorMappedAddress;
use sansio::Protocol as _;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Addresses that one session checks, those it was told and those that its far end has moved to. The agent keeps them all,
/// and checks each of them again for each.
const MAX_ADDRESSES: usize = 2 * MAX_REMOTE_CANDIDATES;
/// So few addresses are checked at once when another one turns up; more wait for [`MIN_CHECK_INTERVAL`].
const FEW_ADDRESSES: usize = 8;
/// So many pairs are checked as often as [`check_interval`] says, more of them more rarely.
const FEW_PAIRS: usize = 16;
/// Requests whose answers are still of interest, and so many of each pair where there are more pairs: checks ask all of them
/// in one burst, the best first.
const MIN_TRANSACTIONS: usize = 128;
const TRANSACTIONS_PER_PAIR: usize = 32;
/// A relayed pair is nominated only when direct ones had this long to answer.
const RELAY_WAIT: Duration = Duration::from_millis(500);
/// Checks triggered by the far end's requests come no faster than this.
const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// So long an agent that is controlled waits for the far end's first check before it begins its own: where signaling is fast, ours
/// would come before the far end knows of us, or just as it begins. Some then put off their own check (libjuice by 50 ms).
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// RFC 8445 section 5.1.2.1 with the type preference of peer-reflexive candidates.
const PRFLX_PRIORITY: u32 = (110 << 24) | (65_535 << 8) | 255;

/// Where a pair has answered, but none was nominated, others are checked for so long.
const CHECK_LIMIT: Duration = Duration::from_secs(30);
/// The agent takes no answer that comes later, and the pair has not succeeded for it.
const AGENT_PATIENCE: Duration = Duration::from_secs(4);

const REQUEST: [u8; 2] = [0x00, 0x01];
const SUCCESS: [u8; 2] = [0x01, 0x01];
const ERROR: [u8; 2] = [0x01, 0x11];

/// Our base and the far end's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub local: SocketAddr,
    pub peer: SocketAddr,
}

struct Transaction {
    id: TransactionId,
    pair: Pair,
    at: Instant,
    controlling: bool,
    consent: bool,
}

pub(super) struct Session {
    crypto: Arc<dyn RTCCryptoProvider>,
    agent: Agent,
    local: IceCredentials,
    /// There is no direct path to wait for before a relayed one is nominated.
    relay_only: bool,
    remote: Option<IceCredentials>,
    started: Option<Instant>,
    last_check: Option<Instant>,
    next_check: Option<Instant>,
    transactions: VecDeque<Transaction>,
    /// As the agent drew it; seen in its first request.
    tie_breaker: u64,
    /// A USE-CANDIDATE that the agent will answer once our own check of that pair has succeeded.
    nomination: Option<(Pair, Vec<u8>)>,
    selected: Option<(Pair, Consent)>,
    /// Nominated as well, and worse than the selected one: in use as soon as that is silent, unless it answers before.
    resort: Option<Pair>,
    /// The far end has answered a check of these.
    valid: Vec<Pair>,
    /// There was a nomination; until then checks go on.
    nominated: bool,
    /// There is another pair to use until then.
    patient: bool,
    /// Too long without a pair.
    given_up: bool,
    usages: Usages,
    out: VecDeque<Transmit>,
}

impl Session {
    /// `number`: no other session of its transport has it.
    pub(super) fn new(
        now: Instant,
        crypto: Arc<dyn RTCCryptoProvider>,
        local: IceCredentials,
        number: u32,
    ) -> Result<Self> {
        let config = AgentConfig {
            local_ufrag: local.ufrag.clone(),
            local_pwd: local.pwd.clone(),
            multicast_dns_mode: MulticastDnsMode::Disabled,
            // We say when.
            check_interval: Duration::from_nanos(1),
            // A far end that learns of us late must still find its pair waiting; our own deadline ends the checks.
            max_binding_requests: Some(u16::MAX),
            disconnected_timeout: Some(Duration::ZERO),
            failed_timeout: Some(Duration::ZERO),
            keepalive_interval: Some(Duration::ZERO),
            srflx_acceptance_min_wait: Some(Duration::ZERO),
            prflx_acceptance_min_wait: Some(Duration::ZERO),
            relay_acceptance_min_wait: Some(RELAY_WAIT),
            ..AgentConfig::default()
        };
        let agent = Agent::new(now, Arc::new(config), crypto.clone()).map_err(|error| failed("ICE", error))?;
        Ok(Self {
            crypto,
            agent,
            local,
            relay_only: false,
            remote: None,
            started: None,
            last_check: None,
            next_check: None,
            transactions: VecDeque::new(),
            tie_breaker: 0,
            nomination: None,
            selected: None,
            resort: None,
            valid: Vec::new(),
            nominated: false,
            patient: false,
            given_up: false,
            usages: Usages::new(number),
            out: VecDeque::new(),
        })
    }

    /// To be told before any candidate.
    pub(super) fn set_relay_only(&mut self, relay_only: bool) {
        self.relay_only = relay_only;
    }

    pub(super) fn has_credentials(&self, local: &IceCredentials, remote: Option<&IceCredentials>) -> bool {
        self.local == *local && self.remote.as_ref() == remote
    }

    /// Could this session be the one between these credentials, unknown ones being yet to come?
    pub(super) fn may_have_credentials(&self, local: &IceCredentials, remote: Option<&IceCredentials>) -> bool {
        self.local == *local && (self.remote.is_none() || remote.is_none() || self.remote.as_ref() == remote)
    }

    pub(super) fn local(&self) -> &IceCredentials {
        &self.local
    }

    pub(super) fn remote(&self) -> Option<&IceCredentials> {
        self.remote.as_ref()
    }

    pub(super) fn started(&self) -> Option<Instant> {
        self.started
    }

    /// There is something to check: addresses that were told, or that have checked us.
    pub(super) fn has_remotes(&self) -> bool {
        !self.agent.get_remote_candidates().is_empty()
    }

    pub(super) fn is_controlling(&self) -> bool {
        self.agent.role()
    }

    /// No pair is selected before one is nominated.
    pub(super) fn await_nomination(&mut self) {
        self.patient = true;
    }

    pub(super) fn is_nominated(&self) -> bool {
        self.nominated
    }

    pub(super) fn selected(&self) -> Option<Pair> {
        self.selected.map(|(pair, _)| pair)
    }

    pub(super) fn freshness(&mut self, now: Instant) -> Option<Freshness> {
        let (_, consent) = self.selected.as_mut()?;
        let freshness = consent.freshness(now);
        consent.noted(freshness);
        Some(freshness)
    }

    pub(super) fn requests_received(&self) -> u64 {
        self.usages.requests_received()
    }

    /// What the selected pair was used for.
    pub(super) fn usage(&self) -> Option<&Usage> {
        self.usages.get(self.selected()?)
    }

    /// The same, to be counted on.
    pub(super) fn usage_mut(&mut self) -> Option<&mut Usage> {
        self.selected().map(|pair| self.usage_of(pair))
    }

    fn usage_of(&mut self, pair: Pair) -> &mut Usage {
        let selected = self.selected();
        self.usages.of(pair, selected)
    }

    /// Checks leave from this address.
    pub(super) fn has_local(&self, base: SocketAddr) -> bool {
        self.agent.get_local_candidates().iter().any(|known| known.addr() == base)
    }

    /// Checks can leave from this address, if they could not before. Reflexive candidates need no entry: their base has one.
    pub(super) fn add_local(
        &mut self,
        now: Instant,
        kind: CandidateKind,
        base: SocketAddr,
        priority: u32,
    ) -> Result<()> {
        if self.has_local(base) {
            return Ok(());
        }
        let candidate = self.agent_candidate(kind, base, priority).map_err(|e| failed("candidate", e))?;
        self.agent.add_local_candidate(candidate).map_err(|error| failed("candidate", error))?;
        self.check_soon(now);
        Ok(())
    }

    /// The role that the checks will begin with; without effect once they run.
    pub(super) fn expect_role(&mut self, controlling: bool) {
        if self.started.is_none() {
            self.agent.set_role(controlling);
        }
    }

    /// Starts the checks; without effect once they run.
    pub(super) fn start(&mut self, now: Instant, remote: &IceCredentials, controlling: bool) -> Result<()> {
        if self.started.is_some() {
            return Ok(());
        }
        self.agent
            .start_connectivity_checks(now, controlling, remote.ufrag.clone(), remote.pwd.clone())
            .map_err(|error| failed("ICE", error))?;
        self.remote = Some(remote.clone());
        self.started = Some(now);
        self.check_soon(now);
        Ok(())
    }

    /// All kinds but relayed ones are alike to the agent, so that none waits before it may be nominated.
    fn agent_candidate(
        &self,
        kind: CandidateKind,
        address: SocketAddr,
        priority: u32,
    ) -> std::result::Result<AgentCandidate, MachineError> {
        let base_config = CandidateConfig {
            network: "udp".to_owned(),
            address: address.ip().to_string(),
            port: address.port(),
            component: 1,
            priority,
            ..CandidateConfig::default()
        };
        if kind == CandidateKind::Relay && !self.relay_only {
            CandidateRelayConfig { base_config, ..Default::default() }.new_candidate_relay()
        } else {
            CandidateHostConfig { base_config, ..Default::default() }.new_candidate_host()
        }
    }

    /// Names, TCP and other generations are passed over, as are addresses already known.
    pub(super) fn add_remote(&mut self, now: Instant, candidate: &Candidate) {
        let Some(address) = self.usable(candidate) else { return };
        let known = self.agent.get_remote_candidates();
        if known.len() >= MAX_REMOTE_CANDIDATES || known.iter().any(|other| other.addr() == address) {
            return;
        }
        if let Ok(candidate) = self.agent_candidate(candidate.kind, address, candidate.priority) {
            let _ = self.agent.add_remote_candidate(candidate);
            self.check_soon(now);
        }
    }

    fn usable(&self, candidate: &Candidate) -> Option<SocketAddr> {
        let remote = self.remote.as_ref()?;
        let same_generation = candidate.ufrag.as_ref().is_none_or(|ufrag| *ufrag == remote.ufrag);
        let address = SocketAddr::new(candidate.address.parse().ok()?, candidate.port);
        let reachable = address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast();
        (same_generation && reachable && candidate.component == 1 && candidate.protocol == Protocol::Udp)
            .then_some(address)
    }

    /// One STUN message. `true` where a key of this session vouches for it.
    pub(super) fn receive(&mut self, now: Instant, pair: Pair, datagram: &[u8]) -> bool {
        let Some(kind) = datagram.get(..2) else { return false };
        let theirs = self.remote.as_ref().map(|remote| &remote.pwd);
        let keys = match [kind[0], kind[1]] {
            REQUEST => [Some(&self.local.pwd), None],
            SUCCESS => [theirs, None],
            // rtpengine 10 seals errors with the password of whom it complains to.
            ERROR => [theirs, Some(&self.local.pwd)],
            _ => return false,
        };
        let open = |pwd: &String| guard::authentic(datagram, pwd, self.crypto.crypto());
        let Some(message) = keys.into_iter().flatten().find_map(open) else { return false };
        match [kind[0], kind[1]] {
            REQUEST if !self.is_named_in(&message) => false,
            REQUEST => {
                self.receive_request(now, pair, &message);
                true
            }
            kind => self.receive_answer(now, pair, &message, kind == SUCCESS),
        }
    }

    /// RFC 8445 section 7.2.2: a request names both ends. Our password is that of two sessions where another far end is to take
    /// the place of one. Before we know the far end anybody may be it.
    fn is_named_in(&self, request: &Message) -> bool {
        let Some(remote) = &self.remote else { return true };
        let names = format!("{}:{}", self.local.ufrag, remote.ufrag);
        request.get(ATTR_USERNAME).is_ok_and(|told| told == names.as_bytes())
    }

    fn receive_request(&mut self, now: Instant, pair: Pair, message: &Message) {
        self.usage_of(pair).requests_received += 1;
        let known = self.agent.get_remote_candidates();
        let (news, count) = (!known.iter().any(|known| known.addr() == pair.peer), known.len());
        if news && count >= MAX_ADDRESSES {
            self.answer(now, pair, message);
            self.look_elsewhere(now, pair);
            return;
        }
        let nominates = message.contains(ATTR_USE_CANDIDATE);
        let answered = self.feed(now, pair, &message.raw, message.transaction_id);
        if nominates && !self.agent.role() {
            if answered {
                self.follow(now, pair);
            } else {
                self.nomination = Some((pair, message.raw.clone()));
            }
        }
        self.look_elsewhere(now, pair);
        let at_once = news && count < FEW_ADDRESSES;
        if at_once || self.may_check_again(now) {
            self.check(now);
        }
    }

    /// A request from one address too many, of which the agent is told nothing: most of these may be copies of one request that
    /// somebody saw, but the far end may also have moved there.
    fn answer(&mut self, now: Instant, pair: Pair, request: &Message) {
        let mapped = XorMappedAddress { ip: pair.peer.ip(), port: pair.peer.port() };
        let attributes: Vec<Box<dyn Setter>> =
            vec![Box::new(BINDING_SUCCESS), Box::new(request.transaction_id), Box::new(mapped)];
        if let Some(answer) = self.sealed(&self.local.pwd, attributes) {
            self.send(now, pair, answer, false);
        }
    }

    /// A message that proves knowledge of `pwd`.
    fn sealed<'a>(&'a self, pwd: &str, mut attributes: Vec<Box<dyn Setter + 'a>>) -> Option<BytesMut> {
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), self.crypto.crypto());
        attributes.extend([Box::new(integrity) as Box<dyn Setter + 'a>, Box::new(FINGERPRINT)]);
        let mut message = Message::new();
        message.build(&attributes).ok()?;
        Some(BytesMut::from(&message.raw[..]))
    }

    /// Has the far end answered a check of ours from there? Answers cannot be repeated by others, as requests can.
    pub(super) fn has_answered(&self, peer: SocketAddr) -> bool {
        self.selected().into_iter().chain(self.valid.iter().copied()).any(|pair| pair.peer == peer)
    }

    fn receive_answer(&mut self, now: Instant, pair: Pair, message: &Message, success: bool) -> bool {
        let asked = |sent: &Transaction| sent.id == message.transaction_id && sent.pair == pair;
        let Some(at) = self.transactions.iter().rposition(asked) else { return false };
        let Some(sent) = self.transactions.remove(at) else { return false };
        if !success {
            self.yield_role(now, &sent, message);
            return true;
        }
        let round_trip = now.saturating_duration_since(sent.at);
        let usage = self.usage_of(pair);
        usage.responses_received += 1;
        usage.total_round_trip += round_trip;
        usage.round_trip = Some(round_trip);
        if let Some((selected, consent)) = &mut self.selected
            && *selected == pair
        {
            consent.answered(now);
            self.resort = None;
        }
        if sent.consent && self.is_silent(now) {
            self.take(now, pair);
        }
        if !sent.consent {
            if round_trip < AGENT_PATIENCE && !self.valid.contains(&pair) {
                self.valid.push(pair);
            }
            self.feed(now, pair, &message.raw, message.transaction_id);
            self.nominate_late(now, pair);
            if self.selected.is_none() && !self.patient {
                self.take(now, pair);
            }
            if self.may_nominate(pair) || self.may_check_again(now) {
                self.check(now);
            }
        }
        true
    }

    /// RFC 8445 section 8.1.1 leaves it to us when: where no better pair can be hoped for, as soon as this one has answered.
    fn may_nominate(&self, pair: Pair) -> bool {
        let best = |(local, remote): (&AgentCandidate, &AgentCandidate)| {
            Pair { local: local.base_addr(), peer: remote.addr() } == pair
        };
        self.agent.role() && !self.nominated && self.agent.get_best_available_candidate_pair().is_some_and(best)
    }

    fn may_check_again(&self, now: Instant) -> bool {
        self.last_check.is_none_or(|last| now >= last + MIN_CHECK_INTERVAL * self.crowd())
    }

    /// By how much longer the pause after a round of checks is, as each round asks all pairs: so many checks go out in a second
    /// at most (RFC 8445 section 14 has an interval for each), to whomever the far end has named.
    fn crowd(&self) -> u32 {
        let in_family = |candidates: &[AgentCandidate], v4: bool| {
            candidates.iter().filter(|candidate| candidate.addr().is_ipv4() == v4).count()
        };
        let (locals, remotes) = (self.agent.get_local_candidates(), self.agent.get_remote_candidates());
        let pairs: usize = [true, false].map(|v4| in_family(locals, v4) * in_family(remotes, v4)).iter().sum();
        u32::try_from(pairs.div_ceil(FEW_PAIRS)).unwrap_or(u32::MAX).max(1)
    }

    /// The pair in use is not answered any more.
    fn is_silent(&self, now: Instant) -> bool {
        self.selected.as_ref().is_some_and(|(_, consent)| consent.is_doubtful(now))
    }

    /// A NAT may give the far end another address in mid-call. It notices nothing; what we see is that the pair in use is
    /// silent and that its requests come from elsewhere. If it answers there, that is the pair from then on.
    fn look_elsewhere(&mut self, now: Instant, pair: Pair) {
        if self.selected().is_some_and(|selected| selected != pair)
            && self.is_silent(now)
            && let Some(request) = self.consent_request(self.agent.role())
        {
            self.send(now, pair, request, true);
        }
    }

    /// RFC 8445 section 7.2.5.1. An answer to a request sent in a role that we have since left says nothing.
    fn yield_role(&mut self, now: Instant, sent: &Transaction, message: &Message) {
        let mut code = ErrorCodeAttribute::default();
        let conflict = code.get_from(message).is_ok() && code.code == CODE_ROLE_CONFLICT;
        if conflict && sent.controlling == self.agent.role() {
            self.agent.set_role(!sent.controlling);
            self.check(now);
        }
    }

    /// The agent does not answer USE-CANDIDATE on a pair that it has not checked itself: show it again now.
    fn nominate_late(&mut self, now: Instant, pair: Pair) {
        if let Some((_, datagram)) = self.nomination.take_if(|(nominated, _)| *nominated == pair)
            && !self.agent.role()
        {
            let id = transaction_id(&datagram).unwrap_or_default();
            if self.feed(now, pair, &datagram, id) {
                self.follow(now, pair);
            }
        }
    }

    /// Hands a checked message to the agent. `true` where the agent answered the request `id` with success.
    fn feed(&mut self, now: Instant, pair: Pair, datagram: &[u8], id: TransactionId) -> bool {
        let role = self.agent.role();
        let _ = self.agent.handle_read(TaggedBytesMut {
            now,
            transport: TransportContext {
                local_addr: pair.local,
                peer_addr: pair.peer,
                ecn: None,
                transport_protocol: TransportProtocol::UDP,
            },
            message: BytesMut::from(datagram),
        });
        let before = self.out.len();
        self.pump(now);
        if self.agent.role() != role {
            // We gave way, so there is no conflict any more to complain of.
            self.out.retain(|transmit| !transmit.payload.starts_with(&ERROR));
        }
        let answers = |transmit: &Transmit| {
            transmit.payload.starts_with(&SUCCESS) && transaction_id(&transmit.payload) == Some(id)
        };
        self.out.iter().skip(before).any(answers)
    }

    /// There are new pairs. More may be told in the same breath, and the best of all is to be checked first.
    fn check_soon(&mut self, now: Instant) {
        if let Some(started) = self.started.filter(|_| !self.nominated) {
            let wait = if self.agent.role() { Duration::ZERO } else { FIRST_WAIT };
            self.next_check = Some(now.max(started + wait));
        }
    }

    fn check(&mut self, now: Instant) {
        let _ = self.agent.handle_timeout(now);
        self.last_check = Some(now);
        self.pump(now);
        let running = self.started.filter(|_| !self.nominated).map(|started| now.saturating_duration_since(started));
        // A far end that answers and never nominates is not asked for ever about its other addresses.
        let running = running.filter(|running| self.selected.is_none() || *running < CHECK_LIMIT);
        self.next_check = running.map(|running| now + check_interval(running) * self.crowd());
    }

    fn pump(&mut self, now: Instant) {
        let mut messages: Vec<_> = std::iter::from_fn(|| self.agent.poll_write())
            .map(|sent| (Pair { local: sent.transport.local_addr, peer: sent.transport.peer_addr }, sent.message))
            .collect();
        // RFC 8445 section 6.1.4.2: the best pair first. A far end that checks one pair at a time checks that one first too.
        messages.sort_by_cached_key(|(pair, message)| {
            let is_check = message.starts_with(&REQUEST);
            (is_check, is_check.then(|| Reverse(self.priority(*pair))))
        });
        // RFC 8445 section 7.3.1.4: a request on a pair that has succeeded triggers no check. A nomination would be one more.
        let idle = |(pair, message): &(Pair, BytesMut)| {
            let nominated = self.nomination.as_ref().is_some_and(|(nominated, _)| nominated == pair);
            message.starts_with(&REQUEST) && !self.agent.role() && !nominated && self.valid.contains(pair)
        };
        messages.retain(|message| !idle(message));
        for (pair, message) in messages {
            self.send(now, pair, message, false);
        }
        while let Some(tagged) = self.agent.poll_event() {
            if let Event::SelectedCandidatePairChange(local, remote) = tagged.event {
                self.select(now, Pair { local: local.base_addr(), peer: remote.addr() });
            }
        }
    }

    /// In the order of RFC 8445 section 6.1.2.3.
    fn priority(&self, pair: Pair) -> (u32, u32, bool) {
        let of = |candidates: &[AgentCandidate], address| {
            candidates.iter().find(|known| known.addr() == address).map_or(0, AgentCandidate::priority)
        };
        let local = of(self.agent.get_local_candidates(), pair.local);
        let remote = of(self.agent.get_remote_candidates(), pair.peer);
        let (controlling, controlled) = if self.agent.role() { (local, remote) } else { (remote, local) };
        (controlling.min(controlled), controlling.max(controlled), controlling > controlled)
    }

    fn send(&mut self, now: Instant, pair: Pair, payload: BytesMut, consent: bool) {
        if payload.starts_with(&REQUEST) {
            self.usage_of(pair).requests_sent += 1;
            self.tie_breaker = find_tie_breaker(&payload).unwrap_or(self.tie_breaker);
            let id = transaction_id(&payload).unwrap_or_default();
            self.remember(Transaction { id, pair, at: now, controlling: self.agent.role(), consent });
        } else if payload.starts_with(&SUCCESS) {
            self.usage_of(pair).responses_sent += 1;
        }
        self.out.push_back(Transmit { local: pair.local, peer: pair.peer, payload });
    }

    /// In the place of the oldest, where there are too many.
    fn remember(&mut self, sent: Transaction) {
        let pairs = self.agent.get_local_candidates().len() * self.agent.get_remote_candidates().len();
        if self.transactions.len() >= MIN_TRANSACTIONS.max(TRANSACTIONS_PER_PAIR * pairs) {
            self.transactions.pop_front();
        }
        self.transactions.push_back(sent);
    }

    /// RFC 8445 section 8.1.1: of several nominated pairs the best is used. But a far end also nominates a worse one because the
    /// better has failed: that has to answer then, or is left.
    fn follow(&mut self, now: Instant, pair: Pair) {
        let worse = self.selected().is_some_and(|selected| self.priority(pair) < self.priority(selected));
        let silent = self.is_silent(now);
        match &mut self.selected {
            Some((_, consent)) if self.nominated && worse && !silent => {
                consent.doubt(now);
                self.resort = Some(pair);
            }
            _ => self.select(now, pair),
        }
    }

    /// The agent never leaves its first selected pair.
    fn select(&mut self, now: Instant, pair: Pair) {
        self.nominated = true;
        self.nomination = None;
        self.next_check = None;
        self.take(now, pair);
    }

    fn take(&mut self, now: Instant, pair: Pair) {
        if self.selected() != Some(pair) {
            self.selected = Some((pair, Consent::granted(now)));
            self.resort = None;
        }
    }

    /// Nothing leaves from this address any more.
    pub(super) fn lose_local(&mut self, now: Instant, base: SocketAddr) {
        if let Some((pair, consent)) = &mut self.selected
            && pair.local == base
        {
            consent.lost(now);
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front()
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        let consent = self.selected.as_ref().map(|(_, consent)| consent.timeout());
        [self.next_check, consent].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.next_check.is_some_and(|at| at <= now) {
            self.check(now);
        }
        if self.is_silent(now)
            && let Some(pair) = self.resort
        {
            self.select(now, pair);
        }
        if let Some((pair, mut consent)) = self.selected
            && consent.is_due(now)
        {
            if let Some(request) = self.consent_request(false) {
                consent.requested(now, request[19]);
                self.usage_of(pair).consent_requests_sent += 1;
                self.send(now, pair, request, true);
            }
            self.selected = Some((pair, consent));
        }
    }

    /// No further checks: the far end did not answer in time. Its own requests are still served.
    pub(super) fn give_up(&mut self) {
        self.next_check = None;
        self.given_up = true;
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up
    }

    fn consent_request(&self, nominate: bool) -> Option<BytesMut> {
        let remote = self.remote.as_ref()?;
        let role: Box<dyn Setter> = match self.agent.role() {
            true => Box::new(AttrControlling(self.tie_breaker)),
            false => Box::new(AttrControlled(self.tie_breaker)),
        };
        let mut attributes: Vec<Box<dyn Setter>> = vec![
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId::new()),
            Box::new(Username::new(ATTR_USERNAME, format!("{}:{}", remote.ufrag, self.local.ufrag))),
            role,
            Box::new(PriorityAttr(PRFLX_PRIORITY)),
        ];
        if nominate {
            attributes.push(Box::new(UseCandidateAttr::new()));
        }
        self.sealed(&remote.pwd, attributes)
    }
}

/// Fast while a call is being set up, then ever slower.
fn check_interval(running: Duration) -> Duration {
    Duration::from_millis(match running.as_millis() {
        0..1_000 => 50,
        1_000..5_000 => 200,
        _ => 500,
    })
}

fn transaction_id(datagram: &[u8]) -> Option<TransactionId> {
    Some(TransactionId(datagram.get(8..20)?.try_into().ok()?))
}

fn find_tie_breaker(request: &[u8]) -> Option<u64> {
    let value = [ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING].into_iter().find_map(|kind| find_range(request, kind))?;
    Some(u64::from_be_bytes(request[value].try_into().ok()?))
}
