//! The task of one connection: the clock, the sockets and the mailbox around a [`Session`].
//!
//! Invariant: only this task touches the session, so nothing in it needs a lock; commands take effect in their order,
//! and the far end is told of a close before the sockets go.

use super::Encoding;
use super::clock::WallClock;
use super::gathering::{GATHER_LIMIT, Port, address_policy, receive};
use super::intake::Intake;
use super::log;
use super::outbox::{ConnectionId, Notice, Outbox};
use super::outlet::Outlet;
use super::preparation::Preparation;
use super::report::Report;
use super::runtime::{self, Rouser};
use super::session::{Session, Way};
use super::stats::Stats;
use crate::census::{Kind, Live};
use crate::error::Result;
use crate::fault::{self, Place};
use crate::media::{Detour, FrameQueue, Ring, Sources};
use crate::negotiation::{CandidateKind, Plan, TransceiverId, TransportId, TransportPlan};
use crate::transport::{
    Certificate, ChannelId, ChannelInit, GatherEvent, IceServer, Lookup, Message, Transmit, look_up, restock,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Timers of the runtime have a resolution of one millisecond; asking for less would spin.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);
/// What an idle connection sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// What gathering obeys.
#[derive(Clone, Debug, Default)]
pub struct NetworkConfig {
    /// STUN and TURN servers.
    pub servers: Vec<IceServer>,
    /// W3C `iceTransportPolicy: "relay"`.
    pub relay_only: bool,
    /// Gather on the loopback interface too.
    pub loopback: bool,
    /// Bind to these addresses only.
    pub addresses: Option<Vec<IpAddr>>,
    /// Lowest and highest port.
    pub port_range: Option<(u16, u16)>,
}

/// What the task is told.
pub(super) enum Command {
    Plan(Plan),
    Network(NetworkConfig),
    Source(TransceiverId, Option<Arc<Ring>>),
    Frames(TransceiverId, Option<Arc<FrameQueue>>),
    Detour(Way, Option<Arc<Detour>>),
    /// Frames have come back from the detour.
    Returned(Way),
    Enabled(TransceiverId, bool),
    Picture(TransceiverId, bool),
    Encoding(TransceiverId, Encoding),
    /// Milliseconds.
    LeastDelay(TransceiverId, f64),
    Dtmf {
        id: TransceiverId,
        tones: String,
        duration_ms: u32,
        gap_ms: u32,
    },
    ReceiverRing(TransceiverId, Arc<Ring>),
    Outlet(TransceiverId, Box<Outlet>),
    Sources(TransceiverId, Arc<Sources>),
    OpenChannel {
        id: ChannelId,
        stream: u16,
        init: ChannelInit,
    },
    SendMessage(ChannelId, Message),
    CloseChannel(ChannelId),
    ResumeReading,
    Stats(u32),
    Close,
}

/// The way into the task. Commands wait in it until the task is started.
pub(super) struct Mailbox {
    id: ConnectionId,
    outbox: Arc<Outbox>,
    commands: UnboundedSender<Command>,
    unborn: Option<Task>,
    /// Of the task's thread, once it is started.
    rouser: Option<Rouser>,
    /// Messages that have come and were not handled yet.
    pub intake: Arc<Intake>,
}

impl Mailbox {
    pub fn new(id: ConnectionId, certificate: Certificate, network: NetworkConfig, outbox: Arc<Outbox>) -> Self {
        let (sender, commands) = unbounded_channel();
        let intake = Arc::<Intake>::default();
        let unborn =
            Task { id, certificate, network, prepared: None, outbox: outbox.clone(), commands, intake: intake.clone() };
        Self { id, outbox, commands: sender, unborn: Some(unborn), rouser: None, intake }
    }

    /// The task will be started soon: what it needs of the system is asked for, unless it was before.
    pub fn prepare(&mut self) {
        let Some(task) = self.unborn.as_mut().filter(|task| task.prepared.is_none()) else { return };
        // Where the system gives no thread, starting says so.
        let Ok(seat) = runtime::reserve() else { return };
        task.prepared = Some(Preparation::begin(seat, address_policy(&task.network)));
    }

    /// The task exists from now on, and has done what it was told so far. Where the system gives no thread, it may be tried
    /// again.
    fn start(&mut self) -> Result<()> {
        let Some(task) = &self.unborn else { return Ok(()) };
        let seat = task.prepared.as_ref().map_or_else(runtime::reserve, |prepared| Ok(prepared.seat.clone()))?;
        let Some(task) = self.unborn.take() else { return Ok(()) };
        let (id, outbox) = (task.id, task.outbox.clone());
        let run = task.run();
        #[cfg(feature = "faults")]
        let run = fault::subject(id.0, run);
        self.rouser = Some(seat.begin(log::speaking(id, outbox, run)));
        Ok(())
    }

    /// Asks for the counters. Where there is no task, before the first plan that gathers or after a crash, nothing is
    /// counted, and that is the answer.
    pub fn ask(&self, request: u32) {
        if self.unborn.is_some() || self.commands.send(Command::Stats(request)).is_err() {
            let now = Instant::now();
            let stats = Stats { timestamp: WallClock::system(now).unix_ms(now), ..Stats::default() };
            self.outbox.push(Notice::Connection(self.id, Report::Stats(request, Box::new(stats))));
        }
    }

    /// The task ends, and the connection is reported lost.
    pub fn crash(&self, message: String) {
        self.send(Command::Close);
        self.outbox.push(Notice::Connection(self.id, Report::Crashed(message)));
    }

    /// A bell that has the frames fetched that come back on `way`.
    pub fn returning(&self, way: Way) -> Arc<dyn Fn() + Send + Sync> {
        let commands = self.commands.clone();
        Arc::new(move || {
            let _ = commands.send(Command::Returned(way));
        })
    }

    /// The task ends. What was made ready for one that has not begun is given back.
    pub fn close(&mut self) {
        self.send(Command::Close);
        self.unborn = None;
    }

    pub fn send(&self, command: Command) {
        // Fails only when the task has crashed, which was reported, or was told to close.
        let _ = self.commands.send(command);
    }

    /// Sends what was negotiated: signaling waits for what comes of it, so the task does not. The first plan that gathers
    /// begins the task, which needs to hear of none before: a plan is complete.
    pub fn follow(&mut self, plan: Plan) -> Result<()> {
        if self.unborn.is_some() && !plan.transports.iter().any(|transport| transport.gather) {
            return Ok(());
        }
        self.send(Command::Plan(plan));
        match &self.rouser {
            Some(rouser) => rouser.rouse(),
            None => self.start()?,
        }
        Ok(())
    }
}

/// A task that has not begun.
struct Task {
    id: ConnectionId,
    certificate: Certificate,
    network: NetworkConfig,
    prepared: Option<Preparation>,
    outbox: Arc<Outbox>,
    commands: UnboundedReceiver<Command>,
    intake: Arc<Intake>,
}

impl Task {
    async fn run(self) {
        let (id, outbox) = (self.id, self.outbox.clone());
        if let Err(message) = runtime::contain(self.drive()).await {
            tracing::error!(target: "webphone-rtc:connection", message, "a fault of the engine has ended the connection");
            outbox.push(Notice::Connection(id, Report::Crashed(message)));
        }
    }

    async fn drive(self) {
        let _live = Live::new(Kind::Task);
        let now = Instant::now();
        let mut session = Session::new(self.certificate, WallClock::system(now)).share_intake(self.intake);
        session.set_relay_only(self.network.relay_only);
        let mut driver = Driver {
            id: self.id,
            session,
            network: self.network,
            prepared: self.prepared,
            outbox: self.outbox,
            ports: BTreeMap::new(),
            lookups: JoinSet::new(),
            gathering: false,
        };
        let mut commands = self.commands;
        // The one that it has taken, and one more while the stock is low: calls may come together.
        let mut to_restock = 2;
        // What is wanted by now is done, and told, by the thread that begins the task. Checks and the alarm are the shard's: it would
        // be woken for an alarm that is set elsewhere, which takes as long as a datagram or two.
        let mut alive = commands.try_recv().map_or(true, |command| driver.obey_all(command, &mut commands));
        driver.advance_gathering(Instant::now());
        driver.tell();
        tokio::task::yield_now().await;
        let mut alarm = pin!(tokio::time::sleep_until(Instant::now().into()));
        while alive {
            driver.advance(Instant::now());
            // To set an alarm again that is set costs as much as to set it.
            let deadline = driver.deadline().into();
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            let Driver { ports, session, lookups, .. } = &mut driver;
            tokio::select! {
                biased;
                command = commands.recv() => {
                    // Who drops the mailbox closes.
                    alive = driver.obey_all(command.unwrap_or(Command::Close), &mut commands);
                }
                () = receive(ports, |id, now, local, peer, datagram| {
                    fault::point(Place::Datagram);
                    session.receive(now, id, local, peer, datagram);
                }) => {}
                Some(Ok(found)) = lookups.join_next() => driver.note_lookup(found),
                () = &mut alarm => {
                    // Whoever waited for the connection has been told by now.
                    if to_restock > 0 && !driver.session.is_beginning() {
                        to_restock -= 1;
                        restock();
                    }
                    continue;
                }
            }
            if driver.session.is_waited_for() {
                runtime::hurry(Instant::now());
            }
        }
        driver.close();
        // It has taken one, though it was short.
        if to_restock > 0 {
            restock();
        }
    }
}

struct Driver {
    id: ConnectionId,
    session: Session,
    network: NetworkConfig,
    /// Sockets for the first transport.
    prepared: Option<Preparation>,
    outbox: Arc<Outbox>,
    ports: BTreeMap<TransportId, Port>,
    lookups: JoinSet<(TransportId, Lookup, Vec<SocketAddr>)>,
    /// Some transport gathers; JavaScript was told.
    gathering: bool,
}

impl Driver {
    /// Whatever is wanted by now belongs to the same step. False: nothing more is.
    fn obey_all(&mut self, first: Command, commands: &mut UnboundedReceiver<Command>) -> bool {
        let mut wanted = Some(first);
        while let Some(command) = wanted {
            if matches!(command, Command::Close) {
                return false;
            }
            self.obey(command);
            wanted = commands.try_recv().ok();
        }
        true
    }

    fn obey(&mut self, command: Command) {
        fault::point(Place::Command);
        let now = Instant::now();
        match command {
            Command::Plan(plan) => self.follow(now, &plan),
            Command::Network(network) => {
                self.session.set_relay_only(network.relay_only);
                self.network = network;
            }
            Command::Source(id, ring) => self.session.set_source(now, id, ring),
            Command::Frames(id, frames) => self.session.set_frames(now, id, frames),
            Command::Detour(way, detour) => self.session.set_detour(way, detour),
            Command::Returned(way) => self.session.take_returned(now, way),
            Command::Enabled(id, enabled) => self.session.set_enabled(id, enabled),
            Command::Picture(id, picture) => self.session.set_picture(now, id, picture),
            Command::Encoding(id, encoding) => self.session.set_encoding(now, id, encoding),
            Command::LeastDelay(id, least_ms) => self.session.set_least_delay_ms(id, least_ms),
            Command::Dtmf { id, tones, duration_ms, gap_ms } => {
                self.session.insert_dtmf(now, id, &tones, duration_ms, gap_ms);
            }
            Command::ReceiverRing(id, ring) => self.session.set_receiver_ring(id, ring),
            Command::Outlet(id, outlet) => self.session.add_outlet(id, *outlet),
            Command::Sources(id, sources) => self.session.set_sources(id, sources),
            Command::OpenChannel { id, stream, init } => self.session.open_channel(now, id, stream, init),
            Command::SendMessage(id, message) => self.session.send_message(now, id, message),
            Command::CloseChannel(id) => self.session.close_channel(now, id),
            Command::ResumeReading => self.session.resume_reading(now),
            Command::Stats(request) => {
                let stats = self.session.stats(now);
                self.report(Report::Stats(request, Box::new(stats)));
            }
            Command::Close => {}
        }
    }

    fn follow(&mut self, now: Instant, plan: &Plan) {
        if let Err(error) = self.session.apply(now, plan) {
            // A plan is valid by construction; what remains is cryptography or the system saying no.
            tracing::error!(target: "webphone-rtc:connection", %error, "what was negotiated cannot be done");
            self.report(Report::Crashed(error.to_string()));
            return;
        }
        let planned = |id: &TransportId| plan.transports.iter().any(|transport| transport.id == *id);
        if !self.ports.keys().all(planned) {
            // Last words.
            self.flush(now);
            self.ports.iter_mut().filter(|(id, _)| !planned(id)).for_each(|(_, port)| port.close(now));
            self.ports.retain(|id, _| planned(id));
        }
        for transport in plan.transports.iter().filter(|transport| transport.gather) {
            self.gather(now, transport);
        }
    }

    fn gather(&mut self, now: Instant, plan: &TransportPlan) {
        match self.ports.get_mut(&plan.id) {
            Some(port) if port.generation == plan.generation => return,
            Some(port) if plan.gathered => {
                port.generation = plan.generation;
                return;
            }
            Some(port) => port.restart(now, &self.network, plan.generation),
            None => match Port::open(now, &self.network, plan.generation, self.prepared.take()) {
                Ok(port) => {
                    self.ports.insert(plan.id, port);
                }
                Err(error) => return self.report_no_socket(plan.id, &error),
            },
        }
        if !std::mem::replace(&mut self.gathering, true) {
            tracing::debug!(target: "webphone-rtc:ice", generation = plan.generation, "gathering candidates");
            self.report(Report::GatheringStarted);
        }
    }

    fn report_no_socket(&self, id: TransportId, error: &std::io::Error) {
        tracing::error!(target: "webphone-rtc:ice", %error, "no socket can be bound, so nobody can reach us");
        self.report(Report::GatheringStarted);
        let text = format!("no socket: {error}");
        self.report(Report::CandidateError { local: None, url: String::new(), code: 701, text });
        self.report(Report::TransportGathered(id));
        self.report(Report::GatheringComplete);
    }

    /// Does all that is due at `now`. What has happened is told before media of it are made.
    fn advance(&mut self, now: Instant) {
        runtime::ring_overdue(now);
        self.advance_gathering(now);
        self.tell();
        if self.session.timeout().is_some_and(|due| due <= now) {
            self.session.handle_timeout(now);
        }
        self.flush(now);
    }

    fn advance_gathering(&mut self, now: Instant) {
        fault::point(Place::Gathering);
        let mut found = Vec::new();
        for (id, port) in &mut self.ports {
            if port.gatherer.timeout().is_some_and(|due| due <= now) {
                port.gatherer.handle_timeout(now);
            }
            while let Some(lookup) = port.gatherer.poll_lookup() {
                let id = *id;
                self.lookups.spawn(async move {
                    fault::point(Place::LookUp);
                    let addresses = look_up(&lookup, GATHER_LIMIT).await;
                    (id, lookup, addresses)
                });
            }
            port.send_gathering(now);
            while let Some(event) = port.gatherer.poll_event() {
                port.complete |= event == GatherEvent::Complete;
                found.push((*id, event));
            }
        }
        for (id, event) in found {
            self.handle_gathered(now, id, event);
        }
    }

    fn handle_gathered(&mut self, now: Instant, id: TransportId, event: GatherEvent) {
        match event {
            GatherEvent::Candidate(mut candidate, base, source) => {
                if self.network.relay_only && candidate.kind != CandidateKind::Relay {
                    return;
                }
                // Nobody is to learn of the address behind a relayed one.
                if self.network.relay_only && candidate.related.is_some() {
                    let nowhere = match base {
                        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                    };
                    candidate.related = Some((nowhere.to_string(), 0));
                }
                if let Err(error) = self.session.add_local_candidate(now, id, candidate.clone(), base) {
                    tracing::debug!(target: "webphone-rtc:candidate", %candidate, %error, "a local candidate is of no use");
                    return;
                }
                tracing::debug!(target: "webphone-rtc:candidate", %candidate, "local candidate");
                if let Some(source) = source.clone() {
                    self.session.note_candidate_source(id, &candidate, source);
                }
                self.report(Report::LocalCandidate { transport: id, candidate, source });
            }
            GatherEvent::Error { url, local, code, text } => {
                tracing::info!(target: "webphone-rtc:ice", code, "a STUN or TURN server did not help");
                tracing::debug!(target: "webphone-rtc:candidate", url, code, text, "the server that did not help");
                // An address that no candidate tells is not told here either.
                let local = local.filter(|_| !self.network.relay_only);
                self.report(Report::CandidateError { local, url, code, text });
            }
            GatherEvent::Lost(relayed) => {
                tracing::warn!(target: "webphone-rtc:ice", "a TURN server relays no more");
                self.session.lose_local_address(now, id, relayed);
            }
            GatherEvent::Complete => {
                self.report(Report::TransportGathered(id));
                if self.ports.values().all(|port| port.complete) {
                    self.gathering = false;
                    tracing::debug!(target: "webphone-rtc:ice", "gathering is complete");
                    self.report(Report::GatheringComplete);
                }
            }
        }
    }

    fn note_lookup(&mut self, (id, lookup, addresses): (TransportId, Lookup, Vec<SocketAddr>)) {
        if let Some(port) = self.ports.get_mut(&id) {
            port.gatherer.resolved(Instant::now(), &lookup, &addresses);
        }
    }

    /// Reports what is to be reported and sends what is to be sent. In this order: what follows at a far end in the same
    /// process is not told before what led to it.
    fn flush(&mut self, now: Instant) {
        self.tell();
        while !self.has_backlog()
            && let Some((id, transmit)) = self.session.poll_transmit()
        {
            self.send(now, id, transmit);
        }
        self.flush_sockets(now);
    }

    fn tell(&mut self) {
        while let Some(report) = self.session.poll_report() {
            self.report(report);
        }
    }

    /// A socket has no room: what there is to send waits, and receiving ends when there is room again.
    fn has_backlog(&self) -> bool {
        self.ports.values().any(|port| port.sockets.has_backlog())
    }

    fn send(&mut self, now: Instant, id: TransportId, transmit: Transmit) {
        if let Some(port) = self.ports.get_mut(&id)
            && let Some(transmit) = port.gatherer.frame(now, transmit)
        {
            port.sockets.join(transmit);
        }
    }

    fn flush_sockets(&mut self, now: Instant) {
        for port in self.ports.values_mut() {
            port.sockets.flush();
            // What was sent may have to be permitted first, or have asked for a channel.
            port.send_gathering(now);
        }
    }

    fn deadline(&self) -> Instant {
        let gathering = self.ports.values().filter_map(|port| port.gatherer.timeout());
        let now = Instant::now();
        let next = gathering.chain(self.session.timeout()).min().unwrap_or(now + LONGEST_SLEEP);
        next.clamp(now + SHORTEST_SLEEP, now + LONGEST_SLEEP)
    }

    /// At once: what a call waits for does not wait for the media of others.
    fn report(&self, report: Report) {
        self.outbox.push(Notice::Connection(self.id, report));
        runtime::ring_kept();
    }

    fn close(mut self) {
        fault::point(Place::Close);
        let now = Instant::now();
        self.session.close(now);
        self.flush(now);
        while let Some((id, transmit)) = self.session.poll_transmit() {
            self.send(now, id, transmit);
        }
        self.flush_sockets(now);
        self.ports.values_mut().for_each(|port| port.close(now));
        tracing::debug!(target: "webphone-rtc:connection", "the far end was told and the sockets are closed");
    }
}
