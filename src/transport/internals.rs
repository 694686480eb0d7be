//! Doors for the fuzz targets (fuzz/README.md) to machines that the public way reaches only through a connected pair.
//!
//! Invariant: nothing here decides anything; each method is one of the machine behind it.

use super::certificate::{Certificate, fingerprint_sha256};
use super::crypto;
use super::dtls::{Association, DtlsEvent};
use super::sctp::{ChannelId, ChannelInit, DataEvent, Message, Sctp};
use crate::error::Result;
use crate::negotiation::{DtlsPlan, DtlsRole, Fingerprint, HashAlgorithm};
use bytes::{Bytes, BytesMut};
use std::time::Instant;

/// One end of a DTLS association.
pub struct Dtls {
    association: Association,
    settled: bool,
}

impl Dtls {
    /// An end that expects the certificate of the `other`.
    pub fn new(own: &Certificate, other: &[u8], role: DtlsRole) -> Result<Self> {
        let bytes = fingerprint_sha256(other).to_vec();
        let fingerprints = vec![Fingerprint { algorithm: HashAlgorithm::Sha256, bytes }];
        let association = Association::new(&crypto()?, own, DtlsPlan { role, fingerprints, association: 0 })?;
        Ok(Self { association, settled: false })
    }

    /// There is a path.
    pub fn start(&mut self, now: Instant) {
        let event = self.association.start(now);
        self.note(event);
    }

    /// One datagram in.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) {
        let event = self.association.receive(now, datagram);
        self.note(event);
    }

    /// One datagram out.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.association.poll_transmit().map(|datagram| datagram.to_vec())
    }

    /// What has come for SCTP.
    pub fn poll_data(&mut self) -> Option<BytesMut> {
        self.association.poll_data()
    }

    /// When time is of interest.
    pub fn timeout(&self) -> Option<Instant> {
        self.association.timeout()
    }

    /// It is `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let event = self.association.handle_timeout(now);
        self.note(event);
    }

    /// Up, closed or failed.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Ends it.
    pub fn close(&mut self, now: Instant) {
        self.association.close(now);
    }

    fn note(&mut self, event: Option<DtlsEvent>) {
        self.settled |= event.is_some();
    }
}

/// One end of the data channels of a transport, above DTLS.
pub struct Data(Sctp);

impl Default for Data {
    fn default() -> Self {
        Self(Sctp::new())
    }
}

impl Data {
    /// Opens the association.
    pub fn connect(&mut self, now: Instant) -> Result<()> {
        self.0.connect(now, 5000)
    }

    /// One packet in.
    pub fn receive(&mut self, now: Instant, packet: BytesMut) {
        self.0.receive(now, packet);
    }

    /// One packet out.
    pub fn poll_packet(&mut self) -> Option<Bytes> {
        self.0.poll_packet()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<DataEvent> {
        self.0.poll_event()
    }

    /// When time is of interest.
    pub fn timeout(&self) -> Option<Instant> {
        self.0.timeout()
    }

    /// It is `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    /// A channel of ours.
    pub fn open(&mut self, now: Instant, id: ChannelId, stream: u16, init: ChannelInit) {
        self.0.open(now, id, stream, init);
    }

    /// A message of ours.
    pub fn send(&mut self, now: Instant, id: ChannelId, message: Message) {
        self.0.send(now, id, message);
    }

    /// Closes a channel.
    pub fn close_channel(&mut self, now: Instant, id: ChannelId) {
        self.0.close_channel(now, id);
    }

    /// Whether messages may come.
    pub fn set_reading(&mut self, now: Instant, reading: bool) {
        self.0.set_reading(now, reading);
    }

    /// Ends it.
    pub fn close(&mut self, now: Instant) {
        self.0.close(now);
    }
}
