//! DTLS records as they reach us: a handshake with an honest end, and somebody who cuts, changes, repeats and invents.

use super::script::Script;
use std::time::{Duration, Instant};
use webphone_rtc::negotiation::DtlsRole;
use webphone_rtc::transport::Certificate;
use webphone_rtc::transport::internals::Dtls;

/// A handshake ends after 30 s at the latest.
const LIMIT: Duration = Duration::from_secs(31);
const MAX_STEPS: usize = 2_000;
const HANDSHAKE: u8 = 22;

thread_local! {
    static CERTIFICATES: [Certificate; 2] =
        [0, 1].map(|_| Certificate::generate(Duration::from_secs(3600)).expect("a certificate"));
}

/// End 0 is attacked.
struct Pair {
    now: Instant,
    ends: [Dtls; 2],
    /// On their way to either end.
    flight: [Vec<Vec<u8>>; 2],
    /// All that end 1 has sent.
    honest: Vec<Vec<u8>>,
}

/// See the module.
pub fn dtls(data: &[u8]) {
    let mut script = Script(data);
    let Some(first) = script.byte() else { return };
    let mut pair = Pair::new(first & 1 == 1);
    while let Some(what) = script.byte() {
        pair.step(what, &mut script);
    }
    pair.settle();
}

impl Pair {
    fn new(client: bool) -> Self {
        let now = Instant::now();
        let roles = if client { [DtlsRole::Client, DtlsRole::Server] } else { [DtlsRole::Server, DtlsRole::Client] };
        let ends = CERTIFICATES
            .with(|own| [0, 1].map(|end| Dtls::new(&own[end], own[1 - end].der(), roles[end]).expect("an end")));
        let mut pair = Self { now, ends, flight: [Vec::new(), Vec::new()], honest: Vec::new() };
        pair.ends.iter_mut().for_each(|end| end.start(now));
        pair.collect();
        pair
    }

    fn step(&mut self, what: u8, script: &mut Script<'_>) {
        match what & 7 {
            0 => self.exchange(1),
            1 => self.exchange(usize::from(what >> 3)),
            2 => self.wait(Duration::from_millis(u64::from(script.byte().unwrap_or(0)) * 10)),
            3 => drop(self.next_honest()),
            // What comes next, changed.
            4 => {
                let Some(mut datagram) = self.next_honest() else { return };
                for _ in 0..=what >> 5 {
                    let at = usize::from(script.u16().unwrap_or(0)) % datagram.len();
                    datagram[at] ^= script.byte().unwrap_or(0);
                }
                if what & 8 != 0 {
                    datagram.truncate(usize::from(script.u16().unwrap_or(0)) % datagram.len());
                }
                self.deliver(&datagram);
            }
            5 => {
                let Some(old) = self.honest.get(usize::from(what >> 3)).cloned() else { return };
                self.deliver(&old);
            }
            // A handshake message in the clear: type, length, number, offset and length of the fragment, body.
            6 => {
                let header = script.bytes(12).to_vec();
                let body = [&header[..], script.block().unwrap_or_default()].concat();
                self.deliver(&record(HANDSHAKE, 0, what >> 3, &body));
            }
            _ => {
                let kind = script.byte().unwrap_or(0);
                let epoch = u8::from(what & 8 != 0);
                let body = script.block().unwrap_or_default();
                let datagram = if what & 16 == 0 { record(kind, epoch, what >> 3, body) } else { body.to_vec() };
                self.deliver(&datagram);
            }
        }
    }

    fn next_honest(&mut self) -> Option<Vec<u8>> {
        (!self.flight[0].is_empty()).then(|| self.flight[0].remove(0))
    }

    fn deliver(&mut self, datagram: &[u8]) {
        self.ends[0].receive(self.now, datagram);
        self.collect();
    }

    /// So many rounds of what is on its way.
    fn exchange(&mut self, rounds: usize) {
        for _ in 0..rounds.min(8) {
            for end in [0, 1] {
                for datagram in std::mem::take(&mut self.flight[end]) {
                    self.ends[end].receive(self.now, &datagram);
                }
            }
            self.collect();
        }
    }

    fn collect(&mut self) {
        for end in [0, 1] {
            while let Some(datagram) = self.ends[end].poll_transmit() {
                if end == 1 && self.honest.len() < 64 {
                    self.honest.push(datagram.clone());
                }
                self.flight[1 - end].push(datagram);
            }
            while self.ends[end].poll_data().is_some() {}
        }
        let waiting = self.flight.iter().map(Vec::len).max();
        assert!(waiting < Some(10_000), "one datagram does not lead to thousands");
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        let mut steps = 0;
        while let Some(due) = self.ends.iter().filter_map(Dtls::timeout).min().filter(|due| *due <= until) {
            steps += 1;
            assert!(steps < MAX_STEPS, "a timer that nothing settles");
            self.now = due.max(self.now);
            self.ends.iter_mut().for_each(|end| end.handle_timeout(self.now));
            self.collect();
        }
        self.now = until;
    }

    /// Whatever has happened, the association ends up, closed or failed.
    fn settle(&mut self) {
        let until = self.now + LIMIT;
        while self.now < until {
            self.exchange(4);
            self.wait(Duration::from_millis(500));
        }
        assert!(self.ends[0].is_settled());
        self.ends[0].close(self.now);
        assert_eq!(self.ends[0].timeout(), None);
    }
}

fn record(kind: u8, epoch: u8, number: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 1, number];
    record.extend_from_slice(&(body.len() as u16).to_be_bytes());
    record.extend_from_slice(body);
    record
}
