//! ICE as the tests signal it: host candidates, and credentials that are known.
#![allow(dead_code)]

use std::net::SocketAddr;
use webphone_rtc::negotiation::{Candidate, CandidateKind, IceCredentials, Protocol};

pub fn host(address: SocketAddr) -> Candidate {
    Candidate {
        foundation: "1".to_owned(),
        component: 1,
        protocol: Protocol::Udp,
        priority: 2_130_706_431,
        address: address.ip().to_string(),
        port: address.port(),
        kind: CandidateKind::Host,
        related: None,
        tcp_type: None,
        ufrag: None,
    }
}

pub fn credentials(name: &str) -> IceCredentials {
    IceCredentials { ufrag: format!("uf{name}"), pwd: format!("a password long enough for ICE {name}") }
}
