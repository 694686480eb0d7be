//! One data channel and what waits to be sent on it.
//!
//! Invariant: messages leave in the order in which they were given, and none after its lifetime.

use super::association::{Association, Write};
use super::{ChannelInit, Message, Reliability};
use bytes::Bytes;
use rtc_sctp::{PayloadProtocolIdentifier as Protocol, ReliabilityType};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// For the association.
    Waiting,
    Open,
    /// Nothing more is taken from either end.
    Closing,
}

pub(super) struct Channel {
    pub stream: u16,
    pub init: ChannelInit,
    pub phase: Phase,
    /// The far end knows the channel; until then messages must not overtake its announcement (RFC 8832 section 6).
    pub acknowledged: bool,
    pub queue: VecDeque<Outgoing>,
    /// It has a place in the turns.
    pub scheduled: bool,
    /// Bytes that it may send in this turn, or has saved for a longer message.
    pub credit: usize,
    /// The far end has ended its direction of the stream.
    pub far_end_ended: bool,
    /// The far end was urged to acknowledge the last of ours.
    pub hastened: bool,
    /// The end of ours was asked for, and has been taken note of.
    pub end_requested: bool,
    pub we_ended: bool,
    /// The application was told that it is closed.
    pub reported: bool,
    /// Since the last report: bytes that were dropped before they were sent, messages that were not.
    pub expired: usize,
    pub written: usize,
}

/// A message in the queue.
pub(super) struct Outgoing {
    protocol: Protocol,
    payload: Bytes,
    expires: Option<Instant>,
}

impl Outgoing {
    pub fn dcep(payload: Bytes) -> Self {
        Self { protocol: Protocol::Dcep, payload, expires: None }
    }

    pub fn message(now: Instant, message: Message, reliability: Reliability) -> Self {
        let expires = match reliability {
            Reliability::LifetimeMs(time) => Some(now + Duration::from_millis(time.into())),
            _ => None,
        };
        let protocol = match (message.text, message.payload.is_empty()) {
            (true, false) => Protocol::String,
            (false, false) => Protocol::Binary,
            (true, true) => Protocol::StringEmpty,
            (false, true) => Protocol::BinaryEmpty,
        };
        // SCTP has no empty messages: one byte that says nothing stands for one (RFC 8831 section 6.6).
        let payload = if message.payload.is_empty() { Bytes::from_static(&[0]) } else { message.payload };
        Self { protocol, payload, expires }
    }

    /// In an application's `bufferedAmount`.
    fn counted(&self) -> usize {
        match self.protocol {
            Protocol::String | Protocol::Binary => self.payload.len(),
            _ => 0,
        }
    }
}

impl Channel {
    pub fn new(stream: u16, init: ChannelInit) -> Self {
        Self {
            stream,
            init,
            phase: Phase::Waiting,
            acknowledged: false,
            queue: VecDeque::new(),
            scheduled: false,
            credit: 0,
            far_end_ended: false,
            hastened: false,
            end_requested: false,
            we_ended: false,
            reported: false,
            expired: 0,
            written: 0,
        }
    }

    /// The next message, if there is credit for it.
    pub fn next_write(&mut self, now: Instant) -> Option<Write> {
        loop {
            let next = self.queue.front().filter(|next| next.payload.len() <= self.credit)?;
            // A lifetime of nothing still means one attempt, made at once.
            if next.expires.is_some_and(|expires| expires < now) {
                self.expired += next.counted();
                self.queue.pop_front();
                continue;
            }
            let next = self.queue.pop_front()?;
            self.credit -= next.payload.len();
            self.written += usize::from(next.protocol != Protocol::Dcep);
            let dcep = next.protocol == Protocol::Dcep;
            return Some(Write {
                stream: self.stream,
                protocol: next.protocol,
                ordered: self.init.ordered || dcep || !self.acknowledged,
                reliability: if dcep { (ReliabilityType::Reliable, 0) } else { self.reliability(now, &next) },
                payload: next.payload,
            });
        }
    }

    /// All that it was given has left.
    pub fn has_left(&self, association: &Association) -> bool {
        self.queue.is_empty() && association.has_left(self.stream)
    }

    /// Asks for the end of our direction.
    pub fn end(&mut self, association: &mut Association) {
        self.end_requested = true;
        association.end_outgoing(self.stream);
    }

    /// Nothing of it is on its way any more. The far end has nothing to wait for then: some lose for good what they are
    /// sent again after the end of its stream (RFC 6525 section 5.2.2 would have them wait).
    pub fn may_end(&mut self, association: &mut Association) -> bool {
        if !self.has_left(association) {
            return false;
        }
        let acknowledged = association.is_acknowledged(self.stream);
        if !acknowledged && !std::mem::replace(&mut self.hastened, true) {
            association.hasten();
        }
        acknowledged
    }

    /// Of a lifetime, what is left after the time in the queue.
    fn reliability(&self, now: Instant, next: &Outgoing) -> (ReliabilityType, u32) {
        match next.expires {
            Some(expires) => (ReliabilityType::Timed, expires.duration_since(now).as_millis() as u32),
            None => self.init.reliability.as_machine(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(len: usize) -> Message {
        Message { text: false, payload: vec![7; len].into() }
    }

    fn channel(reliability: Reliability) -> Channel {
        let mut channel = Channel::new(0, ChannelInit { ordered: false, reliability, ..ChannelInit::default() });
        channel.credit = 1000;
        channel
    }

    #[test]
    fn a_message_waits_until_its_turn_is_long_enough() {
        let now = Instant::now();
        let mut channel = channel(Reliability::Full);
        channel.queue.push_back(Outgoing::message(now, message(1500), Reliability::Full));
        assert!(channel.next_write(now).is_none());
        channel.credit += 1000;
        assert_eq!(channel.next_write(now).map(|write| write.payload.len()), Some(1500));
        assert_eq!(channel.credit, 500);
    }

    #[test]
    fn time_in_the_queue_counts_to_the_lifetime() {
        let now = Instant::now();
        let mut channel = channel(Reliability::LifetimeMs(100));
        for _ in 0..2 {
            channel.queue.push_back(Outgoing::message(now, message(10), Reliability::LifetimeMs(100)));
        }
        let write = channel.next_write(now + Duration::from_millis(60)).unwrap();
        assert_eq!(write.reliability, (ReliabilityType::Timed, 40));
        assert!(channel.next_write(now + Duration::from_millis(101)).is_none());
        assert_eq!((channel.expired, channel.queue.len()), (10, 0));
    }

    #[test]
    fn nothing_overtakes_the_announcement_of_an_unordered_channel() {
        let now = Instant::now();
        let mut channel = channel(Reliability::Retransmits(2));
        channel.queue.push_back(Outgoing::message(now, message(10), Reliability::Retransmits(2)));
        channel.queue.push_back(Outgoing::message(now, message(10), Reliability::Retransmits(2)));
        assert!(channel.next_write(now).unwrap().ordered);
        channel.acknowledged = true;
        assert!(!channel.next_write(now).unwrap().ordered);
    }

    #[test]
    fn an_empty_message_is_one_byte_that_does_not_count() {
        for (text, protocol) in [(true, Protocol::StringEmpty), (false, Protocol::BinaryEmpty)] {
            let message = Message { text, payload: Bytes::new() };
            let outgoing = Outgoing::message(Instant::now(), message, Reliability::Full);
            assert_eq!((outgoing.protocol, outgoing.payload.len(), outgoing.counted()), (protocol, 1, 0));
        }
    }
}
