//! TURN over UDP (RFC 8656): the relayed addresses of one transport. Sans-I/O; time is an argument.
//!
//! Invariant: at most one allocation per socket and server and [`MAX_ALLOCATIONS`] in all; they outlive the gathering that
//! asked for them and end with [`Relays::close`].
//!
//! Why not the client of the protocol machines: it resolves names while it is made, takes Data indications from any sender,
//! does not check the MESSAGE-INTEGRITY of answers, does not repeat what a stale nonce has refused, keeps permissions and
//! channels for ever, and tells errors as text without their code, which `icecandidateerror` needs.

mod allocation;
mod message;

pub(super) use allocation::AllocationEvent;
pub use allocation::Unframed;

use super::Transmit;
use allocation::Allocation;
use rtc::crypto::RTCCryptoProvider;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Several servers on several addresses; more would cost more than they help.
const MAX_ALLOCATIONS: usize = 16;

/// Who is asked, for what socket, with what credential.
pub(super) struct Order {
    pub url: String,
    pub username: String,
    pub password: String,
    pub base: SocketAddr,
    pub server: SocketAddr,
}

struct Relay {
    url: String,
    base: SocketAddr,
    server: SocketAddr,
    allocation: Allocation,
}

/// The allocations of one transport.
#[derive(Default)]
pub(super) struct Relays(Vec<Relay>);

impl std::fmt::Debug for Relays {
    /// Without what is secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|relay| (relay.base, relay.server))).finish()
    }
}

impl Relays {
    /// Asks, or tells once more what is held; `false` where there are too many.
    pub(super) fn ask(&mut self, now: Instant, crypto: Arc<dyn RTCCryptoProvider>, order: Order) -> bool {
        let Order { url, username, password, base, server } = order;
        self.0.retain(|relay| !relay.allocation.is_over());
        if let Some(relay) = self.0.iter_mut().find(|relay| relay.base == base && relay.server == server) {
            relay.allocation.tell();
            return true;
        }
        let room = self.0.len() < MAX_ALLOCATIONS;
        if room {
            let allocation = Allocation::new(now, crypto, (base, server), &username, &password);
            self.0.push(Relay { url, base, server, allocation });
        }
        room
    }

    pub(super) fn is_asking(&self) -> bool {
        self.0.iter().any(|relay| relay.allocation.is_asking())
    }

    /// No longer waits for servers that have not answered.
    pub(super) fn give_up(&mut self) {
        self.0.iter_mut().for_each(|relay| relay.allocation.abandon());
    }

    /// Gives all back; what there is to send is in [`Self::poll_transmit`] afterwards.
    pub(super) fn close(&mut self) {
        self.0.iter_mut().for_each(|relay| relay.allocation.release());
    }

    /// What leaves from a relayed address goes to its server, anything else as it is; `None` where it cannot go yet.
    pub(super) fn frame(&mut self, now: Instant, transmit: Transmit) -> Option<Transmit> {
        let own = |relay: &&mut Relay| relay.allocation.relayed() == Some(transmit.local);
        match self.0.iter_mut().find(own) {
            Some(relay) => relay.allocation.frame(now, transmit.peer, &transmit.payload),
            None => Some(transmit),
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
        match self.0.iter_mut().find(|relay| relay.base == local && relay.server == peer) {
            Some(relay) => relay.allocation.receive(now, datagram),
            None => Unframed::Foreign,
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.0.iter_mut().find_map(|relay| relay.allocation.poll_transmit())
    }

    /// What happened, to which socket, at which server.
    pub(super) fn poll_event(&mut self) -> Option<(AllocationEvent, SocketAddr, SocketAddr, String)> {
        self.0.iter_mut().find_map(|relay| {
            let event = relay.allocation.poll_event()?;
            Some((event, relay.base, relay.server, relay.url.clone()))
        })
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        self.0.iter().filter_map(|relay| relay.allocation.timeout()).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.0.iter_mut().for_each(|relay| relay.allocation.handle_timeout(now));
    }
}
