//! The messages of one allocation in a stream: over TCP, or over TLS over TCP (RFC 8656 section 2.1). Sans-I/O.
//!
//! Invariant: it keeps one incomplete message of the server, and what goes out waits in at most [`MAX_WAITING`] bytes beyond the
//! requests of the allocation: media that a slow connection cannot take is dropped, not late.

use super::message;
use super::tls::{Tls, Trust};
use bytes::BytesMut;

/// What waits for a connection that takes nothing, beyond what the system keeps: a full burst of a data channel.
const MAX_WAITING: usize = 64 * 1024;

pub(super) struct Stream {
    tls: Option<Tls>,
    /// Of the server, without TLS, from the beginning of a message.
    received: BytesMut,
    out: BytesMut,
}

impl Stream {
    /// Over TCP.
    pub(super) fn plain() -> Self {
        Self { tls: None, received: BytesMut::new(), out: BytesMut::new() }
    }

    /// Over TLS with `host`.
    pub(super) fn secure(host: &str, trust: &Trust) -> Result<Self, String> {
        let mut stream = Self { tls: Some(Tls::connect(host, trust)?), ..Self::plain() };
        stream.tls.iter_mut().for_each(|tls| tls.drain(&mut stream.out));
        Ok(stream)
    }

    /// A message of the allocation's own.
    pub(super) fn send(&mut self, message: &[u8]) {
        match &mut self.tls {
            Some(tls) => tls.seal(message, &mut self.out),
            None => self.out.extend_from_slice(message),
        }
    }

    /// A message that may get lost.
    pub(super) fn send_data(&mut self, message: &[u8]) {
        if self.out.len() + message.len() <= MAX_WAITING {
            self.send(message);
        }
    }

    /// Bytes of the server; `each` gets the messages that are complete. An error says why the connection is of no use.
    pub(super) fn receive(&mut self, bytes: &[u8], each: &mut dyn FnMut(&mut [u8])) -> Result<(), String> {
        let opened = match &mut self.tls {
            Some(tls) => tls.open(bytes, &mut self.received, &mut self.out),
            None => {
                self.received.extend_from_slice(bytes);
                Ok(())
            }
        };
        let garbled = |_| "the server does not speak TURN".to_owned();
        while let Some(len) = message::length_in_stream(&self.received).map_err(garbled)? {
            if self.received.len() < len {
                break;
            }
            each(&mut self.received.split_to(len));
        }
        opened
    }

    /// What is to be written; whoever has written some takes it away.
    pub(super) fn outgoing(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// Nothing follows.
    pub(super) fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close(&mut self.out);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_the_stream_is_cut() {
        let sent: Vec<BytesMut> = (0..5).map(|len| message::channel_data(0x4000, &[7; 5][..len], true)).collect();
        let whole = sent.concat();
        for piece in 1..whole.len() {
            let (mut stream, mut got) = (Stream::plain(), Vec::new());
            for bytes in whole.chunks(piece) {
                stream.receive(bytes, &mut |message| got.push(BytesMut::from(&*message))).unwrap();
            }
            assert_eq!(got, sent, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_message_ends_it_and_what_came_before_counts() {
        let (mut stream, mut count) = (Stream::plain(), 0);
        let bytes = [&message::channel_data(0x4000, &[7; 4], true)[..], b"\x80RTP"].concat();
        let outcome = stream.receive(&bytes, &mut |_| count += 1);
        assert_eq!((outcome, count), (Err("the server does not speak TURN".to_owned()), 1));
    }

    #[test]
    fn data_that_is_not_taken_is_dropped_and_requests_are_not() {
        let mut stream = Stream::plain();
        (0..1000).for_each(|_| stream.send_data(&[0x40; 1000]));
        assert_eq!(stream.outgoing().len(), 65_000);
        stream.send(&[0; 1000]);
        assert_eq!(stream.outgoing().len(), 66_000);
    }
}
