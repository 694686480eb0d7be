//! DTLS and ICE roles, and when an association is new.

use crate::support::*;
use webphone_rtc::negotiation::*;

const OTHER: &str = "a=fingerprint:sha-256 11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00";

fn role(negotiator: &Negotiator) -> DtlsRole {
    transport(negotiator).dtls.unwrap().role
}

fn with_setup(setup: &str) -> String {
    let line = if setup.is_empty() { String::new() } else { format!("a=setup:{setup}\r\n") };
    fixture("ringcentral-2022-offer").replace("a=setup:actpass\r\n", &line)
}

fn with_fingerprint(sdp: &str) -> String {
    let old = line(sdp, "a=fingerprint:").to_owned();
    sdp.replace(&old, OTHER)
}

#[test]
fn the_offers_setup_decides_our_role() {
    let table = [
        ("actpass", DtlsRole::Client),
        ("passive", DtlsRole::Client),
        ("active", DtlsRole::Server),
        ("", DtlsRole::Client),
        ("holdconn", DtlsRole::Client),
    ];
    for (setup, wanted) in table {
        let mut phone = phone();
        let sdp = answer(&mut phone, &with_setup(setup));
        assert_eq!(role(&phone), wanted, "{setup}");
        assert!(has(&sdp, if wanted == DtlsRole::Client { "a=setup:active" } else { "a=setup:passive" }));
    }
}

#[test]
fn the_answers_setup_decides_our_role() {
    let table = [
        ("active", DtlsRole::Server),
        ("passive", DtlsRole::Client),
        ("actpass", DtlsRole::Server),
        ("", DtlsRole::Server),
    ];
    for (setup, wanted) in table {
        let mut phone = phone();
        offer(&mut phone);
        let line = if setup.is_empty() { String::new() } else { format!("a=setup:{setup}\r\n") };
        let answer = fixture("ringcentral-outbound-answer").replace("a=setup:passive\r\n", &line);
        phone.set_remote(SdpType::Answer, &answer).unwrap();
        assert_eq!(role(&phone), wanted, "{setup}");
    }
}

#[test]
fn dtls_is_planned_only_once_an_answer_is_there() {
    let mut phone = phone();
    offer(&mut phone);
    assert_eq!(transport(&phone).dtls, None);
    let mut phone = crate::support::phone();
    phone.set_remote(SdpType::Offer, &fixture("ringcentral-2022-offer")).unwrap();
    assert_eq!(transport(&phone).dtls, None);
}

#[test]
fn our_reoffer_is_actpass_and_its_answer_keeps_the_role() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    assert_eq!((role(&a), role(&b)), (DtlsRole::Server, DtlsRole::Client));
    let sdp = offer(&mut b);
    assert!(has(&sdp, "a=setup:actpass"));
    let sdp = answer(&mut a, &sdp);
    assert!(has(&sdp, "a=setup:passive"));
    b.set_remote(SdpType::Answer, &sdp).unwrap();
    assert_eq!((role(&a), role(&b)), (DtlsRole::Server, DtlsRole::Client));
}

#[test]
fn a_contrary_setup_with_the_same_fingerprint_changes_nothing() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let before = transport(&phone).dtls;
    let sdp = answer(&mut phone, &with_setup("active"));
    assert!(has(&sdp, "a=setup:active"));
    assert_eq!(transport(&phone).dtls, before);
}

#[test]
fn another_fingerprint_is_a_new_association_with_a_role_of_its_own() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    assert_eq!(role(&phone), DtlsRole::Client);
    answer(&mut phone, &with_fingerprint(&with_setup("active")));
    assert_eq!(role(&phone), DtlsRole::Server);
    assert_eq!(transport(&phone).dtls.unwrap().fingerprints[0].bytes[..2], [0x11, 0x22]);
}

#[test]
fn after_an_ice_restart_an_explicit_setup_counts_again() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    answer(&mut phone, &with_setup("active").replace("ice-ufrag:c9K2", "ice-ufrag:new1"));
    assert_eq!(role(&phone), DtlsRole::Server);
}

#[test]
fn an_ice_restart_with_actpass_keeps_the_role() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    b.restart_ice();
    negotiate(&mut b, &mut a);
    assert_eq!((role(&a), role(&b)), (DtlsRole::Server, DtlsRole::Client));
}

#[test]
fn the_offerer_controls() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    assert!(transport(&a).ice.controlling && !transport(&b).ice.controlling);
}

#[test]
fn the_controlling_role_stays_when_the_other_end_offers() {
    let (mut a, mut b) = (phone(), peer());
    negotiate(&mut a, &mut b);
    negotiate(&mut b, &mut a);
    assert!(transport(&a).ice.controlling && !transport(&b).ice.controlling);
}

#[test]
fn an_ice_lite_far_end_makes_us_control() {
    let lite = fixture("ringcentral-2022-offer").replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n");
    let mut phone = phone();
    answer(&mut phone, &lite);
    let ice = transport(&phone).ice;
    assert!(ice.controlling && ice.remote_lite);
}

fn association(negotiator: &Negotiator) -> u32 {
    transport(negotiator).dtls.unwrap().association
}

/// As a branch behind the gateway of `ringcentral-outbound-answer` would answer, with its certificate.
fn branch(ufrag: &str, setup: &str) -> String {
    let answer = fixture("ringcentral-outbound-answer");
    let old = line(&answer, "a=ice-ufrag:").to_owned();
    answer.replace(&old, &format!("a=ice-ufrag:{ufrag}")).replace("a=setup:passive", &format!("a=setup:{setup}"))
}

#[test]
fn another_branch_of_a_forked_call_has_another_association_be_it_behind_the_same_gateway() {
    let mut phone = phone();
    offer(&mut phone);
    phone.set_remote(SdpType::PrAnswer, &branch("branchone", "passive")).unwrap();
    assert_eq!((association(&phone), role(&phone)), (0, DtlsRole::Client));
    phone.set_remote(SdpType::PrAnswer, &branch("branchone", "passive")).unwrap();
    assert_eq!(association(&phone), 0, "the same branch rings on");
    phone.set_remote(SdpType::PrAnswer, &branch("branchtwo", "active")).unwrap();
    assert_eq!((association(&phone), role(&phone)), (1, DtlsRole::Server));
    phone.set_remote(SdpType::Answer, &branch("branchtwo", "active")).unwrap();
    assert_eq!(association(&phone), 1, "what rang has answered");
    // From now on other credentials are an ICE restart, or a habit of the gateway.
    offer(&mut phone);
    phone.set_remote(SdpType::Answer, &branch("again", "active")).unwrap();
    assert_eq!((association(&phone), role(&phone)), (1, DtlsRole::Server));
}

#[test]
fn another_tls_id_is_another_association() {
    let named = |sdp: &str, id: &str| sdp.replace("a=setup:", &format!("a=tls-id:{id}\r\na=setup:"));
    let theirs = fixture("ringcentral-2022-offer");
    let mut phone = phone();
    answer(&mut phone, &theirs);
    answer(&mut phone, &named(&theirs, "abc3de65cddef001be82"));
    answer(&mut phone, &named(&theirs, "abc3de65cddef001be82"));
    answer(&mut phone, &theirs);
    assert_eq!(association(&phone), 0, "where one is not named nothing has changed");
    answer(&mut phone, &named(&theirs, "0123456789abcdef0123"));
    assert_eq!(association(&phone), 1);
}
