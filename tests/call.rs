//! Whole calls in virtual time: two ends with negotiation, transports, media and RTCP, over a simulated wire.

#[path = "support/tone.rs"]
mod tone;
#[path = "support/wire.rs"]
mod wire;

use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tone::ToneFit;
use webphone_rtc::connection::clock::WallClock;
use webphone_rtc::connection::{Report, Session};
use webphone_rtc::media::{Gate, Reader, Ring, Sources};
use webphone_rtc::negotiation::{
    BundlePolicy, Config, Direction, Features, Fingerprint, HashAlgorithm, Kind, Negotiator, OfferOptions, Plan,
    Random, SdpType, TransceiverId, TransportId, capabilities,
};
use webphone_rtc::recording::{Mixer, Side};
use webphone_rtc::transport::{Certificate, DtlsState, IceState, Transmit};
use wire::host;

const RATE_HZ: u32 = 16_000;
const TICK: Duration = Duration::from_millis(5);

struct Seeded(u64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

/// One end of a call: speaks a tone of its own, records what it hears.
struct End {
    negotiator: Negotiator,
    session: Session,
    address: SocketAddr,
    generation: Option<u32>,
    transceiver: TransceiverId,
    microphone: Arc<Ring>,
    phase: f64,
    tone_hz: f64,
    ear: Option<Reader>,
    heard: Vec<i16>,
    reports: Vec<Report>,
}

impl End {
    fn new(now: Instant, seed: u64, tone_hz: f64) -> Self {
        let certificate = Certificate::generate(Duration::from_secs(3600)).unwrap();
        let fingerprint =
            Fingerprint { algorithm: HashAlgorithm::Sha256, bytes: certificate.fingerprint_sha256().to_vec() };
        let config = Config {
            bundle_policy: BundlePolicy::Balanced,
            rtcp_mux_require: true,
            fingerprints: vec![fingerprint],
            features: Features { red: false, video: true, data: false },
        };
        let mut negotiator = Negotiator::new(config, Box::new(Seeded(seed)));
        let transceiver = negotiator.add_track(Kind::Audio, "microphone", &[]).unwrap();
        let mut session = Session::new(certificate, WallClock::system(now));
        let microphone = Ring::new(RATE_HZ, 1, 1000);
        session.set_source(now, transceiver, Some(microphone.clone()));
        let ring = Ring::live(48_000, 1, 1000);
        let ear = Some(ring.reader());
        session.set_receiver_ring(transceiver, ring);
        let address = SocketAddr::from(([192, 0, 2, seed as u8], 5000));
        Self {
            negotiator,
            session,
            address,
            generation: None,
            transceiver,
            microphone,
            phase: 0.0,
            tone_hz,
            ear,
            heard: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// What the driver does after each change of a description: the plan, then candidates where they are wanted.
    fn apply(&mut self, now: Instant) {
        let plan = self.negotiator.plan();
        self.session.apply(now, &plan).unwrap();
        for transport in plan.transports.iter().filter(|transport| transport.gather) {
            if self.generation.replace(transport.generation) != Some(transport.generation) {
                let candidate = host(self.address);
                self.session.add_local_candidate(now, transport.id, candidate.clone(), self.address).unwrap();
                self.negotiator.add_local_candidate(transport.id, &candidate);
                self.negotiator.local_candidates_complete(transport.id);
            }
        }
    }

    fn speak(&mut self) {
        let samples = (RATE_HZ as u128 * TICK.as_millis() / 1000) as usize;
        let step = TAU * self.tone_hz / f64::from(RATE_HZ);
        let pcm: Vec<i16> = (0..samples).map(|n| (8000.0 * (self.phase + step * n as f64).sin()) as i16).collect();
        self.phase += step * samples as f64;
        self.microphone.write(&pcm, RATE_HZ, 1);
    }

    fn listen(&mut self) {
        let Some(ear) = &mut self.ear else { return };
        let ready = ear.available(RATE_HZ, 1);
        let mut pcm = vec![0; ready];
        ear.pull(&mut pcm, RATE_HZ, 1);
        self.heard.extend(pcm);
    }

    fn digits(&self) -> String {
        let digit = |report: &Report| match report {
            Report::Dtmf { digit, .. } => Some(*digit),
            _ => None,
        };
        self.reports.iter().filter_map(digit).collect()
    }

    fn saw_dtls(&self, wanted: DtlsState) -> bool {
        self.reports.iter().any(|report| matches!(report, Report::Dtls(_, state, _) if *state == wanted))
    }

    fn saw_ice(&self, wanted: IceState) -> bool {
        self.reports.iter().any(|report| matches!(report, Report::Ice(_, state) if *state == wanted))
    }
}

struct Call {
    now: Instant,
    ends: Vec<End>,
    wire: VecDeque<(Instant, Transmit)>,
    latency: Duration,
    /// Every n-th RTP packet is lost, where n is not 0.
    lose_every: u32,
    sent: u32,
    /// The longest datagram.
    longest: usize,
}

impl Call {
    fn new() -> Self {
        let now = Instant::now();
        let ends = vec![End::new(now, 1, 1000.0), End::new(now, 2, 700.0)];
        Self {
            now,
            ends,
            wire: VecDeque::new(),
            latency: Duration::from_millis(10),
            lose_every: 0,
            sent: 0,
            longest: 0,
        }
    }

    fn negotiate(&mut self, from: usize, options: OfferOptions) {
        self.negotiate_between(from, 1 - from, options);
    }

    /// Offer from `from`, answer from `to`.
    fn negotiate_between(&mut self, from: usize, to: usize, options: OfferOptions) {
        let offer = self.ends[from].negotiator.create_offer(options).unwrap();
        self.ends[from].negotiator.set_local(SdpType::Offer, &offer).unwrap();
        self.ends[from].apply(self.now);
        let offer = local_sdp(&self.ends[from].negotiator);
        self.ends[to].negotiator.set_remote(SdpType::Offer, &offer).unwrap();
        self.ends[to].apply(self.now);
        let answer = self.ends[to].negotiator.create_answer().unwrap();
        self.ends[to].negotiator.set_local(SdpType::Answer, &answer).unwrap();
        self.ends[to].apply(self.now);
        let answer = local_sdp(&self.ends[to].negotiator);
        self.ends[from].negotiator.set_remote(SdpType::Answer, &answer).unwrap();
        self.ends[from].apply(self.now);
    }

    fn run(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while self.now < end {
            for end in &mut self.ends {
                end.speak();
            }
            let next = self.now + TICK;
            while self.now < next {
                self.step(next);
            }
            for end in &mut self.ends {
                end.listen();
            }
        }
    }

    /// On to the next moment at which something happens, `until` at the latest.
    fn step(&mut self, until: Instant) {
        let due = self.ends.iter().filter_map(|end| end.session.timeout());
        let arrival = self.wire.front().map(|(at, _)| *at);
        self.now = due.chain(arrival).min().unwrap_or(until).clamp(self.now + Duration::from_micros(10), until);
        while self.wire.front().is_some_and(|(at, _)| *at <= self.now) {
            let Some((_, transmit)) = self.wire.pop_front() else { break };
            let Transmit { local, peer, payload } = transmit;
            let to = self.ends.iter_mut().find(|end| end.address == peer);
            to.unwrap().session.receive(self.now, TransportId(0), peer, local, &payload);
        }
        for end in &mut self.ends {
            if end.session.timeout().is_some_and(|due| due <= self.now) {
                end.session.handle_timeout(self.now);
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        for end in &mut self.ends {
            while let Some((_, transmit)) = end.session.poll_transmit() {
                self.longest = self.longest.max(transmit.payload.len());
                let is_rtp = transmit.payload[0] >= 128 && !(192..=223).contains(&transmit.payload[1]);
                self.sent += u32::from(is_rtp);
                if is_rtp && self.lose_every != 0 && self.sent.is_multiple_of(self.lose_every) {
                    continue;
                }
                self.wire.push_back((self.now + self.latency, transmit));
            }
            while let Some(report) = end.session.poll_report() {
                end.reports.push(report);
            }
        }
    }

    /// What `end` hears of `hz` in the next `ms`: signal to noise in dB.
    fn snr(&mut self, end: usize, hz: f64, ms: u64) -> f64 {
        self.ends[end].heard.clear();
        self.run(ms);
        snr_db(&self.ends[end].heard, hz)
    }
}

fn local_sdp(negotiator: &Negotiator) -> String {
    let descriptions = negotiator.descriptions();
    descriptions.pending_local.or(descriptions.current_local).unwrap().sdp
}

/// Least-squares fit of a sine of `hz`, in pieces, so that a slow phase drift is not noise; the median piece counts.
fn snr_db(pcm: &[i16], hz: f64) -> f64 {
    let length = RATE_HZ as usize / 25;
    let tone = ToneFit::new(hz, RATE_HZ, length);
    let mut pieces: Vec<f64> = pcm.chunks_exact(length).map(|piece| tone.fit(piece).snr_db()).collect();
    assert!(!pieces.is_empty(), "nothing was heard");
    pieces.sort_by(f64::total_cmp);
    pieces[pieces.len() / 2]
}

fn rms(pcm: &[i16]) -> f64 {
    (pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len().max(1) as f64).sqrt()
}

fn connected() -> Call {
    let mut call = Call::new();
    call.negotiate(0, OfferOptions::default());
    call.run(1000);
    assert!(call.ends.iter().all(|end| end.saw_dtls(DtlsState::Connected)));
    call
}

#[test]
fn both_ends_hear_each_others_tone() {
    let mut call = connected();
    assert!(call.snr(1, 1000.0, 1000) >= 30.0);
    assert!(call.snr(0, 700.0, 1000) >= 30.0);
}

#[test]
fn a_recording_has_what_was_heard_left_and_what_was_sent_right() {
    let mut call = connected();
    let (start, end) = (call.now, &call.ends[0]);
    let mut mixer = Mixer::new(start, RATE_HZ);
    mixer.replace(Side::Left, end.ear.as_ref().map(|ear| ear.ring().tap(RATE_HZ, Gate::new(true))));
    mixer.replace(Side::Right, Some(end.microphone.tap(RATE_HZ, Gate::new(true))));
    call.run(1500);
    let mut pcm = Vec::new();
    while mixer.mix(call.now, &mut pcm) {}
    assert_eq!(pcm.len(), 2 * 1500 * RATE_HZ as usize / 1000);
    // The first of it belongs to packets that were under way.
    let side = |first: usize| pcm.iter().copied().skip(first).step_by(2).skip(1600).collect::<Vec<_>>();
    for (side, hz) in [(side(0), 700.0), (side(1), 1000.0)] {
        let worst = side
            .chunks_exact(320)
            .map(|piece| ToneFit::new(hz, RATE_HZ, 320).fit(piece).snr_db())
            .fold(f64::MAX, f64::min);
        assert!(worst > 20.0, "{hz} Hz: {worst} dB");
    }
}

#[test]
fn the_first_sound_spoken_before_the_call_is_up_is_heard() {
    let mut call = Call::new();
    call.run(200);
    call.negotiate(0, OfferOptions::default());
    call.run(2000);
    assert!(call.ends[0].microphone.played_ms() >= 1900.0, "what waited in the queue was played first");
}

#[test]
fn hold_silences_and_resume_brings_the_tone_back() {
    let mut call = connected();
    let held = call.ends[0].transceiver;
    call.ends[0].negotiator.set_direction(held, Direction::Inactive).unwrap();
    call.negotiate(0, OfferOptions::default());
    call.run(1000);
    for end in &mut call.ends {
        end.heard.clear();
    }
    call.run(500);
    assert!(call.ends.iter().all(|end| rms(&end.heard) < 20.0));
    call.ends[0].negotiator.set_direction(held, Direction::SendRecv).unwrap();
    call.negotiate(0, OfferOptions::default());
    call.run(500);
    assert!(call.snr(1, 1000.0, 1000) >= 30.0);
    assert!(call.snr(0, 700.0, 1000) >= 30.0);
}

#[test]
fn an_end_whose_far_end_has_closed_is_not_kept_busy() {
    let mut call = connected();
    let now = call.now;
    call.ends[0].session.close(now);
    call.run(50);
    assert!(call.ends[1].saw_dtls(DtlsState::Closed));
    call.run(10_000);
    let end = &mut call.ends[1].session;
    end.handle_timeout(call.now);
    assert!(end.timeout().is_none_or(|due| due > call.now), "it is to be woken at once, for nothing");
}

#[test]
fn a_call_in_g722_has_both_sub_bands() {
    let mut call = Call::new();
    // Above what a narrow-band codec carries.
    call.ends[0].tone_hz = 5000.0;
    let wanted: Vec<_> = capabilities(Kind::Audio, &Features::default())
        .into_iter()
        .filter(|codec| ["G722", "telephone-event"].contains(&codec.name.as_str()))
        .collect();
    let transceiver = call.ends[0].transceiver;
    call.ends[0].negotiator.set_codec_preferences(transceiver, &wanted).unwrap();
    call.negotiate(0, OfferOptions::default());
    call.run(1000);
    assert!(call.snr(1, 5000.0, 1000) >= 15.0);
    assert!(call.snr(0, 700.0, 1000) >= 20.0);
    for end in 0..2 {
        let id = call.ends[end].transceiver;
        call.ends[end].session.insert_dtmf(call.now, id, "7", 100, 70);
    }
    call.run(1000);
    assert_eq!([call.ends[0].digits(), call.ends[1].digits()], ["7", "7"]);
    for end in &call.ends {
        let stats = end.session.stats(call.now);
        assert_eq!(stats.inbound[0].payload_type, Some(9));
        assert_eq!(stats.inbound[0].packets_lost, 0.0);
    }
}

#[test]
fn an_ice_restart_by_either_end_loses_no_packet() {
    for by in [0, 1] {
        let mut call = connected();
        let lost = |call: &Call, end: usize| call.ends[end].session.stats(call.now).inbound[0].packets_lost;
        call.negotiate(by, OfferOptions { ice_restart: true, ..OfferOptions::default() });
        call.run(3000);
        assert_eq!((lost(&call, 0), lost(&call, 1)), (0.0, 0.0), "restart by {by}");
        assert!(call.snr(1 - by, if by == 0 { 1000.0 } else { 700.0 }, 500) >= 30.0);
    }
}

#[test]
fn another_server_takes_the_call_over_while_the_first_is_still_there() {
    let mut call = connected();
    call.ends.push(End::new(call.now, 3, 500.0));
    call.negotiate_between(2, 0, OfferOptions::default());
    call.run(2000);
    assert!(call.snr(0, 500.0, 1000) >= 30.0);
    assert!(call.snr(2, 1000.0, 1000) >= 30.0);
}

#[test]
fn digits_arrive_once_each_in_both_directions() {
    let mut call = connected();
    for end in &mut call.ends {
        let id = end.transceiver;
        end.session.insert_dtmf(call.now, id, "159#D", 100, 70);
    }
    call.run(2000);
    assert_eq!([call.ends[0].digits(), call.ends[1].digits()], ["159#D", "159#D"]);
    let tones = call.ends[0].reports.iter().filter(|report| matches!(report, Report::ToneChange { .. })).count();
    assert_eq!(tones, 6, "five digits and the end");
}

#[test]
fn reports_measure_round_trip_and_loss() {
    let mut call = connected();
    call.lose_every = 11; // odd: the two ends take turns
    call.run(20_000);
    let stats = call.ends[0].session.stats(call.now);
    let far = &stats.remote_inbound[0];
    let round_trip = far.round_trip_time.expect("a round-trip time was measured");
    assert!((round_trip - 0.020).abs() < 0.002, "{round_trip}");
    assert!((0.05..0.2).contains(&far.fraction_lost), "{}", far.fraction_lost);
    assert!(stats.inbound[0].packets_lost > 50.0);
    assert!(stats.remote_outbound[0].reports_sent >= 5.0);
}

#[test]
fn each_of_many_streams_is_reported_on_in_datagrams_that_fit() {
    let mut call = Call::new();
    for end in &mut call.ends {
        for n in 0..39 {
            let id = end.negotiator.add_track(Kind::Audio, &n.to_string(), &[]).unwrap();
            end.session.set_source(call.now, id, Some(end.microphone.clone()));
        }
    }
    call.negotiate(0, OfferOptions::default());
    call.run(2000);
    call.longest = 0;
    call.run(8000);
    for end in &call.ends {
        let stats = end.session.stats(call.now);
        assert_eq!(stats.outbound.len(), 40);
        assert_eq!(stats.remote_inbound.len(), 40, "what the far end says of our streams");
        assert_eq!(stats.remote_outbound.len(), 40, "what the far end says of its streams");
    }
    assert!((500..=1200).contains(&call.longest), "{}", call.longest);
}

#[test]
fn statistics_tell_what_was_inserted_and_removed_to_change_the_delay() {
    let mut call = connected();
    let before = call.ends[1].session.stats(call.now).inbound[0].clone();
    for spell in 0..100 {
        call.latency = Duration::from_millis(if spell % 2 == 0 { 10 } else { 70 });
        call.run(50);
    }
    let uneven = call.ends[1].session.stats(call.now).inbound[0].clone();
    assert!(uneven.inserted_samples_for_deceleration > before.inserted_samples_for_deceleration);
    call.latency = Duration::from_millis(10);
    call.run(60_000);
    let even = &call.ends[1].session.stats(call.now).inbound[0];
    assert!(even.removed_samples_for_acceleration > uneven.removed_samples_for_acceleration);
}

#[test]
fn what_was_played_stays_counted_when_a_transceiver_is_stopped() {
    let mut call = Call::new();
    let mut ears = Vec::new();
    let mut second = call.ends[0].transceiver;
    for end in &mut call.ends {
        second = end.negotiator.add_track(Kind::Audio, "second", &[]).unwrap();
        end.session.set_source(call.now, second, Some(end.microphone.clone()));
        let ring = Ring::live(RATE_HZ, 1, 1000);
        ears.push(ring.reader());
        end.session.set_receiver_ring(second, ring);
    }
    let played = |call: &Call| call.ends[1].session.stats(call.now).playout;
    call.negotiate(0, OfferOptions::default());
    assert_eq!(played(&call), None);
    call.run(2000);
    let both = played(&call).unwrap();
    assert!((3.0..=4.0).contains(&both.duration_s), "2 s of each: {both:?}");
    call.ends[1].negotiator.stop(second).unwrap();
    call.negotiate(1, OfferOptions::default());
    assert_eq!(played(&call), Some(both));
    call.run(1000);
    let more_s = played(&call).unwrap().duration_s - both.duration_s;
    assert!((0.9..=1.1).contains(&more_s), "the other one goes on: {more_s} s");
}

#[test]
fn the_time_of_a_packet_is_the_same_whenever_it_is_asked_for() {
    let call = connected();
    let at = |micros: u64| {
        let stats = call.ends[0].session.stats(call.now + Duration::from_micros(micros));
        (stats.inbound[0].last_packet_received_timestamp, stats.pairs[0].last_packet_sent_timestamp)
    };
    assert!((1..1000).all(|micros| at(micros) == at(0)));
}

#[test]
fn a_close_is_seen_by_the_far_end_within_one_flight() {
    let mut call = connected();
    let now = call.now;
    call.ends[0].session.close(now);
    call.run(50);
    assert!(call.ends[1].saw_dtls(DtlsState::Closed));
}

#[test]
fn nothing_is_kept_of_a_transceiver_once_its_stop_was_negotiated() {
    let mut call = connected();
    for _ in 0..3 {
        let id = call.ends[0].negotiator.add_track(Kind::Audio, "second", &[]).unwrap();
        let (source, heard, sources) = (Ring::new(RATE_HZ, 1, 1000), Ring::live(RATE_HZ, 1, 1000), Arc::default());
        let session = &mut call.ends[0].session;
        session.set_source(call.now, id, Some(source.clone()));
        session.set_receiver_ring(id, heard.clone());
        session.set_sources(id, Arc::<Sources>::clone(&sources));
        call.negotiate(0, OfferOptions::default());
        call.run(100);
        assert_eq!(call.ends.iter().map(|end| end.session.stats(call.now).outbound.len()).sum::<usize>(), 3);
        call.ends[0].negotiator.stop(id).unwrap();
        call.ends[0].apply(call.now);
        assert!(Arc::strong_count(&heard) > 1 && !heard.ended(), "a rollback may still ask for its line");
        call.negotiate(0, OfferOptions::default());
        let counts = [Arc::strong_count(&source), Arc::strong_count(&heard), Arc::strong_count(&sources)];
        assert_eq!((counts, heard.ended()), ([1; 3], true));
    }
    assert!(call.snr(1, 1000.0, 1000) >= 30.0, "the others go on");
}

#[test]
fn a_transport_that_has_left_the_plan_says_goodbye_and_is_gone() {
    let mut call = connected();
    let end = &mut call.ends[0];
    end.session.apply(call.now, &Plan::default()).unwrap();
    assert_eq!(end.session.stats(call.now).transports, []);
    call.run(50);
    assert!(call.ends.iter().all(|end| end.saw_dtls(DtlsState::Closed)));
}

#[test]
fn a_far_end_that_vanishes_is_missed_and_welcomed_back() {
    let mut call = connected();
    call.latency = Duration::from_secs(3600);
    call.run(10_000);
    assert!(call.ends.iter().all(|end| end.saw_ice(IceState::Disconnected)));
    call.wire.clear();
    call.latency = Duration::from_millis(10);
    call.run(5000);
    assert!(call.snr(1, 1000.0, 1000) >= 30.0);
}

#[test]
fn muting_sends_silence_and_goes_on_sending() {
    let mut call = connected();
    let id = call.ends[0].transceiver;
    call.ends[0].session.set_enabled(id, false);
    call.run(500);
    call.ends[1].heard.clear();
    let before = call.ends[0].session.stats(call.now).outbound[0].packets_sent;
    call.run(1000);
    assert!(rms(&call.ends[1].heard) < 20.0);
    assert_eq!(call.ends[0].session.stats(call.now).outbound[0].packets_sent - before, 50.0);
}

#[test]
fn nothing_is_decoded_while_nobody_listens() {
    let mut call = Call::new();
    call.ends[1].ear = None;
    call.negotiate(0, OfferOptions::default());
    call.run(3000);
    let stats = call.ends[1].session.stats(call.now);
    let inbound = &stats.inbound[0];
    assert!(inbound.packets_received > 100.0);
    assert_eq!(inbound.total_samples_received, 0.0);
}

/// A call with sound and a picture from end 0.
fn seen() -> (Call, TransceiverId) {
    let mut call = Call::new();
    let camera = call.ends[0].negotiator.add_track(Kind::Video, "camera", &[]).unwrap();
    let now = call.now;
    call.ends[0].session.set_picture(now, camera, true);
    call.negotiate(0, OfferOptions::default());
    call.run(3000);
    (call, camera)
}

#[test]
fn a_picture_arrives_beside_the_sound_and_is_reported_on() {
    let (mut call, camera) = seen();
    let stats = [0, 1].map(|end: usize| call.ends[end].session.stats(call.now));
    let sent = stats[0].outbound.iter().find(|stream| stream.kind == "video").unwrap();
    let came = stats[1].inbound.iter().find(|stream| stream.kind == "video").unwrap();
    assert_eq!((sent.transceiver, sent.ssrc), (camera.0, came.ssrc));
    assert!(came.frames_received.unwrap() >= 10.0 && came.packets_lost == 0.0);
    assert!(sent.frames_sent.unwrap() - came.frames_received.unwrap() <= 1.0);
    let unmuted = |report: &Report| matches!(report, Report::Unmuted(id) if id.0 == came.transceiver);
    assert!(call.ends[1].reports.iter().any(unmuted));
    let told = stats[0].remote_inbound.iter().find(|stream| stream.ssrc == sent.ssrc).unwrap();
    assert!((told.round_trip_time.unwrap() - 0.02).abs() < 0.005);
    assert!(told.packets_received.unwrap() > 0.0 && told.packets_received.unwrap() <= sent.packets_sent);
    assert!(stats[1].remote_outbound.iter().any(|stream| stream.ssrc == came.ssrc && stream.packets_sent > 0.0));
    assert!(call.snr(1, 1000.0, 1000) >= 30.0);
}

#[test]
fn a_picture_that_is_taken_away_mutes_the_far_ends_track() {
    let (mut call, camera) = seen();
    let now = call.now;
    call.ends[0].session.set_picture(now, camera, false);
    call.ends[1].reports.clear();
    call.run(3000);
    assert!(call.ends[1].reports.iter().any(|report| matches!(report, Report::Muted(_))));
}

#[test]
fn sound_tells_how_loud_it_is_and_who_speaks() {
    let mut call = Call::new();
    let sources = Arc::<Sources>::default();
    let id = call.ends[1].transceiver;
    call.ends[1].session.set_sources(id, sources.clone());
    call.negotiate(0, OfferOptions::default());
    call.run(2000);
    let heard = sources.list();
    let ssrc = call.ends[0].session.stats(call.now).outbound[0].ssrc;
    assert_eq!((heard.len(), heard[0].source, heard[0].contributing), (1, ssrc, false));
    // A sine of amplitude 8000 of 32768 has 20 log10(8000 / 32768 / sqrt 2) = -15.3 dBov.
    assert_eq!(heard[0].level, Some(15));
}

#[test]
fn the_round_trip_of_a_pair_is_known_from_the_checks_that_chose_it() {
    let call = connected();
    for end in &call.ends {
        let stats = end.session.stats(call.now);
        assert_eq!(stats.pairs[0].consent_requests_sent, 0.0, "consent was not asked for yet");
        assert!((stats.pairs[0].current_round_trip_time.unwrap() - 0.02).abs() < 0.01);
        let paired = [&stats.pairs[0].local, &stats.pairs[0].remote];
        assert!(paired.iter().all(|id| stats.candidates.iter().any(|candidate| candidate.id == **id)));
        assert!(stats.candidates.iter().all(|candidate| candidate.username_fragment.is_some()));
    }
}
