//! The one error of the engine. It crosses to JavaScript as data and becomes an exception there, in the
//! caller's realm: `kind` names the exception, nobody ever parses `message`.

use std::fmt;

/// What the facade throws or rejects with. Names are those of the DOMException (or of WebIDL's simple exceptions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The object is in a state that does not allow this (closed, wrong signaling state).
    InvalidState,
    /// The argument does not belong to this object.
    InvalidAccess,
    /// The change asked for cannot be made (description altered, parameters altered).
    InvalidModification,
    /// The operation failed for a reason of its own.
    Operation,
    /// A feature that this engine does not have.
    NotSupported,
    /// Malformed text other than SDP (candidate lines, server URLs).
    Syntax,
    /// The network said no.
    Network,
    /// A value of the wrong type.
    Type,
    /// A value out of range.
    Range,
    /// Malformed SDP: an RTCError with errorDetail "sdp-syntax-error".
    SdpSyntax,
}

impl ErrorKind {
    /// The name that JavaScript knows this kind by.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidState => "InvalidStateError",
            Self::InvalidAccess => "InvalidAccessError",
            Self::InvalidModification => "InvalidModificationError",
            Self::Operation => "OperationError",
            Self::NotSupported => "NotSupportedError",
            Self::Syntax => "SyntaxError",
            Self::Network => "NetworkError",
            Self::Type => "TypeError",
            Self::Range => "RangeError",
            Self::SdpSyntax => "SdpSyntaxError",
        }
    }
}

/// An error with the kind of exception it becomes and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Which exception this is.
    pub kind: ErrorKind,
    /// For people only.
    pub message: String,
    /// 1-based line of the SDP that could not be read; only with [`ErrorKind::SdpSyntax`].
    pub sdp_line: Option<u32>,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), sdp_line: None }
    }

    /// Malformed SDP at the 1-based `line`.
    pub fn sdp(line: u32, message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::SdpSyntax, message: message.into(), sdp_line: Some(line) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sdp_line {
            Some(line) => write!(f, "{} (line {line})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

/// A result with the engine's error.
pub type Result<T> = std::result::Result<T, Error>;
