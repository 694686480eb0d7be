//! One per JavaScript environment: the outbox, its doorbell, and the connections that still report.

use super::connection::Registry;
use super::report::{self, ReportData};
use crate::connection::{Doorbell, Outbox, log};
use napi::Env;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use std::sync::Arc;
use tracing::level_filters::LevelFilter;

type WeakFunction = ThreadsafeFunction<(), (), (), napi::Status, false, true>;

/// Rings in the JavaScript thread. Weak: it never keeps the process alive.
struct Bell(WeakFunction);

impl Doorbell for Bell {
    fn ring(&self) {
        // Fails only when the environment is going; then nobody listens any more.
        self.0.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// What every other object of the binding is made with.
#[napi_derive::napi]
pub struct Engine {
    outbox: Arc<Outbox>,
    connections: Registry,
}

#[napi_derive::napi]
impl Engine {
    /// `doorbell` is called, coalesced, when `drain()` has something.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, doorbell: Function<'_, (), ()>) -> napi::Result<Self> {
        let bell = doorbell.build_threadsafe_function::<()>().weak::<true>().callee_handled::<false>().build()?;
        let outbox = Outbox::new(Arc::new(Bell(bell)));
        let connections = Registry::default();
        let ending = (outbox.clone(), connections.clone());
        env.add_env_cleanup_hook(ending, |(outbox, connections)| {
            outbox.close();
            log::set_level(&outbox, LevelFilter::OFF);
            connections.close_all();
        })?;
        Ok(Self { outbox, connections })
    }

    /// Everything that happened since the last call, in order.
    #[napi(catch_unwind, ts_return_type = "Report[]")]
    pub fn drain(&self) -> Vec<ReportData> {
        self.outbox.drain().into_iter().flat_map(|notice| report::translate(notice, &self.connections)).collect()
    }

    /// From now on the connections of this environment report what they do, at most at this level: `error`, `warn`,
    /// `info`, `debug`, or `off`, which it is at first.
    #[napi(catch_unwind)]
    pub fn set_log_level(&self, level: String) {
        log::set_level(&self.outbox, level.parse().unwrap_or(LevelFilter::OFF));
    }

    /// Closes every connection of this environment.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.connections.close_all();
    }

    /// Connections that exist and are not closed: for leak tests.
    #[napi(catch_unwind)]
    pub fn live_connections(&self) -> u32 {
        self.connections.live()
    }
}

impl Engine {
    pub(super) fn outbox(&self) -> Arc<Outbox> {
        self.outbox.clone()
    }

    pub(super) fn connections(&self) -> Registry {
        self.connections.clone()
    }
}
