//! What the application wants of a transceiver, and what it keeps for life.
//!
//! Invariant: nothing in here is undone by a rollback; what negotiation decided lives in the m-line's slot.

use super::codec::{CodecCapability, Row, preferred};
use super::extension::Extension;
use super::random::{self, Random};
use super::types::{Direction, Features, Kind, TransceiverId};

/// Who made a transceiver; a remote offer takes only those that `addTrack` made or took (RFC 8829 section 5.10).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    AddTrack,
    AddTransceiver,
    Remote,
}

/// A transceiver.
#[derive(Clone, Debug)]
pub(super) struct Transceiver {
    pub id: TransceiverId,
    pub kind: Kind,
    pub origin: Origin,
    pub direction: Direction,
    pub track: Option<String>,
    pub streams: Vec<String>,
    pub preferences: Vec<CodecCapability>,
    /// What to send with, of what was negotiated; the first of that otherwise.
    pub send_codec: Option<CodecCapability>,
    /// Header extensions that the application has switched off.
    pub stopped_extensions: Vec<Extension>,
    /// Simulcast layers to offer.
    pub rids: Vec<String>,
    /// `addTrack` took it into use after somebody else made it: a rollback must not stop it.
    pub adopted: bool,
    /// Was negotiated for sending once; `addTrack` never takes such a sender again.
    pub ever_sent: bool,
    pub stopping: bool,
    pub stopped: bool,
    pub ssrc: u32,
    /// Track id in our `a=msid`: the first track's, whatever replaces it.
    pub announced_track: String,
    /// Stream of a remote track that was announced without any.
    pub generated_stream: String,
    pub remote_track: Option<String>,
}

impl Transceiver {
    pub fn new(id: TransceiverId, kind: Kind, origin: Origin, direction: Direction, random: &mut dyn Random) -> Self {
        Self {
            id,
            kind,
            origin,
            direction,
            track: None,
            streams: Vec::new(),
            preferences: Vec::new(),
            send_codec: None,
            stopped_extensions: Vec::new(),
            rids: Vec::new(),
            adopted: false,
            ever_sent: false,
            stopping: false,
            stopped: false,
            ssrc: random::ssrc(random),
            announced_track: random::uuid(random),
            generated_stream: random::uuid(random),
            remote_track: None,
        }
    }

    /// Gives the sender its track.
    pub fn attach(&mut self, track: &str, streams: &[String]) {
        self.announced_track = track.to_owned();
        self.track = Some(track.to_owned());
        self.set_streams(streams);
    }

    /// W3C takes a set: repeated ids count once.
    pub fn set_streams(&mut self, streams: &[String]) {
        self.streams.clear();
        for stream in streams {
            if !self.streams.contains(stream) {
                self.streams.push(stream.clone());
            }
        }
    }

    /// `stop()` was called, or negotiation ended it.
    pub fn is_ending(&self) -> bool {
        self.stopping || self.stopped
    }

    /// Ends it for good.
    pub fn end(&mut self) {
        self.stopping = true;
        self.stopped = true;
        self.direction = Direction::Stopped;
    }

    /// Header extensions to negotiate.
    pub fn extensions(&self) -> impl Iterator<Item = Extension> {
        Extension::of(self.kind).filter(|extension| !self.stopped_extensions.contains(extension))
    }

    /// Codec rows in the application's order, `None` without preferences.
    pub fn rows(&self, features: &Features) -> Option<Vec<&'static Row>> {
        preferred(&self.preferences, self.kind, features)
    }
}
