//! A fault inside one connection's task: that connection is told to be lost, and the others, in the same threads, go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use webphone_rtc::connection::{Connection, Doorbell, NetworkConfig, Notice, Outbox, Report};
use webphone_rtc::negotiation::{
    BundlePolicy, Config, Features, Fingerprint, HashAlgorithm, Kind, Negotiator, Random, SdpType,
};
use webphone_rtc::transport::{Certificate, SystemRandom};

/// The task itself rings; where this is armed, that is the end of the task.
struct Bell {
    armed: AtomicBool,
}

impl Doorbell for Bell {
    fn ring(&self) {
        assert!(!self.armed.swap(false, Ordering::SeqCst), "the bell fell down");
    }
}

fn connection(armed: bool) -> (Connection, Arc<Outbox>) {
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
    let outbox = Outbox::new(Box::new(Bell { armed: AtomicBool::new(armed) }));
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
    let (mut lost, of_lost) = connection(true);
    let (mut sound, of_sound) = connection(false);
    lost.set_local(SdpType::Offer, "").unwrap();
    let reports = until(&of_lost, |report| matches!(report, Report::Crashed(_)));
    assert!(matches!(reports.last(), Some(Report::Crashed(message)) if message.contains("the bell fell down")));
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
