//! A sink with the bell that tells JavaScript of its frames, and of what was heard in them.
//!
//! Invariant: between two reads that emptied the queue, JavaScript is told of frames at most once. Speech that
//! begins or ends is told before the frame in which it was noticed.

use super::outbox::{Metered, Notice, Outbox};
use super::runtime;
use crate::error::Result;
use crate::fault::{self, Place};
use crate::media::{Noticed, Sink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Cuts frames and announces them.
pub struct Outlet {
    sink: Sink,
    id: u32,
    outbox: Arc<Outbox>,
    announced: Arc<AtomicBool>,
}

impl Outlet {
    /// `announced` is shared with the reader, which clears it before it finds the queue empty.
    pub fn new(sink: Sink, id: u32, outbox: Arc<Outbox>, announced: Arc<AtomicBool>) -> Self {
        Self { sink, id, outbox, announced }
    }

    /// Cuts what is ready `now`; `false` when nothing will come any more.
    pub fn pump(&mut self, now: Instant) -> bool {
        fault::point(Place::Outlet);
        let frames = self.sink.pump(now);
        while let Some(heard) = self.sink.poll() {
            match heard {
                Noticed::Level(loudness) => self.outbox.meter(Metered::Sink(self.id), loudness),
                Noticed::Speech(change, timestamp) => self.outbox.push(Notice::Speech(self.id, change, timestamp)),
            }
        }
        if frames > 0 && !self.announced.swap(true, Ordering::AcqRel) {
            self.outbox.announce(self.id);
        }
        !self.sink.done()
    }

    /// Gives a signal that no connection plays a clock of its own: a local track is read in real time.
    pub fn run(mut self) -> Result<()> {
        let (id, outbox) = (self.id, self.outbox.clone());
        let read = async move {
            while self.pump(Instant::now()) {
                runtime::ring_overdue(Instant::now());
                let Some(due) = self.sink.next_due() else { break };
                tokio::time::sleep_until(due.into()).await;
            }
        };
        let task = async move {
            if let Err(message) = runtime::contain(read).await {
                outbox.push(Notice::SinkLost(id, message));
            }
        };
        runtime::spawn(task).map(drop)
    }
}
