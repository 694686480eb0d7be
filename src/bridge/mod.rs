//! The engine as JavaScript sees it: napi classes over plain structs, no rule of its own.
//!
//! Invariant: no panic leaves an export (`catch_unwind` on each), and expected failures cross as data.

// The binding's macros write the unsafe glue.
#![allow(unsafe_code)]
// They register nothing in a test build.
#![cfg_attr(test, allow(dead_code))]

mod channel;
mod config;
mod connection;
mod encoded;
mod engine;
mod media;
mod outcome;
mod recorder;
mod report;
mod snapshot;

use crate::census;
use std::collections::HashMap;

/// How many objects of each kind exist in this process, in all its threads: for leak tests.
#[napi_derive::napi(catch_unwind, ts_return_type = "Record<string, number>")]
pub fn live_objects() -> HashMap<&'static str, u32> {
    census::KINDS.iter().map(|(kind, name)| (*name, census::count(*kind))).collect()
}

/// When `place` is come to next for this connection, or for none, there is a panic, once. `false` for an unknown place.
#[cfg(feature = "faults")]
#[napi_derive::napi]
pub fn inject_fault(place: String, connection: Option<u32>) -> bool {
    use crate::fault::Place;
    let all = [
        Place::Command,
        Place::Datagram,
        Place::Gathering,
        Place::Send,
        Place::Play,
        Place::Close,
        Place::LookUp,
        Place::Outlet,
        Place::Recording,
        Place::Border,
        Place::Drain,
    ];
    let place = all.into_iter().find(|known| format!("{known:?}") == place);
    if let Some(place) = place {
        crate::fault::arm(place, connection);
    }
    place.is_some()
}

/// The version of the package that this binary was built from.
#[napi_derive::napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
