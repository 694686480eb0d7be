//! A small TURN server (RFC 8656, UDP) in virtual time, strict about what it must be: nonces, signatures, permissions, lives.
#![allow(dead_code)]

use rtc_crypto::{RTCCryptoProvider, default_provider};
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_XOR_PEER_ADDRESS,
    ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS,
};
use rtc_stun::error_code::{ErrorCode, ErrorCodeAttribute};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE,
    METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND, Message, MessageType,
    Method, Setter, TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use webphone_rtc::transport::GatherEvent;

pub const USER: &str = "ada";
pub const PASSWORD: &str = "secret";
const REALM: &str = "example.org";
const PERMISSION_LIFE: Duration = Duration::from_secs(300);
const CHANNEL_LIFE: Duration = Duration::from_secs(600);

/// What a gathering has told of servers that did not help.
pub fn errors(events: &[GatherEvent]) -> Vec<(u16, &str)> {
    let error = |event| match event {
        &GatherEvent::Error { code, ref text, .. } => Some((code, text.as_str())),
        _ => None,
    };
    events.iter().filter_map(error).collect()
}

/// What it sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    Client(Vec<u8>),
    Peer(SocketAddr, Vec<u8>),
}

pub struct Server {
    pub address: SocketAddr,
    pub relayed: SocketAddr,
    /// Where it sees the client.
    pub mapped: SocketAddr,
    pub password: &'static str,
    pub nonce: u32,
    pub lifetime: Duration,
    /// The code that it refuses allocations with.
    pub refuses: Option<u16>,
    /// It signs its answers.
    pub signs: bool,
    /// Its answers are errors without a code.
    pub garbles: bool,
    pub held_until: Option<Instant>,
    pub permissions: BTreeMap<IpAddr, Instant>,
    pub channels: BTreeMap<u16, (SocketAddr, Instant)>,
    /// Methods of the requests that passed.
    pub granted: Vec<Method>,
    pub indications: usize,
    pub channel_data: usize,
    crypto: Arc<dyn RTCCryptoProvider>,
}

impl Server {
    pub fn new(address: SocketAddr, relayed: SocketAddr, mapped: SocketAddr) -> Self {
        Self {
            address,
            relayed,
            mapped,
            password: PASSWORD,
            nonce: 1,
            lifetime: Duration::from_secs(600),
            refuses: None,
            signs: true,
            garbles: false,
            held_until: None,
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            granted: Vec::new(),
            indications: 0,
            channel_data: 0,
            crypto: default_provider().unwrap(),
        }
    }

    pub fn count(&self, method: Method) -> usize {
        self.granted.iter().filter(|granted| **granted == method).count()
    }

    /// From the client.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) -> Vec<Out> {
        self.expire(now);
        if (0x40..0x50).contains(&datagram[0]) {
            let number = u16::from_be_bytes([datagram[0], datagram[1]]);
            let len = usize::from(u16::from_be_bytes([datagram[2], datagram[3]]));
            self.channel_data += 1;
            let peer = self.channels.get(&number).map(|(peer, _)| *peer).filter(|peer| self.permits(*peer));
            return peer.map(|peer| Out::Peer(peer, datagram[4..4 + len].to_vec())).into_iter().collect();
        }
        let mut message = Message { raw: datagram.to_vec(), ..Message::default() };
        message.decode().unwrap();
        match (message.typ.method, message.typ.class) {
            (METHOD_SEND, CLASS_INDICATION) => {
                self.indications += 1;
                let peer = peer_of(&message);
                let data = message.get(ATTR_DATA).unwrap();
                if self.permits(peer) { vec![Out::Peer(peer, data)] } else { Vec::new() }
            }
            (method, CLASS_REQUEST) => vec![Out::Client(self.answer(now, method, &mut message))],
            other => panic!("{other:?} from a client"),
        }
    }

    /// From a far end, to the relayed address.
    pub fn receive_from(&mut self, now: Instant, peer: SocketAddr, payload: &[u8]) -> Vec<Out> {
        self.expire(now);
        if !self.permits(peer) {
            return Vec::new();
        }
        vec![Out::Client(match self.channels.iter().find(|(_, (bound, _))| *bound == peer) {
            Some((number, _)) => [&number.to_be_bytes(), &(payload.len() as u16).to_be_bytes(), payload].concat(),
            None => data_indication(peer, payload),
        })]
    }

    fn permits(&self, peer: SocketAddr) -> bool {
        self.held_until.is_some() && self.permissions.contains_key(&peer.ip())
    }

    fn expire(&mut self, now: Instant) {
        self.held_until = self.held_until.filter(|until| *until > now);
        self.permissions.retain(|_, until| *until > now);
        self.channels.retain(|_, (_, until)| *until > now);
    }

    fn key(&self) -> Vec<u8> {
        let (user, realm, password) = (USER.to_owned(), REALM.to_owned(), self.password.to_owned());
        MessageIntegrity::long_term_integrity_key(user, realm, password, self.crypto.crypto()).unwrap()
    }

    fn answer(&mut self, now: Instant, method: Method, request: &mut Message) -> Vec<u8> {
        let id = request.transaction_id;
        if self.garbles {
            let mut answer = Message::new();
            answer.build(&[Box::new(MessageType::new(method, CLASS_ERROR_RESPONSE)), Box::new(id)]).unwrap();
            return answer.raw;
        }
        let Ok(nonce) = request.get(ATTR_NONCE) else { return self.refusal(method, id, 401) };
        if MessageIntegrity::check(request, &self.key(), self.crypto.crypto()).is_err() {
            return self.refusal(method, id, 401);
        }
        if nonce != self.nonce.to_string().as_bytes() {
            return self.refusal(method, id, 438);
        }
        let mut answer = Message::new();
        answer.build(&[Box::new(MessageType::new(method, CLASS_SUCCESS_RESPONSE)), Box::new(id)]).unwrap();
        match method {
            METHOD_ALLOCATE => {
                if let Some(code) = self.refuses {
                    return self.refusal(method, id, code);
                }
                self.held_until = Some(now + self.lifetime);
                add_address(&mut answer, ATTR_XOR_RELAYED_ADDRESS, self.relayed);
                add_address(&mut answer, ATTR_XORMAPPED_ADDRESS, self.mapped);
                answer.add(ATTR_LIFETIME, &(self.lifetime.as_secs() as u32).to_be_bytes());
            }
            _ if self.held_until.is_none() => return self.refusal(method, id, 437),
            METHOD_REFRESH => {
                let gives_back = request.get(ATTR_LIFETIME).is_ok_and(|lifetime| lifetime == [0; 4]);
                let life = if gives_back { Duration::ZERO } else { self.lifetime };
                self.held_until = (!gives_back).then_some(now + life);
                answer.add(ATTR_LIFETIME, &(life.as_secs() as u32).to_be_bytes());
            }
            METHOD_CREATE_PERMISSION => {
                self.permissions.insert(peer_of(request).ip(), now + PERMISSION_LIFE);
            }
            METHOD_CHANNEL_BIND => {
                let number = request.get(ATTR_CHANNEL_NUMBER).unwrap();
                let (number, peer) = (u16::from_be_bytes([number[0], number[1]]), peer_of(request));
                self.channels.insert(number, (peer, now + CHANNEL_LIFE));
                self.permissions.insert(peer.ip(), now + PERMISSION_LIFE);
            }
            other => panic!("{other:?} asked for"),
        }
        self.granted.push(method);
        if self.signs {
            let integrity = MessageIntegrity::new_raw_integrity_with_provider(self.key(), self.crypto.crypto());
            integrity.add_to(&mut answer).unwrap();
        }
        answer.raw
    }

    fn refusal(&self, method: Method, id: TransactionId, code: u16) -> Vec<u8> {
        let mut answer = Message::new();
        let error = ErrorCodeAttribute { code: ErrorCode(code), reason: format!("refused with {code}").into_bytes() };
        let kind = MessageType::new(method, CLASS_ERROR_RESPONSE);
        answer.build(&[Box::new(kind), Box::new(id), Box::new(error)]).unwrap();
        answer.add(ATTR_REALM, REALM.as_bytes());
        answer.add(ATTR_NONCE, self.nonce.to_string().as_bytes());
        answer.raw
    }
}

fn peer_of(message: &Message) -> SocketAddr {
    let mut peer = XorMappedAddress::default();
    peer.get_from_as(message, ATTR_XOR_PEER_ADDRESS).unwrap();
    SocketAddr::new(peer.ip, peer.port)
}

fn add_address(message: &mut Message, kind: rtc_stun::attributes::AttrType, address: SocketAddr) {
    XorMappedAddress { ip: address.ip(), port: address.port() }.add_to_as(message, kind).unwrap();
}

pub fn data_indication(peer: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut message = Message::new();
    let kind = MessageType::new(METHOD_DATA, CLASS_INDICATION);
    message.build(&[Box::new(kind), Box::new(TransactionId::new())]).unwrap();
    add_address(&mut message, ATTR_XOR_PEER_ADDRESS, peer);
    message.add(ATTR_DATA, payload);
    message.raw
}
