//! One DTLS association over whatever pair ICE has selected.
//!
//! Invariant: it ends up, closed or failed; the remote certificate matches a signalled fingerprint before any key of
//! this association is used.

use super::certificate::{self, Certificate};
use super::failed;
use super::failure::DtlsFailure;
use super::flight::{Flight, RecordNumbers};
use super::fragments::Fragments;
use super::guard::{Deadline, Handshakes, is_forged_ccs};
use super::srtp::{Keys, Master};
use crate::error::Result;
use crate::negotiation::{DtlsPlan, DtlsRole};
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile as Offered;
use rtc_dtls::state::State;
use rtc_shared::error::Error as MachineError;
use rtc_shared::{TransportContext, TransportProtocol};
use rtc_srtp::config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::protection_profile::ProtectionProfile;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What signaling may need to tell the far end of us, after it has answered our checks already.
const SIGNALING_LIMIT: Duration = Duration::from_secs(90);

/// What an association reports.
pub(super) enum DtlsEvent {
    /// The handshake is complete and the certificate is the right one.
    Up(Box<Keys>),
    /// The far end sent close_notify.
    PeerClosed,
    /// It is dead, for this reason.
    Failed(DtlsFailure),
}

/// What statistics show of an association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub cipher: String,
    pub profile: &'static str,
    pub remote_certificate: Vec<u8>,
}

pub(super) struct Association {
    plan: DtlsPlan,
    /// Gone when it is closed or dead: a server endpoint would take the next datagram for a new association.
    endpoint: Option<Endpoint>,
    /// A client's parameters until it has a path to send its ClientHello on.
    hello: Option<Arc<HandshakeConfig>>,
    deadline: Option<Deadline>,
    flight: Flight,
    numbers: RecordNumbers,
    handshakes: Handshakes,
    fragments: Fragments,
    agreed: Option<Agreed>,
    /// The far end is known to take part.
    expected: bool,
    /// Something has come from the far end.
    heard: bool,
    /// The last complaint of the machine that did not end the handshake.
    trouble: Option<String>,
    /// What has come for SCTP.
    data: VecDeque<BytesMut>,
    out: VecDeque<BytesMut>,
}

impl Association {
    pub(super) fn new(crypto: &Arc<dyn RTCCryptoProvider>, own: &Certificate, plan: DtlsPlan) -> Result<Self> {
        let client = plan.role == DtlsRole::Client;
        let config = Arc::new(handshake_config(crypto, own, &plan)?);
        Ok(Self {
            endpoint: Some(Endpoint::new(
                TransportContext::default().local_addr,
                TransportProtocol::UDP,
                (!client).then(|| config.clone()),
            )),
            hello: client.then_some(config),
            plan,
            deadline: None,
            flight: Flight::default(),
            numbers: RecordNumbers::default(),
            handshakes: Handshakes::new(),
            fragments: Fragments::default(),
            agreed: None,
            expected: false,
            heard: false,
            trouble: None,
            data: VecDeque::new(),
            out: VecDeque::new(),
        })
    }

    /// Does this association serve `plan`, as far as can be known? One that is up serves every plan for it that its
    /// certificate fits: roles never change within an association.
    pub(super) fn serves(&self, plan: &DtlsPlan) -> bool {
        match &self.agreed {
            Some(agreed) => {
                self.plan.association == plan.association
                    && certificate::matches_any(&agreed.remote_certificate, &plan.fingerprints)
            }
            None => self.plan == *plan,
        }
    }

    pub(super) fn role(&self) -> DtlsRole {
        self.plan.role
    }

    pub(super) fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// There is a path now.
    pub(super) fn start(&mut self, now: Instant) -> Option<DtlsEvent> {
        if self.deadline.is_none() && self.agreed.is_none() {
            self.deadline = Some(Deadline::from(now + SIGNALING_LIMIT));
        }
        let (Some(config), Some(endpoint)) = (self.hello.take(), self.endpoint.as_mut()) else { return None };
        let outcome = endpoint.connect(now, peer(), config, None);
        self.collect(now);
        outcome.err().map(|error| self.fail(DtlsFailure::of(error.to_string())))
    }

    /// The far end takes part from now on: it has nominated the path, or been heard. Before that, signaling may not have told
    /// it of us yet, and that may take its time.
    pub(super) fn expect(&mut self, now: Instant) {
        if self.agreed.is_none() && self.endpoint.is_some() && !std::mem::replace(&mut self.expected, true) {
            self.deadline = Some(Deadline::from(now));
            self.flight.hasten(now);
        }
    }

    pub(super) fn receive(&mut self, now: Instant, datagram: &[u8]) -> Option<DtlsEvent> {
        if is_forged_ccs(datagram) {
            return None;
        }
        self.endpoint.as_ref()?;
        self.heard = true;
        self.expect(now);
        let endpoint = self.endpoint.as_mut()?;
        if !self.handshakes.admit(datagram, self.agreed.is_some()) {
            self.trouble.get_or_insert_with(|| "malformed handshake records, or too many".to_owned());
            return None;
        }
        if self.flight.is_repeat(datagram) {
            if self.flight.ask(now) {
                self.repeat(now);
            }
            return None;
        }
        let outcome = endpoint.read(now, peer(), None, self.fragments.join(datagram));
        let before = self.out.len();
        self.collect(now);
        match outcome {
            Ok(events) => events.into_iter().fold(None, |first, event| {
                let next = self.take(event);
                first.or(next)
            }),
            Err(error) if is_fatal(&error) => {
                let failure = DtlsFailure::at(&error, datagram, self.out.range(before..));
                Some(self.fail(failure))
            }
            Err(error) => {
                self.trouble = Some(error.to_string()); // a record that could not be read
                None
            }
        }
    }

    fn take(&mut self, event: EndpointEvent) -> Option<DtlsEvent> {
        match event {
            EndpointEvent::HandshakeComplete => Some(match self.agree() {
                Ok(keys) => DtlsEvent::Up(Box::new(keys)),
                Err(reason) => self.fail(DtlsFailure::of(reason)),
            }),
            EndpointEvent::PeerClosed => {
                self.endpoint = None;
                self.deadline = None;
                Some(DtlsEvent::PeerClosed)
            }
            EndpointEvent::ApplicationData(data) => {
                self.data.push_back(data);
                None
            }
            _ => None,
        }
    }

    pub(super) fn has_data(&self) -> bool {
        !self.data.is_empty()
    }

    /// The next thing that has come for SCTP (RFC 8261).
    pub(super) fn poll_data(&mut self) -> Option<BytesMut> {
        self.data.pop_front()
    }

    /// Sends one packet of SCTP. Only once it is up.
    pub(super) fn send_data(&mut self, now: Instant, packet: &[u8]) {
        if let Some(endpoint) = self.endpoint.as_mut().filter(|_| self.agreed.is_some()) {
            // Fails only where the association is gone, which was reported.
            let _ = endpoint.write(now, peer(), packet);
        }
        self.collect(now);
    }

    pub(super) fn poll_transmit(&mut self) -> Option<BytesMut> {
        let mut datagram = self.out.pop_front()?;
        self.numbers.write(&mut datagram);
        Some(datagram)
    }

    /// Takes over what the machine has to send, also when it has just failed: an alert is part of that.
    fn collect(&mut self, now: Instant) {
        let Some(endpoint) = &mut self.endpoint else { return };
        let datagrams = sent(endpoint);
        if self.agreed.is_none() {
            self.flight.sent(now, self.plan.role, &datagrams);
        }
        self.out.extend(datagrams);
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        self.endpoint.as_ref()?;
        [self.flight.timeout(), self.deadline.map(Deadline::at)].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<DtlsEvent> {
        self.endpoint.as_ref()?;
        if self.deadline.is_some_and(|deadline| deadline.has_passed(now)) {
            let failure = match self.heard {
                true => DtlsFailure::Unfinished(self.trouble.take()),
                false => DtlsFailure::Silence,
            };
            return Some(self.fail(failure));
        }
        if self.flight.handle_timeout(now) {
            self.repeat(now);
        }
        None
    }

    /// Our last flight goes out once more.
    fn repeat(&mut self, now: Instant) {
        if let Some(repeat) = self.flight.renewal() {
            self.renew(now, repeat);
        }
        self.out.extend(self.flight.again());
    }

    /// Has the machine make our last flight anew: a far end that has seen a Finished drops another one of that number, and
    /// with it the question for its own (RFC 6347 sections 4.1.2.6 and 4.2.4). Only the machine can, as what follows under
    /// these keys takes the next numbers.
    fn renew(&mut self, now: Instant, repeat: u32) {
        let Some(endpoint) = &mut self.endpoint else { return };
        // What it refuses is no harm: the newest flight goes out again. So it is where a forged record has stopped its timer.
        let _ = match (self.plan.role, endpoint.poll_timeout(&peer())) {
            (DtlsRole::Client, Some(at)) => endpoint.handle_timeout(peer(), at),
            (DtlsRole::Client, None) => Ok(()),
            (DtlsRole::Server, _) => endpoint.read(now, peer(), None, nudge(repeat)).map(drop),
        };
        self.flight.renew(sent(endpoint));
    }

    /// Queues close_notify; nothing goes in any more.
    pub(super) fn close(&mut self, now: Instant) {
        if let Some(endpoint) = &mut self.endpoint {
            let _ = endpoint.close(now);
        }
        self.collect(now);
        self.endpoint = None;
        self.hello = None;
        self.deadline = None;
        self.flight.end();
    }

    fn fail(&mut self, failure: DtlsFailure) -> DtlsEvent {
        self.endpoint = None;
        self.deadline = None;
        self.flight.end();
        DtlsEvent::Failed(failure)
    }

    fn agree(&mut self) -> std::result::Result<Keys, String> {
        let state = self.endpoint.as_ref().and_then(|endpoint| endpoint.get_connection_state(peer()));
        let state = state.ok_or("the association is gone")?;
        let (profile, name) = match state.srtp_protection_profile() {
            Offered::Srtp_Aead_Aes_128_Gcm => (ProtectionProfile::AeadAes128Gcm, "SRTP_AEAD_AES_128_GCM"),
            Offered::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
                (ProtectionProfile::Aes128CmHmacSha1_80, "SRTP_AES128_CM_HMAC_SHA1_80")
            }
            _ => return Err("no common SRTP profile".to_owned()),
        };
        let keys = export(state, profile).map_err(|error| error.to_string())?;
        let remote_certificate = state.peer_certificates.first().cloned().ok_or("no remote certificate")?;
        let cipher = state.cipher_suite().map(|suite| suite.to_string()).unwrap_or_default();
        self.agreed = Some(Agreed { cipher, profile: name, remote_certificate });
        self.deadline = None;
        self.fragments = Fragments::default();
        self.flight.end();
        Ok(keys)
    }
}

/// RFC 5764 section 4.2.
fn export(state: &State, profile: ProtectionProfile) -> std::result::Result<Keys, MachineError> {
    let mut config = SrtpConfig { profile, ..SrtpConfig::default() };
    let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len())?;
    config.set_session_keys_from_keying_material(material.as_ref(), state.is_client())?;
    Ok(Keys {
        profile,
        local: Master { key: config.keys.local_master_key, salt: config.keys.local_master_salt },
        remote: Master { key: config.keys.remote_master_key, salt: config.keys.remote_master_salt },
    })
}

fn handshake_config(
    crypto: &Arc<dyn RTCCryptoProvider>,
    own: &Certificate,
    plan: &DtlsPlan,
) -> Result<HandshakeConfig> {
    let fingerprints = plan.fingerprints.clone();
    ConfigBuilder::default()
        .with_crypto_provider(crypto.clone())
        .with_certificates(vec![own.dtls.clone()])
        .with_srtp_protection_profiles(vec![Offered::Srtp_Aead_Aes_128_Gcm, Offered::Srtp_Aes128_Cm_Hmac_Sha1_80])
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        .with_insecure_skip_verify(true) // no authority vouches for it: the fingerprint does
        .with_verify_peer_certificate(Some(Arc::new(move |chain, _| {
            let leaf = chain.first().ok_or(MachineError::ErrNonCertificate)?;
            if certificate::matches_any(leaf, &fingerprints) {
                Ok(())
            } else {
                Err(MachineError::ErrNoMatchingCertificateFingerprint)
            }
        })))
        .with_extended_master_secret(ExtendedMasterSecretType::Request)
        .build(plan.role == DtlsRole::Client, None)
        .map_err(|error| failed("DTLS", error))
}

/// The machine keys associations by peer address; ours runs over ICE, whatever the address.
fn peer() -> SocketAddr {
    TransportContext::default().peer_addr
}

/// What the machine has to send.
fn sent(endpoint: &mut Endpoint) -> Vec<BytesMut> {
    std::iter::from_fn(|| endpoint.poll_transmit()).map(|sent| sent.message).collect()
}

/// A handshake record in the clear (an empty HelloRequest), at which a server's machine that is up repeats its last flight.
/// What the far end has sent is not shown to it: all but its Finished may be forged. No far end comes to such record numbers.
fn nudge(repeat: u32) -> BytesMut {
    let number = repeat.to_be_bytes();
    BytesMut::from(&[&[22, 0xFE, 0xFD, 0, 0, 0xFF, 0xFF], &number[..], &[0, 12], &[0; 12]].concat()[..])
}

/// The machine returns an error for junk records as well as for a dead handshake. With two ends that have nothing in
/// common it goes on waiting; the far end has had its alert by then and does not.
fn is_fatal(error: &MachineError) -> bool {
    matches!(
        error,
        MachineError::ErrAlertFatalOrClose
            | MachineError::ErrNoMatchingCertificateFingerprint
            | MachineError::ErrInvalidFsmTransition
            | MachineError::ErrNonCertificate
            | MachineError::ErrCipherSuiteNoIntersection
            | MachineError::ErrClientNoMatchingSrtpProfile
            | MachineError::ErrServerNoMatchingSrtpProfile
            | MachineError::ErrRequestedButNoSrtpExtension
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::negotiation::{Fingerprint, HashAlgorithm};
    use crate::transport::crypto;

    /// A far end that knows one SRTP profile only, which we do not.
    fn stranger(role: DtlsRole, now: Instant) -> Endpoint {
        let own = Certificate::generate(Duration::from_secs(3600)).unwrap();
        let config = ConfigBuilder::default()
            .with_crypto_provider(crypto().unwrap())
            .with_certificates(vec![own.dtls.clone()])
            .with_srtp_protection_profiles(vec![Offered::Srtp_Aes128_Cm_Hmac_Sha1_32])
            .with_insecure_skip_verify(true)
            .build(role == DtlsRole::Client, None)
            .unwrap();
        let config = Arc::new(config);
        let local = TransportContext::default().local_addr;
        let server = (role == DtlsRole::Server).then(|| config.clone());
        let mut endpoint = Endpoint::new(local, TransportProtocol::UDP, server);
        if role == DtlsRole::Client {
            endpoint.connect(now, peer(), config, None).unwrap();
        }
        endpoint
    }

    /// What becomes of an association with that far end.
    fn outcome(role: DtlsRole) -> Option<DtlsFailure> {
        let now = Instant::now();
        let own = Certificate::generate(Duration::from_secs(3600)).unwrap();
        let fingerprints = vec![Fingerprint { algorithm: HashAlgorithm::Sha256, bytes: vec![0; 32] }];
        let mut association =
            Association::new(&crypto().unwrap(), &own, DtlsPlan { role, fingerprints, association: 0 }).unwrap();
        let mut far = stranger(if role == DtlsRole::Client { DtlsRole::Server } else { DtlsRole::Client }, now);
        association.start(now);
        for _ in 0..20 {
            while let Some(datagram) = association.poll_transmit() {
                let _ = far.read(now, peer(), None, datagram);
            }
            while let Some(sent) = far.poll_transmit() {
                if let Some(DtlsEvent::Failed(failure)) = association.receive(now, &sent.message) {
                    return Some(failure);
                }
            }
        }
        None
    }

    #[test]
    fn a_far_end_with_nothing_in_common_fails_at_once_and_it_is_said_who_refuses() {
        let refused = outcome(DtlsRole::Server).unwrap();
        let DtlsFailure::Refused { why, alert } = &refused else { panic!("{refused:?}") };
        assert_eq!((why.as_str(), *alert), ("no SRTP profile that both ends know", Some(71)));
        assert_eq!(outcome(DtlsRole::Client), Some(DtlsFailure::AlertReceived(Some(71))));
    }
}
