//! The transport in virtual time: ICE, DTLS, SRTP, SCTP and TURN, over good and bad networks, with honest and dishonest far ends.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod agents;
mod connect;
mod data;
mod faults;
mod gather;
mod guard;
mod handshake;
mod liveness;
#[path = "../support/relay.rs"]
mod relay;
mod restart;
mod security;
#[path = "../support/stub.rs"]
mod stub;
mod turn;
mod turn_stream;
#[path = "../support/wire.rs"]
mod wire;
