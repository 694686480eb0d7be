//! What TURN servers send as it reaches a gathering and the call over it: by datagram and in a connection, believed or not.

use super::script::Script;
use super::stun::message;
use rtc_crypto::default_provider;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{Message, Setter};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use webphone_rtc::negotiation::CandidateKind;
use webphone_rtc::transport::{GatherEvent, Gatherer, IceServer, LinkId, LinkOrder, Transmit, Trust, Unframed};

const USER: &str = "ada";
const REALM: &str = "example.org";
const LIMIT: Duration = Duration::from_secs(1);
/// Steps within one wait: renewals are seconds apart at least, repetitions 150 ms.
const MAX_STEPS: usize = 5_000;
/// Messages that one event may bring forth, of all allocations.
const MAX_ANSWERS: usize = 400;
/// What may wait for a connection: data, and the requests of as many permissions and channels as there may be.
const MAX_WAITING: usize = 128 * 1024;

const REALM_ATTRIBUTE: u16 = 0x0014;
const NONCE_ATTRIBUTE: u16 = 0x0015;
const ERROR_ATTRIBUTE: u16 = 0x0009;
const RELAYED_ATTRIBUTE: u16 = 0x0016;
const PEER_ATTRIBUTE: u16 = 0x0012;
const DATA_ATTRIBUTE: u16 = 0x0013;
const LIFETIME_ATTRIBUTE: u16 = 0x000D;
const DATA_INDICATION: u16 = 0x0017;

fn base() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 5000))
}

fn own() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 5001))
}

fn server() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], 3478))
}

fn peer(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, number], 6000))
}

fn relayed(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], 49152 + u16::from(number)))
}

fn servers(password: &str) -> [IceServer; 1] {
    let urls = ["turn:10.0.0.2", "turn:10.0.0.2?transport=tcp", "turns:10.0.0.2:3478"].map(str::to_owned).to_vec();
    let trust = Trust::new([]).expect("cryptography");
    [IceServer { urls, username: Some(USER.to_owned()), credential: Some(password.to_owned()), trust }]
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut attribute = [kind.to_be_bytes(), (value.len() as u16).to_be_bytes()].concat();
    attribute.extend_from_slice(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

fn address(kind: u16, address: SocketAddr) -> Vec<u8> {
    let IpAddr::V4(ip) = address.ip() else { return Vec::new() };
    let port = address.port() ^ 0x2112;
    let masked = (u32::from(ip) ^ 0x2112_A442).to_be_bytes();
    attribute(kind, &[&[0, 1][..], &port.to_be_bytes(), &masked].concat())
}

fn signed(raw: Vec<u8>, password: &str) -> Vec<u8> {
    let provider = default_provider().expect("cryptography");
    let mut message = Message { raw, ..Message::default() };
    if message.decode().is_err() {
        return message.raw;
    }
    let (user, realm, password) = (USER.to_owned(), REALM.to_owned(), password.to_owned());
    let key = MessageIntegrity::long_term_integrity_key(user, realm, password, provider.crypto()).expect("a key");
    let _ = MessageIntegrity::new_raw_integrity_with_provider(key, provider.crypto()).add_to(&mut message);
    message.raw
}

/// How a message goes.
#[derive(Clone, Copy)]
enum Way {
    Datagram(SocketAddr),
    Stream(LinkId),
}

struct End {
    now: Instant,
    gatherer: Gatherer,
    password: &'static str,
    /// Requests that were not answered.
    asked: Vec<(Way, Vec<u8>)>,
    streams: Vec<LinkId>,
    bound: Option<LinkId>,
    /// Relayed addresses that were told.
    told: BTreeSet<SocketAddr>,
    /// Far ends that something was sent to.
    spoken: BTreeSet<IpAddr>,
    complete: bool,
}

/// See the module.
pub fn turn(data: &[u8]) {
    let mut script = Script(data);
    let now = Instant::now();
    let gatherer = Gatherer::new(now, &[base()], &servers("secret"), LIMIT);
    let mut end = End {
        now,
        gatherer,
        password: "secret",
        asked: Vec::new(),
        streams: Vec::new(),
        bound: None,
        told: BTreeSet::new(),
        spoken: BTreeSet::new(),
        complete: false,
    };
    end.collect();
    while let Some(what) = script.byte() {
        end.step(what, &mut script);
    }
    end.wait(5 * LIMIT);
    assert!(end.complete, "gathering ends");
    end.wait(Duration::from_secs(7200));
    end.gatherer.close();
    end.collect();
    end.wait(Duration::from_secs(60));
    assert_eq!(end.gatherer.timeout(), None, "what was given back needs no time");
}

impl End {
    fn step(&mut self, what: u8, script: &mut Script<'_>) {
        let number = what >> 5;
        match what & 15 {
            0 => self.wait(Duration::from_millis(u64::from(script.byte().unwrap_or(0)) * 16)),
            1 => self.wait(Duration::from_secs(u64::from(script.byte().unwrap_or(0)) * 8)),
            // Anything, from the server or from somebody else.
            2 => {
                let bytes = script.long_block().unwrap_or_default().to_vec();
                let from = if number == 0 { server() } else { peer(number) };
                self.deliver(Way::Datagram(if what & 16 == 0 { base() } else { own() }), from, &bytes);
            }
            3 => {
                let bytes = script.long_block().unwrap_or_default().to_vec();
                if let Some(id) = self.streams.get(usize::from(number)) {
                    self.deliver(Way::Stream(*id), server(), &bytes);
                }
            }
            // A challenge, or a refusal, of the latest request or of an older one.
            4 | 5 => {
                let code = script.u16().unwrap_or(401);
                let mut attributes = attribute(ERROR_ATTRIBUTE, &[0, 0, (code / 100) as u8, (code % 100) as u8]);
                if what & 16 == 0 {
                    attributes.extend(attribute(REALM_ATTRIBUTE, REALM.as_bytes()));
                    attributes.extend(attribute(NONCE_ATTRIBUTE, &[b'n', number]));
                } else {
                    attributes.extend_from_slice(script.block().unwrap_or_default());
                }
                self.answer(number, 0x0110, &attributes, false);
            }
            // Success, as it should be or as the script has it.
            6..=8 => {
                let mut attributes = address(RELAYED_ATTRIBUTE, relayed(script.byte().unwrap_or(0)));
                attributes.extend(attribute(LIFETIME_ATTRIBUTE, &[0, 0, 2, 88]));
                if what & 16 == 16 {
                    attributes = script.block().unwrap_or_default().to_vec();
                }
                self.answer(number, 0x0100, &attributes, what & 15 != 8);
            }
            // Data of a far end.
            9 => {
                let attributes = [
                    address(PEER_ATTRIBUTE, peer(number)),
                    attribute(DATA_ATTRIBUTE, script.block().unwrap_or_default()),
                ];
                let raw = message(DATA_INDICATION, &[9; 12], &attributes.concat());
                self.deliver_everywhere(&raw);
            }
            10 => {
                let payload = script.block().unwrap_or_default();
                let number = [0x40, number, 0, payload.len() as u8];
                let mut framed = [&number[..], payload].concat();
                framed.resize(framed.len().next_multiple_of(4), 0);
                self.deliver_everywhere(&framed);
            }
            // Ours.
            11 | 12 => self.send(peer(number), script.byte().unwrap_or(0), usize::from(script.byte().unwrap_or(0)) * 8),
            13 => self.link(number, what & 16 == 0),
            14 => {
                self.password = if what & 16 == 0 { "secret" } else { "renewed" };
                self.complete = false;
                self.gatherer.restart(self.now, &[base()], &servers(self.password), LIMIT);
                self.collect();
            }
            _ => self.send_direct(number),
        }
    }

    fn answer(&mut self, which: u8, class: u16, attributes: &[u8], sign: bool) {
        let Some(at) = self.asked.len().checked_sub(1 + usize::from(which)) else { return };
        let (way, request) = self.asked.remove(at);
        let kind = u16::from_be_bytes([request[0], request[1]]) | class;
        let raw = message(kind, &request[8..20], attributes);
        let raw = if sign { signed(raw, self.password) } else { raw };
        self.deliver(way, server(), &raw);
    }

    fn deliver_everywhere(&mut self, raw: &[u8]) {
        let streams = self.streams.clone();
        let datagrams = [base(), own()].map(Way::Datagram);
        for way in datagrams.into_iter().chain(streams.into_iter().map(Way::Stream)) {
            self.deliver(way, server(), raw);
        }
    }

    fn deliver(&mut self, way: Way, from: SocketAddr, bytes: &[u8]) {
        let mut got = Vec::new();
        match way {
            Way::Datagram(local) => {
                if let Unframed::Data { relayed, peer, payload } =
                    self.gatherer.unframe(self.now, local, from, &mut bytes.to_vec())
                {
                    assert!(payload.len() <= bytes.len());
                    got.push((relayed, peer));
                }
            }
            Way::Stream(id) => self.gatherer.receive_stream(self.now, id, bytes, &mut |relayed, peer, _| {
                got.push((relayed, peer));
            }),
        }
        for (relayed, peer) in got {
            assert!(self.told.contains(&relayed), "data at an address that was not told");
            assert!(self.spoken.contains(&peer.ip()), "data of somebody who was not spoken to");
        }
        self.collect();
    }

    fn send(&mut self, to: SocketAddr, first: u8, len: usize) {
        let mut payload = vec![first; len.max(1)];
        payload[0] = first;
        for local in self.told.clone() {
            let transmit = Transmit { local, peer: to, payload: payload[..].into() };
            if let Some(framed) = self.gatherer.frame(self.now, transmit.clone()) {
                // Where the address was lost there is no socket of that address.
                assert!(framed == transmit || framed.peer == server(), "framed for somebody else");
            }
            self.spoken.insert(to.ip());
        }
        self.collect();
    }

    /// What leaves from this machine is nothing to any server.
    fn send_direct(&mut self, number: u8) {
        let transmit = Transmit { local: base(), peer: peer(number), payload: [0x80; 4][..].into() };
        assert_eq!(self.gatherer.frame(self.now, transmit.clone()), Some(transmit));
    }

    fn link(&mut self, number: u8, there: bool) {
        if let Some(id) = self.bound.take() {
            let outcome = if there { Ok(own()) } else { Err("no socket".to_owned()) };
            self.gatherer.linked(self.now, id, outcome);
        } else if let Some(id) = self.streams.get(usize::from(number)) {
            match there {
                true => self.gatherer.linked(self.now, *id, Ok(base())),
                false => self.gatherer.unlinked(*id, "gone".to_owned()),
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        let mut sent = 0;
        while let Some(transmit) = self.gatherer.poll_transmit() {
            sent += 1;
            assert_eq!(transmit.peer, server());
            self.asked.push((Way::Datagram(transmit.local), transmit.payload.to_vec()));
        }
        assert!(sent <= MAX_ANSWERS, "{sent} messages at once");
        for (id, bytes) in self.gatherer.outgoing() {
            assert!(bytes.len() <= MAX_WAITING, "{} bytes wait", bytes.len());
            let written = bytes.split();
            let mut rest = &written[..];
            while let [0x00, _, high, low, ..] = *rest {
                let (request, others) =
                    rest.split_at((20 + usize::from(u16::from_be_bytes([high, low]))).min(rest.len()));
                self.asked.push((Way::Stream(id), request.to_vec()));
                rest = others;
            }
        }
        self.asked.retain(|(_, request)| request.len() >= 20 && request[0] == 0 && request[1] & 0x10 == 0);
        self.asked.drain(..self.asked.len().saturating_sub(64));
        while let Some(order) = self.gatherer.poll_order() {
            match order {
                LinkOrder::Connect { id, .. } => self.streams.push(id),
                LinkOrder::Bind(id, _) => self.bound = Some(id),
                LinkOrder::Close(id) => self.streams.retain(|known| *known != id),
            }
        }
        while let Some(event) = self.gatherer.poll_event() {
            assert!(!(self.complete && matches!(event, GatherEvent::Candidate(..))), "found after the end");
            match event {
                GatherEvent::Candidate(found, at, _) if found.kind == CandidateKind::Relay => {
                    assert_ne!(at, base(), "an address of this machine");
                    self.told.insert(at);
                }
                GatherEvent::Lost(address) => assert!(self.told.contains(&address), "lost what was never told"),
                GatherEvent::Complete => self.complete = true,
                _ => {}
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        while let Some(due) = self.gatherer.timeout().filter(|due| *due <= end) {
            steps += 1;
            assert!(steps < MAX_STEPS, "a timer that nothing settles");
            self.now = due.max(self.now);
            self.gatherer.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }
}
