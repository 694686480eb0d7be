//! What a second of recording costs: the processor time of the thread that writes the file, on Linux.
//!
//! `cargo run --release --manifest-path bench/media/Cargo.toml --target-dir target --bin recording`. For instructions, run
//! `valgrind --tool=callgrind --separate-threads=yes target/release/recording opus` and divide the count of the thread that
//! encodes by the seconds printed.

use std::error::Error;
use std::fs;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use webphone_rtc::media::Ring;
use webphone_rtc::recording::{Format, Recording, Side, Target};

const PIECE: Duration = Duration::from_millis(20);
const PIECES: u32 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let only = std::env::args().nth(1);
    for (name, format, rate_hz) in
        [("wav", Format::Wav, 16_000), ("opus", Format::Opus(48_000), 16_000), ("opus48", Format::Opus(64_000), 48_000)]
    {
        if only.as_deref().is_none_or(|only| only == name) {
            measure(name, format, rate_hz)?;
        }
    }
    Ok(())
}

fn measure(name: &str, format: Format, rate_hz: u32) -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("webphone-rtc-bench-{}", std::process::id()));
    let (sender, summaries) = channel();
    let recording = Recording::start(Target { path: path.clone(), format, rate_hz }, move |summary| {
        let _ = sender.send((summary, thread_cpu()));
    })
    .map_err(|error| error.to_string())?;
    let (caller, bot) = (Ring::live(rate_hz, 1, 1000), Ring::new(16_000, 1, 1000));
    let mut wire = bot.reader();
    recording.listen(Side::Left, Some(&caller));
    recording.listen(Side::Right, Some(&bot));
    let start = Instant::now();
    for piece in 0..PIECES {
        std::thread::sleep((start + PIECE * piece).saturating_duration_since(Instant::now()));
        let now = Instant::now();
        caller.tell_time(now);
        caller.write(&voice(piece, rate_hz, 130.0), rate_hz, 1);
        bot.tell_time(now);
        bot.write(&voice(piece, 16_000, 210.0), 16_000, 1);
        wire.pull(&mut [0; 320], 16_000, 1);
    }
    recording.finish();
    let (summary, cpu) = summaries.recv()?;
    let bytes = fs::metadata(&path)?.len();
    fs::remove_file(&path)?;
    let seconds = summary.duration_ms / 1000.0;
    let cpu_us = cpu.ok_or("the system does not tell")?.as_secs_f64() * 1e6;
    println!(
        "{name}: {:.0} us of processor time and {:.0} bytes a second, of {seconds:.1} s",
        cpu_us / seconds,
        bytes as f64 / seconds
    );
    Ok(())
}

/// What the calling thread has used.
fn thread_cpu() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// 20 ms of a buzz that swells and falls as syllables do.
fn voice(piece: u32, rate_hz: u32, hz: f64) -> Vec<i16> {
    let frames = rate_hz / 50;
    let sample = |n: u32| {
        let t = f64::from(piece * frames + n) / f64::from(rate_hz) * std::f64::consts::TAU;
        let buzz: f64 = (1..12).map(|k| (t * hz * f64::from(k)).sin() / f64::from(k)).sum();
        (buzz * 8000.0 * (t * 2.0).sin().abs()) as i16
    };
    (0..frames).map(sample).collect()
}
