//! Data channels (RFC 8831, RFC 8832) over an SCTP association over DTLS. Sans-I/O and pure in time.
//!
//! Invariant: a channel's number means the same channel for ever, while the number of its stream is used again once both
//! directions of the stream have ended at both ends.

mod association;
mod channel;
mod dcep;
mod guard;
mod ledger;
mod packet;
mod repair;
mod reset;
#[cfg(test)]
mod tests;

pub use association::{Abort, MAX_SEND_BYTES};

use crate::error::Result;
use association::{Association, Event, Read};
use bytes::{Bytes, BytesMut};
use channel::{Channel, Outgoing, Phase};
use dcep::Heard;
use rtc_sctp::PayloadProtocolIdentifier as Protocol;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// Longest message that we take, in bytes: what our descriptions announce, as browsers do.
pub const MAX_MESSAGE_BYTES: usize = 262_144;
/// Streams each way, as in Chromium. RFC 8831 suggests 65535, each of which would cost memory at the far end's will.
pub const MAX_CHANNELS: u16 = 1024;
/// More than the congestion window needs at once is not handed to the machine, so that the channels take turns.
const UNSENT_BYTES: usize = 128 * 1024;
/// Bytes per turn and unit of priority.
const QUANTUM: usize = 64;
/// Channels of the far end are numbered from here on, ours from 0.
const FIRST_REMOTE: u32 = 1 << 31;

/// Names a data channel within its connection; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u32);

/// How hard is tried to bring a message over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliability {
    /// Until it has arrived.
    #[default]
    Full,
    /// At most so many times after the first.
    Retransmits(u16),
    /// At most so many milliseconds, waiting included.
    LifetimeMs(u16),
}

/// The properties of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInit {
    /// The application's name for it.
    pub label: String,
    /// The application's protocol on it.
    pub protocol: String,
    /// Messages are delivered in the order in which they were sent.
    pub ordered: bool,
    /// How hard is tried.
    pub reliability: Reliability,
    /// RFC 8831 section 6.4: 128, 256 (normal), 512 or 1024.
    pub priority: u16,
    /// Both applications create it by themselves.
    pub negotiated: bool,
}

impl Default for ChannelInit {
    fn default() -> Self {
        Self {
            label: String::new(),
            protocol: String::new(),
            ordered: true,
            reliability: Reliability::Full,
            priority: 256,
            negotiated: false,
        }
    }
}

/// A message of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The payload is meant to be UTF-8.
    pub text: bool,
    /// What was sent.
    pub payload: Bytes,
}

/// Why a channel was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelError {
    /// The association is lost.
    Sctp(Abort),
    /// The channel itself could not be made or kept.
    Channel(String),
}

/// What data channels report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataEvent {
    /// An association is being opened.
    Connecting,
    /// The association stands, with room for so many channels.
    Up(u16),
    /// The association is over.
    Down,
    /// A channel can be used.
    Opened(ChannelId),
    /// The far end has created a channel, on this stream. That it can be used is told next.
    Announced(ChannelId, u16, Box<ChannelInit>),
    /// A message has come.
    Received(ChannelId, Message),
    /// So many bytes have left, and so many messages have begun to.
    Transmitted(ChannelId, usize, usize),
    /// The far end closes the channel.
    Closing(ChannelId),
    /// The channel is closed.
    Closed(ChannelId, Option<ChannelError>),
}

/// The association of a transport and the channels on it.
pub(super) struct Sctp {
    association: Option<Association>,
    /// It has begun and its end was not told.
    alive: bool,
    up: bool,
    channels: BTreeMap<ChannelId, Channel>,
    by_stream: BTreeMap<u16, ChannelId>,
    next_remote: u32,
    /// Channels that have something to send, in the order of their turns.
    turns: VecDeque<ChannelId>,
    /// Streams at whose channel something may have come to its end.
    ending: Vec<u16>,
    /// Streams without a channel that the far end has ended.
    orphans: BTreeSet<u16>,
    /// Messages are taken in as they come; else they wait in the receive window.
    reading: bool,
    events: VecDeque<DataEvent>,
}

impl Sctp {
    pub fn new() -> Self {
        Self {
            association: None,
            alive: false,
            up: false,
            channels: BTreeMap::new(),
            by_stream: BTreeMap::new(),
            next_remote: FIRST_REMOTE,
            turns: VecDeque::new(),
            ending: Vec::new(),
            orphans: BTreeSet::new(),
            reading: true,
            events: VecDeque::new(),
        }
    }

    /// DTLS is up. `far_port` as signalled.
    pub fn connect(&mut self, now: Instant, far_port: u16) -> Result<()> {
        self.association = Some(Association::connect(now, far_port)?);
        self.alive = true;
        self.events.push_back(DataEvent::Connecting);
        Ok(())
    }

    /// One packet out of DTLS.
    pub fn receive(&mut self, now: Instant, packet: BytesMut) {
        if let Some(association) = &mut self.association {
            association.receive(now, packet);
            self.work(now);
        }
    }

    /// The next packet for DTLS.
    pub fn poll_packet(&mut self) -> Option<Bytes> {
        self.association.as_mut()?.poll_packet()
    }

    pub fn poll_event(&mut self) -> Option<DataEvent> {
        self.events.pop_front()
    }

    pub fn timeout(&self) -> Option<Instant> {
        self.association.as_ref()?.timeout()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(association) = &mut self.association {
            association.handle_timeout(now);
            self.work(now);
        }
    }

    /// Whether messages may come in; while they may not, the far end is held back.
    pub fn set_reading(&mut self, now: Instant, reading: bool) {
        let resumes = reading && !self.reading;
        self.reading = reading;
        if resumes {
            self.work(now);
            if let Some(association) = &mut self.association {
                association.announce_window(now);
                self.work(now);
            }
        }
    }

    /// Says good-bye and ends.
    pub fn close(&mut self, now: Instant) {
        self.end_closing(now);
        if let Some(association) = &mut self.association {
            association.close();
            self.work(now);
        }
    }

    /// Channels that close have no more time to wait for an acknowledgement.
    fn end_closing(&mut self, now: Instant) {
        let Some(association) = &mut self.association else { return };
        for channel in self.channels.values_mut().filter(|channel| channel.phase == Phase::Closing) {
            if !channel.end_requested && channel.has_left(association) {
                channel.end(association);
            }
        }
        association.flush(now);
    }

    /// What carried the association is gone.
    pub fn lose(&mut self, reason: &str) {
        self.association = None;
        if self.alive {
            self.end(Some(Abort { cause: None, text: reason.to_owned() }));
        }
    }
}

/// Channels.
impl Sctp {
    /// A channel of ours on a stream that the caller has chosen.
    pub fn open(&mut self, now: Instant, id: ChannelId, stream: u16, init: ChannelInit) {
        if self.by_stream.contains_key(&stream) {
            let error = ChannelError::Channel(format!("stream {stream} is in use"));
            return self.events.push_back(DataEvent::Closed(id, Some(error)));
        }
        if self.orphans.remove(&stream)
            && let Some(association) = &mut self.association
        {
            association.forget(now, stream);
        }
        self.by_stream.insert(stream, id);
        self.channels.insert(id, Channel::new(stream, init));
        if self.up {
            self.establish(id);
            self.work(now);
        }
    }

    /// A channel of ours exists at this end: where it is not negotiated, the far end learns of it before anything else.
    fn establish(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id).filter(|channel| channel.phase == Phase::Waiting) else {
            return;
        };
        channel.phase = Phase::Open;
        channel.acknowledged = channel.init.negotiated;
        if !channel.init.negotiated
            && let Some(open) = dcep::open(&channel.init)
        {
            channel.queue.push_front(Outgoing::dcep(open));
            self.schedule(id);
        }
        self.events.push_back(DataEvent::Opened(id));
    }

    pub fn send(&mut self, now: Instant, id: ChannelId, message: Message) {
        let Some(channel) = self.channels.get_mut(&id).filter(|channel| channel.phase == Phase::Open) else { return };
        channel.queue.push_back(Outgoing::message(now, message, channel.init.reliability));
        self.schedule(id);
        self.work(now);
    }

    /// Closes a channel once all that it was given has left.
    pub fn close_channel(&mut self, now: Instant, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        let stream = channel.stream;
        match channel.phase {
            Phase::Waiting => self.remove(id, None),
            Phase::Open => {
                channel.phase = Phase::Closing;
                self.ending.push(stream);
                self.work(now);
            }
            Phase::Closing => {}
        }
    }

    fn remove(&mut self, id: ChannelId, error: Option<ChannelError>) {
        self.report_transmitted(id);
        if let Some(channel) = self.channels.remove(&id) {
            self.by_stream.remove(&channel.stream);
            if !channel.reported {
                self.events.push_back(DataEvent::Closed(id, error));
            }
        }
    }

    fn schedule(&mut self, id: ChannelId) {
        if let Some(channel) = self.channels.get_mut(&id)
            && !std::mem::replace(&mut channel.scheduled, true)
        {
            self.turns.push_back(id);
        }
    }
}

/// Between the channels and the association.
impl Sctp {
    /// Does all that can be done now.
    fn work(&mut self, now: Instant) {
        while let Some(association) = &mut self.association {
            association.flush(now);
            while let Some(event) = self.association.as_mut().and_then(Association::poll_event) {
                self.take(event);
            }
            self.read_all();
            self.settle_all(now);
            if !self.feed(now) {
                break;
            }
        }
        let touched = self.association.as_mut().map(Association::take_touched).unwrap_or_default();
        for stream in touched {
            if let Some(id) = self.by_stream.get(&stream).copied() {
                self.report_transmitted(id);
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Up(streams) => {
                self.up = true;
                self.events.push_back(DataEvent::Up(streams));
                self.establish_all(streams);
            }
            Event::IncomingEnd(stream) => {
                match self.channel_on(stream) {
                    Some(channel) => channel.far_end_ended = true,
                    None => _ = self.orphans.insert(stream),
                }
                self.ending.push(stream);
            }
            Event::OutgoingEnd(stream) => {
                if let Some(channel) = self.channel_on(stream) {
                    channel.we_ended = true;
                }
                self.ending.push(stream);
            }
            Event::Over(reason) => self.end(reason),
        }
    }

    fn establish_all(&mut self, streams: u16) {
        for id in self.channels.keys().copied().collect::<Vec<_>>() {
            match self.channels.get(&id).map(|channel| channel.stream) {
                Some(stream) if stream >= streams => {
                    let error = format!("stream {stream} is beyond the {streams} that both ends have");
                    self.remove(id, Some(ChannelError::Channel(error)));
                }
                _ => self.establish(id),
            }
        }
    }

    /// The association is over, and all channels with it. One that the far end has closed before has not failed: an
    /// application closes its channel and then the connection, in one breath.
    fn end(&mut self, reason: Option<Abort>) {
        (self.up, self.alive) = (false, false);
        self.turns.clear();
        self.ending.clear();
        self.orphans.clear();
        self.events.push_back(DataEvent::Down);
        let ended = self.channels.iter().map(|(id, channel)| (*id, channel.far_end_ended)).collect::<Vec<_>>();
        for (id, far_end_ended) in ended {
            let failure = reason.clone().filter(|_| !far_end_ended);
            self.remove(id, failure.map(ChannelError::Sctp));
        }
    }

    fn channel_on(&mut self, stream: u16) -> Option<&mut Channel> {
        self.channels.get_mut(self.by_stream.get(&stream)?)
    }

    fn read_all(&mut self) {
        while self.reading
            && let Some(association) = &mut self.association
            && let Some(stream) = association.first_readable()
        {
            match association.read(stream) {
                Some(read) => self.deliver(stream, read),
                // What was waiting for its reader may have been all that kept the stream from its end.
                None => self.ending.push(stream),
            }
        }
    }

    fn deliver(&mut self, stream: u16, read: Read) {
        let Some(payload) = read.payload else { return self.refuse_message(stream) };
        match read.protocol {
            Protocol::Dcep => self.take_dcep(stream, &payload),
            Protocol::String => self.receive_message(stream, true, payload.freeze()),
            Protocol::Binary => self.receive_message(stream, false, payload.freeze()),
            Protocol::StringEmpty => self.receive_message(stream, true, Bytes::new()),
            Protocol::BinaryEmpty => self.receive_message(stream, false, Bytes::new()),
            _ => tracing::debug!(target: "webphone-rtc:data", stream, "a message of an unknown protocol"),
        }
    }

    fn receive_message(&mut self, stream: u16, text: bool, payload: Bytes) {
        let id = self.by_stream.get(&stream).copied();
        let channel = id.and_then(|id| self.channels.get_mut(&id)).filter(|channel| channel.phase == Phase::Open);
        if let Some((id, channel)) = id.zip(channel) {
            channel.acknowledged = true;
            self.events.push_back(DataEvent::Received(id, Message { text, payload }));
        }
    }

    fn take_dcep(&mut self, stream: u16, message: &[u8]) {
        match (dcep::read(message), self.channel_on(stream)) {
            (Some(Heard::Ack), Some(channel)) => channel.acknowledged = true,
            (Some(Heard::Open(init)), None) => self.accept(stream, *init),
            (None, None) => {
                tracing::debug!(target: "webphone-rtc:data", stream, "a channel that cannot be understood is refused");
                if let Some(association) = &mut self.association {
                    association.end_outgoing(stream);
                }
            }
            _ => tracing::debug!(target: "webphone-rtc:data", stream, "a message about a channel out of turn"),
        }
    }

    fn accept(&mut self, stream: u16, init: ChannelInit) {
        let id = ChannelId(self.next_remote);
        self.next_remote = self.next_remote.checked_add(1).unwrap_or(FIRST_REMOTE);
        let mut channel = Channel::new(stream, init.clone());
        (channel.phase, channel.acknowledged) = (Phase::Open, true);
        channel.queue.extend(dcep::ack().map(Outgoing::dcep));
        self.by_stream.insert(stream, id);
        self.channels.insert(id, channel);
        self.schedule(id);
        self.events.push_back(DataEvent::Announced(id, stream, Box::new(init)));
        self.events.push_back(DataEvent::Opened(id));
    }

    /// RFC 8841 section 6.1: nobody may send more than was announced.
    fn refuse_message(&mut self, stream: u16) {
        let id = self.by_stream.get(&stream).copied();
        let Some((id, channel)) = id.and_then(|id| Some((id, self.channels.get_mut(&id)?))) else { return };
        channel.queue.clear();
        channel.phase = Phase::Closing;
        if !std::mem::replace(&mut channel.reported, true) {
            let error = format!("the far end has sent a message of more than {MAX_MESSAGE_BYTES} bytes");
            self.events.push_back(DataEvent::Closed(id, Some(ChannelError::Channel(error))));
        }
        self.ending.push(stream);
    }

    fn settle_all(&mut self, now: Instant) {
        for stream in std::mem::take(&mut self.ending) {
            self.settle(now, stream);
        }
    }

    /// Takes the closing of a channel (RFC 8831 section 6.7) as far as it can go.
    fn settle(&mut self, now: Instant, stream: u16) {
        let Some(association) = &mut self.association else { return };
        let drained = !association.is_readable(stream);
        let Some(id) = self.by_stream.get(&stream).copied() else {
            if drained && self.orphans.remove(&stream) {
                association.forget(now, stream);
            }
            return;
        };
        let Some(channel) = self.channels.get_mut(&id) else { return };
        if channel.far_end_ended && drained && channel.phase == Phase::Open {
            channel.phase = Phase::Closing;
            self.events.push_back(DataEvent::Closing(id));
        }
        if channel.phase != Phase::Closing {
            return;
        }
        if !channel.end_requested {
            if !channel.may_end(association) {
                return self.ending.push(stream);
            }
            channel.end(association);
            association.flush(now);
        }
        if channel.we_ended && channel.far_end_ended && drained {
            association.forget(now, stream);
            self.remove(id, None);
        }
    }

    /// Hands messages to the machine, as long as it can soon send them; `true` where it has got some.
    fn feed(&mut self, now: Instant) -> bool {
        let mut fed = false;
        while let Some(association) = self.association.as_mut().filter(|it| it.unsent() < UNSENT_BYTES)
            && let Some(id) = self.turns.pop_front()
        {
            let Some(channel) = self.channels.get_mut(&id) else { continue };
            channel.credit += QUANTUM * usize::from(channel.init.priority.max(1));
            while association.unsent() < UNSENT_BYTES
                && let Some(write) = channel.next_write(now)
            {
                fed |= association.write(now, &write);
            }
            association.touch(channel.stream);
            if channel.queue.is_empty() {
                (channel.credit, channel.scheduled) = (0, false);
                let stream = channel.stream;
                self.ending.push(stream);
            } else {
                self.turns.push_back(id);
            }
        }
        fed
    }

    fn report_transmitted(&mut self, id: ChannelId) {
        let (Some(association), Some(channel)) = (&mut self.association, self.channels.get_mut(&id)) else { return };
        let bytes = association.take_transmitted(channel.stream) + std::mem::take(&mut channel.expired);
        let messages = std::mem::take(&mut channel.written);
        if bytes + messages > 0 && !channel.reported {
            self.events.push_back(DataEvent::Transmitted(id, bytes, messages));
        }
    }
}
