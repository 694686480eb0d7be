//! Encoded frames that an application gives to senders in place of PCM.
//!
//! Invariant: frames are taken in the order in which they were written, each by the one sender that reads the queue; what
//! does not fit is refused, whole.

use super::codec::Codec;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What runs when there is room again after a refusal. Called on the thread that made room; must not block.
pub type Drained = Arc<dyn Fn() + Send + Sync>;

/// A queue of frames of one codec.
pub struct FrameQueue {
    codec: Codec,
    /// Ticks of the codec's clock that fit.
    limit: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<(Bytes, u32)>,
    ticks: u64,
    refused: bool,
    drained: Option<Drained>,
}

impl FrameQueue {
    /// A queue for `queue_ms` of frames.
    pub fn new(codec: Codec, queue_ms: u32) -> Self {
        let limit = u64::from(queue_ms) * u64::from(codec.clock_hz()) / 1000;
        Self { codec, limit, state: Mutex::default() }
    }

    /// Of all its frames.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Who is told when there is room again.
    pub fn on_drain(&self, drained: Drained) {
        self.state().drained = Some(drained);
    }

    /// `None`: this is no frame of the codec. `Some(false)`: the queue is full.
    pub fn write(&self, frame: Bytes) -> Option<bool> {
        let ticks = self.codec.ticks(&frame)?;
        let mut state = self.state();
        if state.ticks + u64::from(ticks) > self.limit && !state.frames.is_empty() {
            state.refused = true;
            return Some(false);
        }
        state.ticks += u64::from(ticks);
        state.frames.push_back((frame, ticks));
        Some(true)
    }

    /// The next frame, and how many ticks it plays.
    pub fn take(&self) -> Option<(Bytes, u32)> {
        let mut state = self.state();
        let (frame, ticks) = state.frames.pop_front()?;
        state.ticks -= u64::from(ticks);
        tell_room(state);
        Some((frame, ticks))
    }

    /// Drops what was not sent.
    pub fn clear(&self) {
        let mut state = self.state();
        state.frames.clear();
        state.ticks = 0;
        tell_room(state);
    }

    /// Written and not yet sent.
    pub fn queued_ms(&self) -> f64 {
        self.state().ticks as f64 * 1000.0 / f64::from(self.codec.clock_hz())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// There is room: whoever was refused is told, once.
fn tell_room(mut state: MutexGuard<'_, State>) {
    let drained = if std::mem::take(&mut state.refused) { state.drained.clone() } else { None };
    drop(state);
    if let Some(drained) = drained {
        drained();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_full_queue_refuses_and_says_once_that_there_is_room_again() {
        let queue = FrameQueue::new(Codec::Pcmu, 40);
        let drained = Arc::new(AtomicUsize::new(0));
        let counter = drained.clone();
        queue.on_drain(Arc::new(move || _ = counter.fetch_add(1, Ordering::Relaxed)));
        let frame = || Bytes::from(vec![0; 160]);
        assert_eq!([(); 3].map(|()| queue.write(frame())), [Some(true), Some(true), Some(false)]);
        assert_eq!(queue.queued_ms(), 40.0);
        assert_eq!(queue.take().map(|(_, ticks)| ticks), Some(160));
        assert_eq!(queue.take().map(|(_, ticks)| ticks), Some(160));
        assert_eq!((queue.take(), drained.load(Ordering::Relaxed)), (None, 1));
        assert_eq!([(); 3].map(|()| queue.write(frame())), [Some(true), Some(true), Some(false)]);
        queue.clear();
        assert_eq!((queue.queued_ms(), drained.load(Ordering::Relaxed)), (0.0, 2));
        queue.clear();
        assert_eq!(drained.load(Ordering::Relaxed), 2, "nobody was refused");
    }

    #[test]
    fn what_is_no_frame_of_the_codec_is_told() {
        assert_eq!(FrameQueue::new(Codec::Opus, 40).write(Bytes::new()), None);
    }
}
