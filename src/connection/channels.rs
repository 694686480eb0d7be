//! Data channels of a session: which transport carries them, and what JavaScript is told.
//!
//! Invariant: reports of a channel come in the order of what they tell, but for bytes that have left, which are summed
//! until JavaScript looks.

use super::intake::Intake;
use super::report::Report;
use super::session::Session;
use crate::negotiation::{Plan, TransportId};
use crate::transport::{ChannelId, ChannelInit, DataEvent, Message, Transport};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Bytes and messages of one channel that have left and that JavaScript does not know of yet.
#[derive(Debug, Default)]
pub struct Transmitted {
    bytes: AtomicUsize,
    messages: AtomicUsize,
    /// JavaScript was told to look, and has not looked yet.
    told: AtomicBool,
}

impl Transmitted {
    /// `true` where JavaScript must be told anew.
    fn add(&self, bytes: usize, messages: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        self.messages.fetch_add(messages, Ordering::SeqCst);
        !self.told.swap(true, Ordering::SeqCst)
    }

    /// Bytes and messages since the last call. Whatever is added from its first step on is told anew, even if it is taken now.
    pub fn take(&self) -> (usize, usize) {
        self.told.store(false, Ordering::SeqCst);
        (self.bytes.swap(0, Ordering::SeqCst), self.messages.swap(0, Ordering::SeqCst))
    }
}

/// The session's part of data channels.
#[derive(Default)]
pub(super) struct Channels {
    carrier: Option<TransportId>,
    intake: Arc<Intake>,
    transmitted: BTreeMap<ChannelId, Arc<Transmitted>>,
}

impl Channels {
    pub fn set_intake(&mut self, intake: Arc<Intake>) {
        self.intake = intake;
    }

    /// What `event` means for JavaScript; `true` where no more messages may come for now.
    pub fn report(&mut self, event: DataEvent, reports: &mut VecDeque<Report>) -> bool {
        match &event {
            DataEvent::Transmitted(id, bytes, messages) => {
                let transmitted = self.transmitted.entry(*id).or_default();
                if transmitted.add(*bytes, *messages) {
                    reports.push_back(Report::Transmitted(*id, transmitted.clone()));
                }
                return false;
            }
            DataEvent::Closed(id, _) => _ = self.transmitted.remove(id),
            _ => {}
        }
        let cost = match &event {
            DataEvent::Received(_, message) => Some(message.payload.len()),
            _ => None,
        };
        reports.push_back(Report::Data(event));
        cost.is_some_and(|len| self.intake.add(len))
    }
}

impl Session {
    pub(super) fn apply_data(&mut self, now: Instant, plan: &Plan) -> crate::error::Result<()> {
        let carrier = plan.data.as_ref().map(|data| data.transport);
        self.channels.carrier = carrier;
        for (id, line) in &mut self.lines {
            line.transport.apply_data(now, plan.data.as_ref().filter(|_| carrier == Some(*id)))?;
        }
        Ok(())
    }

    fn with_carrier(&mut self, now: Instant, change: impl FnOnce(&mut Transport)) {
        let Some(id) = self.channels.carrier else { return };
        if let Some(line) = self.lines.get_mut(&id) {
            change(&mut line.transport);
            self.collect_from(now, id);
        }
    }

    /// A channel of ours, on a stream that no other channel has. To be told after the plan that has a data section.
    pub fn open_channel(&mut self, now: Instant, id: ChannelId, stream: u16, init: ChannelInit) {
        self.with_carrier(now, |transport| transport.open_channel(now, id, stream, init));
    }

    /// Queues a message. A channel that is not open takes none.
    pub fn send_message(&mut self, now: Instant, id: ChannelId, message: Message) {
        self.with_carrier(now, |transport| transport.send_message(now, id, message));
    }

    /// Closes a channel, behind all its messages.
    pub fn close_channel(&mut self, now: Instant, id: ChannelId) {
        self.with_carrier(now, |transport| transport.close_channel(now, id));
    }

    /// JavaScript has caught up: messages may come again.
    pub fn resume_reading(&mut self, now: Instant) {
        self.with_carrier(now, |transport| transport.set_reading(now, true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_javascript_was_not_told_of() {
        const ROUNDS: usize = 200_000;
        let transmitted = Transmitted::default();
        let told = AtomicUsize::new(0);
        let (mut looked, mut seen) = (0, (0, 0));
        std::thread::scope(|scope| {
            let adding = scope.spawn(|| {
                for _ in 0..ROUNDS {
                    told.fetch_add(usize::from(transmitted.add(2, 1)), Ordering::SeqCst);
                }
            });
            while !adding.is_finished() || looked < told.load(Ordering::SeqCst) {
                if looked < told.load(Ordering::SeqCst) {
                    looked += 1;
                    let (bytes, messages) = transmitted.take();
                    seen = (seen.0 + bytes, seen.1 + messages);
                }
            }
        });
        assert_eq!(seen, (2 * ROUNDS, ROUNDS));
    }
}
