//! One SCTP association (RFC 9260, RFC 8261): webrtc-rs's machine, and around it what it does not do.
//!
//! Both ends of a data channel transport open the association at the same moment. The machine can answer that (RFC 9260
//! section 5.2.1), but the endpoint that hands packets to it does not know whose an INIT is; here it is addressed on its
//! way in. Streams are closed by [`Reset`]; the machine never sees a request of the far end, and none of its own goes out.
//!
//! Invariant: the machine gets only what [`Guard`] lets through, and once the association is over nothing goes in or out
//! but a last ABORT.

use super::guard::{Guard, PROTOCOL_VIOLATION, USER_INITIATED, Verdict};
use super::ledger::Ledger;
use super::packet::{self, Acknowledged, Chunk, Header, Sack};
use super::repair::Repairs;
use super::reset::{self, Outcome, Reset};
use super::{MAX_CHANNELS, MAX_MESSAGE_BYTES};
use crate::error::Result;
use crate::transport::failed;
use bytes::{Bytes, BytesMut};
use rtc_sctp::{
    Association as Machine, AssociationError, ClientConfig, DatagramEvent, Endpoint, EndpointConfig,
    Event as MachineEvent, Payload, PayloadProtocolIdentifier as Protocol, ReliabilityType, StreamEvent, TimerConfig,
    TransportConfig,
};
use rtc_shared::{TransportContext, TransportProtocol};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Without an acknowledgement after this time what is in flight, or opens the association, is sent again: far longer than
/// a far end delays its own (0.2 s), and than [`RETRY_ROUND_TRIPS`].
const RETRY: Duration = Duration::from_millis(400);
const RETRY_ROUND_TRIPS: u32 = 3;
/// The machine's own timer begins at 1 s and backs off to 60 s, in which a call has long since gone another way.
const LONGEST_RETRY: Duration = Duration::from_secs(3);
/// The machine's only port. That of the far end is signalled; behind DTLS both are mere names.
const PORT: u16 = 5000;
/// What a far end may have on the way to us, in bytes.
const WINDOW: u32 = 1 << 20;
/// Until so many bytes are in flight they double with each round trip. The machine takes the far end's window for this
/// limit and then repairs one lost packet per round trip, when a far end's socket holds some ninety.
const SLOW_START: u32 = 128 * 1024;
/// Kinds of timers that the machine has.
const MACHINE_TIMERS: usize = 6;
/// A far end with less room than this gets one packet at a time.
const PROBE: u32 = 1200;
/// Longest message that can be written, in bytes: all of an application's send buffer.
pub const MAX_SEND_BYTES: usize = 16 << 20;

/// What an association reports.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It stands; so many streams each way.
    Up(u16),
    /// The far end has ended this stream; all that it sent on it has arrived.
    IncomingEnd(u16),
    /// The far end knows that this stream of ours has ended.
    OutgoingEnd(u16),
    /// It is over: in order (`None`), or for a reason.
    Over(Option<Abort>),
}

/// Why an association broke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abort {
    /// Error cause of the ABORT chunk, where there was one (RFC 9260 section 3.3.10).
    pub cause: Option<u16>,
    /// What the far end said, or what happened.
    pub text: String,
}

/// One message on its way out.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub stream: u16,
    pub protocol: Protocol,
    pub payload: Bytes,
    pub ordered: bool,
    pub reliability: (ReliabilityType, u32),
}

/// One message that has come.
#[derive(Debug)]
pub(super) struct Read {
    pub protocol: Protocol,
    /// `None` for one that is longer than we have announced.
    pub payload: Option<BytesMut>,
}

/// What is done with a chunk of the far end.
enum Fate {
    Keep,
    Cut,
    /// The whole packet is of no more use.
    Stop,
}

pub(super) struct Association {
    endpoint: Endpoint,
    machine: Machine,
    far_port: u16,
    /// Verification tags: of packets to us, of packets to the far end.
    own_tag: u32,
    far_tag: u32,
    own_first_tsn: u32,
    far_first_tsn: u32,
    /// The last TSN that we have used.
    last_tsn: u32,
    /// The far end has everything up to this TSN of ours, or knows that it was given up.
    acknowledged: u32,
    guard: Guard,
    /// What the far end's last SACK left us to send.
    far_window: u32,
    /// Since the association stands.
    reset: Option<Reset>,
    ledgers: BTreeMap<u16, Ledger>,
    unsent: usize,
    in_flight: usize,
    /// What awaits its acknowledgement is sent again at this time, and then after twice as long.
    retry_at: Option<Instant>,
    retry: Duration,
    /// Our last TSN when that was last done. What is acknowledged up to it may have been sent twice and says nothing of the
    /// round trip (RFC 9260 section 6.3.1, C5).
    sent_again: u32,
    /// Something that left after that was acknowledged.
    measured: bool,
    /// The far end was heard first; a round trip later the association stands.
    heard_at: Option<Instant>,
    repairs: Repairs,
    /// Streams of which something has left since it was asked last.
    touched: BTreeSet<u16>,
    /// Streams with messages to be read.
    readable: BTreeSet<u16>,
    /// Requests of the machine's own that were kept back and must be answered to it.
    unanswered: Vec<u32>,
    /// The end was reported; after a SHUTDOWN the machine goes on until it has said good-bye.
    ending: bool,
    over: bool,
    out: VecDeque<Bytes>,
    events: VecDeque<Event>,
}

impl Association {
    /// Begins to open it. `far_port` as signalled.
    pub fn connect(now: Instant, far_port: u16) -> Result<Self> {
        let address = peer();
        let mut endpoint = Endpoint::new(address, TransportProtocol::UDP, Arc::new(EndpointConfig::new()), None);
        let connected = endpoint.connect(now, ClientConfig::new(config()), address);
        let (_, machine) = connected.map_err(|error| failed("SCTP", error))?;
        let mut association = Self {
            endpoint,
            machine,
            far_port,
            own_tag: 0,
            far_tag: 0,
            own_first_tsn: 0,
            far_first_tsn: 0,
            last_tsn: 0,
            acknowledged: 0,
            guard: Guard::new(0, WINDOW, MAX_CHANNELS, MAX_MESSAGE_BYTES),
            far_window: u32::MAX,
            reset: None,
            ledgers: BTreeMap::new(),
            unsent: 0,
            in_flight: 0,
            retry_at: None,
            retry: RETRY,
            sent_again: 0,
            measured: false,
            heard_at: None,
            repairs: Repairs::default(),
            touched: BTreeSet::new(),
            readable: BTreeSet::new(),
            unanswered: Vec::new(),
            ending: false,
            over: false,
            out: VecDeque::new(),
            events: VecDeque::new(),
        };
        association.flush(now);
        Ok(association)
    }

    pub fn poll_packet(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub fn timeout(&self) -> Option<Instant> {
        let reset = self.reset.as_ref().and_then(Reset::timeout);
        let repair = self.repairs.timeout(self.machine.rtt());
        [self.machine.poll_timeout(), self.retry_at, reset, repair].into_iter().flatten().min().filter(|_| !self.over)
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.over {
            return;
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry = (self.retry * 2).min(LONGEST_RETRY);
            self.retry_at = Some(now + self.retry);
            self.retransmit();
        }
        self.machine.handle_timeout(now);
        for chunk in self.repairs.take_due(now, self.machine.rtt()) {
            self.send(&chunk);
        }
    }

    /// There is new room at the far end.
    fn hurry(&mut self, now: Instant) {
        if self.in_flight > 0 {
            // It was the window and not the way that took so long.
            self.retry = retry_after(self.machine.rtt());
            self.begin_retry(now);
            self.retransmit();
        }
    }

    /// Brings the machine's timer for retransmission, and those before it, to their end.
    fn retransmit(&mut self) {
        (self.sent_again, self.measured) = (self.last_tsn, false);
        if self.machine.is_handshaking() {
            // That of INIT or COOKIE ECHO is the only one.
            if let Some(due) = self.machine.poll_timeout() {
                self.machine.handle_timeout(due);
            }
            return;
        }
        let before = self.machine.stats().get_num_t3timeouts();
        for _ in 0..MACHINE_TIMERS {
            let Some(due) = self.machine.poll_timeout() else { return };
            self.machine.handle_timeout(due);
            if self.machine.stats().get_num_t3timeouts() > before {
                return;
            }
        }
    }

    fn begin_retry(&mut self, now: Instant) {
        self.retry_at = Some(now + self.retry);
    }
}

/// Streams.
impl Association {
    pub fn write(&mut self, now: Instant, write: &Write) -> bool {
        let (kind, value) = write.reliability;
        // On a stream that exists, the machine's "exists already" is all that comes of it.
        let _ = self.machine.open_stream(write.stream, Protocol::Binary);
        let Ok(mut stream) = self.machine.stream(write.stream) else { return false };
        let set = stream.set_reliability_params(!write.ordered, kind, value);
        let wrote = set.and_then(|()| stream.write_chunk_with_ppi(now, &write.payload, write.protocol));
        if wrote.is_ok() {
            let overhead = is_overhead(write.protocol as u32);
            self.account(write.stream, |ledger| ledger.write(write.payload.len(), overhead));
            if kind != ReliabilityType::Reliable {
                self.account(write.stream, Ledger::note_partial);
            }
        }
        wrote.is_ok()
    }

    /// Bytes that wait for the congestion window, of all streams.
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// Everything written on `stream` has left or was given up.
    pub fn has_left(&self, stream: u16) -> bool {
        self.ledgers.get(&stream).is_none_or(|ledger| ledger.unsent() == 0)
    }

    /// Of all that has left on `stream` the far end has it, or knows that it was given up.
    pub fn is_acknowledged(&self, stream: u16) -> bool {
        let last = self.ledgers.get(&stream).and_then(Ledger::last_tsn);
        last.is_none_or(|tsn| packet::is_at_or_before(tsn, self.acknowledged))
    }

    /// Has the far end acknowledge what has left: it may take 0.2 s for that, but none for what it has had before (RFC
    /// 9260 section 6.2).
    pub fn hasten(&mut self) {
        self.send(&packet::stale_data(self.acknowledged));
    }

    /// Application bytes of `stream` that have left since the last call.
    pub fn take_transmitted(&mut self, stream: u16) -> usize {
        self.ledgers.get_mut(&stream).map_or(0, Ledger::take_transmitted)
    }

    /// Streams that may have something for [`Self::take_transmitted`].
    pub fn take_touched(&mut self) -> BTreeSet<u16> {
        std::mem::take(&mut self.touched)
    }

    pub fn touch(&mut self, stream: u16) {
        self.touched.insert(stream);
    }

    /// A stream with messages to be read.
    pub fn first_readable(&self) -> Option<u16> {
        self.readable.first().copied()
    }

    pub fn is_readable(&self, stream: u16) -> bool {
        self.readable.contains(&stream)
    }

    /// The next message; `None` when there are no more on this stream.
    pub fn read(&mut self, stream: u16) -> Option<Read> {
        let message = self.machine.stream(stream).ok().and_then(|mut stream| stream.read_sctp().ok().flatten());
        if message.is_none() {
            self.readable.remove(&stream);
        }
        message.map(|message| Read { protocol: message.ppi, payload: message.to_payload(MAX_MESSAGE_BYTES).ok() })
    }

    /// Tells the far end how wide the window is, which it would else find out by trying.
    pub fn announce_window(&mut self, now: Instant) {
        if self.reset.is_some() && !self.over {
            let stale = packet::stale_data(self.guard.cumulative());
            self.feed(now, &stale);
        }
    }

    /// Ends our direction of `stream`.
    pub fn end_outgoing(&mut self, stream: u16) {
        if let Some(reset) = &mut self.reset {
            reset.request(stream);
        }
    }

    /// Both directions of `stream` have ended: whoever uses the number next begins anew.
    pub fn forget(&mut self, now: Instant, stream: u16) {
        if let Some(ledger) = self.ledgers.remove(&stream) {
            self.unsent -= ledger.unsent();
            self.in_flight -= ledger.in_flight();
        }
        self.readable.remove(&stream);
        // The machine lets go of a stream when the far end asks it to, so it is told that; its answers stay here.
        let unused = self.own_first_tsn.wrapping_sub(1);
        let request = reset::request(unused, unused, self.guard.cumulative(), &[stream]);
        self.feed(now, &request);
        self.flush(now);
    }

    fn account(&mut self, stream: u16, change: impl FnOnce(&mut Ledger)) {
        let ledger = self.ledgers.entry(stream).or_default();
        let (unsent, in_flight) = (ledger.unsent(), ledger.in_flight());
        change(ledger);
        self.unsent = self.unsent + ledger.unsent() - unsent;
        self.in_flight = self.in_flight + ledger.in_flight() - in_flight;
        self.touched.insert(stream);
    }
}

/// The far end's packets.
impl Association {
    pub fn receive(&mut self, now: Instant, packet: BytesMut) {
        let Some(header) = packet::header(&packet).filter(|_| !self.over) else { return };
        let first = packet::chunks(&packet).next().map(|chunk| chunk.kind);
        match first {
            Some(packet::INIT) => self.receive_init(now, header, packet),
            Some(packet::INIT_ACK) if header.tag == self.own_tag => self.receive_init_ack(now, packet),
            Some(_) if header.tag == self.own_tag => self.receive_chunks(now, packet),
            // An end that has forgotten the association reflects our tag (RFC 9260 section 8.5.1).
            Some(packet::ABORT) if header.tag == self.far_tag => self.receive_chunks(now, packet),
            _ => {}
        }
    }

    /// The far end opens the association too. The initiate tag is what the endpoint looks for: ours names the machine,
    /// and what the machine then sends to that tag gets the right one in [`Self::transmit`].
    fn receive_init(&mut self, now: Instant, header: Header, mut packet: BytesMut) {
        let init = packet::chunks(&packet).next().and_then(|chunk| chunk.init());
        let Some(init) = init.filter(|init| init.tag != 0 && header.tag == 0 && self.machine.is_handshaking()) else {
            return;
        };
        packet::set_initiate_tag(&mut packet, self.own_tag);
        self.hand_over_init(now, init, packet);
    }

    fn receive_init_ack(&mut self, now: Instant, packet: BytesMut) {
        let init = packet::chunks(&packet).next().and_then(|chunk| chunk.init());
        if let Some(init) = init.filter(|init| init.tag != 0 && self.machine.is_handshaking()) {
            self.hand_over_init(now, init, packet);
        }
    }

    fn hand_over_init(&mut self, now: Instant, init: packet::Init, packet: BytesMut) {
        let Some(mut packet) = packet::plain_init(&packet) else { return };
        self.heard_at.get_or_insert(now);
        self.note_far_end(init);
        packet::limit_window(&mut packet, SLOW_START);
        packet::set_ports(&mut packet, PORT, PORT);
        packet::seal(&mut packet);
        self.hand_over(now, packet.freeze());
    }

    fn note_far_end(&mut self, init: packet::Init) {
        (self.far_tag, self.far_first_tsn) = (init.tag, init.tsn);
        self.guard = Guard::new(init.tsn.wrapping_sub(1), WINDOW, MAX_CHANNELS, MAX_MESSAGE_BYTES);
    }

    fn receive_chunks(&mut self, now: Instant, packet: BytesMut) {
        let before = self.far_window;
        let forwarded = packet::chunks(&packet).any(|chunk| chunk.kind == packet::FORWARD_TSN);
        self.receive_judged(now, packet);
        if forwarded {
            self.ask_again(now);
        }
        // The machine would wait for its timer, which has backed off for as long as the window was closed.
        if before < PROBE && self.far_window >= PROBE {
            self.hurry(now);
        }
    }

    fn receive_judged(&mut self, now: Instant, packet: BytesMut) {
        let mut kept = Vec::with_capacity(4);
        let mut whole = self.far_port == PORT;
        let mut rest = packet.len().saturating_sub(packet::HEADER_LEN);
        for chunk in packet::chunks(&packet) {
            rest = rest.saturating_sub(chunk.raw.len().next_multiple_of(4));
            match self.judge(now, &chunk) {
                Fate::Keep => kept.push(chunk.raw),
                Fate::Cut => whole = false,
                Fate::Stop => return,
            }
        }
        if whole && rest == 0 {
            self.hand_over(now, packet.freeze());
        } else if !kept.is_empty() {
            let header = Header { source: PORT, destination: PORT, tag: self.own_tag };
            self.hand_over(now, packet::write(header, kept).freeze());
        }
    }

    fn judge(&mut self, now: Instant, chunk: &Chunk<'_>) -> Fate {
        if !chunk.is_exact() {
            return Fate::Cut;
        }
        let verdict = match chunk.kind {
            packet::DATA => chunk.data().map(|data| self.guard.data(&data, !self.readable.is_empty())),
            packet::FORWARD_TSN => chunk.forward().map(|tsn| self.guard.forward(tsn)),
            packet::RECONFIG => {
                self.receive_reconfig(now, chunk.value);
                None
            }
            packet::ABORT => {
                self.take_abort(chunk);
                return Fate::Stop;
            }
            packet::SHUTDOWN => {
                self.report_over(None);
                Some(Verdict::Keep)
            }
            packet::SACK => chunk.sack().zip(chunk.acknowledged()).map(|(sack, acknowledged)| {
                self.take_sack(sack, &acknowledged);
                Verdict::Keep
            }),
            packet::HEARTBEAT
            | packet::COOKIE_ECHO
            | packet::COOKIE_ACK
            | packet::SHUTDOWN_ACK
            | packet::SHUTDOWN_COMPLETE => Some(Verdict::Keep),
            // A report that something of ours was not understood ends nothing; what we do not know is passed over.
            kind => {
                tracing::debug!(target: "webphone-rtc:data", kind, "an SCTP chunk of no use");
                None
            }
        };
        match verdict {
            Some(Verdict::Keep) => Fate::Keep,
            Some(Verdict::Drop) | None => Fate::Cut,
            Some(Verdict::Abort(cause)) => {
                self.abort(cause, "the far end breaks the rules of SCTP");
                Fate::Stop
            }
        }
    }

    fn take_sack(&mut self, sack: Sack, acknowledged: &Acknowledged) {
        self.far_window = sack.window;
        if packet::is_at_or_before(self.acknowledged, sack.cumulative) {
            self.acknowledged = sack.cumulative;
        }
        self.measured |= !packet::is_at_or_before(acknowledged.highest, self.sent_again);
        self.repairs.acknowledge(acknowledged);
    }

    fn take_abort(&mut self, chunk: &Chunk<'_>) {
        let cause = chunk.cause();
        let text = cause.map(|(_, text)| String::from_utf8_lossy(text).into_owned()).unwrap_or_default();
        self.end(Some(Abort { cause: cause.map(|(code, _)| code), text }));
    }

    fn receive_reconfig(&mut self, now: Instant, value: &[u8]) {
        let outcomes = self.reset.as_mut().map(|reset| reset.receive(now, value)).unwrap_or_default();
        for outcome in outcomes {
            match outcome {
                Outcome::Respond(chunk) => self.send(&chunk),
                Outcome::Await { number, tsn } => self.ask(now, number, tsn),
                Outcome::Outgoing(streams) => self.events.extend(streams.into_iter().map(Event::OutgoingEnd)),
            }
        }
    }

    /// A request for no stream at all: its answer tells whether the machine has got that far, and comes again when DATA
    /// has brought it there.
    fn ask(&mut self, now: Instant, number: u32, tsn: u32) {
        let question = reset::request(number, number, tsn, &[]);
        self.feed(now, &question);
        self.flush(now);
    }

    /// A FORWARD TSN has come, at which the machine does not look at what it was asked before.
    fn ask_again(&mut self, now: Instant) {
        let awaited = self.reset.as_ref().and_then(Reset::awaited).filter(|_| !self.over);
        if let Some((number, tsn)) = awaited {
            self.ask(now, number, tsn);
        }
    }

    /// Hands a chunk of our own making to the machine as if it had come.
    fn feed(&mut self, now: Instant, chunk: &[u8]) {
        let header = Header { source: PORT, destination: PORT, tag: self.own_tag };
        self.hand_over(now, packet::write(header, [chunk]).freeze());
    }

    fn hand_over(&mut self, now: Instant, packet: Bytes) {
        if let Some((_, DatagramEvent::AssociationEvent(event))) = self.endpoint.handle(now, peer(), None, packet) {
            self.machine.handle_event(event);
        }
    }
}

/// Our packets.
impl Association {
    /// Lets the machine send all that it may, and takes in what it tells.
    pub fn flush(&mut self, now: Instant) {
        loop {
            while let Some(transmit) = self.machine.poll_transmit(now) {
                if let Payload::RawEncode(packets) = transmit.message {
                    packets.into_iter().for_each(|packet| self.transmit(now, packet));
                }
            }
            if self.unanswered.is_empty() {
                break;
            }
            for number in std::mem::take(&mut self.unanswered) {
                self.feed(now, &reset::response(number, reset::PERFORMED));
            }
        }
        self.collect(now);
        if self.in_flight == 0 && !self.machine.is_handshaking() {
            self.retry_at = None;
        } else if self.retry_at.is_none() {
            self.begin_retry(now);
        }
        let request = self.reset.as_mut().and_then(|reset| reset.poll(now, self.last_tsn));
        if let Some(chunk) = request {
            self.send(&chunk);
        }
    }

    fn transmit(&mut self, now: Instant, packet: Bytes) {
        for chunk in packet::chunks(&packet) {
            match chunk.kind {
                packet::DATA => {
                    if let Some(data) = chunk.data() {
                        self.note_sent(now, data, packet.slice_ref(chunk.raw));
                    }
                }
                packet::SACK => {
                    if let Some(sack) = chunk.sack() {
                        self.guard.note(sack);
                    }
                }
                packet::FORWARD_TSN => {
                    if let Some(tsn) = chunk.forward().filter(|tsn| !packet::is_at_or_before(*tsn, self.last_tsn)) {
                        self.last_tsn = tsn;
                    }
                }
                packet::INIT | packet::INIT_ACK => {
                    if let Some(init) = chunk.init() {
                        (self.own_tag, self.own_first_tsn) = (init.tag, init.tsn);
                        self.last_tsn = init.tsn.wrapping_sub(1);
                        (self.acknowledged, self.sent_again) = (self.last_tsn, self.last_tsn);
                    }
                }
                // Alone in its packet.
                packet::RECONFIG => return self.keep_back(chunk.value),
                _ => {}
            }
        }
        self.address(packet);
    }

    /// Repetitions are not counted. One of a message that may be given up is the machine's affair alone, which counts them.
    fn note_sent(&mut self, now: Instant, data: packet::Data, chunk: Bytes) {
        if !packet::is_at_or_before(data.tsn, self.last_tsn) {
            self.last_tsn = data.tsn;
            self.account(data.stream, |ledger| ledger.send(data.tsn, data.len, is_overhead(data.protocol)));
        } else if self.ledgers.get(&data.stream).is_some_and(|ledger| !ledger.is_partial()) {
            self.repairs.note(now, data.tsn, chunk);
        }
    }

    /// What the machine says of stream resets is for us alone.
    fn keep_back(&mut self, value: &[u8]) {
        if let Some((number, result)) = reset::response_in(value) {
            let reached = self.reset.as_mut().and_then(|reset| reset.reached(number, result == reset::PERFORMED));
            if let Some((response, streams)) = reached {
                self.send(&response);
                match streams {
                    Some(all) if all.is_empty() => {
                        self.events.extend(self.machine.stream_ids().into_iter().map(Event::IncomingEnd));
                    }
                    Some(streams) => self.events.extend(streams.into_iter().map(Event::IncomingEnd)),
                    None => {}
                }
            }
        }
        self.unanswered.extend(reset::request_in(value));
    }

    /// The machine knows one port, and after an INIT that came to it as its own, the wrong tag. With that, and not without
    /// one, it also repeats its own INIT, which no far end takes then (RFC 9260 section 8.5.1).
    fn address(&mut self, packet: Bytes) {
        let given = packet::header(&packet).map_or(0, |header| header.tag);
        let opens = packet::chunks(&packet).next().is_some_and(|chunk| chunk.kind == packet::INIT);
        let tag = match opens {
            true => 0,
            false if given == self.own_tag && self.far_tag != 0 => self.far_tag,
            false => given,
        };
        if tag == given && self.far_port == PORT {
            return self.out.push_back(packet);
        }
        let mut packet = BytesMut::from(packet);
        packet::set_tag(&mut packet, tag);
        packet::set_ports(&mut packet, PORT, self.far_port);
        packet::seal(&mut packet);
        self.out.push_back(packet.freeze());
    }

    fn send(&mut self, chunk: &[u8]) {
        let header = Header { source: PORT, destination: self.far_port, tag: self.far_tag };
        self.out.push_back(packet::write(header, [chunk]).freeze());
    }

    fn collect(&mut self, now: Instant) {
        while let Some(event) = self.machine.poll() {
            match event {
                MachineEvent::Connected => {
                    self.retry_at = None;
                    self.retry = retry_after(self.heard_at.map_or(RETRY, |at| now - at));
                    self.reset = Some(Reset::new(self.own_first_tsn, self.far_first_tsn));
                    let streams = self.machine.negotiated_max_streams().unwrap_or_default();
                    self.events.push_back(Event::Up(streams));
                }
                MachineEvent::Stream(StreamEvent::Readable { id }) => {
                    self.readable.insert(id);
                }
                MachineEvent::Stream(StreamEvent::BufferedAmountReleased { id, n_bytes }) => {
                    self.account(id, |ledger| ledger.release(n_bytes));
                    // Until then a retry that was doubled stays so (RFC 9260 section 6.3.3, E2).
                    if self.measured {
                        self.retry = retry_after(self.machine.rtt());
                    }
                    self.begin_retry(now);
                }
                _ => {}
            }
        }
        if self.machine.is_closed() && self.ending {
            self.over = true;
        } else if self.machine.is_closed() {
            self.abort(PROTOCOL_VIOLATION, "the far end's SCTP cannot be understood");
        }
    }
}

/// The end.
impl Association {
    /// Ends it because this end wants so.
    pub fn close(&mut self) {
        if !self.over {
            self.send_abort(USER_INITIATED, "closed by the application");
            self.end(None);
        }
    }

    /// Ends it because the far end leaves no choice.
    fn abort(&mut self, cause: u16, text: &str) {
        if !self.over {
            self.send_abort(cause, text);
            self.end(Some(Abort { cause: Some(cause), text: text.to_owned() }));
        }
    }

    fn send_abort(&mut self, cause: u16, text: &str) {
        let mut value = Vec::with_capacity(4 + text.len());
        value.extend_from_slice(&cause.to_be_bytes());
        value.extend_from_slice(&(4 + text.len() as u16).to_be_bytes());
        value.extend_from_slice(text.as_bytes());
        if self.far_tag != 0 {
            self.send(&packet::chunk(packet::ABORT, 0, &value));
        }
    }

    fn end(&mut self, reason: Option<Abort>) {
        let _ = self.machine.close(AssociationError::LocallyClosed);
        self.report_over(reason);
        self.over = true;
    }

    fn report_over(&mut self, reason: Option<Abort>) {
        if !std::mem::replace(&mut self.ending, true) {
            self.events.push_back(Event::Over(reason));
        }
    }
}

/// At such a round trip.
fn retry_after(rtt: Duration) -> Duration {
    (rtt * RETRY_ROUND_TRIPS).clamp(RETRY, LONGEST_RETRY)
}

/// Counts in no application's `bufferedAmount`: DCEP, and the byte that stands for an empty message (RFC 8831 section
/// 6.6).
fn is_overhead(protocol: u32) -> bool {
    [Protocol::Dcep, Protocol::StringEmpty, Protocol::BinaryEmpty].iter().any(|known| *known as u32 == protocol)
}

/// ICE says whether the far end is there, so no number of lost packets ends an association. The machine's own limit for
/// DATA would silently stop the sending for good.
fn config() -> TransportConfig {
    let timers = TimerConfig {
        max_t1_init_retrans: usize::MAX,
        max_t1_cookie_retrans: usize::MAX,
        max_t2_shutdown_retrans: usize::MAX,
        max_t3_rtx_retrans: usize::MAX,
        max_reconfig_retrans: usize::MAX,
        max_ack_retrans: usize::MAX,
    };
    TransportConfig::default()
        .with_max_receive_buffer_size(WINDOW)
        .with_max_message_size(MAX_SEND_BYTES as u32)
        .with_max_num_inbound_streams(MAX_CHANNELS)
        .with_max_num_outbound_streams(MAX_CHANNELS)
        .with_timer_config(timers)
}

/// The machine keys associations by address; ours runs over DTLS, whatever the address.
fn peer() -> SocketAddr {
    TransportContext::default().peer_addr
}
