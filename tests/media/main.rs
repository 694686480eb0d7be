//! The media plane in virtual time: encoder, sender, jitter buffer, playout, and what becomes of speech on the way.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod call;
mod dtmf;
mod encoded;
mod encoder;
mod network;
#[path = "../support/path.rs"]
mod path;
mod playout;
mod red;
mod ring;
mod sender;
mod speech;
#[path = "../support/media.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;
