//! Candidates that trickle, both ways.

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

const LINE: &str = "candidate:7 1 udp 2122260223 198.51.100.9 50000 typ host generation 0 ufrag Yd0t network-cost 999";

fn add(text: &str) -> RemoteCandidateInit {
    RemoteCandidateInit { candidate: text.into(), sdp_mid: Some("0".into()), ..RemoteCandidateInit::default() }
}

fn addresses(negotiator: &Negotiator) -> Vec<String> {
    transport(negotiator).ice.remote_candidates.into_iter().map(|it| it.address).collect()
}

#[test]
fn a_candidate_reaches_the_plan_and_the_remote_description() {
    let (mut phone, _) = called_by("chromium-offer");
    phone.add_remote_candidate(add(LINE)).unwrap();
    assert_eq!(addresses(&phone), ["198.51.100.9"]);
    assert!(has(&phone.descriptions().current_remote.unwrap().sdp, &format!("a={LINE}")));
}

#[test]
fn a_candidate_may_begin_with_the_attribute_name() {
    let (mut phone, _) = called_by("chromium-offer");
    phone.add_remote_candidate(add(&format!("a={LINE}"))).unwrap();
    assert_eq!(addresses(&phone), ["198.51.100.9"]);
}

#[test]
fn a_candidate_enters_the_section_it_belongs_to() {
    let mut config = config();
    config.features.video = true;
    let mut phone = with(config, 1);
    answer(&mut phone, &fixture("chromium-audio-video-data-offer"));
    phone.add_remote_candidate(add(LINE)).unwrap();
    let sdp = phone.descriptions().current_remote.unwrap().sdp;
    assert!(has(&section(&sdp, 0), &format!("a={LINE}")) && !has(&section(&sdp, 1), &format!("a={LINE}")));
}

#[test]
fn a_repeated_candidate_counts_once() {
    let (mut phone, _) = called_by("chromium-offer");
    phone.add_remote_candidate(add(LINE)).unwrap();
    phone.add_remote_candidate(add(LINE)).unwrap();
    assert_eq!(addresses(&phone).len(), 1);
}

#[test]
fn a_section_can_be_named_by_index() {
    let (mut phone, _) = called_by("chromium-offer");
    let init = RemoteCandidateInit { sdp_mid: None, sdp_m_line_index: Some(0), ..add(LINE) };
    phone.add_remote_candidate(init).unwrap();
    assert_eq!(addresses(&phone).len(), 1);
}

#[test]
fn the_mid_wins_over_the_index() {
    let (mut phone, _) = called_by("chromium-offer");
    phone.add_remote_candidate(RemoteCandidateInit { sdp_m_line_index: Some(9), ..add(LINE) }).unwrap();
}

#[test]
fn unknown_sections_and_generations_are_errors() {
    let (mut phone, _) = called_by("chromium-offer");
    let by_index = RemoteCandidateInit { sdp_mid: None, sdp_m_line_index: Some(1), ..add(LINE) };
    let table = [
        (RemoteCandidateInit { sdp_mid: Some("7".into()), ..add(LINE) }, ErrorKind::Operation),
        (by_index, ErrorKind::Operation),
        (RemoteCandidateInit { username_fragment: Some("other".into()), ..add(LINE) }, ErrorKind::Operation),
        (RemoteCandidateInit { sdp_mid: None, ..add(LINE) }, ErrorKind::Type),
        (add(&LINE.replace("Yd0t", "other")), ErrorKind::Operation),
    ];
    for (init, wanted) in table {
        assert_eq!(kind(phone.add_remote_candidate(init.clone())), wanted, "{init:?}");
    }
    assert!(addresses(&phone).is_empty());
}

#[test]
fn malformed_candidates_are_errors() {
    let bad = [
        "candidate",
        "candidate:",
        "garbage",
        "candidate:1 1 udp 1 192.0.2.1",
        "candidate:1 x udp 1 192.0.2.1 5000 typ host",
        "candidate:1 0 udp 1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 4294967296 192.0.2.1 5000 typ host",
        "candidate:1 1 udp -1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp +1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
        "candidate:1 1 udp 1 192.0.2.1 5000 type host",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ srflx raddr 192.0.2.2 rport x",
        "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 5000 typ host",
    ];
    let (mut phone, _) = called_by("chromium-offer");
    for text in bad {
        assert_eq!(kind(phone.add_remote_candidate(add(text))), ErrorKind::Operation, "{text}");
    }
}

#[test]
fn candidates_of_unknown_kinds_are_taken_and_ignored() {
    let (mut phone, _) = called_by("chromium-offer");
    phone.add_remote_candidate(add("candidate:1 1 ssltcp 1 192.0.2.1 443 typ host")).unwrap();
    phone.add_remote_candidate(add("candidate:1 1 udp 1 192.0.2.1 443 typ future")).unwrap();
    phone.add_remote_candidate(add("candidate:1 2 udp 1 192.0.2.1 5001 typ host")).unwrap();
    assert!(addresses(&phone).is_empty());
}

#[test]
fn names_and_tcp_candidates_are_kept_as_text() {
    let (phone, _) = called_by("firefox-offer");
    let candidates = transport(&phone).ice.remote_candidates;
    assert!(candidates[0].address.ends_with(".local"));
    assert_eq!((candidates[1].protocol, candidates[1].tcp_type.as_deref()), (Protocol::Tcp, Some("active")));
    assert!(transport(&phone).ice.remote_complete);
}

#[test]
fn a_candidate_before_any_remote_description_is_an_error() {
    let mut phone = phone();
    offer(&mut phone);
    assert_eq!(kind(phone.add_remote_candidate(add(LINE))), ErrorKind::InvalidState);
}

#[test]
fn an_empty_candidate_ends_a_generation() {
    let (mut phone, _) = called_by("chromium-offer");
    assert!(!transport(&phone).ice.remote_complete);
    let init = RemoteCandidateInit { username_fragment: Some("Yd0t".into()), ..add("") };
    phone.add_remote_candidate(init).unwrap();
    assert!(transport(&phone).ice.remote_complete);
    assert!(has(&phone.descriptions().current_remote.unwrap().sdp, "a=end-of-candidates"));
}

#[test]
fn an_empty_candidate_without_section_ends_all() {
    let (mut phone, _) = called_by("chromium-offer");
    phone.add_remote_candidate(RemoteCandidateInit::default()).unwrap();
    assert!(transport(&phone).ice.remote_complete);
}

#[test]
fn candidates_can_come_before_our_answer() {
    let mut phone = phone();
    phone.set_remote(SdpType::Offer, &fixture("chromium-offer")).unwrap();
    phone.add_remote_candidate(add(LINE)).unwrap();
    phone.set_local(SdpType::Answer, "").unwrap();
    assert_eq!(addresses(&phone), ["198.51.100.9"]);
}

#[test]
fn a_candidate_of_the_present_generation_counts_while_a_restart_is_offered() {
    let (mut phone, _) = called_by("chromium-offer");
    phone.set_remote(SdpType::Offer, &fixture("chromium-offer").replace("Yd0t", "new1")).unwrap();
    phone.add_remote_candidate(add(LINE)).unwrap();
    assert_eq!(addresses(&phone), ["198.51.100.9"]);
    let shown = phone.descriptions();
    assert!(has(&shown.current_remote.unwrap().sdp, &format!("a={LINE}")));
    assert!(!has(&shown.pending_remote.unwrap().sdp, &format!("a={LINE}")));
}

#[test]
fn a_candidate_that_overtakes_the_answer_to_our_restart_counts_for_it() {
    let untold = LINE.replace(" ufrag Yd0t", "");
    for (told, expected) in [(untold.as_str(), &["198.51.100.9"][..]), (LINE, &[])] {
        let (mut phone, _) = called_by("chromium-offer");
        let restart = phone.create_offer(OfferOptions { ice_restart: true, ..OfferOptions::default() }).unwrap();
        phone.set_local(SdpType::Offer, &restart).unwrap();
        phone.add_remote_candidate(add(told)).unwrap();
        let answer = fixture("chromium-offer").replace("Yd0t", "new1").replace("actpass", "active");
        phone.set_remote(SdpType::Answer, &answer).unwrap();
        assert_eq!(addresses(&phone), expected, "{told}");
    }
}

#[test]
fn a_candidate_cannot_smuggle_lines_into_the_description() {
    let (mut phone, _) = called_by("chromium-offer");
    let evil = format!("{LINE}\r\na=setup:passive");
    let _ = phone.add_remote_candidate(add(&evil));
    assert!(!has(&phone.descriptions().current_remote.unwrap().sdp, "a=setup:passive"));
}

#[test]
fn a_local_candidate_surfaces_once_with_its_section() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let candidate = host("192.0.2.5", 4000);
    let surfaced = phone.add_local_candidate(TransportId(0), &candidate);
    assert_eq!(surfaced.len(), 1);
    assert_eq!(surfaced[0].candidate, "candidate:1 1 udp 2130706431 192.0.2.5 4000 typ host");
    assert_eq!((surfaced[0].mid.as_str(), surfaced[0].m_line_index), ("0", 0));
    assert_eq!(surfaced[0].ufrag, transport(&phone).ice.local.ufrag);
    assert!(phone.add_local_candidate(TransportId(0), &candidate).is_empty());
    assert!(phone.add_local_candidate(TransportId(5), &candidate).is_empty());
}

#[test]
fn gathered_candidates_are_in_later_offers_too() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    phone.add_local_candidate(TransportId(0), &host("192.0.2.5", 4000));
    phone.local_candidates_complete(TransportId(0));
    let sdp = phone.create_offer(OfferOptions::default()).unwrap();
    assert!(has(&sdp, "a=candidate:1 1 udp 2130706431 192.0.2.5 4000 typ host"));
    assert!(has(&sdp, "a=end-of-candidates") && line(&sdp, "m=").starts_with("m=audio 4000 "));
    phone.set_local(SdpType::Offer, &sdp).unwrap();
}

#[test]
fn the_default_candidate_is_the_most_reachable_ipv4_udp_one() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let srflx = LocalCandidate {
        kind: CandidateKind::Srflx,
        priority: 1,
        related: Some(("192.0.2.5".into(), 4000)),
        ..host("203.0.113.200", 7000)
    };
    let wanted = [
        (host("2001:db8::1", 4001), "c=IN IP6 2001:db8::1", 4001),
        (host("192.0.2.5", 4000), "c=IN IP4 192.0.2.5", 4000),
        (LocalCandidate { protocol: Protocol::Tcp, ..host("192.0.2.6", 9) }, "c=IN IP4 192.0.2.5", 4000),
        (srflx, "c=IN IP4 203.0.113.200", 7000),
        (host("f3a1.local", 4002), "c=IN IP4 203.0.113.200", 7000),
    ];
    for (candidate, address, port) in wanted {
        phone.add_local_candidate(TransportId(0), &candidate);
        let sdp = phone.descriptions().current_local.unwrap().sdp;
        assert!(has(&sdp, address), "{candidate}: {sdp}");
        assert!(line(&sdp, "m=").starts_with(&format!("m=audio {port} ")), "{candidate}");
    }
    let sdp = phone.descriptions().current_local.unwrap().sdp;
    assert!(sdp.contains("typ srflx raddr 192.0.2.5 rport 4000\r\n"));
}

#[test]
fn bundled_sections_list_candidates_once_and_share_the_port() {
    let (mut a, mut b) = (phone(), peer());
    a.add_transceiver(Kind::Audio, TransceiverInit::default()).unwrap();
    negotiate(&mut a, &mut b);
    let id = transport(&b).id;
    assert_eq!(b.add_local_candidate(id, &host("192.0.2.5", 4000)).len(), 1);
    let sdp = b.descriptions().current_local.unwrap().sdp;
    assert_eq!(lines(&sdp, "a=candidate").len(), 1);
    assert_eq!(lines(&sdp, "m=audio 4000 ").len(), 2);
}

#[test]
fn a_candidate_of_a_bundle_surfaces_with_a_section_that_is_not_refused() {
    let (mut a, mut b) = (phone(), peer());
    a.add_transceiver(Kind::Audio, TransceiverInit::default()).unwrap();
    negotiate(&mut a, &mut b);
    let stopped = b.snapshot().transceivers[0].id;
    b.stop(stopped).unwrap();
    b.restart_ice();
    offer(&mut b);
    let surfaced = b.add_local_candidate(transport(&b).id, &host("192.0.2.5", 4000));
    assert_eq!(surfaced.iter().map(|it| (it.mid.as_str(), it.m_line_index)).collect::<Vec<_>>(), [("1", 1)]);
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
    assert!(phone.descriptions().current_remote.is_some());
}
