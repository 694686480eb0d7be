//! Closing of streams (RFC 6525), which the association machine does only where nothing is lost: it takes "in progress"
//! for an end, forgets to repeat a request that answers another, and has several requests out at a time.
//!
//! Invariant: one request of ours is out at a time, with one number until it is answered for good; each number of the
//! far end is acted on once, however often it comes.

use super::packet::{self, RECONFIG, u16_at, u32_at};
use bytes::BufMut;
use std::time::{Duration, Instant};

/// First repetition of a request; each further one waits twice as long, up to [`LONGEST_RETRY`].
const RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(8);

const OUTGOING_RESET_REQUEST: u16 = 13;
const RESPONSE: u16 = 16;
/// What asks us for a response; the other requests of RFC 6525 are denied.
const REQUESTS: [u16; 5] = [OUTGOING_RESET_REQUEST, 14, 15, 17, 18];

pub(super) const PERFORMED: u32 = 1;
const DENIED: u32 = 2;
const ALREADY_IN_PROGRESS: u32 = 4;
const BAD_SEQUENCE_NUMBER: u32 = 5;
pub(super) const IN_PROGRESS: u32 = 6;

/// Both directions of one association.
pub(super) struct Reset {
    waiting: Vec<u16>,
    ours: Option<Outstanding>,
    next_number: u32,
    /// The number that the far end's next request has.
    expected: u32,
    /// The last request of the far end.
    theirs: Option<Heard>,
}

struct Outstanding {
    number: u32,
    streams: Vec<u16>,
    chunk: Vec<u8>,
    retry_at: Instant,
    retry: Duration,
}

struct Heard {
    number: u32,
    /// The last that was sent before it.
    tsn: u32,
    /// To be reset as soon as all that was sent before has arrived.
    streams: Vec<u16>,
    /// What it was answered; `None` until that is known.
    result: Option<u32>,
}

/// What a chunk leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// This chunk is to be sent.
    Respond(Vec<u8>),
    /// Call [`Reset::reached`] once everything up to `tsn` has arrived; until then it is in progress.
    Await { number: u32, tsn: u32 },
    /// The far end has taken note that these streams of ours are at their end.
    Outgoing(Vec<u16>),
}

impl Reset {
    /// Both ends number their requests from their first TSN on.
    pub fn new(our_tsn: u32, their_tsn: u32) -> Self {
        Self { waiting: Vec::new(), ours: None, next_number: our_tsn, expected: their_tsn, theirs: None }
    }

    /// Nothing more will be sent on `stream`, and everything has been transmitted. A far end can make us ask as often as it
    /// likes, while it leaves the request before unanswered.
    pub fn request(&mut self, stream: u16) {
        if !self.waiting.contains(&stream) {
            self.waiting.push(stream);
        }
    }

    pub fn timeout(&self) -> Option<Instant> {
        self.ours.as_ref().map(|ours| ours.retry_at)
    }

    /// The request that is due; `last_tsn` is the last that we have used.
    pub fn poll(&mut self, now: Instant, last_tsn: u32) -> Option<Vec<u8>> {
        if let Some(ours) = &mut self.ours {
            if now < ours.retry_at {
                return None;
            }
            ours.retry = (ours.retry * 2).min(LONGEST_RETRY);
            ours.retry_at = now + ours.retry;
            return Some(ours.chunk.clone());
        }
        if self.waiting.is_empty() {
            return None;
        }
        let (number, streams) = (self.next_number, std::mem::take(&mut self.waiting));
        self.next_number = number.wrapping_add(1);
        let chunk = request(number, self.expected.wrapping_sub(1), last_tsn, &streams);
        self.ours = Some(Outstanding { number, streams, chunk: chunk.clone(), retry_at: now + RETRY, retry: RETRY });
        Some(chunk)
    }

    /// A RE-CONFIG chunk has come.
    pub fn receive(&mut self, now: Instant, value: &[u8]) -> Vec<Outcome> {
        parameters(value).filter_map(|(kind, value)| self.take(now, kind, value)).collect()
    }

    fn take(&mut self, now: Instant, kind: u16, value: &[u8]) -> Option<Outcome> {
        let number = u32_at(value, 0)?;
        match kind {
            RESPONSE => self.take_response(now, number, u32_at(value, 4)?),
            kind if REQUESTS.contains(&kind) => self.take_request(number, kind, value),
            _ => None,
        }
    }

    fn take_response(&mut self, now: Instant, number: u32, result: u32) -> Option<Outcome> {
        let ours = self.ours.as_mut().filter(|ours| ours.number == number)?;
        if result == IN_PROGRESS {
            (ours.retry, ours.retry_at) = (RETRY, now + RETRY);
            return None;
        }
        // A refusal ends it as well: asking again would be answered the same.
        self.ours.take().map(|ours| Outcome::Outgoing(ours.streams))
    }

    fn take_request(&mut self, number: u32, kind: u16, value: &[u8]) -> Option<Outcome> {
        if let Some(theirs) = self.theirs.as_ref().filter(|theirs| theirs.number == number) {
            return Some(Outcome::Respond(response(number, theirs.result.unwrap_or(IN_PROGRESS))));
        }
        if number != self.expected {
            return Some(Outcome::Respond(response(number, BAD_SEQUENCE_NUMBER)));
        }
        if self.theirs.as_ref().is_some_and(Heard::is_open) {
            return Some(Outcome::Respond(response(number, ALREADY_IN_PROGRESS)));
        }
        self.expected = number.wrapping_add(1);
        if kind != OUTGOING_RESET_REQUEST {
            self.theirs = Some(Heard { number, tsn: 0, streams: Vec::new(), result: Some(DENIED) });
            return Some(Outcome::Respond(response(number, DENIED)));
        }
        let tsn = u32_at(value, 8)?;
        let streams = value.get(12..).unwrap_or_default().chunks_exact(2).filter_map(|id| u16_at(id, 0)).collect();
        self.theirs = Some(Heard { number, tsn, streams, result: None });
        Some(Outcome::Await { number, tsn })
    }

    /// Number and TSN of a request of the far end that is still in progress.
    pub fn awaited(&self) -> Option<(u32, u32)> {
        self.theirs.as_ref().filter(|theirs| theirs.is_open()).map(|theirs| (theirs.number, theirs.tsn))
    }

    /// Everything that the far end sent before its request `number` has arrived, or not yet: the response where there
    /// is another to give, and the streams that are reset (an empty list means all).
    pub fn reached(&mut self, number: u32, reached: bool) -> Option<(Vec<u8>, Option<Vec<u16>>)> {
        let theirs = self.theirs.as_mut().filter(|theirs| theirs.number == number && theirs.is_open())?;
        let result = if reached { PERFORMED } else { IN_PROGRESS };
        if theirs.result.replace(result) == Some(result) {
            return None;
        }
        Some((response(number, result), reached.then(|| std::mem::take(&mut theirs.streams))))
    }
}

impl Heard {
    fn is_open(&self) -> bool {
        matches!(self.result, None | Some(IN_PROGRESS))
    }
}

/// Type and value of each parameter.
fn parameters(value: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let (kind, len) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let value = rest.get(4..len)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Request number and result of a chunk that is a response.
pub(super) fn response_in(value: &[u8]) -> Option<(u32, u32)> {
    let found = parameters(value).find(|(kind, _)| *kind == RESPONSE)?.1;
    Some((u32_at(found, 0)?, u32_at(found, 4)?))
}

/// Number of the request in a chunk.
pub(super) fn request_in(value: &[u8]) -> Option<u32> {
    u32_at(parameters(value).find(|(kind, _)| *kind == OUTGOING_RESET_REQUEST)?.1, 0)
}

pub(super) fn request(number: u32, response_number: u32, last_tsn: u32, streams: &[u16]) -> Vec<u8> {
    let mut value = Vec::with_capacity(12 + 2 * streams.len());
    value.put_u32(number);
    value.put_u32(response_number);
    value.put_u32(last_tsn);
    streams.iter().for_each(|stream| value.put_u16(*stream));
    reconfig(OUTGOING_RESET_REQUEST, &value)
}

pub(super) fn response(number: u32, result: u32) -> Vec<u8> {
    let mut value = Vec::with_capacity(8);
    value.put_u32(number);
    value.put_u32(result);
    reconfig(RESPONSE, &value)
}

/// A RE-CONFIG chunk of one parameter, which begins as a chunk does but for a type of two bytes.
fn reconfig(kind: u16, value: &[u8]) -> Vec<u8> {
    let [high, low] = kind.to_be_bytes();
    packet::chunk(RECONFIG, 0, &packet::chunk(high, low, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows the chunk header.
    fn value(chunk: &[u8]) -> &[u8] {
        &chunk[4..]
    }

    fn their_request(number: u32, streams: &[u16]) -> Vec<u8> {
        request(number, 0, 1000, streams)
    }

    #[test]
    fn a_request_is_repeated_until_it_is_answered_and_the_next_waits_for_that() {
        let now = Instant::now();
        let mut reset = Reset::new(10, 20);
        reset.request(1);
        let first = reset.poll(now, 99).unwrap();
        assert_eq!(first, request(10, 19, 99, &[1]));
        reset.request(3);
        assert_eq!(reset.poll(now, 120), None);
        assert_eq!(reset.poll(reset.timeout().unwrap(), 120), Some(first));
        assert_eq!(reset.receive(now, value(&response(11, PERFORMED))), []);
        assert_eq!(reset.receive(now, value(&response(10, PERFORMED))), [Outcome::Outgoing(vec![1])]);
        assert_eq!(reset.poll(now, 120), Some(request(11, 19, 120, &[3])));
    }

    #[test]
    fn a_stream_that_waits_for_its_reset_waits_once() {
        let now = Instant::now();
        let mut reset = Reset::new(10, 20);
        for _ in 0..100_000 {
            reset.request(1);
            reset.request(3);
        }
        assert_eq!(reset.poll(now, 99), Some(request(10, 19, 99, &[1, 3])));
    }

    #[test]
    fn in_progress_is_no_answer() {
        let now = Instant::now();
        let mut reset = Reset::new(10, 20);
        reset.request(1);
        let first = reset.poll(now, 99);
        assert_eq!(reset.receive(now, value(&response(10, IN_PROGRESS))), []);
        assert_eq!(reset.poll(now + RETRY, 99), first);
    }

    #[test]
    fn a_request_of_the_far_end_is_performed_once_and_answered_each_time() {
        let now = Instant::now();
        let mut reset = Reset::new(10, 20);
        let chunk = their_request(20, &[4, 5]);
        assert_eq!(reset.receive(now, value(&chunk)), [Outcome::Await { number: 20, tsn: 1000 }]);
        assert_eq!(reset.reached(20, false), Some((response(20, IN_PROGRESS), None)));
        assert_eq!(reset.reached(20, false), None);
        assert_eq!(reset.receive(now, value(&chunk)), [Outcome::Respond(response(20, IN_PROGRESS))]);
        assert_eq!(reset.reached(20, true), Some((response(20, PERFORMED), Some(vec![4, 5]))));
        assert_eq!(reset.reached(20, true), None);
        assert_eq!(reset.receive(now, value(&chunk)), [Outcome::Respond(response(20, PERFORMED))]);
    }

    #[test]
    fn requests_out_of_turn_and_of_other_kinds_are_refused() {
        let now = Instant::now();
        let mut reset = Reset::new(10, 20);
        let early = reset.receive(now, value(&their_request(22, &[4])));
        assert_eq!(early, [Outcome::Respond(response(22, BAD_SEQUENCE_NUMBER))]);
        let add_streams = packet::chunk(0, 17, &[0, 0, 0, 20, 0, 1, 0, 0]);
        assert_eq!(reset.receive(now, &add_streams), [Outcome::Respond(response(20, DENIED))]);
        assert_eq!(reset.receive(now, value(&their_request(21, &[4]))), [Outcome::Await { number: 21, tsn: 1000 }]);
        let second = reset.receive(now, value(&their_request(22, &[5])));
        assert_eq!(second, [Outcome::Respond(response(22, ALREADY_IN_PROGRESS))]);
    }

    #[test]
    fn cut_parameters_are_passed_over() {
        let now = Instant::now();
        let chunk = their_request(20, &[4]);
        for len in 0..value(&chunk).len() {
            assert_eq!(Reset::new(10, 20).receive(now, &value(&chunk)[..len]), [], "{len} bytes");
        }
    }
}
