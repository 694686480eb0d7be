//! TLS to TURN servers (RFC 8656 section 2.1), by a library. Sans-I/O, but for the validity of certificates, which the system's
//! clock tells.
//!
//! Invariant: nothing is said to a server before its certificate has been found to be of the host that was configured, and
//! signed by somebody who is trusted.

use crate::error::Result;
use crate::transport::failed;
use bytes::{BufMut, BytesMut};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{Read, Write};
use std::sync::Arc;

/// Whose signatures under the certificates of `turns:` servers are believed. By default nobody's.
#[derive(Clone, Default)]
pub struct Trust(Option<Arc<ClientConfig>>);

impl Trust {
    /// In these authorities, as DER. Those that cannot be read are passed over, as everywhere.
    pub fn new<'a>(authorities: impl IntoIterator<Item = &'a [u8]>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.into_iter().map(CertificateDer::from));
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed("TLS", error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Some(Arc::new(config))))
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Trust").field(&self.0.is_some()).finish()
    }
}

impl PartialEq for Trust {
    /// In the same authorities, by identity.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (own, other) => own.is_none() && other.is_none(),
        }
    }
}

impl Eq for Trust {}

/// The client's side of one connection.
pub(super) struct Tls(ClientConnection);

impl Tls {
    /// To `host`, a name or an address; its first words are in [`Self::drain`].
    pub(super) fn connect(host: &str, trust: &Trust) -> std::result::Result<Self, String> {
        let config = trust.0.clone().ok_or("no certificate authority is trusted")?;
        let host = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        ClientConnection::new(config, host).map(Self).map_err(|error| error.to_string())
    }

    /// Seals what goes out; before the handshake has ended it waits for that.
    pub(super) fn seal(&mut self, message: &[u8], out: &mut BytesMut) {
        // Fails only where more waits than the few requests that are there before the handshake has ended.
        let _ = self.0.writer().write_all(message);
        self.drain(out);
    }

    /// Opens what came; what there is to answer is in `out`, also where this fails.
    pub(super) fn open(
        &mut self,
        mut bytes: &[u8],
        plain: &mut BytesMut,
        out: &mut BytesMut,
    ) -> std::result::Result<(), String> {
        while !bytes.is_empty() {
            let state = self
                .0
                .read_tls(&mut bytes)
                .map_err(|error| error.to_string())
                .and_then(|_| self.0.process_new_packets().map_err(|error| error.to_string()));
            self.drain(out);
            let state = state?;
            let (before, count) = (plain.len(), state.plaintext_bytes_to_read());
            plain.resize(before + count, 0);
            self.0.reader().read_exact(&mut plain[before..]).map_err(|error| error.to_string())?;
            if state.peer_has_closed() {
                return Err("the server has hung up".to_owned());
            }
        }
        Ok(())
    }

    /// Says good-bye.
    pub(super) fn close(&mut self, out: &mut BytesMut) {
        self.0.send_close_notify();
        self.drain(out);
    }

    /// Takes what is to be sent.
    pub(super) fn drain(&mut self, out: &mut BytesMut) {
        while self.0.wants_write() {
            // A buffer takes all.
            let _ = self.0.write_tls(&mut out.writer());
        }
    }
}
