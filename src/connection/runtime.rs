//! The engine's threads: one small tokio runtime per process, started by the first connection that needs it.
//!
//! Invariant: a panic in a task ends that task and is handed to its owner; it never leaves this module.

use crate::error::{Error, ErrorKind, Result};
use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle, Runtime};

/// Media of hundreds of calls fits on few threads; more would only fight Node's own for the cores.
const MAX_THREADS: usize = 4;

/// The engine's runtime. Fails when the system gives no more threads.
pub fn handle() -> Result<Handle> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Builder::new_multi_thread()
            .worker_threads(cores.min(MAX_THREADS))
            .max_blocking_threads(MAX_THREADS) // name look-ups
            .thread_name("webphone-rtc")
            .enable_all()
            .build()
    });
    match runtime {
        Ok(runtime) => Ok(runtime.handle().clone()),
        Err(error) => Err(Error::new(ErrorKind::Operation, format!("the engine cannot start its threads: {error}"))),
    }
}

/// Runs `future` to its end or to its panic; a panic comes back as its message.
pub async fn contain<F: Future>(future: F) -> std::result::Result<F::Output, String> {
    let mut future = pin!(future);
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(payload) => std::task::Poll::Ready(Err(message(&*payload))),
    })
    .await
}

/// As [`contain`], for what happens at once.
pub fn contain_now<T>(call: impl FnOnce() -> T) -> std::result::Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_as_its_message() -> Result<()> {
        let runtime = handle()?;
        let outcome = runtime.block_on(contain(async { panic!("lost {}", "track") }));
        assert_eq!(outcome, Err::<(), _>("lost track".to_owned()));
        assert_eq!(runtime.block_on(contain(async { 7 })), Ok(7));
        Ok(())
    }
}
