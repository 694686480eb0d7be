//! The `a=` lines that negotiation understands.
//!
//! Invariant: an unknown attribute is skipped; a known one that cannot be read is an error where it changes the meaning
//! of the description (payload types, ICE, DTLS, mid, msid) and skipped where it is only advice (`ptime`, `rtcp`,
//! candidates).

use super::parse::{MAX_NAMES, payload_type, unmapped};
use super::{Section, Session, Setup, Shared};
use crate::error::{Error, Result};
use crate::negotiation::candidate::{Candidate, MAX_CANDIDATES};
use crate::negotiation::codec::CodecParameters;
use crate::negotiation::extension::{Extension, id_of};
use crate::negotiation::types::{Direction, Fingerprint, HashAlgorithm};

/// `a=name[:value]`.
pub(super) struct Attribute<'a> {
    line: u32,
    name: &'a str,
    value: &'a str,
}

impl<'a> Attribute<'a> {
    pub(super) fn new(line: u32, text: &'a str) -> Result<Self> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        if name.is_empty() {
            return Err(Error::sdp(line, "attribute without a name"));
        }
        Ok(Self { line, name, value: value.trim_start() })
    }

    fn malformed(&self) -> Error {
        Error::sdp(self.line, format!("malformed a={}", self.name))
    }

    fn too_many(&self) -> Error {
        Error::sdp(self.line, format!("too many a={}", self.name))
    }

    /// The value, when it is one word.
    fn word(&self) -> Result<&'a str> {
        let mut words = self.value.split_ascii_whitespace();
        words.next().filter(|_| words.next().is_none()).ok_or_else(|| self.malformed())
    }

    /// The value, when it is a decimal number and nothing else.
    fn number<T: std::str::FromStr>(&self) -> Result<T> {
        let digits = Some(self.value).filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|value| value.parse().ok()).ok_or_else(|| self.malformed())
    }
}

/// Attributes of either level; `false` if this is not one.
pub(super) fn read_shared(shared: &mut Shared, attribute: &Attribute<'_>) -> Result<bool> {
    match attribute.name {
        "ice-ufrag" => shared.ufrag = Some(ice_token(attribute, 4)?),
        "ice-pwd" => shared.pwd = Some(ice_token(attribute, 22)?),
        "ice-options" => shared.trickles |= attribute.value.split_ascii_whitespace().any(|option| option == "trickle"),
        "fingerprint" if shared.fingerprints.len() == MAX_NAMES => return Err(attribute.too_many()),
        "fingerprint" => shared.fingerprints.extend(fingerprint(attribute)?),
        "setup" => shared.setup = Some(setup(attribute)?),
        "tls-id" => shared.tls_id = Some(attribute.value.to_owned()),
        "extmap" => read_extmap(shared, attribute)?,
        "sendrecv" | "sendonly" | "recvonly" | "inactive" if !attribute.value.is_empty() => {
            return Err(attribute.malformed());
        }
        "sendrecv" => shared.direction = Some(Direction::SendRecv),
        "sendonly" => shared.direction = Some(Direction::SendOnly),
        "recvonly" => shared.direction = Some(Direction::RecvOnly),
        "inactive" => shared.direction = Some(Direction::Inactive),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Attributes of session level only.
pub(super) fn read_session(session: &mut Session, attribute: &Attribute<'_>) -> Result<()> {
    match attribute.name {
        "ice-lite" => session.ice_lite = true,
        "group" => {
            let mut words = attribute.value.split_ascii_whitespace();
            let semantics = words.next().ok_or_else(|| attribute.malformed())?;
            if semantics == "BUNDLE" {
                session.bundles.push(words.map(str::to_owned).collect());
            }
        }
        _ => {}
    }
    Ok(())
}

/// Attributes of section level only.
pub(super) fn read_section(section: &mut Section, attribute: &Attribute<'_>) -> Result<()> {
    match attribute.name {
        "mid" => section.mid = Some(attribute.word()?.to_owned()),
        "bundle-only" => section.bundle_only = true,
        "rtcp-mux" | "rtcp-mux-only" => section.rtcp_mux = true,
        "rtcp-rsize" => section.rtcp_reduced_size = true,
        "rtcp" => section.rtcp_port = attribute.value.split(' ').next().and_then(|port| port.parse().ok()),
        "rtpmap" => read_rtpmap(section, attribute)?,
        "fmtp" => read_fmtp(section, attribute)?,
        "ptime" => section.ptime_ms = attribute.number().ok().filter(|ptime| *ptime > 0),
        "maxptime" => section.max_ptime_ms = attribute.number().ok().filter(|ptime| *ptime > 0),
        // A candidate that nobody can read is one address less, no reason to refuse a call.
        "candidate" if section.candidates.len() == MAX_CANDIDATES => return Err(attribute.too_many()),
        "candidate" => section.candidates.extend(Candidate::parse(&format!("candidate:{}", attribute.value))),
        "end-of-candidates" => section.end_of_candidates = true,
        "msid" => {
            let msid = msid(attribute, attribute.value)?;
            if section.msids.len() < MAX_NAMES {
                section.msids.push(msid);
            }
        }
        "ssrc" => read_ssrc(section, attribute)?,
        "simulcast" => section.rids = simulcast_rids(attribute.value),
        "sctp-port" => section.sctp_port = Some(attribute.number()?),
        "max-message-size" => section.max_message_size = Some(attribute.number()?),
        _ => {}
    }
    Ok(())
}

/// ice-ufrag and ice-pwd (RFC 8839 section 5.4). Characters outside ice-char are seen in the field and harmless.
fn ice_token(attribute: &Attribute<'_>, least: usize) -> Result<String> {
    let word = attribute.word()?;
    let good = (least..=256).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic());
    if good { Ok(word.to_owned()) } else { Err(attribute.malformed()) }
}

/// `hash hex:hex:…`; a hash that we do not know is no error, there may be another line.
fn fingerprint(attribute: &Attribute<'_>) -> Result<Option<Fingerprint>> {
    let (name, digest) = attribute.value.split_once(' ').ok_or_else(|| attribute.malformed())?;
    let bytes: Option<Vec<u8>> = digest.trim().split(':').map(hex_byte).collect();
    let bytes = bytes.ok_or_else(|| attribute.malformed())?;
    let Some((algorithm, length)) = HashAlgorithm::from_name(name) else { return Ok(None) };
    if bytes.len() != length {
        return Err(attribute.malformed());
    }
    Ok(Some(Fingerprint { algorithm, bytes }))
}

fn hex_byte(pair: &str) -> Option<u8> {
    let hex = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
    hex.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
}

fn setup(attribute: &Attribute<'_>) -> Result<Setup> {
    match attribute.value {
        "actpass" => Ok(Setup::ActPass),
        "active" => Ok(Setup::Active),
        "passive" => Ok(Setup::Passive),
        "holdconn" => Ok(Setup::HoldConn),
        _ => Err(attribute.malformed()),
    }
}

/// `id[/direction] uri [attributes]`; ids of RFC 8285 are 1 to 14, or 1 to 255 with two-byte headers.
fn read_extmap(shared: &mut Shared, attribute: &Attribute<'_>) -> Result<()> {
    let mut words = attribute.value.split_ascii_whitespace();
    let (id, uri) = words.next().zip(words.next()).ok_or_else(|| attribute.malformed())?;
    let id = id.split('/').next().unwrap_or(id);
    let id: u16 = id.parse().map_err(|_| attribute.malformed())?;
    if id == 0 {
        return Err(attribute.malformed());
    }
    shared.extension_ids.extend(u8::try_from(id));
    let known = Extension::from_uri(uri).zip(u8::try_from(id).ok().filter(|id| *id != 255));
    if let Some((extension, id)) = known.filter(|(extension, _)| id_of(&shared.extensions, *extension).is_none()) {
        shared.extensions.push((id, extension));
    }
    Ok(())
}

/// `payload-type name/clock[/channels]`.
fn read_rtpmap(section: &mut Section, attribute: &Attribute<'_>) -> Result<()> {
    if !section.is_rtp() {
        return Ok(());
    }
    let mut words = attribute.value.split_ascii_whitespace();
    let (number, encoding) = words.next().zip(words.next()).ok_or_else(|| attribute.malformed())?;
    let number = payload_type(number).ok_or_else(|| attribute.malformed())?;
    let mut parts = encoding.split('/');
    let (name, clock_rate) = parts.next().zip(parts.next()).ok_or_else(|| attribute.malformed())?;
    let clock_rate = clock_rate.parse().ok().filter(|rate: &u32| *rate > 0).ok_or_else(|| attribute.malformed())?;
    let mut channels = parts.next().map_or(Ok(1), str::parse).map_err(|_| attribute.malformed())?;
    // Two are all that there may be (RFC 7587 section 7), and GStreamer writes none before it has seen its own stream.
    if name.eq_ignore_ascii_case("opus") && channels == 1 {
        channels = 2;
    }
    if name.is_empty() || channels == 0 {
        return Err(attribute.malformed());
    }
    let codec = codec_entry(section, number);
    codec.name = name.to_owned();
    (codec.clock_rate, codec.channels) = (clock_rate, channels);
    Ok(())
}

/// `payload-type parameters`.
fn read_fmtp(section: &mut Section, attribute: &Attribute<'_>) -> Result<()> {
    if !section.is_rtp() {
        return Ok(());
    }
    let (number, parameters) = attribute.value.split_once(' ').unwrap_or((attribute.value, ""));
    let number = payload_type(number).ok_or_else(|| attribute.malformed())?;
    codec_entry(section, number).fmtp = parameters.trim().to_owned();
    Ok(())
}

/// The codec of a payload type; `a=fmtp` may stand before `a=rtpmap`, static types have none.
fn codec_entry(section: &mut Section, payload_type: u8) -> &mut CodecParameters {
    let known = section.codecs.iter().position(|codec| codec.payload_type == payload_type);
    let index = known.unwrap_or_else(|| {
        section.codecs.push(unmapped(payload_type));
        section.codecs.len() - 1
    });
    &mut section.codecs[index]
}

/// `stream [track]` (RFC 8830).
fn msid(attribute: &Attribute<'_>, text: &str) -> Result<(String, Option<String>)> {
    let mut words = text.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(stream), track, None) => Ok((stream.to_owned(), track.map(str::to_owned))),
        _ => Err(attribute.malformed()),
    }
}

/// The layers after `recv`, the first alternative of each, paused or not (RFC 8853 section 5.1).
fn simulcast_rids(value: &str) -> Vec<String> {
    let mut words = value.split_ascii_whitespace();
    let list = words.by_ref().find(|word| *word == "recv").and_then(|_| words.next()).unwrap_or_default();
    let first = |layer: &str| layer.split(',').next().unwrap_or_default().trim_start_matches('~').to_owned();
    list.split(';').map(first).filter(|rid| !rid.is_empty()).take(MAX_NAMES).collect()
}

/// `ssrc [attribute]` (RFC 5576).
fn read_ssrc(section: &mut Section, attribute: &Attribute<'_>) -> Result<()> {
    let (ssrc, rest) = attribute.value.split_once(' ').unwrap_or((attribute.value, ""));
    let ssrc = ssrc.parse().map_err(|_| attribute.malformed())?;
    if section.ssrcs.len() < MAX_NAMES && !section.ssrcs.contains(&ssrc) {
        section.ssrcs.push(ssrc);
    }
    if let Some(text) = rest.strip_prefix("msid:") {
        section.ssrc_msid = Some(msid(attribute, text)?);
    }
    Ok(())
}
