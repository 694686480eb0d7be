//! webphone-rtc: the engine behind a W3C `RTCPeerConnection` for Node.
//!
//! The layers, from the top; imports go down only (docs/architecture.md):
//! [`connection`] joins [`negotiation`], [`transport`] and [`media`]; `bridge` shows it to JavaScript.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(feature = "bridge")]
mod bridge;
pub mod census;
pub mod connection;
pub mod error;
pub mod fault;
pub mod media;
pub mod negotiation;
pub mod recording;
pub mod rtcp;
pub mod rtp;
pub mod transport;
