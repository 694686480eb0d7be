//! A whole call without sockets and without a clock: transports, senders and receivers joined.
//!
//! Invariant: nothing here reads a clock or touches a socket. Datagrams, plans and `now` go in; datagrams, reports and
//! the next moment of interest come out, so that whole calls run in virtual time.

use super::Encoding;
use super::channels::Channels;
use super::clock::WallClock;
use super::intake::Intake;
use super::outlet::Outlet;
use super::report::Report;
use super::reporting::Reporting;
use super::route::{Routes, Section};
use super::stats::Playout;
use super::stream::{Inbound, Outbound};
use super::video::{VideoInbound, VideoOutbound};
use crate::error::Result;
use crate::fault::{self, Place};
use crate::media::{Detour, FrameQueue, Ring, Source, Sources};
use crate::negotiation::{Extension, Kind, LocalCandidate, MediaPlan, Plan, TransceiverId, TransportId, TransportPlan};
use crate::rtcp::{self, Compounds};
use crate::rtp::RtpPacket;
use crate::transport::{
    CandidateSource, Certificate, DataEvent, DtlsFailure, DtlsState, IceState, PairInfo, Transmit, Transport,
    TransportConfig, TransportEvent,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::ops::Add as _;
use std::sync::Arc;
use std::time::Instant;

/// SSRC of reports from an end that sends nothing; the value that browsers use.
const RECEIVER_ONLY_SSRC: u32 = 1;

/// One of the streams that encoded frames can make a detour from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// Whose.
    pub id: TransceiverId,
    /// Of what kind.
    pub kind: Kind,
    /// What is sent, or what is received.
    pub sending: bool,
}

/// All that a connection does after negotiation. What the maps hold is large and there is mostly one of each, where a node
/// of a map has room for eleven: hence the boxes.
pub struct Session {
    pub(super) certificate: Certificate,
    pub(super) clock: WallClock,
    pub(super) lines: BTreeMap<TransportId, Box<Line>>,
    pub(super) outbound: BTreeMap<TransceiverId, Box<Outbound>>,
    pub(super) inbound: BTreeMap<TransceiverId, Box<Inbound>>,
    /// Of receivers that are no more.
    played_before: Option<Playout>,
    /// Who is heard in each remote track, and where packets say how loud.
    sources: BTreeMap<TransceiverId, (Arc<Sources>, Option<u8>)>,
    pub(super) video_outbound: BTreeMap<TransceiverId, Box<VideoOutbound>>,
    pub(super) video_inbound: BTreeMap<TransceiverId, Box<VideoInbound>>,
    pub(super) channels: Channels,
    relay_only: bool,
    /// What transports that have gone still have to send.
    last_words: VecDeque<(TransportId, Transmit)>,
    reports: VecDeque<Report>,
    /// A transport has changed: media begin at [`handle_timeout`](Self::handle_timeout), after that was told.
    changed: Option<Instant>,
}

/// One transport with what it carries.
pub(super) struct Line {
    pub transport: Transport,
    routes: Routes,
    reporting: Reporting,
    /// DTLS is up: media can be sent.
    up: bool,
}

/// Negotiation.
impl Session {
    /// An idle session; `clock` ties `now` to the wall clock that RTCP tells.
    pub fn new(certificate: Certificate, clock: WallClock) -> Self {
        Self {
            certificate,
            clock,
            lines: BTreeMap::new(),
            outbound: BTreeMap::new(),
            inbound: BTreeMap::new(),
            played_before: None,
            sources: BTreeMap::new(),
            video_outbound: BTreeMap::new(),
            video_inbound: BTreeMap::new(),
            channels: Channels::default(),
            relay_only: false,
            last_words: VecDeque::new(),
            reports: VecDeque::new(),
            changed: None,
        }
    }

    /// Shares the count of messages that were reported with whoever handles them.
    pub fn share_intake(mut self, intake: Arc<Intake>) -> Self {
        self.channels.set_intake(intake);
        self
    }

    /// Makes what is be what `plan` wants; the same plan twice changes nothing.
    pub fn apply(&mut self, now: Instant, plan: &Plan) -> Result<()> {
        self.close_lines_not_in(now, plan);
        for transport in &plan.transports {
            self.apply_transport(now, transport)?;
        }
        for media in &plan.media {
            if let Some((_, level)) = self.sources.get_mut(&media.transceiver) {
                *level = media.recv.as_ref().and_then(|recv| recv.extension(Extension::AudioLevel));
            }
            match media.kind {
                Kind::Audio => {
                    self.outbound.entry(media.transceiver).or_default().configure(now, media);
                    self.inbound.entry(media.transceiver).or_default().configure(media);
                }
                Kind::Video => {
                    self.video_outbound.entry(media.transceiver).or_default().configure(now, media);
                    self.video_inbound.entry(media.transceiver).or_default().configure(media);
                }
            }
        }
        self.idle_what_is_not_in(now, plan);
        self.forget_what_is_not_in(now, plan);
        for (id, line) in &mut self.lines {
            line.routes.configure(sections(plan, *id));
        }
        self.apply_data(now, plan)?;
        self.collect(now);
        self.send_media(now);
        self.tell_video();
        Ok(())
    }

    /// A transport that has left the plan never comes back: it says goodbye, and only that is kept.
    fn close_lines_not_in(&mut self, now: Instant, plan: &Plan) {
        let planned = |id: &TransportId| plan.transports.iter().any(|wanted| wanted.id == *id);
        let left: Vec<TransportId> = self.lines.keys().copied().filter(|id| !planned(id)).collect();
        for id in left {
            if let Some(line) = self.lines.get_mut(&id) {
                line.transport.close(now);
                line.up = false;
            }
            self.collect_from(now, id);
            let Some(mut line) = self.lines.remove(&id) else { continue };
            self.last_words.extend(std::iter::from_fn(|| Some((id, line.transport.poll_transmit()?))));
        }
    }

    fn apply_transport(&mut self, now: Instant, plan: &TransportPlan) -> Result<()> {
        if let Some(line) = self.lines.get_mut(&plan.id) {
            return line.transport.apply(now, plan);
        }
        let config = TransportConfig { certificate: self.certificate.clone(), local: plan.ice.local.clone() };
        let mut transport = Transport::new(now, config)?;
        transport.set_relay_only(self.relay_only);
        transport.apply(now, plan)?;
        let (routes, reporting) = (Routes::default(), Reporting::seed(plan.id.0));
        self.lines.insert(plan.id, Box::new(Line { transport, routes, reporting, up: false }));
        Ok(())
    }

    /// Sections that left the plan (stopped, rolled back) neither send nor receive.
    fn idle_what_is_not_in(&mut self, now: Instant, plan: &Plan) {
        let planned = |id: &TransceiverId| plan.media.iter().any(|media| media.transceiver == *id);
        self.outbound.iter_mut().filter(|(id, _)| !planned(id)).for_each(|(_, outbound)| outbound.idle(now));
        self.inbound.iter_mut().filter(|(id, _)| !planned(id)).for_each(|(_, inbound)| inbound.idle());
        self.video_outbound.iter_mut().filter(|(id, _)| !planned(id)).for_each(|(_, video)| video.idle(now));
        self.video_inbound.iter_mut().filter(|(id, _)| !planned(id)).for_each(|(_, video)| video.idle());
    }

    /// Transceivers that are no more. Whoever still reads what one of them has played finds the end.
    fn forget_what_is_not_in(&mut self, now: Instant, plan: &Plan) {
        self.outbound.retain(|id, _| plan.knows(*id));
        self.video_outbound.retain(|id, _| plan.knows(*id));
        self.video_inbound.retain(|id, _| plan.knows(*id));
        self.sources.retain(|id, _| plan.knows(*id));
        self.inbound.retain(|id, inbound| {
            let known = plan.knows(*id);
            if !known {
                inbound.end(now);
                self.played_before = joined(self.played_before, inbound.played());
            }
            known
        });
    }

    /// What was ever played here.
    pub(super) fn played(&self) -> Option<Playout> {
        self.inbound.values().map(|inbound| inbound.played()).fold(self.played_before, joined)
    }
}

/// The wire.
impl Session {
    /// One datagram that came on `id` from `peer` to the socket bound on `local`.
    pub fn receive(&mut self, now: Instant, id: TransportId, local: SocketAddr, peer: SocketAddr, datagram: &[u8]) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.transport.receive(now, local, peer, datagram);
        self.collect_from(now, id);
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<(TransportId, Transmit)> {
        let mut lines = self.lines.iter_mut();
        let next = || lines.find_map(|(id, line)| line.transport.poll_transmit().map(|transmit| (*id, transmit)));
        self.last_words.pop_front().or_else(next)
    }

    /// The next thing to tell JavaScript.
    pub fn poll_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn timeout(&self) -> Option<Instant> {
        // Nothing is reported where nothing can be sent.
        let reporting = |line: &Line| line.reporting.timeout().filter(|_| line.up);
        let lines = self.lines.values().flat_map(|line| [line.transport.timeout(), reporting(line)]);
        let sending = self.outbound.values().filter(|outbound| self.is_up(outbound.transport()));
        let senders = sending.map(|outbound| outbound.next_due());
        let receivers = self.inbound.values().map(|inbound| inbound.next_due());
        let pictures = self.video_outbound.values().filter(|video| self.is_up(video.transport()));
        let pictures = pictures.map(|video| video.next_due());
        let watched = self.video_inbound.values().map(|video| video.next_due());
        lines.chain(senders).chain(receivers).chain(pictures).chain(watched).chain([self.changed]).flatten().min()
    }

    /// Does all that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.changed = None;
        for line in self.lines.values_mut() {
            if line.transport.timeout().is_some_and(|due| due <= now) {
                line.transport.handle_timeout(now);
            }
        }
        self.collect(now);
        self.send_media(now);
        self.play(now);
        self.send_reports(now);
    }

    /// A local candidate, found by gathering, that transport `id` can use over the socket bound on `base`.
    pub fn add_local_candidate(
        &mut self,
        now: Instant,
        id: TransportId,
        candidate: LocalCandidate,
        base: SocketAddr,
    ) -> Result<()> {
        if let Some(line) = self.lines.get_mut(&id) {
            line.transport.add_local_address(now, candidate, base)?;
            self.collect_from(now, id);
        }
        Ok(())
    }

    /// The server that told a candidate of `id`, for statistics.
    pub fn note_candidate_source(&mut self, id: TransportId, candidate: &LocalCandidate, source: CandidateSource) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.transport.note_source(candidate, source);
        }
    }

    /// Whether nothing but relayed addresses is used: by new transports, and by those that are there from their next ICE
    /// restart on.
    pub fn set_relay_only(&mut self, relay_only: bool) {
        self.relay_only = relay_only;
        self.lines.values_mut().for_each(|line| line.transport.set_relay_only(relay_only));
    }

    /// An address of transport `id` is none any more.
    pub fn lose_local_address(&mut self, now: Instant, id: TransportId, base: SocketAddr) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.transport.lose_local_address(now, base);
            self.collect_from(now, id);
        }
    }

    /// Says goodbye; what there is to send is in [`poll_transmit`](Self::poll_transmit) afterwards.
    pub fn close(&mut self, now: Instant) {
        for line in self.lines.values_mut() {
            line.transport.close(now);
            line.up = false;
        }
        for inbound in self.inbound.values_mut() {
            inbound.end(now);
        }
    }

    /// A transport is still on its way up: each datagram is a step that the far end waits for.
    pub fn is_beginning(&self) -> bool {
        self.lines.values().any(|line| {
            let (ice, dtls) = line.transport.state();
            !matches!(ice, IceState::Failed | IceState::Closed)
                && matches!(dtls, DtlsState::New | DtlsState::Connecting)
        })
    }

    /// The far end waits for what is done next: a transport is on its way up, or data channels have moved something since the last
    /// call, and what they do takes many round trips.
    pub fn is_waited_for(&mut self) -> bool {
        let moved = |moved: bool, line: &mut Box<Line>| line.transport.take_data_has_moved() || moved;
        self.lines.values_mut().fold(false, moved) || self.is_beginning()
    }

    fn is_up(&self, id: Option<TransportId>) -> bool {
        id.and_then(|id| self.lines.get(&id)).is_some_and(|line| line.up)
    }

    /// Takes in what the transports have to say.
    fn collect(&mut self, now: Instant) {
        let ids: Vec<TransportId> = self.lines.keys().copied().collect();
        ids.into_iter().for_each(|id| self.collect_from(now, id));
    }

    pub(super) fn collect_from(&mut self, now: Instant, id: TransportId) {
        while let Some(event) = self.lines.get_mut(&id).and_then(|line| line.transport.poll_event()) {
            self.take_event(now, id, event);
        }
    }

    /// What transport `id` reports; also a door for the fuzz targets, behind SRTP.
    #[doc(hidden)]
    pub fn take_event(&mut self, now: Instant, id: TransportId, event: TransportEvent) {
        match event {
            TransportEvent::Rtp(packet) => self.receive_rtp(now, id, &packet),
            TransportEvent::Rtcp(compound) => self.receive_rtcp(now, &compound),
            TransportEvent::Data(event) => self.note_data(now, id, event),
            TransportEvent::Ice(state) => self.note_ice(id, state),
            TransportEvent::SelectedPair(pair) => {
                log_pair(&pair);
                self.reports.push_back(Report::Pair(id, Box::new((pair.local, pair.remote))));
            }
            TransportEvent::Dtls(state) => self.note_dtls(now, id, state),
            TransportEvent::PeerClosed => {
                tracing::info!(target: "webphone-rtc:dtls", "the far end has said goodbye");
            }
            TransportEvent::Failed(failure) => self.note_dtls_failure(id, failure),
        }
    }

    fn note_data(&mut self, now: Instant, id: TransportId, event: DataEvent) {
        log_data(&event);
        let full = self.channels.report(event, &mut self.reports);
        if let Some(line) = self.lines.get_mut(&id).filter(|_| full) {
            line.transport.set_reading(now, false);
        }
    }

    fn note_ice(&mut self, id: TransportId, state: IceState) {
        let had_pair = self.lines.get(&id).is_some_and(|line| line.transport.selected_pair().is_some());
        log_ice(state, had_pair);
        self.reports.push_back(Report::Ice(id, state));
    }

    fn note_dtls(&mut self, now: Instant, id: TransportId, state: DtlsState) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.up = state == DtlsState::Connected;
        if line.up {
            line.reporting.start(now);
        }
        log_dtls(state, &line.transport);
        let certificates = line.transport.remote_certificate().map(<[u8]>::to_vec).into_iter().collect();
        self.reports.push_back(Report::Dtls(id, state, certificates));
        self.changed = Some(now);
    }

    fn note_dtls_failure(&mut self, id: TransportId, failure: DtlsFailure) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.up = false;
        }
        tracing::error!(target: "webphone-rtc:dtls", reason = %failure, "failed");
        self.reports.push_back(Report::DtlsFailed(id, failure));
    }
}

/// Media.
impl Session {
    fn receive_rtp(&mut self, now: Instant, id: TransportId, packet: &RtpPacket) {
        let owner = self.lines.get_mut(&id).and_then(|line| line.routes.route(packet));
        if let Some((sources, level)) = owner.and_then(|owner| self.sources.get(&owner)) {
            note_sources(sources, *level, packet, self.clock.unix_ms(now));
        }
        if let Some((owner, inbound)) = owner.and_then(|owner| Some((owner, self.inbound.get_mut(&owner)?))) {
            inbound.receive(now, packet);
            inbound.drain_events(owner, &mut self.reports);
        } else if let Some((owner, video)) = owner.and_then(|owner| Some((owner, self.video_inbound.get_mut(&owner)?)))
        {
            video.receive(now, packet);
            video.drain_events(owner, &mut self.reports);
            self.ask_for_key(now, owner);
        }
    }

    /// Where to tell who is heard; to be told before the plan that makes the transceiver receive.
    pub fn set_sources(&mut self, id: TransceiverId, sources: Arc<Sources>) {
        self.sources.entry(id).or_insert((sources, None));
    }

    /// Also arms senders that something has changed for: they have no due time before they were polled once.
    fn send_media(&mut self, now: Instant) {
        for (id, outbound) in &mut self.outbound {
            let line = outbound.transport().and_then(|id| self.lines.get_mut(&id));
            let Some(line) = line.filter(|line| line.up) else { continue };
            if outbound.next_due().is_none_or(|due| due <= now) {
                fault::point(Place::Send);
                outbound.send(now, &mut line.transport);
                outbound.drain_events(*id, &mut self.reports);
            }
        }
        for video in self.video_outbound.values_mut() {
            let line = video.transport().and_then(|id| self.lines.get_mut(&id));
            if let Some(line) = line.filter(|line| line.up) {
                video.send(now, &mut line.transport);
            }
        }
    }

    fn tell_video(&mut self) {
        for (id, video) in &mut self.video_inbound {
            video.drain_events(*id, &mut self.reports);
        }
    }

    fn play(&mut self, now: Instant) {
        for (id, inbound) in &mut self.inbound {
            if inbound.next_due().is_some_and(|due| due <= now) {
                fault::point(Place::Play);
                inbound.play(now);
                inbound.drain_events(*id, &mut self.reports);
            }
        }
        self.video_inbound.values_mut().for_each(|video| video.poll(now));
        self.tell_video();
    }

    /// What feeds the sender of `id`; `None` sends nothing.
    pub fn set_source(&mut self, now: Instant, id: TransceiverId, ring: Option<Arc<Ring>>) {
        self.outbound.entry(id).or_default().set_source(ring);
        self.send_media(now);
    }

    /// Whether the video sender of `id` has a picture to send.
    pub fn set_picture(&mut self, now: Instant, id: TransceiverId, picture: bool) {
        self.video_outbound.entry(id).or_default().set_source(picture);
        self.send_media(now);
    }

    /// Encoded frames for the sender of `id` in place of what feeds it.
    pub fn set_frames(&mut self, now: Instant, id: TransceiverId, frames: Option<Arc<FrameQueue>>) {
        self.outbound.entry(id).or_default().set_frames(frames);
        self.send_media(now);
    }

    /// The way that encoded frames take before they are sent, or before they are buffered.
    pub fn set_detour(&mut self, way: Way, detour: Option<Arc<Detour>>) {
        match way {
            Way { id, kind: Kind::Audio, sending: true } => self.outbound.entry(id).or_default().out.set_detour(detour),
            Way { id, kind: Kind::Audio, sending: false } => self.inbound.entry(id).or_default().set_detour(detour),
            Way { id, kind: Kind::Video, sending: true } => {
                self.video_outbound.entry(id).or_default().out.set_detour(detour);
            }
            Way { id, kind: Kind::Video, sending: false } => {
                self.video_inbound.entry(id).or_default().set_detour(detour);
            }
        }
    }

    /// Frames have come back from their detour, or a key frame is wanted there.
    pub fn take_returned(&mut self, now: Instant, Way { id, kind, sending }: Way) {
        match (kind, sending) {
            (Kind::Audio, true) => {
                let Some(outbound) = self.outbound.get_mut(&id) else { return };
                let line = outbound.transport().and_then(|id| self.lines.get_mut(&id));
                if let Some(line) = line.filter(|line| line.up) {
                    outbound.out.send_returned(now, &mut line.transport);
                }
            }
            (Kind::Audio, false) => {
                if let Some(inbound) = self.inbound.get_mut(&id) {
                    inbound.receive_returned(now);
                }
            }
            (Kind::Video, true) => {
                let Some(video) = self.video_outbound.get_mut(&id) else { return };
                let line = video.transport().and_then(|id| self.lines.get_mut(&id));
                if let Some(line) = line.filter(|line| line.up) {
                    video.out.send_returned(now, &mut line.transport);
                }
            }
            (Kind::Video, false) => self.ask_for_key(now, id),
        }
    }

    /// Asks for a key frame of the video that `id` receives, where one is wanted.
    fn ask_for_key(&mut self, now: Instant, id: TransceiverId) {
        let Some(video) = self.video_inbound.get_mut(&id) else { return };
        let line = video.transport().and_then(|id| self.lines.get_mut(&id)).filter(|line| line.up);
        let Some((line, of)) = line.and_then(|line| Some((line, video.take_wish(now)?))) else { return };
        let mut compound = Vec::with_capacity(32);
        rtcp::write(RECEIVER_ONLY_SSRC, None, &[], "", &mut compound);
        rtcp::write_picture_loss(RECEIVER_ONLY_SSRC, of, &mut compound);
        line.transport.send_rtcp(&compound);
    }

    /// Whether what feeds the sender may be heard.
    pub fn set_enabled(&mut self, id: TransceiverId, enabled: bool) {
        self.outbound.entry(id).or_default().set_enabled(enabled);
    }

    /// Encoding parameters of the sender of `id`.
    pub fn set_encoding(&mut self, now: Instant, id: TransceiverId, encoding: Encoding) {
        if let Some(video) = self.video_outbound.get_mut(&id) {
            video.set_active(encoding.active);
        } else {
            self.outbound.entry(id).or_default().set_encoding(encoding);
        }
        self.send_media(now);
    }

    /// Replaces the queue of digits of the sender of `id`.
    pub fn insert_dtmf(&mut self, now: Instant, id: TransceiverId, tones: &str, duration_ms: u32, gap_ms: u32) {
        self.outbound.entry(id).or_default().insert_dtmf(tones, duration_ms, gap_ms);
        self.send_media(now);
    }

    /// Lets the packets that come for `id` wait for at least so long.
    pub fn set_least_delay_ms(&mut self, id: TransceiverId, least_ms: f64) {
        self.inbound.entry(id).or_default().set_least_delay_ms(least_ms);
    }

    /// The signal that the receiver of `id` plays into; to be told before the plan that makes it receive.
    pub fn set_receiver_ring(&mut self, id: TransceiverId, ring: Arc<Ring>) {
        self.inbound.entry(id).or_default().set_ring(ring);
    }

    /// `outlet` is served whenever the receiver of `id` has played.
    pub fn add_outlet(&mut self, id: TransceiverId, outlet: Outlet) {
        self.inbound.entry(id).or_default().add_outlet(outlet);
    }
}

/// RTCP.
impl Session {
    fn send_reports(&mut self, now: Instant) {
        let ntp = self.clock.ntp(now);
        for (id, line) in &mut self.lines {
            if !line.up || !line.reporting.take_due(now) {
                continue;
            }
            let heard = self.inbound.values_mut().filter(|inbound| inbound.transport() == Some(*id));
            let mut blocks: Vec<_> = heard.filter_map(|inbound| inbound.report_block(now)).collect();
            let seen = self.video_inbound.values_mut().filter(|video| video.transport() == Some(*id));
            blocks.extend(seen.filter_map(|video| video.report_block(now)));
            let mut compounds = Compounds::default();
            for outbound in self.outbound.values().filter(|outbound| outbound.transport() == Some(*id)) {
                if let Some((ssrc, info)) = outbound.sender_info(now, ntp) {
                    compounds.add(ssrc, Some(info), &std::mem::take(&mut blocks), outbound.cname());
                }
            }
            for video in self.video_outbound.values().filter(|video| video.transport() == Some(*id)) {
                if let Some((ssrc, info)) = video.sender_info(now, ntp) {
                    compounds.add(ssrc, Some(info), &std::mem::take(&mut blocks), video.cname());
                }
            }
            if compounds.is_empty() {
                compounds.add(RECEIVER_ONLY_SSRC, None, &blocks, "");
            }
            for compound in compounds.packets() {
                line.transport.send_rtcp(compound);
            }
        }
    }

    fn video_out(&mut self, ssrc: u32) -> Option<&mut VideoOutbound> {
        self.video_outbound.values_mut().find(|video| video.ssrc() == Some(ssrc)).map(|video| &mut **video)
    }

    fn receive_rtcp(&mut self, now: Instant, compound: &[u8]) {
        let (ntp, unix_ms) = (self.clock.ntp(now), self.clock.unix_ms(now));
        for report in rtcp::parse(compound) {
            match report {
                rtcp::Report::Sender { ssrc, info } => {
                    let heard = self.inbound.values_mut().find(|inbound| inbound.ssrc() == Some(ssrc));
                    if let Some(inbound) = heard {
                        inbound.note_sender(info, now, unix_ms);
                    } else if let Some(video) = self.video_inbound.values_mut().find(|video| video.ssrc() == Some(ssrc))
                    {
                        video.note_sender(info, now, unix_ms);
                    }
                }
                rtcp::Report::Block(block) => {
                    let sent = self.outbound.values_mut().find(|outbound| outbound.ssrc() == Some(block.ssrc));
                    if let Some(outbound) = sent {
                        outbound.note_block(&block, now, ntp, unix_ms);
                    } else if let Some(video) = self.video_out(block.ssrc) {
                        video.note_block(&block, ntp, unix_ms);
                    }
                }
                rtcp::Report::Feedback { ssrc, feedback } => {
                    if let Some(video) = self.video_out(ssrc) {
                        video.note_feedback(now, feedback);
                    }
                }
                // A stream that says goodbye may come back under the same SSRC (a gateway's takeover), and the end of
                // a track is negotiated, never said in RTCP: nothing follows from it.
                rtcp::Report::Goodbye(_) => {}
            }
        }
    }
}

fn joined(played: Option<Playout>, more: Option<Playout>) -> Option<Playout> {
    played.into_iter().chain(more).reduce(Playout::add)
}

fn note_sources(sources: &Sources, level: Option<u8>, packet: &RtpPacket, unix_ms: f64) {
    let told = packet.extensions.iter().find(|(id, _)| Some(*id) == level).and_then(|(_, value)| value.first());
    let heard = Source {
        source: packet.ssrc,
        contributing: false,
        unix_ms,
        rtp_timestamp: packet.timestamp,
        level: told.map(|level| level & 0x7f),
    };
    for source in &packet.csrc {
        sources.note(Source { source: *source, contributing: true, level: None, ..heard });
    }
    sources.note(heard);
}

fn log_ice(state: IceState, had_pair: bool) {
    match state {
        IceState::New | IceState::Closed => {}
        IceState::Checking => tracing::info!(target: "webphone-rtc:ice", "checking: looking for a way to the far end"),
        IceState::Connected => tracing::info!(target: "webphone-rtc:ice", "connected: the far end answers"),
        IceState::Completed => tracing::info!(target: "webphone-rtc:ice", "completed: no better way is left to try"),
        IceState::Disconnected => {
            tracing::warn!(target: "webphone-rtc:ice", "disconnected: the far end has not answered for 5 s");
        }
        IceState::Failed if had_pair => {
            tracing::error!(target: "webphone-rtc:ice", "failed: the far end has not answered for 30 s");
        }
        IceState::Failed => {
            tracing::error!(target: "webphone-rtc:ice", "failed: no candidate pair has worked within 30 s");
        }
    }
}

fn log_pair(pair: &PairInfo) {
    let kind = |candidate: &LocalCandidate| format!("{:?}", candidate.kind).to_lowercase();
    let (local, remote) = (&pair.local, &pair.remote);
    tracing::info!(target: "webphone-rtc:ice", local = kind(local), remote = kind(remote), "a candidate pair is chosen");
    tracing::debug!(target: "webphone-rtc:candidate", %local, %remote, "the pair in use");
}

fn log_dtls(state: DtlsState, transport: &Transport) {
    match state {
        DtlsState::New | DtlsState::Failed => {}
        DtlsState::Connecting => tracing::debug!(target: "webphone-rtc:dtls", "the handshake begins"),
        DtlsState::Connected => {
            let (cipher, profile) = transport.security().unwrap_or_default();
            tracing::info!(target: "webphone-rtc:dtls", profile, cipher, "connected: keys are agreed, media can flow");
        }
        DtlsState::Closed => tracing::debug!(target: "webphone-rtc:dtls", "closed"),
    }
}

fn log_data(event: &DataEvent) {
    match event {
        DataEvent::Connecting => tracing::debug!(target: "webphone-rtc:data", "opening the SCTP association"),
        DataEvent::Up(channels) => tracing::info!(target: "webphone-rtc:data", channels, "data channels can be used"),
        DataEvent::Down => tracing::info!(target: "webphone-rtc:data", "the SCTP association is over"),
        DataEvent::Announced(_, stream, _) => {
            tracing::debug!(target: "webphone-rtc:data", stream, "the far end has created a channel");
        }
        DataEvent::Closed(id, Some(error)) => {
            tracing::info!(target: "webphone-rtc:data", channel = id.0, ?error, "a channel has failed");
        }
        _ => {}
    }
}

fn sections(plan: &Plan, id: TransportId) -> Vec<Section> {
    let section = |media: &MediaPlan| {
        let recv = media.recv.as_ref()?;
        Some(Section {
            transceiver: media.transceiver,
            mid: media.mid.clone(),
            mid_extension: recv.extension(Extension::Mid),
            payload_types: recv.codecs.iter().map(|codec| codec.payload_type).collect(),
            ssrcs: recv.ssrcs.clone(),
        })
    };
    plan.media.iter().filter(|media| media.transport == id).filter_map(section).collect()
}
