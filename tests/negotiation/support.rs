//! What every table needs: seeded negotiators, fixtures, and ways to look into a description.

use super::ice;
pub use super::operations::seen;
use std::net::SocketAddr;
use webphone_rtc::error::{ErrorKind, Result};
use webphone_rtc::negotiation::*;

/// xorshift64*: the same numbers on every machine.
pub struct Seeded(pub u64);

impl Seeded {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            *byte = (self.next() >> 32) as u8;
        }
    }
}

pub fn config() -> Config {
    Config {
        bundle_policy: BundlePolicy::Balanced,
        rtcp_mux_require: true,
        fingerprints: vec![Fingerprint { algorithm: HashAlgorithm::Sha256, bytes: (0..32).collect() }],
        features: Features::default(),
    }
}

pub fn with(config: Config, seed: u64) -> Negotiator {
    Negotiator::new(config, Box::new(Seeded(seed)))
}

/// A negotiator as the SDK uses it: one audio track without a stream.
pub fn phone() -> Negotiator {
    let mut phone = with(config(), 7);
    phone.add_track(Kind::Audio, "mic", &[]).unwrap();
    phone
}

/// The far end, another of us.
pub fn peer() -> Negotiator {
    let mut peer = with(config(), 4711);
    peer.add_track(Kind::Audio, "peer-mic", &["peer-stream".into()]).unwrap();
    peer
}

/// A description from `tests/fixtures/sdp`, with CRLF as on the wire.
pub fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/sdp/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().replace("\r\n", "\n").replace('\n', "\r\n")
}

pub fn offer(negotiator: &mut Negotiator) -> String {
    let sdp = negotiator.create_offer(OfferOptions::default()).unwrap();
    negotiator.set_local(SdpType::Offer, &sdp).unwrap();
    sdp
}

pub fn answer(negotiator: &mut Negotiator, offer: &str) -> String {
    negotiator.set_remote(SdpType::Offer, offer).unwrap();
    let sdp = negotiator.create_answer().unwrap();
    negotiator.set_local(SdpType::Answer, &sdp).unwrap();
    sdp
}

/// `from` offers, `to` answers.
pub fn negotiate(from: &mut Negotiator, to: &mut Negotiator) {
    let offer = offer(from);
    let answer = answer(to, &offer);
    from.set_remote(SdpType::Answer, &answer).unwrap();
}

/// A phone in a call that the far end of `fixture` opened.
pub fn called_by(name: &str) -> (Negotiator, String) {
    let mut phone = phone();
    let sdp = answer(&mut phone, &fixture(name));
    (phone, sdp)
}

pub fn lines<'a>(sdp: &'a str, prefix: &str) -> Vec<&'a str> {
    sdp.split("\r\n").filter(|line| line.starts_with(prefix)).collect()
}

pub fn line<'a>(sdp: &'a str, prefix: &str) -> &'a str {
    let found = lines(sdp, prefix);
    assert_eq!(found.len(), 1, "{prefix} in\n{sdp}");
    found[0]
}

pub fn has(sdp: &str, wanted: &str) -> bool {
    sdp.split("\r\n").any(|line| line == wanted)
}

/// The text of section `index`, from its `m=` line on.
pub fn section(sdp: &str, index: usize) -> String {
    let starts: Vec<_> = sdp.match_indices("\r\nm=").map(|(at, _)| at + 2).chain([sdp.len()]).collect();
    sdp[starts[index]..starts[index + 1]].to_owned()
}

pub fn direction(sdp: &str) -> &str {
    let names = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"];
    let found: Vec<_> = sdp.split("\r\n").filter(|line| names.contains(line)).collect();
    assert_eq!(found.len(), 1, "one direction in\n{sdp}");
    &found[0][2..]
}

pub fn version(sdp: &str) -> u64 {
    line(sdp, "o=").split(' ').nth(2).unwrap().parse().unwrap()
}

pub fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind
}

pub fn only(negotiator: &Negotiator) -> TransceiverSnapshot {
    let mut transceivers = negotiator.snapshot().transceivers;
    assert_eq!(transceivers.len(), 1);
    transceivers.remove(0)
}

pub fn parameters(negotiator: &Negotiator) -> Parameters {
    negotiator.parameters(only(negotiator).id).unwrap()
}

pub fn transport(negotiator: &Negotiator) -> TransportPlan {
    let mut transports = negotiator.plan().transports;
    assert_eq!(transports.len(), 1);
    transports.remove(0)
}

pub fn media(negotiator: &Negotiator) -> MediaPlan {
    let mut media = negotiator.plan().media;
    assert_eq!(media.len(), 1);
    media.remove(0)
}

pub fn host(address: &str, port: u16) -> LocalCandidate {
    LocalCandidate { address: address.into(), ..ice::host(SocketAddr::from(([0; 4], port))) }
}

/// `name/clock/channels` under its payload type.
pub fn names(codecs: &[CodecParameters]) -> Vec<String> {
    let name = |codec: &CodecParameters| {
        format!("{} {}/{}/{}", codec.payload_type, codec.name, codec.clock_rate, codec.channels)
    };
    codecs.iter().map(name).collect()
}
