//! Encoded frames as JavaScript sees them. They cross by copy: an application may do with its bytes what it likes.
//!
//! Invariant: a detour is made in one environment and may be walked in another one, a worker's: all environments of the
//! process share its name.

use super::engine::Engine;
use super::media::next_id;
use crate::census::{Kind, Live};
use crate::connection::Notice;
use crate::media::{self, Codec, EncodedFrame, Picture, Role, VideoFormat};
use bytes::Bytes;
use napi::bindgen_prelude::{ArrayBuffer, ToNapiValue};
use napi::{Env, JsValue, sys};
use napi_derive::napi;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// The detours of the process by name.
static DETOURS: Mutex<BTreeMap<u32, Weak<media::Detour>>> = Mutex::new(BTreeMap::new());

/// The way of a stream's encoded frames through the application.
#[napi]
pub struct Detour {
    id: u32,
    detour: Arc<media::Detour>,
    _live: Live,
}

#[napi]
impl Detour {
    /// One that nobody walks yet.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        let (id, detour) = (next_id(), Arc::<media::Detour>::default());
        let mut detours = DETOURS.lock().unwrap_or_else(PoisonError::into_inner);
        detours.retain(|_, detour| detour.strong_count() > 0);
        detours.insert(id, Arc::downgrade(&detour));
        Self { id, detour, _live: Live::new(Kind::Detour) }
    }

    /// Its name in the process.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl Detour {
    pub(super) fn detour(&self) -> Arc<media::Detour> {
        self.detour.clone()
    }
}

/// Nobody can set it on a stream any more: whoever walks it is at the end.
impl Drop for Detour {
    fn drop(&mut self) {
        self.detour.end();
    }
}

/// The bytes of a frame, as an ArrayBuffer of JavaScript's own.
pub struct FrameBytes(Bytes);

impl ToNapiValue for FrameBytes {
    unsafe fn to_napi_value(env: sys::napi_env, bytes: Self) -> napi::Result<sys::napi_value> {
        Ok(ArrayBuffer::copy_from(&Env::from_raw(env), bytes.0)?.raw())
    }
}

/// A frame that JavaScript has in hand.
#[napi(object, object_from_js = false)]
pub struct EncodedFrameData {
    pub ssrc: u32,
    pub csrc: Vec<u32>,
    pub payload_type: u8,
    /// Name of the codec, as in SDP.
    pub codec: &'static str,
    pub timestamp: u32,
    pub sequence: Option<u32>,
    /// -dBov.
    pub level: Option<u32>,
    pub marker: bool,
    /// How long ago its first packet came.
    pub age_ms: Option<f64>,
    /// These are for pictures only.
    pub key: Option<bool>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub id: Option<f64>,
    #[napi(ts_type = "ArrayBuffer")]
    pub data: FrameBytes,
}

/// What JavaScript gives back beside the bytes.
#[napi(object, object_to_js = false)]
pub struct ReturnedFrame {
    pub ssrc: u32,
    pub payload_type: u8,
    pub codec: String,
    pub timestamp: u32,
    pub sequence: Option<u32>,
    pub level: Option<u32>,
    pub marker: bool,
    pub key: Option<bool>,
}

/// What a stream is.
#[napi(object, object_from_js = false)]
pub struct RoleData {
    pub video: bool,
    pub sending: bool,
}

/// Walks a detour: reads what leaves the stream, writes what goes back.
#[napi]
pub struct FrameStream {
    id: u32,
    detour: Arc<media::Detour>,
    _live: Live,
}

#[napi]
impl FrameStream {
    /// By the detour's name. One that is gone has ended.
    #[napi(constructor, catch_unwind)]
    pub fn new(engine: &Engine, detour: u32) -> Self {
        let known = DETOURS.lock().unwrap_or_else(PoisonError::into_inner).get(&detour).and_then(Weak::upgrade);
        let detour = known.unwrap_or_else(|| {
            let gone = media::Detour::default();
            gone.end();
            Arc::new(gone)
        });
        let (id, outbox) = (next_id(), engine.outbox());
        detour.on_leave(Some(Arc::new(move || outbox.push(Notice::Encoded(id)))));
        Self { id, detour, _live: Live::new(Kind::FrameStream) }
    }

    /// The name that its reports carry.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The oldest frame; `null` when there is none.
    #[napi(catch_unwind)]
    pub fn read(&self) -> Option<EncodedFrameData> {
        self.detour.fetch().map(frame_data)
    }

    /// Gives a frame to the stream. What the stream does not take is dropped there.
    #[napi(catch_unwind)]
    pub fn write(&self, frame: ReturnedFrame, data: &[u8]) {
        let ReturnedFrame { ssrc, payload_type, codec, timestamp, sequence, level, marker, key } = frame;
        self.detour.give_back(EncodedFrame {
            ssrc,
            payload_type,
            codec: codec_name(&codec),
            timestamp,
            sequence: sequence.map(|sequence| sequence as u16),
            level: level.map(|level| level.min(127) as u8),
            marker,
            picture: key.map(|key| Picture { key, ..Picture::default() }),
            data: Bytes::copy_from_slice(data),
            ..EncodedFrame::default()
        });
    }

    /// Wants a key frame.
    #[napi(catch_unwind)]
    pub fn want_key_frame(&self) {
        self.detour.want_key();
    }

    /// Whether the far end has asked for a key frame since the last call.
    #[napi(catch_unwind)]
    pub fn take_key_frame_request(&self) -> bool {
        self.detour.take_request()
    }

    /// The stream that frames come back to, while there is one.
    #[napi(catch_unwind)]
    pub fn role(&self) -> Option<RoleData> {
        self.detour.role().map(|Role { video, sending }| RoleData { video, sending })
    }

    /// Nothing more will come.
    #[napi(catch_unwind)]
    pub fn is_ended(&self) -> bool {
        self.detour.is_ended()
    }

    /// Frames that were dropped because somebody was slow.
    #[napi(catch_unwind)]
    pub fn dropped(&self) -> f64 {
        self.detour.dropped() as f64
    }

    /// Nobody reads any more: frames go nowhere from now on.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.detour.on_leave(None);
    }
}

/// An environment that goes, a terminated worker's for instance, leaves nobody to read.
impl Drop for FrameStream {
    fn drop(&mut self) {
        self.detour.on_leave(None);
    }
}

/// A codec's own name; empty, which no stream takes, where it is not here.
fn codec_name(name: &str) -> &'static str {
    let audio = Codec::from_name(name).map(Codec::name);
    audio.or_else(|| VideoFormat::from_name(name).map(VideoFormat::name)).unwrap_or_default()
}

fn frame_data(frame: EncodedFrame) -> EncodedFrameData {
    let picture = frame.picture;
    let size = picture.and_then(|picture| picture.size);
    EncodedFrameData {
        ssrc: frame.ssrc,
        csrc: frame.csrc,
        payload_type: frame.payload_type,
        codec: frame.codec,
        timestamp: frame.timestamp,
        sequence: frame.sequence.map(u32::from),
        level: frame.level.map(u32::from),
        marker: frame.marker,
        age_ms: frame.received.map(|at| Instant::now().saturating_duration_since(at).as_secs_f64() * 1000.0),
        key: picture.map(|picture| picture.key),
        width: size.map(|(width, _)| width.into()),
        height: size.map(|(_, height)| height.into()),
        id: picture.map(|picture| picture.id as f64),
        data: FrameBytes(frame.data),
    }
}

/// Encoded frames that an application sends in place of PCM.
#[napi]
pub struct FrameQueue {
    id: u32,
    queue: Arc<media::FrameQueue>,
    _live: Live,
}

#[napi]
impl FrameQueue {
    /// `codec` as in SDP; one that is not here is an error.
    #[napi(constructor, catch_unwind)]
    pub fn new(engine: &Engine, codec: String, queue_ms: u32) -> napi::Result<Self> {
        let codec = Codec::from_name(&codec)
            .ok_or_else(|| napi::Error::new(napi::Status::InvalidArg, format!("there is no codec {codec}")))?;
        let (id, outbox) = (next_id(), engine.outbox());
        let queue = Arc::new(media::FrameQueue::new(codec, queue_ms));
        queue.on_drain(Arc::new(move || outbox.push(Notice::FramesDrained(id))));
        Ok(Self { id, queue, _live: Live::new(Kind::FrameQueue) })
    }

    /// The name that its reports carry.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// `null`: these are no frame of the codec. `false`: it is full, and a report will tell of room.
    #[napi(catch_unwind)]
    pub fn write(&self, frame: &[u8]) -> Option<bool> {
        self.queue.write(Bytes::copy_from_slice(frame))
    }

    /// Drops what was not sent.
    #[napi(catch_unwind)]
    pub fn clear(&self) {
        self.queue.clear();
    }

    /// Written and not yet sent.
    #[napi(catch_unwind)]
    pub fn queued_ms(&self) -> f64 {
        self.queue.queued_ms()
    }
}

impl FrameQueue {
    pub(super) fn queue(&self) -> Arc<media::FrameQueue> {
        self.queue.clone()
    }
}
