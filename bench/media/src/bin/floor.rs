//! What no stack goes below: `floor CODEC FILE [COMPLEXITY]` prints three times, in µs for 20 ms of a call both ways:
//! encoder and decoder, SRTP with the transport around it, and sockets; then the kbit/s that were encoded. FILE is mono PCM of 16 bits at the rate of the
//! codec. One thread, everything in the caches, nobody waits: whoever carries calls comes above it.

#[path = "../../../../tests/support/wire.rs"]
mod wire;

use media_bench::{Fault, Speech};
use std::net::UdpSocket;
use std::time::Instant;
use webphone_rtc::rtp::RtpHeader;
use webphone_rtc::transport::TransportEvent;
use wire::Wire;

/// The best of so many runs counts: others use this machine too.
const RUNS: usize = 5;
/// All packets are carried so many times in a run, so that the handshake counts little.
const ROUNDS: usize = 20;

fn main() -> Result<(), Fault> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [codec, file, complexity @ ..] = &args[..] else { return Err("floor CODEC FILE [COMPLEXITY]".into()) };
    let speech = Speech::read(codec, file, complexity.first())?;
    let mut payloads = Vec::new();
    let coded_us = best(|| {
        payloads = code(&speech).unwrap_or_default();
        speech.frames.len()
    });
    let mut datagrams = Vec::new();
    let mut lost = 0;
    let carried_us = best(|| {
        datagrams.clear();
        let opened = carry(&payloads, &mut datagrams);
        lost += ROUNDS * payloads.len() - opened;
        opened
    });
    if lost > 0 {
        return Err(format!("{lost} packets were not opened").into());
    }
    let sent_us = best(|| send(&datagrams).unwrap_or(1));
    let bytes: usize = payloads.iter().map(Vec::len).sum();
    let kbps = bytes as f64 * 8.0 / 20.0 / payloads.len() as f64;
    println!("{coded_us:.2} {carried_us:.2} {sent_us:.2} {kbps:.1}");
    Ok(())
}

/// µs for one of what `run` returns the count of.
fn best(mut run: impl FnMut() -> usize) -> f64 {
    let timed = |_| {
        let began = Instant::now();
        let count = run();
        began.elapsed().as_secs_f64() * 1e6 / count as f64
    };
    (0..RUNS).map(timed).fold(f64::MAX, f64::min)
}

fn code(speech: &Speech) -> Result<Vec<Vec<u8>>, Fault> {
    let (mut decoder, mut heard) = (speech.decoder()?, Vec::new());
    speech.encode(|payload| {
        heard.clear();
        decoder.decode(payload, &mut heard);
    })
}

/// Seals and opens; the handshake before is not worth mentioning.
fn carry(payloads: &[Vec<u8>], datagrams: &mut Vec<Vec<u8>>) -> usize {
    let Wire { now, sides, .. } = Wire::connected();
    let [mut from, mut to] = sides.map(|side| side.transport);
    let mut opened = 0;
    for n in 0..ROUNDS * payloads.len() {
        let header = RtpHeader { sequence: n as u16, timestamp: n as u32 * 960, ssrc: 1, ..RtpHeader::default() };
        from.send_rtp(&header, &payloads[n % payloads.len()]);
        while let Some(transmit) = from.poll_transmit() {
            to.receive(now, transmit.peer, transmit.local, &transmit.payload);
            if datagrams.len() < payloads.len() {
                datagrams.push(transmit.payload.to_vec());
            }
        }
        while let Some(event) = to.poll_event() {
            opened += usize::from(matches!(event, TransportEvent::Rtp(_)));
        }
    }
    opened
}

/// One call of the system for each datagram, each way.
fn send(datagrams: &[Vec<u8>]) -> std::io::Result<usize> {
    let [from, to] = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
    let (peer, mut inbox) = (to.local_addr()?, [0; 1500]);
    for datagram in datagrams {
        from.send_to(datagram, peer)?;
        to.recv_from(&mut inbox)?;
    }
    Ok(datagrams.len())
}
