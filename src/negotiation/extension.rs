//! RTP header extensions (RFC 8285) that may be negotiated.
//!
//! Invariant: within a session an id has one meaning, and an answer takes over the ids of its offer.

use super::types::Kind;

/// A header extension.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Extension {
    /// RFC 8843 section 15. Cannot be switched off.
    Mid,
    /// RFC 6464.
    AudioLevel,
    /// 3GPP TS 26.114 section 7.4.5; a picture that is not rotated needs none.
    VideoOrientation,
    /// RFC 8852.
    Rid,
    /// RFC 8852, for retransmissions.
    RepairedRid,
}

/// Extensions of a section with the ids that they have there.
pub type Extensions = Vec<(u8, Extension)>;

/// Ids that fit the one-byte form (RFC 8285 section 4.2).
const ONE_BYTE_IDS: std::ops::RangeInclusive<u8> = 1..=14;

impl Extension {
    const ALL: [(Self, &'static str, &'static [Kind]); 5] = [
        (Self::Mid, "urn:ietf:params:rtp-hdrext:sdes:mid", &[Kind::Audio, Kind::Video]),
        (Self::AudioLevel, "urn:ietf:params:rtp-hdrext:ssrc-audio-level", &[Kind::Audio]),
        (Self::VideoOrientation, "urn:3gpp:video-orientation", &[Kind::Video]),
        (Self::Rid, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", &[Kind::Video]),
        (Self::RepairedRid, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", &[Kind::Video]),
    ];

    /// Those of a kind of media, in the order in which they are offered.
    pub fn of(kind: Kind) -> impl Iterator<Item = Self> {
        Self::ALL.iter().filter(move |row| row.2.contains(&kind)).map(|row| row.0)
    }

    /// What stands in `a=extmap`.
    pub fn uri(self) -> &'static str {
        Self::ALL.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The extension of that name.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == uri).map(|row| row.0)
    }
}

/// The id of `extension` among `list`.
pub(super) fn id_of(list: &[(u8, Extension)], extension: Extension) -> Option<u8> {
    list.iter().find(|(_, known)| *known == extension).map(|(id, _)| *id)
}

/// Ids for `wanted` in an offer. `used`: what ids mean in the session so far, `None` for what we do not know.
pub(super) fn numbered(wanted: impl Iterator<Item = Extension>, used: &[(u8, Option<Extension>)]) -> Extensions {
    let mut list = Extensions::new();
    for extension in wanted {
        let known = used.iter().find(|(_, known)| *known == Some(extension)).map(|(id, _)| *id);
        let is_free = |id: &u8| !used.iter().chain(&as_used(&list)).any(|(taken, _)| taken == id);
        if let Some(id) = known.or_else(|| ONE_BYTE_IDS.into_iter().find(is_free)) {
            list.push((id, extension));
        }
    }
    list
}

fn as_used(list: &[(u8, Extension)]) -> Vec<(u8, Option<Extension>)> {
    list.iter().map(|(id, extension)| (*id, Some(*extension))).collect()
}
