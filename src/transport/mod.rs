//! ICE, DTLS, SRTP and SCTP joined into one transport, and the driver's parts around it: sockets, gathering, name look-up.
//! The only place that knows webrtc-rs; it takes typed plans and never sees SDP.
//!
//! Invariant: [`Transport`] and [`Gatherer`] do no I/O and read no clock: datagrams and `now` are arguments.

mod certificate;
mod consent;
mod dtls;
mod failure;
mod flight;
mod fragments;
mod gather;
mod guard;
mod ice;
#[doc(hidden)]
pub mod internals;
mod machine;
mod random;
mod resolve;
mod sctp;
mod socket;
mod srtp;
mod stats;
mod stock;
mod streams;
mod stun;
mod turn;
mod udp;
mod usage;

pub use certificate::{Certificate, fingerprint_sha256};
pub use failure::DtlsFailure;
pub use gather::{CandidateSource, GatherEvent, Gatherer, IceServer};
pub use machine::{DtlsState, IceState, Transport, TransportConfig, TransportEvent};
pub use random::SystemRandom;
pub use resolve::{Lookup, look_up};
pub use sctp::{
    Abort, ChannelError, ChannelId, ChannelInit, DataEvent, MAX_MESSAGE_BYTES, MAX_SEND_BYTES, Message, Reliability,
};
pub use socket::{AddressPolicy, LoopbackPolicy, Sockets};
pub use stats::{PairInfo, TransportStats};
pub use stock::{fresh_certificate, restock};
pub use streams::{StreamEvent, Streams};
pub use turn::{LinkId, LinkOrder, Trust, Unframed};
pub use usage::{Traffic, Usage};

use crate::error::{Error, ErrorKind, Result};
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use std::net::SocketAddr;
use std::sync::Arc;

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// From this local address.
    pub local: SocketAddr,
    /// To this address.
    pub peer: SocketAddr,
    /// The whole datagram.
    pub payload: BytesMut,
}

fn crypto() -> Result<Arc<dyn RTCCryptoProvider>> {
    rtc_crypto::default_provider().map_err(|error| failed("cryptography", error))
}

fn failed(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Operation, format!("{what}: {error}"))
}
