//! Places where a test can make the engine panic, to see that the harm stays where it is.
//!
//! Invariant: without the feature `faults`, which nothing that is published is built with, [`point`] is empty.

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A connection's task takes a command.
    Command,
    /// It takes a datagram.
    Datagram,
    /// It looks for candidates.
    Gathering,
    /// It encodes and sends.
    Send,
    /// It decodes and plays.
    Play,
    /// It says goodbye.
    Close,
    /// A server's name is looked up.
    LookUp,
    /// A local track is read.
    Outlet,
    /// A file is written.
    Recording,
    /// JavaScript calls a connection.
    Border,
    /// A report is made ready for JavaScript.
    Drain,
}

/// A panic, if a test wants one here.
#[inline(always)]
pub fn point(_place: Place) {
    #[cfg(feature = "faults")]
    armed::trip(_place, None);
}

/// The same outside a connection's task, where connection `id` is worked for.
#[inline(always)]
pub fn point_of(_place: Place, _id: u32) {
    #[cfg(feature = "faults")]
    armed::trip(_place, Some(_id));
}

#[cfg(feature = "faults")]
pub use armed::{arm, subject};

#[cfg(feature = "faults")]
mod armed {
    use super::Place;
    use std::future::Future;
    use std::sync::{Mutex, PoisonError};

    tokio::task_local! {
        static SUBJECT: u32;
    }

    static ARMED: Mutex<Option<(Place, Option<u32>)>> = Mutex::new(None);

    /// When `place` is come to next for connection `id`, or for none, there is a panic, once.
    pub fn arm(place: Place, id: Option<u32>) {
        *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some((place, id));
    }

    /// What `task` comes to is connection `id`'s.
    pub fn subject<F: Future>(id: u32, task: F) -> impl Future<Output = F::Output> {
        SUBJECT.scope(id, task)
    }

    #[allow(clippy::panic, reason = "it is for tests")]
    pub(super) fn trip(place: Place, id: Option<u32>) {
        let id = id.or_else(|| SUBJECT.try_with(|id| *id).ok());
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        if *armed == Some((place, id)) {
            *armed = None;
            drop(armed);
            panic!("a fault that was asked for ({place:?})");
        }
    }
}
