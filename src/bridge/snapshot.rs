//! The negotiated state as plain objects.

use crate::negotiation::{
    CodecParameters, Description, Descriptions, Direction, DtlsRole, Extension, IceCredentials, Kind, Parameters,
    SdpType, SignalingState, Snapshot, TransceiverSnapshot, TransportSnapshot,
};
use napi_derive::napi;

/// Negotiated state of a connection.
#[napi(object, object_from_js = false, js_name = "Snapshot")]
pub struct SnapshotData {
    /// RTCSignalingState.
    pub signaling_state: &'static str,
    /// Media may flow: there is an answer, and if it is provisional it is ours.
    pub answered: bool,
    /// W3C canTrickleIceCandidates.
    pub can_trickle: Option<bool>,
    /// In the order of their creation.
    pub transceivers: Vec<TransceiverData>,
    /// The data section, where there is one.
    pub data: Option<DataSectionData>,
    /// Transports in use.
    pub transports: Vec<TransportData>,
}

/// The session descriptions in force.
#[napi(object, object_from_js = false, js_name = "Descriptions")]
pub struct DescriptionsData {
    /// W3C [[CurrentLocalDescription]].
    pub current_local: Option<DescriptionData>,
    /// W3C [[PendingLocalDescription]].
    pub pending_local: Option<DescriptionData>,
    /// W3C [[CurrentRemoteDescription]].
    pub current_remote: Option<DescriptionData>,
    /// W3C [[PendingRemoteDescription]].
    pub pending_remote: Option<DescriptionData>,
}

/// A session description.
#[napi(object, object_from_js = false, js_name = "DescriptionData")]
pub struct DescriptionData {
    /// RTCSdpType.
    #[napi(js_name = "type")]
    pub ty: &'static str,
    /// The text.
    pub sdp: String,
}

/// A transport.
#[napi(object, object_from_js = false, js_name = "TransportSnapshot")]
pub struct TransportData {
    /// Its name within the connection.
    pub id: u32,
    /// Our credentials.
    pub local: IceParametersData,
    /// The far end's, once known.
    pub remote: Option<IceParametersData>,
    /// We nominate.
    pub controlling: bool,
}

/// RTCIceParameters.
#[napi(object, object_from_js = false, js_name = "IceParametersData")]
pub struct IceParametersData {
    /// As in `a=ice-ufrag`.
    pub username_fragment: String,
    /// As in `a=ice-pwd`.
    pub password: String,
}

impl From<TransportSnapshot> for TransportData {
    fn from(from: TransportSnapshot) -> Self {
        let data = |it: IceCredentials| IceParametersData { username_fragment: it.ufrag, password: it.pwd };
        Self { id: from.id.0, local: data(from.local), remote: from.remote.map(data), controlling: from.controlling }
    }
}

/// The data section.
#[napi(object, object_from_js = false, js_name = "DataSection")]
pub struct DataSectionData {
    /// Its mid.
    pub mid: String,
    /// The transport that carries it.
    pub transport: u32,
    /// Largest message that the far end takes, in bytes.
    pub max_message_size: f64,
    /// Our DTLS role there, `client` or `server`, once that is negotiated.
    pub dtls_role: Option<&'static str>,
}

/// A transceiver.
#[napi(object, object_from_js = false, js_name = "TransceiverSnapshot")]
pub struct TransceiverData {
    /// Its name within the connection.
    pub id: u32,
    /// `audio` or `video`.
    pub kind: &'static str,
    /// Negotiated mid.
    pub mid: Option<String>,
    /// Wanted direction.
    pub direction: &'static str,
    /// Negotiated direction.
    pub current_direction: Option<&'static str>,
    /// `stop()` was called.
    pub stopping: bool,
    /// Stopped by negotiation.
    pub stopped: bool,
    /// The transport that carries it.
    pub transport: Option<u32>,
    /// The applied remote description sends to us.
    pub receiving: bool,
    /// Id of the remote track, as announced or generated.
    pub remote_track_id: Option<String>,
    /// Streams of the remote track.
    pub remote_stream_ids: Vec<String>,
    /// telephone-event was negotiated for sending.
    pub dtmf: bool,
    /// Simulcast layers that the far end takes; absent before an answer.
    pub rids: Option<Vec<String>>,
}

/// What `getParameters` tells of a transceiver.
#[napi(object, object_from_js = false, js_name = "NegotiatedParameters")]
#[derive(Default)]
pub struct ParametersData {
    /// Negotiated for sending, first preferred.
    pub send_codecs: Vec<CodecData>,
    /// Negotiated for receiving.
    pub recv_codecs: Vec<CodecData>,
    /// Our RTCP name.
    pub cname: String,
    /// RFC 5506 was negotiated.
    pub reduced_size_rtcp: bool,
    /// Header extensions in use.
    pub extensions: Vec<ExtensionData>,
    /// URIs of header extensions that the application has switched off.
    pub stopped_extensions: Vec<&'static str>,
}

/// RTCRtpHeaderExtensionParameters.
#[napi(object, object_from_js = false, js_name = "ExtensionData")]
pub struct ExtensionData {
    /// Which extension.
    pub uri: &'static str,
    /// Its number in the section.
    pub id: u32,
}

/// RTCRtpCodecParameters.
#[napi(object, object_from_js = false, js_name = "CodecData")]
pub struct CodecData {
    /// RTP payload type.
    pub payload_type: u32,
    /// For instance `audio/opus`.
    pub mime_type: String,
    /// In Hz.
    pub clock_rate: u32,
    /// Audio channels; absent for video.
    pub channels: Option<u32>,
    /// `a=fmtp`, absent when empty.
    pub sdp_fmtp_line: Option<String>,
}

impl From<Snapshot> for SnapshotData {
    fn from(from: Snapshot) -> Self {
        Self {
            signaling_state: signaling_state(from.signaling_state),
            answered: from.answered,
            can_trickle: from.can_trickle,
            transceivers: from.transceivers.into_iter().map(TransceiverData::from).collect(),
            data: from.data.map(|data| DataSectionData {
                mid: data.mid,
                transport: data.transport.0,
                max_message_size: data.max_message_size as f64,
                dtls_role: data.dtls_role.map(|role| match role {
                    DtlsRole::Client => "client",
                    DtlsRole::Server => "server",
                }),
            }),
            transports: from.transports.into_iter().map(TransportData::from).collect(),
        }
    }
}

impl From<Descriptions> for DescriptionsData {
    fn from(from: Descriptions) -> Self {
        Self {
            current_local: from.current_local.map(DescriptionData::from),
            pending_local: from.pending_local.map(DescriptionData::from),
            current_remote: from.current_remote.map(DescriptionData::from),
            pending_remote: from.pending_remote.map(DescriptionData::from),
        }
    }
}

impl From<Description> for DescriptionData {
    fn from(from: Description) -> Self {
        Self { ty: sdp_type(from.ty), sdp: from.sdp }
    }
}

impl From<TransceiverSnapshot> for TransceiverData {
    fn from(from: TransceiverSnapshot) -> Self {
        Self {
            id: from.id.0,
            kind: kind_name(from.kind),
            mid: from.mid,
            direction: direction_name(from.direction),
            current_direction: from.current_direction.map(direction_name),
            stopping: from.stopping,
            stopped: from.stopped,
            transport: from.transport.map(|id| id.0),
            receiving: from.receiving,
            remote_track_id: from.remote_track_id,
            remote_stream_ids: from.remote_stream_ids,
            dtmf: from.dtmf,
            rids: from.rids,
        }
    }
}

impl From<Parameters> for ParametersData {
    fn from(from: Parameters) -> Self {
        let kind = from.kind;
        let codecs =
            |list: Vec<CodecParameters>| list.into_iter().map(|codec| codec_data(codec, kind)).collect::<Vec<_>>();
        Self {
            send_codecs: codecs(from.send_codecs),
            recv_codecs: codecs(from.recv_codecs),
            cname: from.cname,
            reduced_size_rtcp: from.reduced_size_rtcp,
            extensions: from
                .extensions
                .into_iter()
                .map(|(id, extension)| ExtensionData { uri: extension.uri(), id: id.into() })
                .collect(),
            stopped_extensions: from.stopped_extensions.into_iter().map(Extension::uri).collect(),
        }
    }
}

/// A codec as `RTCRtpCodecParameters` shows it.
pub fn codec_data(codec: CodecParameters, kind: Kind) -> CodecData {
    CodecData {
        payload_type: codec.payload_type.into(),
        mime_type: format!("{}/{}", kind_name(kind), codec.name),
        clock_rate: codec.clock_rate,
        channels: (kind == Kind::Audio).then_some(codec.channels.into()),
        sdp_fmtp_line: (!codec.fmtp.is_empty()).then_some(codec.fmtp),
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
    }
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
        Direction::Stopped => "stopped",
    }
}

fn sdp_type(ty: SdpType) -> &'static str {
    match ty {
        SdpType::Offer => "offer",
        SdpType::PrAnswer => "pranswer",
        SdpType::Answer => "answer",
        SdpType::Rollback => "rollback",
    }
}

fn signaling_state(state: SignalingState) -> &'static str {
    match state {
        SignalingState::Stable => "stable",
        SignalingState::HaveLocalOffer => "have-local-offer",
        SignalingState::HaveRemoteOffer => "have-remote-offer",
        SignalingState::HaveLocalPrAnswer => "have-local-pranswer",
        SignalingState::HaveRemotePrAnswer => "have-remote-pranswer",
        SignalingState::Closed => "closed",
    }
}
