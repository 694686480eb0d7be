//! Attacks by somebody who can send datagrams, from his own address or with the far end's, but has no key.

use crate::stub::{Role, Stub};
use crate::wire::{Wire, address, host, ms};
use rtc_stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE};
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, CLASS_INDICATION, METHOD_BINDING, MessageType};
use std::net::SocketAddr;
use webphone_rtc::transport::{DtlsState, IceState, TransportEvent};

const FORGED_CCS: [u8; 15] = [20, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 1, 0, 0, 2, 3, 3];
const FATAL_ALERT: [u8; 15] = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 90, 0, 2, 2, 40];

fn stranger() -> SocketAddr {
    address("6.6.6.6:6")
}

fn far_end(of: usize) -> SocketAddr {
    address(["10.0.0.2:5000", "10.0.0.1:5000"][of])
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn mutate(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut mutated = datagram.to_vec();
        for _ in 0..=self.roll(6) {
            let at = self.roll(mutated.len());
            mutated[at] = self.roll(256) as u8;
        }
        let len = self.roll(mutated.len() + 40);
        mutated.truncate(len);
        mutated
    }
}

fn still_talks(wire: &mut Wire) {
    for side in &mut wire.sides {
        side.sent.clear();
        side.received.clear();
    }
    wire.media = true;
    wire.run(ms(500));
    assert!(wire.is_up(), "{:?}", wire.states());
    assert_eq!(wire.lost(), [0, 0]);
    assert!(wire.sides.iter().all(|side| !side.sent.is_empty()));
}

#[test]
fn a_forged_change_cipher_spec_does_not_end_an_association() {
    for victim in [0, 1] {
        for from in [stranger(), far_end(victim)] {
            let mut wire = Wire::connected();
            wire.run(ms(100));
            wire.forge(victim, from, &FORGED_CCS);
            wire.run(ms(1000));
            still_talks(&mut wire);
        }
    }
}

#[test]
fn a_stranger_cannot_end_a_handshake() {
    for victim in [0, 1] {
        let mut wire = Wire::new();
        wire.signal(0);
        wire.signal(1);
        assert!(wire.run_until(ms(1000), Wire::is_shaking));
        wire.forge(victim, stranger(), &FATAL_ALERT);
        assert!(wire.run_until(ms(2000), Wire::is_up), "{:?}", wire.states());
    }
}

#[test]
fn media_is_taken_only_from_addresses_that_were_checked() {
    let mut wire = Wire::connected();
    wire.media = true;
    wire.run(ms(200));
    wire.lost();
    wire.cut[1] = true;
    wire.media = true;
    wire.run(ms(100));
    wire.media = false;
    wire.run(ms(50));
    let authentic = wire.last_sent(1, |datagram| datagram[0] == 0x80);
    let received = wire.sides[0].received.len();
    wire.forge(0, stranger(), &authentic);
    wire.run(ms(1));
    assert_eq!(wire.sides[0].received.len(), received);
    wire.forge(0, far_end(0), &authentic);
    wire.run(ms(1));
    assert_eq!(wire.sides[0].received.len(), received + 1, "the packet itself was good");
    wire.forge(0, far_end(0), &authentic);
    wire.run(ms(1));
    assert_eq!(wire.sides[0].received.len(), received + 1, "a replay is not");
}

#[test]
fn a_role_is_not_given_up_to_an_unauthenticated_request() {
    for (controlling, attribute, tie_breaker) in
        [(true, ATTR_ICE_CONTROLLING, u64::MAX), (false, ATTR_ICE_CONTROLLED, 0)]
    {
        let mut stub = Stub::new(controlling, false, vec![host(far_end(0))]);
        let value = tie_breaker.to_be_bytes().to_vec();
        let forged = stub.unsigned(BINDING_REQUEST, Some((attribute, value)));
        stub.sent();
        for from in [stranger(), far_end(0)] {
            stub.deliver(from, &forged);
        }
        assert_eq!(stub.transport.stats().controlling, controlling);
        assert!(stub.sent().is_empty(), "nor is it answered");
    }
}

#[test]
fn forged_signs_of_life_do_not_hide_that_the_far_end_has_gone() {
    let stub = Stub::new(true, false, vec![]);
    let indication = stub.unsigned(MessageType::new(METHOD_BINDING, CLASS_INDICATION), None);
    let request = stub.unsigned(BINDING_REQUEST, None);
    let mut wire = Wire::connected();
    wire.run(ms(3000));
    wire.cut[1] = true;
    for _ in 0..40 {
        wire.run(ms(1000));
        // He even sees our requests and answers them, but cannot sign.
        let asked = wire.last_sent(0, |datagram| datagram.starts_with(&[0, 1]));
        let mut answer = stub.unsigned(BINDING_SUCCESS, None);
        answer[8..20].copy_from_slice(&asked[8..20]);
        for forged in [&indication, &request, &answer] {
            wire.forge(0, far_end(0), forged);
        }
    }
    assert!(wire.sides[0].saw(&TransportEvent::Ice(IceState::Disconnected)));
    assert_eq!(wire.sides[0].ice(), IceState::Failed);
}

#[test]
fn old_answers_do_not_renew_consent() {
    let mut wire = Wire::connected();
    wire.run(ms(3000));
    let answer = wire.last_sent(1, |datagram| datagram.starts_with(&[1, 1]));
    wire.cut[1] = true;
    for _ in 0..40 {
        wire.run(ms(1000));
        wire.forge(0, far_end(0), &answer);
    }
    assert_eq!(wire.sides[0].ice(), IceState::Failed);
}

#[test]
fn a_flood_of_ssrcs_from_a_spoofed_address_does_not_touch_the_call() {
    let mut wire = Wire::connected();
    let mut forged = [0_u8; 60];
    forged[..2].copy_from_slice(&[0x80, 111]);
    for ssrc in 0..50_000_u32 {
        forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
        wire.forge(0, far_end(0), &forged);
    }
    still_talks(&mut wire);
}

#[test]
fn mutated_handshake_records_end_a_handshake_at_its_deadline_at_worst() {
    let mut handshake = Wire::connected();
    handshake.run(ms(10));
    let honest: Vec<_> =
        handshake.captured.iter().filter(|(_, sent)| sent.payload[0] == 22).map(|(side, sent)| (*side, sent)).collect();
    let mut dice = Dice(0x1234_5678_9ABC_DEF1);
    for _ in 0..5 {
        let mut wire = Wire::new();
        wire.signal(0);
        wire.signal(1);
        assert!(wire.run_until(ms(1000), Wire::is_shaking));
        for _ in 0..2_000 {
            let (from, sent) = honest[dice.roll(honest.len())];
            let forged = dice.mutate(&sent.payload);
            wire.forge(1 - from, far_end(1 - from), &forged);
        }
        wire.run(ms(31_000));
        for side in &wire.sides {
            assert!(matches!(side.dtls(), DtlsState::Connected | DtlsState::Failed), "{:?}", side.dtls());
        }
    }
}

#[test]
fn a_hundred_thousand_mutated_datagrams_do_not_disturb_a_call() {
    let mut wire = Wire::connected();
    wire.media = true;
    wire.run(ms(3000));
    wire.lost();
    let samples: Vec<_> = wire.captured.iter().map(|(side, sent)| (*side, sent.payload.clone())).collect();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for _ in 0..100_000 {
        let (from, sample) = &samples[dice.roll(samples.len())];
        let forged = dice.mutate(sample);
        wire.forge(1 - from, far_end(1 - from), &forged);
    }
    still_talks(&mut wire);
}

/// A handshake message of `len` bytes in pieces of one byte, the first of them last.
fn pieces_of_a_message(sequence: u8, len: u32) -> impl Iterator<Item = Vec<u8>> {
    let piece = move |offset: u32| {
        let (length, offset) = (len.to_be_bytes(), offset.to_be_bytes());
        let header = [&[11], &length[1..], &[0, sequence], &offset[1..], &[0, 0, 1]].concat();
        [&[22, 0xFE, 0xFD, 0, 0, 0, 0, 1, 0, 0, 0, 0, 13][..], &header, &[0]].concat()
    };
    (0..len).rev().map(piece).enumerate().map(move |(number, mut record)| {
        record[9..11].copy_from_slice(&(number as u16).to_be_bytes());
        record[8] = sequence;
        record
    })
}

#[test]
fn a_handshake_message_in_sixteen_thousand_pieces_does_not_exhaust_the_stack() {
    for up in [false, true] {
        for victim in [0, 1] {
            let mut wire = Wire::new();
            wire.signal(0);
            wire.signal(1);
            assert!(wire.run_until(ms(1000), if up { Wire::is_up } else { Wire::is_shaking }));
            for sequence in 0..10 {
                for record in pieces_of_a_message(sequence, 16_000) {
                    wire.forge(victim, far_end(victim), &record);
                }
            }
            wire.run(ms(31_000));
            let dtls = wire.sides[victim].dtls();
            assert!(dtls == DtlsState::Connected || !up && dtls == DtlsState::Failed, "{dtls:?}");
        }
    }
}

#[test]
fn copies_of_a_check_from_anywhere_do_not_put_the_far_end_out() {
    let mut wire = Wire::connected();
    wire.media = true;
    wire.run(ms(500));
    let check = wire.last_sent(1, |datagram| datagram.starts_with(&[0, 1]));
    for number in 0..2000_u16 {
        wire.forge(0, SocketAddr::from(([203, 0, 113, 7], 1000 + number)), &check);
        wire.run(ms(2));
    }
    wire.run(ms(500));
    assert_eq!(wire.lost(), [0, 0]);
    // The far end may still move.
    assert!(wire.is_up());
}

#[test]
fn what_stands_behind_the_signature_of_a_check_is_not_obeyed() {
    let appended = |datagram: &[u8], kind: u16, value: &[u8]| {
        let mut datagram = datagram.to_vec();
        datagram.extend(kind.to_be_bytes());
        datagram.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        datagram.extend(value);
        let len = u16::try_from(datagram.len() - 20).unwrap();
        datagram[2..4].copy_from_slice(&len.to_be_bytes());
        datagram
    };
    let mut stub = Stub::new(true, false, vec![host(far_end(0))]);
    let request = stub.request(Role::Controlled(0), false).raw;
    let without_fingerprint = &request[..request.len() - 8];
    for seen in [&request[..], without_fingerprint] {
        let forged = appended(seen, ATTR_ICE_CONTROLLING.0, &u64::MAX.to_be_bytes());
        stub.deliver(far_end(0), &forged);
        assert!(stub.transport.stats().controlling);
    }
    let mut stub = Stub::controlled(vec![host(far_end(0)), host(stranger())]);
    for check in stub.sent() {
        let answer = stub.success(&check.payload, check.local);
        stub.deliver(check.peer, &answer);
    }
    let chosen = stub.path();
    let request = stub.request(Role::Controlling(9), false).raw;
    for from in [far_end(0), stranger()] {
        stub.deliver(from, &appended(&request, ATTR_USE_CANDIDATE.0, &[]));
    }
    assert_eq!(stub.path(), chosen, "nothing is nominated");
    assert_ne!(stub.transport.state().0, IceState::Completed);
}
