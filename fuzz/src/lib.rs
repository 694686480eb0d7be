//! One function per fuzz target: bytes in, a panic where something does not hold. The ordinary tests replay what is
//! known to be interesting through the same functions (`tests/fuzz.rs`).
//!
//! Invariant: nothing here reads a wall clock or depends on an earlier call; what a target does follows from its bytes,
//! but for the random numbers that the machines of ICE, DTLS and SCTP draw.

mod data;
mod dtls;
#[path = "../../tests/support/ice.rs"]
mod ice;
mod media;
#[path = "../../tests/negotiation/operations.rs"]
mod operations;
mod script;
mod sdp;
mod session;
mod stun;
mod turn;

pub use data::data;
pub use dtls::dtls;
pub use media::{g711, opus, rtp, telephone_event};
pub use sdp::{candidate, sdp};
pub use session::rtcp;
pub use stun::stun;
pub use turn::turn;

/// Whole negotiations by random operations; see `tests/negotiation/operations.rs`.
pub fn negotiation(data: &[u8]) {
    let (any, script) = data.split_first().map_or((false, data), |(first, rest)| (first & 1 == 1, rest));
    let ops: Vec<_> =
        script.chunks_exact(3).take(60).map(|raw| operations::Op::from([raw[0], raw[1], raw[2]])).collect();
    if any { operations::any_call(&ops) } else { operations::converge(&ops) }
}
