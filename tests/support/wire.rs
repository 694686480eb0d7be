//! Two transports on a simulated network, in virtual time: latency, loss, cuts, several addresses, forgery.
#![allow(dead_code, unused_imports)]

#[path = "ice.rs"]
mod ice;

use bytes::BytesMut;
pub use ice::{credentials, host};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use webphone_rtc::negotiation::{
    Candidate, DtlsPlan, DtlsRole, Fingerprint, HashAlgorithm, IceCredentials, IcePlan, TransportId, TransportPlan,
};
use webphone_rtc::rtp::RtpHeader;
use webphone_rtc::transport::{Certificate, DtlsState, IceState, Transmit, Transport, TransportConfig, TransportEvent};

const MEDIA_INTERVAL: Duration = Duration::from_millis(20);
/// From a datagram to its copy.
const COPY_DELAY: Duration = Duration::from_millis(3);

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn sha256(certificate: &Certificate) -> Vec<Fingerprint> {
    vec![Fingerprint { algorithm: HashAlgorithm::Sha256, bytes: certificate.fingerprint_sha256().to_vec() }]
}

pub fn certificate() -> Certificate {
    Certificate::generate(ms(3_600_000)).unwrap()
}

fn usual_address(side: usize) -> SocketAddr {
    address(&format!("10.0.0.{}:5000", side + 1))
}

/// xorshift64: what a seed makes of a test, the same on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(0x2545_F491_4F6C_DD1D ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Below `limit`.
    pub fn roll(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % limit
    }
}

/// One end: its transport, what its signalling says, what it saw.
pub struct Side {
    pub transport: Transport,
    pub certificate: Certificate,
    pub local: IceCredentials,
    pub controlling: bool,
    pub role: DtlsRole,
    /// As signaling numbers those that this side wants.
    pub association: u32,
    pub lite: bool,
    pub addresses: Vec<SocketAddr>,
    pub candidates: Vec<Candidate>,
    pub events: Vec<(Duration, TransportEvent)>,
    pub sent: Vec<u16>,
    pub received: Vec<u16>,
    unsent: u16,
    pub received_from: Vec<SocketAddr>,
    pub mute: bool,
    sequence: u16,
}

impl Side {
    pub fn saw(&self, wanted: &TransportEvent) -> bool {
        self.events.iter().any(|(_, event)| event == wanted)
    }

    pub fn when(&self, wanted: &TransportEvent) -> Option<Duration> {
        self.events.iter().find(|(_, event)| event == wanted).map(|(at, _)| *at)
    }

    pub fn ice(&self) -> IceState {
        self.transport.state().0
    }

    pub fn dtls(&self) -> DtlsState {
        self.transport.state().1
    }
}

struct InFlight {
    at: Instant,
    to: usize,
    transmit: Transmit,
}

pub struct Wire {
    pub start: Instant,
    pub now: Instant,
    pub sides: [Side; 2],
    pub latency: Duration,
    /// Up to this is added at random, so that datagrams overtake each other.
    pub jitter: Duration,
    /// Of 100 datagrams so many are lost.
    pub loss_percent: u64,
    /// Each datagram arrives so many times more, a little later.
    pub copies: u32,
    /// Longer datagrams do not arrive.
    pub mtu: usize,
    /// Where the far end sees this side, if a NAT is between them.
    pub seen_as: [Option<SocketAddr>; 2],
    /// Nothing from this side arrives.
    pub cut: [bool; 2],
    pub dead: Vec<SocketAddr>,
    pub media: bool,
    /// Everything that was sent, by side.
    pub captured: Vec<(usize, Transmit)>,
    flight: VecDeque<InFlight>,
    next_media: Instant,
    dice: Dice,
}

impl Wire {
    /// Side 0 offers and controls; side 1 is the DTLS client, as browsers answer.
    pub fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            now: start,
            sides: [0, 1].map(|side| Self::side(start, side, usual_address(side), certificate())),
            latency: ms(5),
            jitter: Duration::ZERO,
            loss_percent: 0,
            copies: 0,
            mtu: usize::MAX,
            seen_as: [None; 2],
            cut: [false; 2],
            dead: Vec::new(),
            media: false,
            captured: Vec::new(),
            flight: VecDeque::new(),
            next_media: start,
            dice: Dice::new(0),
        }
    }

    fn side(now: Instant, side: usize, base: SocketAddr, certificate: Certificate) -> Side {
        let local = credentials(&format!("{side}g0"));
        let config = TransportConfig { certificate: certificate.clone(), local: local.clone() };
        let mut transport = Transport::new(now, config).unwrap();
        transport.add_local_address(now, host(base), base).unwrap();
        Side {
            transport,
            certificate,
            local,
            controlling: side == 0,
            role: if side == 0 { DtlsRole::Server } else { DtlsRole::Client },
            association: 0,
            lite: false,
            addresses: vec![base],
            candidates: vec![host(base)],
            events: Vec::new(),
            sent: Vec::new(),
            received: Vec::new(),
            unsent: 0,
            received_from: Vec::new(),
            mute: false,
            sequence: 65_500, // rolls over soon
        }
    }

    /// Which datagrams are lost, and for how long the others are on their way.
    pub fn seed(&mut self, seed: u64) {
        self.dice = Dice::new(seed);
    }

    /// A bad network: up to 30 % loss each way, 80 ms of jitter, 200 ms of latency; perhaps each
    /// datagram comes twice, perhaps none that is long.
    pub fn trouble(&mut self, seed: u64) -> Dice {
        let mut dice = Dice::new(!seed);
        self.seed(seed);
        self.loss_percent = dice.roll(31);
        self.jitter = ms(dice.roll(81));
        self.latency = ms(1 + dice.roll(200));
        self.copies = dice.roll(3) as u32 / 2;
        self.mtu = if dice.roll(4) == 0 { 576 } else { usize::MAX };
        dice
    }

    /// Another endpoint with the same address takes this side over: other certificate, other credentials.
    pub fn replace(&mut self, side: usize) {
        self.replace_by(side, usual_address(side), certificate());
    }

    /// The same at an address of its own, as another branch of a forked call has, perhaps behind the same gateway.
    pub fn replace_by(&mut self, side: usize, base: SocketAddr, certificate: Certificate) {
        let after = Self::side(self.now, side, base, certificate);
        let before = std::mem::replace(&mut self.sides[side], after);
        let now = &mut self.sides[side];
        now.association = before.association;
        (now.events, now.sent, now.received) = (before.events, before.sent, before.received);
        now.sequence = before.sequence;
        self.renew_credentials(side, 1);
        let plan = self.plan(side);
        self.apply(side, &plan);
    }

    /// New local credentials, as signalling draws them for an ICE restart.
    pub fn renew_credentials(&mut self, side: usize, generation: u32) {
        self.sides[side].local = credentials(&format!("{side}g{generation}"));
    }

    /// What signalling tells this side now.
    pub fn plan(&self, side: usize) -> TransportPlan {
        let (own, other) = (&self.sides[side], &self.sides[1 - side]);
        TransportPlan {
            id: TransportId(0),
            ice: IcePlan {
                local: own.local.clone(),
                remote: Some(other.local.clone()),
                remote_lite: other.lite,
                controlling: own.controlling,
                remote_candidates: other.candidates.clone(),
                remote_complete: false,
            },
            dtls: Some(DtlsPlan {
                role: own.role,
                fingerprints: sha256(&other.certificate),
                association: other.association,
            }),
            gather: true,
            generation: 0,
            gathered: false,
        }
    }

    pub fn apply(&mut self, side: usize, plan: &TransportPlan) {
        self.sides[side].transport.apply(self.now, plan).unwrap();
    }

    pub fn signal(&mut self, side: usize) {
        let plan = self.plan(side);
        self.apply(side, &plan);
    }

    /// Signals both ways and waits until both are up.
    pub fn connect(&mut self) {
        self.signal(0);
        self.signal(1);
        assert!(self.run_until(ms(5000), Self::is_up), "not connected: {:?}", self.states());
    }

    pub fn connected() -> Self {
        let mut wire = Self::new();
        wire.connect();
        wire
    }

    pub fn states(&self) -> [(IceState, DtlsState); 2] {
        [0, 1].map(|side| self.sides[side].transport.state())
    }

    pub fn is_up(&self) -> bool {
        let up = |side: &Side| {
            matches!(side.ice(), IceState::Connected | IceState::Completed) && side.dtls() == DtlsState::Connected
        };
        self.sides.iter().all(up)
    }

    /// Both are connected by ICE, whatever DTLS has come to.
    pub fn is_paired(&self) -> bool {
        self.sides.iter().all(|side| side.ice() == IceState::Connected)
    }

    /// Both are in the handshake.
    pub fn is_shaking(&self) -> bool {
        self.sides.iter().all(|side| side.dtls() == DtlsState::Connecting)
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Delivers a datagram that nobody sent.
    pub fn forge(&mut self, to: usize, from: SocketAddr, datagram: &[u8]) {
        let local = self.sides[to].addresses[0];
        self.sides[to].transport.receive(self.now, local, from, datagram);
    }

    pub fn run(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// `true` as soon as `done`, `false` after `limit`.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        let mut idle = 0;
        loop {
            self.collect();
            if done(self) {
                return true;
            }
            let next = self.next_moment(end);
            idle = if next == self.now { idle + 1 } else { 0 };
            assert!(idle < 1000, "a timer that nothing settles");
            self.now = next;
            if self.now >= end {
                return false;
            }
            self.deliver();
            self.send_media();
            let now = self.now;
            for side in &mut self.sides {
                if side.transport.timeout().is_some_and(|at| at <= now) {
                    side.transport.handle_timeout(now);
                }
            }
        }
    }

    fn next_moment(&self, end: Instant) -> Instant {
        let arrival = self.flight.iter().map(|datagram| datagram.at).min();
        let media = self.media.then_some(self.next_media);
        let timers = self.sides.iter().filter_map(|side| side.transport.timeout());
        arrival.into_iter().chain(media).chain(timers).fold(end, Instant::min).max(self.now)
    }

    fn collect(&mut self) {
        for index in 0..2 {
            while let Some(transmit) = self.sides[index].transport.poll_transmit() {
                self.captured.push((index, transmit.clone()));
                let lost = self.dice.roll(100) < self.loss_percent || self.cut[index];
                let dead = self.dead.contains(&transmit.local) || self.dead.contains(&transmit.peer);
                let too_long = transmit.payload.len() > self.mtu;
                let Some(transmit) = self.translate(index, transmit) else { continue };
                if !lost && !dead && !too_long && self.sides[1 - index].addresses.contains(&transmit.peer) {
                    let jitter = if self.jitter.is_zero() { 0.0 } else { self.dice.roll(1000) as f64 / 1000.0 };
                    let at = self.now + self.latency + self.jitter.mul_f64(jitter);
                    for copy in 0..=self.copies {
                        let transmit = transmit.clone();
                        self.flight.push_back(InFlight { at: at + copy * COPY_DELAY, to: 1 - index, transmit });
                    }
                }
            }
            let at = self.now - self.start;
            let side = &mut self.sides[index];
            while let Some(event) = side.transport.poll_event() {
                match event {
                    TransportEvent::Rtp(packet) => side.received.push(packet.sequence),
                    event => side.events.push((at, event)),
                }
            }
        }
    }

    /// What the NATs on the way make of a datagram; one to where nobody is seen is lost.
    fn translate(&self, from: usize, mut transmit: Transmit) -> Option<Transmit> {
        if let Some(seen_as) = self.seen_as[from] {
            transmit.local = seen_as;
        }
        if let Some(seen_as) = self.seen_as[1 - from] {
            if transmit.peer != seen_as {
                return None;
            }
            transmit.peer = self.sides[1 - from].addresses[0];
        }
        Some(transmit)
    }

    fn deliver(&mut self) {
        while let Some(at) = self.flight.iter().position(|datagram| datagram.at <= self.now) {
            let Some(InFlight { to, transmit, .. }) = self.flight.remove(at) else { return };
            let side = &mut self.sides[to];
            if transmit.payload[0] >= 128 {
                side.received_from.push(transmit.local);
            }
            side.transport.receive(self.now, transmit.peer, transmit.local, &transmit.payload);
        }
    }

    fn send_media(&mut self) {
        if !self.media || self.now < self.next_media {
            self.next_media = self.next_media.max(self.now);
            return;
        }
        self.next_media = self.now + MEDIA_INTERVAL;
        for (index, side) in self.sides.iter_mut().enumerate().filter(|(_, side)| !side.mute) {
            let header = RtpHeader {
                payload_type: 111,
                sequence: side.sequence,
                timestamp: u32::from(side.sequence) * 960,
                ssrc: index as u32 + 1,
                ..RtpHeader::default()
            };
            side.sequence = side.sequence.wrapping_add(1);
            // The numbers of packets that cannot go out are those of later ones.
            match side.transport.send_rtp(&header, &[9; 80]) {
                true => side.sent.push(header.sequence.wrapping_sub(side.unsent)),
                false => side.unsent += 1,
            }
        }
    }

    /// Stops media, lets the last packets arrive; how many were lost in each direction (from side 0, from side 1).
    pub fn lost(&mut self) -> [usize; 2] {
        self.media = false;
        self.run(ms(200));
        [0, 1].map(|from| {
            let received = &self.sides[1 - from].received;
            self.sides[from].sent.iter().filter(|sequence| !received.contains(sequence)).count()
        })
    }

    /// The last datagram of a kind that a side sent.
    pub fn last_sent(&self, side: usize, wanted: impl Fn(&[u8]) -> bool) -> BytesMut {
        let found = self.captured.iter().rev().find(|(from, sent)| *from == side && wanted(&sent.payload));
        found.map(|(_, sent)| sent.payload.clone()).unwrap()
    }
}
