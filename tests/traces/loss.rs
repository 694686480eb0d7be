//! Packets that never come, or come twice.

use super::path::{Loss, clean, uniform};
use super::report::{Bounds, Table};
use super::stream::{Sound, opus, pcmu};
use super::{CLEAN, minute};

/// Bounds for the tone and for speech, each of Opus and of PCMU. A lost packet is bridged, so that a tone suffers only
/// where several are lost in a row and the bridge fades; Opus may need a frame more to find back. Opus speech comes
/// with redundancy: what is lost for good are runs of losses and frames without voice. Its bounds are a quarter above
/// what libopus 1.3.1 makes of the same packets with every usable redundant frame; those of PCMU, which has none, just
/// above what pitch repetition gives.
struct Goal {
    percent: u8,
    tone: (f64, f64),
    speech: ((f64, f64), (f64, f64)),
}

const GOALS: [Goal; 5] = [
    Goal { percent: 1, tone: (0.001, 0.001), speech: ((0.22, 0.006), (0.2, 0.012)) },
    Goal { percent: 5, tone: (0.0025, 0.001), speech: ((0.5, 0.012), (0.55, 0.035)) },
    Goal { percent: 10, tone: (0.005, 0.0025), speech: ((0.72, 0.018), (1.05, 0.066)) },
    Goal { percent: 20, tone: (0.015, 0.01), speech: ((1.35, 0.045), (2.1, 0.127)) },
    Goal { percent: 40, tone: (0.09, 0.085), speech: ((3.6, 0.175), (4.6, 0.29)) },
];

#[test]
fn a_clean_line_costs_hardly_any_delay_and_nothing_else() {
    let mut table = Table::new("Clean line");
    for encoding in [opus(Sound::Tone), pcmu(Sound::Tone), opus(Sound::Speech), pcmu(Sound::Speech)] {
        let outcome = minute("clean", &encoding, &clean());
        table.row(&outcome, &CLEAN);
        if encoding.sound == Sound::Tone {
            table.at_most(&outcome, "first sound in ms", outcome.start().as_secs_f64() * 1e3, 61.0);
        }
        if let Some(quality) = outcome.quality {
            table.at_most(&outcome, "error of the timestamps in ms", quality.lag_ms.1, 1.0);
        }
    }
    table.finish();
}

#[test]
fn packets_that_come_twice_change_nothing() {
    let mut table = Table::new("Packets that come twice");
    for encoding in [opus(Sound::Tone), pcmu(Sound::Speech)] {
        // Copies may be counted as late.
        let bounds = Bounds { discarded: 250.0, ..CLEAN };
        table.row(&minute("20 % twice", &encoding, &clean().doubled(0.2)), &bounds);
    }
    table.finish();
}

#[test]
fn random_loss_costs_what_redundancy_does_not_cover() {
    let mut table = Table::new("Random loss");
    for goal in GOALS {
        let path = clean().lossy(Loss::Random(f64::from(goal.percent) / 100.0));
        let name = format!("loss {} %", goal.percent);
        // Without redundancy there is nothing to wait for but the packets after a gap.
        let bounds = Bounds { delay_mean_ms: 31.0, delay_p95_ms: 71.0, concealed: 0.005, discarded: 0.0, ..CLEAN };
        table.row(&minute(&name, &opus(Sound::Tone), &path), &Bounds { bad: goal.tone.0, ..bounds });
        table.row(&minute(&name, &pcmu(Sound::Tone), &path), &Bounds { bad: goal.tone.1, ..bounds });
        table.row(&minute(&name, &pcmu(Sound::Speech), &path), &Bounds { speech: goal.speech.1, ..bounds });
        // The redundant version comes with the next packet.
        let bounds = Bounds { delay_mean_ms: 41.0, delay_p95_ms: 71.0, speech: goal.speech.0, ..bounds };
        table.row(&minute(&name, &opus(Sound::Speech).protected(goal.percent), &path), &bounds);
    }
    table.finish();
}

#[test]
fn bursts_of_loss_fade_out_and_the_sound_is_back_at_once() {
    let mut table = Table::new("Bursts of loss");
    for (packets, tone, opus_speech, pcmu_speech) in
        [(3.0, 0.022, (0.75, 0.04), (0.7, 0.041)), (8.0, 0.041, (0.95, 0.048), (0.92, 0.046))]
    {
        let path = clean().lossy(Loss::Bursts { share: 0.05, packets });
        let name = format!("5 % in bursts of {packets}");
        let bounds = Bounds { delay_mean_ms: 31.0, delay_p95_ms: 71.0, concealed: 0.005, discarded: 0.0, ..CLEAN };
        table.row(&minute(&name, &opus(Sound::Tone), &path), &Bounds { bad: tone + 0.002, ..bounds });
        table.row(&minute(&name, &pcmu(Sound::Tone), &path), &Bounds { bad: tone, ..bounds });
        table.row(&minute(&name, &pcmu(Sound::Speech), &path), &Bounds { speech: pcmu_speech, ..bounds });
        let bounds = Bounds { delay_mean_ms: 41.0, delay_p95_ms: 71.0, speech: opus_speech, ..bounds };
        table.row(&minute(&name, &opus(Sound::Speech).protected(5), &path), &bounds);
    }
    table.finish();
}

#[test]
fn loss_and_jitter_together_cost_hardly_more_than_each() {
    let mut table = Table::new("Loss and jitter");
    // With 10 ms more than the jitter three quarters of the redundant frames come in time: they are 20 ms later. So
    // a quarter of what could be made good is not.
    let path = uniform(40.0).lossy(Loss::Random(0.05));
    let bounds = Bounds { delay_mean_ms: 60.0, delay_p95_ms: 80.0, concealed: 0.0125, discarded: 5.0, ..CLEAN };
    let speech = |speech| Bounds { speech, ..bounds };
    table.row(&minute("loss 5 %, jitter 40 ms", &opus(Sound::Tone), &path), &Bounds { bad: 0.0025, ..bounds });
    table.row(&minute("loss 5 %, jitter 40 ms", &pcmu(Sound::Tone), &path), &Bounds { bad: 0.0025, ..bounds });
    table.row(&minute("loss 5 %, jitter 40 ms", &opus(Sound::Speech).protected(5), &path), &speech((0.55, 0.018)));
    table.row(&minute("loss 5 %, jitter 40 ms", &pcmu(Sound::Speech), &path), &speech((0.6, 0.037)));
    // Here seven eighths are in time.
    let path = uniform(80.0).lossy(Loss::Random(0.2));
    let bounds = Bounds { delay_mean_ms: 100.0, delay_p95_ms: 120.0, concealed: 0.025, discarded: 10.0, ..CLEAN };
    let speech = |speech| Bounds { speech, ..bounds };
    table.row(&minute("loss 20 %, jitter 80 ms", &opus(Sound::Speech).protected(20), &path), &speech((1.6, 0.06)));
    table.row(&minute("loss 20 %, jitter 80 ms", &pcmu(Sound::Speech), &path), &speech((2.15, 0.135)));
    table.finish();
}
