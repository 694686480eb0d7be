//! Minutes of a call that moves through a day's networks.

use super::path::{Delay, Loss, Path, clean, journey, uniform};
use super::report::{Bounds, Case, Table};
use super::stream::{Sound, opus, pcmu};
use super::{SECOND, titled};
use std::time::Duration;

/// Each until that time.
fn day() -> Vec<(Duration, Path)> {
    let home = clean().delayed(Delay::Gamma { shape: 2, mean_ms: 4.0 }).lossy(Loss::Random(0.002));
    let kitchen = clean()
        .delayed(Delay::Spikes { every_s: (1.0, 3.0), length_ms: (40.0, 120.0) })
        .lossy(Loss::Bursts { share: 0.02, packets: 3.0 });
    let stairs = clean().delayed(Delay::Mobile { swing_ms: 60.0 }).lossy(Loss::Random(0.01));
    let handover = clean().delayed(Delay::Spikes { every_s: (0.5, 0.5), length_ms: (800.0, 800.0) });
    let street = clean().delayed(Delay::Mobile { swing_ms: 30.0 }).routes(&[(Duration::ZERO, 40.0)]);
    let crowd = uniform(120.0).lossy(Loss::Random(0.05)).routes(&[(Duration::ZERO, 40.0)]);
    let office = clean().delayed(Delay::Normal(1.0));
    let stages =
        [(60, home), (90, kitchen), (150, stairs), (152, handover), (210, street), (240, crowd), (300, office)];
    stages.into_iter().enumerate().map(|(n, (until, path))| (until * SECOND, path.seeded(n as u64 + 20))).collect()
}

#[test]
fn a_call_survives_a_day_of_networks() {
    let mut table = Table::new("A day of networks");
    for encoding in [opus(Sound::Tone), pcmu(Sound::Tone), opus(Sound::Speech).protected(5), pcmu(Sound::Speech)] {
        let stream = encoding.lasting(300 * SECOND).drifting(30.0);
        let trace = journey(&stream, &day());
        let mut outcome = Case::new(titled("five minutes", &stream), stream, trace).run();
        let parts = [(10, 60), (95, 150), (160, 210), (215, 240), (280, 300)];
        let delays = parts.map(|(from, to)| format!("{:.0}", outcome.delay_between(from * SECOND, to * SECOND).mean));
        outcome.note = format!("mean of the parts: {} ms", delays.join(", "));
        let bounds = Bounds {
            delay_mean_ms: 100.0,
            delay_p95_ms: 200.0,
            concealed: 0.01,
            discarded: 5.0,
            bad: 0.015,
            speech: (0.3, 0.016),
            ..Bounds::default()
        };
        table.row(&outcome, &bounds);
        // Half a minute after the crowd it is forgotten.
        let office = outcome.delay_between(280 * SECOND, 300 * SECOND);
        table.at_most(&outcome, "delay in the office in ms", office.mean, 41.0);
    }
    table.finish();
}
