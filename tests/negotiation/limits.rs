//! What a far end can make us keep is bounded, and what is beyond is refused (docs/limits.md).

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

const CANDIDATES: usize = 1024;

/// `fixture` with `lines` at the end of its last section.
fn longer(name: &str, lines: impl Iterator<Item = String>) -> String {
    fixture(name) + &lines.map(|line| line + "\r\n").collect::<String>()
}

fn candidate(number: usize) -> String {
    format!("candidate:1 1 udp 2130706431 192.0.2.{} {} typ host", number % 250, 1024 + number / 250)
}

fn add(negotiator: &mut Negotiator, candidate: &str) -> Result<(), ErrorKind> {
    let init = RemoteCandidateInit {
        candidate: candidate.to_owned(),
        sdp_mid: Some("0".into()),
        ..RemoteCandidateInit::default()
    };
    negotiator.add_remote_candidate(init).map_err(|error| error.kind)
}

#[test]
fn a_description_of_a_megabyte_is_refused_and_one_of_the_limit_taken() {
    let padded = |len: usize| {
        let text = longer("chromium-offer", (0..len / 10 + 1).map(|_| "a=x:345678".to_owned()));
        text[..len].to_owned()
    };
    for len in [(256 << 10) + 1, 1_000_000, 1 << 20] {
        let mut phone = phone();
        let before = seen(&phone);
        assert_eq!(kind(phone.set_remote(SdpType::Offer, &padded(len))), ErrorKind::SdpSyntax);
        assert_eq!(seen(&phone), before);
        offer(&mut phone);
        assert_eq!(kind(phone.set_remote(SdpType::Answer, &padded(len))), ErrorKind::SdpSyntax);
    }
    let mut phone = phone();
    phone.set_remote(SdpType::Offer, &padded((256 << 10) - 2)).unwrap();
}

#[test]
fn a_section_has_so_many_candidates_and_no_more() {
    let with =
        |count: usize| longer("ringcentral-2019-offer", (0..count).map(|number| format!("a={}", candidate(number))));
    let own = lines(&fixture("ringcentral-2019-offer"), "a=candidate:").len();
    let mut called = phone();
    let error = called.set_remote(SdpType::Offer, &with(CANDIDATES - own + 1)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::SdpSyntax);
    assert!(error.sdp_line.is_some() && error.message.contains("a=candidate"));
    called.set_remote(SdpType::Offer, &with(CANDIDATES - own)).unwrap();
}

#[test]
fn ten_thousand_trickled_candidates_end_at_the_limit_and_leave_the_rest_as_it_was() {
    let (mut phone, _) = called_by("chromium-offer");
    let own = lines(&fixture("chromium-offer"), "a=candidate:").len();
    let refused =
        (0..10_000).filter(|number| add(&mut phone, &candidate(*number)) == Err(ErrorKind::Operation)).count();
    assert_eq!(refused, 10_000 - (CANDIDATES - own));
    assert_eq!(transport(&phone).ice.remote_candidates.len(), MAX_REMOTE_CANDIDATES, "so many are checked");
    // Repetitions and kinds that we do not know fill the description as well.
    assert_eq!(add(&mut phone, &candidate(0)), Err(ErrorKind::Operation));
    assert_eq!(add(&mut phone, "candidate:1 1 ssltcp 1 192.0.2.1 443 typ host"), Err(ErrorKind::Operation));
    assert_eq!(add(&mut phone, ""), Ok(()), "that there are no more can still be said");
    assert!(transport(&phone).ice.remote_complete);
    assert_eq!(add(&mut phone, ""), Err(ErrorKind::Operation));
}

#[test]
fn transports_share_the_candidates_that_are_checked() {
    let section = |mid: usize| {
        let head = format!("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\na=rtcp-mux\r\n");
        head + &(0..100).map(|number| format!("a={}\r\n", candidate(number))).collect::<String>()
    };
    let mut phone = phone();
    answer(&mut phone, &(unbundled() + &(0..4).map(section).collect::<String>()));
    let plan = phone.plan();
    assert_eq!(plan.transports.len(), 4);
    assert!(plan.transports.iter().all(|transport| transport.ice.remote_candidates.len() == MAX_REMOTE_CANDIDATES / 4));
}

#[test]
fn a_far_end_may_have_sixteen_transports_and_no_more() {
    let offer = |groups: &str, sections: usize| {
        let section = |mid: usize| format!("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\na=rtcp-mux\r\n");
        unbundled() + groups + &(0..sections).map(section).collect::<String>()
    };
    let ports = |text: &str| {
        let mut phone = phone();
        let ours = answer(&mut phone, text);
        assert!(phone.plan().transports.len() <= 16);
        lines(&ours, "m=audio ").iter().filter(|line| !line.starts_with("m=audio 0 ")).count()
    };
    assert_eq!(ports(&offer("", 17)), 16);
    assert_eq!(ports(&offer("", 256)), 16);
    let mut again = phone();
    for sections in [10, 20, 30] {
        answer(&mut again, &offer("", sections));
    }
    assert_eq!(again.plan().transports.len(), 16, "nor one after the other");
    let names = |mids: std::ops::Range<usize>| mids.map(|mid| format!(" {mid}")).collect::<String>();
    assert_eq!(ports(&offer(&format!("a=group:BUNDLE{}\r\n", names(0..60)), 60)), 60, "these have one");
    let late = format!("a=group:BUNDLE{}\r\n", names(20..60));
    assert_eq!(ports(&offer(&late, 60)), 16, "and so has a group, which is the 21st here");
    let early = format!("a=group:BUNDLE{}\r\n", names(0..1) + &names(30..60));
    assert_eq!(ports(&offer(&early, 60)), 16 + 30);
}

/// The head of an offer whose sections have ICE and DTLS lines in common, and no group.
fn unbundled() -> String {
    let fingerprint = ["AB"; 32].join(":");
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n"
    )
}

#[test]
fn a_generation_of_its_own_has_candidates_of_its_own() {
    let (mut phone, _) = called_by("chromium-offer");
    while add(&mut phone, &candidate(7)).is_ok() {}
    answer(&mut phone, &fixture("chromium-offer").replace("Yd0t", "new1"));
    assert_eq!(add(&mut phone, &candidate(8)), Ok(()));
}

#[test]
fn a_candidate_that_is_longer_than_any_name_is_refused() {
    let (mut phone, _) = called_by("chromium-offer");
    let long = |len: usize| candidate(1) + " x " + &"y".repeat(len - candidate(1).len() - 3);
    assert_eq!(add(&mut phone, &long(1025)), Err(ErrorKind::Operation));
    assert_eq!(add(&mut phone, &long(1024)), Ok(()));
}

#[test]
fn lists_that_no_call_has_are_refused_or_cut_before_they_cost_anything() {
    let many = |line: fn(usize) -> String| longer("chromium-offer", (0..5000).map(line));
    let fingerprint = |_| format!("a=fingerprint:sha-1 {}", ["00"; 20].join(":"));
    assert_eq!(
        kind(phone().set_remote(SdpType::Offer, &longer("chromium-offer", (0..200).map(fingerprint)))),
        ErrorKind::SdpSyntax
    );
    let formats: Vec<_> = (0..5000).map(|number| number.to_string()).collect();
    let section = format!("m=application 9 UDP/DTLS/SCTP {}", formats.join(" "));
    assert_eq!(
        kind(phone().set_remote(SdpType::Offer, &longer("chromium-offer", [section].into_iter()))),
        ErrorKind::SdpSyntax
    );
    for text in [many(|number| format!("a=ssrc:{number} cname:x")), many(|number| format!("a=msid:{number} track"))] {
        let mut phone = phone();
        answer(&mut phone, &text);
        assert!(media(&phone).recv.unwrap().ssrcs.len() <= 128);
        assert!(only(&phone).remote_stream_ids.len() <= 128);
    }
}
