//! Two ends and all that applications and the network do to them, as a list of operations. The property tests draw such
//! lists and the fuzz targets read them from bytes; what must hold is here.

use super::ice::host;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use webphone_rtc::error::Result;
use webphone_rtc::negotiation::*;

/// More transceivers than this show nothing new.
const MAX_TRANSCEIVERS: usize = 6;
/// Rounds of perfect negotiation that end whatever two ends have come to.
const MAX_ROUNDS: usize = 20;
const DIRECTIONS: [Direction; 4] = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
const TYPES: [SdpType; 4] = [SdpType::Offer, SdpType::PrAnswer, SdpType::Answer, SdpType::Rollback];

/// xorshift64*: the same numbers on every machine.
pub struct Seeded(pub u64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            *byte = (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8;
        }
    }
}

/// Everything that can be negotiated.
pub fn config() -> Config {
    Config {
        bundle_policy: BundlePolicy::Balanced,
        rtcp_mux_require: true,
        fingerprints: vec![Fingerprint { algorithm: HashAlgorithm::Sha256, bytes: (0..32).collect() }],
        features: Features { red: true, video: true, data: true },
    }
}

/// Something that happens at one of the ends. Small numbers choose among what is there.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    pub end: usize,
    pub act: Act,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    AddTrack(Kind),
    AddTransceiver(Kind, Direction),
    RemoveTrack(u8),
    SetDirection(u8, Direction),
    Stop(u8),
    SetStreams(u8, u8),
    /// Prefers some of the codecs.
    Prefer(u8, u8),
    StopExtensions(u8),
    RestartIce,
    CreateChannel,
    SetBundlePolicy(BundlePolicy),
    /// A local candidate is found; the second kind is the last.
    Gather(bool),
    /// createOffer and setLocalDescription, if the application wants to negotiate.
    Offer {
        ice_restart: bool,
        implicit: bool,
    },
    /// An offer that is not sent but taken back.
    OfferInVain,
    /// The next message of the other end comes.
    Receive,
    /// Answers the offer that has come.
    Answer {
        provisional: bool,
        implicit: bool,
    },
    /// Takes the offer that has come back; the other end is told.
    Refuse,
    /// Only in [`any_call`]: any method with any text there was.
    CreateOffer(bool),
    CreateAnswer,
    SetLocal(SdpType, u8),
    SetRemote(SdpType, u8),
    AddCandidate(u8),
    Close,
}

impl From<[u8; 3]> for Op {
    fn from([what, a, b]: [u8; 3]) -> Self {
        let kind = if a & 4 == 0 { Kind::Audio } else { Kind::Video };
        let direction = DIRECTIONS[usize::from(b & 3)];
        let ty = TYPES[usize::from(a & 3)];
        let act = match (what >> 1) % 32 {
            0 => Act::AddTrack(kind),
            1 => Act::AddTransceiver(kind, direction),
            2 => Act::RemoveTrack(a),
            3 => Act::SetDirection(a, direction),
            4 => Act::Stop(a),
            5 => Act::SetStreams(a, b),
            6 => Act::Prefer(a, b),
            7 => Act::StopExtensions(a),
            8 => Act::RestartIce,
            9 => Act::CreateChannel,
            10 => Act::SetBundlePolicy(
                [BundlePolicy::Balanced, BundlePolicy::MaxCompat, BundlePolicy::MaxBundle][usize::from(a % 3)],
            ),
            11 => Act::Gather(a & 1 == 1),
            12..=14 => Act::Offer { ice_restart: a & 7 == 1, implicit: b & 1 == 1 },
            15 => Act::OfferInVain,
            16..=19 => Act::Receive,
            20..=22 => Act::Answer { provisional: a & 3 == 1, implicit: b & 1 == 1 },
            23 => Act::Refuse,
            24 => Act::CreateOffer(a & 1 == 1),
            25 => Act::CreateAnswer,
            26 | 27 => Act::SetLocal(ty, b),
            28 | 29 => Act::SetRemote(ty, b),
            30 => Act::AddCandidate(b),
            _ if a == 0xFF => Act::Close,
            _ => Act::AddCandidate(a),
        };
        Self { end: usize::from(what & 1), act }
    }
}

/// What goes from one end to the other.
#[derive(Clone, Debug)]
enum Signal {
    Description(SdpType, String),
    Refusal,
    Candidate(SurfacedCandidate),
}

/// One end with what is on its way to it.
struct End {
    negotiator: Negotiator,
    polite: bool,
    inbox: VecDeque<Signal>,
    /// Names and ports that were given out.
    count: u16,
}

impl End {
    fn new(end: usize) -> Self {
        let seed = [4711, 815][end];
        let negotiator = Negotiator::new(config(), Box::new(Seeded(seed)));
        Self { negotiator, polite: end == 0, inbox: VecDeque::new(), count: 0 }
    }

    fn state(&self) -> SignalingState {
        self.negotiator.snapshot().signaling_state
    }

    fn chosen(&self, choice: u8) -> Option<TransceiverId> {
        let transceivers = self.negotiator.snapshot().transceivers;
        transceivers.get(usize::from(choice) % transceivers.len().max(1)).map(|it| it.id)
    }

    fn next_name(&mut self) -> String {
        self.count += 1;
        format!("track-{}", self.count)
    }

    /// What an application asks for; refusals are part of the game.
    fn intend(&mut self, act: Act) -> Result<()> {
        let full = self.negotiator.snapshot().transceivers.len() >= MAX_TRANSCEIVERS;
        let name = self.next_name();
        let on = |end: &Self, choice| end.chosen(choice);
        match act {
            Act::AddTrack(kind) if !full => self.negotiator.add_track(kind, &name, &[]).map(drop),
            Act::AddTransceiver(kind, direction) if !full => {
                let init = TransceiverInit { direction, ..TransceiverInit::default() };
                self.negotiator.add_transceiver(kind, init).map(drop)
            }
            Act::RemoveTrack(choice) => on(self, choice).map_or(Ok(()), |id| self.negotiator.remove_track(id)),
            Act::SetDirection(choice, direction) => {
                on(self, choice).map_or(Ok(()), |id| self.negotiator.set_direction(id, direction))
            }
            Act::Stop(choice) => on(self, choice).map_or(Ok(()), |id| self.negotiator.stop(id)),
            Act::SetStreams(choice, stream) => {
                on(self, choice).map_or(Ok(()), |id| self.negotiator.set_streams(id, &[format!("s{}", stream % 3)]))
            }
            Act::Prefer(choice, bits) => on(self, choice).map_or(Ok(()), |id| self.prefer(id, bits)),
            Act::StopExtensions(choice) => {
                on(self, choice).map_or(Ok(()), |id| self.negotiator.stop_extensions(id, &[Extension::AudioLevel]))
            }
            Act::RestartIce => {
                self.negotiator.restart_ice();
                Ok(())
            }
            Act::CreateChannel => self.negotiator.create_data_section(),
            Act::SetBundlePolicy(policy) => {
                self.negotiator.set_bundle_policy(policy);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn prefer(&mut self, id: TransceiverId, bits: u8) -> Result<()> {
        let snapshot = self.negotiator.snapshot();
        let Some(transceiver) = snapshot.transceivers.iter().find(|it| it.id == id) else { return Ok(()) };
        let all = capabilities(transceiver.kind, &config().features);
        let some: Vec<_> = all.into_iter().enumerate().filter(|(at, _)| bits >> (at % 8) & 1 == 1).collect();
        let some: Vec<_> = some.into_iter().map(|(_, codec)| codec).collect();
        self.negotiator.set_codec_preferences(id, &some)
    }

    /// Gathering finds another address for each transport, or has come to its end.
    fn gather(&mut self, last: bool) -> Vec<Signal> {
        let mut signals = Vec::new();
        for transport in self.negotiator.plan().transports.iter().filter(|transport| transport.gather) {
            self.count += 1;
            let candidate = host(SocketAddr::from(([192, 0, 2, 1], 1024 + self.count % 8)));
            signals.extend(self.negotiator.add_local_candidate(transport.id, &candidate));
            if last {
                self.negotiator.local_candidates_complete(transport.id);
            }
        }
        signals.into_iter().map(Signal::Candidate).collect()
    }

    /// Perfect negotiation, the sending half.
    fn offer(&mut self, ice_restart: bool, implicit: bool) -> Option<Signal> {
        if self.state() != SignalingState::Stable || !(self.negotiator.negotiation_needed() || ice_restart) {
            return None;
        }
        let text = match implicit {
            true => String::new(),
            false => self.negotiator.create_offer(OfferOptions { ice_restart, ..OfferOptions::default() }).unwrap(),
        };
        self.negotiator.set_local(SdpType::Offer, &text).unwrap();
        let set = self.negotiator.descriptions().pending_local.unwrap().sdp;
        Some(Signal::Description(SdpType::Offer, set))
    }

    fn offer_in_vain(&mut self) {
        // That credentials have changed, and changed back, is counted.
        let plan = |negotiator: &Negotiator| {
            let mut plan = negotiator.plan();
            plan.transports.iter_mut().for_each(|transport| transport.generation = 0);
            plan
        };
        let before = plan(&self.negotiator);
        if self.offer(true, false).is_some() {
            self.negotiator.set_local(SdpType::Rollback, "").unwrap();
            assert_eq!(plan(&self.negotiator), before, "rollback restores the plan");
        }
    }

    /// Perfect negotiation, the receiving half.
    fn receive(&mut self) {
        let Some(signal) = self.inbox.pop_front() else { return };
        let (ty, sdp) = match signal {
            Signal::Description(ty, sdp) => (ty, sdp),
            Signal::Refusal => {
                if self.state() == SignalingState::HaveLocalOffer {
                    self.negotiator.set_local(SdpType::Rollback, "").unwrap();
                }
                return;
            }
            Signal::Candidate(candidate) => {
                // May belong to an offer that was ignored or rolled back.
                let _ = self.negotiator.add_remote_candidate(init(&candidate));
                return;
            }
        };
        let answers = matches!(self.state(), SignalingState::HaveLocalOffer | SignalingState::HaveRemotePrAnswer);
        let ignored = match ty {
            SdpType::Offer => !self.polite && self.state() != SignalingState::Stable,
            _ => !answers,
        };
        if !ignored {
            self.negotiator.set_remote(ty, &sdp).unwrap();
        }
    }

    fn answer(&mut self, provisional: bool, implicit: bool) -> Option<Signal> {
        if !matches!(self.state(), SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPrAnswer) {
            return None;
        }
        let ty = if provisional { SdpType::PrAnswer } else { SdpType::Answer };
        let text = if implicit { String::new() } else { self.negotiator.create_answer().unwrap() };
        self.negotiator.set_local(ty, &text).unwrap();
        let descriptions = self.negotiator.descriptions();
        let set = if provisional { descriptions.pending_local } else { descriptions.current_local };
        Some(Signal::Description(ty, set.unwrap().sdp))
    }

    fn refuse(&mut self) -> Option<Signal> {
        if self.state() != SignalingState::HaveRemoteOffer {
            return None;
        }
        self.negotiator.set_remote(SdpType::Rollback, "").unwrap();
        Some(Signal::Refusal)
    }
}

fn init(candidate: &SurfacedCandidate) -> RemoteCandidateInit {
    RemoteCandidateInit {
        candidate: candidate.candidate.clone(),
        sdp_mid: Some(candidate.mid.clone()),
        sdp_m_line_index: Some(candidate.m_line_index),
        username_fragment: Some(candidate.ufrag.clone()),
    }
}

/// Applications and network do as `ops` say, by the rules of perfect negotiation; then all is delivered and answered.
/// Both ends come to agree.
pub fn converge(ops: &[Op]) {
    let mut ends = [End::new(0), End::new(1)];
    for op in ops {
        let end = &mut ends[op.end];
        let signals = match op.act {
            Act::Gather(last) => end.gather(last),
            Act::Offer { ice_restart, implicit } => end.offer(ice_restart, implicit).into_iter().collect(),
            Act::Answer { provisional, implicit } => end.answer(provisional, implicit).into_iter().collect(),
            Act::Refuse => end.refuse().into_iter().collect(),
            Act::OfferInVain => {
                end.offer_in_vain();
                Vec::new()
            }
            Act::Receive => {
                end.receive();
                Vec::new()
            }
            act => {
                let _ = end.intend(act);
                Vec::new()
            }
        };
        ends[1 - op.end].inbox.extend(signals);
    }
    settle(&mut ends);
    assert_converged(&ends);
}

/// Delivers, answers and offers until nobody has anything to say.
fn settle(ends: &mut [End; 2]) {
    for _ in 0..MAX_ROUNDS {
        for who in [0, 1] {
            while !ends[who].inbox.is_empty() {
                ends[who].receive();
                let answer = ends[who].answer(false, false);
                ends[1 - who].inbox.extend(answer);
            }
            let answer = ends[who].answer(false, true);
            ends[1 - who].inbox.extend(answer);
        }
        let quiet = ends.iter().all(|end| end.inbox.is_empty() && !end.negotiator.negotiation_needed());
        if quiet && ends.iter().all(|end| end.state() == SignalingState::Stable) {
            return;
        }
        let who = usize::from(!ends[0].negotiator.negotiation_needed());
        let offer = ends[who].offer(false, true);
        ends[1 - who].inbox.extend(offer);
    }
    panic!("no end of negotiation: {:?}", [0, 1].map(|who| ends[who].negotiator.snapshot()));
}

/// What one end sends the other receives, under the same mids, credentials and opposite roles.
fn assert_converged(ends: &[End; 2]) {
    let [a, b] = [0, 1].map(|who| ends[who].negotiator.plan());
    let flows = |end: &End| -> BTreeMap<_, _> {
        let live = end.negotiator.snapshot().transceivers.into_iter().filter(|it| !it.stopped);
        live.map(|it| (it.mid, (it.kind, it.current_direction.map(|now| (now.sends(), now.receives()))))).collect()
    };
    let mirrored = |(mid, (kind, ways)): (_, (_, Option<(bool, bool)>))| {
        (mid, (kind, ways.map(|(sends, receives)| (receives, sends))))
    };
    assert_eq!(flows(&ends[0]), flows(&ends[1]).into_iter().map(mirrored).collect(), "media");
    assert_eq!(a.data.is_some(), b.data.is_some(), "data");
    assert_eq!(a.transports.len(), b.transports.len(), "transports");
    for ours in &a.transports {
        // Each end numbers its transports in its own order.
        let other = b.transports.iter().find(|theirs| ours.ice.remote.as_ref() == Some(&theirs.ice.local));
        let theirs = other.expect("each transport has one at the far end");
        assert_eq!(theirs.ice.remote.as_ref(), Some(&ours.ice.local));
        let mids = |plan: &Plan, id| -> Vec<_> {
            let media = plan.media.iter().filter(|media| media.transport == id).map(|media| media.mid.clone());
            media.chain(plan.data.iter().filter(|data| data.transport == id).map(|data| data.mid.clone())).collect()
        };
        assert_eq!(mids(&a, ours.id), mids(&b, theirs.id), "what a transport carries");
        assert_ne!(ours.ice.controlling, theirs.ice.controlling);
        let role = |plan: &TransportPlan| plan.dtls.as_ref().map(|dtls| dtls.role);
        assert!(role(ours).is_some() && role(ours) != role(theirs));
    }
    for (sends, receives) in [(&a, &b), (&b, &a)] {
        for (sending, receiving) in sends.media.iter().zip(&receives.media) {
            let (Some(send), Some(recv)) = (&sending.send, &receiving.recv) else { continue };
            let known = |codec: &CodecParameters| recv.codecs.iter().any(|it| it.payload_type == codec.payload_type);
            assert!(known(&send.codec), "what is sent can be received");
        }
    }
}

/// All that can be seen of a negotiator.
pub fn seen(negotiator: &Negotiator) -> (Snapshot, Descriptions, bool, Plan) {
    (negotiator.snapshot(), negotiator.descriptions(), negotiator.negotiation_needed(), negotiator.plan())
}

/// Any method in any state with any text there was: it does what it is asked, or fails and has changed nothing.
pub fn any_call(ops: &[Op]) {
    let mut ends = [End::new(0), End::new(1)];
    let mut texts = vec![String::new()];
    let mut candidates: Vec<SurfacedCandidate> = Vec::new();
    for op in ops {
        let end = &mut ends[op.end];
        let before = seen(&end.negotiator);
        let text = |choice: u8| texts[usize::from(choice) % texts.len()].clone();
        let made = match op.act {
            Act::CreateOffer(ice_restart) => {
                end.negotiator.create_offer(OfferOptions { ice_restart, ..OfferOptions::default() }).map(Some)
            }
            Act::Offer { .. } => end.negotiator.create_offer(OfferOptions::default()).map(Some),
            Act::CreateAnswer | Act::Answer { .. } => end.negotiator.create_answer().map(Some),
            Act::SetLocal(ty, choice) => end.negotiator.set_local(ty, &text(choice)).map(|()| None),
            Act::SetRemote(ty, choice) => end.negotiator.set_remote(ty, &text(choice)).map(|()| None),
            Act::AddCandidate(choice) => {
                let candidate = candidates.get(usize::from(choice) % candidates.len().max(1)).map(init);
                end.negotiator.add_remote_candidate(candidate.unwrap_or_default()).map(|()| None)
            }
            Act::Gather(last) => {
                let found = end.gather(last).into_iter().filter_map(|signal| match signal {
                    Signal::Candidate(candidate) => Some(candidate),
                    _ => None,
                });
                candidates.extend(found);
                continue;
            }
            Act::Close => {
                end.negotiator.close();
                continue;
            }
            act => end.intend(act).map(|()| None),
        };
        match made {
            Ok(made) => texts.extend(made),
            Err(_) => assert_eq!(seen(&end.negotiator), before, "{op:?}"),
        }
    }
    for end in &mut ends {
        let snapshot = end.negotiator.snapshot();
        if snapshot.signaling_state == SignalingState::HaveRemoteOffer {
            end.negotiator.set_local(SdpType::Answer, "").unwrap();
        }
        let _ = end.negotiator.plan();
    }
}
