//! Candidate gathering: host candidates at once, server-reflexive ones by STUN and relayed ones by TURN over the same
//! sockets, and the allocations that stay of it. Sans-I/O.
//!
//! Invariant: it is complete at its limit where the servers are silent, and at five times its limit at the latest: TURN takes
//! two to five round trips, and a server that answers is waited for.

use super::Transmit;
use super::resolve::Lookup;
use super::turn::{AllocationEvent, LinkId, LinkOrder, Order, Origin, RelayProtocol, Relays, Trust, Unframed};
use crate::negotiation::{CandidateKind, LocalCandidate, Protocol};
use bytes::BytesMut;
use rtc_stun::attributes::ATTR_MAPPED_ADDRESS;
use rtc_stun::error_code::ErrorCodeAttribute;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// A question is asked again after so long, as often as the limit leaves time for: seven times within a second. Were it to
/// double, one in five would have no answer where a third of all datagrams is lost each way.
const RETRANSMIT: Duration = Duration::from_millis(150);
/// RFC 7064 and RFC 7065.
const PORT: u16 = 3478;
/// RFC 7065: of TLS.
const TLS_PORT: u16 = 5349;
/// W3C: the server could not be reached.
const UNREACHABLE: u16 = 701;

/// The server that told a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateSource {
    /// As configured.
    pub url: String,
    /// `udp`, `tcp` or `tls`, of a relayed candidate: how its server is reached.
    pub relay_protocol: Option<&'static str>,
}

/// RTCIceServer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:`, `turn:` and `turns:` URLs.
    pub urls: Vec<String>,
    /// For TURN.
    pub username: Option<String>,
    /// For TURN.
    pub credential: Option<String>,
    /// For TURN over TLS.
    pub trust: Trust,
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
    /// This relayed address is one no more, at whatever time after it was found.
    Lost(SocketAddr),
    /// There will be no more candidates; reported once.
    Complete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Stun,
    Turn(RelayProtocol),
}

struct Server {
    url: String,
    service: Service,
    lookup: Lookup,
    /// For TURN.
    username: String,
    /// For TURN.
    password: String,
    /// For TURN.
    trust: Trust,
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
}

/// What candidates of one foundation share: kind, base address, server, and how that is reached to relay.
type Foundation = (CandidateKind, IpAddr, Option<IpAddr>, Option<&'static str>);

/// The gathering of one transport.
#[derive(Debug)]
pub struct Gatherer {
    bases: Vec<SocketAddr>,
    servers: Vec<Server>,
    lookups: VecDeque<Lookup>,
    queries: Vec<Query>,
    relays: Relays,
    foundations: Vec<Foundation>,
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
    /// Host candidates of `bases`, in order of preference, are in [`Self::poll_event`] at once. `limit` is what a silent server
    /// costs.
    pub fn new(now: Instant, bases: &[SocketAddr], servers: &[IceServer], limit: Duration) -> Self {
        Self::with(now, bases, servers, limit, Relays::default())
    }

    /// Gathers anew. Allocations stay: a server gives one socket no second one.
    pub fn restart(&mut self, now: Instant, bases: &[SocketAddr], servers: &[IceServer], limit: Duration) {
        *self = Self::with(now, bases, servers, limit, std::mem::take(&mut self.relays));
    }

    fn with(now: Instant, bases: &[SocketAddr], servers: &[IceServer], limit: Duration, mut relays: Relays) -> Self {
        relays.begin(bases, limit);
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
            gatherer.add_candidate(CandidateKind::Host, *base, *base, None, None);
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
            trust: of.trust.clone(),
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
            if let Service::Turn(protocol) = self.servers[server].service
                && reaches
            {
                self.ask_relay(now, server, protocol, base, to);
            } else if reaches {
                let query = Query { server, base, to, id: TransactionId::new(), retransmit_at: now + RETRANSMIT };
                self.out.extend(request(&query));
                self.queries.push(query);
            }
        }
    }

    fn ask_relay(&mut self, now: Instant, server: usize, protocol: RelayProtocol, base: SocketAddr, to: SocketAddr) {
        let Server { url, lookup, username, password, trust, .. } = &self.servers[server];
        let order = Order {
            url: url.clone(),
            protocol,
            host: lookup.host.clone(),
            username: username.clone(),
            password: password.clone(),
            trust: trust.clone(),
            base,
            server: to,
        };
        let crypto = super::crypto().map_err(|error| error.to_string());
        if let Err(text) = crypto.and_then(|crypto| self.relays.ask(now, crypto, &order)) {
            self.report(order.url, Some(base), UNREACHABLE, text);
        }
    }

    /// Takes over what the allocations have come to.
    fn take_relayed(&mut self) {
        while let Some((event, origin)) = self.relays.poll_event() {
            match event {
                AllocationEvent::Lost { relayed } => self.events.push_back(GatherEvent::Lost(relayed)),
                // A gathering that is complete has no more candidates to tell.
                _ if self.complete => {}
                AllocationEvent::Refused { code, text } => self.report(origin.url, Some(origin.base), code, text),
                AllocationEvent::Held { relayed, mapped } => self.add_relayed(&origin, relayed, mapped),
            }
        }
    }

    fn add_relayed(&mut self, of: &Origin, relayed: SocketAddr, mapped: Option<SocketAddr>) {
        let told = |relay_protocol| Some((of.server.ip(), CandidateSource { url: of.url.clone(), relay_protocol }));
        let mapped = mapped.filter(|mapped| is_plausible(*mapped, of.base));
        if let Some(mapped) = mapped.filter(|_| of.reflects_base) {
            self.add_candidate(CandidateKind::Srflx, mapped, of.base, Some(of.base), told(None));
        }
        // RFC 8445 section 5.1.1.2: a relayed candidate is related to the address that the server sees.
        let related = mapped.unwrap_or(of.base);
        self.add_candidate(CandidateKind::Relay, relayed, of.base, Some(related), told(Some(of.protocol.name())));
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
            self.settle_relays();
        }
        unframed
    }

    /// What is to be done about the sockets and connections that relayed addresses need; to be asked after [`Self::outgoing`].
    pub fn poll_order(&mut self) -> Option<LinkOrder> {
        self.relays.poll_order()
    }

    /// A socket or connection that was ordered is there, with this address of ours; or why it is not.
    pub fn linked(&mut self, now: Instant, id: LinkId, outcome: Result<SocketAddr, String>) {
        self.relays.linked(now, id, outcome);
        self.settle_relays();
    }

    /// A connection is gone, for this reason.
    pub fn unlinked(&mut self, id: LinkId, reason: String) {
        self.relays.unlinked(id, reason);
        self.settle_relays();
    }

    /// Bytes of a connection; `each` gets what far ends have sent: relayed address, sender, payload.
    pub fn receive_stream(
        &mut self,
        now: Instant,
        id: LinkId,
        bytes: &[u8],
        each: &mut dyn FnMut(SocketAddr, SocketAddr, &mut [u8]),
    ) {
        self.relays.receive_stream(now, id, bytes, each);
        self.settle_relays();
    }

    /// What is to be written to each connection; whoever has written some takes it away.
    pub fn outgoing(&mut self) -> impl Iterator<Item = (LinkId, &mut BytesMut)> {
        self.relays.outgoing()
    }

    fn settle_relays(&mut self) {
        self.take_relayed();
        self.finish_if_done();
    }

    /// A datagram on its way out: one from a relayed address goes through its server. `None` where it cannot go yet, or
    /// goes in a connection.
    pub fn frame(&mut self, now: Instant, transmit: Transmit) -> Option<Transmit> {
        self.relays.frame(now, transmit)
    }

    /// Gives the relayed addresses back; [`Self::poll_transmit`] and [`Self::outgoing`] have what there is to say.
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
                    let from = Some((query.to.ip(), source));
                    self.add_candidate(CandidateKind::Srflx, mapped, query.base, Some(query.base), from);
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
        related: Option<SocketAddr>,
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
        let over = source.as_ref().and_then(|source: &CandidateSource| source.relay_protocol);
        let candidate = LocalCandidate {
            foundation: self.foundation((kind, sends_from.ip(), server, over)),
            component: 1,
            protocol: Protocol::Udp,
            priority: priority(kind, preference) + over.map_or(0, relay_preference),
            address: ip,
            port: address.port(),
            kind,
            related: related.map(|related| (related.ip().to_string(), related.port())),
            tcp_type: None,
            ufrag: None,
        };
        self.found.push(candidate.clone());
        self.events.push_back(GatherEvent::Candidate(candidate, sends_from, source));
    }

    /// RFC 8445 section 5.1.1.3.
    fn foundation(&mut self, key: Foundation) -> String {
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
        let retransmit = self.queries.iter().map(|query| query.retransmit_at);
        let deadline = self.waits().then_some(self.deadline);
        retransmit.chain(deadline).chain(self.relays.timeout()).min()
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
                query.retransmit_at = now + RETRANSMIT;
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
    }

    fn report(&mut self, url: String, local: Option<SocketAddr>, code: u16, text: String) {
        let local = local.or_else(|| self.bases.first().copied());
        self.events.push_back(GatherEvent::Error { url, local, code, text });
    }

    /// For a STUN server, or for the name of any.
    fn waits(&self) -> bool {
        !self.queries.is_empty() || self.servers.iter().any(|server| server.pending)
    }

    fn finish_if_done(&mut self) {
        if !self.complete && !self.waits() && !self.relays.is_asking() {
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

/// By how much one relayed candidate is preferred to another: UDP loses what TCP delays, and TLS adds its bytes.
fn relay_preference(protocol: &str) -> u32 {
    let kind = match protocol {
        "udp" => 2,
        "tcp" => 1,
        _ => 0,
    };
    kind << 24
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

/// What a URL names (RFC 7064, RFC 7065); `None` for what is not supported: STUN over TCP and TLS, and DTLS.
fn server_address(url: &str) -> Option<(Service, Lookup)> {
    let (scheme, rest) = url.split_once(':')?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let service = match (scheme.to_ascii_lowercase().as_str(), query.to_ascii_lowercase().as_str()) {
        ("stun", _) => Service::Stun,
        ("turn", "" | "transport=udp") => Service::Turn(RelayProtocol::Udp),
        ("turn", "transport=tcp") => Service::Turn(RelayProtocol::Tcp),
        ("turns", "" | "transport=tcp") => Service::Turn(RelayProtocol::Tls),
        _ => return None,
    };
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
    let default = if service == Service::Turn(RelayProtocol::Tls) { TLS_PORT } else { PORT };
    let port = port.map_or(Some(default), |port| port.parse().ok())?;
    (!host.is_empty()).then(|| (service, Lookup { host: host.to_owned(), port }))
}
