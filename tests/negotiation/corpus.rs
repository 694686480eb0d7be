//! Odd and malformed descriptions, one by one: the same file is replayed through the public API.

use crate::support::*;
use webphone_rtc::error::ErrorKind;
use webphone_rtc::negotiation::*;

struct Case {
    name: String,
    sdp: String,
    expect: String,
}

/// As much JSON as the corpus has: an array of objects of strings.
struct Json<'a>(std::iter::Peekable<std::str::Chars<'a>>);

impl Json<'_> {
    fn skip_to(&mut self, wanted: &[char]) -> char {
        self.0.find(|char| wanted.contains(char)).unwrap()
    }

    fn escape(&mut self) -> char {
        match self.0.next().unwrap() {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => match self.unit() {
                high @ 0xD800..0xDC00 => {
                    assert_eq!((self.0.next(), self.0.next()), (Some('\\'), Some('u')));
                    char::from_u32(0x10000 + ((high - 0xD800) << 10) + self.unit() - 0xDC00).unwrap()
                }
                unit => char::from_u32(unit).unwrap(),
            },
            other => other,
        }
    }

    fn unit(&mut self) -> u32 {
        let hex: String = self.0.by_ref().take(4).collect();
        u32::from_str_radix(&hex, 16).unwrap()
    }

    fn string(&mut self) -> String {
        self.skip_to(&['"']);
        let mut text = String::new();
        loop {
            match self.0.next().unwrap() {
                '"' => return text,
                '\\' => text.push(self.escape()),
                other => text.push(other),
            }
        }
    }

    fn cases(&mut self) -> Vec<Case> {
        let mut cases = Vec::new();
        while self.skip_to(&['{', ']']) == '{' {
            let mut fields = std::collections::BTreeMap::new();
            for _ in 0..3 {
                let key = self.string();
                self.skip_to(&[':']);
                fields.insert(key, self.string());
            }
            self.skip_to(&['}']);
            let mut take = |key: &str| fields.remove(key).unwrap();
            cases.push(Case { name: take("name"), sdp: take("sdp"), expect: take("expect") });
        }
        cases
    }
}

fn corpus() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sdp-fuzz.json");
    let text = std::fs::read_to_string(path).unwrap();
    Json(text.chars().peekable()).cases()
}

/// Checks one case against a negotiator: the result is the expected one, and an error changes nothing.
fn check(negotiator: &mut Negotiator, case: &Case) {
    let before = seen(negotiator);
    let result = negotiator.set_remote(SdpType::Offer, &case.sdp);
    if let Err(error) = &result {
        assert_eq!(seen(negotiator), before, "{}", case.name);
        assert_eq!(error.kind == ErrorKind::SdpSyntax, error.sdp_line.is_some(), "{}", case.name);
    }
    match case.expect.as_str() {
        "ok" => assert_eq!(result, Ok(()), "{}", case.name),
        "syntax" => assert_eq!(result.map_err(|error| error.kind), Err(ErrorKind::SdpSyntax), "{}", case.name),
        // A description that a fresh connection may only refuse, or answer with nothing but refused sections.
        "any-error" if result.is_ok() => {
            let sdp = negotiator.create_answer().unwrap();
            assert!(lines(&sdp, "m=").iter().all(|line| line.split(' ').nth(1) == Some("0")), "{}\n{sdp}", case.name);
        }
        "any-error" => {}
        other => panic!("unknown expectation {other} of {}", case.name),
    }
}

#[test]
fn the_corpus_has_at_least_200_distinct_cases() {
    let cases = corpus();
    let names: std::collections::BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    let texts: std::collections::BTreeSet<_> = cases.iter().map(|case| &case.sdp).collect();
    assert!(cases.len() >= 200 && names.len() == cases.len() && texts.len() == cases.len());
}

#[test]
fn every_case_ends_as_expected_and_errors_change_nothing() {
    for case in corpus() {
        check(&mut phone(), &case);
    }
}

#[test]
fn what_is_accepted_can_be_answered_and_answered_again() {
    for case in corpus().into_iter().filter(|case| case.expect == "ok") {
        let mut phone = phone();
        let first = answer(&mut phone, &case.sdp);
        let sections = case.sdp.split('\n').filter(|line| line.starts_with("m=")).count();
        assert_eq!(lines(&first, "m=").len(), sections, "{}", case.name);
        answer(&mut phone, &case.sdp);
        let offered = offer(&mut phone);
        with(config(), 3).set_remote(SdpType::Offer, &offered).unwrap();
    }
}

#[test]
fn no_case_disturbs_an_established_call() {
    let (mut phone, _) = called_by("ringcentral-2022-offer");
    let (_, shown, _, plan) = seen(&phone);
    for case in corpus() {
        if phone.set_remote(SdpType::Offer, &case.sdp).is_ok() {
            phone.set_remote(SdpType::Rollback, "").unwrap();
        }
        if only_first_stopped(&phone) {
            // Refusing a live line stops its transceiver for good, as W3C wants; begin a new call.
            phone = called_by("ringcentral-2022-offer").0;
            continue;
        }
        assert_eq!(phone.plan(), plan, "{}", case.name);
        assert_eq!(phone.descriptions().current_remote, shown.current_remote, "{}", case.name);
    }
}

fn only_first_stopped(phone: &Negotiator) -> bool {
    phone.snapshot().transceivers[0].stopped
}

#[test]
fn as_an_answer_no_case_panics_or_leaves_half_a_state() {
    for case in corpus() {
        let mut phone = phone();
        offer(&mut phone);
        let before = seen(&phone);
        if phone.set_remote(SdpType::Answer, &case.sdp).is_err() {
            assert_eq!(seen(&phone), before, "{}", case.name);
        } else {
            assert_eq!(phone.snapshot().signaling_state, SignalingState::Stable);
        }
    }
}

#[test]
fn every_prefix_of_every_fixture_is_an_error_or_a_description() {
    for name in ["ringcentral-2022-offer", "chromium-audio-video-data-offer", "gateway-static-offer"] {
        let text = fixture(name);
        for end in 0..text.len() {
            let mut phone = phone();
            let before = seen(&phone);
            if phone.set_remote(SdpType::Offer, &text[..end]).is_err() {
                assert_eq!(seen(&phone), before);
            }
        }
    }
}

#[test]
fn random_mutations_never_panic() {
    let mut random = Seeded(2024);
    let fixtures = ["ringcentral-2019-offer", "chromium-offer", "firefox-offer"].map(fixture);
    for _ in 0..3000 {
        let mut bytes = fixtures[(random.next() % 3) as usize].clone().into_bytes();
        for _ in 0..1 + random.next() % 6 {
            let at = (random.next() % bytes.len() as u64) as usize;
            match random.next() % 3 {
                0 => bytes[at] = (random.next() % 128) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b" :/=\r\n09a"[(random.next() % 9) as usize]),
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut phone = phone();
        if phone.set_remote(SdpType::Offer, &text).is_ok() {
            phone.set_local(SdpType::Answer, "").unwrap();
        }
    }
}
