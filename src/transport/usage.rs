//! What each candidate pair of an ICE session was used for, for statistics.
//!
//! Invariant: counters of one pair never go back. Each has a number that no other pair of its session had, nor it before its
//! counters began anew.

use super::ice::Pair;
use std::time::{Duration, Instant};

/// Of more pairs than this, only those that come last are remembered.
const MAX_PAIRS: usize = 256;

/// Checks and media of one candidate pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the ICE session, within the transport.
    pub session: u32,
    /// Of the pair, within the session.
    pub number: u32,
    /// Connectivity checks sent, consent included.
    pub requests_sent: u64,
    /// Connectivity checks answered by the far end.
    pub responses_received: u64,
    /// Connectivity checks of the far end.
    pub requests_received: u64,
    /// Connectivity checks that we answered.
    pub responses_sent: u64,
    /// Checks for consent alone.
    pub consent_requests_sent: u64,
    /// Sum over all answered checks.
    pub total_round_trip: Duration,
    /// Of the last answered check.
    pub round_trip: Option<Duration>,
    /// RTP, RTCP and SCTP packets.
    pub traffic: Traffic,
}

/// RTP, RTCP and SCTP packets; bytes are UDP payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets received, authentic ones.
    pub packets_received: u64,
    /// As UDP payload.
    pub bytes_sent: u64,
    /// As UDP payload.
    pub bytes_received: u64,
    /// Media that could not go out.
    pub packets_discarded: u64,
    /// RTP payload of these.
    pub bytes_discarded: u64,
    /// When media was last received.
    pub last_received: Option<Instant>,
}

impl Traffic {
    pub(super) fn sent(&mut self, bytes: usize) {
        self.packets_sent += 1;
        self.bytes_sent += bytes as u64;
    }

    pub(super) fn received(&mut self, bytes: usize) {
        self.packets_received += 1;
        self.bytes_received += bytes as u64;
    }

    pub(super) fn discarded(&mut self, bytes: usize) {
        self.packets_discarded += 1;
        self.bytes_discarded += bytes as u64;
    }
}

/// The pairs of one session.
pub(super) struct Usages {
    session: u32,
    /// A handful as a rule: to look through them takes less than a hash, for each packet of media.
    pairs: Vec<(Pair, Usage)>,
    numbered: u32,
}

impl Usages {
    pub(super) fn new(session: u32) -> Self {
        Self { session, pairs: Vec::new(), numbered: 0 }
    }

    pub(super) fn get(&self, pair: Pair) -> Option<&Usage> {
        self.pairs.iter().find(|(known, _)| *known == pair).map(|(_, usage)| usage)
    }

    pub(super) fn requests_received(&self) -> u64 {
        self.pairs.iter().map(|(_, usage)| usage.requests_received).sum()
    }

    /// Of `pair`, to be counted on. Where there are too many the others are forgotten, but for the one that is `selected`.
    pub(super) fn of(&mut self, pair: Pair, selected: Option<Pair>) -> &mut Usage {
        let index = self.pairs.iter().position(|(known, _)| *known == pair).unwrap_or_else(|| self.add(pair, selected));
        &mut self.pairs[index].1
    }

    /// Where `pair` is then.
    fn add(&mut self, pair: Pair, selected: Option<Pair>) -> usize {
        if self.pairs.len() >= MAX_PAIRS {
            self.pairs.retain(|(known, _)| Some(*known) == selected);
        }
        self.numbered += 1;
        let usage = Usage { session: self.session, number: self.numbered, ..Usage::default() };
        self.pairs.push((pair, usage));
        self.pairs.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_are_too_many_begin_anew_under_other_numbers_but_for_the_selected_one() {
        let pair = |port| Pair { local: ([127, 0, 0, 1], 1).into(), peer: ([127, 0, 0, 1], port).into() };
        let mut usages = Usages::new(0);
        let numbers: Vec<_> = (0..1000).map(|port| usages.of(pair(port), Some(pair(7))).number).collect();
        assert_eq!(numbers, (1..=1000).collect::<Vec<_>>());
        assert!(usages.pairs.len() <= MAX_PAIRS);
        assert_eq!(usages.of(pair(7), None).number, 8);
        assert_eq!(usages.of(pair(6), None).number, 1001);
    }
}
