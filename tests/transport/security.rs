//! What docs/security.md promises of the transport, seen on the wire.

use crate::stub::{Role, Stub};
use crate::wire::{Wire, address, ms};
use std::collections::BTreeSet;
use webphone_rtc::transport::{Certificate, Transmit};

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const USE_SRTP: u16 = 14;
/// OBJECT IDENTIFIER prime256v1, in DER.
const P_256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

struct Hello {
    version: u16,
    cipher_suites: Vec<u16>,
    srtp_profiles: Vec<u16>,
}

/// RFC 6347 section 4.2.1, behind the headers of record (13 bytes) and message (12).
fn hello(datagram: &[u8]) -> Hello {
    let body = &datagram[25..];
    let mut at = 34;
    at += 1 + usize::from(body[at]); // session id
    at += 1 + usize::from(body[at]); // cookie
    let list = |at: usize| {
        let len = usize::from(u16_at(body, at));
        (at + 2 + len, body[at + 2..at + 2 + len].chunks_exact(2).map(|pair| u16_at(pair, 0)).collect::<Vec<_>>())
    };
    let (after, cipher_suites) = list(at);
    at = after + 1 + usize::from(body[after]) + 2; // compression, length of the extensions
    while at < body.len() {
        let (kind, len) = (u16_at(body, at), usize::from(u16_at(body, at + 2)));
        if kind == USE_SRTP {
            return Hello { version: u16_at(body, 0), cipher_suites, srtp_profiles: list(at + 4).1 };
        }
        at += 4 + len;
    }
    panic!("no use_srtp");
}

fn client_hellos(wire: &Wire) -> Vec<Hello> {
    let is_hello = |sent: &Transmit| sent.payload[0] == HANDSHAKE && sent.payload[13] == CLIENT_HELLO;
    wire.captured.iter().filter(|(_, sent)| is_hello(sent)).map(|(_, sent)| hello(&sent.payload)).collect()
}

#[test]
fn strong_srtp_profiles_alone_are_offered_and_aes_gcm_is_the_first_and_is_agreed_on() {
    let wire = Wire::connected();
    let hellos = client_hellos(&wire);
    assert!(!hellos.is_empty());
    for hello in hellos {
        // RFC 7714 section 14.2, RFC 5764 section 4.1.2. Nothing with a tag of 32 bits, and no NULL cipher.
        assert_eq!(hello.srtp_profiles, [0x0007, 0x0001]);
    }
    for side in &wire.sides {
        assert_eq!(side.transport.security().unwrap().1, "SRTP_AEAD_AES_128_GCM");
    }
}

#[test]
fn dtls_is_1_2_with_forward_secrecy_and_aes() {
    let wire = Wire::connected();
    // ECDHE with AES-GCM, and with AES-CBC for old gateways, which RFC 8827 section 6.5 asks to support too.
    let good = BTreeSet::from([0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA8, 0xCCA9, 0xC009, 0xC00A, 0xC013, 0xC014]);
    for hello in client_hellos(&wire) {
        assert_eq!(hello.version, 0xFEFD);
        let others: Vec<_> = hello.cipher_suites.iter().filter(|suite| !good.contains(suite)).collect();
        assert!(others.is_empty(), "{others:04X?}");
        assert!([0xC02B, 0xC02F].contains(&hello.cipher_suites[0]), "{:04X?}", hello.cipher_suites);
    }
    assert!(wire.sides[0].transport.security().unwrap().0.contains("GCM"));
}

#[test]
fn certificates_are_ecdsa_p_256_and_no_two_have_the_same_key() {
    let made: Vec<_> = (0..20).map(|_| Certificate::generate(ms(60_000)).unwrap()).collect();
    let mut keys = BTreeSet::new();
    for certificate in &made {
        let der = certificate.der();
        let at = der.windows(P_256.len()).position(|bytes| bytes == P_256).unwrap();
        // BIT STRING, 66 bytes, no unused bits, uncompressed point.
        assert_eq!(der[at + 10..at + 14], [0x03, 0x42, 0x00, 0x04]);
        keys.insert(der[at + 14..at + 78].to_vec());
    }
    assert_eq!(keys.len(), made.len());
}

#[test]
fn stun_that_no_key_vouches_for_is_never_answered_however_much_comes() {
    let mut stub = Stub::new(true, false, vec![]);
    stub.sent();
    let signed = stub.request(Role::Controlled(7), false).raw;
    for n in 0..20_000_u32 {
        let from = address(&format!("198.51.{}.{}:{}", n >> 8 & 0xFF, n & 0xFF, 1024 + n % 60_000));
        let mut forged = signed.clone();
        match n % 4 {
            // Without MESSAGE-INTEGRITY.
            0 => forged = stub.unsigned(rtc_stun::message::BINDING_REQUEST, None),
            // One bit of what is signed is another, then of the signature, then it is cut off.
            1 => forged[30] ^= 1,
            2 => {
                let len = forged.len();
                forged[len - 12] ^= 1;
            }
            _ => forged.truncate(forged.len() - 8),
        }
        stub.deliver(from, &forged);
    }
    assert!(stub.sent().is_empty());
    assert_eq!(stub.transport.stats().requests_received, 0);
    // What is signed is answered, at once.
    stub.deliver(address("198.51.100.1:4000"), &signed);
    assert!(!stub.sent().is_empty());
}
