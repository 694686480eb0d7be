//! The system's randomness for what must not be guessed: ICE passwords, SSRCs.

use super::crypto;
use crate::error::Result;
use crate::negotiation::Random;
use rtc_crypto::RTCCryptoProvider;
use std::sync::Arc;

/// Cryptographically strong random bytes.
pub struct SystemRandom(Arc<dyn RTCCryptoProvider>);

impl SystemRandom {
    /// Fails where there is no cryptography.
    pub fn new() -> Result<Self> {
        Ok(Self(crypto()?))
    }
}

impl Random for SystemRandom {
    fn fill(&mut self, out: &mut [u8]) {
        // Fails only where the process may not ask the system (a seccomp filter); no call is possible then, as DTLS
        // fails for the same reason.
        let _ = self.0.random().fill(out);
    }
}
