//! A fault inside one connection's task: that connection is told to be lost, and the others, in the same threads, go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tracing::{Event, Metadata, Subscriber, span};
use webphone_rtc::connection::{Connection, Doorbell, NetworkConfig, Notice, Outbox, Report};
use webphone_rtc::negotiation::{
    BundlePolicy, Config, Features, Fingerprint, HashAlgorithm, Kind, Negotiator, Random, SdpType,
};
use webphone_rtc::transport::{Certificate, SystemRandom};

/// The next event of a connection's task is the end of that task.
static ARMED: AtomicBool = AtomicBool::new(false);

/// A log that falls down.
struct Log;

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "webphone-rtc:ice"
    }
    fn event(&self, _: &Event<'_>) {
        assert!(!ARMED.swap(false, Ordering::SeqCst), "the log fell down");
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Bell;

impl Doorbell for Bell {
    fn ring(&self) {}
}

fn connection() -> (Connection, Arc<Outbox>) {
    let certificate = Certificate::generate(Duration::from_secs(3600)).unwrap();
    let fingerprint =
        Fingerprint { algorithm: HashAlgorithm::Sha256, bytes: certificate.fingerprint_sha256().to_vec() };
    let config = Config {
        bundle_policy: BundlePolicy::Balanced,
        rtcp_mux_require: true,
        fingerprints: vec![fingerprint],
        features: Features { red: false, video: false, data: false },
    };
    let random: Box<dyn Random + Send> = Box::new(SystemRandom::new().unwrap());
    let outbox = Outbox::new(Arc::new(Bell));
    let network = NetworkConfig { loopback: true, ..NetworkConfig::default() };
    let mut connection = Connection::new(Negotiator::new(config, random), certificate, network, outbox.clone());
    connection.add_track(Kind::Audio, "microphone", &[]).unwrap();
    (connection, outbox)
}

/// Reports up to the first that is `wanted`.
fn until(outbox: &Outbox, wanted: impl Fn(&Report) -> bool) -> Vec<Report> {
    let (mut reports, limit) = (Vec::new(), Instant::now() + Duration::from_secs(20));
    loop {
        for notice in outbox.drain() {
            if let Notice::Connection(_, report) = notice {
                reports.push(report);
                if wanted(&reports[reports.len() - 1]) {
                    return reports;
                }
            }
        }
        assert!(Instant::now() < limit, "waited in vain after {reports:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_panic_in_the_task_of_a_connection_is_reported_and_harms_no_other() {
    let (mut lost, of_lost) = connection();
    let (mut sound, of_sound) = connection();
    tracing::subscriber::set_global_default(Log).unwrap();
    ARMED.store(true, Ordering::SeqCst);
    lost.set_local(SdpType::Offer, "").unwrap();
    let reports = until(&of_lost, |report| matches!(report, Report::Crashed(_)));
    assert!(matches!(reports.last(), Some(Report::Crashed(message)) if message.contains("the log fell down")));
    sound.set_local(SdpType::Offer, "").unwrap();
    until(&of_sound, |report| matches!(report, Report::GatheringComplete));

    // What is asked of the lost one afterwards is refused or answered, and never waits for ever.
    lost.request_stats(7);
    until(&of_lost, |report| matches!(report, Report::Stats(7, _)));
    lost.create_offer(Default::default()).unwrap();
    lost.close();
    assert!(lost.create_offer(Default::default()).is_err());

    sound.request_stats(8);
    until(&of_sound, |report| matches!(report, Report::Stats(8, _)));
}
