//! Negotiation as tables: one behaviour per test, text in, text and typed values out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "negotiation/answers.rs"]
mod answers;
#[path = "negotiation/candidates.rs"]
mod candidates;
#[path = "negotiation/codecs.rs"]
mod codecs;
#[path = "negotiation/corpus.rs"]
mod corpus;
#[path = "negotiation/data.rs"]
mod data;
#[path = "negotiation/gateways.rs"]
mod gateways;
#[path = "negotiation/hold.rs"]
mod hold;
#[path = "support/ice.rs"]
mod ice;
#[path = "negotiation/limits.rs"]
mod limits;
#[path = "negotiation/munge.rs"]
mod munge;
#[path = "negotiation/offers.rs"]
mod offers;
#[path = "negotiation/operations.rs"]
mod operations;
#[path = "negotiation/peers.rs"]
mod peers;
#[path = "negotiation/property.rs"]
mod property;
#[path = "negotiation/restart.rs"]
mod restart;
#[path = "negotiation/roles.rs"]
mod roles;
#[path = "negotiation/rollback.rs"]
mod rollback;
#[path = "negotiation/sections.rs"]
mod sections;
#[path = "negotiation/states.rs"]
mod states;
#[path = "negotiation/support.rs"]
mod support;
#[path = "negotiation/transceivers.rs"]
mod transceivers;
#[path = "negotiation/video.rs"]
mod video;
