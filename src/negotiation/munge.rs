//! What applications change in a description of ours before they set it, as browsers let them ("SDP munging"; W3C section
//! 4.4.1.5 knows no such thing).
//!
//! Invariant: the changed text says what we then do. Lines may be gone that no call needs; codecs and header extensions may be
//! fewer, codecs in another order and with other parameters, a direction narrower. Of new lines these are taken: parameters
//! of codecs, packet times, bandwidths, candidates.

use super::codec::{self, CodecParameters};
use super::description::{Draft, LocalSection};
use super::sdp::{self, Section, Session, Shared};
use super::slot::Slot;
use crate::error::{Error, ErrorKind, Result};

/// Makes `draft` say `sdp`.
pub(super) fn apply(draft: &mut Draft, sdp: &str) -> Result<()> {
    let made = sdp::parse(&draft.text).map_err(|_| modified())?;
    let changed = sdp::parse(sdp).map_err(|_| modified())?;
    let (head, texts) = split(sdp);
    let known = |line: &str| draft.text.lines().any(|made| made == line) || may_be_new(line);
    if !head.lines().chain(texts.iter().flatten().copied()).all(known) || !same_session(&made, &changed) {
        return Err(modified());
    }
    let sections = made.sections.iter().zip(&changed.sections).zip(&texts);
    for (((made, changed), text), (slot, section)) in
        sections.zip(draft.slots.iter_mut().zip(&mut draft.description.sections))
    {
        if !same_section(made, changed) {
            return Err(modified());
        }
        take_into_use(changed, text, slot, section);
    }
    draft.description.head = head;
    sdp.clone_into(&mut draft.text);
    Ok(())
}

pub(super) fn modified() -> Error {
    Error::new(
        ErrorKind::InvalidModification,
        "the description is not the last one that was created, or was changed in what cannot be changed",
    )
}

/// Session level with its line ends, and the lines of each section.
fn split(sdp: &str) -> (String, Vec<Vec<&str>>) {
    let mut head = String::new();
    let mut sections: Vec<Vec<&str>> = Vec::new();
    for line in sdp.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if line.starts_with("m=") {
            sections.push(vec![line]);
        } else if let Some(section) = sections.last_mut() {
            section.push(line);
        } else {
            head.push_str(line);
            head.push_str("\r\n");
        }
    }
    (head, sections)
}

/// Their meaning is looked at section by section.
fn may_be_new(line: &str) -> bool {
    let prefixes = ["m=", "c=", "b=", "a=fmtp:", "a=ptime:", "a=maxptime:"];
    prefixes.iter().any(|prefix| line.starts_with(prefix)) || is_rendered(line) || is_direction(line)
}

fn is_direction(line: &str) -> bool {
    matches!(line, "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive")
}

fn same_session(made: &Session, changed: &Session) -> bool {
    made.bundles == changed.bundles
        && made.ice_lite == changed.ice_lite
        && made.sections.len() == changed.sections.len()
}

fn same_section(made: &Section, changed: &Section) -> bool {
    let restored = Section {
        port: made.port,
        formats: made.formats.clone(),
        rtcp_port: made.rtcp_port,
        codecs: made.codecs.clone(),
        ptime_ms: made.ptime_ms,
        max_ptime_ms: made.max_ptime_ms,
        candidates: made.candidates.clone(),
        end_of_candidates: made.end_of_candidates,
        shared: Shared {
            trickles: made.shared.trickles,
            direction: made.shared.direction,
            extensions: made.shared.extensions.clone(),
            extension_ids: made.shared.extension_ids.clone(),
            address: made.shared.address.clone(),
            ..changed.shared.clone()
        },
        ..changed.clone()
    };
    let direction = changed.shared.direction.zip(made.shared.direction);
    restored == *made
        && (made.port == 0) == (changed.port == 0)
        && direction.is_none_or(|(changed, made)| changed.intersect(made) == changed)
        && changed.shared.direction.is_some() == made.shared.direction.is_some()
        && changed.shared.extension_ids.iter().all(|id| made.shared.extension_ids.contains(id))
        && changed.shared.extensions.iter().all(|extension| made.shared.extensions.contains(extension))
        && same_codecs(made, changed)
}

/// Payload types keep their meaning, and there is something to talk with.
fn same_codecs(made: &Section, changed: &Section) -> bool {
    let is_in =
        |codec: &CodecParameters, section: &Section| section.codecs.iter().any(|other| codec::is_same(codec, other));
    let is_named = |codec: &CodecParameters| changed.formats.contains(&codec.payload_type.to_string());
    changed.formats.iter().all(|format| made.formats.contains(format))
        && changed.codecs.iter().all(|codec| is_in(codec, made))
        && made.codecs.iter().all(|codec| is_in(codec, changed) || !is_named(codec))
        && (changed.codecs.iter().any(codec::carries_media) || !made.codecs.iter().any(codec::carries_media))
}

fn take_into_use(changed: &Section, text: &[&str], slot: &mut Slot, section: &mut LocalSection) {
    if let Some(local) = &mut slot.local {
        local.direction = changed.shared.direction.unwrap_or(local.direction);
        local.codecs.clone_from(&changed.codecs);
        local.extensions.retain(|extension| changed.shared.extensions.contains(extension));
    }
    section.formats = changed.formats.join(" ");
    section.bandwidth = lines(text, |line| line.starts_with("b="));
    section.attributes = lines(text, |line| line.starts_with("a=") && !is_rendered(line));
}

fn lines(text: &[&str], wanted: impl Fn(&str) -> bool) -> String {
    text.iter().filter(|line| wanted(line)).flat_map(|line| [line, "\r\n"]).collect()
}

/// Lines that are written anew each time a description is shown, with the candidates known by then.
fn is_rendered(line: &str) -> bool {
    line.starts_with("a=rtcp:") || line.starts_with("a=candidate:") || line == "a=end-of-candidates"
}
