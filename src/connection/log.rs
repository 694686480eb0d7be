//! What the engine has to say for people: `tracing` events on their way to JavaScript.
//!
//! Invariant: while nobody asks, an event costs one comparison and none is kept. An event goes to the environment whose
//! connection's task emitted it and to no other, at the level that this environment has asked for.
//!
//! `tracing` knows one subscriber per process, while each worker thread has an outbox of its own. So the subscriber holds
//! no outbox: it finds the one of the task that is being polled, and with it the connection's id, which the layers below
//! need not know to say something.

use super::outbox::{ConnectionId, Notice, Outbox};
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Targets of our own events begin so; those of other crates are not for the owner of a bridge.
const PREFIX: &str = "webphone-rtc:";
/// So many lines wait for a JavaScript thread that does not take them; a far end cannot fill the memory by causing more.
pub(super) const MAX_WAITING: usize = 1000;

/// From least to most; an [`AtomicLevel`] is an index into it.
const LEVELS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

/// The most that any environment asks for.
static MOST: AtomicLevel = AtomicLevel::off();

tokio::task_local! {
    static SPEAKER: (ConnectionId, Arc<Outbox>);
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When, in milliseconds since 1970.
    pub unix_ms: f64,
    /// `error`, `warn`, `info` or `debug`.
    pub level: &'static str,
    /// What it is about: `ice`, `dtls`, `media` and so on.
    pub namespace: &'static str,
    /// Plain words.
    pub message: String,
    /// What belongs to it, in the order of the source.
    pub fields: Vec<(&'static str, Value)>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Anything else.
    Text(String),
}

impl Entry {
    /// What is said instead of the first line that is lost.
    pub(super) fn overflow() -> Self {
        Self {
            unix_ms: unix_ms(),
            level: "warn",
            namespace: "connection",
            message: "too many lines wait to be logged: the next ones are lost".to_owned(),
            fields: Vec::new(),
        }
    }
}

/// Events of at most this level go to `outbox` from now on.
pub fn set_level(outbox: &Arc<Outbox>, level: LevelFilter) {
    static ASKED: Mutex<Vec<Weak<Outbox>>> = Mutex::new(Vec::new());
    let this = Arc::downgrade(outbox);
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    outbox.log_level.set(level);
    asked.retain(|known| known.strong_count() > 0 && !known.ptr_eq(&this));
    if level != LevelFilter::OFF {
        asked.push(this);
    }
    let most = asked.iter().filter_map(Weak::upgrade).map(|outbox| outbox.log_level.get()).max();
    MOST.set(most.unwrap_or(LevelFilter::OFF));
    if most.is_some() {
        // Fails from the second time on: then it is there. Without it `tracing` is off by itself.
        let _ = tracing::subscriber::set_global_default(Forwarder);
    }
    // Still under the lock, or of two changes at once the older could be the last to take effect.
    tracing::callsite::rebuild_interest_cache();
}

/// Runs the task of connection `id`, whose events go to `outbox`.
pub(super) fn speaking<F: Future>(id: ConnectionId, outbox: Arc<Outbox>, task: F) -> impl Future<Output = F::Output> {
    SPEAKER.scope((id, outbox), task)
}

/// A level that any thread may read while another sets it.
#[derive(Debug)]
pub(super) struct AtomicLevel(AtomicUsize);

impl AtomicLevel {
    pub const fn off() -> Self {
        Self(AtomicUsize::new(0))
    }

    fn set(&self, level: LevelFilter) {
        let index = LEVELS.iter().position(|known| *known == level).unwrap_or(0);
        self.0.store(index, Ordering::Relaxed);
    }

    fn get(&self) -> LevelFilter {
        LEVELS.get(self.0.load(Ordering::Relaxed)).copied().unwrap_or(LevelFilter::OFF)
    }
}

/// The subscriber of the process.
struct Forwarder;

impl Subscriber for Forwarder {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.is_span() && metadata.target().starts_with(PREFIX) && *metadata.level() <= MOST.get()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(MOST.get())
    }

    fn event(&self, event: &Event<'_>) {
        // Outside a connection's task there is nobody to tell.
        let _ = SPEAKER.try_with(|(id, outbox)| {
            if *event.metadata().level() <= outbox.log_level.get() {
                outbox.push(Notice::Log(*id, Box::new(entry(event))));
            }
        });
    }

    // No spans: the connection's id comes from its task.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn entry(event: &Event<'_>) -> Entry {
    let metadata = event.metadata();
    let mut words = Words::default();
    event.record(&mut words);
    Entry {
        unix_ms: unix_ms(),
        level: level_name(*metadata.level()),
        namespace: metadata.target().strip_prefix(PREFIX).unwrap_or_default(),
        message: words.message,
        fields: words.fields,
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        _ => "debug",
    }
}

fn unix_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

/// Collects what an event says.
#[derive(Default)]
struct Words {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Words {
    fn text(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = text,
            name => self.fields.push((name, Value::Text(text))),
        }
    }
}

impl Visit for Words {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.push((field.name(), Value::Number(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record_f64(field, value as f64);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_f64(field, value as f64);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Doorbell;
    use super::*;

    struct Silent;

    impl Doorbell for Silent {
        fn ring(&self) {}
    }

    /// The level is the process's: tests that set it take turns.
    static TURN: Mutex<()> = Mutex::new(());

    fn outboxes() -> [Arc<Outbox>; 2] {
        [(), ()].map(|()| Outbox::new(Arc::new(Silent)))
    }

    fn logged(outbox: &Outbox) -> Vec<(u32, Entry)> {
        let entry = |notice| match notice {
            Notice::Log(id, entry) => Some((id.0, *entry)),
            _ => None,
        };
        outbox.drain().into_iter().filter_map(entry).collect()
    }

    fn run(id: u32, outbox: &Arc<Outbox>, say: impl FnOnce()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(speaking(ConnectionId(id), outbox.clone(), async { say() }));
    }

    fn enabled() -> [bool; 2] {
        let debug = tracing::enabled!(target: "webphone-rtc:ice", Level::DEBUG);
        [tracing::enabled!(target: "webphone-rtc:ice", Level::WARN), debug]
    }

    #[test]
    fn an_event_is_not_even_built_until_somebody_asks_and_after_the_last_has_ceased_to() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let [one, other] = outboxes();
        let built = AtomicUsize::new(0);
        let said = || tracing::warn!(target: "webphone-rtc:ice", built = built.fetch_add(1, Ordering::Relaxed));
        assert_eq!((enabled(), LevelFilter::current()), ([false, false], LevelFilter::OFF));
        run(1, &one, said);
        set_level(&one, LevelFilter::INFO);
        assert_eq!(enabled(), [true, false]);
        set_level(&other, LevelFilter::DEBUG);
        assert_eq!(enabled(), [true, true]);
        set_level(&other, LevelFilter::OFF);
        assert_eq!(enabled(), [true, false]);
        drop(one);
        set_level(&other, LevelFilter::OFF);
        assert_eq!((enabled(), LevelFilter::current()), ([false, false], LevelFilter::OFF));
        run(1, &other, said);
        assert!(logged(&other).is_empty());
        assert_eq!(built.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn an_event_goes_to_the_environment_of_its_connection_alone_and_carries_its_id() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let [one, other] = outboxes();
        set_level(&one, LevelFilter::INFO);
        set_level(&other, LevelFilter::DEBUG);
        let say = || {
            tracing::info!(target: "webphone-rtc:ice", pair = "host", after_ms = 5u64, lost = -1i64, "a pair {}", 1);
            tracing::debug!(target: "webphone-rtc:candidate", "an address");
            tracing::error!(target: "another_crate", "its own affair");
        };
        run(7, &one, say);
        run(8, &other, say);
        say();
        let [(7, entry)] = &logged(&one)[..] else { panic!("one line of connection 7") };
        let Entry { level, namespace, message, fields, .. } = entry;
        assert_eq!((*level, *namespace, message.as_str()), ("info", "ice", "a pair 1"));
        let number = |value| Value::Number(value);
        assert_eq!(*fields, [("pair", Value::Text("host".into())), ("after_ms", number(5.0)), ("lost", number(-1.0))]);
        assert_eq!(logged(&other).len(), 2);
        set_level(&one, LevelFilter::OFF);
        set_level(&other, LevelFilter::OFF);
    }

    #[test]
    fn lines_that_nobody_takes_are_bounded_and_the_loss_is_told() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let [one, _] = outboxes();
        set_level(&one, LevelFilter::INFO);
        let flood = || (0..2 * MAX_WAITING).for_each(|_| tracing::info!(target: "webphone-rtc:media", "again"));
        run(1, &one, flood);
        let lines = logged(&one);
        assert_eq!(lines.len(), MAX_WAITING + 1);
        assert_eq!(lines.last().map(|(_, entry)| entry.level), Some("warn"));
        run(1, &one, || tracing::info!(target: "webphone-rtc:media", "after that"));
        assert_eq!(logged(&one).len(), 1);
        set_level(&one, LevelFilter::OFF);
    }
}
