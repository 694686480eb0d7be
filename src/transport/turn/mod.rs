//! TURN (RFC 8656): the relayed addresses of one transport, over UDP, TCP and TLS. Sans-I/O; time is an argument.
//!
//! Invariant: at most one allocation per socket and server and [`MAX_ALLOCATIONS`] in all. They outlive the gathering that
//! asked for them; those that a later one has not asked for again end when nothing goes through them, the rest with
//! [`Relays::close`]. What leaves from an address of this machine never goes to a server in place of a far end.
//!
//! Why not the client of the protocol machines: it resolves names while it is made, takes Data indications from any sender,
//! does not check the MESSAGE-INTEGRITY of answers, does not repeat what a stale nonce has refused, keeps permissions and
//! channels for ever, and tells errors as text without their code, which `icecandidateerror` needs.

mod allocation;
mod message;
mod stream;
mod tls;

pub(super) use allocation::AllocationEvent;
pub use allocation::Unframed;
pub use tls::Trust;

use super::Transmit;
use allocation::{ALLOCATION_MISMATCH, Allocation, UNREACHABLE};
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Stream;

/// Several servers on several addresses; more would cost more than they help.
const MAX_ALLOCATIONS: usize = 16;
/// A connection is made with a segment that is sent again after a second; one of them may be lost.
const CONNECT_SILENCES: f32 = 1.5;
/// A server that answers is waited for this many times as long as one that does not: it may be five round trips away.
const MAX_SILENCES: u32 = 5;

/// How a TURN server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RelayProtocol {
    Udp,
    Tcp,
    Tls,
}

impl RelayProtocol {
    /// As statistics and candidates say it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// Who is asked, for what socket, with what credential.
pub(super) struct Order {
    pub url: String,
    pub protocol: RelayProtocol,
    /// As configured: what the certificate must be of.
    pub host: String,
    pub username: String,
    pub password: String,
    pub trust: Trust,
    pub base: SocketAddr,
    pub server: SocketAddr,
}

/// A socket or a connection that one allocation has for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

#[cfg(test)]
impl LinkId {
    pub(super) fn for_tests(number: u64) -> Self {
        Self(number)
    }
}

/// What the driver is to do with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkOrder {
    /// A datagram socket at this address.
    Bind(LinkId, IpAddr),
    /// A TCP connection.
    Connect {
        /// It.
        id: LinkId,
        /// Our address.
        from: IpAddr,
        /// The server.
        to: SocketAddr,
    },
    /// It is not needed any more.
    Close(LinkId),
}

/// What carries the messages of an allocation.
enum Link {
    /// The datagram socket that carries all else.
    Shared,
    /// A datagram socket of its own and its address, once it has one: to a server one socket is one allocation, with one
    /// credential.
    Own(LinkId, Option<SocketAddr>),
    Stream(LinkId, Box<Stream>),
}

struct Relay {
    url: String,
    protocol: RelayProtocol,
    base: SocketAddr,
    server: SocketAddr,
    /// The last gathering that has asked for it.
    generation: u32,
    asked: Instant,
    /// When its connection last got on.
    heard: Instant,
    /// Its address was told.
    told: bool,
    link: Link,
    allocation: Allocation,
}

/// What an event of an allocation is about.
pub(super) struct Origin {
    pub url: String,
    pub protocol: RelayProtocol,
    /// The socket that it was asked for.
    pub base: SocketAddr,
    pub server: SocketAddr,
    /// The server has seen that socket.
    pub reflects_base: bool,
}

/// The allocations of one transport.
#[derive(Default)]
pub(super) struct Relays {
    relays: Vec<Relay>,
    bases: Vec<SocketAddr>,
    generation: u32,
    /// How long a server may be silent.
    silence: Duration,
    next_link: u64,
    orders: VecDeque<LinkOrder>,
}

impl std::fmt::Debug for Relays {
    /// Without what is secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.relays.iter().map(|relay| (relay.base, relay.server))).finish()
    }
}

/// Gathering.
impl Relays {
    /// A gathering begins, over these sockets.
    pub(super) fn begin(&mut self, bases: &[SocketAddr], silence: Duration) {
        self.generation += 1;
        self.bases = bases.to_vec();
        self.silence = silence;
    }

    /// Asks, or tells once more what is held; an error says why it cannot be asked.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        crypto: Arc<dyn RTCCryptoProvider>,
        order: &Order,
    ) -> Result<(), String> {
        self.reap();
        let generation = self.generation;
        if let Some(relay) = self.relays.iter_mut().find(|relay| relay.serves(order)) {
            if relay.generation != generation {
                (relay.generation, relay.asked, relay.heard) = (generation, now, now);
                relay.allocation.tell();
            }
            return Ok(());
        }
        self.make_room()?;
        let link = self.link(order)?;
        let reliable = matches!(link, Link::Stream(..));
        let mut allocation = Allocation::new(crypto, reliable, &order.username, &order.password);
        if let Link::Shared = link {
            allocation.start(now);
        }
        let Order { url, protocol, base, server, .. } = order;
        let (url, protocol, base, server) = (url.clone(), *protocol, *base, *server);
        let (asked, heard, told) = (now, now, false);
        self.relays.push(Relay { url, protocol, base, server, generation, asked, heard, told, link, allocation });
        Ok(())
    }

    fn link(&mut self, order: &Order) -> Result<Link, String> {
        let (from, to) = (order.base.ip(), order.server);
        let shares = |relay: &Relay| {
            matches!(relay.link, Link::Shared) && relay.base == order.base && relay.server == order.server
        };
        let stream = match order.protocol {
            RelayProtocol::Udp if !self.relays.iter().any(shares) => return Ok(Link::Shared),
            RelayProtocol::Udp => return Ok(self.own_link(from)),
            RelayProtocol::Tcp => Stream::plain(),
            RelayProtocol::Tls => Stream::secure(&order.host, &order.trust)?,
        };
        let id = self.new_id();
        self.orders.push_back(LinkOrder::Connect { id, from, to });
        Ok(Link::Stream(id, Box::new(stream)))
    }

    fn own_link(&mut self, at: IpAddr) -> Link {
        let id = self.new_id();
        self.orders.push_back(LinkOrder::Bind(id, at));
        Link::Own(id, None)
    }

    fn new_id(&mut self) -> LinkId {
        self.next_link += 1;
        LinkId(self.next_link)
    }

    /// Where there is none the oldest goes that nobody asks for any more.
    fn make_room(&mut self) -> Result<(), String> {
        if self.relays.len() < MAX_ALLOCATIONS {
            return Ok(());
        }
        let earlier = self.relays.iter().enumerate().filter(|(_, relay)| relay.generation != self.generation);
        let (at, _) = earlier.min_by_key(|(_, relay)| relay.generation).ok_or("too many TURN servers")?;
        self.relays[at].allocation.release();
        // One that is still asked for would wait for its answer, only to give it back.
        if !self.relays[at].allocation.is_over() {
            self.orders.extend(self.relays.swap_remove(at).link_id().map(LinkOrder::Close));
        }
        Ok(())
    }

    pub(super) fn is_asking(&self) -> bool {
        self.relays.iter().any(|relay| relay.generation == self.generation && relay.allocation.is_asking())
    }

    /// Gives all back; what there is to send is in [`Self::poll_transmit`] and [`Self::outgoing`] afterwards.
    pub(super) fn close(&mut self) {
        self.relays.iter_mut().for_each(|relay| relay.allocation.release());
    }

    /// What happened, to which allocation.
    pub(super) fn poll_event(&mut self) -> Option<(AllocationEvent, Origin)> {
        loop {
            let at = self.relays.iter().position(|relay| relay.allocation.has_event())?;
            if let Some(event) = self.poll_event_of(at) {
                return Some(event);
            }
        }
    }

    fn poll_event_of(&mut self, at: usize) -> Option<(AllocationEvent, Origin)> {
        let relay = self.relays.get_mut(at)?;
        let mut event = relay.allocation.poll_event()?;
        // What nobody has asked for yet in this gathering is told when somebody does.
        let unasked = relay.generation != self.generation;
        match event {
            AllocationEvent::Lost { .. } if !relay.told => return None,
            AllocationEvent::Held { .. } | AllocationEvent::Refused { .. } if unasked => return None,
            _ => {}
        }
        if let AllocationEvent::Held { relayed, .. } = event
            && !self.may_be(at, relayed)
        {
            self.relays[at].allocation.release();
            event = AllocationEvent::Refused { code: UNREACHABLE, text: allocation::USELESS.to_owned() };
        }
        if let AllocationEvent::Refused { code: ALLOCATION_MISMATCH, .. } = event
            && let Link::Shared = self.relays[at].link
        {
            // The server still holds one for the socket, of which we know nothing any more.
            self.relays[at].link = self.own_link(self.relays[at].base.ip());
            self.relays[at].allocation = self.relays[at].allocation.afresh();
            return None;
        }
        let relay = &mut self.relays[at];
        relay.told |= matches!(event, AllocationEvent::Held { .. });
        let Relay { url, protocol, base, server, link, .. } = relay;
        let reflects_base = matches!(link, Link::Shared);
        let origin = Origin { url: url.clone(), protocol: *protocol, base: *base, server: *server, reflects_base };
        Some((event, origin))
    }

    /// An address of this machine, or of another relay, is none that a server can give.
    fn may_be(&self, at: usize, relayed: SocketAddr) -> bool {
        let mut others = self.relays.iter().enumerate().filter(|(other, _)| *other != at);
        !self.bases.contains(&relayed) && !others.any(|(_, relay)| relay.allocation.relayed() == Some(relayed))
    }
}

/// Links.
impl Relays {
    /// What is to be done about sockets and connections; to be asked after [`Self::outgoing`].
    pub(super) fn poll_order(&mut self) -> Option<LinkOrder> {
        self.reap();
        self.orders.pop_front()
    }

    fn reap(&mut self) {
        let orders = &mut self.orders;
        self.relays.retain_mut(|relay| {
            let over = relay.allocation.is_over() && !relay.allocation.has_more();
            if let Some(id) = relay.link_id().filter(|_| over) {
                orders.push_back(LinkOrder::Close(id));
            }
            !over
        });
    }

    /// The socket has this address, or the connection is there; or why not.
    pub(super) fn linked(&mut self, now: Instant, id: LinkId, outcome: Result<SocketAddr, String>) {
        let Some(relay) = self.linked_by(id) else { return };
        relay.heard = now;
        match outcome {
            Ok(address) => {
                if let Link::Own(_, own) = &mut relay.link {
                    *own = Some(address);
                }
                relay.allocation.start(now);
            }
            Err(reason) => relay.allocation.cut(reason),
        }
    }

    /// The connection is gone.
    pub(super) fn unlinked(&mut self, id: LinkId, reason: String) {
        if let Some(relay) = self.linked_by(id) {
            relay.allocation.cut(reason);
        }
    }

    /// Bytes of a server; `each` gets what far ends have sent: relayed address, sender, payload.
    pub(super) fn receive_stream(
        &mut self,
        now: Instant,
        id: LinkId,
        bytes: &[u8],
        each: &mut dyn FnMut(SocketAddr, SocketAddr, &mut [u8]),
    ) {
        let Some(Relay { link: Link::Stream(_, stream), allocation, heard, .. }) = self.linked_by(id) else { return };
        *heard = now;
        let outcome = stream.receive(bytes, &mut |message| {
            if let Unframed::Data { relayed, peer, payload } = allocation.receive(now, message) {
                each(relayed, peer, payload);
            }
        });
        if let Err(reason) = outcome {
            allocation.cut(reason);
        }
    }

    /// What is to be written to connections; whoever has written some takes it away.
    pub(super) fn outgoing(&mut self) -> impl Iterator<Item = (LinkId, &mut BytesMut)> {
        self.relays.iter_mut().filter_map(|relay| {
            let Link::Stream(id, stream) = &mut relay.link else { return None };
            while let Some(message) = relay.allocation.poll_message() {
                stream.send(&message);
            }
            if relay.allocation.is_over() {
                stream.close();
            }
            Some((*id, stream.outgoing()))
        })
    }

    fn linked_by(&mut self, id: LinkId) -> Option<&mut Relay> {
        self.relays.iter_mut().find(|relay| relay.link_id() == Some(id))
    }
}

/// Datagrams.
impl Relays {
    /// What leaves from a relayed address goes to its server, anything else as it is; `None` where it cannot go yet, or goes
    /// in a connection.
    pub(super) fn frame(&mut self, now: Instant, transmit: Transmit) -> Option<Transmit> {
        let own = |relay: &&mut Relay| relay.allocation.relayed() == Some(transmit.local);
        let relay = self.relays.iter_mut().find(own).filter(|_| !self.bases.contains(&transmit.local));
        let Some(relay) = relay else { return Some(transmit) };
        let message = relay.allocation.frame(now, transmit.peer, &transmit.payload)?;
        match &mut relay.link {
            Link::Stream(_, stream) => {
                stream.send_data(&message);
                None
            }
            _ => relay.transmit(message),
        }
    }

    /// A datagram that came from `peer` to the socket `local`.
    pub(super) fn unframe<'a>(
        &mut self,
        now: Instant,
        local: SocketAddr,
        peer: SocketAddr,
        datagram: &'a mut [u8],
    ) -> Unframed<'a> {
        let mut at_socket = self.relays.iter_mut().filter(|relay| relay.socket() == Some(local)).peekable();
        // Nobody but its server has to do with a socket that one allocation has for itself.
        let own = at_socket.peek().is_some_and(|relay| matches!(relay.link, Link::Own(..)));
        let unframed = match at_socket.find(|relay| relay.server == peer) {
            Some(relay) => relay.allocation.receive(now, datagram),
            None => Unframed::Foreign,
        };
        if own && unframed == Unframed::Foreign { Unframed::Consumed } else { unframed }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.relays.iter_mut().find_map(|relay| {
            relay.socket()?;
            let message = relay.allocation.poll_message()?;
            relay.transmit(message)
        })
    }
}

/// Time.
impl Relays {
    pub(super) fn timeout(&self) -> Option<Instant> {
        let patience = self.relays.iter().filter_map(|relay| relay.patience(self.silence));
        self.relays.iter().filter_map(|relay| relay.allocation.timeout()).chain(patience).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for relay in &mut self.relays {
            if relay.patience(self.silence).is_some_and(|end| end <= now) {
                relay.allocation.abandon();
            }
            let due = relay.allocation.timeout().is_some_and(|due| due <= now);
            if due && relay.generation != self.generation && relay.allocation.is_idle() {
                relay.allocation.release();
            }
            relay.allocation.handle_timeout(now);
        }
    }
}

impl Relay {
    /// Is this what is ordered? One that was given up is none.
    fn serves(&self, order: &Order) -> bool {
        let same_way = self.base == order.base && self.server == order.server && self.protocol == order.protocol;
        let alive = self.allocation.is_asking() || self.allocation.relayed().is_some();
        same_way && alive && self.allocation.belongs_to(&order.username, &order.password)
    }

    /// Until when it is waited for.
    fn patience(&self, silence: Duration) -> Option<Instant> {
        let silences = if let Link::Stream(..) = self.link { CONNECT_SILENCES } else { 1.0 };
        let heard = self.allocation.asked().map_or(self.heard, |asked| asked.max(self.heard));
        let end = (heard + silence.mul_f32(silences)).min(self.asked + silence * MAX_SILENCES);
        self.allocation.is_asking().then_some(end)
    }

    /// The datagram socket that its messages take.
    fn socket(&self) -> Option<SocketAddr> {
        match self.link {
            Link::Shared => Some(self.base),
            Link::Own(_, address) => address,
            Link::Stream(..) => None,
        }
    }

    fn link_id(&self) -> Option<LinkId> {
        match self.link {
            Link::Shared => None,
            Link::Own(id, _) | Link::Stream(id, _) => Some(id),
        }
    }

    fn transmit(&self, payload: BytesMut) -> Option<Transmit> {
        Some(Transmit { local: self.socket()?, peer: self.server, payload })
    }
}
