//! Where the unguessable parts of a description come from.
//!
//! Invariant: every value is drawn from the injected source, so that tests can seed it.

/// A source of random bytes. In production it must be cryptographically strong: ICE passwords come from here.
pub trait Random {
    /// Fills `out`.
    fn fill(&mut self, out: &mut [u8]);
}

/// The alphabet of ice-char (RFC 8839 section 5.4): 64 characters, so six random bits each without a bias.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `length` characters of six random bits each.
pub(super) fn token(random: &mut dyn Random, length: usize) -> String {
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ICE_CHARS[usize::from(byte & 63)])).collect()
}

/// A random (version 4) UUID, the form that track and stream ids have.
pub(super) fn uuid(random: &mut dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex[from..to].concat();
    [part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 16)].join("-")
}

/// An SSRC; never 0, which some gateways take for "none".
pub(super) fn ssrc(random: &mut dyn Random) -> u32 {
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    u32::from_be_bytes(bytes).max(1)
}

/// A session id below 2^53, so that JavaScript and old gateways can read it as a number.
pub(super) fn session_id(random: &mut dyn Random) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    u64::from_be_bytes(bytes) >> 11
}
