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

/// What is left of 576 bytes, which every path carries (RFC 791), behind the headers of IPv4 and UDP.
const SHORT: usize = 576 - 20 - 8;
const RECORD_HEADER_LEN: usize = 13;

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
    pub(super) fn again(&mut self, now: Instant) -> impl Iterator<Item = BytesMut> {
        let soon = self.sent.is_some_and(|sent| now < sent + MIN_INTERVAL);
        if !soon {
            self.sent = Some(now);
        }
        self.datagrams.iter().filter(move |_| !soon).flat_map(|datagram| short(datagram))
    }
}

/// A datagram cut between its records into such as a path of 576 bytes carries, wherever a record itself does: what was lost
/// may have been too long for the path. RFC 6347 section 4.1.1.1 wants as much.
pub(super) fn short(datagram: &[u8]) -> impl Iterator<Item = BytesMut> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let mut len = 0;
        while let Some(header) = rest.get(len..len + RECORD_HEADER_LEN) {
            let end = len + RECORD_HEADER_LEN + usize::from(u16::from_be_bytes([header[11], header[12]]));
            if len > 0 && end > SHORT {
                break;
            }
            len = end;
        }
        // What is no whole record is none of ours to cut.
        let len = if len == 0 { rest.len() } else { len.min(rest.len()) };
        let (first, others) = rest.split_at(len);
        rest = others;
        (!first.is_empty()).then(|| BytesMut::from(first))
    })
}

/// The type of the message in each record; `None` for records other than handshake in the clear.
fn messages(datagram: &[u8]) -> impl Iterator<Item = Option<u8>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let header = rest.get(..RECORD_HEADER_LEN)?;
        let in_the_clear = header[0] == HANDSHAKE && header[3..5] == [0, 0];
        let kind = rest.get(RECORD_HEADER_LEN).copied().filter(|_| in_the_clear);
        let len = RECORD_HEADER_LEN + usize::from(u16::from_be_bytes([header[11], header[12]]));
        rest = rest.get(len..).unwrap_or_default();
        Some(kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(body: usize) -> Vec<u8> {
        let mut record = vec![HANDSHAKE, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1, (body >> 8) as u8, body as u8];
        record.resize(RECORD_HEADER_LEN + body, 7);
        record
    }

    #[test]
    fn records_stay_whole_and_in_order_and_as_many_go_together_as_fit() {
        let lens = |bodies: &[usize]| {
            let datagram: Vec<u8> = bodies.iter().flat_map(|body| record(*body)).collect();
            let cut: Vec<_> = short(&datagram).collect();
            assert_eq!(cut.concat(), datagram);
            cut.iter().map(BytesMut::len).collect::<Vec<_>>()
        };
        assert_eq!(lens(&[100, 200]), [326]);
        assert_eq!(lens(&[100, 400, 100, 40]), [526, 166]);
        assert_eq!(lens(&[900, 10]), [913, 23], "one record cannot be cut");
    }

    #[test]
    fn what_is_no_record_is_passed_on() {
        for odd in [&[HANDSHAKE][..], &[1; 12], &record(20)[..30]] {
            assert_eq!(short(odd).collect::<Vec<_>>().concat(), odd);
        }
        assert_eq!(short(&[]).count(), 0);
    }
}
