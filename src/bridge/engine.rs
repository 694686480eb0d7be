//! One per JavaScript environment: the outbox, its doorbell, and the connections that still report.

use super::connection::Registry;
use super::media::PacketFunction;
use super::report::{self, ReportData};
use crate::census::{Kind, Live};
use crate::connection::{Doorbell, Notice, Outbox, contain_now, log};
use crate::fault::{self, Place};
use napi::Env;
use napi::bindgen_prelude::{Function, Uint32ArraySlice};
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

/// The names of so many sinks are told by one number.
const MOST_FRAMES: usize = (1 << 16) - 1;

/// What every other object of the binding is made with.
#[napi_derive::napi]
pub struct Engine {
    outbox: Arc<Outbox>,
    connections: Registry,
    _live: Live,
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
        Ok(Self { outbox, connections, _live: Live::new(Kind::Engine) })
    }

    /// What fills the caller's array with the names of sinks that have frames, if that is what was told first, and returns how
    /// many they are, and on top of 16 bits whether [`drain`](Self::drain) has something too.
    #[napi(catch_unwind, ts_return_type = "(into: Uint32Array) => number")]
    pub fn frame_drain<'env>(&self, env: &'env Env) -> napi::Result<PacketFunction<'env, u32>> {
        let outbox = self.outbox.clone();
        env.create_function_from_closure("drainFrames", move |call| {
            let mut into: Uint32ArraySlice<'_> = call.get(0)?;
            // SAFETY: nobody else has a view of this memory in Rust while JavaScript waits for this function.
            let into = unsafe { into.as_mut() };
            let room = into.len().min(MOST_FRAMES);
            let (count, more) = outbox.drain_frames(&mut into[..room]);
            Ok(count as u32 | u32::from(more) << 16)
        })
    }

    /// Everything that happened since the last call, in order.
    #[napi(catch_unwind, ts_return_type = "Report[]")]
    pub fn drain(&self) -> Vec<ReportData> {
        self.outbox.drain().into_iter().flat_map(|notice| self.translate(notice)).collect()
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
}

impl Engine {
    /// A panic over one notice is the end of its connection, and keeps no other from being told.
    fn translate(&self, notice: Notice) -> Vec<ReportData> {
        let id = match notice {
            Notice::Connection(id, _) => Some(id),
            _ => None,
        };
        let call = || {
            if let Some(id) = id {
                fault::point_of(Place::Drain, id.0);
            }
            report::translate(notice, &self.connections)
        };
        contain_now(call).unwrap_or_else(|message| {
            if let Some(id) = id {
                self.connections.crash(id, message);
            }
            Vec::new()
        })
    }

    pub(super) fn outbox(&self) -> Arc<Outbox> {
        self.outbox.clone()
    }

    pub(super) fn connections(&self) -> Registry {
        self.connections.clone()
    }
}
