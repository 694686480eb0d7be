//! Fills in the statistics of a session.

use super::clock::{ntp_ms, unix_ms_of_ntp};
use super::reporting::Heard;
use super::session::{Line, Session};
use super::stats::{
    CandidateStats, CertificateStats, InboundStats, OutboundStats, PairStats, RemoteInboundStats, RemoteOutboundStats,
    Stats, TransportStats,
};
use super::stream::{Feedback, Inbound, Outbound, first_sequence};
use super::video::{VideoInbound, VideoOutbound};
use crate::media;
use crate::negotiation::{Candidate, CandidateKind, DtlsRole, Protocol, TransceiverId, TransportId};
use crate::transport::{self, CandidateSource, DtlsState, IceState, Usage, fingerprint_sha256};
use std::time::Instant;

/// RFC 7741.
const VIDEO_CLOCK_HZ: u32 = 90_000;

impl Session {
    /// Everything that is counted, as of `now`.
    pub fn stats(&self, now: Instant) -> Stats {
        let timestamp = self.clock.unix_ms(now);
        let mut stats = Stats { timestamp, playout: self.played(), ..Stats::default() };
        for (id, line) in &self.lines {
            self.count_line(*id, line, &mut stats);
        }
        for (id, outbound) in &self.outbound {
            count_outbound(*id, outbound, &mut stats);
        }
        for (id, inbound) in &self.inbound {
            self.count_inbound(*id, inbound, &mut stats);
        }
        for (id, video) in &self.video_outbound {
            count_video_outbound(*id, video, &mut stats);
        }
        for (id, video) in &self.video_inbound {
            self.count_video_inbound(*id, video, &mut stats);
        }
        stats
    }

    fn count_line(&self, id: TransportId, line: &Line, stats: &mut Stats) {
        let of = line.transport.stats();
        let local = certificate(self.certificate.der());
        let remote = line.transport.remote_certificate().map(certificate);
        stats.transports.push(TransportStats {
            transport: id.0,
            packets_sent: of.traffic.packets_sent as f64,
            packets_received: of.traffic.packets_received as f64,
            bytes_sent: of.traffic.bytes_sent as f64,
            bytes_received: of.traffic.bytes_received as f64,
            ice_role: if of.controlling { "controlling" } else { "controlled" },
            ice_state: ice_state(of.ice),
            ice_local_username_fragment: Some(of.local_ufrag.clone()),
            dtls_state: dtls_state(of.dtls),
            dtls_role: Some(match of.dtls_role {
                Some(DtlsRole::Client) => "client",
                Some(DtlsRole::Server) => "server",
                None => "unknown",
            }),
            tls_version: of.dtls_cipher.as_ref().map(|_| "FEFD".to_owned()),
            dtls_cipher: of.dtls_cipher.clone(),
            srtp_cipher: of.srtp_profile.map(str::to_owned),
            selected_candidate_pair_changes: of.pair_changes.into(),
            selected_pair: of.pair.as_ref().map(|_| pair_id(id, &of.usage)),
            local_certificate: Some(local.id.clone()),
            remote_certificate: remote.as_ref().map(|certificate| certificate.id.clone()),
        });
        stats.certificates.extend([Some(local), remote].into_iter().flatten());
        let all = of.locals.iter().map(|(it, source)| told_by(source.as_ref(), candidate(id, it, &of, true)));
        for candidate in all.chain(of.remotes.iter().map(|it| candidate(id, it, &of, false))) {
            add_candidate(candidate, stats);
        }
        self.count_pair(id, &of, stats);
    }

    fn count_inbound(&self, id: TransceiverId, inbound: &Inbound, stats: &mut Stats) {
        let Some((of, heard, heard_unix_ms)) = inbound.stats() else { return };
        let (Some(transport), Some(ssrc)) = (inbound.transport(), of.ssrc) else { return };
        let payload_type = of.codec.map(|(payload_type, _)| u32::from(payload_type));
        let clock_hz = of.codec.map(|(_, codec)| f64::from(codec.clock_hz()));
        let playing = heard.last().zip(clock_hz).map(|((info, _), clock_hz)| {
            let since_report = f64::from(of.rtp_timestamp.wrapping_sub(info.rtp_timestamp) as i32) / clock_hz;
            ntp_ms(info.ntp) + since_report * 1e3
        });
        stats.inbound.push(InboundStats {
            transceiver: id.0,
            ssrc,
            stream: of.streams,
            kind: "audio",
            transport: transport.0,
            payload_type,
            packets_received: of.packets as f64,
            bytes_received: of.bytes as f64,
            header_bytes_received: of.header_bytes as f64,
            packets_lost: of.lost as f64,
            packets_discarded: of.discarded as f64,
            jitter: of.jitter_s,
            last_packet_received_timestamp: of.last_packet.map(|at| self.clock.unix_ms(at)),
            jitter_buffer_delay: of.jitter_buffer_delay_s,
            jitter_buffer_target_delay: of.jitter_buffer_target_delay_s,
            jitter_buffer_minimum_delay: of.jitter_buffer_minimum_delay_s,
            jitter_buffer_emitted_count: of.jitter_buffer_emitted as f64,
            total_samples_received: of.total_samples as f64,
            concealed_samples: of.concealed_samples as f64,
            silent_concealed_samples: of.silent_concealed_samples as f64,
            concealment_events: of.concealment_events as f64,
            inserted_samples_for_deceleration: of.inserted_samples as f64,
            removed_samples_for_acceleration: of.removed_samples as f64,
            audio_level: of.level.peak,
            total_audio_energy: of.level.total_energy,
            total_samples_duration: of.level.total_duration_s,
            total_processing_delay: Some(of.jitter_buffer_delay_s),
            estimated_playout_timestamp: playing,
            rtp_timestamp: Some(of.rtp_timestamp),
            ..InboundStats::default()
        });
        let about = About { transceiver: id, ssrc, kind: "audio", transport, payload_type };
        count_heard(about, heard, heard_unix_ms, stats);
    }

    fn count_video_inbound(&self, id: TransceiverId, video: &VideoInbound, stats: &mut Stats) {
        let (of, heard, heard_unix_ms) = video.stats();
        let (Some(transport), Some(ssrc)) = (video.transport(), of.ssrc) else { return };
        let payload_type = Some(u32::from(of.payload_type));
        stats.inbound.push(InboundStats {
            transceiver: id.0,
            ssrc,
            stream: of.streams,
            kind: "video",
            transport: transport.0,
            payload_type,
            packets_received: of.packets as f64,
            bytes_received: of.bytes as f64,
            header_bytes_received: of.header_bytes as f64,
            packets_lost: of.lost as f64,
            jitter: of.jitter_s,
            last_packet_received_timestamp: of.last_packet.map(|at| self.clock.unix_ms(at)),
            frames_received: Some(of.frames as f64),
            rtp_timestamp: Some(of.rtp_timestamp),
            ..InboundStats::default()
        });
        let about = About { transceiver: id, ssrc, kind: "video", transport, payload_type };
        count_heard(about, heard, heard_unix_ms, stats);
    }

    /// When media last went to a transport.
    fn last_sent(&self, id: TransportId) -> Option<Instant> {
        let audio = self.outbound.values().filter(|outbound| outbound.transport() == Some(id));
        let audio = audio.filter_map(|outbound| outbound.stats()?.0.last);
        let video = self.video_outbound.values().filter(|video| video.transport() == Some(id));
        let video = video.filter_map(|video| video.stats()?.0.last);
        audio.chain(video).map(|(_, at)| at).max()
    }

    fn count_pair(&self, id: TransportId, of: &transport::TransportStats, stats: &mut Stats) {
        let Some(pair) = &of.pair else { return };
        let Usage { traffic, .. } = of.usage;
        let last_sent = self.last_sent(id).filter(|_| traffic.packets_sent > 0);
        let local = candidate(id, &pair.local, of, true);
        let remote = candidate(id, &pair.remote, of, false);
        stats.pairs.push(PairStats {
            id: pair_id(id, &of.usage),
            transport: id.0,
            local: local.id.clone(),
            remote: remote.id.clone(),
            state: "succeeded",
            nominated: true,
            packets_sent: traffic.packets_sent as f64,
            packets_received: traffic.packets_received as f64,
            bytes_sent: traffic.bytes_sent as f64,
            bytes_received: traffic.bytes_received as f64,
            last_packet_sent_timestamp: last_sent.map(|at| self.clock.unix_ms(at)),
            last_packet_received_timestamp: traffic.last_received.map(|at| self.clock.unix_ms(at)),
            total_round_trip_time: of.usage.total_round_trip.as_secs_f64(),
            current_round_trip_time: of.usage.round_trip.map(|time| time.as_secs_f64()),
            requests_received: of.usage.requests_received as f64,
            requests_sent: of.usage.requests_sent as f64,
            responses_received: of.usage.responses_received as f64,
            responses_sent: of.usage.responses_sent as f64,
            consent_requests_sent: of.usage.consent_requests_sent as f64,
            packets_discarded_on_send: traffic.packets_discarded as f64,
            bytes_discarded_on_send: traffic.bytes_discarded as f64,
        });
        add_candidate(local, stats);
        add_candidate(remote, stats);
    }
}

/// Which stream a report is about.
struct About {
    transceiver: TransceiverId,
    ssrc: u32,
    kind: &'static str,
    transport: TransportId,
    payload_type: Option<u32>,
}

/// What the far end said of its stream.
fn count_heard(about: About, heard: Heard, heard_unix_ms: f64, stats: &mut Stats) {
    let Some((info, _)) = heard.last() else { return };
    stats.remote_outbound.push(RemoteOutboundStats {
        transceiver: about.transceiver.0,
        ssrc: about.ssrc,
        kind: about.kind,
        transport: about.transport.0,
        payload_type: about.payload_type,
        packets_sent: info.packets.into(),
        bytes_sent: info.octets.into(),
        reports_sent: heard.reports as f64,
        remote_timestamp: Some(unix_ms_of_ntp(info.ntp)),
        timestamp: heard_unix_ms,
        ..RemoteOutboundStats::default()
    });
}

/// What the far end said of our stream.
fn count_feedback(about: About, feedback: Feedback, clock_hz: u32, stats: &mut Stats) {
    let Feedback { last: Some((block, timestamp)), round_trip_s, total_round_trip_s, measurements } = feedback else {
        return;
    };
    let sent = i64::from(block.highest_sequence) - i64::from(first_sequence(about.ssrc)) + 1;
    stats.remote_inbound.push(RemoteInboundStats {
        transceiver: about.transceiver.0,
        ssrc: about.ssrc,
        kind: about.kind,
        transport: about.transport.0,
        payload_type: about.payload_type,
        packets_received: Some((sent - i64::from(block.cumulative_lost)).max(0) as f64),
        packets_lost: block.cumulative_lost.into(),
        jitter: f64::from(block.jitter) / f64::from(clock_hz.max(1)),
        fraction_lost: f64::from(block.fraction_lost) / 256.0,
        round_trip_time: round_trip_s,
        total_round_trip_time: total_round_trip_s,
        round_trip_time_measurements: measurements.into(),
        timestamp,
    });
}

fn count_video_outbound(id: TransceiverId, video: &VideoOutbound, stats: &mut Stats) {
    let Some((of, feedback, active)) = video.stats() else { return };
    let (Some(transport), Some(ssrc)) = (video.transport(), video.ssrc()) else { return };
    let payload_type = of.payload_type.map(u32::from);
    stats.outbound.push(OutboundStats {
        transceiver: id.0,
        ssrc,
        kind: "video",
        transport: transport.0,
        payload_type,
        packets_sent: of.packets as f64,
        bytes_sent: of.bytes as f64,
        header_bytes_sent: of.header_bytes as f64,
        active,
        nack_count: of.nacks.into(),
        pli_count: Some(of.plis.into()),
        fir_count: Some(of.firs.into()),
        frames_sent: Some(of.frames as f64),
        frames_per_second: of.frames_per_second.map(f64::from),
        frame_width: Some(media::WIDTH),
        frame_height: Some(media::HEIGHT),
        ..OutboundStats::default()
    });
    let about = About { transceiver: id, ssrc, kind: "video", transport, payload_type };
    count_feedback(about, feedback, VIDEO_CLOCK_HZ, stats);
}

fn count_outbound(id: TransceiverId, outbound: &Outbound, stats: &mut Stats) {
    let Some((of, feedback, active)) = outbound.stats() else { return };
    let (Some(transport), Some(ssrc)) = (outbound.transport(), outbound.ssrc()) else { return };
    let payload_type = of.codec.map(|(payload_type, _)| u32::from(payload_type));
    stats.outbound.push(OutboundStats {
        transceiver: id.0,
        ssrc,
        kind: "audio",
        transport: transport.0,
        payload_type,
        packets_sent: of.packets as f64,
        bytes_sent: of.bytes as f64,
        header_bytes_sent: of.header_bytes as f64,
        target_bitrate: Some(of.target_bitrate_bps.into()),
        active,
        audio_level: of.level.peak,
        total_audio_energy: of.level.total_energy,
        total_samples_duration: of.level.total_duration_s,
        ..OutboundStats::default()
    });
    let about = About { transceiver: id, ssrc, kind: "audio", transport, payload_type };
    count_feedback(about, feedback, of.clock_hz, stats);
}

/// Each once.
fn add_candidate(candidate: CandidateStats, stats: &mut Stats) {
    if !stats.candidates.iter().any(|known| known.id == candidate.id) {
        stats.candidates.push(candidate);
    }
}

fn candidate(id: TransportId, of: &Candidate, line: &transport::TransportStats, local: bool) -> CandidateStats {
    let ufrag = if local { Some(line.local_ufrag.clone()) } else { line.remote_ufrag.clone() };
    let side = if local { "local" } else { "remote" };
    CandidateStats {
        id: format!("{side}-{}-{:?}-{:?}-{}-{}", id.0, of.kind, of.protocol, of.address, of.port),
        transport: id.0,
        local,
        // A peer-reflexive address was never told by signaling; webrtc-stats keeps it from the page all the same.
        address: (local || of.kind != CandidateKind::Prflx).then(|| of.address.clone()),
        port: of.port.into(),
        protocol: match of.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        },
        candidate_type: match of.kind {
            CandidateKind::Host => "host",
            CandidateKind::Srflx => "srflx",
            CandidateKind::Prflx => "prflx",
            CandidateKind::Relay => "relay",
        },
        priority: of.priority.into(),
        foundation: of.foundation.clone(),
        username_fragment: of.ufrag.clone().or(ufrag),
        related_address: of.related.as_ref().map(|(address, _)| address.clone()),
        related_port: of.related.as_ref().map(|(_, port)| u32::from(*port)),
        tcp_type: of.tcp_type.clone(),
        ..CandidateStats::default()
    }
}

fn told_by(source: Option<&CandidateSource>, candidate: CandidateStats) -> CandidateStats {
    CandidateStats {
        url: source.map(|source| source.url.clone()),
        relay_protocol: source.and_then(|source| source.relay_protocol).map(str::to_owned),
        ..candidate
    }
}

fn pair_id(id: TransportId, Usage { session, number, .. }: &Usage) -> String {
    format!("pair-{}-{session}-{number}", id.0)
}

fn certificate(der: &[u8]) -> CertificateStats {
    let hash = fingerprint_sha256(der);
    let fingerprint = hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    let id = format!("certificate-{fingerprint}");
    CertificateStats { id, fingerprint, fingerprint_algorithm: "sha-256", base64_certificate: base64(der) }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (word >> (18 - 6 * digit)) & 63;
            text.push(if digit <= chunk.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    text
}

/// RTCIceTransportState.
pub fn ice_state(state: IceState) -> &'static str {
    match state {
        IceState::New => "new",
        IceState::Checking => "checking",
        IceState::Connected => "connected",
        IceState::Completed => "completed",
        IceState::Disconnected => "disconnected",
        IceState::Failed => "failed",
        IceState::Closed => "closed",
    }
}

/// RTCDtlsTransportState.
pub fn dtls_state(state: DtlsState) -> &'static str {
    match state {
        DtlsState::New => "new",
        DtlsState::Connecting => "connecting",
        DtlsState::Connected => "connected",
        DtlsState::Closed => "closed",
        DtlsState::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_pads_as_rfc_4648_says() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, text) in cases {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }
}
