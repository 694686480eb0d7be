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
mod engine;
mod media;
mod outcome;
mod recorder;
mod report;
mod snapshot;

/// The version of the package that this binary was built from.
#[napi_derive::napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
