//! Negotiation as tables: one behaviour per test, text in, text and typed values out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod candidates;
mod codecs;
mod corpus;
mod data;
mod gateways;
mod hold;
#[path = "../support/ice.rs"]
mod ice;
mod limits;
mod munge;
mod offers;
mod operations;
mod peers;
mod property;
mod restart;
mod roles;
mod rollback;
mod sections;
mod states;
mod support;
mod transceivers;
mod video;
