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
    let number = u128::from_be_bytes(bytes);
    let part = |low: u32, digits: u32| (number >> (4 * low)) & ((1 << (4 * digits)) - 1);
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", part(24, 8), part(20, 4), part(16, 4), part(12, 4), part(0, 12))
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Random for Counting {
        fn fill(&mut self, out: &mut [u8]) {
            (0..).zip(out).for_each(|(count, byte)| *byte = count);
        }
    }

    #[test]
    fn a_uuid_tells_its_version_and_shows_all_other_bits() {
        assert_eq!(uuid(&mut Counting), "00010203-0405-4607-8809-0a0b0c0d0e0f");
    }
}
