//! Encoded frames on their way out of a stream, through the application, and back into it.
//!
//! Invariant: neither end waits for the other. What an end does not fetch in time is dropped, the oldest first, beyond
//! [`MAX_FRAMES`] or [`MAX_BYTES`]; an end is called at most once until it has found nothing more.

use crate::rtp::RtpHeader;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Half a second of voice in packets of 20 ms, five seconds of our own pictures.
pub const MAX_FRAMES: usize = 25;
/// Two large key frames.
pub const MAX_BYTES: usize = 4 << 20;

/// One encoded frame with what its packets say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedFrame {
    /// The stream.
    pub ssrc: u32,
    /// Contributing sources.
    pub csrc: Vec<u32>,
    /// 0 to 127.
    pub payload_type: u8,
    /// Name of the codec, as in SDP.
    pub codec: &'static str,
    /// In the codec's clock rate.
    pub timestamp: u32,
    /// Of its packet; a frame that is not sent yet has none.
    pub sequence: Option<u16>,
    /// -dBov, 0 to 127, where it is told (RFC 6464).
    pub level: Option<u8>,
    /// Begins a talk spurt.
    pub marker: bool,
    /// Arrival of its first packet.
    pub received: Option<Instant>,
    /// What only pictures have.
    pub picture: Option<Picture>,
    /// The payload.
    pub data: Bytes,
}

/// What is to be known of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// It needs no other picture.
    pub key: bool,
    /// Pixels, where the frame says them: key frames do.
    pub size: Option<(u16, u16)>,
    /// Counts the pictures of the stream.
    pub id: u64,
}

/// The stream that frames come back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    /// Pictures, not sound.
    pub video: bool,
    /// What is sent, or what is received.
    pub sending: bool,
}

/// A stream that we send, whose encoded frames can make a detour.
pub trait Detours {
    /// Encoded frames take this way before they are sent, and only what comes back is; `None` sends them at once.
    fn set_detour(&mut self, detour: Option<Arc<Detour>>);

    /// Sends what has come back from the detour, and a key frame that is wanted there.
    fn send_returned(&mut self, now: Instant, out: &mut impl FnMut(&RtpHeader, &[u8]));
}

/// What runs when an end has something to fetch. Called without the lock, from the other end's thread; must not block.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// The way out and back; see the module.
#[derive(Default)]
pub struct Detour(Mutex<State>);

#[derive(Default)]
struct State {
    outward: End,
    homeward: End,
    /// The stream that there is.
    role: Option<Role>,
    /// It does not send pictures, or was stopped: there are no key frames to be had.
    still: bool,
    /// The application wants a key frame, of itself or of the far end.
    wants_key: bool,
    /// The far end wants one, of the application.
    asked_for_key: bool,
    /// Nothing will come out any more.
    ended: bool,
    /// Nobody fetches any more: frames are lost at once.
    abandoned: bool,
}

#[derive(Default)]
struct End {
    frames: VecDeque<EncodedFrame>,
    bytes: usize,
    dropped: u64,
    bell: Option<Bell>,
    called: bool,
}

impl End {
    fn push(&mut self, frame: EncodedFrame) {
        self.bytes += frame.data.len();
        self.frames.push_back(frame);
        while self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES {
            self.dropped += u64::from(self.pop().is_some());
        }
    }

    fn pop(&mut self) -> Option<EncodedFrame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.data.len();
        Some(frame)
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }

    /// The bell to ring, unless it has rung and was not answered.
    fn call(&mut self) -> Option<Bell> {
        let bell = self.bell.clone()?;
        (!std::mem::replace(&mut self.called, true)).then_some(bell)
    }
}

/// The stream's end.
impl Detour {
    /// A frame leaves the stream.
    pub fn leave(&self, frame: EncodedFrame) {
        self.change(|state| {
            if state.abandoned || state.ended {
                return None;
            }
            state.outward.push(frame);
            state.outward.call()
        });
    }

    /// The far end asks for a key frame.
    pub fn ask_for_key(&self) {
        self.change(|state| {
            state.asked_for_key = true;
            state.outward.call()
        });
    }

    /// A frame that has come back. The bell rings again for the first one after `None`.
    pub fn take_back(&self) -> Option<EncodedFrame> {
        let mut state = self.state();
        let frame = state.homeward.pop();
        state.homeward.called &= frame.is_some();
        frame
    }

    /// Whether the application wants a key frame, since the last call.
    pub fn take_wish(&self) -> bool {
        std::mem::take(&mut self.state().wants_key)
    }

    /// The stream that frames come back to is another one now, or none: those on their way back are lost.
    pub fn on_return(&self, stream: Option<(Role, Bell)>) {
        let mut state = self.state();
        state.homeward.clear();
        state.homeward.called = false;
        (state.role, state.homeward.bell) = stream.unzip();
    }

    /// Whether key frames can be had of the stream.
    pub fn set_still(&self, still: bool) {
        self.change(|state| {
            // Whoever waits for a key frame waits in vain.
            if !std::mem::replace(&mut state.still, still) && still { state.outward.call() } else { None }
        });
    }

    /// No more frames will leave.
    pub fn end(&self) {
        self.change(|state| {
            state.ended = true;
            state.outward.call()
        });
    }
}

/// The application's end.
impl Detour {
    /// Who is called when frames can be fetched, at once if there are any; `None` for nobody any more.
    pub fn on_leave(&self, bell: Option<Bell>) {
        self.change(|state| {
            state.abandoned = bell.is_none();
            state.outward.bell = bell;
            if state.abandoned {
                state.outward.clear();
                return None;
            }
            state.outward.called = false;
            if state.outward.frames.is_empty() && !state.ended { None } else { state.outward.call() }
        });
    }

    /// The oldest frame. The bell rings again for the first one after `None`.
    pub fn fetch(&self) -> Option<EncodedFrame> {
        let mut state = self.state();
        let frame = state.outward.pop();
        state.outward.called &= frame.is_some();
        frame
    }

    /// Gives a frame to the stream.
    pub fn give_back(&self, frame: EncodedFrame) {
        self.change(|state| {
            state.homeward.bell.as_ref()?;
            state.homeward.push(frame);
            state.homeward.call()
        });
    }

    /// Wants a key frame: of a sender from its source, of a receiver from the far end.
    pub fn want_key(&self) {
        self.change(|state| {
            state.wants_key = true;
            state.homeward.call()
        });
    }

    /// Whether the far end has asked for a key frame, since the last call.
    pub fn take_request(&self) -> bool {
        std::mem::take(&mut self.state().asked_for_key)
    }

    /// The stream that frames come back to, if key frames can be had of it where it is one of pictures.
    pub fn role(&self) -> Option<Role> {
        let state = self.state();
        state.role.filter(|role| !(role.video && state.still))
    }

    /// Nothing more will come.
    pub fn is_ended(&self) -> bool {
        self.state().ended
    }

    /// Frames that were dropped because an end was slow.
    pub fn dropped(&self) -> u64 {
        let state = self.state();
        state.outward.dropped + state.homeward.dropped
    }
}

impl Detour {
    /// Rings what `change` returns, without the lock.
    fn change(&self, change: impl FnOnce(&mut State) -> Option<Bell>) {
        let bell = change(&mut self.state());
        if let Some(bell) = bell {
            bell();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn frame(timestamp: u32) -> EncodedFrame {
        EncodedFrame { timestamp, data: Bytes::from_static(b"frame"), ..EncodedFrame::default() }
    }

    fn bell() -> (Bell, Arc<AtomicUsize>) {
        let rings = Arc::new(AtomicUsize::new(0));
        let counter = rings.clone();
        (Arc::new(move || _ = counter.fetch_add(1, Ordering::Relaxed)), rings)
    }

    #[test]
    fn an_application_that_stalls_costs_the_oldest_frames_and_no_more_memory() {
        let detour = Detour::default();
        for n in 0..1000 {
            detour.leave(frame(n));
        }
        assert_eq!(detour.dropped(), 1000 - MAX_FRAMES as u64);
        assert_eq!(detour.fetch().map(|frame| frame.timestamp), Some(1000 - MAX_FRAMES as u32));
        let large = || EncodedFrame { data: Bytes::from(vec![0; MAX_BYTES / 3]), ..EncodedFrame::default() };
        (0..10).for_each(|_| detour.leave(large()));
        assert_eq!(std::iter::from_fn(|| detour.fetch()).count(), 3);
    }

    #[test]
    fn an_end_is_called_once_until_it_has_found_nothing() {
        let detour = Detour::default();
        let (out, rings) = bell();
        detour.leave(frame(1));
        detour.on_leave(Some(out));
        assert_eq!(rings.load(Ordering::Relaxed), 1, "there was something");
        detour.leave(frame(2));
        assert_eq!(rings.load(Ordering::Relaxed), 1);
        assert_eq!(std::iter::from_fn(|| detour.fetch()).count(), 2);
        detour.leave(frame(3));
        assert_eq!(rings.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn frames_come_back_to_the_stream_that_there_is_and_to_no_other() {
        let detour = Detour::default();
        detour.give_back(frame(1));
        let (back, rings) = bell();
        detour.on_return(Some((Role { video: false, sending: true }, back)));
        assert_eq!((detour.take_back(), rings.load(Ordering::Relaxed)), (None, 0));
        detour.give_back(frame(2));
        detour.give_back(frame(3));
        assert_eq!(rings.load(Ordering::Relaxed), 1);
        assert_eq!(detour.take_back(), Some(frame(2)));
        detour.on_return(None);
        assert_eq!(detour.take_back(), None);
    }

    #[test]
    fn an_abandoned_detour_keeps_nothing() {
        let detour = Detour::default();
        detour.on_leave(Some(bell().0));
        detour.leave(frame(1));
        detour.on_leave(None);
        detour.leave(frame(2));
        assert_eq!(detour.fetch(), None);
    }
}
