//! The connection as JavaScript holds it: argument conversion, and nothing else.

use super::config::ConnectionConfig;
use super::encoded::{Detour, FrameQueue};
use super::engine::Engine;
use super::media::Ring;
use super::outcome::Outcome;
use super::snapshot::{DescriptionsData, ParametersData, SnapshotData};
use crate::census::{self, Live};
use crate::connection::{Connection as Owner, ConnectionId, Encoding, Event, Outbox, Report, Way};
use crate::error::{Error, ErrorKind, Result};
use crate::media::Source;
use crate::negotiation::{
    CodecCapability, Direction, Extension, Kind, OfferOptions, RemoteCandidateInit, SdpType, TransceiverId,
    TransceiverInit,
};
use napi::bindgen_prelude::ClassInstance;
use napi_derive::napi;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// The connections of one environment, by id, for reports that change them.
#[derive(Clone, Default)]
pub struct Registry(Rc<RefCell<BTreeMap<u32, Weak<RefCell<Owner>>>>>);

impl Registry {
    fn add(&self, owner: &Rc<RefCell<Owner>>) {
        self.0.borrow_mut().insert(owner.borrow().id().0, Rc::downgrade(owner));
    }

    fn remove(&self, id: ConnectionId) {
        self.0.borrow_mut().remove(&id.0);
    }

    /// What `report` means for JavaScript. Nothing, when the connection is closed.
    pub fn digest(&self, id: ConnectionId, report: Report) -> Vec<Event> {
        let owner = self.0.borrow().get(&id.0).and_then(Weak::upgrade);
        owner.map_or_else(Vec::new, |owner| owner.borrow_mut().digest(report))
    }

    /// Something about `id` could not be told: it is lost.
    pub fn crash(&self, id: ConnectionId, message: String) {
        if let Some(owner) = self.0.borrow().get(&id.0).and_then(Weak::upgrade) {
            owner.borrow_mut().crash(message);
        }
    }

    /// Ends every connection of the environment.
    pub fn close_all(&self) {
        let all = std::mem::take(&mut *self.0.borrow_mut());
        for owner in all.into_values().filter_map(|owner| owner.upgrade()) {
            owner.borrow_mut().close();
        }
    }
}

/// `RTCPeerConnection` without its W3C face.
#[napi]
pub struct Connection {
    owner: Rc<RefCell<Owner>>,
    outbox: Arc<Outbox>,
    registry: Registry,
    _live: Live,
}

/// How a transceiver begins.
#[napi(object)]
pub struct TransceiverInitData {
    /// Wanted direction.
    pub direction: String,
    /// The track that is sent first.
    pub track_id: Option<String>,
    /// Streams announced with it.
    pub stream_ids: Vec<String>,
    /// Simulcast layers.
    pub rids: Option<Vec<String>>,
}

/// RTCOfferOptions.
#[napi(object)]
#[derive(Default)]
pub struct OfferOptionsData {
    /// New ICE credentials.
    pub ice_restart: Option<bool>,
    /// Legacy.
    pub offer_to_receive_audio: Option<bool>,
    /// Legacy.
    pub offer_to_receive_video: Option<bool>,
}

/// RTCIceCandidateInit.
#[napi(object)]
pub struct CandidateInitData {
    /// `candidate:…`, or empty for the end of candidates.
    pub candidate: String,
    /// The m-section by name.
    pub sdp_mid: Option<String>,
    /// The m-section by index.
    pub sdp_m_line_index: Option<u32>,
    /// The generation.
    pub username_fragment: Option<String>,
}

/// A codec in the wanted order.
#[napi(object)]
pub struct CodecCapabilityData {
    /// For instance `audio/opus`.
    pub mime_type: String,
    /// In Hz.
    pub clock_rate: u32,
    /// Audio channels.
    pub channels: Option<u32>,
    /// `a=fmtp`.
    pub sdp_fmtp_line: Option<String>,
}

/// Encoding parameters that the engine obeys.
#[napi(object)]
pub struct EncodingData {
    /// `false` sends nothing at all.
    pub active: bool,
    /// Upper limit in bit/s.
    pub max_bitrate: Option<f64>,
}

/// Who was heard.
#[napi(object, object_from_js = false)]
pub struct SourceData {
    /// SSRC or CSRC.
    pub source: u32,
    /// It is a contributing one.
    pub contributing: bool,
    /// When, in milliseconds since 1970.
    pub timestamp: f64,
    /// Of the packet.
    pub rtp_timestamp: u32,
    /// -dBov, 0 to 127.
    pub level: Option<u32>,
}

impl From<Source> for SourceData {
    fn from(from: Source) -> Self {
        Self {
            source: from.source,
            contributing: from.contributing,
            timestamp: from.unix_ms,
            rtp_timestamp: from.rtp_timestamp,
            level: from.level.map(u32::from),
        }
    }
}

/// A new or found transceiver.
#[napi(object, object_from_js = false)]
pub struct TransceiverAdded {
    /// Its name within the connection.
    pub transceiver: u32,
    /// The state after it.
    pub snapshot: SnapshotData,
}

#[napi]
impl Connection {
    /// Costs no thread and no socket before the first local description.
    #[napi(constructor, catch_unwind)]
    pub fn new(engine: &Engine, config: ConnectionConfig) -> napi::Result<Self> {
        let owner = config.open(engine.outbox()).map_err(|error| napi::Error::from_reason(error.to_string()))?;
        let owner = Rc::new(RefCell::new(owner));
        let registry = engine.connections();
        registry.add(&owner);
        Ok(Self { owner, outbox: engine.outbox(), registry, _live: Live::new(census::Kind::Connection) })
    }

    /// The name that its reports carry.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.owner.borrow().id().0
    }

    /// W3C `addTrack`.
    #[napi(catch_unwind, ts_return_type = "Outcome<TransceiverAdded>")]
    pub fn add_track(&self, kind: String, track_id: String, stream_ids: Vec<String>) -> Outcome<TransceiverAdded> {
        self.added(|owner| owner.add_track(parse_kind(&kind)?, &track_id, &stream_ids))
    }

    /// W3C `removeTrack`.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn remove_track(&self, transceiver: u32) -> Outcome<SnapshotData> {
        self.change(|owner| owner.remove_track(TransceiverId(transceiver)))
    }

    /// W3C `addTransceiver`.
    #[napi(catch_unwind, ts_return_type = "Outcome<TransceiverAdded>")]
    pub fn add_transceiver(&self, kind: String, init: TransceiverInitData) -> Outcome<TransceiverAdded> {
        self.added(|owner| {
            let init = TransceiverInit {
                direction: parse_direction(&init.direction)?,
                track_id: init.track_id,
                stream_ids: init.stream_ids,
                rids: init.rids.unwrap_or_default(),
            };
            owner.add_transceiver(parse_kind(&kind)?, init)
        })
    }

    /// W3C `transceiver.direction = …`.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn set_direction(&self, transceiver: u32, direction: String) -> Outcome<SnapshotData> {
        self.change(|owner| owner.set_direction(TransceiverId(transceiver), parse_direction(&direction)?))
    }

    /// W3C `transceiver.stop()`.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn stop_transceiver(&self, transceiver: u32) -> Outcome<SnapshotData> {
        self.change(|owner| owner.stop_transceiver(TransceiverId(transceiver)))
    }

    /// The track that the sender announces.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn set_track(&self, transceiver: u32, track_id: Option<String>) -> Outcome<SnapshotData> {
        self.change(|owner| owner.set_track(TransceiverId(transceiver), track_id.as_deref()))
    }

    /// W3C `sender.setStreams`.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn set_streams(&self, transceiver: u32, stream_ids: Vec<String>) -> Outcome<SnapshotData> {
        self.change(|owner| owner.set_streams(TransceiverId(transceiver), &stream_ids))
    }

    /// W3C `setCodecPreferences`.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn set_codec_preferences(&self, transceiver: u32, codecs: Vec<CodecCapabilityData>) -> Outcome<SnapshotData> {
        let codecs: Vec<_> = codecs.into_iter().map(CodecCapability::from).collect();
        self.change(|owner| owner.set_codec_preferences(TransceiverId(transceiver), &codecs))
    }

    /// `encodings[0].codec` of W3C `setParameters`; nothing for the first that was negotiated.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn set_send_codec(&self, transceiver: u32, codec: Option<CodecCapabilityData>) -> Outcome<SnapshotData> {
        let codec = codec.map(CodecCapability::from);
        self.change(|owner| owner.set_send_codec(TransceiverId(transceiver), codec))
    }

    /// W3C `setHeaderExtensionsToNegotiate`: URIs that shall not be negotiated.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn stop_extensions(&self, transceiver: u32, uris: Vec<String>) -> Outcome<SnapshotData> {
        let stopped: Vec<_> = uris.iter().filter_map(|uri| Extension::from_uri(uri)).collect();
        self.change(|owner| owner.stop_extensions(TransceiverId(transceiver), &stopped))
    }

    /// The first `createDataChannel` asks for a data section.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn create_data_section(&self) -> Outcome<SnapshotData> {
        self.change(Owner::create_data_section)
    }

    /// W3C `createOffer`.
    #[napi(catch_unwind, ts_return_type = "Outcome<string>")]
    pub fn create_offer(&self, options: Option<OfferOptionsData>) -> Outcome<String> {
        let options = options.unwrap_or_default();
        let options = OfferOptions {
            ice_restart: options.ice_restart.unwrap_or(false),
            offer_to_receive_audio: options.offer_to_receive_audio,
            offer_to_receive_video: options.offer_to_receive_video,
        };
        self.owner.borrow_mut().contained(|owner| owner.create_offer(options)).into()
    }

    /// W3C `createAnswer`.
    #[napi(catch_unwind, ts_return_type = "Outcome<string>")]
    pub fn create_answer(&self) -> Outcome<String> {
        self.owner.borrow_mut().contained(Owner::create_answer).into()
    }

    /// W3C `setLocalDescription`; empty text means the implicit description.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn set_local_description(&self, ty: String, sdp: String) -> Outcome<SnapshotData> {
        self.change(|owner| owner.set_local(parse_sdp_type(&ty)?, &sdp))
    }

    /// W3C `setRemoteDescription`.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn set_remote_description(&self, ty: String, sdp: String) -> Outcome<SnapshotData> {
        self.change(|owner| owner.set_remote(parse_sdp_type(&ty)?, &sdp))
    }

    /// W3C `addIceCandidate`.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn add_ice_candidate(&self, candidate: CandidateInitData) -> Outcome<SnapshotData> {
        let candidate = RemoteCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_m_line_index: candidate.sdp_m_line_index.map(|index| u16::try_from(index).unwrap_or(u16::MAX)),
            username_fragment: candidate.username_fragment,
        };
        self.change(|owner| owner.add_remote_candidate(candidate))
    }

    /// W3C `restartIce`.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn restart_ice(&self) -> Outcome<SnapshotData> {
        self.change(|owner| {
            owner.restart_ice();
            Ok(())
        })
    }

    /// W3C `setConfiguration`: servers and policy for the next gathering.
    #[napi(catch_unwind, ts_return_type = "Outcome<Snapshot>")]
    pub fn set_configuration(&self, config: ConnectionConfig) -> Outcome<SnapshotData> {
        self.change(|owner| {
            owner.set_network(config.network()?);
            Ok(())
        })
    }

    /// The negotiated state.
    #[napi(catch_unwind, ts_return_type = "Snapshot")]
    pub fn snapshot(&self) -> SnapshotData {
        self.owner.borrow().snapshot().into()
    }

    /// Codecs, header extensions and RTCP of a transceiver; nothing of one that is no more.
    #[napi(catch_unwind, ts_return_type = "NegotiatedParameters")]
    pub fn parameters(&self, transceiver: u32) -> ParametersData {
        self.owner.borrow().parameters(TransceiverId(transceiver)).map(ParametersData::from).unwrap_or_default()
    }

    /// The session descriptions in force.
    #[napi(catch_unwind, ts_return_type = "Descriptions")]
    pub fn descriptions(&self) -> DescriptionsData {
        self.owner.borrow().descriptions().into()
    }

    /// W3C "check if negotiation is needed", whatever the signaling state.
    #[napi(catch_unwind)]
    pub fn negotiation_needed(&self) -> bool {
        self.owner.borrow().negotiation_needed()
    }

    /// What feeds a sender, and whether it may be heard; `null` sends nothing.
    #[napi(catch_unwind)]
    pub fn set_source(&self, transceiver: u32, source: Option<ClassInstance<'_, Ring>>, enabled: bool) {
        let ring = source.map(|source| source.signal());
        self.owner.borrow_mut().set_source(TransceiverId(transceiver), ring, enabled);
    }

    /// Encoded frames for a sender in place of what feeds it; `null` for none.
    #[napi(catch_unwind)]
    pub fn set_frames(&self, transceiver: u32, frames: Option<ClassInstance<'_, FrameQueue>>) {
        let queue = frames.map(|frames| frames.queue());
        self.owner.borrow_mut().set_frames(TransceiverId(transceiver), queue);
    }

    /// Encoded frames that are sent, or received, make this detour; `null` lets them go straight on.
    #[napi(catch_unwind)]
    pub fn set_detour(&self, transceiver: u32, video: bool, sending: bool, detour: Option<ClassInstance<'_, Detour>>) {
        let kind = if video { Kind::Video } else { Kind::Audio };
        let way = Way { id: TransceiverId(transceiver), kind, sending };
        self.owner.borrow_mut().set_detour(way, detour.map(|detour| detour.detour()));
    }

    /// Whether a video sender has a picture to send.
    #[napi(catch_unwind)]
    pub fn set_picture(&self, transceiver: u32, picture: bool) {
        self.owner.borrow_mut().set_picture(TransceiverId(transceiver), picture);
    }

    /// Encoding parameters that the engine obeys.
    #[napi(catch_unwind)]
    pub fn set_encoding(&self, transceiver: u32, encoding: EncodingData) {
        let encoding = Encoding {
            active: encoding.active,
            max_bitrate_bps: encoding.max_bitrate.map(|rate| rate.clamp(0.0, f64::from(u32::MAX)) as u32),
        };
        self.owner.borrow_mut().set_encoding(TransceiverId(transceiver), encoding);
    }

    /// Lets the packets of an audio receiver wait for at least so long; 0 leaves it to the network.
    #[napi(catch_unwind)]
    pub fn set_least_delay(&self, transceiver: u32, least_ms: f64) {
        self.owner.borrow_mut().set_least_delay_ms(TransceiverId(transceiver), least_ms);
    }

    /// The signal of a remote track; one for the life of the transceiver.
    #[napi(catch_unwind)]
    pub fn receiver_ring(&self, transceiver: u32) -> Ring {
        let id = TransceiverId(transceiver);
        let signal = self.owner.borrow_mut().receiver_ring(id);
        Ring::remote(self.outbox.clone(), signal, (Rc::downgrade(&self.owner), id))
    }

    /// Who was heard lately in a remote track.
    #[napi(catch_unwind)]
    pub fn sources(&self, transceiver: u32) -> Vec<SourceData> {
        let heard = self.owner.borrow().sources_heard(TransceiverId(transceiver));
        heard.into_iter().map(SourceData::from).collect()
    }

    /// Replaces the queue of digits; durations in milliseconds.
    #[napi(catch_unwind)]
    pub fn insert_dtmf(&self, transceiver: u32, tones: String, duration_ms: u32, gap_ms: u32) {
        self.owner.borrow_mut().insert_dtmf(TransceiverId(transceiver), tones, duration_ms, gap_ms);
    }

    /// Asks for the counters; they come as a `stats` report with the same number.
    #[napi(catch_unwind)]
    pub fn request_stats(&self, request: u32) {
        self.owner.borrow_mut().request_stats(request);
    }

    /// Ends it at once; the far end is told on the way out.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        let mut owner = self.owner.borrow_mut();
        owner.close();
        self.registry.remove(owner.id());
    }
}

impl Connection {
    pub(super) fn owner(&self) -> &RefCell<Owner> {
        &self.owner
    }

    fn change(&self, operation: impl FnOnce(&mut Owner) -> Result<()>) -> Outcome<SnapshotData> {
        let mut owner = self.owner.borrow_mut();
        owner.contained(|owner| operation(owner).map(|()| owner.snapshot().into())).into()
    }

    fn added(&self, add: impl FnOnce(&mut Owner) -> Result<TransceiverId>) -> Outcome<TransceiverAdded> {
        let mut owner = self.owner.borrow_mut();
        let added = owner
            .contained(|owner| Ok(TransceiverAdded { transceiver: add(owner)?.0, snapshot: owner.snapshot().into() }));
        added.into()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.registry.remove(self.owner.borrow().id());
    }
}

impl From<CodecCapabilityData> for CodecCapability {
    fn from(from: CodecCapabilityData) -> Self {
        Self {
            name: from.mime_type.split_once('/').map_or(String::new(), |(_, name)| name.to_owned()),
            clock_rate: from.clock_rate,
            channels: from.channels.map(|channels| channels.min(255) as u8),
            fmtp: from.sdp_fmtp_line,
        }
    }
}

// The facade has checked these already; a wrong one here is its mistake and is told plainly.
fn parse_kind(text: &str) -> Result<Kind> {
    match text {
        "audio" => Ok(Kind::Audio),
        "video" => Ok(Kind::Video),
        _ => Err(unknown("kind", text)),
    }
}

fn parse_direction(text: &str) -> Result<Direction> {
    match text {
        "sendrecv" => Ok(Direction::SendRecv),
        "sendonly" => Ok(Direction::SendOnly),
        "recvonly" => Ok(Direction::RecvOnly),
        "inactive" => Ok(Direction::Inactive),
        _ => Err(unknown("direction", text)),
    }
}

fn parse_sdp_type(text: &str) -> Result<SdpType> {
    match text {
        "offer" => Ok(SdpType::Offer),
        "pranswer" => Ok(SdpType::PrAnswer),
        "answer" => Ok(SdpType::Answer),
        "rollback" => Ok(SdpType::Rollback),
        _ => Err(unknown("description type", text)),
    }
}

fn unknown(what: &str, text: &str) -> Error {
    Error::new(ErrorKind::Type, format!("'{text}' is not a {what}"))
}
