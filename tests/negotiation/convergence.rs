//! Two ends under random operations: they converge or refuse, and never hang.

use crate::support::*;
use std::collections::VecDeque;
use webphone_rtc::negotiation::*;

/// One end with what is on its way to the other.
struct End {
    negotiator: Negotiator,
    polite: bool,
    inbox: VecDeque<(SdpType, String)>,
    next_track: u32,
}

impl End {
    fn new(seed: u64, polite: bool) -> Self {
        Self { negotiator: with(config(), seed), polite, inbox: VecDeque::new(), next_track: 0 }
    }

    fn state(&self) -> SignalingState {
        self.negotiator.snapshot().signaling_state
    }

    /// Something that an application does. Refusals are part of the game.
    fn act(&mut self, random: &mut Seeded) {
        let transceivers = self.negotiator.snapshot().transceivers;
        let any = transceivers.get((random.next() % (transceivers.len() as u64 + 1)) as usize).map(|it| it.id);
        let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
        let direction = directions[(random.next() % 4) as usize];
        let _ = match (random.next() % 8, any) {
            (0, _) if transceivers.len() < 6 => {
                self.next_track += 1;
                self.negotiator.add_track(Kind::Audio, &format!("track-{}", self.next_track), &[]).map(drop)
            }
            (1, _) if transceivers.len() < 6 => {
                let init = TransceiverInit { direction, ..TransceiverInit::default() };
                self.negotiator.add_transceiver(Kind::Audio, init).map(drop)
            }
            (2, Some(id)) => self.negotiator.remove_track(id),
            (3 | 4, Some(id)) => self.negotiator.set_direction(id, direction),
            (5, Some(id)) if random.next().is_multiple_of(3) => self.negotiator.stop(id),
            (6, _) => {
                self.negotiator.restart_ice();
                Ok(())
            }
            (7, Some(id)) => self.negotiator.set_streams(id, &[format!("s{}", random.next() % 3)]),
            _ => Ok(()),
        };
    }

    /// Perfect negotiation, the sending half.
    fn offer(&mut self) -> Option<(SdpType, String)> {
        if self.state() != SignalingState::Stable || !self.negotiator.negotiation_needed() {
            return None;
        }
        self.negotiator.set_local(SdpType::Offer, "").unwrap();
        Some((SdpType::Offer, self.negotiator.snapshot().pending_local.unwrap().sdp))
    }

    /// Perfect negotiation, the receiving half.
    fn receive(&mut self) -> Option<(SdpType, String)> {
        let (ty, sdp) = self.inbox.pop_front()?;
        let collision = ty == SdpType::Offer && self.state() != SignalingState::Stable;
        if collision && !self.polite {
            return None;
        }
        if ty == SdpType::Answer && self.state() != SignalingState::HaveLocalOffer {
            return None;
        }
        self.negotiator.set_remote(ty, &sdp).unwrap();
        if ty == SdpType::Answer {
            return None;
        }
        self.negotiator.set_local(SdpType::Answer, "").unwrap();
        Some((SdpType::Answer, self.negotiator.snapshot().current_local.unwrap().sdp))
    }
}

fn step(ends: &mut [End; 2], who: usize, receive: bool) {
    let message = if receive { ends[who].receive() } else { ends[who].offer() };
    ends[1 - who].inbox.extend(message);
}

/// Delivers and offers until nobody has anything to say.
fn settle(ends: &mut [End; 2]) {
    for _ in 0..100 {
        let quiet = ends.iter().all(|end| end.inbox.is_empty() && !end.negotiator.negotiation_needed());
        if quiet && ends.iter().all(|end| end.state() == SignalingState::Stable) {
            return;
        }
        for who in [0, 1] {
            while !ends[who].inbox.is_empty() {
                step(ends, who, true);
            }
        }
        let who = usize::from(!ends[0].negotiator.negotiation_needed());
        step(ends, who, false);
    }
    panic!("no end of negotiation: {:?}", [0, 1].map(|who| ends[who].negotiator.snapshot()));
}

/// What one end sends the other receives, under the same mids, credentials and opposite roles.
fn assert_converged(ends: &[End; 2], seed: u64) {
    let [a, b] = [0, 1].map(|who| ends[who].negotiator.plan());
    let flows = |plan: &Plan| -> Vec<_> {
        plan.media.iter().map(|it| (it.mid.clone(), it.send.is_some(), it.recv.is_some())).collect()
    };
    let mirrored: Vec<_> = flows(&b).into_iter().map(|(mid, sends, receives)| (mid, receives, sends)).collect();
    assert_eq!(flows(&a), mirrored, "seed {seed}");
    assert_eq!(a.transports.len(), b.transports.len(), "seed {seed}");
    for (ours, theirs) in a.transports.iter().zip(&b.transports) {
        assert_eq!(ours.ice.remote.as_ref(), Some(&theirs.ice.local), "seed {seed}");
        assert_eq!(theirs.ice.remote.as_ref(), Some(&ours.ice.local), "seed {seed}");
        assert_ne!(ours.ice.controlling, theirs.ice.controlling, "seed {seed}");
        let role = |plan: &TransportPlan| plan.dtls.as_ref().unwrap().role;
        assert_ne!(role(ours), role(theirs), "seed {seed}");
    }
}

#[test]
fn perfect_negotiation_converges_under_random_operations_and_glare() {
    for seed in 1..=150 {
        let mut random = Seeded(seed * 7919);
        let mut ends = [End::new(seed, true), End::new(seed + 1000, false)];
        for _ in 0..40 {
            let who = (random.next() % 2) as usize;
            match random.next() % 4 {
                0 => step(&mut ends, who, false),
                1 => step(&mut ends, who, true),
                _ => ends[who].act(&mut random),
            }
        }
        settle(&mut ends);
        assert_converged(&ends, seed);
    }
}

#[test]
fn any_call_in_any_state_succeeds_or_changes_nothing() {
    for seed in 1..=60 {
        let mut random = Seeded(seed * 104_729);
        let mut ends = [End::new(seed, true), End::new(seed + 1000, false)];
        let mut texts = vec![fixture("ringcentral-2019-offer"), fixture("chromium-offer"), String::new()];
        for _ in 0..80 {
            let end = &mut ends[(random.next() % 2) as usize];
            let before = (end.negotiator.snapshot(), end.negotiator.plan());
            let text = texts[(random.next() % texts.len() as u64) as usize].clone();
            let types = [SdpType::Offer, SdpType::PrAnswer, SdpType::Answer, SdpType::Rollback];
            let ty = types[(random.next() % 4) as usize];
            let options = OfferOptions { ice_restart: random.next().is_multiple_of(2), ..OfferOptions::default() };
            let result = match random.next() % 6 {
                0 => end.negotiator.create_offer(options).map(|sdp| texts.push(sdp)),
                1 => end.negotiator.create_answer().map(|sdp| texts.push(sdp)),
                2 => end.negotiator.set_local(ty, &text),
                3 => end.negotiator.set_local(ty, ""),
                4 => end.negotiator.set_remote(ty, &text),
                _ => {
                    end.act(&mut random);
                    continue;
                }
            };
            if result.is_err() {
                assert_eq!((end.negotiator.snapshot(), end.negotiator.plan()), before, "seed {seed}");
            }
        }
    }
}

#[test]
fn random_candidates_never_panic() {
    let mut random = Seeded(99);
    let words = [
        "candidate:1",
        "a=candidate:",
        "1",
        "2",
        "udp",
        "TCP",
        "0",
        "4294967295",
        "192.0.2.1",
        "::1",
        "5000",
        "typ",
        "host",
        "raddr",
        "rport",
        "é",
    ];
    let (mut phone, _) = called_by("chromium-offer");
    for _ in 0..2000 {
        let count = random.next() % 12;
        let text: Vec<_> = (0..count).map(|_| words[(random.next() % words.len() as u64) as usize]).collect();
        let init = RemoteCandidateInit {
            candidate: text.join(" "),
            sdp_mid: Some("0".into()),
            ..RemoteCandidateInit::default()
        };
        let _ = phone.add_remote_candidate(init);
    }
    assert!(phone.snapshot().current_remote.is_some());
}
