//! Candidates that come after their descriptions (RFC 8838, W3C section 4.4.1.9).
//!
//! Invariant: a candidate counts only for the ICE generation that it names.

use super::candidate::{Candidate, MAX_CANDIDATES, SurfacedCandidate, Unread};
use super::description::{END_OF_CANDIDATES, RemoteDescription};
use super::state::State;
use super::transport::Transport;
use super::types::{RemoteCandidateInit, TransportId};
use crate::error::{Error, ErrorKind, Result};

/// addIceCandidate; an empty candidate ends a generation.
pub(super) fn add_remote(state: &mut State, init: &RemoteCandidateInit) -> Result<()> {
    if state.current_remote.is_none() && state.pending_remote.is_none() {
        return Err(Error::new(ErrorKind::InvalidState, "there is no remote description to add a candidate to"));
    }
    let candidate = read(init)?;
    let ufrag = init.username_fragment.clone().or_else(|| candidate.as_ref()?.ufrag.clone());
    let sections = sections_named(state, init)?;
    let mut matched = false;
    for index in sections {
        matched |= add_to_section(state, index, ufrag.as_deref(), init, candidate.as_ref())?;
    }
    if matched || ufrag.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Operation, "no section has this username fragment"))
}

/// `None`: end of candidates, or a candidate of an extension that we do not know.
fn read(init: &RemoteCandidateInit) -> Result<Option<Candidate>> {
    if init.candidate.is_empty() {
        return Ok(None);
    }
    match Candidate::parse(&init.candidate) {
        Ok(candidate) => Ok(Some(candidate)),
        Err(Unread::Unknown) => Ok(None),
        Err(Unread::Malformed) => Err(Error::new(ErrorKind::Operation, "malformed candidate")),
    }
}

/// The section by mid, else by index; without either the end of candidates counts for all.
fn sections_named(state: &State, init: &RemoteCandidateInit) -> Result<Vec<usize>> {
    let described = [&state.pending_remote, &state.current_remote];
    let remotes = || described.into_iter().flatten();
    let count = remotes().map(|remote| remote.sections.len()).max().unwrap_or(0);
    if let Some(mid) = &init.sdp_mid {
        let found = remotes().find_map(|remote| remote.sections.iter().position(|section| section.mid == *mid));
        return found.map(|index| vec![index]).ok_or_else(|| unknown_section("mid"));
    }
    match init.sdp_m_line_index {
        Some(index) if usize::from(index) < count => Ok(vec![usize::from(index)]),
        Some(_) => Err(unknown_section("index")),
        None if init.candidate.is_empty() => Ok((0..count).collect()),
        None => Err(Error::new(ErrorKind::Type, "a candidate needs sdpMid or sdpMLineIndex")),
    }
}

fn unknown_section(what: &str) -> Error {
    Error::new(ErrorKind::Operation, format!("no section has this {what}"))
}

/// Adds to descriptions and transport; `false` if no description of this section has the generation.
fn add_to_section(
    state: &mut State,
    index: usize,
    ufrag: Option<&str>,
    init: &RemoteCandidateInit,
    candidate: Option<&Candidate>,
) -> Result<bool> {
    let text = init.candidate.strip_prefix("a=").unwrap_or(&init.candidate);
    let line = if text.is_empty() { END_OF_CANDIDATES.to_owned() } else { format!("a={text}") };
    let mut matched = None;
    // Without a ufrag a candidate is of the newest generation: the pending description's, if there is one.
    for remote in [&mut state.pending_remote, &mut state.current_remote].into_iter().flatten() {
        let Some(own) = remote.sections.get(index).and_then(|section| section.ufrag.clone()) else { continue };
        if matched.as_ref().map_or(ufrag.is_none_or(|ufrag| ufrag == own), |matched| *matched == own) {
            add_line(remote, index, &line)?;
            matched = Some(own);
        }
    }
    let transport = state.agreement.slots.get(index).and_then(|slot| slot.transport);
    let named = ufrag;
    let (Some(ufrag), Some(id)) = (&matched, transport) else { return Ok(matched.is_some()) };
    let ends = init.candidate.is_empty();
    state.each_transport(id, |transport| {
        let remote = transport.remote.as_mut().filter(|remote| remote.credentials.ufrag == *ufrag);
        let early = (named.is_none() && transport.awaiting_remote).then_some(&mut transport.early);
        for candidates in remote.map(|remote| &mut remote.candidates).into_iter().chain(early) {
            candidates.complete |= ends;
            candidate.into_iter().for_each(|candidate| candidates.add(candidate));
        }
    });
    Ok(true)
}

fn add_line(remote: &mut RemoteDescription, index: usize, line: &str) -> Result<()> {
    // Control characters could smuggle in lines of their own.
    if line.contains(char::is_control) || remote.append(index, line) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Operation, format!("the section has {MAX_CANDIDATES} candidates already")))
}

/// A candidate of ours enters the descriptions; returned as the sections' events show it.
pub(super) fn add_local(state: &mut State, id: TransportId, candidate: &Candidate) -> Vec<SurfacedCandidate> {
    let fits = |transport: &Transport| {
        let current = candidate.ufrag.as_ref().is_none_or(|ufrag| *ufrag == transport.local.ufrag);
        current && !transport.candidates.contains(candidate)
    };
    let mut ufrag = None;
    state.each_transport(id, |transport| {
        if fits(transport) {
            transport.candidates.push(candidate.clone());
            ufrag.get_or_insert_with(|| transport.local.ufrag.clone());
        }
    });
    let slot = state.agreement.slots.iter().position(|slot| !slot.rejected && slot.transport == Some(id));
    let surfaced = slot.zip(ufrag).map(|(index, ufrag)| SurfacedCandidate {
        transport: id,
        candidate: candidate.to_string(),
        mid: state.agreement.slots[index].mid.clone(),
        m_line_index: u16::try_from(index).unwrap_or(u16::MAX),
        ufrag,
    });
    surfaced.into_iter().collect()
}

/// No more candidates of ours come for this generation.
pub(super) fn complete_local(state: &mut State, id: TransportId) {
    let ufrag = state.agreement.transports.get(&id).map(|transport| transport.local.ufrag.clone());
    state.each_transport(id, |transport| {
        transport.complete |= ufrag.as_ref() == Some(&transport.local.ufrag);
    });
}
