//! Packets that never come, or come twice.

use super::path::{Loss, clean, uniform};
use super::report::{Bounds, Outcome, Table};
use super::stream::{Sound, opus, pcmu};
use super::{CLEAN, minute};

/// Bounds for the tone over Opus and PCMU, and for speech over PCMU. A lost packet is bridged, so that a tone suffers
/// only where several are lost in a row and the bridge fades; Opus may need a frame more to find back. The bounds of
/// speech are a tenth above what pitch repetition from both sides gives.
struct Goal {
    percent: u8,
    opus_tone: f64,
    pcmu_tone: f64,
    pcmu_speech: (f64, f64),
}

const GOALS: [Goal; 5] = [
    Goal { percent: 1, opus_tone: 0.001, pcmu_tone: 0.001, pcmu_speech: (0.15, 0.009) },
    Goal { percent: 5, opus_tone: 0.001, pcmu_tone: 0.001, pcmu_speech: (0.5, 0.029) },
    Goal { percent: 10, opus_tone: 0.001, pcmu_tone: 0.0025, pcmu_speech: (0.98, 0.06) },
    Goal { percent: 20, opus_tone: 0.005, pcmu_tone: 0.01, pcmu_speech: (2.05, 0.126) },
    Goal { percent: 40, opus_tone: 0.07, pcmu_tone: 0.085, pcmu_speech: (4.4, 0.288) },
];

/// Opus speech comes with redundancy: what is lost for good are runs of losses and frames without voice. With the
/// decoder's own concealment of these it can be as good as if all that arrives had been waited for, but for a packet
/// that comes too late now and then.
fn near_best(outcome: &Outcome) -> (f64, f64) {
    let best = outcome.best.unwrap();
    (best.distance_db * 1.1 + 0.02, best.bad * 1.1 + 0.002)
}

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
        table.row(&minute(&name, &opus(Sound::Tone), &path), &Bounds { bad: goal.opus_tone, ..bounds });
        table.row(&minute(&name, &pcmu(Sound::Tone), &path), &Bounds { bad: goal.pcmu_tone, ..bounds });
        table.row(&minute(&name, &pcmu(Sound::Speech), &path), &Bounds { speech: goal.pcmu_speech, ..bounds });
        // The redundant version comes with the next packet.
        let outcome = minute(&name, &opus(Sound::Speech).protected(goal.percent), &path);
        table.row(&outcome, &Bounds { delay_mean_ms: 41.0, speech: near_best(&outcome), ..bounds });
    }
    table.finish();
}

#[test]
fn bursts_of_loss_fade_out_and_the_sound_is_back_at_once() {
    let mut table = Table::new("Bursts of loss");
    for (packets, tone, pcmu_speech) in [(3.0, 0.022, (0.65, 0.041)), (8.0, 0.041, (0.9, 0.047))] {
        let path = clean().lossy(Loss::Bursts { share: 0.05, packets });
        let name = format!("5 % in bursts of {packets}");
        let bounds = Bounds { delay_mean_ms: 31.0, delay_p95_ms: 71.0, concealed: 0.005, discarded: 0.0, ..CLEAN };
        table.row(&minute(&name, &opus(Sound::Tone), &path), &Bounds { bad: tone + 0.002, ..bounds });
        table.row(&minute(&name, &pcmu(Sound::Tone), &path), &Bounds { bad: tone, ..bounds });
        table.row(&minute(&name, &pcmu(Sound::Speech), &path), &Bounds { speech: pcmu_speech, ..bounds });
        let outcome = minute(&name, &opus(Sound::Speech).protected(5), &path);
        table.row(&outcome, &Bounds { delay_mean_ms: 41.0, speech: near_best(&outcome), ..bounds });
    }
    table.finish();
}

#[test]
fn loss_and_jitter_together_cost_hardly_more_than_each() {
    let mut table = Table::new("Loss and jitter");
    for (percent, jitter_ms, pcmu_speech, concealed) in [(5, 40.0, (0.52, 0.032), 0.005), (20, 80.0, (2.0, 0.12), 0.01)]
    {
        let path = uniform(jitter_ms).lossy(Loss::Random(f64::from(percent) / 100.0));
        let name = format!("loss {percent} %, jitter {jitter_ms} ms");
        let (delay_mean_ms, delay_p95_ms) = (jitter_ms + 20.0, jitter_ms + 40.0);
        let bounds = Bounds { delay_mean_ms, delay_p95_ms, concealed, discarded: 5.0, ..CLEAN };
        if percent == 5 {
            // The goal that was set for the whole stack.
            table.row(&minute(&name, &opus(Sound::Tone), &path), &Bounds { bad: 0.0025, ..bounds });
            table.row(&minute(&name, &pcmu(Sound::Tone), &path), &Bounds { bad: 0.0025, ..bounds });
        }
        table.row(&minute(&name, &pcmu(Sound::Speech), &path), &Bounds { speech: pcmu_speech, ..bounds });
        let outcome = minute(&name, &opus(Sound::Speech).protected(percent), &path);
        table.row(&outcome, &Bounds { speech: near_best(&outcome), ..bounds });
    }
    table.finish();
}
