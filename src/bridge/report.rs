//! Reports as plain objects, told apart by `type`.

use super::channel::{ChannelErrorData, ChannelInitData, Payload, data_report, transmitted_report};
use super::connection::Registry;
use super::outcome::ErrorData;
use crate::connection::log::{Entry, Value};
use crate::connection::stats::Stats;
use crate::connection::{Event, Metered, Notice, Report, dtls_state, ice_state};
use crate::media::Loudness;
use crate::recording::Summary;
use crate::transport::{DtlsFailure, DtlsState};
use napi::bindgen_prelude::{Object, ToNapiValue, Uint8Array};
use napi::{Env, JsValue, sys};
use napi_derive::napi;

/// One thing that happened.
#[napi(discriminant = "type", discriminant_case = "lowercase", object_from_js = false, js_name = "Report")]
pub enum ReportData {
    /// RTCIceGatheringState of the connection: `gathering` or `complete`.
    Gathering { connection: u32, state: &'static str },
    /// A candidate has entered the local description.
    Candidate {
        connection: u32,
        candidate: String,
        #[napi(js_name = "sdpMid")]
        sdp_mid: String,
        #[napi(js_name = "sdpMLineIndex")]
        sdp_m_line_index: u32,
        username_fragment: String,
        relay_protocol: Option<&'static str>,
        url: Option<String>,
    },
    /// A server did not help.
    CandidateError {
        connection: u32,
        address: Option<String>,
        port: Option<u32>,
        url: String,
        error_code: u32,
        error_text: String,
    },
    /// RTCIceTransportState.
    Ice { connection: u32, transport: u32, state: &'static str },
    /// RTCDtlsTransportState, with the far end's certificates (DER) once connected, or with the reason of `failed`.
    Dtls {
        connection: u32,
        transport: u32,
        state: &'static str,
        remote_certificates: Vec<Uint8Array>,
        failure: Option<DtlsFailureData>,
    },
    /// The candidate pair in use, as candidate lines.
    Pair { connection: u32, transport: u32, local: String, remote: String },
    /// Nothing has come for a remote track for a while.
    Muted { connection: u32, transceiver: u32 },
    /// Media comes for a remote track.
    Unmuted { connection: u32, transceiver: u32 },
    /// RTCDTMFToneChangeEvent.
    ToneChange { connection: u32, transceiver: u32, tone: String, remaining: String },
    /// A digit was heard.
    Dtmf { connection: u32, transceiver: u32, digit: String, duration_ms: u32 },
    /// RTCSctpTransportState.
    Sctp { connection: u32, state: &'static str, max_channels: Option<u32> },
    /// A channel of ours can be used.
    ChannelOpened { connection: u32, channel: u32 },
    /// The far end has created a channel.
    ChannelAnnounced { connection: u32, channel: u32, stream: u32, init: ChannelInitData },
    /// A message has come; `bytes` is what to say of it once it is handled.
    ChannelMessage {
        connection: u32,
        channel: u32,
        bytes: u32,
        #[napi(ts_type = "string | ArrayBuffer")]
        data: Payload,
    },
    /// Bytes and messages of a channel have left since the last report of it.
    ChannelTransmitted { connection: u32, channel: u32, bytes: f64, messages: f64 },
    /// The far end closes a channel.
    ChannelClosing { connection: u32, channel: u32 },
    /// A channel is closed.
    ChannelClosed { connection: u32, channel: u32, error: Option<ChannelErrorData> },
    /// The counters that were asked for.
    Stats { connection: u32, request: u32, stats: Stats },
    /// The connection is lost to a fault of the engine.
    Crashed { connection: u32, message: String },
    /// Something happened that people may want to read about.
    Log {
        connection: u32,
        unix_ms: f64,
        level: &'static str,
        namespace: &'static str,
        message: String,
        #[napi(ts_type = "Record<string, number | string>")]
        fields: Fields,
    },
    /// These sinks have frames: read until there are none.
    Frames { sinks: Vec<u32> },
    /// A fault of the engine: this sink gets no more frames.
    SinkLost { sink: u32, message: String },
    /// Encoded frames can be read, the far end wants a key frame, or nothing more will come.
    Encoded { frames: u32 },
    /// A queue of encoded frames that refused a write has room again.
    FramesDrained { frames: u32 },
    /// A signal that refused a write has room again.
    Drain { ring: u32 },
    /// All that was written before this mark has been played.
    Mark { ring: u32, name: String },
    /// A file is closed, or could not be made.
    Recorded { recorder: u32, duration_ms: f64, dropped_ms: f64, error: Option<ErrorData> },
    /// Speech has begun or ended in the frames of a sink. Positions count the samples of its frames, dropped ones too;
    /// `known` is where its frames ended when that was noticed.
    Speech { sink: u32, speaking: bool, position: f64, known: f64, timestamp: u32 },
    /// How loud signals and sinks are.
    Levels { levels: Vec<LevelData> },
}

/// How loud the last 100 ms were, of 1.
#[napi(object, object_from_js = false)]
pub struct LevelData {
    /// The signal, as it is played; or
    pub ring: Option<u32>,
    /// the sink, as it hears it.
    pub sink: Option<u32>,
    pub rms: f64,
    pub peak: f64,
}

/// Why DTLS failed: what RTCError says of it.
#[napi(object, object_from_js = false)]
pub struct DtlsFailureData {
    /// In plain words.
    pub reason: String,
    /// RTCErrorDetailType.
    pub error_detail: &'static str,
    /// Number of the alert that ended it.
    pub received_alert: Option<u8>,
    /// Number of the alert by which we ended it.
    pub sent_alert: Option<u8>,
}

impl From<DtlsFailure> for DtlsFailureData {
    fn from(failure: DtlsFailure) -> Self {
        let error_detail = match failure {
            DtlsFailure::Fingerprint => "fingerprint-failure",
            _ => "dtls-failure",
        };
        Self {
            reason: failure.to_string(),
            error_detail,
            received_alert: failure.received_alert(),
            sent_alert: failure.sent_alert(),
        }
    }
}

/// The fields of a log line, as members of an object, in their order.
pub struct Fields(Vec<(&'static str, Value)>);

impl ToNapiValue for Fields {
    unsafe fn to_napi_value(env: sys::napi_env, fields: Self) -> napi::Result<sys::napi_value> {
        let mut object = Object::new(&Env::from_raw(env))?;
        for (name, value) in fields.0 {
            match value {
                Value::Number(number) => object.set(name, number)?,
                Value::Text(text) => object.set(name, text)?,
            }
        }
        Ok(object.raw())
    }
}

/// What a notice from the engine means for JavaScript.
pub fn translate(notice: Notice, connections: &Registry) -> Vec<ReportData> {
    match notice {
        Notice::Log(id, entry) => vec![log_data(id.0, *entry)],
        Notice::Recorded(recorder, Summary { duration_ms, dropped_ms, error }) => {
            vec![ReportData::Recorded { recorder, duration_ms, dropped_ms, error: error.map(ErrorData::from) }]
        }
        Notice::Frames(sinks) => vec![ReportData::Frames { sinks }],
        Notice::SinkLost(sink, message) => vec![ReportData::SinkLost { sink, message }],
        Notice::Encoded(frames) => vec![ReportData::Encoded { frames }],
        Notice::FramesDrained(frames) => vec![ReportData::FramesDrained { frames }],
        Notice::Drain(ring) => vec![ReportData::Drain { ring }],
        Notice::Mark(ring, name) => vec![ReportData::Mark { ring, name }],
        Notice::Speech(sink, change, timestamp) => vec![ReportData::Speech {
            sink,
            speaking: change.speaking,
            position: change.position as f64,
            known: change.known as f64,
            timestamp,
        }],
        Notice::Levels(levels) => vec![ReportData::Levels { levels: levels.into_iter().map(level_data).collect() }],
        Notice::Connection(id, report) => {
            connections.digest(id, report).into_iter().filter_map(|event| event_data(id.0, event)).collect()
        }
    }
}

fn level_data((metered, loudness): (Metered, Loudness)) -> LevelData {
    let (ring, sink) = match metered {
        Metered::Ring(id) => (Some(id), None),
        Metered::Sink(id) => (None, Some(id)),
    };
    LevelData { ring, sink, rms: loudness.rms, peak: loudness.peak }
}

fn log_data(connection: u32, entry: Entry) -> ReportData {
    let Entry { unix_ms, level, namespace, message, fields } = entry;
    ReportData::Log { connection, unix_ms, level, namespace, message, fields: Fields(fields) }
}

fn event_data(connection: u32, event: Event) -> Option<ReportData> {
    match event {
        Event::Candidate { candidate, source } => Some(ReportData::Candidate {
            connection,
            candidate: candidate.candidate,
            sdp_mid: candidate.mid,
            sdp_m_line_index: candidate.m_line_index.into(),
            username_fragment: candidate.ufrag,
            relay_protocol: source.as_ref().and_then(|source| source.relay_protocol),
            url: source.map(|source| source.url),
        }),
        Event::Report(report) => report_data(connection, report),
    }
}

fn report_data(connection: u32, report: Report) -> Option<ReportData> {
    Some(match report {
        Report::GatheringStarted => ReportData::Gathering { connection, state: "gathering" },
        Report::GatheringComplete => ReportData::Gathering { connection, state: "complete" },
        Report::CandidateError { local, url, code, text } => ReportData::CandidateError {
            connection,
            address: local.map(|address| address.ip().to_string()),
            port: local.map(|address| address.port().into()),
            url,
            error_code: code.into(),
            error_text: text,
        },
        Report::Ice(transport, state) => {
            ReportData::Ice { connection, transport: transport.0, state: ice_state(state) }
        }
        Report::Dtls(transport, state, certificates) => ReportData::Dtls {
            connection,
            transport: transport.0,
            state: dtls_state(state),
            remote_certificates: certificates.into_iter().map(Uint8Array::from).collect(),
            failure: None,
        },
        Report::DtlsFailed(transport, failure) => ReportData::Dtls {
            connection,
            transport: transport.0,
            state: dtls_state(DtlsState::Failed),
            remote_certificates: Vec::new(),
            failure: Some(failure.into()),
        },
        Report::Pair(transport, pair) => ReportData::Pair {
            connection,
            transport: transport.0,
            local: pair.0.to_string(),
            remote: pair.1.to_string(),
        },
        Report::Muted(transceiver) => ReportData::Muted { connection, transceiver: transceiver.0 },
        Report::Unmuted(transceiver) => ReportData::Unmuted { connection, transceiver: transceiver.0 },
        Report::ToneChange { transceiver, tone, remaining } => {
            ReportData::ToneChange { connection, transceiver: transceiver.0, tone, remaining }
        }
        Report::Dtmf { transceiver, digit, duration_ms } => {
            ReportData::Dtmf { connection, transceiver: transceiver.0, digit: digit.to_string(), duration_ms }
        }
        Report::Data(event) => data_report(connection, event),
        Report::Transmitted(channel, sum) => transmitted_report(connection, channel, &sum),
        Report::Stats(request, stats) => ReportData::Stats { connection, request, stats: *stats },
        Report::Crashed(message) => ReportData::Crashed { connection, message },
        // These two change the description; the connection's owner has turned them into events of their own.
        Report::LocalCandidate { .. } | Report::TransportGathered(_) => return None,
    })
}
