//! What an authenticated far end can say inside SRTP, to a whole session.

use super::operations::{self, Seeded};
use super::script::Script;
use bytes::BytesMut;
use std::time::{Duration, Instant};
use webphone_rtc::connection::Session;
use webphone_rtc::connection::clock::WallClock;
use webphone_rtc::media::Ring;
use webphone_rtc::negotiation::*;
use webphone_rtc::rtp::RtpPacket;
use webphone_rtc::transport::{Certificate, TransportEvent};

/// Compound RTCP packets, and RTP between them; SSRCs of ours begin with 0xF0 in the script.
pub fn rtcp(data: &[u8]) {
    let now = Instant::now();
    let mut script = Script(data);
    let mut ours = Negotiator::new(operations::config(), Box::new(Seeded(7)));
    let mut theirs = Negotiator::new(operations::config(), Box::new(Seeded(8)));
    for end in [&mut ours, &mut theirs] {
        for (kind, track) in [(Kind::Audio, "microphone"), (Kind::Video, "camera")] {
            end.add_track(kind, track, &[]).expect("a fresh connection takes both");
        }
    }
    let offer = theirs.create_offer(OfferOptions::default()).expect("an offer");
    theirs.set_local(SdpType::Offer, &offer).expect("our own offer");
    ours.set_remote(SdpType::Offer, &offer).expect("we understand ourselves");
    ours.set_local(SdpType::Answer, "").expect("an answer");
    let plan = ours.plan();
    let certificate = Certificate::generate(Duration::from_secs(3600)).expect("a certificate");
    let mut session = Session::new(certificate, WallClock::system(now));
    for media in &plan.media {
        session.set_receiver_ring(media.transceiver, Ring::live(48_000, 1, 100));
    }
    session.apply(now, &plan).expect("a plan can be obeyed");
    let senders: Vec<u32> = plan.media.iter().filter_map(|media| media.send.as_ref()).map(|send| send.ssrc).collect();
    let mut now = now;
    while let Some(what) = script.byte() {
        let Some(bytes) = script.block() else { break };
        let mut bytes = bytes.to_vec();
        // A random number of 32 bits is not guessed: a marked one stands for it.
        for at in 0..bytes.len().saturating_sub(3) {
            if let [0xF0, index, 0xF0, 0xF0] = bytes[at..at + 4]
                && let Some(ssrc) = senders.get(usize::from(index))
            {
                bytes[at..at + 4].copy_from_slice(&ssrc.to_be_bytes());
            }
        }
        let event = match RtpPacket::read(BytesMut::from(&bytes[..]), now).filter(|_| what & 1 == 1) {
            Some(packet) => TransportEvent::Rtp(packet),
            None => TransportEvent::Rtcp(bytes),
        };
        session.take_event(now, plan.transports[0].id, event);
        now += Duration::from_millis(u64::from(what >> 1) * 10);
        session.handle_timeout(now);
        while session.poll_report().is_some() {}
    }
    let _ = session.stats(now);
}
