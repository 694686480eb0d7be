//! SCTP and DCEP as they come out of DTLS: a far end that knows the keys and keeps to no rule.

use super::script::Script;
use bytes::BytesMut;
use std::time::{Duration, Instant};
use webphone_rtc::transport::internals::Data;
use webphone_rtc::transport::{ChannelId, ChannelInit, DataEvent, MAX_MESSAGE_BYTES, Message, Reliability};

const HEADER_LEN: usize = 12;
const INIT: u8 = 1;
const MAX_STEPS: usize = 5_000;
/// A message, whole.
const WHOLE: u8 = 3;

/// End 0 is ours. End 1 opens the association and, if it is `honest`, goes on.
struct Pair {
    now: Instant,
    ends: [Data; 2],
    honest: bool,
    /// Ends at which the association stands.
    up: usize,
    /// Source and destination port and the tag that end 0 expects.
    header: [u8; 8],
    /// The next TSN of the far end.
    tsn: u32,
    /// What end 0 has used last.
    own_tsn: u32,
    last: Vec<u8>,
    open: u32,
}

/// See the module.
pub fn data(data: &[u8]) {
    let mut script = Script(data);
    let Some(first) = script.byte() else { return };
    let mut pair = Pair::new(first & 1 == 1);
    if first & 2 == 0 {
        pair.run(Duration::from_millis(50));
    }
    pair.open(script.byte().unwrap_or(0));
    while let Some(what) = script.byte() {
        pair.step(what, &mut script);
    }
    pair.run(Duration::from_secs(20));
    pair.ends[0].close(pair.now);
}

impl Pair {
    fn new(honest: bool) -> Self {
        let now = Instant::now();
        let mut ends = [Data::default(), Data::default()];
        ends.iter_mut().for_each(|end| end.connect(now).expect("an association"));
        Self { now, ends, honest, up: 0, header: [0; 8], tsn: 0, own_tsn: 0, last: Vec::new(), open: 0 }
    }

    fn open(&mut self, how: u8) {
        let reliability = match how & 3 {
            0 | 1 => Reliability::Full,
            2 => Reliability::Retransmits(u16::from(how >> 4)),
            _ => Reliability::LifetimeMs(u16::from(how)),
        };
        let init =
            ChannelInit { ordered: how & 4 == 0, negotiated: how & 8 != 0, reliability, ..ChannelInit::default() };
        self.ends[0].open(self.now, ChannelId(self.open), u16::from(how >> 5), init);
        self.open += 1;
    }

    fn step(&mut self, what: u8, script: &mut Script<'_>) {
        let id = ChannelId(u32::from(what >> 4) % self.open.max(1));
        match what & 15 {
            0 => self.run(Duration::from_millis(u64::from(script.byte().unwrap_or(0)) * 20)),
            1 => self.open(script.byte().unwrap_or(0)),
            2 => {
                let len = usize::from(script.byte().unwrap_or(0)) * 32;
                self.ends[0].send(self.now, id, Message { text: what & 16 == 0, payload: vec![7; len].into() });
            }
            3 => self.ends[0].close_channel(self.now, id),
            4 => self.ends[0].set_reading(self.now, what & 16 == 0),
            // A whole packet, with the right checksum or as it is.
            5 => {
                let packet = script.long_block().unwrap_or_default().to_vec();
                self.deliver(if what & 16 == 0 { sealed(packet) } else { packet });
            }
            // The last packet of the far end once more, changed.
            6 => {
                let mut packet = self.last.clone();
                for _ in 0..=what >> 5 {
                    let at = usize::from(script.u16().unwrap_or(0));
                    let value = script.byte().unwrap_or(0);
                    if let Some(byte) = packet.get_mut(at % 1500) {
                        *byte ^= value;
                    }
                }
                self.deliver(sealed(packet));
            }
            // A message: stream, protocol, data.
            7 | 8 => {
                let stream = script.u16().unwrap_or(0) % 1030;
                let protocol = [50, 51, 53, 56, 57][usize::from(what >> 4) % 5];
                let mut value = self.tsn.to_be_bytes().to_vec();
                value.extend_from_slice(&stream.to_be_bytes());
                value.extend_from_slice(&[0, script.byte().unwrap_or(0), 0, 0, 0, protocol]);
                value.extend_from_slice(script.block().unwrap_or_default());
                self.tsn = self.tsn.wrapping_add(1);
                self.chunk(0, if what & 15 == 7 { WHOLE } else { script.byte().unwrap_or(0) }, &value);
            }
            // A chunk whose first number is one of the far end's TSNs, or of ours.
            9 | 10 => {
                let (kind, flags) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0));
                let offset = script.u16().unwrap_or(0) as i16;
                let base = if what & 15 == 9 { self.tsn } else { self.own_tsn };
                let number = base.wrapping_add_signed(offset.into());
                let value = [&number.to_be_bytes()[..], script.block().unwrap_or_default()].concat();
                self.chunk(kind, flags, &value);
            }
            // A request to reset streams, or another parameter of RFC 6525.
            11 => {
                let (kind, offset) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0) as i8);
                let number = self.tsn.wrapping_add_signed(offset.into());
                let body = script.block().unwrap_or_default();
                let mut value = vec![0, kind, 0, (body.len() as u8).wrapping_add(8)];
                value.extend_from_slice(&number.to_be_bytes());
                value.extend_from_slice(body);
                self.chunk(130, 0, &value);
            }
            // Several chunks in one packet, lengths as they are.
            12 => {
                let mut packet = self.header.to_vec();
                packet.extend_from_slice(&[0; 4]);
                packet.extend_from_slice(script.long_block().unwrap_or_default());
                self.deliver(sealed(packet));
            }
            _ => {
                let (kind, flags) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0));
                let value = script.block().unwrap_or_default().to_vec();
                self.chunk(kind, flags, &value);
            }
        }
        self.exchange();
    }

    fn chunk(&mut self, kind: u8, flags: u8, value: &[u8]) {
        let mut packet = self.header.to_vec();
        packet.extend_from_slice(&[0; 4]);
        packet.extend_from_slice(&[kind, flags]);
        packet.extend_from_slice(&(4 + value.len() as u16).to_be_bytes());
        packet.extend_from_slice(value);
        packet.resize(packet.len().next_multiple_of(4), 0);
        self.deliver(sealed(packet));
    }

    fn deliver(&mut self, packet: Vec<u8>) {
        self.ends[0].receive(self.now, BytesMut::from(&packet[..]));
    }

    fn exchange(&mut self) {
        for round in 0.. {
            assert!(round < MAX_STEPS, "packets that lead to packets for ever");
            let mut sent = false;
            while let Some(packet) = self.ends[0].poll_packet() {
                note_tsn(&packet, &mut self.own_tsn);
                if self.honest || self.up < 2 {
                    sent = true;
                    self.ends[1].receive(self.now, BytesMut::from(&packet[..]));
                }
            }
            while let Some(packet) = self.ends[1].poll_packet() {
                sent = true;
                note_tsn(&packet, &mut self.tsn);
                if packet.get(HEADER_LEN) != Some(&INIT) {
                    self.header.copy_from_slice(&packet[..8]);
                }
                self.last = packet.to_vec();
                self.ends[0].receive(self.now, packet.into());
            }
            for end in &mut self.ends {
                while let Some(event) = end.poll_event() {
                    self.up += usize::from(matches!(event, DataEvent::Up(_)));
                    note(&event);
                }
            }
            if !sent {
                return;
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        loop {
            self.exchange();
            let live = if self.honest || self.up < 2 { &self.ends[..] } else { &self.ends[..1] };
            let Some(due) = live.iter().filter_map(Data::timeout).min().filter(|due| *due <= end) else { break };
            steps += 1;
            assert!(steps < MAX_STEPS, "a timer that nothing settles");
            self.now = due.max(self.now);
            let now = self.now;
            self.ends
                .iter_mut()
                .filter(|end| end.timeout().is_some_and(|due| due <= now))
                .for_each(|it| it.handle_timeout(now));
        }
        self.now = end;
    }
}

/// The TSN after the one that a packet uses.
fn note_tsn(packet: &[u8], tsn: &mut u32) {
    let word =
        |at: usize| packet.get(at..at + 4).map(|field| u32::from_be_bytes([field[0], field[1], field[2], field[3]]));
    match packet.get(HEADER_LEN) {
        Some(0) => *tsn = word(HEADER_LEN + 4).unwrap_or(0).wrapping_add(1),
        Some(1 | 2) => *tsn = word(HEADER_LEN + 16).unwrap_or(0),
        _ => {}
    }
}

fn sealed(mut packet: Vec<u8>) -> Vec<u8> {
    if packet.len() >= HEADER_LEN {
        packet[8..12].fill(0);
        let checksum = crc32c::crc32c(&packet);
        packet[8..12].copy_from_slice(&checksum.to_le_bytes());
    }
    packet
}

/// What our end tells of the far end keeps to what we have announced.
fn note(event: &DataEvent) {
    match event {
        DataEvent::Received(_, message) => assert!(message.payload.len() <= MAX_MESSAGE_BYTES),
        DataEvent::Announced(_, stream, _) => assert!(*stream < 1024),
        _ => {}
    }
}
