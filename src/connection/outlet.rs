//! A sink with the bell that tells JavaScript of its frames.
//!
//! Invariant: between two reads that emptied the queue, JavaScript is told at most once.

use super::outbox::{Notice, Outbox};
use super::runtime;
use crate::error::Result;
use crate::media::Sink;
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
        if self.sink.pump(now) > 0 && !self.announced.swap(true, Ordering::AcqRel) {
            self.outbox.push(Notice::Frames(self.id));
        }
        !self.sink.done()
    }

    /// Gives a signal that no connection plays a clock of its own: a local track is read in real time.
    pub fn run(mut self) -> Result<()> {
        let task = async move {
            while self.pump(Instant::now()) {
                let Some(due) = self.sink.next_due() else { break };
                tokio::time::sleep_until(due.into()).await;
            }
        };
        runtime::handle()?.spawn(task);
        Ok(())
    }
}
