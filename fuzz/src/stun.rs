//! STUN as it reaches us: forged, signed by the far end, and as a server's answer to gathering.

use super::ice::{credentials, host};
use super::script::Script;
use rtc_crypto::default_provider;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{Message, Setter};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use webphone_rtc::negotiation::{IcePlan, TransportId, TransportPlan};
use webphone_rtc::transport::{
    Certificate, Gatherer, IceServer, IceState, Transmit, Transport, TransportConfig, TransportEvent,
};

const MAGIC: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// Steps within one wait: checks and consent are seconds or tens of milliseconds apart.
const MAX_STEPS: usize = 5_000;

thread_local! {
    static CERTIFICATE: Certificate = Certificate::generate(Duration::from_secs(3600)).expect("a certificate");
}

fn local() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 5000))
}

fn peer(port: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], 5000 + u16::from(port)))
}

/// A message of this type: attributes as the script has them, the rest right.
pub(super) fn message(kind: u16, id: &[u8], attributes: &[u8]) -> Vec<u8> {
    let mut raw = kind.to_be_bytes().to_vec();
    raw.extend_from_slice(&(attributes.len() as u16).to_be_bytes());
    raw.extend_from_slice(&MAGIC);
    raw.extend(id.iter().copied().chain(std::iter::repeat(0)).take(12));
    raw.extend_from_slice(attributes);
    raw
}

/// Signed as the far end signs, where the machine can read it at all.
fn signed(raw: Vec<u8>, pwd: &str) -> Vec<u8> {
    let crypto = default_provider().expect("cryptography");
    let mut message = Message { raw, ..Message::default() };
    if message.decode().is_err() {
        return message.raw;
    }
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), crypto.crypto());
    let _ = integrity.add_to(&mut message).and_then(|()| FINGERPRINT.add_to(&mut message));
    message.raw
}

struct Line {
    now: Instant,
    transport: Transport,
    gatherer: Gatherer,
    /// Transactions of ours that were not answered.
    asked: Vec<Transmit>,
    events: usize,
}

/// See the module.
pub fn stun(data: &[u8]) {
    let mut script = Script(data);
    let Some(first) = script.byte() else { return };
    let mut line = Line::new(first & 1 == 1, first & 2 == 2);
    while let Some(what) = script.byte() {
        line.step(what, &mut script);
    }
    line.wait(Duration::from_secs(60));
    let state = line.transport.state().0;
    assert!(!matches!(state, IceState::Checking), "checks end");
    assert_eq!(line.gatherer.timeout(), None, "gathering ends");
}

impl Line {
    fn new(controlling: bool, remote_lite: bool) -> Self {
        let now = Instant::now();
        let config = TransportConfig { certificate: CERTIFICATE.with(Clone::clone), local: credentials("ours") };
        let mut transport = Transport::new(now, config).expect("a transport");
        transport.add_local_address(now, host(local()), local()).expect("an address");
        let ice = IcePlan {
            local: credentials("ours"),
            remote: Some(credentials("theirs")),
            remote_lite,
            controlling,
            remote_candidates: vec![host(peer(0))],
            remote_complete: false,
        };
        let plan = TransportPlan { id: TransportId(0), ice, dtls: None, gather: true, generation: 0, gathered: false };
        transport.apply(now, &plan).expect("a plan can be obeyed");
        let server = IceServer { urls: vec!["stun:10.0.0.2:5000".to_owned()], ..IceServer::default() };
        let gatherer = Gatherer::new(now, &[local()], &[server], Duration::from_secs(5));
        let mut line = Self { now, transport, gatherer, asked: Vec::new(), events: 0 };
        line.collect();
        line
    }

    fn step(&mut self, what: u8, script: &mut Script<'_>) {
        let from = peer(what >> 5);
        match what & 7 {
            0 => self.wait(Duration::from_millis(u64::from(script.byte().unwrap_or(0)) * 8)),
            1 => {
                let bytes = script.long_block().unwrap_or_default().to_vec();
                self.deliver(from, &bytes);
            }
            // A request of the far end.
            2 | 3 => {
                let id = [what; 12];
                let mut attributes = script.block().unwrap_or_default().to_vec();
                if what & 8 == 0 {
                    attributes.splice(0..0, username());
                }
                let request = signed(message(1, &id, &attributes), &credentials("ours").pwd);
                self.deliver(from, &request);
            }
            // An answer to one of our requests, or to gathering.
            4 | 5 => {
                let Some(asked) = self.asked.pop() else { return };
                let kind = if what & 1 == 0 { 0x0101 } else { 0x0111 };
                let answer = message(kind, &asked.payload[8..20], script.block().unwrap_or_default());
                let answer = if what & 8 == 0 { signed(answer, &credentials("theirs").pwd) } else { answer };
                self.deliver(asked.peer, &answer);
            }
            // Any type, signed with either password.
            _ => {
                let kind = script.u16().unwrap_or(0);
                let pwd = credentials(if what & 8 == 0 { "ours" } else { "theirs" }).pwd;
                let any = signed(message(kind, &[what; 12], script.block().unwrap_or_default()), &pwd);
                self.deliver(from, &any);
            }
        }
    }

    fn deliver(&mut self, from: SocketAddr, datagram: &[u8]) {
        if !self.gatherer.receive(local(), from, datagram) {
            self.transport.receive(self.now, local(), from, datagram);
        }
        self.collect();
    }

    fn collect(&mut self) {
        let sent = std::iter::from_fn(|| self.transport.poll_transmit().or_else(|| self.gatherer.poll_transmit()));
        self.asked.extend(sent.filter(|sent| sent.payload.starts_with(&[0, 1])));
        self.asked.drain(..self.asked.len().saturating_sub(64));
        while let Some(event) = self.transport.poll_event() {
            self.events += usize::from(matches!(event, TransportEvent::Ice(_)));
        }
        while self.gatherer.poll_event().is_some() {}
        let _ = (self.transport.stats(), self.transport.selected_pair());
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        loop {
            let due = [self.transport.timeout(), self.gatherer.timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            steps += 1;
            assert!(steps < MAX_STEPS, "a timer that nothing settles");
            self.now = due.max(self.now);
            self.transport.handle_timeout(self.now);
            self.gatherer.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }
}

/// The USERNAME that our checks expect.
fn username() -> Vec<u8> {
    let name = format!("{}:{}", credentials("ours").ufrag, credentials("theirs").ufrag);
    let mut attribute = vec![0, 6, 0, name.len() as u8];
    attribute.extend_from_slice(name.as_bytes());
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}
