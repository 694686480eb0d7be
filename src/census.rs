//! How many objects of each kind the process holds, for the tests that look for leaks.
//!
//! Invariant: the count of a kind is the number of [`Live`] values of it that exist.

use std::sync::atomic::{AtomicU32, Ordering};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The way from the engine into one JavaScript environment.
    Engine,
    /// A connection as JavaScript holds it.
    Connection,
    /// An audio signal as JavaScript holds it.
    Ring,
    /// A reader of a signal as JavaScript holds it.
    Sink,
    /// A recording as JavaScript holds it.
    Recorder,
    /// A certificate as JavaScript holds it.
    Certificate,
    /// The way of encoded frames through the application as JavaScript holds it.
    Detour,
    /// A reader of encoded frames as JavaScript holds it.
    FrameStream,
    /// A queue of encoded frames as JavaScript holds it.
    FrameQueue,
    /// The running task of a connection.
    Task,
    /// A transport with its protocol machines.
    Transport,
    /// An audio signal.
    Signal,
    /// An encoder or decoder of libopus.
    Codec,
}

/// Each kind with the name that JavaScript reads.
pub const KINDS: [(Kind, &str); 13] = [
    (Kind::Engine, "engines"),
    (Kind::Connection, "connections"),
    (Kind::Ring, "rings"),
    (Kind::Sink, "sinks"),
    (Kind::Recorder, "recorders"),
    (Kind::Certificate, "certificates"),
    (Kind::Detour, "detours"),
    (Kind::FrameStream, "frameStreams"),
    (Kind::FrameQueue, "frameQueues"),
    (Kind::Task, "tasks"),
    (Kind::Transport, "transports"),
    (Kind::Signal, "signals"),
    (Kind::Codec, "codecs"),
];

static COUNTS: [AtomicU32; KINDS.len()] = [const { AtomicU32::new(0) }; KINDS.len()];

/// Counts as one object for as long as it exists: a member of what is counted.
#[derive(Debug)]
pub struct Live(Kind);

impl Live {
    /// One more of `kind`.
    pub fn new(kind: Kind) -> Self {
        COUNTS[kind as usize].fetch_add(1, Ordering::Relaxed);
        Self(kind)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        COUNTS[self.0 as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

/// Objects of `kind` in this process now.
pub fn count(kind: Kind) -> u32 {
    COUNTS[kind as usize].load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_is_counted_and_what_has_gone_is_not() {
        // No other unit test of this crate makes one.
        let kind = Kind::Engine;
        let before = count(kind);
        let two = [Live::new(kind), Live::new(kind)];
        assert_eq!(count(kind), before + 2);
        drop(two);
        assert_eq!(count(kind), before);
    }

    #[test]
    fn each_kind_is_listed_in_its_place() {
        for (at, (kind, _)) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, at);
        }
    }
}
