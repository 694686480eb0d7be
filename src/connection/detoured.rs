//! A sender from before it exists, and the way that its encoded frames take.
//!
//! Invariant: a sender that begins has the detour that was set last, whenever that was.

use crate::media::{Detour, Detours};
use crate::transport::Transport;
use std::sync::Arc;
use std::time::Instant;

/// See the module.
pub struct Detoured<S> {
    sender: Option<S>,
    detour: Option<Arc<Detour>>,
}

impl<S> Default for Detoured<S> {
    fn default() -> Self {
        Self { sender: None, detour: None }
    }
}

impl<S: Detours> Detoured<S> {
    /// The sender, made by `begin` if there is none yet.
    pub fn get_or_begin(&mut self, begin: impl FnOnce() -> S) -> &mut S {
        let detour = &self.detour;
        self.sender.get_or_insert_with(|| {
            let mut sender = begin();
            sender.set_detour(detour.clone());
            sender
        })
    }

    /// The sender, once it exists.
    pub fn get(&self) -> Option<&S> {
        self.sender.as_ref()
    }

    /// The sender, once it exists.
    pub fn get_mut(&mut self) -> Option<&mut S> {
        self.sender.as_mut()
    }

    /// The way that encoded frames take before they are sent.
    pub fn set_detour(&mut self, detour: Option<Arc<Detour>>) {
        if let Some(sender) = &mut self.sender {
            sender.set_detour(detour.clone());
        }
        self.detour = detour;
    }

    /// Sends what has come back from the detour, and what is wanted there.
    pub fn send_returned(&mut self, now: Instant, transport: &mut Transport) {
        if let Some(sender) = &mut self.sender {
            sender.send_returned(now, &mut |header, payload| {
                transport.send_rtp(header, payload);
            });
        }
    }
}
