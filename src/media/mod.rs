//! Sound: signals, codecs, digits, and the way between RTP packets and PCM.
//!
//! [`Ring`] is one signal with many readers. [`Sender`] reads a ring and makes packets; [`Receiver`] takes packets and
//! writes a ring; [`Sink`] reads a ring as fixed frames for the application; [`Tap`] follows what a ring plays.
//!
//! Invariant: pure in time. `now` is an argument everywhere; nothing here sleeps, starts a thread or touches a socket.

mod assembler;
pub mod codec;
mod conceal;
mod delay;
mod detour;
pub mod dtmf;
mod frame_queue;
mod h264;
pub mod jitter;
mod lead;
mod level;
mod lpc;
mod noise;
mod path;
mod pitch;
mod player;
mod receiver;
mod reception;
mod red;
pub mod resample;
mod ring;
mod seam;
mod sender;
mod sink;
mod sources;
mod speech;
mod stretch;
mod succession;
mod tap;
mod video_receiver;
mod video_sender;
mod vp8;

pub use assembler::VideoFormat;
pub use codec::{Codec, CodecSpec, PayloadKind};
pub use detour::{Detour, Detours, EncodedFrame, Picture, Role};
pub use frame_queue::FrameQueue;
pub use level::{Level, Loudness, Meter};
pub use noise::ComfortNoise;
pub use receiver::{Receiver, ReceiverEvent, ReceiverStats, RecvSpec};
pub use reception::{Reception, ReceptionReport};
pub use ring::{Cleared, Hook, Reader, Ring, RingEvent, WriteOutcome};
pub use sender::{RedSpec, SendSpec, Sender, SenderEvent, SenderStats};
pub use sink::{FrameInfo, Listeners, Noticed, Sink, SinkQueue};
pub use sources::{Source, Sources};
pub use speech::{SpeechChange, SpeechDetector, SpeechSettings};
pub use tap::{Gate, Heard, Piece, Tap};
pub use video_receiver::{VideoReceiver, VideoReceiverStats};
pub use video_sender::{HEIGHT, VideoSendSpec, VideoSender, VideoSenderStats, WIDTH, Wish};
