//! How much of what has come over data channels JavaScript has not handled yet.
//!
//! Invariant: messages that wait beyond [`HIGH_BYTES`] stay in the receive window, which holds the far end back; whoever
//! finds that enough was handled lets them come again, exactly once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// From here on the far end waits.
const HIGH_BYTES: usize = 1 << 20;
/// From here on it may send again.
const LOW_BYTES: usize = HIGH_BYTES / 2;
/// What an empty message costs us.
const MESSAGE_BYTES: usize = 256;

/// Shared by the task, which adds, and the thread that JavaScript runs in, which takes away.
#[derive(Debug, Default)]
pub struct Intake {
    waiting: AtomicUsize,
    held: AtomicBool,
}

impl Intake {
    /// A message of `len` bytes is on its way to JavaScript. `true` where no more may come for now.
    pub fn add(&self, len: usize) -> bool {
        let waiting = self.waiting.fetch_add(len + MESSAGE_BYTES, Ordering::SeqCst) + len + MESSAGE_BYTES;
        if waiting < HIGH_BYTES {
            return false;
        }
        self.held.store(true, Ordering::SeqCst);
        // All may have been handled in between, and then nobody would come to release it.
        !(self.waiting.load(Ordering::SeqCst) < LOW_BYTES && self.held.swap(false, Ordering::SeqCst))
    }

    /// JavaScript has handled a message of `len` bytes. `true` where more may come again.
    pub fn take(&self, len: usize) -> bool {
        let less = |waiting: usize| Some(waiting.saturating_sub(len + MESSAGE_BYTES));
        let before = self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).unwrap_or_default();
        before.saturating_sub(len + MESSAGE_BYTES) < LOW_BYTES && self.held.swap(false, Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_intake_is_released_once_when_it_is_half_empty() {
        let intake = Intake::default();
        let len = 100_000;
        let added = (0..20).map(|_| intake.add(len)).collect::<Vec<_>>();
        let held_at = added.iter().position(|held| *held);
        assert_eq!(held_at, Some(10));
        let released = (0..20).map(|_| intake.take(len)).collect::<Vec<_>>();
        assert_eq!(released.iter().filter(|released| **released).count(), 1);
        assert_eq!(released.iter().position(|released| *released), Some(14));
        assert!(!intake.add(len));
    }

    #[test]
    fn empty_messages_fill_it_too() {
        let intake = Intake::default();
        assert!((0..10_000).any(|_| intake.add(0)));
    }
}
