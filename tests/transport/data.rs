//! Data channels over DTLS over ICE, in virtual time.

use crate::wire::{Wire, ms};
use std::collections::BTreeMap;
use webphone_rtc::negotiation::{DataPlan, TransportId};
use webphone_rtc::transport::{
    ChannelError, ChannelId, ChannelInit, DataEvent, DtlsState, MAX_MESSAGE_BYTES, Message, Reliability, TransportEvent,
};

fn data_plan() -> DataPlan {
    DataPlan {
        transport: TransportId(0),
        mid: "0".to_owned(),
        remote_port: 5000,
        max_message_size: MAX_MESSAGE_BYTES as u64,
    }
}

fn negotiate_data(wire: &mut Wire) {
    for side in 0..2 {
        wire.sides[side].transport.apply_data(wire.now, Some(&data_plan())).unwrap();
    }
}

/// Both associations stand.
fn with_data(mut wire: Wire) -> Wire {
    negotiate_data(&mut wire);
    wire.connect();
    assert!(wire.run_until(ms(10_000), |wire| [0, 1].iter().all(|side| ups(wire, *side) == 1)));
    wire
}

fn data_events(wire: &Wire, side: usize) -> impl Iterator<Item = &DataEvent> {
    wire.sides[side].events.iter().filter_map(|(_, event)| match event {
        TransportEvent::Data(event) => Some(event),
        _ => None,
    })
}

fn ups(wire: &Wire, side: usize) -> usize {
    data_events(wire, side).filter(|event| matches!(event, DataEvent::Up(_))).count()
}

/// First bytes and length of each message, by channel.
fn received(wire: &Wire, side: usize) -> BTreeMap<ChannelId, Vec<(u32, usize)>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for event in data_events(wire, side) {
        if let DataEvent::Received(id, message) = event {
            let number = message.payload[..4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
            assert!(message.payload[4..].iter().all(|byte| *byte == number as u8), "a message was mixed up");
            all.entry(*id).or_default().push((number, message.payload.len()));
        }
    }
    all
}

fn announced(wire: &Wire, side: usize) -> Vec<(ChannelId, u16, ChannelInit)> {
    let init = |event: &DataEvent| match event {
        DataEvent::Announced(id, stream, init) => Some((*id, *stream, (**init).clone())),
        _ => None,
    };
    data_events(wire, side).filter_map(init).collect()
}

fn open(wire: &mut Wire, side: usize, id: u32, stream: u16, init: ChannelInit) {
    wire.sides[side].transport.open_channel(wire.now, ChannelId(id), stream, init);
}

fn send(wire: &mut Wire, side: usize, id: ChannelId, number: u32, len: usize) {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(len, number as u8);
    let message = Message { text: false, payload: payload.into() };
    wire.sides[side].transport.send_message(wire.now, id, message);
}

#[test]
fn a_channel_comes_over_with_its_properties_and_carries_messages_of_all_sizes_both_ways() {
    let mut wire = with_data(Wire::new());
    let init = ChannelInit {
        label: "chat".to_owned(),
        protocol: "v1".to_owned(),
        ordered: false,
        reliability: Reliability::Retransmits(3),
        priority: 512,
        negotiated: false,
    };
    open(&mut wire, 0, 0, 1, init.clone());
    wire.run(ms(50));
    let [(there, 1, come)] = &announced(&wire, 1)[..] else { panic!("not announced once") };
    assert_eq!(*come, init);
    let there = *there;
    let lens = [4, 5, 1159, 1160, 1161, 5000, MAX_MESSAGE_BYTES];
    for (number, len) in lens.into_iter().enumerate() {
        send(&mut wire, 0, ChannelId(0), number as u32, len);
        send(&mut wire, 1, there, number as u32, len);
        wire.run(ms(1000)); // unordered: one at a time
    }
    let expected: Vec<_> = lens.into_iter().enumerate().map(|(number, len)| (number as u32, len)).collect();
    assert_eq!(received(&wire, 1), BTreeMap::from([(there, expected.clone())]));
    assert_eq!(received(&wire, 0), BTreeMap::from([(ChannelId(0), expected)]));
}

#[test]
fn what_moves_is_told_to_whoever_paces_the_engine() {
    let mut wire = with_data(Wire::new());
    open(&mut wire, 0, 0, 1, ChannelInit::default());
    let moved = |wire: &mut Wire| wire.sides.each_mut().map(|side| side.transport.take_data_has_moved());
    wire.run(ms(1000));
    assert_eq!(moved(&mut wire), [true, true]);
    wire.run(ms(5000));
    assert_eq!(moved(&mut wire), [false, false], "checks alone move no data");
    send(&mut wire, 0, ChannelId(0), 1, 100);
    assert_eq!(moved(&mut wire), [true, false]);
    wire.run(ms(1000));
    assert_eq!(moved(&mut wire), [true, true]);
}

#[test]
fn loss_and_reordering_change_nothing_for_a_reliable_channel() {
    for ordered in [true, false] {
        let mut wire = Wire::new();
        (wire.loss_percent, wire.jitter) = (5, ms(20));
        let mut wire = with_data(wire);
        open(&mut wire, 0, 0, 0, ChannelInit { ordered, ..ChannelInit::default() });
        for number in 0..300 {
            send(&mut wire, 0, ChannelId(0), number, 4 + (number as usize * 37) % 9000);
        }
        let done = |wire: &Wire| received(wire, 1).values().any(|messages| messages.len() == 300);
        assert!(wire.run_until(ms(300_000), done), "ordered: {ordered}");
        let all = received(&wire, 1);
        let mut numbers: Vec<_> = all.values().flatten().map(|(number, _)| *number).collect();
        assert!(!ordered || numbers.is_sorted());
        numbers.sort_unstable();
        assert_eq!(numbers, (0..300).collect::<Vec<_>>());
    }
}

#[test]
fn a_channel_opens_and_carries_and_closes_whatever_the_network_does() {
    for seed in 0..100 {
        let mut wire = Wire::new();
        let mut dice = wire.trouble(seed);
        wire.mtu = usize::MAX; // SCTP's packets are longer than 576 bytes, as browsers' are
        negotiate_data(&mut wire);
        wire.signal(0);
        wire.signal(1);
        let stands = |wire: &Wire| [0, 1].iter().all(|side| ups(wire, *side) == 1);
        assert!(wire.run_until(ms(60_000), stands), "{seed}: {:?}", wire.states());
        open(&mut wire, 0, 0, 0, ChannelInit::default());
        for number in 0..10 {
            send(&mut wire, 0, ChannelId(0), number, 4 + dice.roll(10_000) as usize);
        }
        wire.run(ms(dice.roll(1000)));
        wire.cut = [dice.roll(2) == 1, dice.roll(2) == 1];
        wire.run(ms(dice.roll(6000)));
        wire.cut = [false; 2];
        let all = |wire: &Wire| received(wire, 1).values().any(|messages| messages.len() == 10);
        assert!(wire.run_until(ms(200_000), all), "{seed}: {:?}", received(&wire, 1));
        let now = wire.now;
        wire.sides[0].transport.close_channel(now, ChannelId(0));
        let closed =
            |wire: &Wire, side| data_events(wire, side).any(|event| matches!(event, DataEvent::Closed(_, None)));
        // Of 6000 at 29 % loss the slowest took 120 s: requests for it back off.
        assert!(wire.run_until(ms(200_000), |wire| closed(wire, 0) && closed(wire, 1)), "{seed}");
    }
}

#[test]
fn closing_under_loss_reaches_both_ends() {
    let mut wire = Wire::new();
    (wire.loss_percent, wire.jitter) = (20, ms(20));
    let mut wire = with_data(wire);
    for id in 0..10 {
        open(&mut wire, 0, id, id as u16 * 2, ChannelInit::default());
        send(&mut wire, 0, ChannelId(id), id, 3000);
        let now = wire.now;
        wire.sides[0].transport.close_channel(now, ChannelId(id));
    }
    let closed =
        |wire: &Wire, side| data_events(wire, side).filter(|e| matches!(e, DataEvent::Closed(_, None))).count();
    assert!(wire.run_until(ms(120_000), |wire| closed(wire, 0) == 10 && closed(wire, 1) == 10));
    assert_eq!(received(&wire, 1).len(), 10, "each was closed after its message");
}

#[test]
fn a_transport_without_data_channels_has_no_association() {
    let mut with = Wire::new();
    negotiate_data(&mut with);
    with.connect();
    let mut without = Wire::new();
    without.connect();
    for wire in [&mut with, &mut without] {
        wire.run(ms(5000));
    }
    let dtls = |wire: &Wire| wire.captured.iter().filter(|(_, sent)| sent.payload[0] == 23).count();
    assert_eq!(dtls(&without), 0);
    assert!(dtls(&with) > 0);
    assert_eq!(data_events(&without, 0).count(), 0);
}

#[test]
fn data_channels_can_be_added_to_a_call_that_is_up() {
    let mut wire = Wire::connected();
    wire.run(ms(1000));
    // The answering end applies first; the other knows nothing of data channels yet.
    wire.sides[1].transport.apply_data(wire.now, Some(&data_plan())).unwrap();
    wire.run(ms(100));
    wire.sides[0].transport.apply_data(wire.now, Some(&data_plan())).unwrap();
    assert!(
        wire.run_until(ms(200), |wire| [0, 1].iter().all(|side| ups(wire, *side) == 1)),
        "it does not take a timer"
    );
}

#[test]
fn an_ice_restart_does_not_touch_the_channels() {
    let mut wire = with_data(Wire::new());
    open(&mut wire, 0, 0, 0, ChannelInit::default());
    wire.run(ms(50));
    for side in 0..2 {
        wire.renew_credentials(side, 1);
    }
    for side in 0..2 {
        wire.signal(side);
        send(&mut wire, 0, ChannelId(0), side as u32, 5000);
    }
    wire.run(ms(3000));
    send(&mut wire, 0, ChannelId(0), 2, 5000);
    wire.run(ms(500));
    assert_eq!(received(&wire, 1).into_values().next().map(|messages| messages.len()), Some(3));
    assert_eq!(ups(&wire, 0), 1);
}

#[test]
fn what_waited_for_a_broken_path_goes_soon_after_it_is_back() {
    let mut wire = with_data(Wire::new());
    open(&mut wire, 0, 0, 0, ChannelInit::default());
    wire.run(ms(50));
    wire.cut = [true, true];
    send(&mut wire, 0, ChannelId(0), 7, 5000);
    wire.run(ms(17_000)); // the machine's own timer has backed off to 16 s
    wire.cut = [false, false];
    let back = wire.now;
    assert!(
        wire.run_until(ms(6000), |wire| !received(wire, 1).is_empty()),
        "still waiting after {:?}",
        wire.now - back
    );
}

#[test]
fn another_far_end_gets_an_association_of_its_own() {
    let mut wire = with_data(Wire::new());
    open(&mut wire, 0, 0, 0, ChannelInit::default());
    wire.run(ms(50));
    wire.replace(1);
    wire.sides[1].transport.apply_data(wire.now, Some(&data_plan())).unwrap();
    wire.renew_credentials(0, 1);
    wire.signal(0);
    wire.signal(1);
    assert!(wire.run_until(ms(10_000), |wire| ups(wire, 0) == 2), "no second association");
    let lost = |event: &DataEvent| matches!(event, DataEvent::Closed(ChannelId(0), Some(ChannelError::Sctp(_))));
    assert_eq!(data_events(&wire, 0).filter(|event| lost(event)).count(), 1);
    open(&mut wire, 1, 0, 1, ChannelInit::default());
    wire.run(ms(100));
    send(&mut wire, 1, ChannelId(0), 9, 100);
    wire.run(ms(100));
    assert_eq!(received(&wire, 0).values().flatten().copied().collect::<Vec<_>>(), [(9, 100)]);
}

#[test]
fn an_end_that_closes_tells_the_other_in_one_flight() {
    let mut wire = with_data(Wire::new());
    open(&mut wire, 0, 0, 0, ChannelInit::default());
    wire.run(ms(50));
    let now = wire.now;
    wire.sides[0].transport.close(now);
    wire.run(ms(20));
    let told = data_events(&wire, 1).last().cloned();
    let Some(DataEvent::Closed(_, Some(ChannelError::Sctp(abort)))) = told else { panic!("{told:?}") };
    assert_eq!(abort.cause, Some(12), "user-initiated");
    assert_eq!(wire.sides[1].dtls(), DtlsState::Closed);
}

#[test]
fn taking_the_data_section_back_ends_the_channels_in_order_and_leaves_the_call() {
    let mut wire = with_data(Wire::new());
    open(&mut wire, 0, 0, 0, ChannelInit::default());
    wire.run(ms(50));
    for side in 0..2 {
        wire.sides[side].transport.apply_data(wire.now, None).unwrap();
    }
    wire.media = true;
    wire.run(ms(1000));
    assert_eq!(wire.lost(), [0, 0]);
    assert!(data_events(&wire, 0).any(|event| *event == DataEvent::Closed(ChannelId(0), None)));
    assert!(wire.is_up());
}

#[test]
fn what_leaves_is_told_once_and_in_full() {
    let mut wire = with_data(Wire::new());
    open(&mut wire, 0, 0, 0, ChannelInit::default());
    let mut sum = 0;
    for number in 0..50 {
        send(&mut wire, 0, ChannelId(0), number, 10_000);
        sum += 10_000;
    }
    wire.run(ms(5000));
    let left = data_events(&wire, 0).fold((0, 0), |sum, event| match event {
        DataEvent::Transmitted(_, bytes, messages) => (sum.0 + bytes, sum.1 + messages),
        _ => sum,
    });
    assert_eq!(left, (sum, 50));
}
