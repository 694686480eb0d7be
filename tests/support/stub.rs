//! A hand-made ICE agent that says exactly what a test wants, against a real transport.
#![allow(dead_code)]

use crate::wire::{address, credentials, host, ms};
use bytes::BytesMut;
use rtc_crypto::{RTCCryptoProvider, default_provider};
use rtc_stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType};
use rtc_stun::error_code::CODE_ROLE_CONFLICT;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Message, MessageType, Setter, TransactionId};
use rtc_stun::textattrs::Username;
use rtc_stun::xoraddr::XorMappedAddress;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use webphone_rtc::negotiation::{
    Candidate, DtlsPlan, DtlsRole, Fingerprint, HashAlgorithm, IceCredentials, IcePlan, TransportId, TransportPlan,
};
use webphone_rtc::transport::{Certificate, Transmit, Transport, TransportConfig};

struct Attribute(AttrType, Vec<u8>);

impl Setter for Attribute {
    fn add_to(&self, message: &mut Message) -> rtc_shared::error::Result<()> {
        message.add(self.0, &self.1);
        Ok(())
    }
}

/// What a request says of its sender's role.
#[derive(Clone, Copy)]
pub enum Role {
    Controlling(u64),
    Controlled(u64),
}

/// A transport at 10.0.0.1:5000 and the means to speak to it.
pub struct Stub {
    pub transport: Transport,
    pub now: Instant,
    pub local: SocketAddr,
    pub own: IceCredentials,
    pub theirs: IceCredentials,
    plan: TransportPlan,
    crypto: Arc<dyn RTCCryptoProvider>,
}

impl Stub {
    pub fn new(controlling: bool, remote_lite: bool, remote_candidates: Vec<Candidate>) -> Self {
        let now = Instant::now();
        let (theirs, own) = (credentials("transport"), credentials("stub"));
        let config =
            TransportConfig { certificate: Certificate::generate(ms(3_600_000)).unwrap(), local: theirs.clone() };
        let mut transport = Transport::new(now, config).unwrap();
        let local = address("10.0.0.1:5000");
        transport.add_local_address(now, host(local), local).unwrap();
        let ice = IcePlan {
            local: theirs.clone(),
            remote: Some(own.clone()),
            remote_lite,
            controlling,
            remote_candidates,
            remote_complete: false,
        };
        let plan = TransportPlan { id: TransportId(0), ice, dtls: None, gather: true, generation: 0, gathered: false };
        transport.apply(now, &plan).unwrap();
        transport.handle_timeout(now);
        Self { transport, now, local, own, theirs, plan, crypto: default_provider().unwrap() }
    }

    /// As [`new`](Self::new), controlled, when the transport has waited long enough for our checks and begins its own.
    pub fn controlled(remote_candidates: Vec<Candidate>) -> Self {
        let mut stub = Self::new(false, false, remote_candidates);
        stub.wait();
        stub
    }

    /// Signaling tells of DTLS as well; nobody has the certificate that it names.
    pub fn begin_dtls(&mut self, role: DtlsRole) {
        let fingerprints = vec![Fingerprint { algorithm: HashAlgorithm::Sha256, bytes: vec![7; 32] }];
        self.plan.dtls = Some(DtlsPlan { role, fingerprints, association: 0 });
        self.transport.apply(self.now, &self.plan).unwrap();
    }

    /// Signaling begins an ICE restart, with candidates that the far end has told already.
    pub fn restart(&mut self, name: &str, remote_candidates: Vec<Candidate>) {
        self.theirs = credentials(name);
        self.plan.generation += 1;
        self.plan.ice.local = self.theirs.clone();
        self.replace(name, remote_candidates);
    }

    /// Signaling tells of another far end, as where a call is forked; the transport's credentials stay.
    pub fn replace(&mut self, name: &str, remote_candidates: Vec<Candidate>) {
        self.own = credentials(&format!("stub{name}"));
        self.plan.ice.remote = Some(self.own.clone());
        self.plan.ice.remote_candidates = remote_candidates;
        self.transport.apply(self.now, &self.plan).unwrap();
        self.transport.handle_timeout(self.now);
    }

    /// A request as the far end would send it.
    pub fn request(&self, role: Role, use_candidate: bool) -> Message {
        let (kind, tie_breaker) = match role {
            Role::Controlling(tie_breaker) => (ATTR_ICE_CONTROLLING, tie_breaker),
            Role::Controlled(tie_breaker) => (ATTR_ICE_CONTROLLED, tie_breaker),
        };
        let mut attributes: Vec<Box<dyn Setter>> = vec![
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId::new()),
            Box::new(Username::new(ATTR_USERNAME, format!("{}:{}", self.theirs.ufrag, self.own.ufrag))),
            Box::new(Attribute(kind, tie_breaker.to_be_bytes().to_vec())),
            Box::new(Attribute(AttrType(0x24), vec![0x6E, 0, 0, 1])),
        ];
        if use_candidate {
            attributes.push(Box::new(Attribute(ATTR_USE_CANDIDATE, Vec::new())));
        }
        self.signed(attributes, &self.theirs.pwd)
    }

    /// The same without MESSAGE-INTEGRITY: what anybody can send.
    pub fn unsigned(&self, kind: MessageType, attribute: Option<(AttrType, Vec<u8>)>) -> Vec<u8> {
        let mut attributes: Vec<Box<dyn Setter>> = vec![Box::new(kind), Box::new(TransactionId::new())];
        if let Some((kind, value)) = attribute {
            attributes.push(Box::new(Attribute(kind, value)));
        }
        let mut message = Message::new();
        message.build(&attributes).unwrap();
        message.raw
    }

    pub fn success(&self, request: &[u8], to: SocketAddr) -> Vec<u8> {
        let mapped = XorMappedAddress { ip: to.ip(), port: to.port() };
        self.signed(vec![reply_to(request), Box::new(BINDING_SUCCESS), Box::new(mapped)], &self.own.pwd).raw
    }

    /// A complaint of the roles, sealed with this password.
    pub fn role_conflict(&self, request: &[u8], pwd: &str) -> Vec<u8> {
        let attributes: Vec<Box<dyn Setter>> =
            vec![reply_to(request), Box::new(BINDING_ERROR), Box::new(CODE_ROLE_CONFLICT)];
        self.signed(attributes, pwd).raw
    }

    fn signed(&self, attributes: Vec<Box<dyn Setter>>, pwd: &str) -> Message {
        let mut message = Message::new();
        message.build(&attributes).unwrap();
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), self.crypto.crypto());
        integrity.add_to(&mut message).unwrap();
        FINGERPRINT.add_to(&mut message).unwrap();
        message
    }

    pub fn deliver(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.transport.receive(self.now, self.local, from, datagram);
    }

    pub fn sent(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.transport.poll_transmit()).collect()
    }

    /// Lets time pass to the transport's next deadline.
    pub fn wait(&mut self) {
        self.now = self.transport.timeout().unwrap().max(self.now);
        self.transport.handle_timeout(self.now);
    }

    pub fn path(&self) -> Option<SocketAddr> {
        self.transport.selected_pair().map(|pair| pair.peer)
    }
}

fn reply_to(request: &[u8]) -> Box<dyn Setter> {
    Box::new(TransactionId(request[8..20].try_into().unwrap()))
}

pub fn is_request(datagram: &BytesMut) -> bool {
    datagram.starts_with(&[0, 1])
}

pub fn is_success(datagram: &BytesMut) -> bool {
    datagram.starts_with(&[1, 1])
}
