//! Gathering in virtual time: which candidates, and never longer than the limit.

use crate::wire::{address, ms};
use bytes::BytesMut;
use rtc_stun::error_code::CODE_SERVER_ERROR;
use rtc_stun::message::{BINDING_ERROR, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;
use std::net::SocketAddr;
use std::time::Instant;
use webphone_rtc::negotiation::{CandidateKind, LocalCandidate};
use webphone_rtc::transport::{GatherEvent, Gatherer, IceServer, Transmit};

fn servers(urls: &[&str]) -> Vec<IceServer> {
    vec![IceServer { urls: urls.iter().map(|url| (*url).to_owned()).collect(), ..IceServer::default() }]
}

fn gather(now: Instant, bases: &[&str], urls: &[&str]) -> Gatherer {
    let bases: Vec<_> = bases.iter().map(|base| address(base)).collect();
    Gatherer::new(now, &bases, &servers(urls), ms(1000))
}

fn events(gatherer: &mut Gatherer) -> Vec<GatherEvent> {
    std::iter::from_fn(|| gatherer.poll_event()).collect()
}

fn candidates(events: &[GatherEvent]) -> Vec<&LocalCandidate> {
    events
        .iter()
        .filter_map(|event| match event {
            GatherEvent::Candidate(candidate, ..) => Some(candidate),
            _ => None,
        })
        .collect()
}

fn requests(gatherer: &mut Gatherer) -> Vec<Transmit> {
    std::iter::from_fn(|| gatherer.poll_transmit()).collect()
}

fn answer(request: &BytesMut, attributes: Vec<Box<dyn Setter>>) -> Vec<u8> {
    let id = TransactionId(request[8..20].try_into().unwrap());
    let mut message = Message::new();
    let mut all: Vec<Box<dyn Setter>> = vec![Box::new(id)];
    all.extend(attributes);
    message.build(&all).unwrap();
    message.raw
}

fn mapped(request: &BytesMut, to: SocketAddr) -> Vec<u8> {
    answer(request, vec![Box::new(BINDING_SUCCESS), Box::new(XorMappedAddress { ip: to.ip(), port: to.port() })])
}

#[test]
fn host_candidates_are_there_at_once_in_order_of_preference() {
    let mut gatherer = gather(Instant::now(), &["192.0.2.1:5000", "[2001:db8::1]:5001"], &[]);
    let events = events(&mut gatherer);
    let found = candidates(&events);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].priority, (126 << 24) | (65_535 << 8) | 255);
    assert!(found[0].priority > found[1].priority);
    assert_ne!(found[0].foundation, found[1].foundation);
    assert_eq!((found[1].address.as_str(), found[1].port, found[1].kind), ("2001:db8::1", 5001, CandidateKind::Host));
    assert_eq!(events.last(), Some(&GatherEvent::Complete));
    assert_eq!(gatherer.timeout(), None);
}

#[test]
fn a_server_reflexive_candidate_comes_from_the_socket_that_asked() {
    let mut gatherer = gather(Instant::now(), &["192.168.1.2:5000"], &["stun:198.51.100.1:3478"]);
    assert_eq!(events(&mut gatherer).len(), 1, "not complete yet");
    let request = requests(&mut gatherer).remove(0);
    assert_eq!((request.local, request.peer), (address("192.168.1.2:5000"), address("198.51.100.1:3478")));
    let reply = mapped(&request.payload, address("203.0.113.7:40000"));
    assert!(!gatherer.receive(request.local, address("198.51.100.9:3478"), &reply), "from somebody else");
    assert!(gatherer.receive(request.local, request.peer, &reply));
    let events = events(&mut gatherer);
    let found = candidates(&events)[0];
    assert_eq!((found.address.as_str(), found.port, found.kind), ("203.0.113.7", 40_000, CandidateKind::Srflx));
    assert_eq!(found.related, Some(("192.168.1.2".to_owned(), 5000)));
    assert_eq!(found.priority >> 24, 100);
    assert_eq!(events.last(), Some(&GatherEvent::Complete));
    assert!(!gatherer.receive(request.local, request.peer, &reply), "the checks of ICE come after");
}

#[test]
fn a_reflexive_candidate_equal_to_its_host_is_redundant() {
    let mut gatherer = gather(Instant::now(), &["203.0.113.7:5000"], &["stun:198.51.100.1", "stun:198.51.100.2"]);
    events(&mut gatherer);
    for request in requests(&mut gatherer) {
        assert_eq!(request.peer.port(), 3478);
        assert!(gatherer.receive(request.local, request.peer, &mapped(&request.payload, request.local)));
    }
    assert_eq!(events(&mut gatherer), [GatherEvent::Complete]);
}

#[test]
fn a_silent_server_costs_the_limit_and_no_more() {
    let start = Instant::now();
    let mut gatherer = gather(start, &["192.168.1.2:5000"], &["stun:198.51.100.1:3478", "stun:198.51.100.2:3478"]);
    events(&mut gatherer);
    let (mut now, mut sent) = (start, 0);
    let ended = loop {
        for request in requests(&mut gatherer) {
            sent += 1;
            if request.peer == address("198.51.100.2:3478") {
                gatherer.receive(request.local, request.peer, &mapped(&request.payload, address("203.0.113.7:1")));
            }
        }
        now = gatherer.timeout().unwrap().max(now);
        gatherer.handle_timeout(now);
        let ended = events(&mut gatherer);
        if ended.last() == Some(&GatherEvent::Complete) {
            break ended;
        }
    };
    assert_eq!(now - start, ms(1000));
    assert_eq!(sent, 8, "one to the server that answers, seven to the other");
    let silent = |event: &GatherEvent| matches!(event, GatherEvent::Error { url, code: 701, .. } if url == "stun:198.51.100.1:3478");
    assert_eq!(ended.iter().filter(|event| silent(event)).count(), 1);
}

#[test]
fn names_are_looked_up_outside_and_may_fail_or_be_late() {
    let start = Instant::now();
    let urls = ["stun:good.example:3479", "stun:bad.example", "stun:late.example"];
    let mut gatherer = gather(start, &["192.168.1.2:5000"], &urls);
    let lookups: Vec<_> = std::iter::from_fn(|| gatherer.poll_lookup()).collect();
    assert_eq!(lookups.len(), 3);
    gatherer.resolved(start, &lookups[0], &[address("198.51.100.1:3479"), address("[2001:db8::9]:3479")]);
    gatherer.resolved(start, &lookups[1], &[]);
    let asked = requests(&mut gatherer);
    assert_eq!(asked.len(), 1, "there is no IPv6 here");
    gatherer.receive(asked[0].local, asked[0].peer, &mapped(&asked[0].payload, address("203.0.113.7:1")));
    events(&mut gatherer);
    gatherer.handle_timeout(start + ms(1000));
    assert_eq!(events(&mut gatherer).last(), Some(&GatherEvent::Complete));
    gatherer.resolved(start + ms(1500), &lookups[2], &[address("198.51.100.3:3478")]);
    assert!(requests(&mut gatherer).is_empty() && events(&mut gatherer).is_empty());
}

#[test]
fn what_a_server_refuses_and_what_is_not_supported_is_reported() {
    let urls = ["turns:198.51.100.1:5349?transport=udp", "stuns:198.51.100.1", "stun:198.51.100.2"];
    let mut gatherer = gather(Instant::now(), &["192.168.1.2:5000"], &urls);
    let request = requests(&mut gatherer).remove(0);
    let refusal = answer(&request.payload, vec![Box::new(BINDING_ERROR), Box::new(CODE_SERVER_ERROR)]);
    assert!(gatherer.receive(request.local, request.peer, &refusal));
    let errors: Vec<_> = events(&mut gatherer)
        .into_iter()
        .filter_map(|event| match event {
            GatherEvent::Error { url, code, local, .. } => Some((url, code, local)),
            _ => None,
        })
        .collect();
    let local = Some(address("192.168.1.2:5000"));
    let expected: Vec<_> =
        urls.iter().zip([701, 701, 500]).map(|(url, code)| ((*url).to_owned(), code, local)).collect();
    assert_eq!(errors, expected);
}

#[test]
fn loopback_asks_only_loopback_servers() {
    let bases = ["192.168.1.2:5000", "127.0.0.1:5000"];
    let mut gatherer = gather(Instant::now(), &bases, &["stun:198.51.100.1", "stun:127.0.0.1"]);
    let asked: Vec<_> = requests(&mut gatherer).iter().map(|request| (request.local, request.peer)).collect();
    assert_eq!(
        asked,
        [
            (address("192.168.1.2:5000"), address("198.51.100.1:3478")),
            (address("127.0.0.1:5000"), address("127.0.0.1:3478")),
        ]
    );
}

#[test]
fn a_server_that_lies_gives_no_candidate_that_cannot_be_and_never_holds_gathering_up() {
    let start = Instant::now();
    let lies =
        ["0.0.0.0:0", "203.0.113.7:0", "255.255.255.255:4000", "224.0.0.1:4000", "[::]:4000", "[2001:db8::7]:4000"];
    for lie in lies {
        let mut gatherer = gather(start, &["192.168.1.2:5000"], &["stun:198.51.100.1:3478"]);
        events(&mut gatherer);
        let request = requests(&mut gatherer).remove(0);
        gatherer.receive(request.local, request.peer, &mapped(&request.payload, address(lie)));
        gatherer.handle_timeout(start + ms(1000));
        let events = events(&mut gatherer);
        assert_eq!(candidates(&events), [] as [&LocalCandidate; 0], "{lie}");
        assert_eq!(events.last(), Some(&GatherEvent::Complete), "{lie}");
    }
    for damage in [
        |answer: &mut Vec<u8>| answer.truncate(20),
        |answer: &mut Vec<u8>| answer[2] = 0xFF,
        |answer: &mut Vec<u8>| answer[22] = 0xFF,
        |answer: &mut Vec<u8>| answer[25] = 9,
        |answer: &mut Vec<u8>| answer[8] ^= 1,
    ] {
        let mut gatherer = gather(start, &["192.168.1.2:5000"], &["stun:198.51.100.1:3478"]);
        events(&mut gatherer);
        let request = requests(&mut gatherer).remove(0);
        let mut answer = mapped(&request.payload, address("203.0.113.7:4000"));
        damage(&mut answer);
        gatherer.receive(request.local, request.peer, &answer);
        gatherer.handle_timeout(start + ms(1000));
        let events = events(&mut gatherer);
        assert_eq!(candidates(&events), [] as [&LocalCandidate; 0]);
        assert_eq!(events.last(), Some(&GatherEvent::Complete));
    }
}
