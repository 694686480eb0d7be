//! The counters of a connection in the units of webrtc-stats: seconds, bytes, packets; times in milliseconds since 1970.
//!
//! Invariant: plain data, absent where not known. The shape is written once for the engine and for JavaScript, which is
//! why these structs, alone in this layer, name the binding's attribute.

#![cfg_attr(feature = "bridge", allow(unsafe_code))]

/// Everything that is counted.
#[cfg_attr(feature = "bridge", napi_derive::napi(object, object_from_js = false))]
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // webrtc-stats defines the fields; units are noted
pub struct Stats {
    /// When these numbers were read.
    pub timestamp: f64,
    /// One per transport.
    pub transports: Vec<TransportStats>,
    /// Local and remote ones.
    pub candidates: Vec<CandidateStats>,
    /// Candidate pairs.
    pub pairs: Vec<PairStats>,
    /// Ours and theirs.
    pub certificates: Vec<CertificateStats>,
    /// Streams that come.
    pub inbound: Vec<InboundStats>,
    /// Streams that go.
    pub outbound: Vec<OutboundStats>,
    /// What the far end says of our streams.
    pub remote_inbound: Vec<RemoteInboundStats>,
    /// What the far end says of its streams.
    pub remote_outbound: Vec<RemoteOutboundStats>,
    /// Of all audio, of transceivers that are no more too; absent before there was any.
    pub playout: Option<Playout>,
}

/// The totals of RTCAudioPlayoutStats.
#[cfg_attr(feature = "bridge", napi_derive::napi(object, object_from_js = false))]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Playout {
    /// Samples that were played, of whatever rate.
    pub samples: f64,
    /// Seconds.
    pub duration_s: f64,
}

impl std::ops::Add for Playout {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self { samples: self.samples + more.samples, duration_s: self.duration_s + more.duration_s }
    }
}

/// RTCTransportStats.
#[cfg_attr(feature = "bridge", napi_derive::napi(object, object_from_js = false))]
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // webrtc-stats defines the fields; units are noted
pub struct TransportStats {
    /// Its name within the connection.
    pub transport: u32,
    pub packets_sent: f64,
    pub packets_received: f64,
    pub bytes_sent: f64,
    pub bytes_received: f64,
    pub ice_role: &'static str,
    pub ice_state: &'static str,
    pub ice_local_username_fragment: Option<String>,
    pub dtls_state: &'static str,
    pub dtls_role: Option<&'static str>,
    /// `FEFD` for DTLS 1.2.
    pub tls_version: Option<String>,
    pub dtls_cipher: Option<String>,
    pub srtp_cipher: Option<String>,
    pub selected_candidate_pair_changes: f64,
    /// Id of an entry in `pairs`.
    pub selected_pair: Option<String>,
    /// Id of an entry in `certificates`.
    pub local_certificate: Option<String>,
    /// Id of an entry in `certificates`.
    pub remote_certificate: Option<String>,
}

/// RTCIceCandidateStats.
#[cfg_attr(feature = "bridge", napi_derive::napi(object, object_from_js = false))]
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // webrtc-stats defines the fields; units are noted
pub struct CandidateStats {
    /// Unique within the connection.
    pub id: String,
    pub transport: u32,
    pub local: bool,
    pub address: Option<String>,
    pub port: u32,
    pub protocol: &'static str,
    pub candidate_type: &'static str,
    pub priority: f64,
    pub foundation: String,
    pub username_fragment: Option<String>,
    pub related_address: Option<String>,
    pub related_port: Option<u32>,
    pub tcp_type: Option<String>,
    pub url: Option<String>,
    pub relay_protocol: Option<String>,
}

/// RTCIceCandidatePairStats.
#[cfg_attr(feature = "bridge", napi_derive::napi(object, object_from_js = false))]
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // webrtc-stats defines the fields; units are noted
pub struct PairStats {
    /// Unique within the connection.
    pub id: String,
    pub transport: u32,
    /// Id of an entry in `candidates`.
    pub local: String,
    /// Id of an entry in `candidates`.
    pub remote: String,
    pub state: &'static str,
    pub nominated: bool,
    pub packets_sent: f64,
    pub packets_received: f64,
    pub bytes_sent: f64,
    pub bytes_received: f64,
    pub last_packet_sent_timestamp: Option<f64>,
    pub last_packet_received_timestamp: Option<f64>,
    /// Seconds.
    pub total_round_trip_time: f64,
    /// Seconds.
    pub current_round_trip_time: Option<f64>,
    pub requests_received: f64,
    pub requests_sent: f64,
    pub responses_received: f64,
    pub responses_sent: f64,
    pub consent_requests_sent: f64,
    /// Media that no pair could carry.
    pub packets_discarded_on_send: f64,
    pub bytes_discarded_on_send: f64,
}

/// RTCCertificateStats.
#[cfg_attr(feature = "bridge", napi_derive::napi(object, object_from_js = false))]
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // webrtc-stats defines the fields; units are noted
pub struct CertificateStats {
    /// Unique within the connection.
    pub id: String,
    pub fingerprint: String,
    pub fingerprint_algorithm: &'static str,
    /// DER.
    pub base64_certificate: String,
}

/// RTCInboundRtpStreamStats.
#[cfg_attr(feature = "bridge", napi_derive::napi(object, object_from_js = false))]
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // webrtc-stats defines the fields; units are noted
pub struct InboundStats {
    pub transceiver: u32,
    pub ssrc: u32,
    /// The how many-th of its transceiver.
    pub stream: u32,
    pub kind: &'static str,
    pub transport: u32,
    pub payload_type: Option<u32>,
    pub packets_received: f64,
    pub bytes_received: f64,
    pub header_bytes_received: f64,
    pub packets_lost: f64,
    pub packets_discarded: f64,
    /// Seconds.
    pub jitter: f64,
    pub last_packet_received_timestamp: Option<f64>,
    /// Of what was last played.
    pub rtp_timestamp: Option<u32>,
    /// Seconds, summed over emitted samples.
    pub jitter_buffer_delay: f64,
    pub jitter_buffer_target_delay: f64,
    pub jitter_buffer_minimum_delay: f64,
    pub jitter_buffer_emitted_count: f64,
    pub total_samples_received: f64,
    pub concealed_samples: f64,
    pub silent_concealed_samples: f64,
    pub concealment_events: f64,
    pub inserted_samples_for_deceleration: f64,
    pub removed_samples_for_acceleration: f64,
    /// 0 to 1.
    pub audio_level: f64,
    pub total_audio_energy: f64,
    /// Seconds.
    pub total_samples_duration: f64,
    pub total_processing_delay: Option<f64>,
    /// NTP time of what is played, in milliseconds since 1900.
    pub estimated_playout_timestamp: Option<f64>,
    /// Video only; nothing is decoded.
    pub frames_received: Option<f64>,
}

/// RTCOutboundRtpStreamStats, with what RTCAudioSourceStats says of its source.
#[cfg_attr(feature = "bridge", napi_derive::napi(object, object_from_js = false))]
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // webrtc-stats defines the fields; units are noted
pub struct OutboundStats {
    pub transceiver: u32,
    pub ssrc: u32,
    pub kind: &'static str,
    pub transport: u32,
    pub payload_type: Option<u32>,
    pub packets_sent: f64,
    pub bytes_sent: f64,
    pub header_bytes_sent: f64,
    pub retransmitted_packets_sent: f64,
    pub retransmitted_bytes_sent: f64,
    pub target_bitrate: Option<f64>,
    pub total_packet_send_delay: f64,
    pub active: bool,
    /// 0 to 1.
    pub audio_level: f64,
    pub total_audio_energy: f64,
    /// Seconds.
    pub total_samples_duration: f64,
    pub nack_count: f64,
    /// Video only.
    pub pli_count: Option<f64>,
    pub fir_count: Option<f64>,
    /// Video only; all are key frames.
    pub frames_sent: Option<f64>,
    pub frames_per_second: Option<f64>,
    pub frame_width: Option<u32>,
    pub frame_height: Option<u32>,
}

/// RTCRemoteInboundRtpStreamStats.
#[cfg_attr(feature = "bridge", napi_derive::napi(object, object_from_js = false))]
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // webrtc-stats defines the fields; units are noted
pub struct RemoteInboundStats {
    pub transceiver: u32,
    pub ssrc: u32,
    pub kind: &'static str,
    pub transport: u32,
    pub payload_type: Option<u32>,
    pub packets_received: Option<f64>,
    pub packets_lost: f64,
    /// Seconds.
    pub jitter: f64,
    /// 0 to 1.
    pub fraction_lost: f64,
    /// Seconds.
    pub round_trip_time: Option<f64>,
    pub total_round_trip_time: f64,
    pub round_trip_time_measurements: f64,
    /// When the report came.
    pub timestamp: f64,
}

/// RTCRemoteOutboundRtpStreamStats.
#[cfg_attr(feature = "bridge", napi_derive::napi(object, object_from_js = false))]
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // webrtc-stats defines the fields; units are noted
pub struct RemoteOutboundStats {
    pub transceiver: u32,
    pub ssrc: u32,
    pub kind: &'static str,
    pub transport: u32,
    pub payload_type: Option<u32>,
    pub packets_sent: f64,
    pub bytes_sent: f64,
    pub reports_sent: f64,
    /// Wall clock of the far end.
    pub remote_timestamp: Option<f64>,
    pub round_trip_time: Option<f64>,
    pub total_round_trip_time: f64,
    pub round_trip_time_measurements: f64,
    /// When the report came.
    pub timestamp: f64,
}
