//! The floor of calls in real time: `floor_in_time CODEC FILE COMPLEXITY CALLS SECONDS` prints the processor time of a call, in percent
//! of a core, of a thread that does for CALLS calls what cannot be left out: each 20 ms of each it encodes, seals and
//! sends a packet, and receives, opens and decodes another one. It takes a quarter of the calls every 5 ms and rests in
//! between, so that caches are as cold, and the other core is as busy with the far end, as in any program that carries calls.

#[path = "../../../../tests/support/wire.rs"]
mod wire;

use media_bench::{Fault, Speech};
use rustix::time::{ClockId, clock_gettime};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use webphone_rtc::media::codec::{Codec, Decoder, Encoder};
use webphone_rtc::rtp::RtpHeader;
use webphone_rtc::transport::{Transport, TransportEvent};
use wire::Wire;

const TICK: Duration = Duration::from_millis(5);
/// Calls in turn, one share a tick: each has a packet every 20 ms.
const SHARES: usize = 4;
/// The far end sends so long before the packet is fetched.
const AHEAD: Duration = Duration::from_micros(2500);
/// Calls begin so many frames apart, as in `bench/calls/signal.js`.
const APART: usize = 37;
/// Ticks that do not count.
const WARM_UP: usize = 200;
/// Of the packets so many must have come.
const LEAST_SHARE: f64 = 0.98;

/// One end of a call.
struct End {
    transport: Transport,
    local: SocketAddr,
    peer: SocketAddr,
    now: Instant,
    socket: UdpSocket,
    sequence: u16,
    opened: usize,
}

struct Call {
    end: End,
    encoder: Box<dyn Encoder>,
    decoder: Box<dyn Decoder>,
    heard: Vec<i16>,
}

/// What is said, and what of it the far end sends.
struct Script {
    speech: Speech,
    payloads: Vec<Vec<u8>>,
}

fn main() -> Result<(), Fault> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [codec, file, complexity, calls, seconds] = &args[..] else {
        return Err("floor_in_time CODEC FILE COMPLEXITY CALLS SECONDS".into());
    };
    let (calls, seconds): (usize, usize) = (calls.parse()?, seconds.parse()?);
    let speech = Speech::read(codec, file, Some(complexity))?;
    let script = Script { payloads: speech.encode(|_| ())?, speech };
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for _ in 0..calls {
        let [end, other] = connected()?;
        let (encoder, decoder) = (script.speech.encoder()?, script.speech.decoder()?);
        near.push(Call { end, encoder, decoder, heard: Vec::new() });
        far.push(other);
    }
    let ticks = seconds * 1000 / TICK.as_millis() as usize;
    let (over, start) = (AtomicBool::new(false), Instant::now() + 10 * TICK);
    let used = std::thread::scope(|scope| {
        let other = scope.spawn(|| send_from_afar(&mut far, &script, start, &over));
        let used = carry(&mut near, &script, start, ticks);
        over.store(true, Ordering::Relaxed);
        other.join().map_err(|_| "the far end has failed")??;
        used
    })?;
    let opened: usize = near.iter().map(|call| call.end.opened).sum();
    let sent = calls * (ticks + WARM_UP) / SHARES;
    if (opened as f64) < LEAST_SHARE * sent as f64 {
        return Err(format!("of {sent} packets {opened} were opened").into());
    }
    println!("{:.4}", 100.0 * used.as_secs_f64() / seconds as f64 / calls as f64);
    Ok(())
}

/// Two transports after their handshake, with a socket each.
fn connected() -> Result<[End; 2], Fault> {
    let Wire { now, sides: [a, b], .. } = Wire::connected();
    let [of_a, of_b] = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
    of_a.connect(of_b.local_addr()?)?;
    of_b.connect(of_a.local_addr()?)?;
    for socket in [&of_a, &of_b] {
        socket.set_nonblocking(true)?;
    }
    let [at_a, at_b] = [a.addresses[0], b.addresses[0]];
    let end = |transport, local, peer, socket| End { transport, local, peer, now, socket, sequence: 0, opened: 0 };
    Ok([end(a.transport, at_a, at_b, of_a), end(b.transport, at_b, at_a, of_b)])
}

/// This thread's processor time.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn rest_until(time: Instant) {
    std::thread::sleep(time.saturating_duration_since(Instant::now()));
}

/// The share of `calls` whose turn it is in this tick.
fn turn<T>(calls: &mut [T], tick: usize) -> impl Iterator<Item = (usize, &mut T)> {
    calls.iter_mut().enumerate().skip(tick % SHARES).step_by(SHARES)
}

/// What call `id` says in this tick, of all that is said.
fn said<T>(all: &[Vec<T>], tick: usize, id: usize) -> &[T] {
    &all[(tick / SHARES + APART * id) % all.len()]
}

fn carry(calls: &mut [Call], script: &Script, start: Instant, ticks: usize) -> Result<Duration, Fault> {
    let mut before = Duration::ZERO;
    let mut payload = [0; 1275];
    for tick in 0..ticks + WARM_UP {
        rest_until(start + TICK * tick as u32);
        if tick == WARM_UP {
            before = used();
        }
        for (id, call) in turn(calls, tick) {
            let frame = said(&script.speech.frames, tick, id);
            if let Some(length) = call.encoder.encode(frame, &mut payload) {
                call.end.send(&payload[..length], script.speech.codec)?;
            }
            call.heard.clear();
            let Call { end, decoder, heard, .. } = call;
            end.receive(|payload| _ = decoder.decode(payload, heard));
        }
    }
    Ok(used() - before)
}

fn send_from_afar(ends: &mut [End], script: &Script, start: Instant, over: &AtomicBool) -> Result<(), Fault> {
    for tick in 0.. {
        rest_until(start + TICK * tick as u32 - AHEAD);
        if over.load(Ordering::Relaxed) {
            break;
        }
        for (id, end) in turn(ends, tick) {
            end.receive(|_| ());
            end.send(said(&script.payloads, tick, id), script.speech.codec)?;
        }
    }
    Ok(())
}

impl End {
    fn send(&mut self, payload: &[u8], codec: Codec) -> Result<(), Fault> {
        let ticks = codec.clock_hz() / 50;
        let timestamp = u32::from(self.sequence) * ticks;
        let header = RtpHeader { sequence: self.sequence, timestamp, ssrc: 1, ..RtpHeader::default() };
        self.sequence = self.sequence.wrapping_add(1);
        self.transport.send_rtp(&header, payload);
        while let Some(transmit) = self.transport.poll_transmit() {
            self.socket.send(&transmit.payload)?;
        }
        Ok(())
    }

    /// One datagram, if it has come.
    fn receive(&mut self, mut take: impl FnMut(&[u8])) {
        let mut inbox = [0; 1500];
        let Ok(length) = self.socket.recv(&mut inbox) else { return };
        self.transport.receive(self.now, self.local, self.peer, &inbox[..length]);
        while let Some(event) = self.transport.poll_event() {
            if let TransportEvent::Rtp(packet) = event {
                self.opened += 1;
                take(&packet.payload);
            }
        }
    }
}
