//! Name look-up off the driver.
//!
//! Invariant: a look-up ends within its limit, whatever the system's resolver does.

use std::net::SocketAddr;
use std::time::Duration;

/// A server whose address is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// A name; literals need no look-up.
    pub host: String,
    /// Carried over into the addresses.
    pub port: u16,
}

/// The addresses of a name; empty where there are none or they took longer than `limit`. To be run in a task of its
/// own: the system's resolver blocks a thread for as long as it likes.
pub async fn look_up(lookup: &Lookup, limit: Duration) -> Vec<SocketAddr> {
    let found = tokio::net::lookup_host((lookup.host.as_str(), lookup.port));
    match tokio::time::timeout(limit, found).await {
        Ok(Ok(addresses)) => addresses.collect(),
        _ => Vec::new(),
    }
}
