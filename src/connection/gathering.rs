//! The sockets of one transport and the gathering that runs over them.
//!
//! Invariant: a port gathers once per generation of ICE credentials, over sockets that stay.

use super::task::NetworkConfig;
use crate::negotiation::TransportId;
use crate::transport::{AddressPolicy, Gatherer, LoopbackPolicy, Sockets};
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
}

impl Port {
    /// Binds sockets and begins to gather.
    pub async fn open(now: Instant, network: &NetworkConfig, generation: u32) -> io::Result<Self> {
        let sockets = Sockets::bind(&address_policy(network)).await?;
        let gatherer = Gatherer::new(now, &sockets.local(), &network.servers, GATHER_LIMIT);
        Ok(Self { sockets, gatherer, generation, complete: false })
    }

    /// Gathers anew, for new credentials.
    pub fn restart(&mut self, now: Instant, network: &NetworkConfig, generation: u32) {
        self.gatherer = Gatherer::new(now, &self.sockets.local(), &network.servers, GATHER_LIMIT);
        self.generation = generation;
        self.complete = false;
    }
}

/// Waits until one of `ports` has something to read; for ever where there is none.
pub async fn readable(ports: &BTreeMap<TransportId, Port>) {
    poll_fn(|context| {
        let ready = ports.values().any(|port| port.sockets.poll_readable(context).is_ready());
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Hands over what has arrived and is no answer to gathering: transport, local address, sender, datagram.
pub fn drain(
    ports: &mut BTreeMap<TransportId, Port>,
    mut each: impl FnMut(TransportId, SocketAddr, SocketAddr, &mut [u8]),
) {
    for (id, port) in ports {
        let gatherer = &mut port.gatherer;
        port.sockets.drain(|local, peer, datagram| {
            if !gatherer.receive(local, peer, datagram) {
                each(*id, local, peer, datagram);
            }
        });
    }
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
