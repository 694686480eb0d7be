//! Candidate gathering: host candidates at once, server-reflexive ones by STUN and relayed ones by TURN over the same
//! sockets, and the allocations that stay of it. Sans-I/O.
//!
//! Invariant: it is complete at its limit at the latest, however silent the servers are.

use super::Transmit;
use super::resolve::Lookup;
use super::turn::{AllocationEvent, Order, Relays, Unframed};
use crate::negotiation::{CandidateKind, LocalCandidate, Protocol};
use bytes::BytesMut;
use rtc::stun::attributes::ATTR_MAPPED_ADDRESS;
use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, TransactionId};
use rtc::stun::xoraddr::XorMappedAddress;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// First retransmission; each further one waits twice as long.
const RETRANSMIT: Duration = Duration::from_millis(150);
/// RFC 7064 and RFC 7065.
const STUN_PORT: u16 = 3478;
/// W3C: the server could not be reached.
const UNREACHABLE: u16 = 701;

/// The server that told a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateSource {
    /// As configured.
    pub url: String,
    /// `udp`, of a relayed candidate: how its server is reached.
    pub relay_protocol: Option<&'static str>,
}

/// RTCIceServer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:` and `turn:` URLs.
    pub urls: Vec<String>,
    /// For TURN.
    pub username: Option<String>,
    /// For TURN.
    pub credential: Option<String>,
}

/// What gathering reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatherEvent {
    /// A candidate, the base that it sends from (of a relayed one itself), and who told it.
    Candidate(LocalCandidate, SocketAddr, Option<CandidateSource>),
    /// RTCPeerConnectionIceErrorEvent.
    Error {
        /// Of the server.
        url: String,
        /// The address that asked; where it did not come to that, the one that would have first.
        local: Option<SocketAddr>,
        /// 300 to 699 from the server, 701 for none.
        code: u16,
        /// For people.
        text: String,
    },
    /// There will be no more; reported once.
    Complete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Stun,
    /// Over UDP.
    Turn,
}

struct Server {
    url: String,
    service: Service,
    lookup: Lookup,
    /// For TURN.
    username: String,
    /// For TURN.
    password: String,
    /// A look-up is under way.
    pending: bool,
}

#[derive(Debug)]
struct Query {
    server: usize,
    base: SocketAddr,
    to: SocketAddr,
    id: TransactionId,
    retransmit_at: Instant,
    interval: Duration,
}

/// The gathering of one transport.
#[derive(Debug)]
pub struct Gatherer {
    bases: Vec<SocketAddr>,
    servers: Vec<Server>,
    lookups: VecDeque<Lookup>,
    queries: Vec<Query>,
    relays: Relays,
    foundations: Vec<(CandidateKind, IpAddr, Option<IpAddr>)>,
    found: Vec<LocalCandidate>,
    deadline: Instant,
    complete: bool,
    out: VecDeque<Transmit>,
    events: VecDeque<GatherEvent>,
}

impl std::fmt::Debug for Server {
    /// Without what is secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Server").field(&self.url).finish()
    }
}

impl Gatherer {
    /// Host candidates of `bases`, in order of preference, are in [`Self::poll_event`] at once. `limit` bounds all.
    pub fn new(now: Instant, bases: &[SocketAddr], servers: &[IceServer], limit: Duration) -> Self {
        Self::with(now, bases, servers, limit, Relays::default())
    }

    /// Gathers anew. Allocations stay: a server gives one socket no second one.
    pub fn restart(&mut self, now: Instant, bases: &[SocketAddr], servers: &[IceServer], limit: Duration) {
        *self = Self::with(now, bases, servers, limit, std::mem::take(&mut self.relays));
    }

    fn with(now: Instant, bases: &[SocketAddr], servers: &[IceServer], limit: Duration, relays: Relays) -> Self {
        let mut gatherer = Self {
            bases: bases.to_vec(),
            servers: Vec::new(),
            lookups: VecDeque::new(),
            queries: Vec::new(),
            relays,
            foundations: Vec::new(),
            found: Vec::new(),
            deadline: now + limit,
            complete: false,
            out: VecDeque::new(),
            events: VecDeque::new(),
        };
        for base in bases {
            gatherer.add_candidate(CandidateKind::Host, *base, *base, None);
        }
        for server in servers {
            for url in &server.urls {
                gatherer.add_server(now, url, server);
            }
        }
        gatherer.take_relayed();
        gatherer.finish_if_done();
        gatherer
    }

    fn add_server(&mut self, now: Instant, url: &str, of: &IceServer) {
        let Some((service, lookup)) = server_address(url) else {
            self.report(url.to_owned(), None, UNREACHABLE, "this kind of server is not supported".to_owned());
            return;
        };
        if self.servers.iter().any(|server| server.lookup == lookup && server.service == service) {
            return;
        }
        let literal = lookup.host.parse::<IpAddr>().ok();
        self.servers.push(Server {
            url: url.to_owned(),
            service,
            lookup: lookup.clone(),
            username: of.username.clone().unwrap_or_default(),
            password: of.credential.clone().unwrap_or_default(),
            pending: literal.is_none(),
        });
        match literal {
            Some(ip) => self.ask(now, self.servers.len() - 1, SocketAddr::new(ip, lookup.port)),
            None => self.lookups.push_back(lookup),
        }
    }

    /// A name to resolve; the answer goes to [`Self::resolved`].
    pub fn poll_lookup(&mut self) -> Option<Lookup> {
        self.lookups.pop_front()
    }

    /// The answer to a look-up; no address where it failed.
    pub fn resolved(&mut self, now: Instant, lookup: &Lookup, addresses: &[SocketAddr]) {
        let pending = |server: &Server| server.pending && server.lookup == *lookup;
        let Some(at) = self.servers.iter().position(pending) else { return };
        self.servers[at].pending = false;
        for is_ipv6 in [false, true] {
            if let Some(address) = addresses.iter().find(|address| address.is_ipv6() == is_ipv6) {
                self.ask(now, at, *address);
            }
        }
        if addresses.is_empty() {
            self.report(self.servers[at].url.clone(), None, UNREACHABLE, "the server's name has no address".to_owned());
        }
        self.take_relayed();
        self.finish_if_done();
    }

    fn ask(&mut self, now: Instant, server: usize, to: SocketAddr) {
        if self.complete {
            return;
        }
        for base in self.bases.clone() {
            let reaches = base.is_ipv4() == to.is_ipv4() && base.ip().is_loopback() == to.ip().is_loopback();
            if reaches && self.servers[server].service == Service::Turn {
                self.ask_relay(now, server, base, to);
            } else if reaches {
                let query = Query {
                    server,
                    base,
                    to,
                    id: TransactionId::new(),
                    retransmit_at: now + RETRANSMIT,
                    interval: RETRANSMIT,
                };
                self.out.extend(request(&query));
                self.queries.push(query);
            }
        }
    }

    fn ask_relay(&mut self, now: Instant, server: usize, base: SocketAddr, to: SocketAddr) {
        let Server { url, username, password, .. } = &self.servers[server];
        let (url, username, password) = (url.clone(), username.clone(), password.clone());
        let order = Order { url: url.clone(), username, password, base, server: to };
        match super::crypto().map(|crypto| self.relays.ask(now, crypto, order)) {
            Ok(true) => {}
            Ok(false) => self.report(url, Some(base), UNREACHABLE, "too many TURN servers".to_owned()),
            Err(error) => self.report(url, Some(base), UNREACHABLE, error.to_string()),
        }
    }

    /// Takes over what the allocations have come to.
    fn take_relayed(&mut self) {
        while let Some((event, base, server, url)) = self.relays.poll_event() {
            match event {
                // A gathering that is complete has nothing more to tell.
                _ if self.complete => {}
                AllocationEvent::Refused { code, text } => self.report(url, Some(base), code, text),
                AllocationEvent::Held { relayed, mapped } => {
                    if let Some(mapped) = mapped.filter(|mapped| is_plausible(*mapped, base)) {
                        let source = CandidateSource { url: url.clone(), relay_protocol: None };
                        self.add_candidate(CandidateKind::Srflx, mapped, base, Some((server.ip(), source)));
                    }
                    let source = CandidateSource { url, relay_protocol: Some("udp") };
                    self.add_candidate(CandidateKind::Relay, relayed, base, Some((server.ip(), source)));
                }
            }
        }
    }

    /// Comes before [`Self::receive`]: what a TURN server has sent, without its frame.
    pub fn unframe<'a>(
        &mut self,
        now: Instant,
        local: SocketAddr,
        peer: SocketAddr,
        datagram: &'a mut [u8],
    ) -> Unframed<'a> {
        let unframed = self.relays.unframe(now, local, peer, datagram);
        if unframed == Unframed::Consumed {
            self.take_relayed();
            self.finish_if_done();
        }
        unframed
    }

    /// A datagram on its way out: one from a relayed address goes through its server. `None` where it cannot go yet.
    pub fn frame(&mut self, now: Instant, transmit: Transmit) -> Option<Transmit> {
        self.relays.frame(now, transmit)
    }

    /// Gives the relayed addresses back; [`Self::poll_transmit`] has what there is to say.
    pub fn close(&mut self) {
        self.relays.close();
    }

    /// `true` where the datagram was an answer to this gathering.
    pub fn receive(&mut self, local: SocketAddr, peer: SocketAddr, datagram: &[u8]) -> bool {
        let Some(id) = datagram.get(8..20).filter(|_| datagram[0] <= 1) else { return false };
        let asked = |query: &Query| query.id.0 == *id && query.base == local && query.to == peer;
        let Some(at) = self.queries.iter().position(asked) else { return false };
        let mut message = Message { raw: datagram.to_vec(), ..Message::default() };
        if message.decode().is_err() {
            return false;
        }
        let query = self.queries.swap_remove(at);
        if message.typ == BINDING_SUCCESS {
            match mapped_address(&message).filter(|mapped| is_plausible(*mapped, query.base)) {
                Some(mapped) => {
                    let source = CandidateSource { url: self.servers[query.server].url.clone(), relay_protocol: None };
                    self.add_candidate(CandidateKind::Srflx, mapped, query.base, Some((query.to.ip(), source)));
                }
                None => {
                    let (url, text) =
                        (self.servers[query.server].url.clone(), "the server's answer has no usable address");
                    self.report(url, Some(query.base), UNREACHABLE, text.to_owned());
                }
            }
        } else if message.typ == BINDING_ERROR {
            let mut error = ErrorCodeAttribute::default();
            let _ = error.get_from(&message);
            let text = String::from_utf8_lossy(&error.reason).into_owned();
            self.report(self.servers[query.server].url.clone(), Some(query.base), error.code.0, text);
        }
        self.finish_if_done();
        true
    }

    fn add_candidate(
        &mut self,
        kind: CandidateKind,
        address: SocketAddr,
        base: SocketAddr,
        from: Option<(IpAddr, CandidateSource)>,
    ) {
        let ip = address.ip().to_string();
        // A reflexive candidate equal to its base, or to one found before, is redundant (RFC 8445 section 5.1.3).
        if self.found.iter().any(|known| known.address == ip && known.port == address.port()) {
            return;
        }
        let preference = self.bases.iter().position(|known| *known == base).unwrap_or_default();
        let (server, source) = from.unzip();
        // A relayed candidate is its own base (RFC 8445 section 5.1.1.2).
        let sends_from = if kind == CandidateKind::Relay { address } else { base };
        let candidate = LocalCandidate {
            foundation: self.foundation(kind, sends_from.ip(), server),
            component: 1,
            protocol: Protocol::Udp,
            priority: priority(kind, preference),
            address: ip,
            port: address.port(),
            kind,
            related: (kind != CandidateKind::Host).then(|| (base.ip().to_string(), base.port())),
            tcp_type: None,
            ufrag: None,
        };
        self.found.push(candidate.clone());
        self.events.push_back(GatherEvent::Candidate(candidate, sends_from, source));
    }

    /// RFC 8445 section 5.1.1.3: alike for candidates of one kind, base address and server.
    fn foundation(&mut self, kind: CandidateKind, base: IpAddr, server: Option<IpAddr>) -> String {
        let key = (kind, base, server);
        let at = self.foundations.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.foundations.push(key);
            self.foundations.len() - 1
        });
        (at + 1).to_string()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front().or_else(|| self.relays.poll_transmit())
    }

    /// The next thing found.
    pub fn poll_event(&mut self) -> Option<GatherEvent> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] is next needed.
    pub fn timeout(&self) -> Option<Instant> {
        let retransmit = self.queries.iter().map(|query| query.retransmit_at).min();
        let gathering = (!self.complete).then(|| retransmit.map_or(self.deadline, |at| at.min(self.deadline)));
        gathering.into_iter().chain(self.relays.timeout()).min()
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.relays.handle_timeout(now);
        self.take_relayed();
        if self.complete {
            return;
        }
        if now >= self.deadline {
            self.give_up();
        }
        for query in &mut self.queries {
            if query.retransmit_at <= now {
                query.interval *= 2;
                query.retransmit_at = now + query.interval;
                self.out.extend(request(query));
            }
        }
        self.finish_if_done();
    }

    fn give_up(&mut self) {
        for query in std::mem::take(&mut self.queries) {
            let url = self.servers[query.server].url.clone();
            self.report(url, Some(query.base), UNREACHABLE, "the server did not answer".to_owned());
        }
        let unresolved: Vec<_> = self.servers.iter().filter(|server| server.pending).map(|s| s.url.clone()).collect();
        for url in unresolved {
            self.report(url, None, UNREACHABLE, "the server's name was not resolved in time".to_owned());
        }
        for server in &mut self.servers {
            server.pending = false;
        }
        self.relays.give_up();
        self.take_relayed();
    }

    fn report(&mut self, url: String, local: Option<SocketAddr>, code: u16, text: String) {
        let local = local.or_else(|| self.bases.first().copied());
        self.events.push_back(GatherEvent::Error { url, local, code, text });
    }

    fn finish_if_done(&mut self) {
        let pending = self.servers.iter().any(|server| server.pending);
        let done = self.queries.is_empty() && !pending && !self.relays.is_asking();
        if done && !self.complete {
            self.complete = true;
            self.events.push_back(GatherEvent::Complete);
        }
    }
}

/// RFC 8445 section 5.1.2.1; `rank` 0 is the most preferred address.
pub(super) fn priority(kind: CandidateKind, rank: usize) -> u32 {
    let kind = match kind {
        CandidateKind::Host => 126,
        CandidateKind::Prflx => 110,
        CandidateKind::Srflx => 100,
        CandidateKind::Relay => 0,
    };
    let address = 65_535 - u32::try_from(rank).unwrap_or(u32::MAX).min(65_535);
    (kind << 24) | (address << 8) | 255
}

fn request(query: &Query) -> Option<Transmit> {
    let mut message = Message::new();
    message.build(&[Box::new(BINDING_REQUEST), Box::new(query.id)]).ok()?;
    Some(Transmit { local: query.base, peer: query.to, payload: BytesMut::from(&message.raw[..]) })
}

/// Can a datagram from `base` come from `mapped`?
fn is_plausible(mapped: SocketAddr, base: SocketAddr) -> bool {
    let ip = mapped.ip();
    let everybody = ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    mapped.port() != 0 && mapped.is_ipv4() == base.is_ipv4() && !everybody
}

fn mapped_address(message: &Message) -> Option<SocketAddr> {
    let mut xored = XorMappedAddress::default();
    if xored.get_from(message).is_ok() {
        return Some(SocketAddr::new(xored.ip, xored.port));
    }
    // RFC 5389 servers of old: not XORed.
    let value = message.get(ATTR_MAPPED_ADDRESS).ok()?;
    let port = u16::from_be_bytes([*value.get(2)?, *value.get(3)?]);
    let ip: IpAddr = match value.get(1)? {
        1 => IpAddr::from(<[u8; 4]>::try_from(value.get(4..8)?).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(value.get(4..20)?).ok()?),
    };
    Some(SocketAddr::new(ip, port))
}

/// What a URL names (RFC 7064, RFC 7065); `None` for what is not supported: TCP and TLS.
fn server_address(url: &str) -> Option<(Service, Lookup)> {
    let (scheme, rest) = url.split_once(':')?;
    let service = match scheme.to_ascii_lowercase().as_str() {
        "stun" => Service::Stun,
        "turn" => Service::Turn,
        _ => return None,
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if service == Service::Turn && !(query.is_empty() || query.eq_ignore_ascii_case("transport=udp")) {
        return None;
    }
    let authority = rest.split('/').next()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, tail) = bracketed.split_once(']')?;
            (host, tail.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port.map_or(Some(STUN_PORT), |port| port.parse().ok())?;
    (!host.is_empty()).then(|| (service, Lookup { host: host.to_owned(), port }))
}
