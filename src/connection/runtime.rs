//! The engine's threads: a fixed few per process, each with its own event loop, started by the first connection that
//! needs it. Here they are called shards: a connection lives on one of them for life.
//!
//! Invariant: a panic in a task ends that task and is handed to its owner; it never leaves this module. A shard that has
//! much to do wakes at most [`WAKES_PER_SECOND`] times a second: to wake costs more than a packet of a cheap codec, so
//! what is due within one period is done together. The steps of a call's beginning wait for each other, and for no period
//! ([`hurry`], [`Rouser`]). Whoever waits for a thread outside is told before a shard rests, once for all that has happened,
//! or at once where a call waits for it ([`ring_kept`]), or after a period where the shard never rests ([`ring_overdue`]).

use super::outbox::Doorbell;
use crate::error::{Error, ErrorKind, Result};
use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle};

/// Media of hundreds of calls fits on few threads; more would only fight Node's own for the cores.
const MAX_SHARDS: usize = 4;
/// Tasks that a shard takes before the next one is begun: fewer threads wake less often for the same work.
const CROWD: usize = 50;
/// How often a busy shard wakes. What is done comes late by at most the period: 5 ms.
const WAKES_PER_SECOND: u32 = 200;
const PERIOD: Duration = Duration::from_micros(1_000_000 / WAKES_PER_SECOND as u64);
/// So many wakes in quick succession cost no delay.
const BURST: u32 = 40;
/// After a step of a call's beginning, or of its data channels, the next one is awaited for so long without delay. A far end that
/// takes longer does not notice a period.
const HURRY: Duration = Duration::from_millis(25);
/// Look-ups of names run on threads of their own.
const MAX_BLOCKING_THREADS: usize = 4;

static SHARDS: Mutex<Vec<Shard>> = Mutex::new(Vec::new());

thread_local! {
    static PACE: RefCell<Pace> = const { RefCell::new(Pace { scheduled: None, hurried_until: None }) };
    /// The bells to ring before this shard rests; `None` on any other thread.
    static BELLS: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Kept {
    bells: Vec<Arc<dyn Doorbell>>,
    /// When the first of them came.
    since: Option<Instant>,
}

#[derive(Clone)]
struct Shard {
    handle: Handle,
    rouser: Rouser,
    tasks: Arc<AtomicUsize>,
}

/// Ends the delay that a shard has put itself off by.
#[derive(Clone)]
pub struct Rouser(Thread);

impl Rouser {
    /// What was sent to a task of this shard is looked at now.
    pub fn rouse(&self) {
        self.0.unpark();
    }
}

/// A place on the shard that suited best when it was reserved.
#[derive(Clone)]
pub struct Seat(Shard);

/// Fails when the system gives no more threads.
pub fn reserve() -> Result<Seat> {
    Ok(Seat(best_shard()?))
}

/// Runs `task` on the shard that suits it best.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Result<Rouser> {
    Ok(reserve()?.spawn(task))
}

impl Seat {
    /// Runs `task`.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Rouser {
        self.0.take(task)
    }

    /// As [`spawn`](Self::spawn), but what `task` can do without waiting is done before this returns, by the thread that
    /// calls: what comes of it need not wait for a shard that has other calls to serve. What follows a `yield_now` is the shard's.
    pub fn begin(&self, task: impl Future<Output = ()> + Send + 'static) -> Rouser {
        let mut task = Box::pin(task);
        let entered = self.0.handle.enter();
        let done = task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        drop(entered);
        if done {
            return self.0.rouser.clone();
        }
        self.spawn(async move {
            hurry(Instant::now());
            task.await;
        })
    }
}

/// A connection of this shard has taken a step that the far end waits for, and another will follow.
pub fn hurry(now: Instant) {
    PACE.with_borrow_mut(|pace| pace.hurried_until = Some(now + HURRY));
}

/// Rings `bell`: at once, or on a shard as soon as all that is due there has been done, or with [`ring_kept`].
pub fn ring(bell: &Arc<dyn Doorbell>) {
    let keep = |kept: &mut Kept| {
        kept.since.get_or_insert_with(Instant::now);
        kept.bells.push(bell.clone());
    };
    if BELLS.try_with(|kept| kept.borrow_mut().as_mut().map(keep).is_some()) != Ok(true) {
        bell.ring();
    }
}

/// To be called by each task now and then: a shard that has more to do than it can never rests, and what it keeps is rung a
/// period late.
pub fn ring_overdue(now: Instant) {
    let since = BELLS.try_with(|kept| kept.borrow().as_ref()?.since).ok().flatten();
    if since.is_some_and(|since| now >= since + PERIOD) {
        ring_kept();
    }
}

/// Rings what this shard keeps for later.
pub fn ring_kept() {
    let kept = BELLS.try_with(|kept| kept.borrow_mut().as_mut().map(std::mem::take));
    for bell in kept.ok().flatten().unwrap_or_default().bells {
        // A panic here would be the end of the shard, or of a task that has no part in it.
        let _ = catch_unwind(AssertUnwindSafe(|| bell.ring()));
    }
}

/// Asked once: where the process has a quota, the answer is in files.
fn most_shards() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from).min(MAX_SHARDS))
}

/// The shard for the next task. Fails when the system gives no more threads.
fn best_shard() -> Result<Shard> {
    let mut shards = SHARDS.lock().unwrap_or_else(PoisonError::into_inner);
    let crowded = shards.iter().all(|shard| shard.tasks.load(Ordering::Relaxed) >= CROWD);
    if crowded && shards.len() < most_shards() {
        match Shard::start(shards.len()) {
            Ok(shard) => shards.push(shard),
            Err(error) if shards.is_empty() => {
                let reason = format!("the engine cannot start its threads: {error}");
                return Err(Error::new(ErrorKind::Operation, reason));
            }
            // Those that are there take more.
            Err(_) => {}
        }
    }
    suitable(&shards).cloned().ok_or_else(|| Error::new(ErrorKind::Operation, "the engine has no thread"))
}

/// The first that is not crowded, else the least crowded.
fn suitable(shards: &[Shard]) -> Option<&Shard> {
    let tasks = |shard: &&Shard| shard.tasks.load(Ordering::Relaxed);
    shards.iter().find(|shard| tasks(shard) < CROWD).or_else(|| shards.iter().min_by_key(tasks))
}

/// Counts a task for as long as it lives.
struct Presence(Arc<AtomicUsize>);

impl Presence {
    fn new(tasks: &Arc<AtomicUsize>) -> Self {
        tasks.fetch_add(1, Ordering::Relaxed);
        Self(tasks.clone())
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shard {
    fn start(number: usize) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(1);
        let thread = std::thread::Builder::new().name(format!("webphone-rtc {number}")).spawn(move || {
            let runtime = Builder::new_current_thread()
                .max_blocking_threads(MAX_BLOCKING_THREADS)
                .on_thread_park(rest)
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => {
                    BELLS.set(Some(Kept::default()));
                    // Fails when nobody waits any more.
                    let _ = sender.send(Ok(runtime.handle().clone()));
                    runtime.block_on(pending::<()>());
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                }
            }
        })?;
        let handle = receiver.recv().map_err(std::io::Error::other)??;
        Ok(Self { handle, rouser: Rouser(thread.thread().clone()), tasks: Arc::default() })
    }

    fn take(&self, task: impl Future<Output = ()> + Send + 'static) -> Rouser {
        let presence = Presence::new(&self.tasks);
        self.handle.spawn(async move {
            let _presence = presence;
            task.await;
        });
        self.rouser.rouse();
        self.rouser.clone()
    }
}

/// A shard has nothing more to do for now.
fn rest() {
    ring_kept();
    let pause = PACE.with_borrow_mut(|pace| pace.pause(Instant::now()));
    if !pause.is_zero() {
        put_off(pause);
    }
}

/// Until then, or until somebody is in a hurry.
fn put_off(pause: Duration) {
    std::thread::park_timeout(pause);
}

/// Wakes have a rate, and short bursts do not count.
#[derive(Default)]
struct Pace {
    /// When the rate would have had the last wake.
    scheduled: Option<Instant>,
    /// Until then nothing is put off.
    hurried_until: Option<Instant>,
}

impl Pace {
    /// How long the next wake is put off at `now`.
    fn pause(&mut self, now: Instant) -> Duration {
        // What was done in a hurry is not made up for.
        let latest = now + PERIOD * (BURST + 1);
        let scheduled = (self.scheduled.map_or(now, |scheduled| scheduled.max(now)) + PERIOD).min(latest);
        self.scheduled = Some(scheduled);
        match self.hurried_until {
            Some(until) if now < until => Duration::ZERO,
            _ => (scheduled - now).saturating_sub(PERIOD * BURST),
        }
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
    use std::sync::mpsc::channel;

    #[test]
    fn a_panic_comes_back_as_its_message() -> Result<()> {
        let (sender, outcomes) = channel();
        spawn(async move {
            let _ = sender.send(contain(async { panic!("lost {}", "track") }).await);
            let _ = sender.send(contain(async {}).await);
        })?;
        assert_eq!(outcomes.recv(), Ok(Err("lost track".to_owned())));
        assert_eq!(outcomes.recv(), Ok(Ok(())));
        Ok(())
    }

    #[test]
    fn what_begins_does_what_it_can_at_once_and_the_rest_on_a_shard() -> Result<()> {
        let here = std::thread::current().id();
        let (sender, steps) = channel();
        let (go, gone) = tokio::sync::oneshot::channel();
        let seat = reserve()?;
        seat.begin(async move {
            let _ = sender.send(std::thread::current().id());
            tokio::task::yield_now().await;
            let _ = sender.send(std::thread::current().id());
            let _ = gone.await;
            let _ = sender.send(std::thread::current().id());
        });
        assert_eq!(steps.try_recv(), Ok(here));
        let over = steps.recv().expect("the second step");
        assert_ne!(over, here);
        let _ = go.send(());
        assert_eq!(steps.recv(), Ok(over));
        seat.begin(async move {});
        Ok(())
    }

    #[test]
    fn a_burst_of_wakes_is_free_and_more_have_a_rate() {
        let (mut now, mut pace) = (Instant::now(), Pace::default());
        let start = now;
        let mut wake = |now: &mut Instant| {
            let pause = pace.pause(*now);
            *now += pause;
            pause.is_zero()
        };
        assert!((0..BURST).all(|_| wake(&mut now)));
        assert!(!wake(&mut now));
        (0..WAKES_PER_SECOND).for_each(|_| _ = wake(&mut now));
        assert!((1.0..1.02).contains(&(now - start).as_secs_f64()), "{:?}", now - start);
        // Whoever wakes less often is never put off.
        for _ in 0..1000 {
            now += Duration::from_millis(5);
            assert!(wake(&mut now));
        }
    }

    #[test]
    fn in_a_hurry_no_wake_is_put_off_and_none_is_made_up_for() {
        let (mut now, mut pace) = (Instant::now(), Pace::default());
        pace.hurried_until = Some(now + HURRY);
        for _ in 0..1000 {
            now += HURRY / 2000;
            assert!(pace.pause(now).is_zero());
        }
        now += HURRY;
        assert!(pace.pause(now) <= PERIOD);
    }

    #[test]
    fn a_shard_that_is_put_off_can_be_roused() {
        let rouser = Rouser(std::thread::current());
        std::thread::spawn(move || rouser.rouse());
        put_off(Duration::MAX);
    }

    /// Tasks of other tests ring what a shard keeps, too.
    fn shard_of_its_own() -> Shard {
        Shard::start(0).expect("a thread")
    }

    #[test]
    fn a_bell_rings_when_the_shard_has_done_what_is_due() {
        struct Bell(std::sync::mpsc::Sender<usize>, Arc<AtomicUsize>);
        impl Doorbell for Bell {
            fn ring(&self) {
                let _ = self.0.send(self.1.load(Ordering::SeqCst));
            }
        }
        let (sender, rung) = channel();
        let done = Arc::<AtomicUsize>::default();
        let bell: Arc<dyn Doorbell> = Arc::new(Bell(sender, done.clone()));
        ring(&bell);
        assert_eq!(rung.recv(), Ok(0), "no shard: at once");
        shard_of_its_own().take(async move {
            ring(&bell);
            for _ in 0..10 {
                tokio::task::yield_now().await;
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        assert_eq!(rung.recv(), Ok(10));
    }

    #[test]
    fn a_bell_rings_after_a_period_where_the_shard_never_rests() -> Result<()> {
        struct Bell(std::sync::mpsc::Sender<()>);
        impl Doorbell for Bell {
            fn ring(&self) {
                let _ = self.0.send(());
            }
        }
        let (sender, rung) = channel();
        let bell: Arc<dyn Doorbell> = Arc::new(Bell(sender));
        let (tell, told) = channel();
        spawn(async move {
            let rings_at = |now: Instant| {
                ring_overdue(now);
                rung.try_iter().count()
            };
            let nothing = rings_at(Instant::now() + PERIOD);
            let early = Instant::now();
            ring(&bell);
            let later = Instant::now() + PERIOD;
            let _ = tell.send([nothing, rings_at(early), rings_at(later), rings_at(later)]);
        })?;
        assert_eq!(told.recv(), Ok([0, 0, 1, 0]));
        Ok(())
    }

    #[test]
    fn a_bell_that_panics_keeps_no_other_from_ringing() -> Result<()> {
        struct Broken;
        impl Doorbell for Broken {
            fn ring(&self) {
                panic!("a broken bell");
            }
        }
        struct Sound(std::sync::mpsc::Sender<()>);
        impl Doorbell for Sound {
            fn ring(&self) {
                let _ = self.0.send(());
            }
        }
        for at_once in [false, true] {
            let (sender, rung) = channel();
            let bells: [Arc<dyn Doorbell>; 2] = [Arc::new(Broken), Arc::new(Sound(sender.clone()))];
            spawn(async move {
                bells.iter().for_each(ring);
                if at_once {
                    ring_kept();
                }
                let _ = sender.send(());
            })?;
            assert_eq!(rung.iter().take(2).count(), 2, "at once: {at_once}");
        }
        Ok(())
    }
}
