//! The Data Channel Establishment Protocol (RFC 8832): a channel's properties as one message.
//!
//! Invariant: what is read from the far end is a channel that could have been created here.

use super::{ChannelInit, Reliability};
use bytes::{Bytes, BytesMut};
use rtc_datachannel::message::Message;
use rtc_datachannel::message::message_channel_ack::DataChannelAck;
use rtc_datachannel::message::message_channel_open::{ChannelType, DataChannelOpen};
use rtc_sctp::ReliabilityType;
use rtc_shared::marshal::{Marshal, Unmarshal};

/// What the far end says of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Open(Box<ChannelInit>),
    Ack,
}

pub(super) fn open(init: &ChannelInit) -> Option<Bytes> {
    let (channel_type, reliability_parameter) = match (init.reliability, init.ordered) {
        (Reliability::Full, true) => (ChannelType::Reliable, 0),
        (Reliability::Full, false) => (ChannelType::ReliableUnordered, 0),
        (Reliability::Retransmits(count), true) => (ChannelType::PartialReliableRexmit, count),
        (Reliability::Retransmits(count), false) => (ChannelType::PartialReliableRexmitUnordered, count),
        (Reliability::LifetimeMs(time), true) => (ChannelType::PartialReliableTimed, time),
        (Reliability::LifetimeMs(time), false) => (ChannelType::PartialReliableTimedUnordered, time),
    };
    let open = DataChannelOpen {
        channel_type,
        priority: init.priority,
        reliability_parameter: reliability_parameter.into(),
        label: init.label.clone().into_bytes(),
        protocol: init.protocol.clone().into_bytes(),
    };
    Message::DataChannelOpen(open).marshal().ok().map(BytesMut::freeze)
}

pub(super) fn ack() -> Option<Bytes> {
    Message::DataChannelAck(DataChannelAck {}).marshal().ok().map(BytesMut::freeze)
}

/// Types of RFC 8832 section 8.2.1. `rtc-datachannel` has more, for itself, and panics on some when they come over the wire.
const TYPES: [u8; 2] = [2, 3];

/// `None` for what is no message of the protocol.
pub(super) fn read(message: &[u8]) -> Option<Heard> {
    message.first().filter(|kind| TYPES.contains(kind))?;
    match Message::unmarshal(&mut &*message).ok()? {
        Message::DataChannelOpen(open) => Some(Heard::Open(Box::new(channel(open)))),
        Message::DataChannelAck(_) => Some(Heard::Ack),
        _ => None,
    }
}

fn channel(open: DataChannelOpen) -> ChannelInit {
    // W3C's attributes are unsigned shorts; a longer lifetime is as good as the longest.
    let parameter = u16::try_from(open.reliability_parameter).unwrap_or(u16::MAX);
    let (ordered, reliability) = match open.channel_type {
        ChannelType::ReliableUnordered => (false, Reliability::Full),
        ChannelType::PartialReliableRexmit => (true, Reliability::Retransmits(parameter)),
        ChannelType::PartialReliableRexmitUnordered => (false, Reliability::Retransmits(parameter)),
        ChannelType::PartialReliableTimed => (true, Reliability::LifetimeMs(parameter)),
        ChannelType::PartialReliableTimedUnordered => (false, Reliability::LifetimeMs(parameter)),
        _ => (true, Reliability::Full),
    };
    ChannelInit {
        label: text(open.label),
        protocol: text(open.protocol),
        ordered,
        reliability,
        priority: open.priority,
        negotiated: false,
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

impl Reliability {
    /// As the association machine has it.
    pub(super) fn as_machine(self) -> (ReliabilityType, u32) {
        match self {
            Self::Full => (ReliabilityType::Reliable, 0),
            Self::Retransmits(count) => (ReliabilityType::Rexmit, count.into()),
            Self::LifetimeMs(time) => (ReliabilityType::Timed, time.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_comes_over_as_it_was_created() {
        for ordered in [true, false] {
            for reliability in [Reliability::Full, Reliability::Retransmits(0), Reliability::LifetimeMs(65_535)] {
                let init = ChannelInit {
                    label: "Grüße".to_owned(),
                    protocol: "p".to_owned(),
                    ordered,
                    reliability,
                    priority: 512,
                    negotiated: false,
                };
                assert_eq!(read(&open(&init).unwrap()), Some(Heard::Open(Box::new(init))));
            }
        }
        assert_eq!(read(&ack().unwrap()), Some(Heard::Ack));
    }

    #[test]
    fn what_is_cut_or_unknown_is_nothing() {
        let whole = open(&ChannelInit { label: "label".to_owned(), ..ChannelInit::default() }).unwrap();
        for len in 0..whole.len() {
            assert_eq!(read(&whole[..len]), None, "{len} bytes");
        }
        assert_eq!(read(&[3, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(read(&[0]), None);
    }

    #[test]
    fn a_label_that_is_no_utf_8_is_mended() {
        let mut message = open(&ChannelInit { label: "a".to_owned(), ..ChannelInit::default() }).unwrap().to_vec();
        *message.last_mut().unwrap() = 0xFF;
        let Some(Heard::Open(init)) = read(&message) else { panic!("no channel") };
        assert_eq!(init.label, "\u{FFFD}");
    }
}
