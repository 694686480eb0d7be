//! Compares speech detectors on the sounds of `corpus.py`.
//!
//!     cargo run --release -- CORPUS [DETECTOR …]
//!
//! Prints a table in Markdown. Latency: from the onset of a segment to the end of the 20 ms block in which its start
//! became known. A segment is missed when no start becomes known by 300 ms after its end, and was "on" when the
//! detector had taken something before it for speech and did not know an end.

mod detectors;

use detectors::{BLOCK, make};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const RATE_HZ: u64 = 16_000;
/// A start belongs to a segment up to so long after its end.
const LATE: u64 = RATE_HZ * 3 / 10;
/// The hang-over may bridge a pause shorter than this.
const BRIDGE: u64 = RATE_HZ;

struct File {
    name: String,
    group: String,
    material: String,
    condition: String,
    snr: String,
    segments: Vec<(u64, u64)>,
}

#[derive(Default)]
struct Tally {
    latencies_ms: Vec<f64>,
    onset_errors_ms: Vec<f64>,
    segments: usize,
    missed: usize,
    on: usize,
    false_starts: usize,
    /// Samples without speech, and of those the ones taken for it.
    other: u64,
    taken: u64,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let corpus = arguments.next().expect("the folder that corpus.py has made");
    let names: Vec<String> = arguments.collect();
    let names = if names.is_empty() { detectors::NAMES.map(String::from).to_vec() } else { names };
    let manifest = std::fs::read_to_string(format!("{corpus}/corpus.tsv")).expect("corpus.tsv");
    let files: Vec<File> = manifest.lines().map(parse).collect();
    let mut tables = Vec::new();
    for name in &names {
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        let (mut spent, mut blocks) = (Duration::ZERO, 0);
        for file in &files {
            let pcm = read(&format!("{corpus}/{}", file.name));
            let mut detector = make(name).expect("a detector of this name");
            let mut changes = Vec::new();
            let start = Instant::now();
            for (n, block) in pcm.chunks_exact(BLOCK).enumerate() {
                detector.feed(block);
                while let Some((speaking, position)) = detector.poll() {
                    changes.push((speaking, position, (n as u64 + 1) * BLOCK as u64));
                }
            }
            spent += start.elapsed();
            blocks += pcm.len() / BLOCK;
            let row = class(file);
            tallies.entry(row).or_default().judge(&changes, &file.segments, pcm.len() as u64);
        }
        eprintln!("{name}: {:.1} µs for 20 ms", spent.as_secs_f64() * 1e6 / blocks as f64);
        tables.push(tallies);
    }
    print(&names, &tables);
}

fn parse(line: &str) -> File {
    let fields: Vec<&str> = line.split('\t').collect();
    let span = |text: &str| text.split_once(':').map(|(a, b)| (a.parse().unwrap_or(0), b.parse().unwrap_or(0)));
    File {
        name: fields[0].into(),
        group: fields[1].into(),
        material: fields[2].into(),
        condition: fields[3].into(),
        snr: fields[4].into(),
        segments: fields[5].split(',').filter_map(span).collect(),
    }
}

fn read(path: &str) -> Vec<i16> {
    let bytes = std::fs::read(path).expect("a file of the corpus");
    bytes[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// The row of the table that a file belongs to.
fn class(file: &File) -> String {
    let has = |words: &[&str]| words.iter().any(|word| file.material.contains(word));
    if file.group == "other" {
        let kind = match () {
            () if has(&["DTMF"]) => "DTMF digits in band",
            () if has(&["ring", "busy", "dial", "fax"]) => "ring-back, busy, dial and fax tones",
            () if has(&["music"]) => "music",
            () if has(&["clicks", "bursts"]) => "clicks, bursts of noise",
            () if has(&["babble"]) => "babble alone, from the first moment",
            () => "noise, hum, comfort noise, silence",
        };
        return format!("2 {kind}");
    }
    let who = if has(&["human"]) { "people" } else { "espeak-ng" };
    let (noise, coding) = file.condition.split_once(", ").unwrap_or(("", ""));
    let coded = if coding == "none" { "" } else { ", coded" };
    match (file.snr.as_str(), noise) {
        ("-", _) => format!("1 {who}, clean{coded}"),
        (snr, "babble") => format!("1 {who}, babble at {snr:>2} dB{coded}"),
        (snr, _) => format!("1 {who}, noise at {snr:>2} dB{coded}"),
    }
}

impl Tally {
    fn judge(&mut self, changes: &[(bool, u64, u64)], segments: &[(u64, u64)], length: u64) {
        let own = |known: u64| segments.iter().any(|it| (it.0..=it.1 + LATE).contains(&known));
        self.false_starts += changes.iter().filter(|it| it.0 && !own(it.2)).count();
        self.other += length - segments.iter().map(|it| it.1 - it.0).sum::<u64>();
        for &(first, last) in segments {
            let on = changes.iter().rfind(|it| it.2 < first).is_some_and(|it| it.0);
            if on && segments.iter().any(|it| it.1 <= first && first - it.1 < BRIDGE) {
                continue;
            }
            self.segments += 1;
            if on {
                self.on += 1;
            } else if let Some(start) = changes.iter().find(|it| it.0 && (first..=last + LATE).contains(&it.2)) {
                self.latencies_ms.push((start.2 - first) as f64 / 16.0);
                self.onset_errors_ms.push((start.1 as f64 - first as f64) / 16.0);
            } else {
                self.missed += 1;
            }
        }
        // Share of what is no speech during which speech was claimed.
        if segments.is_empty() {
            let mut since = None;
            for &(speaking, _, known) in changes {
                match since.take() {
                    Some(start) if !speaking => self.taken += known - start,
                    _ => since = Some(known),
                }
            }
            self.taken += since.map_or(0, |start| length - start);
        }
    }

    fn text(&self) -> String {
        let per_minute = self.false_starts as f64 * 60.0 * RATE_HZ as f64 / self.other.max(1) as f64;
        if self.segments == 0 {
            return format!("{per_minute:.2}/min, {:.1} %", 100.0 * self.taken as f64 / self.other.max(1) as f64);
        }
        let share = |count: usize| 100.0 * count as f64 / self.segments as f64;
        let (at, p95) = (quantile(&self.latencies_ms, 0.5), quantile(&self.latencies_ms, 0.95));
        let (missed, on) = (share(self.missed), share(self.on));
        format!("{at:.0}/{p95:.0} ms, {missed:.1} %, {on:.1} %, {per_minute:.2}/min")
    }
}

fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(((sorted.len().max(1) - 1) as f64 * q) as usize).copied().unwrap_or(f64::NAN)
}

fn print(names: &[String], tables: &[BTreeMap<String, Tally>]) {
    let line = |cells: Vec<String>| println!("| {} |", cells.join(" | "));
    let heading = |text: &str| {
        line([text.to_owned()].into_iter().chain(names.iter().cloned()).collect());
        line(vec!["---".into(); names.len() + 1]);
    };
    let rows: Vec<&String> = tables[0].keys().collect();
    heading("speech: latency p50/p95, missed, on, false starts");
    for row in rows.iter().filter(|row| row.starts_with('1')) {
        line([row[2..].to_owned()].into_iter().chain(tables.iter().map(|it| it[*row].text())).collect());
    }
    println!();
    heading("other sounds: false starts, share taken for speech");
    for row in rows.iter().filter(|row| row.starts_with('2')) {
        line([row[2..].to_owned()].into_iter().chain(tables.iter().map(|it| it[*row].text())).collect());
    }
    println!();
    for (name, table) in names.iter().zip(tables) {
        let errors: Vec<f64> = table.values().flat_map(|it| it.onset_errors_ms.iter().copied()).collect();
        let (low, mid, high) = (quantile(&errors, 0.05), quantile(&errors, 0.5), quantile(&errors, 0.95));
        println!("{name}: told onset minus true onset, p5/p50/p95: {low:.0}/{mid:.0}/{high:.0} ms");
    }
}
