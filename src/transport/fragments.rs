//! Joins the fragments of handshake messages (RFC 6347 section 4.2.3), with which the machine is not trusted: of those that
//! begin at one place it takes the first alone, and OpenSSL, which fills its datagrams, cuts a message elsewhere when it
//! repeats it.
//!
//! Invariant: the machine is shown whole messages only, and what is kept of others is bounded whatever comes.
//!
//! No key vouches for a fragment. What comes later counts: a forged one is gone with the next honest repeat, unless the message
//! became whole before. Then the machine is shown a wrong message, which ends the handshake at its deadline; but so does a
//! single forged datagram with a whole one.

use super::flight::{RECORD_HEADER_LEN, message, records};
use bytes::BytesMut;
use std::collections::BTreeMap;

/// Longest handshake message in bytes, as long as a record may be: a chain of certificates is far shorter.
pub(super) const MAX_MESSAGE: usize = 16 * 1024;
/// Messages of one end, of which a handshake has less than ten.
const MAX_MESSAGES: u16 = 16;

pub(super) const MESSAGE_HEADER_LEN: usize = 12;

/// A message, or a fragment of one, as it stands in a record (RFC 6347 section 4.2.2).
pub(super) struct Piece<'a> {
    /// Type and length of the message.
    about: [u8; 4],
    /// Which message it is (`message_seq`).
    number: u16,
    offset: usize,
    body: &'a [u8],
}

impl<'a> Piece<'a> {
    fn length(&self) -> usize {
        u24(&self.about[1..])
    }

    fn is_whole(&self) -> bool {
        self.body.len() == self.length()
    }

    /// The first of `record`, and what follows it. `None` where it is malformed.
    fn first(record: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (header, rest) = record.split_at_checked(MESSAGE_HEADER_LEN)?;
        let (body, rest) = rest.split_at_checked(u24(&header[9..]))?;
        let about = [header[0], header[1], header[2], header[3]];
        let number = u16::from_be_bytes([header[4], header[5]]);
        let piece = Self { about, number, offset: u24(&header[6..9]), body };
        let fits = piece.length() <= MAX_MESSAGE && piece.offset + body.len() <= piece.length();
        (fits && (piece.is_whole() || !body.is_empty())).then_some((piece, rest))
    }
}

fn u24(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2])
}

/// Of a handshake record in the clear; the last is `None` where it is malformed.
pub(super) fn pieces(record: &[u8]) -> impl Iterator<Item = Option<Piece<'_>>> {
    let mut rest = Some(record);
    std::iter::from_fn(move || {
        let first = Piece::first(rest.filter(|rest| !rest.is_empty())?);
        rest = first.as_ref().map(|(_, others)| *others);
        Some(first.map(|(piece, _)| piece))
    })
}

/// A message that has come in part.
#[derive(Debug)]
struct Partial {
    about: [u8; 4],
    body: Vec<Option<u8>>,
}

impl Partial {
    fn new(piece: &Piece<'_>) -> Self {
        Self { about: piece.about, body: vec![None; piece.length()] }
    }

    /// The body, if the message is whole with this piece.
    fn add(&mut self, piece: &Piece<'_>) -> Option<Vec<u8>> {
        // Two messages cannot have one number. The later one counts, as it does of bytes.
        if self.about != piece.about {
            *self = Self::new(piece);
        }
        for (place, byte) in self.body[piece.offset..].iter_mut().zip(piece.body) {
            *place = Some(*byte);
        }
        self.body.iter().copied().collect()
    }
}

/// The messages of a far end that have come in part, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Fragments(BTreeMap<u16, Partial>);

impl Fragments {
    /// What the machine is shown of a datagram that [`super::guard::Handshakes`] admits: messages that have become whole stand in
    /// the place of fragments.
    pub(super) fn join(&mut self, datagram: &[u8]) -> BytesMut {
        let mut joined = BytesMut::with_capacity(datagram.len());
        for record in records(datagram) {
            match message(record) {
                Some(_) => self.join_record(record, &mut joined),
                None => joined.extend_from_slice(record),
            }
        }
        joined
    }

    fn join_record(&mut self, record: &[u8], joined: &mut BytesMut) {
        let (header, body) = record.split_at(RECORD_HEADER_LEN);
        let messages: Vec<u8> = pieces(body).flatten().filter_map(|piece| self.take(&piece)).flatten().collect();
        // What is too long for one record is no honest one's.
        if let Some(len) = u16::try_from(messages.len()).ok().filter(|len| *len > 0) {
            joined.extend_from_slice(&header[..RECORD_HEADER_LEN - 2]);
            joined.extend_from_slice(&len.to_be_bytes());
            joined.extend_from_slice(&messages);
        }
    }

    /// The message with its header, if it is whole now.
    fn take(&mut self, piece: &Piece<'_>) -> Option<Vec<u8>> {
        let body = match piece.is_whole() {
            true => piece.body.to_vec(),
            false if piece.number >= MAX_MESSAGES => return None,
            false => self.0.entry(piece.number).or_insert_with(|| Partial::new(piece)).add(piece)?,
        };
        self.0.remove(&piece.number);
        let length = &piece.about[1..];
        Some([&piece.about, &piece.number.to_be_bytes()[..], &[0; 3], length, &body].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(number: u8, body: &[u8]) -> Vec<u8> {
        fragment(number, body.len(), 0, body)
    }

    fn fragment(number: u8, length: usize, offset: usize, body: &[u8]) -> Vec<u8> {
        let u24 = |value: usize| [(value >> 16) as u8, (value >> 8) as u8, value as u8];
        [&[11], &u24(length)[..], &[0, number], &u24(offset), &u24(body.len()), body].concat()
    }

    fn record(number: u8, body: &[u8]) -> Vec<u8> {
        [&[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, number], &(body.len() as u16).to_be_bytes()[..], body].concat()
    }

    #[test]
    fn a_message_is_whole_when_all_of_it_has_come_however_it_was_cut() {
        let body: Vec<u8> = (0..100).collect();
        let piece = |from: usize, to: usize| fragment(2, 100, from, &body[from..to]);
        for cuts in [&[(0, 60), (60, 100)][..], &[(60, 100), (0, 60)], &[(0, 60), (0, 30), (30, 90), (90, 100)]] {
            let mut fragments = Fragments::default();
            let (last, first) = cuts.split_last().unwrap();
            for (from, to) in first {
                assert!(fragments.join(&record(0, &piece(*from, *to))).is_empty());
            }
            assert_eq!(fragments.join(&record(9, &piece(last.0, last.1))), record(9, &message_of(2, &body)));
            assert!(fragments.0.is_empty());
        }
    }

    #[test]
    fn what_is_whole_or_no_handshake_in_the_clear_stays_as_it_is() {
        let mut encrypted = record(1, &[7; 40]);
        encrypted[4] = 1;
        let messages = [message_of(0, &[]), message_of(1, &[3; 20])].concat();
        let datagram = [record(0, &messages), record(1, &[])[..].to_vec(), encrypted].concat();
        assert_eq!(Fragments::default().join(&datagram), datagram);
        let mixed = [message_of(1, &[3; 20]), fragment(2, 9, 0, &[1])].concat();
        assert_eq!(Fragments::default().join(&record(0, &mixed)), record(0, &message_of(1, &[3; 20])));
    }

    #[test]
    fn a_forged_fragment_is_gone_with_the_next_repeat() {
        for forged in [fragment(2, 100, 0, &[0; 60]), fragment(2, 200, 50, &[0; 60]), fragment(2, 80, 0, &[0; 60])] {
            let mut fragments = Fragments::default();
            let parts = [fragment(2, 100, 0, &[5; 60]), fragment(2, 100, 60, &[5; 40])];
            fragments.join(&record(0, &parts[0]));
            fragments.join(&record(1, &forged));
            fragments.join(&record(2, &parts[0]));
            assert_eq!(fragments.join(&record(3, &parts[1])), record(3, &message_of(2, &[5; 100])));
        }
    }

    #[test]
    fn of_endlessly_many_messages_in_part_sixteen_are_kept() {
        let mut fragments = Fragments::default();
        for number in 0..=255 {
            fragments.join(&record(0, &fragment(number, MAX_MESSAGE, MAX_MESSAGE - 1, &[1])));
        }
        assert_eq!(fragments.0.len(), usize::from(MAX_MESSAGES));
    }
}
