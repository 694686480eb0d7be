//! Data channels as JavaScript sees them. Messages cross by copy: JavaScript may go on writing into its own bytes, and an
//! array over ours would cost more than the copy.

use super::connection::Connection;
use super::report::ReportData;
use crate::connection::Transmitted;
use crate::transport::{ChannelError, ChannelId, ChannelInit, DataEvent, Message, Reliability};
use bytes::Bytes;
use napi::bindgen_prelude::{ArrayBuffer, ToNapiValue};
use napi::{Env, JsValue, sys};
use napi_derive::napi;

/// RTCDataChannelInit with its label; the stream is chosen.
#[napi(object)]
pub struct ChannelInitData {
    /// The application's name for it.
    pub label: String,
    /// The application's protocol on it.
    pub protocol: String,
    /// Messages are delivered in the order in which they were sent.
    pub ordered: bool,
    /// At most one of this and the next.
    pub max_retransmits: Option<u32>,
    /// Milliseconds.
    pub max_packet_life_time: Option<u32>,
    /// RFC 8831 section 6.4.
    pub priority: u32,
    /// Both applications create it by themselves.
    pub negotiated: bool,
}

/// Why a channel was closed.
#[napi(object, object_from_js = false, js_name = "ChannelError")]
pub struct ChannelErrorData {
    /// RTCErrorDetailType: `sctp-failure` or `data-channel-failure`.
    pub detail: &'static str,
    /// Error cause of the far end's ABORT.
    pub cause: Option<u32>,
    /// For people.
    pub message: String,
}

/// A message: a string or an ArrayBuffer.
pub struct Payload(Message);

impl ToNapiValue for Payload {
    unsafe fn to_napi_value(env: sys::napi_env, payload: Self) -> napi::Result<sys::napi_value> {
        let Message { text, payload } = payload.0;
        if text {
            // SAFETY: the environment is the one that this conversion was called with.
            return unsafe { ToNapiValue::to_napi_value(env, String::from_utf8_lossy(&payload).into_owned()) };
        }
        Ok(ArrayBuffer::copy_from(&Env::from_raw(env), payload)?.raw())
    }
}

#[napi]
impl Connection {
    /// A channel of ours, on a stream that no other channel has; its name within the connection.
    #[napi(catch_unwind)]
    pub fn open_channel(&self, stream: u32, init: ChannelInitData) -> u32 {
        let stream = u16::try_from(stream).unwrap_or(u16::MAX);
        self.owner().borrow_mut().open_channel(stream, init.into()).0
    }

    /// Queues a message.
    #[napi(catch_unwind)]
    pub fn send_text(&self, channel: u32, text: String) {
        self.owner().borrow().send_message(ChannelId(channel), Message { text: true, payload: text.into() });
    }

    /// Queues a message.
    #[napi(catch_unwind)]
    pub fn send_binary(&self, channel: u32, bytes: &[u8]) {
        let payload = Bytes::copy_from_slice(bytes);
        self.owner().borrow().send_message(ChannelId(channel), Message { text: false, payload });
    }

    /// Closes a channel, behind all its messages.
    #[napi(catch_unwind)]
    pub fn close_channel(&self, channel: u32) {
        self.owner().borrow().close_channel(ChannelId(channel));
    }

    /// A message was handled; until then it holds back the far end.
    #[napi(catch_unwind)]
    pub fn handled_message(&self, bytes: u32) {
        self.owner().borrow().handled_message(bytes as usize);
    }
}

/// What happened to data channels, as a report.
pub fn data_report(connection: u32, event: DataEvent) -> ReportData {
    match event {
        DataEvent::Connecting => ReportData::Sctp { connection, state: "connecting", max_channels: None },
        DataEvent::Up(channels) => {
            ReportData::Sctp { connection, state: "connected", max_channels: Some(channels.into()) }
        }
        DataEvent::Down => ReportData::Sctp { connection, state: "closed", max_channels: None },
        DataEvent::Opened(id) => ReportData::ChannelOpened { connection, channel: id.0 },
        DataEvent::Announced(id, stream, init) => {
            ReportData::ChannelAnnounced { connection, channel: id.0, stream: stream.into(), init: (*init).into() }
        }
        DataEvent::Received(id, message) => {
            let bytes = message.payload.len() as u32;
            ReportData::ChannelMessage { connection, channel: id.0, bytes, data: Payload(message) }
        }
        DataEvent::Transmitted(id, bytes, messages) => transmitted(connection, id, bytes, messages),
        DataEvent::Closing(id) => ReportData::ChannelClosing { connection, channel: id.0 },
        DataEvent::Closed(id, error) => {
            ReportData::ChannelClosed { connection, channel: id.0, error: error.map(ChannelErrorData::from) }
        }
    }
}

/// Bytes and messages that have left.
pub fn transmitted_report(connection: u32, id: ChannelId, sum: &Transmitted) -> ReportData {
    let (bytes, messages) = sum.take();
    transmitted(connection, id, bytes, messages)
}

fn transmitted(connection: u32, id: ChannelId, bytes: usize, messages: usize) -> ReportData {
    ReportData::ChannelTransmitted { connection, channel: id.0, bytes: bytes as f64, messages: messages as f64 }
}

impl From<ChannelError> for ChannelErrorData {
    fn from(from: ChannelError) -> Self {
        match from {
            ChannelError::Sctp(abort) => {
                Self { detail: "sctp-failure", cause: abort.cause.map(u32::from), message: abort.text }
            }
            ChannelError::Channel(message) => Self { detail: "data-channel-failure", cause: None, message },
        }
    }
}

impl From<ChannelInitData> for ChannelInit {
    fn from(from: ChannelInitData) -> Self {
        let short = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
        Self {
            label: from.label,
            protocol: from.protocol,
            ordered: from.ordered,
            reliability: match (from.max_retransmits, from.max_packet_life_time) {
                (Some(count), _) => Reliability::Retransmits(short(count)),
                (None, Some(time)) => Reliability::LifetimeMs(short(time)),
                (None, None) => Reliability::Full,
            },
            priority: short(from.priority),
            negotiated: from.negotiated,
        }
    }
}

impl From<ChannelInit> for ChannelInitData {
    fn from(from: ChannelInit) -> Self {
        let (max_retransmits, max_packet_life_time) = match from.reliability {
            Reliability::Full => (None, None),
            Reliability::Retransmits(count) => (Some(count.into()), None),
            Reliability::LifetimeMs(time) => (None, Some(time.into())),
        };
        Self {
            label: from.label,
            protocol: from.protocol,
            ordered: from.ordered,
            max_retransmits,
            max_packet_life_time,
            priority: from.priority.into(),
            negotiated: from.negotiated,
        }
    }
}
