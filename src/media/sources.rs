//! Who was heard in a stream lately: what getSynchronizationSources and getContributingSources tell.
//!
//! Invariant: one entry per source, the newest packet's; the list is bounded whatever the far end sends.

use std::sync::{Mutex, PoisonError};

/// A conference mixer names a handful of sources at a time.
const MAX_SOURCES: usize = 64;

/// RTCRtpContributingSource.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// SSRC or CSRC.
    pub source: u32,
    /// It is a contributing one.
    pub contributing: bool,
    /// When the packet came, in milliseconds since 1970.
    pub unix_ms: f64,
    /// Of the packet.
    pub rtp_timestamp: u32,
    /// -dBov, 0 to 127, where the packet says it (RFC 6464).
    pub level: Option<u8>,
}

/// The sources of one stream, written by the engine and read by JavaScript.
#[derive(Debug, Default)]
pub struct Sources(Mutex<Vec<Source>>);

impl Sources {
    /// A packet has come.
    pub fn note(&self, source: Source) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|known| (known.source, known.contributing) != (source.source, source.contributing));
        if list.len() == MAX_SOURCES {
            list.remove(0);
        }
        list.push(source);
    }

    /// All, the newest last.
    pub fn list(&self) -> Vec<Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_packet_of_each_source_counts_and_floods_are_bounded() {
        let sources = Sources::default();
        let heard = |source, unix_ms| Source { source, contributing: false, unix_ms, rtp_timestamp: 0, level: None };
        sources.note(heard(1, 1.0));
        sources.note(heard(1, 2.0));
        sources.note(Source { contributing: true, ..heard(1, 3.0) });
        assert_eq!(sources.list().iter().map(|it| it.unix_ms).collect::<Vec<_>>(), [2.0, 3.0]);
        (0..1000).for_each(|source| sources.note(heard(source, 4.0)));
        assert_eq!(sources.list().len(), MAX_SOURCES);
    }
}
