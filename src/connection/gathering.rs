//! The sockets of one transport and the gathering that runs over them.
//!
//! Invariant: a port gathers once per generation of ICE credentials, over the addresses that the machine has then.

use super::preparation::Preparation;
use super::task::NetworkConfig;
use crate::negotiation::TransportId;
use crate::transport::{
    AddressPolicy, Gatherer, LinkId, LinkOrder, LoopbackPolicy, Sockets, StreamEvent, Streams, Unframed,
};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What a silent STUN or TURN server costs an answer: this much and, where it is to be connected to, half as much again.
pub const GATHER_LIMIT: Duration = Duration::from_secs(1);

/// One transport's way to the network.
pub struct Port {
    pub sockets: Sockets,
    streams: Streams,
    /// Sockets of single relayed addresses.
    bound: Vec<(LinkId, SocketAddr)>,
    policy: AddressPolicy,
    pub gatherer: Gatherer,
    /// The ICE generation that was gathered for.
    pub generation: u32,
    /// The gatherer has said that it is complete.
    pub complete: bool,
    /// Nothing is taken but by a TURN server.
    relay_only: bool,
}

impl Port {
    /// Begins to gather, over the sockets that were prepared or over new ones.
    pub fn open(
        now: Instant,
        network: &NetworkConfig,
        generation: u32,
        prepared: Option<Preparation>,
    ) -> io::Result<Self> {
        let policy = address_policy(network);
        let sockets = match prepared.and_then(|prepared| prepared.take(&policy)) {
            Some(sockets) => sockets,
            None => Sockets::bind(&policy)?,
        };
        let gatherer = Gatherer::new(now, &sockets.local(), &network.servers, GATHER_LIMIT);
        let (streams, bound) = (Streams::default(), Vec::new());
        let relay_only = network.relay_only;
        Ok(Self { sockets, streams, bound, policy, gatherer, generation, complete: false, relay_only })
    }

    /// Gathers anew, for new credentials: the machine may have moved to another network. Where it has no address at all, it
    /// may get those back that it had.
    pub fn restart(&mut self, now: Instant, network: &NetworkConfig, generation: u32) {
        self.policy = address_policy(network);
        let local = self.sockets.refresh(&self.policy).unwrap_or_else(|_| self.sockets.local());
        self.gatherer.restart(now, &local, &network.servers, GATHER_LIMIT);
        self.generation = generation;
        self.complete = false;
        // What runs over a direct path goes on until the restart has found a relayed one.
        self.relay_only &= network.relay_only;
    }

    /// Sends what gathering and the TURN servers are to be told, over sockets and connections that are made for it.
    pub fn send_gathering(&mut self, now: Instant) {
        self.send_datagrams();
        self.write_streams();
        while let Some(order) = self.gatherer.poll_order() {
            self.obey(now, order);
        }
    }

    fn send_datagrams(&mut self) {
        while let Some(transmit) = self.gatherer.poll_transmit() {
            self.sockets.send(transmit);
        }
    }

    fn write_streams(&mut self) {
        for (id, bytes) in self.gatherer.outgoing() {
            self.streams.write(id, bytes);
        }
    }

    fn obey(&mut self, now: Instant, order: LinkOrder) {
        match order {
            LinkOrder::Connect { id, from, to } => self.streams.connect(id, from, to),
            LinkOrder::Bind(id, address) => {
                let bound = self.sockets.bind_extra(address, &self.policy);
                self.bound.extend(bound.as_ref().ok().map(|bound| (id, *bound)));
                self.gatherer.linked(now, id, bound.map_err(|error| error.to_string()));
                self.send_datagrams();
            }
            LinkOrder::Close(id) => {
                self.streams.close(id);
                if let Some(at) = self.bound.iter().position(|(bound, _)| *bound == id) {
                    self.sockets.close_extra(self.bound.swap_remove(at).1);
                }
            }
        }
    }

    /// Gives relayed addresses back.
    pub fn close(&mut self, now: Instant) {
        self.gatherer.close();
        self.send_gathering(now);
    }

    fn poll_receive(&mut self, context: &mut Context<'_>, each: &mut Receive<'_>) -> Poll<()> {
        let Self { sockets, streams, gatherer, relay_only, .. } = self;
        let datagrams = sockets.poll_receive(context, &mut |local, peer, datagram| {
            let now = Instant::now();
            match gatherer.unframe(now, local, peer, datagram) {
                Unframed::Data { relayed, peer, payload } => each(now, relayed, peer, payload),
                Unframed::Consumed => {}
                Unframed::Foreign => {
                    if !gatherer.receive(local, peer, datagram) && !*relay_only {
                        each(now, local, peer, datagram);
                    }
                }
            }
        });
        let bytes = streams.poll(context, &mut |id, event| {
            let now = Instant::now();
            match event {
                StreamEvent::Connected(outcome) => gatherer.linked(now, id, outcome),
                StreamEvent::Ended(reason) => gatherer.unlinked(id, reason),
                StreamEvent::Received(bytes) => {
                    gatherer.receive_stream(now, id, bytes, &mut |relayed, peer, payload| {
                        each(now, relayed, peer, payload);
                    });
                }
                // What waits is written when all was received.
                StreamEvent::Writable => {}
            }
        });
        if datagrams.is_ready() { datagrams } else { bytes }
    }
}

/// Takes a datagram of a far end: when it came, local address, sender, datagram.
type Receive<'a> = dyn FnMut(Instant, SocketAddr, SocketAddr, &mut [u8]) + 'a;

/// Waits until something arrives and hands it over, but for the answers to gathering: transport, when, local address, sender,
/// datagram. Cancelling it loses nothing.
pub async fn receive(
    ports: &mut BTreeMap<TransportId, Port>,
    mut each: impl FnMut(TransportId, Instant, SocketAddr, SocketAddr, &mut [u8]),
) {
    poll_fn(|context| {
        let mut received = Poll::Pending;
        for (id, port) in &mut *ports {
            let take = &mut |now, local, peer, datagram: &mut [u8]| each(*id, now, local, peer, datagram);
            if port.poll_receive(context, take).is_ready() {
                received = Poll::Ready(());
            }
        }
        received
    })
    .await;
}

/// Which addresses `network` lets be used.
pub fn address_policy(network: &NetworkConfig) -> AddressPolicy {
    let default = AddressPolicy::default();
    AddressPolicy {
        loopback: if network.loopback { LoopbackPolicy::Always } else { default.loopback },
        addresses: network.addresses.clone(),
        port_range: network.port_range,
        ..default
    }
}
