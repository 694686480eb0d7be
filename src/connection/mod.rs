//! One owner per connection: commands in, reports out.
//!
//! [`Connection`] lives in the thread that JavaScript runs in. It owns what has no clock and no wire (negotiation) and
//! answers at once; what negotiation decides goes as a [`Plan`] to the connection's task, which owns sockets, transports,
//! senders and receivers ([`Session`](session::Session)).
//!
//! Invariant: commands reach the task in the order they were given, and a connection that never set a local
//! description has no task, no socket and no thread.

mod channels;
pub mod clock;
mod counters;
mod detoured;
mod gathering;
mod intake;
pub mod log;
mod outbox;
mod outlet;
mod preparation;
mod report;
mod reporting;
mod route;
mod runtime;
mod session;
pub mod stats;
mod stream;
mod task;
mod video;

pub use channels::Transmitted;
pub use counters::{dtls_state, ice_state};
pub use intake::Intake;
pub use outbox::{ConnectionId, Doorbell, Metered, Notice, Outbox};
pub use outlet::Outlet;
pub use report::Report;
pub use runtime::contain_now;
pub use session::{Session, Way};
pub use task::NetworkConfig;

use crate::error::{Error, ErrorKind, Result};
use crate::fault::{self, Place};
use crate::media::{Detour, FrameQueue, Ring, Role, Source, Sources};
use crate::negotiation::{
    CodecCapability, Descriptions, Direction, Extension, Kind, Negotiator, OfferOptions, Parameters, Plan,
    RemoteCandidateInit, SdpType, Snapshot, SurfacedCandidate, TransceiverId, TransceiverInit,
};
use crate::transport::{CandidateSource, Certificate, ChannelId, ChannelInit, Message};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use task::{Command, Mailbox};

/// A connection as its JavaScript object holds it.
pub struct Connection {
    id: ConnectionId,
    negotiator: Negotiator,
    mailbox: Mailbox,
    /// The signal of each remote track; made on demand, the same for the life of the transceiver.
    rings: BTreeMap<TransceiverId, Arc<Ring>>,
    /// Who is heard in each remote track.
    sources_heard: BTreeMap<TransceiverId, Arc<Sources>>,
    /// What feeds each sender.
    sources: BTreeMap<TransceiverId, Option<Arc<Ring>>>,
    /// The streams whose encoded frames the application has in hand.
    detours: BTreeMap<Way, Arc<Detour>>,
    next_channel: u32,
    closed: bool,
}

/// What a report means for JavaScript: itself, or the candidate events that it leads to.
pub enum Event {
    /// A candidate entered the local description.
    Candidate {
        /// As `icecandidate` shows it.
        candidate: SurfacedCandidate,
        /// Who told it.
        source: Option<CandidateSource>,
    },
    /// Passed on as it is.
    Report(Report),
}

impl Connection {
    /// A connection that reports to `outbox`. Costs no thread and no socket yet.
    pub fn new(negotiator: Negotiator, certificate: Certificate, network: NetworkConfig, outbox: Arc<Outbox>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = ConnectionId(NEXT.fetch_add(1, Ordering::Relaxed));
        Self {
            id,
            negotiator,
            mailbox: Mailbox::new(id, certificate, network, outbox),
            rings: BTreeMap::new(),
            sources_heard: BTreeMap::new(),
            sources: BTreeMap::new(),
            detours: BTreeMap::new(),
            next_channel: 0,
            closed: false,
        }
    }

    /// The name that its reports carry.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The negotiated state as JavaScript mirrors it.
    pub fn snapshot(&self) -> Snapshot {
        self.negotiator.snapshot()
    }

    /// What was negotiated for the packets of a transceiver.
    pub fn parameters(&self, id: TransceiverId) -> Result<Parameters> {
        self.negotiator.parameters(id)
    }

    /// The session descriptions in force.
    pub fn descriptions(&self) -> Descriptions {
        self.negotiator.descriptions()
    }

    /// W3C "check if negotiation is needed", whatever the signaling state.
    pub fn negotiation_needed(&self) -> bool {
        self.negotiator.negotiation_needed()
    }

    /// W3C `addTrack`: the transceiver that sends the track, a new one or one that was there.
    pub fn add_track(&mut self, kind: Kind, track_id: &str, streams: &[String]) -> Result<TransceiverId> {
        self.negotiator.add_track(kind, track_id, streams)
    }

    /// W3C `removeTrack`, once the facade has found the transceiver.
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<()> {
        self.set_source(id, None, true);
        self.negotiator.remove_track(id)
    }

    /// W3C `addTransceiver`.
    pub fn add_transceiver(&mut self, kind: Kind, init: TransceiverInit) -> Result<TransceiverId> {
        self.negotiator.add_transceiver(kind, init)
    }

    /// W3C `transceiver.direction = …`.
    pub fn set_direction(&mut self, id: TransceiverId, direction: Direction) -> Result<()> {
        self.negotiator.set_direction(id, direction)
    }

    /// W3C `transceiver.stop()`.
    pub fn stop_transceiver(&mut self, id: TransceiverId) -> Result<()> {
        self.negotiator.stop(id)?;
        self.apply()
    }

    /// The track that the sender announces (`replaceTrack`).
    pub fn set_track(&mut self, id: TransceiverId, track_id: Option<&str>) -> Result<()> {
        self.negotiator.set_track(id, track_id)
    }

    /// W3C `sender.setStreams`.
    pub fn set_streams(&mut self, id: TransceiverId, streams: &[String]) -> Result<()> {
        self.negotiator.set_streams(id, streams)
    }

    /// W3C `setCodecPreferences`.
    pub fn set_codec_preferences(&mut self, id: TransceiverId, codecs: &[CodecCapability]) -> Result<()> {
        self.negotiator.set_codec_preferences(id, codecs)
    }

    /// `encodings[0].codec` of W3C `setParameters`.
    pub fn set_send_codec(&mut self, id: TransceiverId, codec: Option<CodecCapability>) -> Result<()> {
        self.negotiator.set_send_codec(id, codec)?;
        self.apply()
    }

    /// W3C `setHeaderExtensionsToNegotiate`: those that shall not be negotiated.
    pub fn stop_extensions(&mut self, id: TransceiverId, stopped: &[Extension]) -> Result<()> {
        self.negotiator.stop_extensions(id, stopped)
    }

    /// The first `createDataChannel` asks for a data section.
    pub fn create_data_section(&mut self) -> Result<()> {
        self.negotiator.create_data_section()
    }

    /// W3C `createOffer`.
    pub fn create_offer(&mut self, options: OfferOptions) -> Result<String> {
        self.negotiator.create_offer(options)
    }

    /// W3C `createAnswer`.
    pub fn create_answer(&mut self) -> Result<String> {
        self.negotiator.create_answer()
    }

    /// W3C `setLocalDescription`; gathering starts when it is the first.
    pub fn set_local(&mut self, ty: SdpType, sdp: &str) -> Result<()> {
        self.negotiator.set_local(ty, sdp)?;
        self.apply()
    }

    /// W3C `setRemoteDescription`.
    pub fn set_remote(&mut self, ty: SdpType, sdp: &str) -> Result<()> {
        self.negotiator.set_remote(ty, sdp)?;
        if ty == SdpType::Offer {
            self.mailbox.prepare();
        }
        self.apply()
    }

    /// W3C `addIceCandidate`.
    pub fn add_remote_candidate(&mut self, candidate: RemoteCandidateInit) -> Result<()> {
        self.negotiator.add_remote_candidate(candidate)?;
        self.apply()
    }

    /// W3C `restartIce`.
    pub fn restart_ice(&mut self) {
        self.negotiator.restart_ice();
    }

    /// New servers and policy count from the next gathering on.
    pub fn set_network(&mut self, network: NetworkConfig) {
        self.mailbox.send(Command::Network(network));
    }

    /// What feeds a sender, and whether it may be heard. `None` sends nothing.
    pub fn set_source(&mut self, id: TransceiverId, ring: Option<Arc<Ring>>, enabled: bool) {
        if !self.negotiator.knows(id) {
            return;
        }
        let same = match (self.sources.get(&id).and_then(Option::as_ref), &ring) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        // A reader that is replaced would lose its place in the signal.
        if !same {
            self.mailbox.send(Command::Source(id, ring.clone()));
            self.sources.insert(id, ring);
        }
        self.mailbox.send(Command::Enabled(id, enabled));
    }

    /// Encoded frames for a sender in place of what feeds it.
    pub fn set_frames(&mut self, id: TransceiverId, frames: Option<Arc<FrameQueue>>) {
        self.tell(id, Command::Frames(id, frames));
    }

    /// The detour of a stream's encoded frames; `None` lets them go straight on.
    pub fn set_detour(&mut self, way: Way, detour: Option<Arc<Detour>>) {
        if let Some(old) = self.detours.remove(&way) {
            old.on_return(None);
        }
        if !self.negotiator.knows(way.id) {
            return detour.iter().for_each(|detour| detour.end());
        }
        if let Some(detour) = &detour {
            let role = Role { video: way.kind == Kind::Video, sending: way.sending };
            detour.on_return(Some((role, self.mailbox.returning(way))));
            self.detours.insert(way, detour.clone());
        }
        self.mailbox.send(Command::Detour(way, detour));
    }

    /// Whether a video sender has a picture to send.
    pub fn set_picture(&mut self, id: TransceiverId, picture: bool) {
        self.tell(id, Command::Picture(id, picture));
    }

    /// Encoding parameters that the engine obeys.
    pub fn set_encoding(&mut self, id: TransceiverId, encoding: Encoding) {
        self.tell(id, Command::Encoding(id, encoding));
    }

    /// Lets the packets that come for `id` wait for at least so long.
    pub fn set_least_delay_ms(&mut self, id: TransceiverId, least_ms: f64) {
        self.tell(id, Command::LeastDelay(id, least_ms));
    }

    /// Replaces the sender's queue of digits; durations in milliseconds.
    pub fn insert_dtmf(&mut self, id: TransceiverId, tones: String, duration_ms: u32, gap_ms: u32) {
        self.tell(id, Command::Dtmf { id, tones, duration_ms, gap_ms });
    }

    /// The signal of the remote track of transceiver `id`; of one that is no more, a signal that has ended.
    pub fn receiver_ring(&mut self, id: TransceiverId) -> Arc<Ring> {
        if let Some(ring) = self.rings.get(&id) {
            return ring.clone();
        }
        let ring = stream::receiver_ring();
        if self.negotiator.knows(id) {
            self.mailbox.send(Command::ReceiverRing(id, ring.clone()));
            self.rings.insert(id, ring.clone());
        } else {
            ring.end();
        }
        ring
    }

    /// Who was heard lately in the remote track of transceiver `id`.
    pub fn sources_heard(&self, id: TransceiverId) -> Vec<Source> {
        self.sources_heard.get(&id).map(|sources| sources.list()).unwrap_or_default()
    }

    /// Frames for `outlet`, which reads the remote track of transceiver `id`, are cut in the task that plays it.
    pub fn add_outlet(&self, id: TransceiverId, outlet: Outlet) {
        self.tell(id, Command::Outlet(id, Box::new(outlet)));
    }

    /// A data channel on a stream that no other channel has. Only once a data section is negotiated.
    pub fn open_channel(&mut self, stream: u16, init: ChannelInit) -> ChannelId {
        let id = ChannelId(self.next_channel);
        self.next_channel += 1;
        self.mailbox.send(Command::OpenChannel { id, stream, init });
        id
    }

    /// Queues a message; [`Report::Transmitted`] tells when it leaves.
    pub fn send_message(&self, id: ChannelId, message: Message) {
        self.mailbox.send(Command::SendMessage(id, message));
    }

    /// Closes a data channel, behind all its messages.
    pub fn close_channel(&self, id: ChannelId) {
        self.mailbox.send(Command::CloseChannel(id));
    }

    /// A message of so many bytes that was reported has been handled.
    pub fn handled_message(&self, len: usize) {
        if self.mailbox.intake.take(len) {
            self.mailbox.send(Command::ResumeReading);
        }
    }

    /// Asks for the counters; they come back as [`Report::Stats`] with the same number.
    pub fn request_stats(&mut self, request: u32) {
        self.mailbox.ask(request);
    }

    /// Applies what a report changes here, and says what JavaScript shall hear of it.
    pub fn digest(&mut self, report: Report) -> Vec<Event> {
        if self.closed {
            return Vec::new();
        }
        match report {
            Report::LocalCandidate { transport, candidate, source } => {
                let surfaced = self.negotiator.add_local_candidate(transport, &candidate);
                surfaced.into_iter().map(|candidate| Event::Candidate { candidate, source: source.clone() }).collect()
            }
            Report::TransportGathered(transport) => {
                self.negotiator.local_candidates_complete(transport);
                Vec::new()
            }
            other => vec![Event::Report(other)],
        }
    }

    /// Ends it at once for JavaScript; the far end is told by the task on its way out.
    pub fn close(&mut self) {
        if !std::mem::replace(&mut self.closed, true) {
            self.negotiator.close();
            self.mailbox.close();
            for detour in std::mem::take(&mut self.detours).into_values() {
                detour.end();
            }
        }
    }

    /// Does `operation`; a panic in it costs this connection alone, which is told to be lost.
    pub fn contained<T>(&mut self, operation: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let id = self.id;
        let call = || {
            fault::point_of(Place::Border, id.0);
            operation(self)
        };
        runtime::contain_now(call).unwrap_or_else(|message| {
            let error = Error::new(ErrorKind::Operation, format!("a fault of the engine: {message}"));
            self.crash(message);
            Err(error)
        })
    }

    /// What it knows may be wrong from now on: its task ends, and JavaScript hears that it is lost.
    pub fn crash(&mut self, message: String) {
        self.mailbox.crash(message);
    }

    fn apply(&mut self) -> Result<()> {
        let plan = self.negotiator.plan();
        self.forget_what_is_not_in(&plan);
        for media in &plan.media {
            self.sources_heard.entry(media.transceiver).or_insert_with(|| {
                let sources = Arc::<Sources>::default();
                self.mailbox.send(Command::Sources(media.transceiver, sources.clone()));
                sources
            });
        }
        for media in plan.media.iter().filter(|media| media.kind == Kind::Audio) {
            self.receiver_ring(media.transceiver);
        }
        self.mailbox.follow(plan)
    }

    /// Transceivers that are no more. The task ends their signals, as it is the one that writes them.
    fn forget_what_is_not_in(&mut self, plan: &Plan) {
        self.rings.retain(|id, _| plan.knows(*id));
        self.sources_heard.retain(|id, _| plan.knows(*id));
        self.sources.retain(|id, _| plan.knows(*id));
        self.detours.retain(|way, detour| {
            let known = plan.knows(way.id);
            if !known {
                detour.on_return(None);
                detour.end();
            }
            known
        });
    }

    /// Nothing is told of a transceiver that is no more: the task would begin it anew.
    fn tell(&self, id: TransceiverId, command: Command) {
        if self.negotiator.knows(id) {
            self.mailbox.send(command);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// The part of `RTCRtpEncodingParameters` that reaches the encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Encoding {
    /// `false` sends nothing at all.
    pub active: bool,
    /// Upper limit in bit/s.
    pub max_bitrate_bps: Option<u32>,
}
