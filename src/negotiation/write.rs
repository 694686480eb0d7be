//! The lines of our descriptions, for offers and answers alike.
//!
//! Invariant: ASCII, CRLF, an explicit direction in every media section.

use super::codec::carries_media;
use super::plan::{DtlsRole, IceCredentials};
use super::slot::{LocalMedia, Slot};
use super::transceiver::Transceiver;
use super::types::{Fingerprint, Kind};
use std::fmt::Write as _;

/// Largest data channel message that we take, in bytes.
const MAX_MESSAGE_BYTES: u32 = 262_144;
/// SCTP port of RFC 8832's examples; behind DTLS it is only a name.
const SCTP_PORT: u16 = 5000;

/// What a receiver of pictures may ask for (RFC 4585, RFC 5104).
const VIDEO_FEEDBACK: [&str; 3] = ["ccm fir", "nack", "nack pli"];

/// Lines of one section, or of session level.
#[derive(Default)]
pub(super) struct Lines(String);

/// `a=setup` of our descriptions.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum OurSetup {
    ActPass,
    As(DtlsRole),
}

/// What of RTP and RTCP both ends have; an offer proposes everything.
#[derive(Copy, Clone, Debug)]
pub(super) struct RtcpTerms {
    pub mux: bool,
    pub reduced_size: bool,
}

impl Lines {
    pub fn line(&mut self, line: impl std::fmt::Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{line}\r\n");
        self
    }

    pub fn into_text(self) -> String {
        self.0
    }

    /// Session level.
    pub fn head(&mut self, session_id: u64, version: u64, bundles: &[Vec<String>]) {
        self.line("v=0").line(format_args!("o=- {session_id} {version} IN IP4 127.0.0.1")).line("s=-").line("t=0 0");
        for bundle in bundles.iter().filter(|bundle| !bundle.is_empty()) {
            self.line(format_args!("a=group:BUNDLE {}", bundle.join(" ")));
        }
        self.line("a=ice-options:trickle");
    }

    pub fn transport(&mut self, credentials: &IceCredentials, fingerprints: &[Fingerprint], setup: OurSetup) {
        self.line(format_args!("a=ice-ufrag:{}", credentials.ufrag));
        self.line(format_args!("a=ice-pwd:{}", credentials.pwd));
        for fingerprint in fingerprints {
            self.line(format_args!("a=fingerprint:{fingerprint}"));
        }
        self.line(match setup {
            OurSetup::ActPass => "a=setup:actpass",
            OurSetup::As(DtlsRole::Client) => "a=setup:active",
            OurSetup::As(DtlsRole::Server) => "a=setup:passive",
        });
    }

    pub fn mid(&mut self, slot: &Slot) {
        if slot.mid_on_wire {
            self.line(format_args!("a=mid:{}", slot.mid));
        }
    }

    pub fn media(&mut self, local: &LocalMedia, transceiver: &Transceiver, cname: &str, rtcp: RtcpTerms) {
        for (id, extension) in &local.extensions {
            self.line(format_args!("a=extmap:{id} {}", extension.uri()));
        }
        self.line(format_args!("a={}", local.direction.attribute()));
        // What was announced once stays announced while nothing is sent: Chromium tears its receive stream down when
        // the lines go, and does not play the same SSRC again on hold's end.
        let announces = local.direction.sends() || transceiver.ever_sent;
        if announces {
            self.msid(local.announced.as_ref().unwrap_or(&transceiver.streams), &transceiver.announced_track);
        }
        if rtcp.mux {
            self.line("a=rtcp-mux");
        }
        if rtcp.reduced_size {
            self.line("a=rtcp-rsize");
        }
        self.codecs(local, transceiver.kind);
        if announces {
            self.line(format_args!("a=ssrc:{} cname:{cname}", transceiver.ssrc));
        }
    }

    fn msid(&mut self, streams: &[String], track: &str) {
        if streams.is_empty() {
            self.line(format_args!("a=msid:- {track}"));
        }
        for stream in streams {
            self.line(format_args!("a=msid:{stream} {track}"));
        }
    }

    fn codecs(&mut self, local: &LocalMedia, kind: Kind) {
        for codec in &local.codecs {
            let channels =
                if kind == Kind::Audio && codec.channels > 1 { format!("/{}", codec.channels) } else { String::new() };
            self.line(format_args!("a=rtpmap:{} {}/{}{channels}", codec.payload_type, codec.name, codec.clock_rate));
            if kind == Kind::Video && carries_media(codec) {
                for feedback in VIDEO_FEEDBACK {
                    self.line(format_args!("a=rtcp-fb:{} {feedback}", codec.payload_type));
                }
            }
            if !codec.fmtp.is_empty() {
                self.line(format_args!("a=fmtp:{} {}", codec.payload_type, codec.fmtp));
            }
        }
    }

    /// The layers that we would send (RFC 8853).
    pub fn simulcast(&mut self, rids: &[String]) {
        for rid in rids {
            self.line(format_args!("a=rid:{rid} send"));
        }
        self.line(format_args!("a=simulcast:send {}", rids.join(";")));
    }

    pub fn data(&mut self) {
        self.line(format_args!("a=sctp-port:{SCTP_PORT}"));
        self.line(format_args!("a=max-message-size:{MAX_MESSAGE_BYTES}"));
    }
}

/// The format list of an `m=` line.
pub(super) fn formats(local: &LocalMedia) -> String {
    let numbers: Vec<_> = local.codecs.iter().map(|codec| codec.payload_type.to_string()).collect();
    numbers.join(" ")
}
