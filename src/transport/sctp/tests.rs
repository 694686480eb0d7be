//! Two ends without DTLS between them: what only a far end inside the encryption can do.

use super::packet::{self, HEADER_LEN};
use super::*;
use bytes::BufMut;
use std::time::Duration;

const LATENCY: Duration = Duration::from_millis(5);

struct Pair {
    now: Instant,
    latency: Duration,
    ends: [Sctp; 2],
    flight: VecDeque<(Instant, usize, Bytes)>,
    events: [Vec<DataEvent>; 2],
    /// Every packet, by the end that sent it.
    sent: Vec<(usize, Bytes)>,
    seed: u64,
}

impl Pair {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            latency: LATENCY,
            ends: [Sctp::new(), Sctp::new()],
            flight: VecDeque::new(),
            events: [Vec::new(), Vec::new()],
            sent: Vec::new(),
            seed: 0x9E37_79B9_7F4A_7C15,
        }
    }

    fn up() -> Self {
        Self::up_over(LATENCY)
    }

    fn up_over(latency: Duration) -> Self {
        let mut pair = Self { latency, ..Self::new() };
        pair.connect(0, 5000);
        pair.connect(1, 5000);
        pair.run(latency * 20);
        assert!(pair.ends.iter().all(|end| end.up));
        pair
    }

    /// With channel 0 of end 0, and the channel that end 1 knows it by.
    fn with_channel() -> (Self, [ChannelId; 2]) {
        let mut pair = Self::up();
        pair.open(0, 0, 0, ChannelInit::default());
        pair.run(Duration::from_millis(50));
        let there = pair.announced(1);
        (pair, [ChannelId(0), there])
    }

    fn connect(&mut self, end: usize, far_port: u16) {
        self.ends[end].connect(self.now, far_port).unwrap();
    }

    fn open(&mut self, end: usize, id: u32, stream: u16, init: ChannelInit) {
        self.ends[end].open(self.now, ChannelId(id), stream, init);
    }

    fn send(&mut self, end: usize, id: ChannelId, len: usize) {
        let payload = (0..len).map(|index| index as u8).collect::<Vec<_>>().into();
        self.ends[end].send(self.now, id, Message { text: false, payload });
    }

    fn announced(&self, end: usize) -> ChannelId {
        let found = self.events[end].iter().rev().find_map(|event| match event {
            DataEvent::Announced(id, ..) => Some(*id),
            _ => None,
        });
        found.unwrap()
    }

    fn received(&self, end: usize) -> Vec<usize> {
        let len = |event: &DataEvent| match event {
            DataEvent::Received(_, message) => Some(message.payload.len()),
            _ => None,
        };
        self.events[end].iter().filter_map(len).collect()
    }

    /// How often an end has sent a DATA chunk that it had sent before.
    fn repetitions(&self, end: usize) -> usize {
        let packets = self.sent.iter().filter(|(from, _)| *from == end);
        let tsns = packets.flat_map(|(_, packet)| packet::chunks(packet).filter_map(|chunk| tsn(&chunk)));
        let (mut seen, mut count) = (BTreeSet::new(), 0);
        tsns.for_each(|tsn| count += usize::from(!seen.insert(tsn)));
        count
    }

    fn run(&mut self, time: Duration) {
        self.run_with(time, |_, _, _| true);
    }

    /// `passes` says which packets arrive.
    fn run_with(&mut self, time: Duration, mut passes: impl FnMut(&mut u64, usize, &Bytes) -> bool) {
        let end = self.now + time;
        loop {
            for index in 0..2 {
                while let Some(packet) = self.ends[index].poll_packet() {
                    self.sent.push((index, packet.clone()));
                    if passes(&mut self.seed, index, &packet) {
                        self.flight.push_back((self.now + self.latency, 1 - index, packet));
                    }
                }
                while let Some(event) = self.ends[index].poll_event() {
                    self.events[index].push(event);
                }
            }
            let timers = self.ends.iter().filter_map(Sctp::timeout);
            let arrival = self.flight.front().map(|(at, ..)| *at);
            self.now = arrival.into_iter().chain(timers).fold(end, Instant::min).max(self.now);
            if self.now >= end {
                return;
            }
            while let Some((_, to, packet)) = self.flight.pop_front_if(|(at, ..)| *at <= self.now) {
                self.ends[to].receive(self.now, BytesMut::from(packet));
            }
            for sctp in &mut self.ends {
                if sctp.timeout().is_some_and(|due| due <= self.now) {
                    sctp.handle_timeout(self.now);
                }
            }
        }
    }

    /// A chunk from end `1 - to`, as only that could send it.
    fn forge(&mut self, to: usize, chunk: &[u8]) {
        let own = self.sent.iter().rev().find(|(from, packet)| *from == 1 - to && !is_init(packet));
        let header = packet::header(&own.unwrap().1).unwrap();
        self.ends[to].receive(self.now, packet::write(header, [chunk]));
    }

    /// The first TSN of an end.
    fn first_tsn(&self, end: usize) -> u32 {
        let init = self.sent.iter().find(|(from, packet)| *from == end && is_init(packet)).unwrap();
        packet::chunks(&init.1).next().and_then(|chunk| chunk.init()).unwrap().tsn
    }
}

fn is_init(packet: &[u8]) -> bool {
    packet::chunks(packet).next().is_some_and(|chunk| chunk.kind == packet::INIT)
}

fn holds(packet: &[u8], kind: u8) -> bool {
    packet::chunks(packet).any(|chunk| chunk.kind == kind)
}

fn tsn(chunk: &packet::Chunk<'_>) -> Option<u32> {
    chunk.data().filter(|_| chunk.kind == packet::DATA).map(|data| data.tsn)
}

fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// The second ordered message of `stream`: the first was the channel's announcement.
fn data(tsn: u32, stream: u16, flags: u8, protocol: u32, payload: &[u8]) -> Vec<u8> {
    data_at(1, tsn, stream, flags, protocol, payload)
}

fn data_at(sequence: u16, tsn: u32, stream: u16, flags: u8, protocol: u32, payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    value.put_u32(tsn);
    value.put_u16(stream);
    value.put_u16(sequence);
    value.put_u32(protocol);
    value.put_slice(payload);
    packet::chunk(packet::DATA, flags, &value)
}

#[test]
fn both_ends_may_begin_and_any_of_the_first_ten_packets_may_be_lost() {
    for lost in 0..1_u32 << 10 {
        for late in [false, true] {
            let mut pair = Pair::new();
            pair.connect(0, 5000);
            if late {
                pair.run(Duration::from_millis(1500));
            }
            pair.connect(1, 5000);
            let mut count = 0;
            pair.run_with(Duration::from_secs(15), |_, _, _| {
                count += 1;
                lost.checked_shr(count - 1).unwrap_or_default() & 1 == 0
            });
            let ups = pair.events.each_ref().map(|events| events.contains(&DataEvent::Up(MAX_CHANNELS)));
            assert_eq!(ups, [true, true], "{lost:010b} lost, late: {late}");
            pair.open(0, 0, 0, ChannelInit::default());
            pair.open(1, 0, 1, ChannelInit::default());
            pair.run(Duration::from_millis(50));
            pair.send(0, ChannelId(0), 3000);
            pair.send(1, ChannelId(0), 3000);
            pair.run(Duration::from_millis(500));
            assert_eq!([0, 1].map(|end| pair.received(end)), [vec![3000], vec![3000]], "{lost:010b} lost");
            let mut inits = pair.sent.iter().filter(|(_, packet)| is_init(packet));
            assert!(inits.all(|(_, packet)| packet::header(packet).unwrap().tag == 0), "RFC 9260 section 8.5.1");
        }
    }
}

#[test]
fn an_end_that_only_answers_or_only_asks_is_enough() {
    // Some stacks open the association from one end only: that end ignores our INIT, or the other sends none.
    for silent in [0, 1] {
        let mut pair = Pair::new();
        pair.connect(0, 5000);
        pair.connect(1, 5000);
        pair.run_with(Duration::from_secs(5), |_, from, packet| !(from == silent && is_init(packet)));
        assert!(pair.ends.iter().all(|end| end.up));
        pair.open(0, 0, 0, ChannelInit::default());
        pair.run(Duration::from_millis(50));
        pair.send(0, ChannelId(0), 100);
        pair.run(Duration::from_millis(50));
        assert_eq!(pair.received(1), [100]);
    }
}

#[test]
fn another_port_of_the_far_end_is_addressed() {
    let mut pair = Pair::new();
    pair.connect(0, 6000);
    pair.connect(1, 5000);
    let ports = |packet: &Bytes| packet::header(packet).map(|header| (header.source, header.destination));
    // End 1 believes that its own port is 5000; the wire says 6000.
    let mut seen = Vec::new();
    for _ in 0..200 {
        pair.now += Duration::from_millis(1);
        for from in 0..2 {
            while let Some(packet) = pair.ends[from].poll_packet() {
                let mut packet = BytesMut::from(packet);
                if from == 0 {
                    seen.push(ports(&packet.clone().freeze()));
                    packet::set_ports(&mut packet, 5000, 5000);
                } else {
                    packet::set_ports(&mut packet, 6000, 5000);
                }
                packet::seal(&mut packet);
                pair.ends[1 - from].receive(pair.now, packet);
            }
        }
    }
    assert!(pair.ends.iter().all(|end| end.up));
    assert!(!seen.is_empty() && seen.iter().all(|ports| *ports == Some((5000, 6000))));
}

#[test]
fn a_channel_closes_at_both_ends_and_its_stream_is_used_again() {
    let (mut pair, _) = Pair::with_channel();
    for round in 0..5 {
        let ids = [ChannelId(round), pair.announced(1)];
        for len in [10, 20, 30] {
            pair.send(0, ids[0], len);
        }
        pair.ends[(round % 2) as usize].close_channel(pair.now, ids[(round % 2) as usize]);
        pair.run(Duration::from_millis(400));
        for (end, id) in ids.into_iter().enumerate() {
            assert!(pair.events[end].contains(&DataEvent::Closed(id, None)), "round {round}, end {end}");
            assert!(pair.ends[end].channels.is_empty() && pair.ends[end].by_stream.is_empty());
        }
        let closer = (round % 2) as usize;
        assert!(!pair.events[closer].contains(&DataEvent::Closing(ids[closer])));
        assert!(pair.events[1 - closer].contains(&DataEvent::Closing(ids[1 - closer])));
        pair.open(0, round + 1, 0, ChannelInit::default());
        pair.run(Duration::from_millis(50));
    }
    assert_eq!(pair.received(1).len(), 9, "what end 0 sent when it closed, none when end 1 had closed");
}

#[test]
fn closing_survives_any_losses_among_twelve_packets_and_comes_after_all_messages() {
    for lost in 0..1_u32 << 12 {
        let (mut pair, ids) = Pair::with_channel();
        for _ in 0..3 {
            pair.send(0, ids[0], 2000);
        }
        pair.ends[0].close_channel(pair.now, ids[0]);
        let mut count = 0;
        pair.run_with(Duration::from_secs(30), |_, _, _| {
            count += 1;
            lost.checked_shr(count - 1).unwrap_or_default() & 1 == 0
        });
        assert_eq!(pair.received(1), [2000; 3], "{lost:012b} lost");
        for (end, id) in ids.into_iter().enumerate() {
            assert_eq!(pair.events[end].last(), Some(&DataEvent::Closed(id, None)), "{lost:012b} lost, end {end}");
        }
    }
}

#[test]
fn a_reset_that_comes_before_what_was_sent_earlier_waits_for_it() {
    let (mut pair, ids) = Pair::with_channel();
    let tsn = pair.first_tsn(0);
    let early = reset::request(tsn, 0, tsn.wrapping_add(1), &[0]);
    pair.forge(1, &early);
    pair.run(Duration::from_millis(20));
    assert!(!pair.events[1].contains(&DataEvent::Closing(ids[1])));
    pair.send(0, ids[0], 10);
    pair.run(Duration::from_millis(50));
    assert_eq!(pair.received(1), [10]);
    assert!(pair.events[1].contains(&DataEvent::Closing(ids[1])));
}

#[test]
fn a_reset_waits_for_what_is_given_up_too() {
    let (mut pair, ids) = Pair::with_channel();
    let tsn = pair.first_tsn(0);
    let last = tsn.wrapping_add(1);
    pair.forge(1, &reset::request(tsn, 0, last, &[0]));
    pair.run(Duration::from_millis(20));
    assert!(!pair.events[1].contains(&DataEvent::Closing(ids[1])));
    pair.forge(1, &packet::chunk(packet::FORWARD_TSN, 0, &last.to_be_bytes()));
    pair.run(Duration::from_millis(20));
    assert!(pair.events[1].contains(&DataEvent::Closing(ids[1])));
}

#[test]
fn the_end_of_a_stream_is_asked_for_when_all_that_was_sent_on_it_has_arrived() {
    let (mut pair, ids) = Pair::with_channel();
    pair.send(0, ids[0], 3000);
    pair.ends[0].close_channel(pair.now, ids[0]);
    pair.run_with(Duration::from_millis(300), |_, from, packet| from == 1 || !holds(packet, packet::DATA));
    assert!(!pair.sent.iter().any(|(from, packet)| *from == 0 && holds(packet, packet::RECONFIG)));
    pair.run(Duration::from_secs(3));
    assert_eq!(pair.received(1), [3000]);
    for (end, id) in ids.into_iter().enumerate() {
        assert!(pair.events[end].contains(&DataEvent::Closed(id, None)), "end {end}");
    }
}

#[test]
fn a_channel_that_is_closed_after_a_message_does_not_wait_for_a_late_acknowledgement() {
    let (mut pair, ids) = Pair::with_channel();
    pair.send(0, ids[0], 10);
    pair.ends[0].close_channel(pair.now, ids[0]);
    pair.run(LATENCY * 8);
    assert_eq!(pair.received(1), [10]);
    for (end, id) in ids.into_iter().enumerate() {
        assert!(pair.events[end].contains(&DataEvent::Closed(id, None)), "end {end}");
    }
}

#[test]
fn a_channel_whose_last_message_was_given_up_closes_and_holds_up_no_other() {
    for reliability in [Reliability::Retransmits(0), Reliability::LifetimeMs(50)] {
        let mut pair = Pair::up();
        pair.open(0, 0, 0, ChannelInit { reliability, ..ChannelInit::default() });
        pair.open(0, 1, 2, ChannelInit::default());
        pair.run(Duration::from_millis(500));
        pair.send(0, ChannelId(0), 1000);
        pair.run_with(Duration::from_millis(20), |_, _, _| false);
        for id in [0, 1].map(ChannelId) {
            pair.ends[0].close_channel(pair.now, id);
        }
        pair.run(Duration::from_secs(5));
        assert!(pair.ends.iter().all(|end| end.channels.is_empty()), "{reliability:?}");
    }
}

#[test]
fn the_far_end_is_held_back_while_nothing_is_read_and_goes_on_at_once_afterwards() {
    let (mut pair, ids) = Pair::with_channel();
    pair.ends[1].set_reading(pair.now, false);
    for _ in 0..60 {
        pair.send(0, ids[0], 65_536);
    }
    pair.run(Duration::from_secs(20));
    assert_eq!(pair.received(1), []);
    let left: usize = pair.events[0]
        .iter()
        .map(|event| if let DataEvent::Transmitted(_, bytes, _) = event { *bytes } else { 0 })
        .sum();
    assert!(left < 1_300_000, "{left} bytes have left");
    pair.ends[1].set_reading(pair.now, true);
    pair.run(Duration::ZERO);
    let waited = pair.received(1).len();
    pair.run(Duration::from_millis(500));
    assert!(pair.received(1).len() > waited, "the sender's timer, long since backed off, was not waited for");
    pair.run(Duration::from_secs(10));
    assert_eq!(pair.received(1), [65_536; 60]);
}

#[test]
fn a_channel_that_is_closed_while_nothing_is_read_closes_after_its_messages() {
    let (mut pair, ids) = Pair::with_channel();
    pair.ends[1].set_reading(pair.now, false);
    pair.send(0, ids[0], 100);
    pair.ends[0].close_channel(pair.now, ids[0]);
    pair.run(Duration::from_secs(3));
    assert!(!pair.events[1].contains(&DataEvent::Closing(ids[1])));
    pair.ends[1].set_reading(pair.now, true);
    pair.run(Duration::from_secs(1));
    let order: Vec<_> = pair.events[1].iter().rev().take(3).rev().collect();
    assert!(matches!(order[..], [DataEvent::Received(..), DataEvent::Closing(_), DataEvent::Closed(_, None)]));
}

#[test]
fn what_comes_for_a_closed_channel_does_not_fill_the_window() {
    let (mut pair, ids) = Pair::with_channel();
    pair.open(0, 1, 2, ChannelInit::default());
    pair.run(Duration::from_millis(50));
    for _ in 0..100 {
        pair.send(0, ids[0], 65_536);
    }
    pair.ends[1].close_channel(pair.now, ids[1]);
    pair.run(Duration::from_secs(20));
    assert!(pair.events[0].contains(&DataEvent::Closed(ids[0], None)));
    pair.send(0, ChannelId(1), 7);
    pair.run(Duration::from_millis(500));
    assert_eq!(pair.received(1).last(), Some(&7));
}

#[test]
fn nothing_is_sent_twice_where_the_round_trip_is_long_and_nothing_lost() {
    for latency in [200, 300, 400].map(Duration::from_millis) {
        let mut pair = Pair::up_over(latency);
        pair.open(0, 0, 0, ChannelInit::default());
        for _ in 0..60 {
            pair.send(0, ChannelId(0), 16_384);
        }
        pair.run(latency * 2 * 15);
        assert_eq!(pair.repetitions(0), 0, "{latency:?}");
        assert_eq!(pair.received(1).len(), 60, "{latency:?}");
    }
}

#[test]
fn a_round_trip_that_has_become_long_is_learnt() {
    let (mut pair, ids) = Pair::with_channel();
    pair.latency = Duration::from_millis(500);
    for _ in 0..10 {
        pair.send(0, ids[0], 1000);
        pair.run(Duration::from_secs(3));
    }
    let before = pair.repetitions(0);
    for _ in 0..10 {
        pair.send(0, ids[0], 1000);
        pair.run(Duration::from_secs(3));
    }
    assert_eq!(pair.repetitions(0), before);
    assert_eq!(pair.received(1).len(), 20);
}

#[test]
fn the_first_message_that_is_lost_on_a_short_way_is_sent_again_soon() {
    let mut pair = Pair::up();
    pair.open(0, 0, 0, ChannelInit::default());
    pair.send(0, ChannelId(0), 100);
    pair.run_with(Duration::from_millis(5), |_, _, _| false);
    pair.run(Duration::from_millis(450));
    assert_eq!(pair.received(1), [100]);
}

#[test]
fn a_message_whose_repetitions_are_lost_too_waits_for_no_timer_while_others_arrive() {
    let (mut pair, ids) = Pair::with_channel();
    for _ in 0..200 {
        pair.send(0, ids[0], 1000);
    }
    let (mut lost, mut copies) = (None, 0);
    pair.run_with(Duration::from_millis(300), |_, _, packet| {
        let of_it = packet::chunks(packet).filter_map(|chunk| tsn(&chunk)).any(|tsn| tsn == *lost.get_or_insert(tsn));
        copies += usize::from(of_it);
        !of_it || copies > 4
    });
    assert_eq!(copies, 5);
    assert_eq!(pair.received(1), [1000; 200]);
}

#[test]
fn a_repetition_is_given_time_to_be_acknowledged() {
    for latency in [1, 5, 50, 150].map(Duration::from_millis) {
        let mut pair = Pair::up_over(latency);
        pair.open(0, 0, 0, ChannelInit::default());
        pair.run(latency * 4 + Duration::from_millis(300));
        for _ in 0..200 {
            pair.send(0, ChannelId(0), 1000);
        }
        let mut data = 0;
        pair.run_with(latency * 40, |_, _, packet| {
            data += usize::from(holds(packet, packet::DATA));
            data != 1
        });
        assert_eq!((pair.received(1).len(), pair.repetitions(0)), (200, 1), "{latency:?}");
    }
}

#[test]
fn a_message_that_may_be_sent_twice_is_not_sent_more_often() {
    let mut pair = Pair::up();
    let reliability = Reliability::Retransmits(1);
    pair.open(0, 0, 0, ChannelInit { reliability, ..ChannelInit::default() });
    pair.run(Duration::from_millis(500));
    for _ in 0..200 {
        pair.send(0, ChannelId(0), 1000);
    }
    let (mut lost, mut copies) = (None, 0);
    pair.run_with(Duration::from_secs(5), |_, _, packet| {
        let of_it = packet::chunks(packet).filter_map(|chunk| tsn(&chunk)).any(|tsn| tsn == *lost.get_or_insert(tsn));
        copies += usize::from(of_it);
        !of_it
    });
    assert_eq!((copies, pair.received(1).len()), (2, 199));
}

#[test]
fn channels_take_turns() {
    let (mut pair, ids) = Pair::with_channel();
    pair.open(0, 1, 2, ChannelInit::default());
    pair.run(Duration::from_millis(50));
    for _ in 0..100 {
        pair.send(0, ids[0], 50_000);
    }
    pair.send(0, ChannelId(1), 7);
    pair.run(Duration::from_secs(5));
    let place = pair.received(1).iter().position(|len| *len == 7);
    assert!(place.is_some_and(|place| place < 20), "after {place:?} of 100 messages of the other channel");
}

#[test]
fn a_message_longer_than_announced_closes_its_channel_with_an_error() {
    let (mut pair, ids) = Pair::with_channel();
    pair.send(0, ids[0], MAX_MESSAGE_BYTES);
    pair.send(0, ids[0], MAX_MESSAGE_BYTES + 1);
    pair.run(Duration::from_secs(5));
    assert_eq!(pair.received(1), [MAX_MESSAGE_BYTES]);
    let closed = pair.events[1].iter().filter(|event| matches!(event, DataEvent::Closed(..))).collect::<Vec<_>>();
    assert!(matches!(closed[..], [DataEvent::Closed(id, Some(ChannelError::Channel(_)))] if *id == ids[1]));
    assert!(pair.events[0].contains(&DataEvent::Closed(ids[0], None)), "the far end sees it close");
}

#[test]
fn a_message_that_never_ends_ends_the_association() {
    let (mut pair, _) = Pair::with_channel();
    let mut tsn = pair.first_tsn(0).wrapping_add(1);
    let piece = [0; 1100];
    let mut pieces = 0_usize;
    while pair.ends[1].up {
        pair.forge(1, &data(tsn, 0, if pieces == 0 { 2 } else { 0 }, 53, &piece));
        tsn = tsn.wrapping_add(1);
        pieces += 1;
        assert!(pieces * piece.len() < 2 << 20, "nothing bounds it");
    }
    pair.run(Duration::from_millis(50));
    assert!(pair.events[1].iter().any(|event| matches!(event, DataEvent::Closed(_, Some(ChannelError::Sctp(_))))));
}

#[test]
fn numbers_that_lie_far_ahead_cost_nothing() {
    let (mut pair, ids) = Pair::with_channel();
    let tsn = pair.first_tsn(0);
    for ahead in [70_000, 1 << 20, 1 << 30, (1 << 31) - 1] {
        let far = tsn.wrapping_add(ahead);
        pair.forge(1, &packet::chunk(packet::FORWARD_TSN, 0, &far.to_be_bytes()));
        pair.forge(1, &data(far, 0, 3, 53, &[1]));
    }
    pair.send(0, ids[0], 10);
    pair.run(Duration::from_millis(300));
    assert_eq!(pair.received(1), [10]);
}

#[test]
fn an_abort_ends_all_channels_and_its_cause_is_told() {
    let (mut pair, ids) = Pair::with_channel();
    let text = b"gone fishing";
    let mut value = vec![0, 13, 0, 4 + text.len() as u8];
    value.extend_from_slice(text);
    pair.forge(1, &packet::chunk(packet::ABORT, 0, &value));
    pair.run(Duration::from_millis(20));
    let abort = Abort { cause: Some(13), text: "gone fishing".to_owned() };
    let told = [DataEvent::Down, DataEvent::Closed(ids[1], Some(ChannelError::Sctp(abort)))];
    assert_eq!(pair.events[1][pair.events[1].len() - 2..], told);
    assert_eq!(pair.ends[1].timeout(), None);
}

#[test]
fn a_channel_that_was_closed_just_before_its_connection_has_not_failed_and_another_has() {
    let (mut pair, ids) = Pair::with_channel();
    pair.open(0, 1, 2, ChannelInit::default());
    pair.run(Duration::from_millis(50));
    let other = pair.announced(1);
    let now = pair.now;
    pair.send(0, ids[0], 10);
    pair.ends[0].close_channel(now, ids[0]);
    pair.ends[0].close(now);
    pair.run(Duration::from_millis(20));
    let told = pair.events[1].iter().filter_map(|event| match event {
        DataEvent::Closed(id, error) => Some((*id, error.is_some())),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(ids[1], false), (other, true)]);
}

#[test]
fn a_cause_that_claims_more_than_there_is_is_cut() {
    for value in [&[0, 13, 0xFF, 0xFF, 1][..], &[0, 13, 0, 0], &[0], &[]] {
        let (mut pair, _) = Pair::with_channel();
        pair.forge(1, &packet::chunk(packet::ABORT, 0, value));
        pair.forge(0, &packet::chunk(packet::ERROR, 0, value));
        pair.run(Duration::from_millis(20));
        assert!(!pair.ends[1].up && pair.ends[0].up);
    }
}

#[test]
fn a_shutdown_ends_channels_without_an_error() {
    let (mut pair, ids) = Pair::with_channel();
    pair.run(Duration::from_millis(300)); // the announcement is acknowledged late
    pair.forge(1, &packet::chunk(packet::SHUTDOWN, 0, &pair.first_tsn(1).to_be_bytes()));
    pair.run(Duration::from_millis(20));
    assert!(pair.events[1].contains(&DataEvent::Closed(ids[1], None)));
    assert!(pair.sent.iter().any(|(from, packet)| *from == 1 && holds(packet, packet::SHUTDOWN_ACK)));
}

#[test]
fn unknown_chunks_are_passed_over_and_those_beside_them_are_not() {
    let (mut pair, ids) = Pair::with_channel();
    let tsn = pair.first_tsn(0).wrapping_add(1);
    for kind in [5, 12, 63, 64, 128, 191, 255] {
        pair.forge(1, &packet::chunk(kind, 0, &[1, 2, 3]));
    }
    let header = packet::header(&pair.sent.iter().rev().find(|(from, _)| *from == 0).unwrap().1).unwrap();
    let message = data(tsn, 0, 3, 51, b"hello");
    let unknown = packet::chunk(0xC1, 0, &[0; 5]);
    pair.ends[1].receive(pair.now, packet::write(header, [unknown.as_slice(), &message]));
    pair.run(Duration::from_millis(20));
    let hello = Message { text: true, payload: Bytes::from_static(b"hello") };
    assert!(pair.events[1].contains(&DataEvent::Received(ids[1], hello)));
}

#[test]
fn packets_of_another_association_change_nothing() {
    let (mut pair, _) = Pair::with_channel();
    let sent = pair.sent.iter().filter(|(from, _)| *from == 0).map(|(_, packet)| packet.clone()).collect::<Vec<_>>();
    let before = pair.events[1].len();
    for packet in sent {
        let mut packet = BytesMut::from(packet);
        if !is_init(&packet) {
            packet::set_tag(&mut packet, 0x0101_0101);
        }
        packet::seal(&mut packet);
        pair.ends[1].receive(pair.now, packet);
    }
    pair.run(Duration::from_millis(20));
    assert_eq!(pair.events[1].len(), before);
    assert!(pair.ends[1].up);
}

#[test]
fn a_channel_that_cannot_be_understood_is_refused_and_others_go_on() {
    let (mut pair, _) = Pair::with_channel();
    let tsn = pair.first_tsn(0).wrapping_add(1);
    pair.forge(1, &data_at(0, tsn, 8, 3, 50, &[3, 0x77]));
    pair.forge(1, &data_at(0, tsn.wrapping_add(1), 9, 3, 50, &[0]));
    pair.forge(1, &data_at(0, tsn.wrapping_add(2), 10, 3, 77, &[1]));
    pair.forge(1, &data(tsn.wrapping_add(3), 0, 3, 53, &[0; 10]));
    pair.run_with(Duration::from_millis(20), |_, _, _| false);
    assert_eq!(pair.received(1), [10]);
    assert!(pair.sent.iter().any(|(from, packet)| *from == 1 && holds(packet, packet::RECONFIG)));
}

#[test]
fn partial_reliability_gives_up_what_it_may_and_nothing_else() {
    for (reliability, ordered) in [
        (Reliability::Retransmits(0), true),
        (Reliability::Retransmits(0), false),
        (Reliability::LifetimeMs(50), true),
        (Reliability::LifetimeMs(50), false),
    ] {
        let mut pair = Pair::up();
        pair.open(0, 0, 0, ChannelInit { reliability, ordered, ..ChannelInit::default() });
        pair.run(Duration::from_millis(50));
        for index in 0..100 {
            pair.send(0, ChannelId(0), 1000 + index);
            let lossy = |seed: &mut u64, from: usize, _: &Bytes| from != 0 || !random(seed).is_multiple_of(10);
            pair.run_with(Duration::from_millis(5), lossy);
        }
        pair.run(Duration::from_secs(5));
        let received = pair.received(1);
        assert!((60..100).contains(&received.len()), "{} of 100", received.len());
        assert!(!ordered || received.is_sorted());
        let left: usize = pair.events[0]
            .iter()
            .map(|event| if let DataEvent::Transmitted(_, bytes, _) = event { *bytes } else { 0 })
            .sum();
        assert_eq!(left, (1000..1100).sum::<usize>(), "all has left the buffer");
        pair.send(0, ChannelId(0), 7);
        pair.run(Duration::from_secs(3));
        assert_eq!(pair.received(1).last(), Some(&7));
    }
}

#[test]
fn mutated_packets_neither_panic_nor_stall() {
    let mut seed = 0x1234_5678_9ABC_DEF1;
    let mut survived = 0;
    for round in 0..400 {
        let (mut pair, ids) = Pair::with_channel();
        pair.send(0, ids[0], 3000);
        pair.send(1, ids[1], 3000);
        if round % 3 == 0 {
            pair.ends[0].close_channel(pair.now, ids[0]);
        }
        pair.run(Duration::from_millis(300));
        let originals = pair.sent.clone();
        for _ in 0..20 {
            let (from, original) = &originals[random(&mut seed) as usize % originals.len()];
            pair.ends[1 - from].receive(pair.now, mutated(original, &mut seed));
        }
        // Each end goes on, or ends and says so of every channel.
        pair.run(Duration::from_secs(30));
        for end in 0..2 {
            let down = pair.events[end].iter().filter(|event| **event == DataEvent::Down).count();
            let closed = pair.events[end].iter().filter(|event| matches!(event, DataEvent::Closed(..))).count();
            survived += 1 - down;
            assert!(down == 0 || closed >= 1 && pair.ends[end].channels.is_empty(), "round {round}");
        }
    }
    assert!(survived > 100, "{survived} of 800 ends go on: the mutations are too crude to reach far");
}

fn mutated(original: &[u8], seed: &mut u64) -> BytesMut {
    let mut packet = BytesMut::from(original);
    // The header stays, or the packet would not even be looked at.
    for _ in 0..=random(seed) % 3 {
        let at = HEADER_LEN + random(seed) as usize % (packet.len() - HEADER_LEN);
        packet[at] = random(seed) as u8;
    }
    if random(seed).is_multiple_of(8) {
        packet.truncate(HEADER_LEN + random(seed) as usize % (packet.len() - HEADER_LEN));
    }
    packet::seal(&mut packet);
    packet
}

#[test]
fn a_stream_that_is_in_use_is_refused_to_another_channel() {
    let (mut pair, _) = Pair::with_channel();
    pair.open(1, 0, 0, ChannelInit { negotiated: true, ..ChannelInit::default() });
    pair.run(Duration::from_millis(20));
    let refused = |event: &DataEvent| matches!(event, DataEvent::Closed(ChannelId(0), Some(ChannelError::Channel(_))));
    assert!(pair.events[1].iter().any(refused));
}

#[test]
fn negotiated_channels_need_no_announcement() {
    let mut pair = Pair::up();
    let before = pair.sent.len();
    for end in 0..2 {
        pair.open(end, 0, 6, ChannelInit { negotiated: true, ..ChannelInit::default() });
    }
    pair.run(Duration::from_millis(20));
    assert_eq!(pair.sent.len(), before);
    pair.send(0, ChannelId(0), 10);
    pair.send(1, ChannelId(0), 20);
    pair.run(Duration::from_millis(20));
    assert_eq!([0, 1].map(|end| pair.received(end)), [vec![20], vec![10]]);
}

/// A parameter of a chunk (RFC 9260 section 3.2.1).
fn parameter(kind: u16, value: &[u8]) -> Vec<u8> {
    let [high, low] = kind.to_be_bytes();
    packet::chunk(high, low, value)
}

#[test]
fn parameters_that_say_less_than_their_kind_must_do_not_reach_the_machine() {
    for kind in [13, 16, 0x8004, 0xC000, 0x8008, 1, 7, 999] {
        let (mut pair, ids) = Pair::with_channel();
        pair.forge(0, &packet::chunk(packet::HEARTBEAT, 0, &parameter(kind, &[])));
        pair.forge(0, &packet::chunk(packet::HEARTBEAT, 0, &parameter(kind, &[0; 3])));
        pair.forge(0, &packet::chunk(packet::HEARTBEAT, 0, &parameter(kind, &[0; 40])[..20]));
        pair.forge(0, &packet::chunk(packet::HEARTBEAT, 0, &[]));
        pair.send(0, ids[0], 100);
        pair.run(Duration::from_millis(100));
        assert_eq!(pair.received(1), [100], "after a HEARTBEAT with parameter {kind}");
    }
}

#[test]
fn a_heartbeat_is_answered_with_what_it_holds() {
    let (mut pair, _) = Pair::with_channel();
    let information = parameter(1, &[1, 2, 3, 4, 5, 6, 7, 8]);
    pair.forge(0, &packet::chunk(packet::HEARTBEAT, 0, &information));
    pair.run(Duration::from_millis(50));
    let answer = pair.sent.iter().rev().find(|(from, sent)| *from == 0 && holds(sent, 5)).unwrap();
    assert_eq!(packet::chunks(&answer.1).next().unwrap().value, information);
}

#[test]
fn an_association_begins_whatever_else_the_far_ends_init_holds() {
    let junk = [
        parameter(13, &[]),
        parameter(16, &[1]),
        parameter(0x8004, &[0, 9]),
        parameter(999, &[0; 4]),
        packet::chunk(packet::ERROR, 0, &[0, 1, 0xFF, 0xFF]),
    ];
    for (number, junk) in junk.iter().enumerate() {
        let mut pair = Pair::new();
        pair.connect(0, 5000);
        let mut init = BytesMut::from(&pair.ends[0].poll_packet().unwrap()[..]);
        pair.connect(1, 5000);
        while pair.ends[1].poll_packet().is_some() {}
        // In the chunk, or after it as a chunk of its own.
        if number < 4 {
            let len = packet::u16_at(&init, HEADER_LEN + 2).unwrap() + junk.len() as u16;
            init[HEADER_LEN + 2..HEADER_LEN + 4].copy_from_slice(&len.to_be_bytes());
        }
        init.extend_from_slice(junk);
        init.resize(init.len().next_multiple_of(4), 0);
        packet::seal(&mut init);
        pair.ends[1].receive(pair.now, init);
        pair.run(Duration::from_secs(4));
        assert!(pair.ends.iter().all(|end| end.up), "junk {number}");
    }
}
