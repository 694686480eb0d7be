//! A call as one stereo file: caller left, bot right.
//!
//! [`Mixer`] lays two signals side by side on one time axis; `wav` and `opus` put them into a file; [`Recording`] gives
//! each file a thread, which wakes up five times a second.
//!
//! Invariant: nothing here holds up a call. Media leave what they play with a [`Tap`](crate::media::Tap), of bounded
//! length, and whatever the disk does happens in the thread of that file. A file holds at any time all but the last second
//! of what was heard, and can be played: the process may be killed at any moment.

mod line;
mod mixer;
mod ogg;
mod opus;
mod wav;

pub use mixer::{Mixer, Side};

use crate::error::{Error, ErrorKind, Result};
use crate::fault::{self, Place};
use crate::media::{Gate, Ring, Tap};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is heard is written this much later: pieces that come late find their place until then.
const HOLD: Duration = Duration::from_millis(300);
/// How often is written. With [`HOLD`] this is what a killed process loses.
const INTERVAL: Duration = Duration::from_millis(200);

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 16 bit PCM.
    Wav,
    /// Ogg/Opus at this bitrate, in bit/s.
    Opus(u32),
}

/// What to record into.
#[derive(Clone, Debug)]
pub struct Target {
    /// An existing file is replaced.
    pub path: PathBuf,
    /// Its kind.
    pub format: Format,
    /// Frames per second; for Opus one of its rates.
    pub rate_hz: u32,
}

/// How a recording has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Length of the file.
    pub duration_ms: f64,
    /// Sound that is missing in it because the disk was too slow: silence stands in its place.
    pub dropped_ms: f64,
    /// Why it has ended before its time.
    pub error: Option<Error>,
}

/// A file being written. Dropped, it is finished.
pub struct Recording {
    commands: Sender<Command>,
    rate_hz: u32,
    ears: Mutex<[Ear; 2]>,
    /// Frames in the file.
    written: Arc<AtomicU64>,
    /// Nothing comes; it closes when the file is closed.
    ended: Mutex<Receiver<()>>,
}

/// What decides whether a side is heard.
struct Ear {
    audible: bool,
    /// Of the tap that listens.
    gate: Gate,
}

enum Command {
    Replace(Side, Option<Tap>),
    Finish(Instant),
}

impl Recording {
    /// Begins a file; both sides are silent until [`listen`](Self::listen). `done` is told once, in the thread of the file,
    /// also when the file cannot be made.
    pub fn start(target: Target, done: impl FnOnce(Summary) + Send + 'static) -> Result<Self> {
        let (commands, inbox) = channel();
        let (alive, ended) = channel();
        let written = Arc::new(AtomicU64::new(0));
        let rate_hz = target.rate_hz;
        let writer = Writer {
            mixer: Mixer::new(Instant::now(), rate_hz),
            target,
            pcm: Vec::new(),
            frames: 0,
            written: written.clone(),
        };
        let run = move || {
            done(writer.run(inbox));
            drop(alive);
        };
        std::thread::Builder::new()
            .name("webphone-rtc-rec".into())
            .spawn(run)
            .map_err(|error| Error::new(ErrorKind::Operation, format!("no thread for the recording: {error}")))?;
        let ear = || Ear { audible: true, gate: Gate::new(true) };
        Ok(Self { commands, rate_hz, ears: Mutex::new([ear(), ear()]), written, ended: Mutex::new(ended) })
    }

    /// From now on `side` is what `ring` plays; nothing is silence.
    pub fn listen(&self, side: Side, ring: Option<&Arc<Ring>>) {
        let mut ears = self.ears();
        let ear = &mut ears[side as usize];
        ear.gate.set_open(false);
        ear.gate = Gate::new(ear.audible);
        let tap = ring.map(|ring| ring.tap(self.rate_hz, ear.gate.clone()));
        // Fails only when the recording has ended.
        let _ = self.commands.send(Command::Replace(side, tap));
    }

    /// Whether what `side` plays from now on is heard; otherwise it is silence.
    pub fn set_audible(&self, side: Side, audible: bool) {
        let ear = &mut self.ears()[side as usize];
        ear.audible = audible;
        ear.gate.set_open(audible);
    }

    fn ears(&self) -> MutexGuard<'_, [Ear; 2]> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds that are in the file.
    pub fn written_ms(&self) -> f64 {
        milliseconds(self.written.load(Ordering::Relaxed), self.rate_hz)
    }

    /// Ends the file with what has been heard up to now. Does not wait for it.
    pub fn finish(&self) {
        let _ = self.commands.send(Command::Finish(Instant::now()));
    }

    /// Waits until the file is closed, or for `limit`.
    pub fn wait(&self, limit: Duration) {
        // Nothing is ever sent: it ends with the sender or with the time.
        let _ = self.ended.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(limit);
    }
}

/// The half in the thread.
struct Writer {
    target: Target,
    mixer: Mixer,
    pcm: Vec<i16>,
    frames: u64,
    written: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, inbox: Receiver<Command>) -> Summary {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.record(&inbox)));
        let message = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("a fault of the engine".to_owned()),
        };
        let path = self.target.path.display();
        let failed = |message| Error::new(ErrorKind::Operation, format!("cannot record to {path}: {message}"));
        Summary {
            duration_ms: milliseconds(self.frames, self.target.rate_hz),
            dropped_ms: self.mixer.dropped_ms(),
            error: message.map(failed),
        }
    }

    fn record(&mut self, inbox: &Receiver<Command>) -> std::io::Result<()> {
        let mut output = Output::create(&self.target)?;
        let mut wake = Instant::now() + INTERVAL;
        let end = loop {
            match inbox.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(Command::Replace(side, tap)) => self.mixer.replace(side, tap),
                Ok(Command::Finish(end)) => break end,
                Err(RecvTimeoutError::Disconnected) => break Instant::now(),
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    wake = now + INTERVAL;
                    self.write(&mut output, now.checked_sub(HOLD).unwrap_or(now))?;
                }
            }
        };
        self.write(&mut output, end)?;
        output.finish()
    }

    fn write(&mut self, output: &mut Output, until: Instant) -> std::io::Result<()> {
        fault::point(Place::Recording);
        while self.mixer.mix(until, &mut self.pcm) {
            output.write(&self.pcm)?;
            self.frames += self.pcm.len() as u64 / 2;
            self.written.store(self.frames, Ordering::Relaxed);
            self.pcm.clear();
        }
        Ok(())
    }
}

enum Output {
    Wav(wav::Wav<File>),
    Opus(opus::OggOpus<File>),
}

impl Output {
    fn create(target: &Target) -> std::io::Result<Self> {
        let file = File::create(&target.path)?;
        Ok(match target.format {
            Format::Wav => Self::Wav(wav::Wav::new(file, target.rate_hz)?),
            Format::Opus(bitrate_bps) => Self::Opus(opus::OggOpus::new(file, target.rate_hz, bitrate_bps)?),
        })
    }

    fn write(&mut self, pcm: &[i16]) -> std::io::Result<()> {
        match self {
            Self::Wav(wav) => wav.write(pcm),
            Self::Opus(opus) => opus.write(pcm),
        }
    }

    fn finish(&mut self) -> std::io::Result<()> {
        match self {
            // Its header is always true.
            Self::Wav(_) => Ok(()),
            Self::Opus(opus) => opus.finish(),
        }
    }
}

fn milliseconds(frames: u64, rate_hz: u32) -> f64 {
    frames as f64 * 1000.0 / f64::from(rate_hz)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Long enough for any machine; nobody waits for it.
    const LIMIT: Duration = Duration::from_secs(60);

    /// A file of its own, removed with it.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("webphone-rtc-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn target(&self, format: Format) -> Target {
            Target { path: self.0.join("call"), format, rate_hz: 16_000 }
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn start(target: Target) -> (Recording, Receiver<Summary>) {
        let (sender, summaries) = channel();
        (Recording::start(target, move |summary| sender.send(summary).unwrap()).unwrap(), summaries)
    }

    #[test]
    fn the_file_has_what_was_heard_until_the_end_also_when_nobody_holds_the_recording() {
        for (finished, format) in [(true, Format::Wav), (false, Format::Wav), (false, Format::Opus(48_000))] {
            let place = Place::new("end");
            let (recording, summaries) = start(place.target(format));
            let ring = Ring::live(16_000, 1, 1000);
            recording.listen(Side::Right, Some(&ring));
            ring.tell_time(Instant::now());
            ring.write(&[77; 320], 16_000, 1);
            while recording.written_ms() < 100.0 {
                std::thread::sleep(INTERVAL);
            }
            if finished {
                recording.finish();
                recording.wait(LIMIT);
            }
            drop(recording);
            let summary = summaries.recv_timeout(LIMIT).unwrap();
            assert_eq!((summary.error, summary.dropped_ms), (None, 0.0));
            assert!(!ring.has_readers(), "it listens no more");
            let file = fs::read(place.0.join("call")).unwrap();
            if format == Format::Wav {
                assert_eq!(file.len(), 80 + (summary.duration_ms * 64.0) as usize);
                let heard = file.chunks_exact(4).filter(|frame| **frame == [0, 0, 77, 0]).count();
                assert_eq!(heard, 320, "left silent, right heard");
            } else {
                let last = file.windows(4).rposition(|window| window == b"OggS").unwrap();
                assert_eq!(file[last + 5], 4, "the stream has its end");
            }
        }
    }

    #[test]
    fn a_file_that_cannot_be_made_or_written_ends_the_recording_with_the_reason() {
        let place = Place::new("error");
        let missing = place.0.join("missing/call.wav");
        let (recording, summaries) = start(Target { path: missing.clone(), ..place.target(Format::Wav) });
        let error = summaries.recv_timeout(LIMIT).unwrap().error.unwrap();
        assert_eq!(error.kind, ErrorKind::Operation);
        assert!(error.message.contains(&missing.display().to_string()), "{}", error.message);
        // What is asked of it now changes nothing, and the ring has no listener.
        let ring = Ring::live(16_000, 1, 1000);
        recording.listen(Side::Left, Some(&ring));
        recording.finish();
        recording.wait(LIMIT);
        assert!(!ring.has_readers());
        assert_eq!(recording.written_ms(), 0.0);

        // Opus refuses the rate: not the file's fault, told the same way.
        let (_recording, summaries) = start(Target { rate_hz: 44_100, ..place.target(Format::Opus(48_000)) });
        assert!(summaries.recv_timeout(LIMIT).unwrap().error.unwrap().message.contains("44100 Hz"));
    }

    #[test]
    fn a_muted_side_and_one_that_listens_elsewhere_hear_nothing_of_before() {
        let place = Place::new("mute");
        let (recording, summaries) = start(place.target(Format::Wav));
        let (first, second) = (Ring::live(16_000, 1, 1000), Ring::live(16_000, 1, 1000));
        let say = |ring: &Ring, value: i16| {
            ring.tell_time(Instant::now());
            ring.write(&[value; 16], 16_000, 1);
        };
        recording.listen(Side::Left, Some(&first));
        say(&first, 1);
        recording.set_audible(Side::Left, false);
        say(&first, 2);
        recording.listen(Side::Left, Some(&second));
        say(&second, 3);
        say(&first, 4);
        recording.set_audible(Side::Left, true);
        say(&second, 5);
        while recording.written_ms() < 100.0 {
            std::thread::sleep(INTERVAL);
        }
        recording.finish();
        summaries.recv_timeout(LIMIT).unwrap();
        let file = fs::read(place.0.join("call")).unwrap();
        let mut heard: Vec<u8> = file[80..].iter().copied().filter(|byte| *byte != 0).collect();
        heard.dedup();
        assert_eq!(heard, [1, 5]);
    }
}
