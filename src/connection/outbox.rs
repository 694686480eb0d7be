//! The one ordered way from the engine to JavaScript.
//!
//! Invariant: reports of one connection come out in the order they went in, and after a push that found the box
//! drained the doorbell rings exactly once, whatever number of reports follow before the next drain. Of the levels of
//! one signal only the newest is kept: a reader that was late wants no history of a meter.

use super::log::{AtomicLevel, Entry, MAX_WAITING};
use super::report::Report;
use super::runtime;
use crate::media::{Loudness, SpeechChange};
use crate::recording::Summary;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Wakes the thread that drains. Called from any engine thread; must not block.
pub trait Doorbell: Send + Sync {
    /// Something is in the box.
    fn ring(&self);
}

/// A queue of reports with a coalesced doorbell; one per JavaScript environment.
pub struct Outbox {
    state: Mutex<State>,
    doorbell: Arc<dyn Doorbell>,
    /// The log lines that this environment has asked for.
    pub(super) log_level: AtomicLevel,
}

#[derive(Default)]
struct State {
    notices: VecDeque<Notice>,
    levels: Vec<(Metered, Loudness)>,
    /// How many of them are log lines.
    lines: usize,
    /// The doorbell has rung and nobody has drained since.
    rung: bool,
    /// The environment is going: nothing is kept, nobody is woken.
    closed: bool,
}

/// What is in the box, with the name of the object that it is about.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A connection reports.
    Connection(ConnectionId, Report),
    /// A line for the log of a connection.
    Log(ConnectionId, Box<Entry>),
    /// An audio signal that refused a write has room again.
    Drain(u32),
    /// An audio signal has been played up to the mark of this name.
    Mark(u32, String),
    /// These sinks have frames to be fetched: one notice for all of which nothing else is told in between.
    Frames(Vec<u32>),
    /// A panic has ended the task that reads a local track for this sink.
    SinkLost(u32, String),
    /// Encoded frames can be fetched, or something else has happened on their detour.
    Encoded(u32),
    /// A queue of encoded frames that refused a write has room again.
    FramesDrained(u32),
    /// A recording has ended.
    Recorded(u32, Summary),
    /// Somebody begins or ends to speak in the frames of a sink; with the timestamp of that moment.
    Speech(u32, SpeechChange, u32),
    /// How loud signals are: one notice for all that were measured since the last drain ([`Outbox::meter`]).
    Levels(Vec<(Metered, Loudness)>),
}

/// What has a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metered {
    /// What a signal plays.
    Ring(u32),
    /// What a sink hears.
    Sink(u32),
}

/// Names a connection within its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u32);

impl Outbox {
    /// An empty box that rings `doorbell`.
    pub fn new(doorbell: Arc<dyn Doorbell>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), doorbell, log_level: AtomicLevel::off() })
    }

    /// Puts a report at the end. Log lines beyond [`MAX_WAITING`] are lost.
    pub fn push(&self, notice: Notice) {
        self.tell(|state| {
            let Some(notice) = state.admit(notice) else { return false };
            state.notices.push_back(notice);
            true
        });
    }

    /// Tells that a sink has frames to be fetched.
    pub fn announce(&self, sink: u32) {
        self.tell(|state| {
            match state.notices.back_mut() {
                Some(Notice::Frames(sinks)) => sinks.push(sink),
                _ => state.notices.push_back(Notice::Frames(vec![sink])),
            }
            true
        });
    }

    /// Tells how loud a signal is, in place of what was told before and not yet drained.
    pub fn meter(&self, metered: Metered, loudness: Loudness) {
        self.tell(|state| {
            state.levels.retain(|it| it.0 != metered);
            state.levels.push((metered, loudness));
            true
        });
    }

    /// Adds to an open box what `add` does, `false` if that is nothing, and rings unless it was rung since the last drain.
    fn tell(&self, add: impl FnOnce(&mut State) -> bool) {
        let ring = {
            let mut state = self.state();
            !state.closed && add(&mut state) && !std::mem::replace(&mut state.rung, true)
        };
        if ring {
            runtime::ring(&self.doorbell);
        }
    }

    /// Takes all that is there; the next push rings again.
    pub fn drain(&self) -> VecDeque<Notice> {
        let mut state = self.state();
        state.rung = false;
        state.lines = 0;
        let levels = std::mem::take(&mut state.levels);
        if !levels.is_empty() {
            state.notices.push_back(Notice::Levels(levels));
        }
        std::mem::take(&mut state.notices)
    }

    /// Takes the sinks that have frames, if that is the first notice and they fit: how many, and whether something else is
    /// there. Where nothing is, the next push rings again.
    pub fn drain_frames(&self, into: &mut [u32]) -> (usize, bool) {
        let mut state = self.state();
        let count = match state.notices.front_mut() {
            Some(Notice::Frames(sinks)) if sinks.len() <= into.len() => {
                into[..sinks.len()].copy_from_slice(sinks);
                let count = sinks.len();
                state.notices.pop_front();
                count
            }
            _ => 0,
        };
        let more = !state.notices.is_empty() || !state.levels.is_empty();
        state.rung &= more;
        (count, more)
    }

    /// From now on pushes are dropped and the doorbell is silent.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.notices.clear();
        state.levels.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Reports all come in; a flood of log lines ends with one that says so.
    fn admit(&mut self, notice: Notice) -> Option<Notice> {
        let Notice::Log(id, entry) = notice else { return Some(notice) };
        self.lines += 1;
        match self.lines.checked_sub(MAX_WAITING + 1) {
            None => Some(Notice::Log(id, entry)),
            Some(0) => Some(Notice::Log(id, Box::new(Entry::overflow()))),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Counter(Arc<AtomicUsize>);

    impl Doorbell for Counter {
        fn ring(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn outbox() -> (Arc<Outbox>, Arc<AtomicUsize>) {
        let rings = Arc::new(AtomicUsize::new(0));
        (Outbox::new(Arc::new(Counter(rings.clone()))), rings)
    }

    #[test]
    fn many_reports_ring_once_until_drained() {
        let (outbox, rings) = outbox();
        for _ in 0..3 {
            outbox.push(Notice::Drain(1));
        }
        assert_eq!(rings.load(Ordering::Relaxed), 1);
        assert_eq!(outbox.drain().len(), 3);
        outbox.push(Notice::Drain(1));
        assert_eq!(rings.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn sinks_with_frames_are_told_together_and_never_before_what_came_first() {
        let (outbox, rings) = outbox();
        outbox.announce(1);
        outbox.announce(2);
        outbox.push(Notice::Drain(7));
        outbox.announce(3);
        assert_eq!(rings.load(Ordering::Relaxed), 1);
        let notices = outbox.drain();
        let [Notice::Frames(first), Notice::Drain(7), Notice::Frames(second)] = notices.iter().collect::<Vec<_>>()[..]
        else {
            panic!("{notices:?}");
        };
        assert_eq!((&first[..], &second[..]), (&[1, 2][..], &[3][..]));
    }

    #[test]
    fn frames_come_out_alone_where_they_were_told_first() {
        let (outbox, rings) = outbox();
        let mut names = [0; 2];
        assert_eq!(outbox.drain_frames(&mut names), (0, false));
        outbox.announce(7);
        outbox.announce(8);
        assert_eq!((outbox.drain_frames(&mut names), names), ((2, false), [7, 8]));
        outbox.announce(9);
        assert_eq!(rings.load(Ordering::Relaxed), 2, "nothing was left");
        outbox.push(Notice::Drain(1));
        assert_eq!((outbox.drain_frames(&mut names), names[0]), ((1, true), 9));
        outbox.announce(9);
        assert_eq!(outbox.drain_frames(&mut names), (0, true), "something else was told before");
        assert_eq!((rings.load(Ordering::Relaxed), outbox.drain().len()), (2, 2));
        for sink in 0..3 {
            outbox.announce(sink);
        }
        assert_eq!(outbox.drain_frames(&mut names), (0, true), "three do not fit");
        assert_eq!(outbox.drain().len(), 1);
    }

    #[test]
    fn levels_come_out_as_one_notice_that_knows_only_the_newest() {
        let (outbox, rings) = outbox();
        let loudness = |rms| Loudness { rms, peak: 1.0 };
        for n in 0..100 {
            outbox.meter(Metered::Sink(1), loudness(f64::from(n)));
            outbox.meter(Metered::Ring(1), loudness(0.5));
        }
        outbox.push(Notice::Drain(1));
        assert_eq!(rings.load(Ordering::Relaxed), 1);
        let notices = outbox.drain();
        let [Notice::Drain(1), Notice::Levels(levels)] = notices.iter().collect::<Vec<_>>()[..] else {
            panic!("{notices:?}");
        };
        assert_eq!(*levels, [(Metered::Sink(1), loudness(99.0)), (Metered::Ring(1), loudness(0.5))]);
        assert!(outbox.drain().is_empty());
    }

    #[test]
    fn a_closed_box_keeps_nothing_and_is_silent() {
        let (outbox, rings) = outbox();
        outbox.close();
        outbox.push(Notice::Drain(1));
        outbox.announce(1);
        outbox.meter(Metered::Sink(1), Loudness::default());
        assert_eq!(rings.load(Ordering::Relaxed), 0);
        assert!(outbox.drain().is_empty());
    }
}
