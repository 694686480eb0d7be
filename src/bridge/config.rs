//! RTCConfiguration and certificates on their way in.

use super::outcome::Outcome;
use crate::census::{Kind, Live};
use crate::connection::{Connection, NetworkConfig, Outbox};
use crate::error::{Error, ErrorKind, Result};
use crate::negotiation::{self, BundlePolicy, Features, Fingerprint, HashAlgorithm, Negotiator};
use crate::transport::{self, IceServer, Trust};
use napi::bindgen_prelude::ClassInstance;
use napi_derive::napi;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a certificate that nobody asked for lives: 30 days, as in webrtc-pc's default.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// One year (webrtc-pc section 4.9.1 lets the user agent cap it).
const MAX_LIFETIME_MS: f64 = 365.0 * 24.0 * 3600.0 * 1000.0;

/// RTCIceServer.
#[napi(object)]
pub struct IceServerData {
    /// `stun:`, `turn:` and `turns:` URLs, checked by the facade.
    pub urls: Vec<String>,
    /// TURN user name.
    pub username: Option<String>,
    /// TURN password.
    pub credential: Option<String>,
}

/// RTCConfiguration, and where sockets may be bound.
#[napi(object, object_to_js = false)]
pub struct ConnectionConfig<'env> {
    /// Servers for gathering.
    pub ice_servers: Vec<IceServerData>,
    /// `all` or `relay`.
    pub ice_transport_policy: String,
    /// `balanced`, `max-compat` or `max-bundle`.
    pub bundle_policy: String,
    /// Who vouches for servers that are reached over TLS.
    pub authorities: Option<ClassInstance<'env, Authorities>>,
    /// The first is used; none means a fresh one.
    pub certificates: Vec<ClassInstance<'env, Certificate>>,
    /// Gather on the loopback interface too.
    pub loopback: Option<bool>,
    /// Bind to these addresses only.
    pub addresses: Option<Vec<String>>,
    /// Lowest and highest port.
    pub port_range: Option<Vec<u32>>,
}

impl ConnectionConfig<'_> {
    /// The connection that this configuration asks for.
    pub fn open(&self, outbox: Arc<Outbox>) -> Result<Connection> {
        let certificate = match self.certificates.first() {
            Some(certificate) => certificate.certificate.clone(),
            None => transport::fresh_certificate(DEFAULT_LIFETIME)?,
        };
        let bundle_policy = match self.bundle_policy.as_str() {
            "max-bundle" => BundlePolicy::MaxBundle,
            "max-compat" => BundlePolicy::MaxCompat,
            _ => BundlePolicy::Balanced,
        };
        let config = negotiation::Config {
            bundle_policy,
            rtcp_mux_require: true,
            fingerprints: vec![Fingerprint {
                algorithm: HashAlgorithm::Sha256,
                bytes: certificate.fingerprint_sha256().to_vec(),
            }],
            features: Features { red: true, video: true, data: true },
        };
        let negotiator = Negotiator::new(config, Box::new(transport::SystemRandom::new()?));
        Ok(Connection::new(negotiator, certificate, self.network()?, outbox))
    }

    /// The part that gathering obeys.
    pub fn network(&self) -> Result<NetworkConfig> {
        let trust = self.authorities.as_ref().map(|authorities| authorities.0.clone()).unwrap_or_default();
        let addresses = self.addresses.as_ref().map(|list| list.iter().map(|text| parse_address(text)).collect());
        Ok(NetworkConfig {
            servers: self.ice_servers.iter().map(|server| server.trusting(&trust)).collect(),
            relay_only: self.ice_transport_policy == "relay",
            loopback: self.loopback.unwrap_or(false),
            addresses: addresses.transpose()?,
            port_range: self.port_range.as_deref().map(parse_ports).transpose()?,
        })
    }
}

impl IceServerData {
    fn trusting(&self, trust: &Trust) -> IceServer {
        IceServer {
            urls: self.urls.clone(),
            username: self.username.clone(),
            credential: self.credential.clone(),
            trust: trust.clone(),
        }
    }
}

/// Certificate authorities: one object for all connections, as there are many.
#[napi]
pub struct Authorities(Trust);

#[napi]
impl Authorities {
    /// From their certificates (DER); what cannot be read is passed over.
    #[napi(catch_unwind, ts_return_type = "Outcome<Authorities>")]
    pub fn read(certificates: Vec<&[u8]>) -> Outcome<Authorities> {
        Trust::new(certificates).map(Self).into()
    }
}

fn parse_address(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| Error::new(ErrorKind::Syntax, format!("'{text}' is not an IP address")))
}

fn parse_ports(range: &[u32]) -> Result<(u16, u16)> {
    let port = |value: u32| u16::try_from(value).ok();
    match *range {
        [low, high] if low <= high => port(low).zip(port(high)),
        _ => None,
    }
    .ok_or_else(|| Error::new(ErrorKind::Range, "portRange is [lowest, highest], each below 65536"))
}

fn lifetime(lifetime_ms: f64) -> Duration {
    Duration::from_millis(lifetime_ms.clamp(0.0, MAX_LIFETIME_MS) as u64)
}

/// RTCCertificate without its W3C face.
#[napi]
pub struct Certificate {
    certificate: transport::Certificate,
    _live: Live,
}

impl From<transport::Certificate> for Certificate {
    fn from(certificate: transport::Certificate) -> Self {
        Self { certificate, _live: Live::new(Kind::Certificate) }
    }
}

/// RTCDtlsFingerprint.
#[napi(object, object_from_js = false)]
pub struct FingerprintData {
    /// `sha-256`.
    pub algorithm: &'static str,
    /// Lower-case hexadecimal bytes with colons.
    pub value: String,
}

#[napi]
impl Certificate {
    /// A fresh ECDSA P-256 certificate, valid for `lifetime_ms` from now.
    #[napi(catch_unwind, ts_return_type = "Outcome<Certificate>")]
    pub fn generate(lifetime_ms: f64) -> Outcome<Certificate> {
        transport::Certificate::generate(lifetime(lifetime_ms)).map(Certificate::from).into()
    }

    /// The same for an RSA key (PKCS #8, DER).
    #[napi(catch_unwind, ts_return_type = "Outcome<Certificate>")]
    pub fn for_rsa_key(pkcs8: &[u8], lifetime_ms: f64) -> Outcome<Certificate> {
        transport::Certificate::for_rsa_key(pkcs8, lifetime(lifetime_ms)).map(Certificate::from).into()
    }

    /// When it ceases to be valid, in milliseconds since 1970.
    #[napi(getter, catch_unwind)]
    pub fn expires(&self) -> f64 {
        self.certificate.expires_unix_ms() as f64
    }

    /// What the SDP says of it.
    #[napi(catch_unwind)]
    pub fn fingerprints(&self) -> Vec<FingerprintData> {
        let bytes = self.certificate.fingerprint_sha256();
        let value = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
        vec![FingerprintData { algorithm: "sha-256", value }]
    }
}
