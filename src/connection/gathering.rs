//! The sockets of one transport and the gathering that runs over them.
//!
//! Invariant: a port gathers once per generation of ICE credentials, over the addresses that the machine has then.

use super::task::NetworkConfig;
use crate::negotiation::TransportId;
use crate::transport::{AddressPolicy, Gatherer, LoopbackPolicy, Sockets, Unframed};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

/// A silent STUN server costs an answer this much and no more.
pub const GATHER_LIMIT: Duration = Duration::from_secs(1);

/// One transport's way to the network.
pub struct Port {
    pub sockets: Sockets,
    pub gatherer: Gatherer,
    /// The ICE generation that was gathered for.
    pub generation: u32,
    /// The gatherer has said that it is complete.
    pub complete: bool,
    /// Nothing is taken but by a TURN server.
    relay_only: bool,
}

impl Port {
    /// Binds sockets and begins to gather.
    pub fn open(now: Instant, network: &NetworkConfig, generation: u32) -> io::Result<Self> {
        let sockets = Sockets::bind(&address_policy(network))?;
        let gatherer = Gatherer::new(now, &sockets.local(), &network.servers, GATHER_LIMIT);
        Ok(Self { sockets, gatherer, generation, complete: false, relay_only: network.relay_only })
    }

    /// Gathers anew, for new credentials: the machine may have moved to another network. Where it has no address at all, it
    /// may get those back that it had.
    pub fn restart(&mut self, now: Instant, network: &NetworkConfig, generation: u32) {
        let local = self.sockets.refresh(&address_policy(network)).unwrap_or_else(|_| self.sockets.local());
        self.gatherer.restart(now, &local, &network.servers, GATHER_LIMIT);
        self.generation = generation;
        self.complete = false;
        // What runs over a direct path goes on until the restart has found a relayed one.
        self.relay_only &= network.relay_only;
    }

    /// Sends what gathering and the TURN servers are to be told.
    pub fn send_gathering(&mut self) {
        while let Some(transmit) = self.gatherer.poll_transmit() {
            self.sockets.send(transmit);
        }
    }

    /// Gives relayed addresses back.
    pub fn close(&mut self) {
        self.gatherer.close();
        self.send_gathering();
    }
}

/// Waits until something arrives and hands it over, but for the answers to gathering: transport, local address, sender,
/// datagram. Cancelling it loses nothing.
pub async fn receive(
    ports: &mut BTreeMap<TransportId, Port>,
    mut each: impl FnMut(TransportId, SocketAddr, SocketAddr, &mut [u8]),
) {
    poll_fn(|context| {
        let mut received = Poll::Pending;
        let now = Instant::now();
        for (id, Port { sockets, gatherer, relay_only, .. }) in &mut *ports {
            let mut take = |local, peer, datagram: &mut [u8]| match gatherer.unframe(now, local, peer, datagram) {
                Unframed::Data { relayed, peer, payload } => each(*id, relayed, peer, payload),
                Unframed::Consumed => {}
                Unframed::Foreign => {
                    if !gatherer.receive(local, peer, datagram) && !*relay_only {
                        each(*id, local, peer, datagram);
                    }
                }
            };
            if sockets.poll_receive(context, &mut take).is_ready() {
                received = Poll::Ready(());
            }
        }
        received
    })
    .await;
}

fn address_policy(network: &NetworkConfig) -> AddressPolicy {
    let default = AddressPolicy::default();
    AddressPolicy {
        loopback: if network.loopback { LoopbackPolicy::Always } else { default.loopback },
        addresses: network.addresses.clone(),
        port_range: network.port_range,
        ..default
    }
}
