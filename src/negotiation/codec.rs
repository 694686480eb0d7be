//! The one table of codecs, and how a codec in a description is recognised.
//!
//! Invariant: a codec is what its name (in any case), clock rate and channel count say, and with video its profile.
//! Nothing else in an fmtp decides whether two ends have a codec in common, and a payload type, once given to a codec,
//! stays its own for the session.

use super::types::{Features, Kind};
use std::collections::BTreeMap;

/// A codec with the payload type it has in a section.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CodecParameters {
    /// RTP payload type.
    pub payload_type: u8,
    /// As registered: `opus`, `PCMU`, `PCMA`, `G722`, `telephone-event`…
    pub name: String,
    /// RTP clock in Hz.
    pub clock_rate: u32,
    /// As in `a=rtpmap`; 1 where it says none.
    pub channels: u8,
    /// Parameters of `a=fmtp`, of the end that receives; empty if none.
    pub fmtp: String,
}

/// RTCRtpCodec without the kind.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CodecCapability {
    /// The subtype: `opus`, not `audio/opus`.
    pub name: String,
    /// RTP clock in Hz.
    pub clock_rate: u32,
    /// `None` means 1.
    pub channels: Option<u8>,
    /// `sdpFmtpLine`.
    pub fmtp: Option<String>,
}

impl CodecCapability {
    /// `codec` is of this name, clock rate and number of channels.
    pub(super) fn is(&self, codec: &CodecParameters) -> bool {
        self.name.eq_ignore_ascii_case(&codec.name)
            && self.clock_rate == codec.clock_rate
            && self.channels.unwrap_or(1) == codec.channels
    }
}

/// What a codec is for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Role {
    /// Carries media by itself.
    Media,
    /// Needs another codec beside it.
    Companion,
    /// Sends another codec's packets again: there is one for each that can be repaired (RFC 4588).
    Repair,
}

/// A line of the table.
#[derive(Debug)]
pub(super) struct Row {
    kind: Kind,
    name: &'static str,
    clock_rate: u32,
    channels: u8,
    /// Asked for in offers when it is free.
    payload_type: u8,
    fmtp: &'static str,
    role: Role,
    enabled: fn(&Features) -> bool,
}

/// In order of preference. An audio codec belongs here when the media layer has it both ways; video is negotiated for
/// whoever makes and takes encoded frames.
#[rustfmt::skip]
static TABLE: &[Row] = &[
    Row { kind: Kind::Audio, name: "opus", clock_rate: 48_000, channels: 2, payload_type: 111, fmtp: "minptime=10;useinbandfec=1", role: Role::Media, enabled: |_| true },
    Row { kind: Kind::Audio, name: "red", clock_rate: 48_000, channels: 2, payload_type: 63, fmtp: "", role: Role::Companion, enabled: |features| features.red },
    Row { kind: Kind::Audio, name: "G722", clock_rate: 8_000, channels: 1, payload_type: 9, fmtp: "", role: Role::Media, enabled: |_| true },
    Row { kind: Kind::Audio, name: "PCMU", clock_rate: 8_000, channels: 1, payload_type: 0, fmtp: "", role: Role::Media, enabled: |_| true },
    Row { kind: Kind::Audio, name: "PCMA", clock_rate: 8_000, channels: 1, payload_type: 8, fmtp: "", role: Role::Media, enabled: |_| true },
    Row { kind: Kind::Audio, name: "telephone-event", clock_rate: 48_000, channels: 1, payload_type: 110, fmtp: "", role: Role::Companion, enabled: |_| true },
    Row { kind: Kind::Audio, name: "telephone-event", clock_rate: 8_000, channels: 1, payload_type: 126, fmtp: "", role: Role::Companion, enabled: |_| true },
    Row { kind: Kind::Video, name: "VP8", clock_rate: 90_000, channels: 1, payload_type: 96, fmtp: "", role: Role::Media, enabled: |features| features.video },
    Row { kind: Kind::Video, name: "VP9", clock_rate: 90_000, channels: 1, payload_type: 98, fmtp: "profile-id=0", role: Role::Media, enabled: |features| features.video },
    Row { kind: Kind::Video, name: "VP9", clock_rate: 90_000, channels: 1, payload_type: 100, fmtp: "profile-id=2", role: Role::Media, enabled: |features| features.video },
    Row { kind: Kind::Video, name: "H264", clock_rate: 90_000, channels: 1, payload_type: 102, fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", role: Role::Media, enabled: |features| features.video },
    Row { kind: Kind::Video, name: "H264", clock_rate: 90_000, channels: 1, payload_type: 104, fmtp: "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f", role: Role::Media, enabled: |features| features.video },
    Row { kind: Kind::Video, name: "H264", clock_rate: 90_000, channels: 1, payload_type: 106, fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", role: Role::Media, enabled: |features| features.video },
    Row { kind: Kind::Video, name: "H264", clock_rate: 90_000, channels: 1, payload_type: 108, fmtp: "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f", role: Role::Media, enabled: |features| features.video },
    Row { kind: Kind::Video, name: "AV1", clock_rate: 90_000, channels: 1, payload_type: 45, fmtp: "level-idx=5;profile=0;tier=0", role: Role::Media, enabled: |features| features.video },
    Row { kind: Kind::Video, name: "red", clock_rate: 90_000, channels: 1, payload_type: 112, fmtp: "", role: Role::Companion, enabled: |features| features.video },
    Row { kind: Kind::Video, name: "rtx", clock_rate: 90_000, channels: 1, payload_type: 97, fmtp: "", role: Role::Repair, enabled: |features| features.video },
    Row { kind: Kind::Video, name: "ulpfec", clock_rate: 90_000, channels: 1, payload_type: 114, fmtp: "", role: Role::Companion, enabled: |features| features.video },
];

/// Payload types that need no `a=rtpmap` (RFC 3551 section 6), as far as gateways still send them.
pub(super) const STATIC: &[(u8, &str, u32, u8)] = &[
    (0, "PCMU", 8_000, 1),
    (3, "GSM", 8_000, 1),
    (4, "G723", 8_000, 1),
    (8, "PCMA", 8_000, 1),
    (9, "G722", 8_000, 1),
    (10, "L16", 44_100, 2),
    (11, "L16", 44_100, 1),
    (13, "CN", 8_000, 1),
    (15, "G728", 8_000, 1),
    (18, "G729", 8_000, 1),
    (26, "JPEG", 90_000, 1),
    (31, "H261", 90_000, 1),
    (34, "H263", 90_000, 1),
];

impl Row {
    fn capability(&self) -> CodecCapability {
        CodecCapability {
            name: self.name.to_owned(),
            clock_rate: self.clock_rate,
            channels: (self.kind == Kind::Audio).then_some(self.channels),
            fmtp: (!self.fmtp.is_empty()).then(|| self.fmtp.to_owned()),
        }
    }

    fn parameters(&self, payload_type: u8) -> CodecParameters {
        CodecParameters {
            payload_type,
            name: self.name.to_owned(),
            clock_rate: self.clock_rate,
            channels: self.channels,
            fmtp: self.fmtp.to_owned(),
        }
    }

    fn matches(&self, codec: &CodecParameters) -> bool {
        self.name.eq_ignore_ascii_case(&codec.name)
            && self.clock_rate == codec.clock_rate
            && self.channels == codec.channels
            && (self.role == Role::Repair || profile(self.name, self.fmtp) == profile(self.name, &codec.fmtp))
    }

    fn identity(&self) -> Identity {
        identity(&self.parameters(self.payload_type))
    }

    /// `rtx` may go with it.
    fn is_repairable(&self) -> bool {
        self.kind == Kind::Video && (self.role == Role::Media || self.name == "red")
    }

    fn is_capability(&self, wanted: &CodecCapability) -> bool {
        self.name.eq_ignore_ascii_case(&wanted.name)
            && self.clock_rate == wanted.clock_rate
            && wanted.channels.unwrap_or(1) == self.channels
            && (self.name == "red" || wanted.fmtp.as_deref().unwrap_or_default() == self.fmtp)
    }
}

/// What can be negotiated for `kind`, best first (RTCRtpCapabilities).
pub fn capabilities(kind: Kind, features: &Features) -> Vec<CodecCapability> {
    enabled(kind, features).map(Row::capability).collect()
}

fn enabled(kind: Kind, features: &Features) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.kind == kind && (row.enabled)(features))
}

/// There is at least one codec for `kind`; without one its sections are refused.
pub(super) fn negotiable(kind: Kind, features: &Features) -> bool {
    enabled(kind, features).any(|row| row.role == Role::Media)
}

/// The rows that preferences name, in their order; `None` if one is unknown or none of them carries media.
pub(super) fn preferred(wanted: &[CodecCapability], kind: Kind, features: &Features) -> Option<Vec<&'static Row>> {
    let mut rows: Vec<&'static Row> = Vec::new();
    for capability in wanted {
        let row = enabled(kind, features).find(|row| row.is_capability(capability))?;
        if !rows.iter().any(|known| std::ptr::eq(*known, row)) {
            rows.push(row);
        }
    }
    rows.iter().any(|row| row.role == Role::Media).then_some(rows)
}

/// A codec apart from its payload type: name with profile, clock rate, channels.
type Identity = (String, u32, u8);

fn identity(codec: &CodecParameters) -> Identity {
    let name = codec.name.to_ascii_lowercase();
    let profile = profile(&name, &codec.fmtp);
    (name + &profile, codec.clock_rate, codec.channels)
}

/// What of an fmtp makes two codecs of one name different: RFC 6184, RFC 9628, and for AV1 its RTP specification; with
/// `rtx` the payload type that it repairs.
fn profile(name: &str, fmtp: &str) -> String {
    let of = |key: &str, default: &str| parameter(fmtp, key).unwrap_or(default).to_ascii_lowercase();
    match name.to_ascii_lowercase().as_str() {
        "vp9" => format!(";{}", of("profile-id", "0")),
        "av1" => format!(";{}", of("profile", "0")),
        // The last byte is the level, which need not be the same at both ends.
        "h264" => {
            let level_id = of("profile-level-id", "420010");
            format!(";{};{}", of("packetization-mode", "0"), level_id.get(..4).unwrap_or(&level_id))
        }
        "rtx" => format!(";{}", of("apt", "")),
        _ => String::new(),
    }
}

fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = fmtp.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// The payload type that an `rtx` repairs.
fn repaired(codec: &CodecParameters) -> Option<u8> {
    if codec.name.eq_ignore_ascii_case("rtx") { parameter(&codec.fmtp, "apt")?.parse().ok() } else { None }
}

/// Which codec each payload type of a session stands for.
pub(super) type PayloadTypes = BTreeMap<u8, Identity>;

/// Remembers that `codec` has its payload type.
pub(super) fn remember(known: &mut PayloadTypes, codec: &CodecParameters) {
    known.insert(codec.payload_type, identity(codec));
}

/// Codecs for an offer. `rows`: preferences, or everything. `own`: payload types of this section so far, kept where
/// possible; `all`: those of all sections, which must not be given a second meaning (RFC 8843 section 9.1).
/// `first`: what the section negotiated last, which stays in front.
pub(super) fn offered(
    rows: Option<&[&'static Row]>,
    kind: Kind,
    features: &Features,
    own: &PayloadTypes,
    all: &PayloadTypes,
    first: &[CodecParameters],
) -> Vec<CodecParameters> {
    let mut rows: Vec<&'static Row> = match rows {
        Some(rows) => rows.to_vec(),
        None => {
            let mut all: Vec<_> = enabled(kind, features).collect();
            let place = |row: &Row| first.iter().position(|codec| row.matches(codec)).unwrap_or(usize::MAX);
            all.sort_by_key(|row| place(row));
            all
        }
    };
    rows.dedup_by(|a, b| std::ptr::eq(*a, *b));
    let rtx = rows.iter().find(|row| row.role == Role::Repair).copied();
    let mut purse = Numbers { own, all, latest: first, taken: Vec::new() };
    let mut codecs = Vec::new();
    for row in rows.iter().filter(|row| row.role != Role::Repair) {
        let Some(payload_type) = purse.take(&row.identity(), row.payload_type) else { continue };
        codecs.push(row.parameters(payload_type));
        let repair = rtx.filter(|_| row.is_repairable());
        codecs.extend(repair.and_then(|rtx| {
            let wanted = CodecParameters { fmtp: format!("apt={payload_type}"), ..rtx.parameters(0) };
            let payload_type = purse.take(&identity(&wanted), row.payload_type + 1)?;
            Some(CodecParameters { payload_type, ..wanted })
        }));
    }
    link_red(&mut codecs);
    codecs
}

/// The payload types of an offer that is being made.
struct Numbers<'a> {
    own: &'a PayloadTypes,
    all: &'a PayloadTypes,
    latest: &'a [CodecParameters],
    taken: Vec<u8>,
}

impl Numbers<'_> {
    /// The codec's payload type: as negotiated last, as it was at any time, as it likes, any other.
    fn take(&mut self, codec: &Identity, liked: u8) -> Option<u8> {
        let free = |payload_type: &u8| {
            !self.taken.contains(payload_type)
                && self.own.get(payload_type).is_none_or(|known| known == codec)
                && self.all.get(payload_type).is_none_or(|known| known == codec)
        };
        let latest = self.latest.iter().find(|known| identity(known) == *codec).map(|known| known.payload_type);
        let earlier = self.own.iter().find(|(_, known)| *known == codec).map(|(payload_type, _)| *payload_type);
        let mut wanted = latest.into_iter().chain(earlier).chain([liked]).chain(96..=127).chain(35..=63);
        let payload_type = wanted.find(free)?;
        self.taken.push(payload_type);
        Some(payload_type)
    }
}

/// Codecs for an answer: what `remote` offers and we have, under the offer's payload types, in the offer's order unless
/// the application has preferences. Empty when nothing in common carries media.
pub(super) fn answered(
    rows: Option<&[&'static Row]>,
    kind: Kind,
    features: &Features,
    remote: &[CodecParameters],
) -> Vec<CodecParameters> {
    let allowed = |row: &&Row| rows.is_none_or(|rows| rows.iter().any(|wanted| std::ptr::eq(*wanted, *row)));
    let mut common: Vec<(&'static Row, u8)> = Vec::new();
    for codec in remote {
        let Some(row) = enabled(kind, features).find(|row| row.matches(codec)).filter(allowed) else { continue };
        if row.role != Role::Repair && !common.iter().any(|(known, _)| std::ptr::eq(*known, row)) {
            common.push((row, codec.payload_type));
        }
    }
    if let Some(rows) = rows {
        common.sort_by_key(|(row, _)| rows.iter().position(|wanted| std::ptr::eq(*wanted, *row)));
    }
    if !common.iter().any(|(row, _)| row.role == Role::Media) {
        return Vec::new();
    }
    let repairs = enabled(kind, features).any(|row| row.role == Role::Repair && allowed(&row));
    let mut codecs = Vec::new();
    for (row, payload_type) in common {
        codecs.push(row.parameters(payload_type));
        let offered = remote.iter().find(|codec| repairs && repaired(codec) == Some(payload_type));
        codecs.extend(offered.map(|rtx| CodecParameters { name: "rtx".to_owned(), ..rtx.clone() }));
    }
    link_red(&mut codecs);
    codecs
}

/// The codecs of `list` that `other` has too, in the order of `list` and with its payload types and fmtp, but under
/// their registered names.
pub(super) fn common(
    kind: Kind,
    features: &Features,
    list: &[CodecParameters],
    other: &[CodecParameters],
) -> Vec<CodecParameters> {
    let mut codecs: Vec<CodecParameters> = Vec::new();
    for codec in list {
        let Some(row) = enabled(kind, features).find(|row| row.matches(codec)) else { continue };
        let known = |known: &CodecParameters| identity(known) == identity(codec);
        if other.iter().any(|codec| row.matches(codec)) && !codecs.iter().any(known) {
            codecs.push(CodecParameters { name: row.name.to_owned(), ..codec.clone() });
        }
    }
    let kept: Vec<u8> = codecs.iter().map(|codec| codec.payload_type).collect();
    codecs.retain(|codec| codec.name != "rtx" || repaired(codec).is_some_and(|it| kept.contains(&it)));
    codecs
}

/// What may come where `agreed` was negotiated: also under payload types that a codec had before, as they keep their meaning
/// (RFC 3264 section 8.3.2), or has at the far end alone. Packets are under way while they change, and there are far ends that go
/// on with the former ones.
pub(super) fn receivable(agreed: &[CodecParameters], known: &PayloadTypes) -> Vec<CodecParameters> {
    let mut codecs = agreed.to_vec();
    for (&payload_type, known) in known {
        let free = agreed.iter().all(|codec| codec.payload_type != payload_type);
        if let Some(codec) = agreed.iter().find(|codec| free && identity(codec) == *known) {
            codecs.push(CodecParameters { payload_type, ..codec.clone() });
        }
    }
    codecs
}

/// `a` and `b` are one codec under one payload type.
pub(super) fn is_same(a: &CodecParameters, b: &CodecParameters) -> bool {
    a.payload_type == b.payload_type && identity(a) == identity(b)
}

/// `codec` carries media by itself.
pub(super) fn carries_media(codec: &CodecParameters) -> bool {
    TABLE.iter().any(|row| row.role == Role::Media && row.matches(codec))
}

/// RED says in its fmtp which payload type it doubles (RFC 2198 section 5).
fn link_red(codecs: &mut [CodecParameters]) {
    let opus = codecs.iter().find(|codec| codec.name == "opus").map(|codec| codec.payload_type);
    for red in codecs.iter_mut().filter(|codec| codec.name == "red" && codec.clock_rate == 48_000) {
        red.fmtp = opus.map(|payload_type| format!("{payload_type}/{payload_type}")).unwrap_or_default();
    }
}
