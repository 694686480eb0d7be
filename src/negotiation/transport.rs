//! What negotiation knows of one ICE and DTLS transport.
//!
//! Invariant: candidates belong to the credentials beside them; a change of credentials empties the list.

use super::candidate::{Candidate, MAX_CANDIDATES};
use super::plan::{DtlsPlan, DtlsRole, IceCredentials};
use super::random::{self, Random};
use super::sdp::{Section, Setup};
use super::types::Fingerprint;

/// A transport.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    pub local: IceCredentials,
    /// Credentials for our answer to the far end's ICE restart.
    pub next_local: Option<IceCredentials>,
    pub generation: u32,
    pub gather: bool,
    pub candidates: Vec<Candidate>,
    pub complete: bool,
    pub remote: Option<RemoteIce>,
    /// We offered new credentials; `remote` still belongs to the old ones.
    pub awaiting_remote: bool,
    /// What came meanwhile without a word of the credentials it belongs to: candidates may overtake the answer (Janus).
    pub early: RemoteCandidates,
    /// The last remote description changed the far end's credentials.
    pub remote_restarted: bool,
    pub controlling: bool,
    /// Of the last remote description, perhaps still pending.
    pub remote_dtls: Option<RemoteDtls>,
    pub dtls: Option<DtlsPlan>,
    /// What `dtls` was settled with.
    settled: Option<Settled>,
}

/// What tells one association of the far end from another under the same certificate.
#[derive(Clone, Debug)]
struct Settled {
    tls_id: Option<String>,
    credentials: Option<IceCredentials>,
    /// By a provisional answer: another one may come from another branch of a forked call.
    provisional: bool,
}

/// The far end's ICE side.
#[derive(Clone, Debug)]
pub(super) struct RemoteIce {
    pub credentials: IceCredentials,
    pub lite: bool,
    pub candidates: RemoteCandidates,
}

/// Candidates of the far end: of component 1, each once, and no more than any transport can use.
#[derive(Clone, Debug, Default)]
pub(super) struct RemoteCandidates {
    pub list: Vec<Candidate>,
    /// No more of them come.
    pub complete: bool,
}

/// The far end's DTLS side.
#[derive(Clone, Debug)]
pub(super) struct RemoteDtls {
    pub setup: Option<Setup>,
    pub fingerprints: Vec<Fingerprint>,
    pub tls_id: Option<String>,
}

/// New credentials: 48 and 144 random bits (RFC 8445 asks for 24 and 128).
pub(super) fn credentials(random: &mut dyn Random) -> IceCredentials {
    IceCredentials { ufrag: random::token(random, 8), pwd: random::token(random, 24) }
}

impl Transport {
    pub fn new(local: IceCredentials, controlling: bool) -> Self {
        Self {
            local,
            next_local: None,
            generation: 0,
            gather: false,
            candidates: Vec::new(),
            complete: false,
            remote: None,
            awaiting_remote: false,
            early: RemoteCandidates::default(),
            remote_restarted: false,
            controlling,
            remote_dtls: None,
            dtls: None,
            settled: None,
        }
    }

    /// Takes `local` into use; gathers anew if it is new.
    pub fn use_credentials(&mut self, local: &IceCredentials, we_offer: bool) {
        self.gather = true;
        self.next_local = None;
        if self.local != *local {
            self.local = local.clone();
            self.generation += 1;
            self.candidates.clear();
            self.complete = false;
            self.awaiting_remote = we_offer;
        }
    }

    /// Takes in the far end's description of this transport. `before`: its side before the pending negotiation.
    pub fn apply_remote(&mut self, section: &Section, lite: bool, before: Option<&RemoteIce>) {
        if let Some(credentials) = section.credentials() {
            self.remote_restarted = before.is_some_and(|before| before.credentials != credentials);
            self.awaiting_remote = false;
            let known = self.remote.take().filter(|known| known.credentials == credentials);
            let candidates = std::mem::take(&mut self.early);
            let mut remote = known.unwrap_or(RemoteIce { credentials, lite, candidates });
            remote.lite = lite;
            section.candidates.iter().for_each(|candidate| remote.candidates.add(candidate));
            // Who neither trickles nor lists anything is found by its own checks only.
            let all_told = !section.shared.trickles && !section.candidates.is_empty();
            remote.candidates.complete |= section.end_of_candidates || all_told;
            self.controlling |= lite;
            self.remote = Some(remote);
        }
        if !section.shared.fingerprints.is_empty() {
            let (fingerprints, tls_id) = (section.shared.fingerprints.clone(), section.shared.tls_id.clone());
            self.remote_dtls = Some(RemoteDtls { setup: section.shared.setup, fingerprints, tls_id });
        }
    }

    /// Our DTLS role. An association lives as long as the far end's fingerprints; it keeps its role whatever a gateway
    /// writes into a later `a=setup`, unless an ICE restart says that another machine took over.
    pub fn dtls_role(&self, we_offered: bool) -> Option<DtlsRole> {
        let remote = self.remote_dtls.as_ref()?;
        let asked = match remote.setup {
            Some(Setup::Active) => Some(DtlsRole::Server),
            Some(Setup::Passive) => Some(DtlsRole::Client),
            _ => None,
        };
        let goes_on = |dtls: &&DtlsPlan| dtls.fingerprints == remote.fingerprints && !self.wants_another();
        let established = self.dtls.as_ref().filter(goes_on).map(|dtls| dtls.role);
        // An offer of actpass (or without setup) is answered active; an answer without setup is taken for active.
        let default = if we_offered { DtlsRole::Server } else { DtlsRole::Client };
        Some(match (established, asked) {
            (Some(_), Some(asked)) if self.remote_restarted => asked,
            (Some(established), _) => established,
            (None, asked) => asked.unwrap_or(default),
        })
    }

    /// Does the far end want another association, whatever its certificate? So it does with another `a=tls-id` (RFC 8842
    /// section 4), and so does another branch of a forked call, which may be behind the same gateway.
    fn wants_another(&self) -> bool {
        let Some((settled, remote)) = self.settled.as_ref().zip(self.remote_dtls.as_ref()) else { return false };
        let renamed = settled.tls_id.as_ref().zip(remote.tls_id.as_ref()).is_some_and(|(before, now)| before != now);
        renamed || settled.provisional && settled.credentials.as_ref() != self.remote_credentials()
    }

    fn remote_credentials(&self) -> Option<&IceCredentials> {
        self.remote.as_ref().map(|remote| &remote.credentials)
    }

    /// Fixes role and fingerprints; an answer was applied.
    pub fn settle_dtls(&mut self, we_offered: bool, provisional: bool) {
        let (role, another) = (self.dtls_role(we_offered), self.wants_another());
        if let Some((role, remote)) = role.zip(self.remote_dtls.as_ref()) {
            let association = self.dtls.as_ref().map_or(0, |dtls| dtls.association) + u32::from(another);
            self.dtls = Some(DtlsPlan { role, fingerprints: remote.fingerprints.clone(), association });
            let before = self.settled.take().and_then(|settled| settled.tls_id);
            let (tls_id, credentials) = (remote.tls_id.clone().or(before), self.remote_credentials().cloned());
            self.settled = Some(Settled { tls_id, credentials, provisional });
        }
    }
}

impl RemoteCandidates {
    pub fn add(&mut self, candidate: &Candidate) {
        let useful = candidate.component == 1 && !self.list.contains(candidate);
        if useful && self.list.len() < MAX_CANDIDATES {
            self.list.push(candidate.clone());
        }
    }
}
