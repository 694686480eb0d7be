//! Descriptions of other stacks and media servers, as they wrote them (versions in docs/robustness.md).

use crate::support::*;
use webphone_rtc::negotiation::*;

/// A phone that has data channels too.
fn phone_with_data() -> Negotiator {
    let mut config = config();
    config.features.data = true;
    let mut phone = with(config, 7);
    phone.add_track(Kind::Audio, "mic", &[]).unwrap();
    phone
}

/// The payload types that may come, with the codec's name.
fn receivable(phone: &Negotiator) -> Vec<String> {
    names(&media(phone).recv.unwrap().codecs)
}

#[test]
fn aiortc_is_answered_under_its_payload_types_and_bundled() {
    let mut phone = phone_with_data();
    let sdp = answer(&mut phone, &fixture("aiortc-offer"));
    assert_eq!(lines(&sdp, "m=")[0], "m=audio 9 UDP/TLS/RTP/SAVPF 96 9 0 8");
    assert!(has(&sdp, "a=group:BUNDLE 0 1") && has(&sdp, "a=setup:active") && phone.plan().data.is_some());
    assert_eq!(phone.plan().transports.len(), 1);
    assert_eq!(transport(&phone).dtls.unwrap().fingerprints.len(), 3);
    assert!(media(&phone).send.unwrap().dtmf.is_none(), "it has no digits");
}

#[test]
fn aiortc_offers_again_as_it_does_the_first_time_and_sends_as_before() {
    let mut phone = phone();
    offer(&mut phone);
    let first = fixture("aiortc-offer").replace("actpass", "active").replace("BUNDLE 0 1", "BUNDLE 0");
    let first = format!("{}{}", &first[..first.find("m=").unwrap()], section(&first, 0));
    let answer_of_it = first.replace("SAVPF 96", "SAVPF 111").replace("a=rtpmap:96", "a=rtpmap:111");
    phone.set_remote(SdpType::Answer, &answer_of_it).unwrap();
    let sdp = answer(&mut phone, &first);
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 96 9 0 8");
    assert_eq!(media(&phone).send.unwrap().codec.payload_type, 96);
    assert!(receivable(&phone).contains(&"111 opus/48000/2".to_owned()), "{:?}", receivable(&phone));
}

#[test]
fn gstreamer_is_answered_where_its_opus_has_no_channels() {
    let (phone, sdp) = called_by("gstreamer-offer");
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 97");
    assert!(has(&sdp, "a=rtpmap:97 opus/48000/2"));
    assert_eq!(names(&[media(&phone).send.unwrap().codec]), ["97 opus/48000/2"]);
}

#[test]
fn rtpengine_is_answered_alone_on_its_line() {
    let (phone, sdp) = called_by("rtpengine-offer");
    assert_eq!(line(&sdp, "m="), "m=audio 9 UDP/TLS/RTP/SAVPF 0 101");
    assert!(has(&sdp, "a=mid:1") && has(&sdp, "a=rtcp-mux") && lines(&sdp, "a=group").is_empty());
    assert!(transport(&phone).ice.remote_complete, "it does not trickle");
    assert_eq!(names(&[media(&phone).send.unwrap().dtmf.unwrap()]), ["101 telephone-event/8000/1"]);
}

#[test]
fn janus_is_answered() {
    let (phone, sdp) = called_by("janus-offer");
    assert!(has(&sdp, "a=rtpmap:111 opus/48000/2") && has(&sdp, "a=setup:active"));
    assert!(transport(&phone).ice.remote_complete);
}

#[test]
fn a_lite_janus_that_is_active_in_dtls_is_taken() {
    let mut phone = phone_with_data();
    phone.create_data_section().unwrap();
    offer(&mut phone);
    phone.set_remote(SdpType::Answer, &fixture("janus-lite-answer")).unwrap();
    let plan = transport(&phone);
    assert!(plan.ice.remote_lite && plan.ice.controlling);
    assert_eq!(plan.dtls.unwrap().role, DtlsRole::Server);
    assert_eq!(phone.plan().transports.len(), 1);
    assert!(phone.plan().data.is_some());
}
