//! TURN over TCP and TLS, against a small server in virtual time.

use crate::relay::{Out, PASSWORD, Server, USER, errors};
use crate::wire::{address, ms};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rtc_stun::message::{METHOD_ALLOCATE, METHOD_REFRESH};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ProtocolVersion, ServerConfig, ServerConnection, SupportedProtocolVersion, version};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use webphone_rtc::negotiation::CandidateKind;
use webphone_rtc::transport::{GatherEvent, Gatherer, IceServer, LinkId, LinkOrder, Lookup, Transmit, Trust};

const TCP: &str = "turn:198.51.100.1:3478?transport=tcp";
const TLS: &str = "turns:turn.example.org";
const LIMIT: Duration = Duration::from_millis(1000);

/// A certificate authority, and the key and certificate that it has given `turn.example.org`.
struct Authority {
    root: Vec<u8>,
    trust: Trust,
    server: (Vec<u8>, Vec<u8>),
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap().der().to_vec();
    let server_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["turn.example.org".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&server_key, &Issuer::new(params, key)).unwrap();
    let trust = Trust::new([&root[..]]).unwrap();
    Authority { root, trust, server: (leaf.der().to_vec(), server_key.serialize_der()) }
});

fn tls_server(versions: &[&'static SupportedProtocolVersion]) -> ServerConnection {
    let (certificate, key) = AUTHORITY.server.clone();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate)], PrivateKeyDer::try_from(key).unwrap())
        .unwrap();
    ServerConnection::new(Arc::new(config)).unwrap()
}

fn base() -> SocketAddr {
    address("192.168.1.2:5000")
}

fn far() -> SocketAddr {
    address("203.0.113.9:6000")
}

/// An end and its server, with one connection between them.
struct End {
    now: Instant,
    server: Server,
    tls: Option<ServerConnection>,
    gatherer: Gatherer,
    link: Option<LinkId>,
    orders: Vec<LinkOrder>,
    /// Bytes that the server has read, without TLS.
    heard: Vec<u8>,
    /// In what pieces bytes come to the client.
    piece: usize,
    events: Vec<GatherEvent>,
    relayed: Vec<(SocketAddr, Vec<u8>)>,
    received: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl End {
    fn new(url: &str, trust: Trust, tls: Option<ServerConnection>) -> Self {
        let now = Instant::now();
        let port = if tls.is_some() { 5349 } else { 3478 };
        let server = SocketAddr::from(([198, 51, 100, 1], port));
        let with = IceServer {
            urls: vec![url.to_owned()],
            username: Some(USER.to_owned()),
            credential: Some(PASSWORD.to_owned()),
            trust,
        };
        let mut gatherer = Gatherer::new(now, &[base()], &[with], LIMIT);
        if let Some(lookup) = gatherer.poll_lookup() {
            assert_eq!(lookup, Lookup { host: "turn.example.org".to_owned(), port: 5349 });
            gatherer.resolved(now, &lookup, &[server]);
        }
        Self {
            now,
            server: Server::new(server, address("198.51.100.1:49152"), address("203.0.113.7:40000")),
            tls,
            gatherer,
            link: None,
            orders: Vec::new(),
            heard: Vec::new(),
            piece: usize::MAX,
            events: Vec::new(),
            relayed: Vec::new(),
            received: Vec::new(),
        }
    }

    fn tcp() -> Self {
        let mut end = Self::new(TCP, Trust::default(), None);
        end.connect();
        end
    }

    /// Over TLS, to a server with all versions.
    fn tls(url: &str, trust: Trust) -> Self {
        let mut end = Self::new(url, trust, Some(tls_server(rustls::ALL_VERSIONS)));
        end.connect();
        end
    }

    fn connect(&mut self) {
        self.exchange();
        let Some(LinkOrder::Connect { id, from, to }) = self.orders.pop() else { return };
        assert_eq!((from, to), (base().ip(), self.server.address));
        self.link = Some(id);
        self.gatherer.linked(self.now, id, Ok(address("192.168.1.2:50001")));
        self.exchange();
    }

    /// Carries all there is, at once.
    fn exchange(&mut self) {
        loop {
            let link = self.link;
            let written = self.gatherer.outgoing().filter(|(id, _)| Some(*id) == link);
            let out: Vec<u8> = written.flat_map(|(_, bytes)| bytes.split()).collect();
            self.orders.extend(std::iter::from_fn(|| self.gatherer.poll_order()));
            assert_eq!(self.gatherer.poll_transmit(), None, "nothing goes by datagram");
            self.events.extend(std::iter::from_fn(|| self.gatherer.poll_event()));
            if out.is_empty() {
                return;
            }
            self.serve(&out);
        }
    }

    fn serve(&mut self, bytes: &[u8]) {
        match &mut self.tls {
            Some(tls) => {
                tls.read_tls(&mut &bytes[..]).unwrap();
                let outcome = tls.process_new_packets();
                // The end may be what the client says.
                let _ = outcome.map(|_| tls.reader().read_to_end(&mut self.heard));
            }
            None => self.heard.extend_from_slice(bytes),
        }
        let mut answers = Vec::new();
        while let Some(len) = length(&self.heard) {
            let message: Vec<u8> = self.heard.drain(..len).collect();
            answers.extend(self.server.receive(self.now, &message));
        }
        self.answer(answers);
    }

    fn answer(&mut self, out: Vec<Out>) {
        for out in out {
            match out {
                Out::Peer(peer, payload) => self.relayed.push((peer, payload)),
                Out::Client(mut message) => {
                    message.resize(message.len().next_multiple_of(4), 0);
                    self.say(&message);
                }
            }
        }
        self.say(&[]);
    }

    fn say(&mut self, message: &[u8]) {
        let bytes = match &mut self.tls {
            Some(tls) => {
                tls.writer().write_all(message).unwrap();
                let mut sealed = Vec::new();
                while tls.wants_write() {
                    tls.write_tls(&mut sealed).unwrap();
                }
                sealed
            }
            None => message.to_vec(),
        };
        let received = &mut self.received;
        let Some(link) = self.link else { return };
        for bytes in bytes.chunks(self.piece) {
            self.gatherer.receive_stream(self.now, link, bytes, &mut |relayed, peer, payload| {
                received.push((relayed, peer, payload.to_vec()));
            });
        }
    }

    fn send(&mut self, payload: &[u8]) {
        let transmit = Transmit { local: self.server.relayed, peer: far(), payload: payload.into() };
        assert_eq!(self.gatherer.frame(self.now, transmit), None, "nothing goes by datagram");
        self.exchange();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.gatherer.timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.gatherer.handle_timeout(self.now);
            self.exchange();
        }
        self.now = end;
    }

    /// Kind, how the server is reached and type preference of the candidates.
    fn candidates(&self) -> Vec<(CandidateKind, Option<&'static str>, u32)> {
        let found = |event: &GatherEvent| match event {
            GatherEvent::Candidate(candidate, _, source) => {
                let over = source.as_ref().and_then(|source| source.relay_protocol);
                Some((candidate.kind, over, candidate.priority >> 24))
            }
            _ => None,
        };
        self.events.iter().filter_map(found).collect()
    }

    fn errors(&self) -> Vec<(u16, &str)> {
        errors(&self.events)
    }

    fn is_complete(&self) -> bool {
        self.events.contains(&GatherEvent::Complete)
    }
}

fn length(stream: &[u8]) -> Option<usize> {
    let len = usize::from(u16::from_be_bytes([*stream.get(2)?, *stream.get(3)?]));
    let len = if stream[0] < 0x40 { 20 + len } else { 4 + len.next_multiple_of(4) };
    (stream.len() >= len).then_some(len)
}

#[test]
fn a_relayed_address_over_tcp_is_one_that_says_so_and_reflects_nothing() {
    let end = End::tcp();
    assert!(end.is_complete());
    assert_eq!(end.candidates(), [(CandidateKind::Host, None, 126), (CandidateKind::Relay, Some("tcp"), 1)]);
    assert_eq!((end.server.count(METHOD_ALLOCATE), end.errors().len()), (1, 0));
}

#[test]
fn data_of_every_length_goes_both_ways_in_a_stream_however_it_is_cut() {
    for mut end in [End::tcp(), End::tls(TLS, AUTHORITY.trust.clone())] {
        end.send(&[0x80]);
        end.send(&[0x80]); // asks for a channel
        (end.relayed, end.received) = (Vec::new(), Vec::new());
        for len in 1..40_usize {
            let payload = vec![0x80 + u8::try_from(len).unwrap(); len];
            end.piece = len;
            end.send(&payload);
            assert_eq!(end.relayed.pop(), Some((far(), payload.clone())));
            let out = end.server.receive_from(end.now, far(), &payload);
            end.answer(out);
            assert_eq!(end.received.pop(), Some((end.server.relayed, far(), payload)));
        }
        assert!(end.server.channel_data >= 39);
    }
}

#[test]
fn nothing_is_repeated_in_a_stream_and_silence_costs_what_a_connection_costs() {
    let mut end = End::new(TCP, Trust::default(), None);
    end.exchange();
    let Some(LinkOrder::Connect { id, .. }) = end.orders.pop() else { panic!("no connection") };
    end.pass(ms(1400));
    assert!(!end.is_complete(), "the first segment may be sent again after a second");
    end.gatherer.linked(end.now, id, Ok(base()));
    let request: Vec<u8> = end.gatherer.outgoing().flat_map(|(_, bytes)| bytes.split()).collect();
    assert_eq!(length(&request), Some(request.len()), "one request");
    let start = end.now;
    while !end.is_complete() {
        end.now = end.gatherer.timeout().unwrap();
        end.gatherer.handle_timeout(end.now);
        assert_eq!(end.gatherer.outgoing().map(|(_, bytes)| bytes.len()).sum::<usize>(), 0);
        end.exchange();
    }
    assert_eq!((end.errors(), end.now - start), (vec![(701, "the server did not answer")], ms(1500)));
}

#[test]
fn a_server_that_cannot_be_connected_to_is_told_at_once_with_the_reason() {
    let mut end = End::new(TCP, Trust::default(), None);
    end.exchange();
    let Some(LinkOrder::Connect { id, .. }) = end.orders.pop() else { panic!("no connection") };
    end.gatherer.linked(end.now, id, Err("connection refused".to_owned()));
    end.exchange();
    assert_eq!(end.errors(), [(701, "connection refused")]);
    assert!(end.is_complete());
    assert_eq!(end.orders, [LinkOrder::Close(id)]);
}

#[test]
fn a_connection_that_is_lost_takes_the_address_with_it() {
    let mut end = End::tcp();
    end.send(&[0x80]);
    end.gatherer.unlinked(end.link.unwrap(), "reset".to_owned());
    end.exchange();
    assert_eq!(end.events.last(), Some(&GatherEvent::Lost(end.server.relayed)));
    assert_eq!(end.orders, [LinkOrder::Close(end.link.unwrap())]);
    assert_eq!(end.gatherer.timeout(), None);
}

#[test]
fn a_server_that_speaks_something_else_is_left() {
    let mut end = End::new(TCP, Trust::default(), None);
    end.exchange();
    let Some(LinkOrder::Connect { id, .. }) = end.orders.pop() else { panic!("no connection") };
    end.gatherer.linked(end.now, id, Ok(base()));
    end.gatherer.receive_stream(end.now, id, b"\x80\0\0\0", &mut |_, _, _| panic!("data"));
    end.exchange();
    assert_eq!(end.errors(), [(701, "the server does not speak TURN")]);
}

#[test]
fn an_allocation_in_a_stream_is_renewed_and_given_back() {
    let mut end = End::tcp();
    for _ in 0..1800 {
        end.send(&[0x80, 7]);
        end.pass(Duration::from_secs(1));
    }
    assert!((3..=4).contains(&end.server.count(METHOD_REFRESH)));
    assert!(end.relayed.len() >= 1798, "{}", end.relayed.len());
    end.gatherer.close();
    end.exchange();
    assert_eq!(end.server.held_until, None);
    assert_eq!(end.orders, [LinkOrder::Close(end.link.unwrap())]);
}

#[test]
fn a_slow_connection_drops_media_and_keeps_requests() {
    let mut end = End::tcp();
    end.send(&[0x80]);
    end.send(&[0x80]);
    end.relayed.clear();
    for _ in 0..1000 {
        let transmit = Transmit { local: end.server.relayed, peer: far(), payload: [0x80; 200][..].into() };
        assert_eq!(end.gatherer.frame(end.now, transmit), None);
    }
    let waiting: usize = end.gatherer.outgoing().map(|(_, bytes)| bytes.len()).sum();
    assert!((60_000..=64 * 1024).contains(&waiting), "{waiting} bytes");
    end.exchange();
    assert_eq!(end.relayed.len(), waiting / 204);
    end.send(&[0x80]);
    assert_eq!(end.relayed.len(), waiting / 204 + 1);
}

#[test]
fn tls_of_either_version_relays_where_the_certificate_is_of_the_host() {
    for version in [&version::TLS12, &version::TLS13] {
        let mut end = End::new(TLS, AUTHORITY.trust.clone(), Some(tls_server(&[version])));
        end.connect();
        assert!(end.is_complete());
        assert_eq!(end.candidates().last(), Some(&(CandidateKind::Relay, Some("tls"), 0)), "{:?}", end.errors());
        let spoken = end.tls.as_ref().unwrap().protocol_version();
        assert_eq!(spoken, Some(version.version));
        assert!(matches!(spoken, Some(ProtocolVersion::TLSv1_2 | ProtocolVersion::TLSv1_3)));
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_ends_it_before_anything_is_said() {
    let mut other = CertificateParams::new(vec!["turn.example.org".to_owned()]).unwrap();
    other.distinguished_name.push(DnType::CommonName, "somebody else");
    let other = other.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    let cases = [
        (TLS, Trust::new([&other[..]]).unwrap(), "invalid peer certificate: UnknownIssuer"),
        ("turns:198.51.100.1", AUTHORITY.trust.clone(), "invalid peer certificate: certificate not valid for name"),
        (TLS, Trust::default(), "no certificate authority is trusted"),
    ];
    for (url, trust, reason) in cases {
        let end = End::tls(url, trust);
        let errors = end.errors();
        assert!(errors.len() == 1 && errors[0].0 == 701 && errors[0].1.starts_with(reason), "{errors:?}");
        assert_eq!((end.heard.len(), end.server.granted.len()), (0, 0));
        assert!(end.is_complete());
    }
}

#[test]
fn an_authority_that_cannot_be_read_is_passed_over() {
    let trust = Trust::new([&b"no certificate"[..], &AUTHORITY.root]).unwrap();
    assert_eq!(End::tls(TLS, trust).candidates().len(), 2);
}

#[test]
fn a_server_over_several_transports_gives_candidates_that_are_told_apart() {
    let urls = ["turn:198.51.100.1", TCP].map(str::to_owned).to_vec();
    let (username, credential) = (Some(USER.to_owned()), Some(PASSWORD.to_owned()));
    let with = IceServer { urls, username, credential, trust: Trust::default() };
    let now = Instant::now();
    let mut gatherer = Gatherer::new(now, &[base()], &[with], LIMIT);
    let server = |relayed| Server::new(address("198.51.100.1:3478"), address(relayed), address("203.0.113.7:40000"));
    let (mut udp, mut tcp) = (server("198.51.100.1:1000"), server("198.51.100.1:1001"));
    let Some(LinkOrder::Connect { id, .. }) = gatherer.poll_order() else { panic!("no connection") };
    gatherer.linked(now, id, Ok(base()));
    for _ in 0..2 {
        let request: Vec<u8> = gatherer.outgoing().flat_map(|(_, bytes)| bytes.split()).collect();
        let [Out::Client(answer)] = &tcp.receive(now, &request)[..] else { panic!("no answer") };
        gatherer.receive_stream(now, id, answer, &mut |_, _, _| {});
        let request = gatherer.poll_transmit().unwrap();
        let [Out::Client(answer)] = &udp.receive(now, &request.payload)[..] else { panic!("no answer") };
        gatherer.unframe(now, base(), request.peer, &mut answer.clone());
    }
    let relayed = std::iter::from_fn(|| gatherer.poll_event()).filter_map(|event| match event {
        GatherEvent::Candidate(candidate, ..) if candidate.kind == CandidateKind::Relay => Some(candidate),
        _ => None,
    });
    let mut found: Vec<_> = relayed.map(|found| (found.priority >> 24, found.port, found.foundation)).collect();
    found.sort();
    assert_eq!(found.iter().map(|(kind, port, _)| (*kind, *port)).collect::<Vec<_>>(), [(1, 1001), (2, 1000)]);
    assert_ne!(found[0].2, found[1].2);
}
