//! One allocation at a TURN server (RFC 8656), whatever carries the messages. Sans-I/O.
//!
//! Invariant: whatever the server and far ends send, it keeps at most [`MAX_PERMISSIONS`] permissions and [`MAX_CHANNELS`]
//! channels, and one transaction at a time for each of them and for itself. What cannot go out yet is dropped, never kept:
//! ICE and DTLS repeat what they say.

use super::message::{self, Attribute, Credential};
use crate::error::Result;
use crate::transport::stun::find_range;
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_REQUESTED_TRANSPORT, ATTR_XOR_PEER_ADDRESS,
    ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS,
};
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND,
    METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, MessageType, Method, TransactionId,
};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Addresses that one call sends to through one server.
pub(super) const MAX_PERMISSIONS: usize = 64;
/// Paths that media takes through one server in the life of a call; those after them are framed as indications.
pub(super) const MAX_CHANNELS: u16 = 8;
/// RFC 8656 section 12. A number is never given to another far end.
const FIRST_CHANNEL: u16 = 0x4000;
/// First retransmission; each further one waits twice as long up to [`MAX_INTERVAL`].
const RETRANSMIT: Duration = Duration::from_millis(150);
/// Doubling on, one renewal in fifty would be given up where a third of all datagrams are lost each way.
const MAX_INTERVAL: Duration = Duration::from_millis(1500);
/// How long an answer is waited for.
const SILENCE: Duration = Duration::from_secs(19);
/// New nonces that one request is repeated for.
const MAX_CHALLENGES: u8 = 3;
/// A permission lives 5 minutes, a channel 10 (RFC 8656 sections 9 and 12).
const PERMISSION_RENEWAL: Duration = Duration::from_secs(240);
const CHANNEL_RENEWAL: Duration = Duration::from_secs(480);
/// What was refused is asked for again so much later.
const REFUSAL: Duration = Duration::from_secs(60);
/// An allocation is renewed so long before its end, or at half its life.
const MARGIN: Duration = Duration::from_secs(60);
/// However short the life that a server tells.
const SHORTEST_RENEWAL: Duration = Duration::from_secs(5);
/// However long.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);
/// REQUESTED-TRANSPORT: what the far end speaks, whatever we speak to the server.
const UDP: [u8; 4] = [17, 0, 0, 0];
const UNAUTHORIZED: u16 = 401;
/// The server has no such allocation.
pub(super) const ALLOCATION_MISMATCH: u16 = 437;
const STALE_NONCE: u16 = 438;
/// W3C: the server could not be reached.
pub(super) const UNREACHABLE: u16 = 701;
/// What an answer says that names no address that far ends could send to.
pub(super) const USELESS: &str = "the relayed address is of no use";

/// What an allocation has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::transport) enum AllocationEvent {
    /// It can be used.
    Held {
        /// What far ends send to.
        relayed: SocketAddr,
        /// Where the server sees us.
        mapped: Option<SocketAddr>,
    },
    /// It was not made.
    Refused {
        /// The server's, or 701.
        code: u16,
        /// For people.
        text: String,
    },
    /// It was held, and is no more.
    Lost {
        /// What far ends have sent to.
        relayed: SocketAddr,
    },
}

/// What a datagram is to TURN.
#[derive(Debug, PartialEq, Eq)]
pub enum Unframed<'a> {
    /// Nothing.
    Foreign,
    /// The server's own words, or of no use.
    Consumed,
    /// From a far end.
    Data {
        /// The relayed address that it came to.
        relayed: SocketAddr,
        /// Who sent it there.
        peer: SocketAddr,
        /// What it said.
        payload: &'a mut [u8],
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What carries the messages is not there yet.
    Unasked,
    Asking,
    /// Nobody waits for it any more; if it is made all the same it is given back.
    Abandoned,
    Held {
        relayed: SocketAddr,
        mapped: Option<SocketAddr>,
        renew_at: Instant,
        expires_at: Instant,
    },
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Allocate,
    Refresh,
    Permit(IpAddr),
    Bind(u16),
}

struct Transaction {
    id: TransactionId,
    purpose: Purpose,
    request: BytesMut,
    due: Instant,
    interval: Duration,
    ends: Instant,
    challenges: u8,
}

struct Permission {
    ip: IpAddr,
    granted: bool,
    /// Something went there since it was granted.
    used: bool,
    /// When it is renewed, or asked for again if it was refused.
    renew_at: Instant,
}

struct Channel {
    number: u16,
    peer: SocketAddr,
    bound: bool,
    renew_at: Instant,
}

pub(super) struct Allocation {
    crypto: Arc<dyn RTCCryptoProvider>,
    /// Messages are carried by a stream: nothing is lost or repeated.
    reliable: bool,
    username: String,
    password: String,
    credential: Option<Credential>,
    state: State,
    /// When it last said something that it had not said before.
    asked: Option<Instant>,
    transactions: Vec<Transaction>,
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
    out: VecDeque<BytesMut>,
    events: VecDeque<AllocationEvent>,
}

impl Allocation {
    /// Nothing is asked before [`Self::start`].
    pub(super) fn new(crypto: Arc<dyn RTCCryptoProvider>, reliable: bool, username: &str, password: &str) -> Self {
        Self {
            crypto,
            reliable,
            username: username.to_owned(),
            password: password.to_owned(),
            credential: None,
            state: State::Unasked,
            asked: None,
            transactions: Vec::new(),
            permissions: Vec::new(),
            channels: Vec::new(),
            out: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The server can be asked.
    pub(super) fn start(&mut self, now: Instant) {
        if self.state != State::Unasked {
            return;
        }
        self.state = State::Asking;
        if message::is_username(&self.username) {
            self.ask(now, Purpose::Allocate, 0);
        } else {
            self.refuse(UNREACHABLE, "the user name is longer than TURN allows".to_owned());
        }
    }

    /// Is it the one that these credentials would get?
    pub(super) fn belongs_to(&self, username: &str, password: &str) -> bool {
        self.username == username && self.password == password
    }

    pub(super) fn is_asking(&self) -> bool {
        matches!(self.state, State::Unasked | State::Asking)
    }

    /// Another try with the same credentials.
    pub(super) fn afresh(&self) -> Self {
        Self::new(self.crypto.clone(), self.reliable, &self.username, &self.password)
    }

    /// There is more to tell.
    pub(super) fn has_event(&self) -> bool {
        !self.events.is_empty()
    }

    /// There is more to send or to tell.
    pub(super) fn has_more(&self) -> bool {
        !self.out.is_empty() || self.has_event()
    }

    /// When it last had something new to say: first of all, and when the server had answered that.
    pub(super) fn asked(&self) -> Option<Instant> {
        self.asked
    }

    /// Nothing was sent through it for minutes.
    pub(super) fn is_idle(&self) -> bool {
        self.permissions.is_empty()
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// What far ends send to, while it is held.
    pub(super) fn relayed(&self) -> Option<SocketAddr> {
        match self.state {
            State::Held { relayed, .. } => Some(relayed),
            _ => None,
        }
    }

    /// Tells once more what it holds, to a new gathering.
    pub(super) fn tell(&mut self) {
        if let State::Held { relayed, mapped, .. } = self.state {
            self.events.push_back(AllocationEvent::Held { relayed, mapped });
        }
    }

    /// The gathering ends without it.
    pub(super) fn abandon(&mut self) {
        if self.is_asking() {
            let asked = self.state == State::Asking;
            self.refuse(UNREACHABLE, "the server did not answer".to_owned());
            if asked {
                self.state = State::Abandoned;
            }
        }
    }

    /// What carried its messages is gone, and the server's side of it with that.
    pub(super) fn cut(&mut self, reason: String) {
        match self.state {
            State::Unasked | State::Asking => self.refuse(UNREACHABLE, reason),
            _ => self.lose(),
        }
    }

    pub(super) fn refuse(&mut self, code: u16, text: String) {
        self.state = State::Over;
        self.events.push_back(AllocationEvent::Refused { code, text });
    }

    /// Gives it back (RFC 8656 section 8). Said once: if it is lost the allocation ends with its life.
    pub(super) fn release(&mut self) {
        if let State::Held { .. } = self.state
            && let Ok(request) = self.request(TransactionId::new(), Purpose::Refresh, Some(Duration::ZERO))
        {
            self.transmit(request);
        }
        // Its answer must not bring an allocation to life that nobody waits for.
        if self.is_asking() {
            self.abandon();
        } else {
            self.end();
        }
        self.events.clear();
    }

    /// Ends though it was wanted.
    fn lose(&mut self) {
        if let State::Held { relayed, .. } = self.state {
            self.events.push_back(AllocationEvent::Lost { relayed });
        }
        self.end();
    }

    fn end(&mut self) {
        self.state = State::Over;
        self.transactions.clear();
        self.permissions.clear();
        self.channels.clear();
    }

    /// The next message to the server.
    pub(super) fn poll_message(&mut self) -> Option<BytesMut> {
        self.out.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<AllocationEvent> {
        self.events.pop_front()
    }
}

/// Data.
impl Allocation {
    /// `payload` as it goes to the server; `None` where it cannot go to `peer` yet, or ever.
    pub(super) fn frame(&mut self, now: Instant, peer: SocketAddr, payload: &[u8]) -> Option<BytesMut> {
        let relayed = self.relayed()?;
        if relayed.is_ipv4() != peer.is_ipv4() {
            return None;
        }
        match self.permission(peer.ip()) {
            Some(permission) => {
                permission.used = true;
                if !permission.granted {
                    return None;
                }
            }
            None => {
                self.permit(now, peer.ip());
                return None;
            }
        }
        match self.channel_to(now, peer, payload) {
            Some(number) => Some(message::channel_data(number, payload, self.reliable)),
            None => message::send_indication(peer, payload).ok(),
        }
    }

    /// The channel to a far end, if it is bound. DTLS and media go only on the selected pair, so the first of them asks for
    /// the channel; connectivity checks do without.
    fn channel_to(&mut self, now: Instant, peer: SocketAddr, payload: &[u8]) -> Option<u16> {
        if let Some(channel) = self.channels.iter().find(|channel| channel.peer == peer) {
            return channel.bound.then_some(channel.number);
        }
        let count = u16::try_from(self.channels.len()).unwrap_or(u16::MAX);
        if count < MAX_CHANNELS && payload.first().is_some_and(|first| *first >= 20) {
            let number = FIRST_CHANNEL + count;
            self.channels.push(Channel { number, peer, bound: false, renew_at: now + CHANNEL_RENEWAL });
            self.ask(now, Purpose::Bind(number), 0);
        }
        None
    }

    fn permission(&mut self, ip: IpAddr) -> Option<&mut Permission> {
        self.permissions.iter_mut().find(|permission| permission.ip == ip)
    }

    fn permit(&mut self, now: Instant, ip: IpAddr) {
        if self.permissions.len() < MAX_PERMISSIONS {
            self.permissions.push(Permission { ip, granted: false, used: true, renew_at: now + REFUSAL });
            self.ask(now, Purpose::Permit(ip), 0);
        }
    }

    /// A datagram from the server.
    pub(super) fn receive<'a>(&mut self, now: Instant, datagram: &'a mut [u8]) -> Unframed<'a> {
        match datagram.first() {
            Some(0x40..=0x4F) => self.receive_channel_data(datagram),
            Some(0..=3) => match message::read_header(datagram) {
                // A STUN server at the same address, or a far end on the same machine.
                None | Some((MessageType { method: METHOD_BINDING, .. }, _)) => Unframed::Foreign,
                Some((MessageType { method: METHOD_DATA, .. }, _)) => self.receive_indication(datagram),
                Some((kind, id)) => {
                    self.receive_answer(now, kind, id, datagram);
                    Unframed::Consumed
                }
            },
            _ => Unframed::Foreign,
        }
    }

    fn receive_channel_data<'a>(&self, datagram: &'a mut [u8]) -> Unframed<'a> {
        let Some((number, range)) = message::read_channel_data(datagram) else { return Unframed::Consumed };
        let channel = self.channels.iter().find(|channel| channel.number == number);
        match (self.relayed(), channel, datagram.get_mut(range)) {
            (Some(relayed), Some(channel), Some(payload)) => Unframed::Data { relayed, peer: channel.peer, payload },
            _ => Unframed::Consumed,
        }
    }

    fn receive_indication<'a>(&self, datagram: &'a mut [u8]) -> Unframed<'a> {
        let permitted = |peer: &SocketAddr| self.permissions.iter().any(|permission| permission.ip == peer.ip());
        let peer = message::find_address(datagram, ATTR_XOR_PEER_ADDRESS).filter(permitted);
        let Some(range) = find_range(datagram, ATTR_DATA) else { return Unframed::Consumed };
        match (self.relayed(), peer, datagram.get_mut(range)) {
            (Some(relayed), Some(peer), Some(payload)) => Unframed::Data { relayed, peer, payload },
            _ => Unframed::Consumed,
        }
    }
}

/// Requests and their answers.
impl Allocation {
    fn ask(&mut self, now: Instant, purpose: Purpose, challenges: u8) {
        let id = TransactionId::new();
        // Fails only where the system gives no cryptography; the transaction then runs out.
        let request = self.request(id, purpose, None).unwrap_or_default();
        self.transmit(request.clone());
        self.asked = Some(now);
        // A stream loses nothing, so there nothing is repeated.
        let interval = if self.reliable { SILENCE } else { RETRANSMIT };
        let (due, ends) = (now + interval, now + SILENCE);
        self.transactions.push(Transaction { id, purpose, request, due, interval, ends, challenges });
    }

    fn request(&self, id: TransactionId, purpose: Purpose, lifetime: Option<Duration>) -> Result<BytesMut> {
        let address = |peer| Attribute::Address(ATTR_XOR_PEER_ADDRESS, peer);
        let (method, mut attributes): (Method, Vec<Attribute>) = match purpose {
            Purpose::Allocate => (METHOD_ALLOCATE, vec![Attribute::Plain(ATTR_REQUESTED_TRANSPORT, UDP.to_vec())]),
            Purpose::Refresh => (METHOD_REFRESH, Vec::new()),
            // The port says nothing (RFC 8656 section 9).
            Purpose::Permit(ip) => (METHOD_CREATE_PERMISSION, vec![address(SocketAddr::new(ip, 0))]),
            Purpose::Bind(number) => {
                let number_and_rest = [number.to_be_bytes(), [0; 2]].concat();
                let mut attributes = vec![Attribute::Plain(ATTR_CHANNEL_NUMBER, number_and_rest)];
                let channel = self.channels.iter().find(|channel| channel.number == number);
                attributes.extend(channel.map(|channel| address(channel.peer)));
                (METHOD_CHANNEL_BIND, attributes)
            }
        };
        if let Some(lifetime) = lifetime {
            let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
            attributes.push(Attribute::Plain(ATTR_LIFETIME, seconds.to_be_bytes().to_vec()));
        }
        message::request(method, id, &attributes, self.credential.as_ref(), self.crypto.crypto())
    }

    fn transmit(&mut self, message: BytesMut) {
        if !message.is_empty() {
            self.out.push_back(message);
        }
    }

    fn receive_answer(&mut self, now: Instant, kind: MessageType, id: TransactionId, datagram: &[u8]) {
        let Some(at) = self.transactions.iter().position(|transaction| transaction.id == id) else { return };
        match kind.class {
            CLASS_SUCCESS_RESPONSE => {
                // Only an allocation without a password may be unsigned.
                let signed = |credential: &Credential| credential.vouches_for(datagram, self.crypto.crypto());
                if self.credential.as_ref().is_none_or(signed) {
                    let transaction = self.transactions.swap_remove(at);
                    self.succeed(now, transaction.purpose, datagram);
                }
            }
            // Servers do not sign all of these. Who forges one has seen the request, and could as well have kept it.
            CLASS_ERROR_RESPONSE => {
                let transaction = self.transactions.swap_remove(at);
                let (code, text) = message::find_error(datagram).unwrap_or((UNREACHABLE, String::new()));
                if !self.takes_challenge(now, &transaction, code, datagram) {
                    self.fail(now, transaction.purpose, code, text);
                }
            }
            _ => {}
        }
    }

    /// Says it again with the credential that the server wants, where it wants another than it was given.
    fn takes_challenge(&mut self, now: Instant, of: &Transaction, code: u16, datagram: &[u8]) -> bool {
        let renewed = match &mut self.credential {
            Some(credential) => code == STALE_NONCE && credential.renew(datagram),
            None if code == UNAUTHORIZED => {
                let crypto = self.crypto.crypto();
                self.credential = Credential::from_challenge(datagram, &self.username, &self.password, crypto);
                self.credential.is_some()
            }
            None => false,
        };
        let again = renewed && of.challenges < MAX_CHALLENGES && self.state != State::Abandoned;
        if again {
            self.ask(now, of.purpose, of.challenges + 1);
        }
        again
    }

    fn succeed(&mut self, now: Instant, purpose: Purpose, datagram: &[u8]) {
        let lifetime = message::find_lifetime(datagram).unwrap_or_default().min(LONGEST_LIFE);
        match purpose {
            Purpose::Allocate => self.hold(now, lifetime, datagram),
            Purpose::Refresh if lifetime.is_zero() => self.lose(),
            Purpose::Refresh => {
                if let State::Held { renew_at, expires_at, .. } = &mut self.state {
                    (*renew_at, *expires_at) = (now + renewal(lifetime), now + lifetime);
                }
            }
            Purpose::Permit(ip) => {
                if let Some(permission) = self.permission(ip) {
                    (permission.granted, permission.used) = (true, false);
                    permission.renew_at = now + PERMISSION_RENEWAL;
                }
            }
            Purpose::Bind(number) => {
                if let Some(channel) = self.channels.iter_mut().find(|channel| channel.number == number) {
                    (channel.bound, channel.renew_at) = (true, now + CHANNEL_RENEWAL);
                }
            }
        }
    }

    fn hold(&mut self, now: Instant, lifetime: Duration, datagram: &[u8]) {
        let mapped = message::find_address(datagram, ATTR_XORMAPPED_ADDRESS);
        let Some(relayed) = message::find_address(datagram, ATTR_XOR_RELAYED_ADDRESS).filter(is_plausible) else {
            return self.fail(now, Purpose::Allocate, UNREACHABLE, USELESS.to_owned());
        };
        let abandoned = self.state == State::Abandoned;
        self.state = State::Held { relayed, mapped, renew_at: now + renewal(lifetime), expires_at: now + lifetime };
        if abandoned {
            self.release();
        } else {
            self.tell();
        }
    }

    fn fail(&mut self, now: Instant, purpose: Purpose, code: u16, text: String) {
        tracing::debug!(target: "webphone-rtc:ice", ?purpose, code, "a TURN server refuses");
        match purpose {
            Purpose::Allocate if self.state == State::Asking => self.refuse(code, text),
            Purpose::Allocate => self.end(),
            Purpose::Refresh if code == ALLOCATION_MISMATCH => self.lose(),
            // It lives until it expires, and may be renewed before.
            Purpose::Refresh => {}
            Purpose::Permit(ip) => {
                if let Some(permission) = self.permission(ip) {
                    (permission.granted, permission.renew_at) = (false, now + REFUSAL);
                }
            }
            // The number stays with its far end, and what goes there is framed as indications.
            Purpose::Bind(number) => {
                if let Some(channel) = self.channels.iter_mut().find(|channel| channel.number == number) {
                    channel.bound = false;
                }
            }
        }
    }
}

/// Time.
impl Allocation {
    pub(super) fn timeout(&self) -> Option<Instant> {
        let life = match self.state {
            State::Held { renew_at, expires_at, .. } => Some(renew_at.min(expires_at)),
            State::Over => return None,
            _ => None,
        };
        let transactions = self.transactions.iter().map(|transaction| transaction.due);
        let permissions = self.permissions.iter().map(|permission| permission.renew_at);
        let channels = self.channels.iter().filter(|channel| channel.bound).map(|channel| channel.renew_at);
        transactions.chain(permissions).chain(channels).chain(life).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let State::Held { expires_at, .. } = self.state
            && expires_at <= now
        {
            self.lose();
        }
        self.repeat(now);
        self.renew_life(now);
        self.renew_permissions(now);
        self.renew_channels(now);
    }

    fn repeat(&mut self, now: Instant) {
        let mut run_out = Vec::new();
        for transaction in self.transactions.iter_mut().filter(|transaction| transaction.due <= now) {
            if transaction.ends <= now {
                run_out.push((transaction.id, transaction.purpose));
                continue;
            }
            transaction.interval = (transaction.interval * 2).min(MAX_INTERVAL);
            transaction.due = (now + transaction.interval).min(transaction.ends);
            if self.state != State::Abandoned && !transaction.request.is_empty() {
                self.out.push_back(transaction.request.clone());
            }
        }
        for (id, purpose) in run_out {
            self.transactions.retain(|transaction| transaction.id != id);
            self.run_out(now, purpose);
        }
    }

    /// Silence is no refusal: what was granted stays so, and what is in use is asked for again.
    fn run_out(&mut self, now: Instant, purpose: Purpose) {
        match purpose {
            Purpose::Permit(ip) => {
                if let Some(permission) = self.permission(ip) {
                    permission.renew_at = now;
                }
            }
            Purpose::Bind(_) => self.ask(now, purpose, 0),
            _ => self.fail(now, purpose, UNREACHABLE, "the server did not answer".to_owned()),
        }
    }

    fn renew_life(&mut self, now: Instant) {
        if let State::Held { renew_at, .. } = &mut self.state
            && *renew_at <= now
        {
            // Once more if this one is not answered: the requests of one renewal take 19 s.
            *renew_at = now + MARGIN / 2;
            if !self.transactions.iter().any(|transaction| transaction.purpose == Purpose::Refresh) {
                self.ask(now, Purpose::Refresh, 0);
            }
        }
    }

    /// What was not used is forgotten, and the server forgets it by itself.
    fn renew_permissions(&mut self, now: Instant) {
        self.permissions.retain(|permission| permission.renew_at > now || permission.used && permission.granted);
        let mut due = Vec::new();
        for permission in self.permissions.iter_mut().filter(|permission| permission.renew_at <= now) {
            (permission.used, permission.renew_at) = (false, now + PERMISSION_RENEWAL);
            due.push(permission.ip);
        }
        due.into_iter().for_each(|ip| self.ask(now, Purpose::Permit(ip), 0));
    }

    fn renew_channels(&mut self, now: Instant) {
        let mut due = Vec::new();
        for channel in self.channels.iter_mut().filter(|channel| channel.bound && channel.renew_at <= now) {
            channel.renew_at = now + CHANNEL_RENEWAL;
            due.push(channel.number);
        }
        due.into_iter().for_each(|number| self.ask(now, Purpose::Bind(number), 0));
    }
}

fn renewal(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(MARGIN).max(lifetime / 2).max(SHORTEST_RENEWAL)
}

/// Can a far end send there?
fn is_plausible(relayed: &SocketAddr) -> bool {
    let ip = relayed.ip();
    relayed.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
}
