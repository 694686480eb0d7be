//! Descriptions and candidates of the far end, up to the plan that the engine obeys.

use super::operations::{self, Seeded};
use std::time::{Duration, Instant};
use webphone_rtc::connection::Session;
use webphone_rtc::connection::clock::WallClock;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;
use webphone_rtc::transport::Certificate;

fn phone() -> Negotiator {
    let mut phone = Negotiator::new(operations::config(), Box::new(Seeded(7)));
    let added = phone.add_track(Kind::Audio, "mic", &[]);
    added.and_then(|_| phone.create_data_section()).expect("a fresh connection takes both");
    phone
}

/// The engine takes whatever negotiation has accepted.
fn obey(plan: &Plan) {
    let now = Instant::now();
    let certificate = CERTIFICATE.with(Clone::clone);
    let mut session = Session::new(certificate, WallClock::system(now));
    for _ in 0..2 {
        session.apply(now, plan).expect("a plan can be obeyed");
    }
    session.handle_timeout(now + Duration::from_millis(100));
    while session.poll_transmit().is_some() {}
}

thread_local! {
    static CERTIFICATE: Certificate = Certificate::generate(Duration::from_secs(3600)).expect("a certificate");
}

/// A description as offer, as answer and as a later offer; what is accepted can be answered, and the answer is understood.
pub fn sdp(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut called = phone();
    let before = (called.snapshot(), called.plan());
    match called.set_remote(SdpType::Offer, &text) {
        Err(error) => {
            assert_eq!(error.kind == ErrorKind::SdpSyntax, error.sdp_line.is_some());
            assert_eq!((called.snapshot(), called.plan()), before, "an error changes nothing");
        }
        Ok(()) => {
            let answer = called.create_answer().expect("what is accepted can be answered");
            called.set_local(SdpType::Answer, &answer).expect("our own answer");
            obey(&called.plan());
            called.set_remote(SdpType::Offer, &text).expect("the same offer again");
            called.set_local(SdpType::Answer, "").expect("the same answer again");
            let offer = called.create_offer(OfferOptions::default()).expect("our turn");
            phone().set_remote(SdpType::Offer, &offer).expect("we understand ourselves");
        }
    }
    let mut calling = phone();
    calling.set_local(SdpType::Offer, "").expect("an offer");
    let before = (calling.snapshot(), calling.plan());
    match calling.set_remote(SdpType::Answer, &text) {
        Err(_) => assert_eq!((calling.snapshot(), calling.plan()), before, "an error changes nothing"),
        Ok(()) => obey(&calling.plan()),
    }
}

/// Candidate lines, one to a line of text; the first byte of each says how its section is named.
pub fn candidate(data: &[u8]) {
    let mut phone = phone();
    phone.set_local(SdpType::Offer, "").expect("an offer");
    let offer = phone.descriptions().pending_local.expect("it was set").sdp;
    let mut far = Negotiator::new(operations::config(), Box::new(Seeded(8)));
    far.set_remote(SdpType::Offer, &offer).expect("we understand ourselves");
    for line in String::from_utf8_lossy(data).lines().take(50) {
        let mut rest = line.chars();
        let how = rest.next().map_or(0, u32::from);
        let before = far.snapshot();
        let added = far.add_remote_candidate(RemoteCandidateInit {
            candidate: rest.as_str().to_owned(),
            sdp_mid: (how & 1 != 0).then(|| "0".to_owned()),
            sdp_m_line_index: (how & 2 != 0).then_some((how >> 3) as u16),
            username_fragment: (how & 4 != 0).then(|| "ufrag".to_owned()),
        });
        if added.is_err() {
            assert_eq!(far.snapshot(), before, "an error changes nothing");
        }
    }
    far.set_local(SdpType::Answer, "").expect("candidates leave a description as good as it was");
    let shown = far.descriptions().current_remote.expect("it was set").sdp;
    let mut again = Negotiator::new(operations::config(), Box::new(Seeded(9)));
    again.set_remote(SdpType::Offer, &shown).expect("what is shown can be read");
    obey(&far.plan());
}
