//! What the way of a packet costs, counted in instructions, which depend neither on the load nor on the speed of the machine.

#[path = "support/path.rs"]
mod path;
#[path = "support/wire.rs"]
mod wire;

use path::{Path, voice};
use std::process::Command;
use webphone_rtc::media::codec::Codec;

/// Codec, rate of the PCM in Hz, and thousands of instructions for 20 ms of one direction. Who makes it cheaper lowers
/// the number; more than [`ROOM_PERCENT`] above it is a regression. Measured on x86-64 with AVX2.
const BUDGET: [(Codec, u32, u64); 4] =
    [(Codec::Opus, 48_000, 756), (Codec::Opus, 16_000, 579), (Codec::Pcmu, 8000, 18), (Codec::Pcmu, 48_000, 138)];
const ROOM_PERCENT: u64 = 5;
/// The difference between two runs leaves out what is done once, and the beginning, when the delay is still found.
const PACKETS: [u64; 2] = [200, 300];

fn play(codec: Codec, rate_hz: u32, packets: u64) -> Path {
    let (mut path, voice) = (Path::new(codec, rate_hz), voice(rate_hz, 1));
    let frames = voice.chunks_exact(rate_hz as usize / 50).cycle();
    frames.take(packets as usize).for_each(|pcm| path.play(pcm));
    path
}

#[test]
fn what_goes_in_comes_out() {
    for (codec, rate_hz, _) in BUDGET {
        let path = play(codec, rate_hz, 200);
        assert!((390..=400).contains(&path.heard), "{codec:?} {rate_hz}: {} frames", path.heard);
        assert!(path.loudest > 2000, "{codec:?} {rate_hz}: {}", path.loudest);
    }
}

#[test]
#[ignore = "what `a_packet_costs_no_more_than_its_budget` counts the instructions of"]
fn workload() {
    let wanted = std::env::var("WORKLOAD").unwrap_or_default();
    let [case, packets] = wanted.split(' ').map(|word| word.parse().unwrap()).collect::<Vec<u64>>()[..] else {
        panic!("WORKLOAD is {wanted:?}");
    };
    let (codec, rate_hz, _) = BUDGET[case as usize];
    play(codec, rate_hz, packets);
}

fn instructions(case: usize, packets: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "workload", "--ignored", "--test-threads=1"])
        .env("WORKLOAD", format!("{case} {packets}"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let counted = said.lines().find_map(|line| line.split_once("Collected : ")).unwrap().1;
    counted.trim().parse().unwrap()
}

#[test]
fn a_packet_costs_no_more_than_its_budget() {
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok_and(|it| it.status.success());
    if !has_valgrind || !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: instructions are counted by valgrind, on x86-64");
        return;
    }
    let mut too_much = Vec::new();
    for (case, (codec, rate_hz, budget)) in BUDGET.iter().enumerate() {
        let [few, many] = std::thread::scope(|scope| {
            let runs = PACKETS.map(|packets| scope.spawn(move || instructions(case, packets)));
            runs.map(|run| run.join().unwrap())
        });
        let thousands = (many - few) / (PACKETS[1] - PACKETS[0]) / 1000;
        eprintln!("{codec:?} at {rate_hz} Hz: {thousands} thousand instructions a packet, budget {budget}");
        if thousands > budget + budget * ROOM_PERCENT / 100 {
            too_much.push((codec, rate_hz, thousands, budget));
        }
    }
    assert!(too_much.is_empty(), "codec, Hz, thousands of instructions, budget: {too_much:?}");
}
