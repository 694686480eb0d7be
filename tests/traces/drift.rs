//! Clocks that do not agree, for an hour and less.

use super::path::{Loss, clean, uniform};
use super::report::{Bounds, Table};
use super::stream::{Sound, opus, pcmu};
use super::{CLEAN, MINUTE, over};

/// At 200 ppm an hour holds 720 ms too much or too little: some fifty seams. Stretched by whole periods a tone does not
/// suffer from them.
const BAD_SEAMS: f64 = 5.0 / 180_000.0;

#[test]
fn an_hour_of_drift_is_stretched_away_without_a_dropout() {
    let mut table = Table::new("An hour of drift");
    for ppm in [50.0, -50.0, 200.0, -200.0] {
        let stream = pcmu(Sound::Tone).lasting(60 * MINUTE).drifting(ppm);
        let outcome = over(&format!("{ppm} ppm"), stream, &clean());
        // As on a clean line, and a period or two more or less.
        let bounds = Bounds { delay_mean_ms: 31.0, delay_p95_ms: 46.0, concealed: 0.00005, bad: BAD_SEAMS, ..CLEAN };
        table.row(&outcome, &bounds);
    }
    for ppm in [200.0, -200.0] {
        let stream = opus(Sound::Speech).lasting(5 * MINUTE).drifting(ppm);
        let outcome = over(&format!("{ppm} ppm for 5 minutes"), stream, &clean());
        let bounds =
            Bounds { delay_mean_ms: 31.0, delay_p95_ms: 46.0, concealed: 0.0002, speech: (0.05, 0.002), ..CLEAN };
        table.row(&outcome, &bounds);
    }
    table.finish();
}

#[test]
fn drift_is_followed_through_jitter_and_loss() {
    let mut table = Table::new("Drift with jitter and loss");
    for ppm in [200.0, -200.0] {
        let stream = pcmu(Sound::Tone).lasting(20 * MINUTE).drifting(ppm);
        let outcome =
            over(&format!("{ppm} ppm, jitter 40 ms, loss 2 %"), stream, &uniform(40.0).lossy(Loss::Random(0.02)));
        let bounds =
            Bounds { delay_mean_ms: 65.0, delay_p95_ms: 85.0, concealed: 0.005, discarded: 2.0, bad: 0.0015, ..CLEAN };
        table.row(&outcome, &bounds);
    }
    table.finish();
}
