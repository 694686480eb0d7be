//! The certificate of a DTLS endpoint and the fingerprints of others.
//!
//! Invariant: a certificate is self-signed, ECDSA P-256 or RSA; its fingerprint is its only credential (RFC 8827).

use super::{crypto, failed};
use crate::error::Result;
use crate::negotiation::{Fingerprint, HashAlgorithm};
use rtc_dtls::crypto::{Certificate as DtlsCertificate, CryptoPrivateKey};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A key pair and its self-signed certificate.
#[derive(Clone)]
pub struct Certificate {
    pub(super) dtls: DtlsCertificate,
    expires_unix_ms: u64,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("sha256", &self.fingerprint_sha256()).finish_non_exhaustive()
    }
}

impl Certificate {
    /// A new key pair (ECDSA P-256) with its certificate, to be used for `lifetime` from now. The date is kept here: the
    /// X.509 form says the year 4096, as nobody checks dates where the fingerprint is the credential.
    pub fn generate(lifetime: Duration) -> Result<Self> {
        let dtls = DtlsCertificate::generate_self_signed(vec!["webrtc".to_owned()], crypto()?.crypto())
            .map_err(|error| failed("certificate", error))?;
        Ok(Self { dtls, expires_unix_ms: 0 }.lasting(lifetime))
    }

    /// A certificate for an RSA key pair of 2048 to 4096 bits that was made elsewhere (PKCS #8, DER), signed with SHA-256.
    pub fn for_rsa_key(pkcs8: &[u8], lifetime: Duration) -> Result<Self> {
        let key = rcgen::KeyPair::try_from(pkcs8).map_err(|error| failed("RSA key", error))?;
        if !key.is_compatible(&rcgen::PKCS_RSA_SHA256) {
            return Err(failed("RSA key", "it is of another kind"));
        }
        let certificate = rcgen::CertificateParams::new(vec!["webrtc".to_owned()])
            .and_then(|params| params.self_signed(&key))
            .map_err(|error| failed("certificate", error))?;
        let private_key =
            CryptoPrivateKey::from_key_pair(&key, crypto()?.crypto()).map_err(|error| failed("RSA key", error))?;
        let dtls = DtlsCertificate { certificate: vec![certificate.der().to_owned()], private_key };
        Ok(Self { dtls, expires_unix_ms: 0 }.lasting(lifetime))
    }

    /// To be used for `lifetime` from now.
    pub(super) fn lasting(self, lifetime: Duration) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { expires_unix_ms: (now + lifetime).as_millis() as u64, ..self }
    }

    /// SHA-256 of the DER form.
    pub fn fingerprint_sha256(&self) -> [u8; 32] {
        fingerprint_sha256(self.der())
    }

    /// The certificate as DER.
    pub fn der(&self) -> &[u8] {
        self.dtls.certificate.first().map_or(&[], |der| der.as_ref())
    }

    /// End of validity, milliseconds since 1970.
    pub fn expires_unix_ms(&self) -> u64 {
        self.expires_unix_ms
    }
}

/// SHA-256 of a certificate in DER form.
pub fn fingerprint_sha256(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
}

/// Does a certificate have one of these fingerprints (RFC 8122 section 5)?
pub(super) fn matches_any(der: &[u8], fingerprints: &[Fingerprint]) -> bool {
    fingerprints.iter().any(|fingerprint| hash(fingerprint.algorithm, der) == fingerprint.bytes)
}

fn hash(algorithm: HashAlgorithm, der: &[u8]) -> Vec<u8> {
    match algorithm {
        HashAlgorithm::Sha1 => Sha1::digest(der).to_vec(),
        HashAlgorithm::Sha224 => Sha224::digest(der).to_vec(),
        HashAlgorithm::Sha256 => Sha256::digest(der).to_vec(),
        HashAlgorithm::Sha384 => Sha384::digest(der).to_vec(),
        HashAlgorithm::Sha512 => Sha512::digest(der).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_the_published_hashes() {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(hash(HashAlgorithm::Sha1, b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(hex(hash(HashAlgorithm::Sha224, b"abc")).starts_with("23097d223405d822"));
        assert!(hex(hash(HashAlgorithm::Sha256, b"abc")).starts_with("ba7816bf8f01cfea"));
        assert!(hex(hash(HashAlgorithm::Sha384, b"abc")).starts_with("cb00753f45a35e8b"));
        assert!(hex(hash(HashAlgorithm::Sha512, b"abc")).starts_with("ddaf35a193617aba"));
    }

    #[test]
    fn what_is_no_rsa_key_is_refused() {
        let ecdsa = rcgen::KeyPair::generate().unwrap().serialize_der();
        for key in [&ecdsa[..], b"nonsense", b""] {
            assert!(Certificate::for_rsa_key(key, Duration::from_secs(3600)).is_err());
        }
    }

    #[test]
    fn one_matching_fingerprint_of_several_is_enough() {
        let certificate = Certificate::generate(Duration::from_secs(3600)).unwrap();
        let wrong = Fingerprint { algorithm: HashAlgorithm::Sha256, bytes: vec![7; 32] };
        let sha1 = Fingerprint { algorithm: HashAlgorithm::Sha1, bytes: hash(HashAlgorithm::Sha1, certificate.der()) };
        assert!(!matches_any(certificate.der(), std::slice::from_ref(&wrong)));
        assert!(matches_any(certificate.der(), &[wrong, sha1]));
        assert!(!matches_any(certificate.der(), &[]));
    }
}
