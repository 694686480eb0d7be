//! What the handshake machine forgets: to go on retransmitting.
//!
//! The machine stops its retransmission timer at any handshake record that it receives while it waits, a repeated one
//! too, and then both ends wait for ever. RFC 6347 section 4.2.4 wants the opposite: a repeated flight means that
//! ours was lost.
//!
//! Invariant: the machine never sees a flight again that it has answered; the answer is sent again instead.

use crate::negotiation::DtlsRole;
use bytes::BytesMut;
use std::time::{Duration, Instant};

/// Repeats are answered no faster than this.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_HELLO_DONE: u8 = 14;

/// Our last flight that answers one of the far end's.
#[derive(Debug, Default)]
pub(super) struct Flight {
    datagrams: Vec<BytesMut>,
    sent: Option<Instant>,
}

impl Flight {
    /// The machine has sent these.
    pub(super) fn sent(&mut self, now: Instant, role: DtlsRole, datagrams: &[BytesMut]) {
        let answer = match role {
            DtlsRole::Client => CERTIFICATE,
            DtlsRole::Server => SERVER_HELLO,
        };
        if datagrams.iter().flat_map(|datagram| messages(datagram)).any(|kind| kind == Some(answer)) {
            self.datagrams = datagrams.to_vec();
            self.sent = Some(now);
        }
    }

    /// Has the flight in `datagram` been answered?
    pub(super) fn is_repeat(&self, role: DtlsRole, datagram: &[u8]) -> bool {
        let answered = |kind: Option<u8>| match (role, kind) {
            (DtlsRole::Server, Some(kind)) => kind == CLIENT_HELLO,
            (DtlsRole::Client, Some(kind)) => (SERVER_HELLO..=SERVER_HELLO_DONE).contains(&kind),
            (_, None) => false,
        };
        !self.datagrams.is_empty() && messages(datagram).all(answered)
    }

    /// The answer once more. The far end has not seen it, so it is no replay to it.
    pub(super) fn again(&mut self, now: Instant) -> &[BytesMut] {
        if self.sent.is_some_and(|sent| now < sent + MIN_INTERVAL) {
            return &[];
        }
        self.sent = Some(now);
        &self.datagrams
    }
}

/// The type of the message in each record; `None` for records other than handshake in the clear.
fn messages(datagram: &[u8]) -> impl Iterator<Item = Option<u8>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let header = rest.get(..13)?;
        let in_the_clear = header[0] == HANDSHAKE && header[3..5] == [0, 0];
        let kind = rest.get(13).copied().filter(|_| in_the_clear);
        let len = 13 + usize::from(u16::from_be_bytes([header[11], header[12]]));
        rest = rest.get(len..).unwrap_or_default();
        Some(kind)
    })
}
