//! Reads SDP (RFC 8866): tolerant of what gateways send, strict where a line cannot mean anything.
//!
//! Invariant: an error names the 1-based line that it is about.

use super::attribute::{Attribute, read_section, read_session, read_shared};
use super::{Section, Session, Shared, is_rtp};
use crate::error::{Error, Result};
use crate::negotiation::codec::{CodecParameters, STATIC};
use crate::negotiation::extension::id_of;

/// More sections than any call has; each costs memory and an answer.
const MAX_SECTIONS: usize = 256;
/// A description is a few kilobytes; this bounds what a far end can make us copy.
const MAX_BYTES: usize = 256 << 10;
/// More formats, streams, fingerprints, layers or SSRCs than any section has. What negotiation does with them is quadratic.
pub(super) const MAX_NAMES: usize = 128;

/// `x=value`.
struct Line<'a> {
    number: u32,
    kind: u8,
    value: &'a str,
}

/// Reads a description.
pub(in super::super) fn parse(text: &str) -> Result<Session> {
    if text.len() > MAX_BYTES {
        return Err(Error::sdp(1, format!("the description has more than {MAX_BYTES} bytes")));
    }
    let lines = lines(text)?;
    let first_section = lines.iter().position(|line| line.kind == b'm').unwrap_or(lines.len());
    let (head, body) = lines.split_at(first_section);
    check_head(head)?;
    let mut session = Session::default();
    let mut shared = Shared::default();
    for line in head {
        match line.kind {
            b'c' => shared.address = Some(connection_address(line)?.to_owned()),
            b'a' => {
                let attribute = Attribute::new(line.number, line.value)?;
                if !read_shared(&mut shared, &attribute)? {
                    read_session(&mut session, &attribute)?;
                }
            }
            _ => {}
        }
    }
    for line in body {
        if line.kind == b'm' {
            if session.sections.len() == MAX_SECTIONS {
                return Err(Error::sdp(line.number, "too many m= sections"));
            }
            session.sections.push(media_line(line)?);
        } else if let Some(section) = session.sections.last_mut() {
            match line.kind {
                b'c' => section.shared.address = Some(connection_address(line)?.to_owned()),
                b'a' => {
                    let attribute = Attribute::new(line.number, line.value)?;
                    if !read_shared(&mut section.shared, &attribute)? {
                        read_section(section, &attribute)?;
                    }
                }
                b'v' | b'o' | b's' | b't' => return Err(Error::sdp(line.number, "session line inside an m= section")),
                _ => {}
            }
        }
    }
    for section in &mut session.sections {
        inherit(&mut section.shared, &shared);
        finish_codecs(section);
    }
    Ok(session)
}

/// Lines end with CRLF or LF; blanks before the end and an empty last line are of no meaning.
fn lines(text: &str) -> Result<Vec<Line<'_>>> {
    let mut lines = Vec::new();
    let text = text.trim_end_matches(['\r', '\n', ' ', '\t']);
    for (index, line) in text.split('\n').enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let line = line.trim_end_matches(['\r', ' ', '\t']);
        match line.as_bytes() {
            [kind, b'=', value @ ..] if kind.is_ascii_lowercase() && value.iter().all(|byte| !is_control(*byte)) => {
                lines.push(Line { number, kind: *kind, value: &line[2..] });
            }
            _ => return Err(Error::sdp(number, "a line must be a letter, '=' and a value")),
        }
    }
    Ok(lines)
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// `v=`, `o=`, `s=` come first and in this order, `t=` after them.
fn check_head(head: &[Line<'_>]) -> Result<()> {
    for (index, kind) in b"vos".iter().enumerate() {
        match head.get(index) {
            Some(line) if line.kind == *kind => check_head_line(line)?,
            _ => {
                let number = head.get(index).or(head.last()).map_or(1, |line| line.number);
                return Err(Error::sdp(number, format!("{}= expected", char::from(*kind))));
            }
        }
    }
    for line in &head[3..] {
        check_head_line(line)?;
        if matches!(line.kind, b'v' | b'o' | b's') {
            return Err(Error::sdp(line.number, "line may stand only once"));
        }
    }
    if head.iter().any(|line| line.kind == b't') {
        return Ok(());
    }
    Err(Error::sdp(head.last().map_or(1, |line| line.number), "t= expected"))
}

fn check_head_line(line: &Line<'_>) -> Result<()> {
    let words: Vec<_> = line.value.split_ascii_whitespace().collect();
    let digits = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let good = match line.kind {
        b'v' => line.value == "0",
        // Session id and version are numbers of any size: gateways go beyond 64 bits.
        b'o' => words.len() == 6 && words[1..3].iter().all(digits) && words[3] == "IN",
        b't' => words.len() == 2 && words.iter().all(digits),
        _ => true,
    };
    if good { Ok(()) } else { Err(Error::sdp(line.number, format!("malformed {}= line", char::from(line.kind)))) }
}

/// `c=IN IP4 address[/ttl]`.
fn connection_address<'a>(line: &Line<'a>) -> Result<&'a str> {
    let mut words = line.value.split_ascii_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("IN"), Some("IP4" | "IP6"), Some(address), None) => Ok(address.split('/').next().unwrap_or(address)),
        _ => Err(Error::sdp(line.number, "malformed c= line")),
    }
}

/// `m=media port[/n] protocol format…`.
fn media_line(line: &Line<'_>) -> Result<Section> {
    let bad = |what: &str| Error::sdp(line.number, format!("malformed m= line: {what}"));
    let words: Vec<_> = line.value.split_ascii_whitespace().collect();
    let [media, port, protocol, formats @ ..] = words.as_slice() else { return Err(bad("too short")) };
    let port = port.split('/').next().unwrap_or(port);
    let port = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = port.and_then(|port| port.parse().ok()).ok_or_else(|| bad("port"))?;
    if formats.is_empty() {
        return Err(bad("no format"));
    }
    if is_rtp(protocol) && formats.iter().any(|format| payload_type(format).is_none()) {
        return Err(bad("payload type"));
    }
    let mut unique: Vec<String> = Vec::new();
    for format in formats {
        if !unique.iter().any(|known| known == format) {
            if unique.len() == MAX_NAMES {
                return Err(bad("too many formats"));
            }
            unique.push((*format).to_owned());
        }
    }
    Ok(Section {
        media: (*media).to_owned(),
        port,
        protocol: (*protocol).to_owned(),
        formats: unique,
        ..Section::default()
    })
}

/// 0 to 127, digits only.
pub(super) fn payload_type(word: &str) -> Option<u8> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten().filter(|payload_type| *payload_type < 128)
}

/// What the section does not say itself, session level says.
fn inherit(section: &mut Shared, session: &Shared) {
    if section.ufrag.is_none() && section.pwd.is_none() {
        section.ufrag.clone_from(&session.ufrag);
        section.pwd.clone_from(&session.pwd);
    }
    if section.fingerprints.is_empty() {
        section.fingerprints.clone_from(&session.fingerprints);
    }
    section.trickles |= session.trickles;
    section.setup = section.setup.or(session.setup);
    section.tls_id = section.tls_id.take().or_else(|| session.tls_id.clone());
    section.direction = section.direction.or(session.direction);
    for (id, extension) in &session.extensions {
        if id_of(&section.extensions, *extension).is_none() {
            section.extensions.push((*id, *extension));
        }
    }
    section.extension_ids.extend(&session.extension_ids);
    section.address = section.address.take().or_else(|| session.address.clone());
}

/// A codec of which only the payload type is known yet.
pub(super) fn unmapped(payload_type: u8) -> CodecParameters {
    CodecParameters { payload_type, name: String::new(), clock_rate: 0, channels: 1, fmtp: String::new() }
}

/// Formats in the order of the `m=` line; static ones need no `a=rtpmap`.
fn finish_codecs(section: &mut Section) {
    if !section.is_rtp() {
        section.codecs.clear();
        return;
    }
    let mapped = std::mem::take(&mut section.codecs);
    for payload_type in section.formats.iter().filter_map(|format| payload_type(format)) {
        let found = mapped.iter().find(|codec| codec.payload_type == payload_type).cloned();
        let mut codec = found.unwrap_or_else(|| unmapped(payload_type));
        if codec.name.is_empty() {
            let known = STATIC.iter().find(|row| row.0 == payload_type);
            let Some((_, name, clock_rate, channels)) = known else { continue };
            codec.name = (*name).to_owned();
            (codec.clock_rate, codec.channels) = (*clock_rate, *channels);
        }
        section.codecs.push(codec);
    }
}
