//! Retransmission of handshakes (RFC 6347 section 4.2.4), with which the machine is not trusted: it gives up after seven
//! times, and it stops its timer at any handshake record that it receives while it waits, a repeated one too, and then
//! both ends wait for ever.
//!
//! Invariant: until the handshake has ended our last flight goes out again whenever its time has come, and also where
//! the far end repeats one that ours has answered, which the machine never sees. Each record in the clear has a new number
//! each time, Finished has eight in all.

use crate::negotiation::DtlsRole;
use bytes::BytesMut;
use std::time::{Duration, Instant};

/// The first retransmission; each further one waits twice as long up to [`MAX_INTERVAL`].
const INTERVAL: Duration = Duration::from_millis(200);
/// The RFC would begin with a second. Doubling on, eight attempts would fill [`super::guard::HANDSHAKE_LIMIT`]: where four of
/// ten datagrams are lost, one call in nine did not come up. A flight a second is less than the audio to come.
const MAX_INTERVAL: Duration = Duration::from_secs(1);
/// From a ClientHello that may have come too early to the next.
const PATIENCE: Duration = Duration::from_millis(50);
/// Repeats are answered no faster than this.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Which repeats of a flight with Finished have record numbers of their own; those between are copies of the newest. The
/// machine makes seven, and OpenSSL ends the association at the thirteenth that it sees.
const RENEWED: [u32; 7] = [1, 2, 3, 6, 12, 18, 24];

/// What is left of 576 bytes, which every path carries (RFC 791), behind the headers of IPv4 and UDP.
const SHORT: usize = 576 - 20 - 8;
pub(super) const RECORD_HEADER_LEN: usize = 13;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const SERVER_HELLO_DONE: u8 = 14;

/// Which flight of the far end ours answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    /// The server's, from ServerHello to ServerHelloDone.
    ClientHello,
    /// The client's last.
    ServerHello,
    /// The server's last.
    Finished,
}

impl Answered {
    /// Is the message in this record a part of what was answered? After Finished all that comes in the clear is.
    fn covers(self, message: Option<u8>) -> bool {
        match (self, message) {
            (Self::ClientHello, Some(kind)) => kind == CLIENT_HELLO,
            (Self::ServerHello, Some(kind)) => (SERVER_HELLO..=SERVER_HELLO_DONE).contains(&kind),
            (Self::Finished, _) => true,
            (_, None) => false,
        }
    }
}

/// Our last flight.
#[derive(Debug, Default)]
pub(super) struct Flight {
    datagrams: Vec<BytesMut>,
    answered: Option<Answered>,
    sent: Option<Instant>,
    again_at: Option<Instant>,
    interval: Duration,
    repeats: u32,
}

impl Flight {
    /// The machine has sent these.
    pub(super) fn sent(&mut self, now: Instant, role: DtlsRole, datagrams: &[BytesMut]) {
        let records = || datagrams.iter().flat_map(|datagram| records(datagram));
        let messages = || records().filter_map(message);
        // A server does not repeat its request for a cookie: the client asks again (RFC 6347 section 4.2.1).
        if !records().any(|record| record[0] == HANDSHAKE) || messages().any(|kind| kind == HELLO_VERIFY_REQUEST) {
            return;
        }
        self.answered = match (role, messages().next()) {
            (DtlsRole::Client, Some(CLIENT_HELLO)) => None,
            (DtlsRole::Client, _) => Some(Answered::ServerHello),
            (DtlsRole::Server, Some(_)) => Some(Answered::ClientHello),
            (DtlsRole::Server, None) => Some(Answered::Finished),
        };
        self.datagrams = datagrams.to_vec();
        self.sent = Some(now);
        self.interval = INTERVAL;
        self.repeats = 0;
        self.again_at = Some(now + INTERVAL);
    }

    /// The handshake has ended on our side. Only a server may still be asked for its last flight.
    pub(super) fn end(&mut self) {
        self.again_at = None;
        if self.answered != Some(Answered::Finished) {
            self.datagrams = Vec::new();
        }
    }

    /// Has the flight in `datagram` been answered?
    pub(super) fn is_repeat(&self, datagram: &[u8]) -> bool {
        let messages = || records(datagram).map(message);
        let covers = |answered: Answered| messages().all(|kind| answered.covers(kind));
        messages().any(|kind| kind.is_some()) && self.answered.is_some_and(covers)
    }

    /// The far end asks for it again. Does it get it?
    pub(super) fn ask(&mut self, now: Instant) -> bool {
        let soon = self.sent.is_some_and(|sent| now < sent + MIN_INTERVAL);
        if !soon {
            self.sent = Some(now);
        }
        !soon
    }

    /// The far end may have dropped a ClientHello that it was not ready for: it gets another one as soon as an answer to the
    /// first may be missed.
    pub(super) fn hasten(&mut self, now: Instant) {
        if let (None, Some(sent), Some(at)) = (self.answered, self.sent, self.again_at)
            && sent < now
        {
            self.again_at = Some(at.min(now.max(sent + PATIENCE)));
            // Those that went out before count for nothing.
            self.interval = INTERVAL / 2;
        }
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        self.again_at
    }

    /// Has the time come for the flight to go out again?
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        let due = self.again_at.is_some_and(|at| at <= now);
        if due {
            self.interval = (self.interval * 2).min(MAX_INTERVAL);
            self.again_at = Some(now + self.interval);
            self.sent = Some(now);
        }
        due
    }

    /// Which repeat comes next, where the machine is to make the flight anew for it.
    pub(super) fn renewal(&self) -> Option<u32> {
        let has_finished = matches!(self.answered, Some(Answered::ServerHello | Answered::Finished));
        let next = self.repeats + 1;
        (has_finished && !self.datagrams.is_empty() && RENEWED.contains(&next)).then_some(next)
    }

    /// The machine has made the flight anew, or nothing where it would not.
    pub(super) fn renew(&mut self, datagrams: Vec<BytesMut>) {
        if !datagrams.is_empty() {
            self.datagrams = datagrams;
        }
    }

    /// The flight once more.
    pub(super) fn again(&mut self) -> impl Iterator<Item = BytesMut> {
        self.repeats += 1;
        self.datagrams.iter().flat_map(|datagram| short(datagram))
    }
}

/// Gives records in the clear their numbers, as each sending of a record is to have its own (RFC 6347 section 4.2.4): a far
/// end may have seen one and not kept it. Those of encrypted ones are the machine's.
#[derive(Debug, Default)]
pub(super) struct RecordNumbers {
    next: u32,
}

impl RecordNumbers {
    pub(super) fn write(&mut self, datagram: &mut [u8]) {
        let mut rest = datagram;
        while rest.len() >= RECORD_HEADER_LEN {
            if rest[3..5] == [0, 0] {
                rest[5..7].fill(0);
                rest[7..11].copy_from_slice(&self.next.to_be_bytes());
                self.next = self.next.wrapping_add(1);
            }
            let len = record_len(rest).min(rest.len());
            rest = &mut rest[len..];
        }
    }
}

/// Of the record whose header `bytes` begin with, header included.
fn record_len(bytes: &[u8]) -> usize {
    RECORD_HEADER_LEN + usize::from(u16::from_be_bytes([bytes[11], bytes[12]]))
}

/// A datagram cut between its records into such as a path of 576 bytes carries, wherever a record itself does: what was lost
/// may have been too long for the path. RFC 6347 section 4.1.1.1 wants as much.
pub(super) fn short(datagram: &[u8]) -> impl Iterator<Item = BytesMut> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let mut len = 0;
        while let Some(header) = rest.get(len..len + RECORD_HEADER_LEN) {
            let end = len + record_len(header);
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

/// Each record with its header; what the datagram lacks of the last one is missing.
pub(super) fn records(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let header = rest.get(..RECORD_HEADER_LEN)?;
        let (record, others) = rest.split_at(record_len(header).min(rest.len()));
        rest = others;
        Some(record)
    })
}

/// The type of the message in a record; `None` for records other than handshake in the clear.
pub(super) fn message(record: &[u8]) -> Option<u8> {
    let in_the_clear = record[0] == HANDSHAKE && record[3..5] == [0, 0];
    record.get(RECORD_HEADER_LEN).copied().filter(|_| in_the_clear)
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
