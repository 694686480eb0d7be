//! Handshakes of DTLS datagram by datagram, in virtual time, with far ends that repeat what they send as OpenSSL does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use webphone_rtc::negotiation::DtlsRole;
use webphone_rtc::transport::Certificate;
use webphone_rtc::transport::internals::Dtls;

const SERVER: usize = 0;
const CLIENT: usize = 1;

const HANDSHAKE: u8 = 22;
const RECORD_HEADER_LEN: usize = 13;
const MESSAGE_HEADER_LEN: usize = 12;

/// Two ends that know each other's certificates.
fn ends() -> [Dtls; 2] {
    let [server, client] = [0, 1].map(|_| Certificate::generate(Duration::from_secs(3600)).unwrap());
    [
        Dtls::new(&server, client.der(), DtlsRole::Server).unwrap(),
        Dtls::new(&client, server.der(), DtlsRole::Client).unwrap(),
    ]
}

/// Both ends for up to 28 s over a network that makes of each datagram, told who sent it, those that arrive. How long it took;
/// `None` where it was not enough.
fn shake(ends: &mut [Dtls; 2], mut network: impl FnMut(usize, &[u8]) -> Vec<Vec<u8>>) -> Option<Duration> {
    let start = Instant::now();
    let mut now = start;
    ends.iter_mut().for_each(|end| end.start(now));
    while now < start + Duration::from_secs(28) {
        while let Some((from, datagram)) =
            [SERVER, CLIENT].into_iter().find_map(|end| Some((end, ends[end].poll_transmit()?)))
        {
            for arrived in network(from, &datagram) {
                ends[1 - from].receive(now, &arrived);
            }
        }
        if ends.iter().all(Dtls::is_settled) {
            return Some(now - start);
        }
        now = ends.iter().filter_map(Dtls::timeout).min()?.max(now);
        for end in ends.iter_mut().filter(|end| end.timeout().is_some_and(|at| at <= now)) {
            end.handle_timeout(now);
        }
    }
    None
}

/// Each record with its header.
fn records(datagram: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut records) = (datagram, Vec::new());
    while !rest.is_empty() {
        let (record, others) = rest.split_at(RECORD_HEADER_LEN + usize::from(u16::from_be_bytes([rest[11], rest[12]])));
        records.push(record);
        rest = others;
    }
    records
}

/// The numbers of the records that are encrypted.
fn numbers(datagram: &[u8]) -> Vec<u64> {
    let number = |record: &[u8]| u64::from_be_bytes(record[3..11].try_into().unwrap()) & 0xFFFF_FFFF_FFFF;
    records(datagram).into_iter().filter(|record| record[3..5] == [0, 1]).map(number).collect()
}

/// A server as OpenSSL's: once it has ended, only a Finished that it has not seen has it repeat its own, of which the first
/// `losses` are lost.
fn shake_with_a_strict_server(ends: &mut [Dtls; 2], losses: usize) -> Option<Duration> {
    let (mut seen, mut lost) = (BTreeSet::new(), 0);
    shake(ends, |from, datagram| {
        let finished = numbers(datagram);
        let arrives = match from {
            SERVER if !finished.is_empty() && lost < losses => {
                lost += 1;
                false
            }
            SERVER => true,
            _ => seen.is_empty() | finished.into_iter().any(|number| seen.insert(number)),
        };
        arrives.then(|| datagram.to_vec()).into_iter().collect()
    })
}

#[test]
fn a_server_whose_last_flight_was_lost_is_asked_for_it_by_a_finished_that_it_has_not_seen() {
    for losses in 1..=7 {
        let took = shake_with_a_strict_server(&mut ends(), losses).unwrap_or_else(|| panic!("{losses} lost"));
        assert!(losses > 3 || took < Duration::from_secs(2), "{losses} lost: {took:?}");
    }
}

#[test]
fn a_finished_has_no_more_numbers_than_openssl_answers_and_none_that_comes_again_afterwards() {
    let mut ends = ends();
    let mut sent = Vec::new();
    let took = shake(&mut ends, |from, datagram| {
        if from == CLIENT {
            sent.extend(numbers(datagram));
        }
        let last_of_server = from == SERVER && !numbers(datagram).is_empty();
        (!last_of_server || sent.len() > 25).then(|| datagram.to_vec()).into_iter().collect()
    });
    assert!(took.is_some());
    assert_eq!(sent.iter().copied().collect::<BTreeSet<_>>(), (0..8).collect(), "{sent:?}");
    ends[CLIENT].close(Instant::now());
    assert_eq!(numbers(&ends[CLIENT].poll_transmit().unwrap()), [8], "close_notify has the next one");
}

#[test]
fn a_server_that_is_asked_for_its_last_flight_sends_it_under_numbers_that_are_new() {
    let mut ends = ends();
    let mut sent = Vec::new();
    let took = shake(&mut ends, |from, datagram| {
        if from == SERVER {
            sent.extend(numbers(datagram));
        }
        (sent.len() > 3 || from == CLIENT || numbers(datagram).is_empty())
            .then(|| datagram.to_vec())
            .into_iter()
            .collect()
    });
    assert!(took.is_some());
    assert_eq!(sent, [0, 1, 2, 3]);
    ends[SERVER].close(Instant::now());
    assert_eq!(numbers(&ends[SERVER].poll_transmit().unwrap()), [4], "close_notify has the next one");
}

/// The type of the message that a record in the clear has.
fn kind(record: &[u8]) -> Option<u8> {
    (record[0] == HANDSHAKE && record[3..5] == [0, 0]).then(|| record[RECORD_HEADER_LEN])
}

/// A message in fragments of up to `size` bytes, each in a record. Our ends give each message a record of its own.
fn cut(record: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (header, message) = record.split_at(RECORD_HEADER_LEN);
    let (about, body) = message.split_at(MESSAGE_HEADER_LEN);
    let fragment = |(at, piece): (usize, &[u8])| {
        let u24 = |value: usize| (value as u32).to_be_bytes()[1..].to_vec();
        let len = ((MESSAGE_HEADER_LEN + piece.len()) as u16).to_be_bytes();
        [&header[..11], &len, &about[..6], &u24(at * size), &u24(piece.len()), piece].concat()
    };
    body.chunks(size).enumerate().map(fragment).collect()
}

/// As OpenSSL sends: the first time a message of this `kind` is cut where the datagram is full, and what follows is lost;
/// later it is whole, or cut elsewhere (`later`).
fn shake_where_one_is_cut(sender: usize, kind_of_cut: u8, later: usize) -> Option<Duration> {
    let (mut was_cut, mut number) = (false, 0_u32);
    shake(&mut ends(), |from, datagram| {
        let mut arrive = Vec::new();
        for record in records(datagram) {
            if from != sender || kind(record) != Some(kind_of_cut) {
                arrive.push(record.to_vec());
            } else if std::mem::replace(&mut was_cut, true) {
                arrive.extend(cut(record, later));
            } else {
                arrive.push(cut(record, 30).swap_remove(0));
                break;
            }
        }
        for record in arrive.iter_mut().filter(|record| from == sender && record[3..5] == [0, 0]) {
            record[7..11].copy_from_slice(&number.to_be_bytes());
            number += 1;
        }
        arrive
    })
}

#[test]
fn a_message_that_comes_in_part_and_then_whole_or_cut_elsewhere_is_joined() {
    let (server_hello, certificate, server_key_exchange, certificate_verify, client_key_exchange) = (2, 11, 12, 15, 16);
    for (sender, kind) in [
        (SERVER, server_hello),
        (SERVER, certificate),
        (SERVER, server_key_exchange),
        (CLIENT, certificate),
        (CLIENT, client_key_exchange),
        (CLIENT, certificate_verify),
    ] {
        for later in [2000, 50, 20] {
            let took = shake_where_one_is_cut(sender, kind, later);
            assert!(took.is_some(), "{kind} of {sender}, later in pieces of {later}");
        }
    }
}
