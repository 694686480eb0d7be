//! Why DTLS failed, as people and the W3C's RTCError want to know it.
//!
//! Invariant: the words hold no address and nothing that the far end has written, only the number of its alert.

use super::guard::HANDSHAKE_LIMIT;
use rtc_shared::error::Error as MachineError;
use std::fmt;

const ALERT: u8 = 21;
const FATAL: u8 = 2;
const RECORD_HEADER_LEN: usize = 13;

/// Why; `Display` says it in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DtlsFailure {
    /// The far end's certificate has none of the fingerprints that were signalled.
    Fingerprint,
    /// Nothing of a handshake has come in time.
    Silence,
    /// The handshake was not complete in time; what the machine has complained about last.
    Unfinished(Option<String>),
    /// The far end has sent a fatal alert; its number (RFC 5246 section 7.2) unless that was encrypted.
    AlertReceived(Option<u8>),
    /// We cannot agree with the far end, and have told it so by this alert.
    Refused {
        /// In plain words.
        why: String,
        /// What the far end was told.
        alert: Option<u8>,
    },
}

impl DtlsFailure {
    /// The machine has given up with `error` at a datagram, and has answered it with `sent`.
    pub(super) fn at<'a>(
        error: &MachineError,
        received: &[u8],
        sent: impl IntoIterator<Item = &'a (impl AsRef<[u8]> + 'a)>,
    ) -> Self {
        if matches!(error, MachineError::ErrNoMatchingCertificateFingerprint) {
            return Self::Fingerprint;
        }
        // The machine sends an alert that it receives back, so what has come is looked at first.
        if let Some(alert) = fatal_alert(received) {
            return Self::AlertReceived(alert);
        }
        let alert = sent.into_iter().find_map(|datagram| fatal_alert(datagram.as_ref())).flatten();
        Self::Refused { why: words(error), alert }
    }

    /// Without a datagram that would be to blame.
    pub(super) fn of(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into(), alert: None }
    }

    /// `receivedAlert` of an RTCError.
    pub fn received_alert(&self) -> Option<u8> {
        match self {
            Self::AlertReceived(alert) => *alert,
            _ => None,
        }
    }

    /// `sentAlert` of an RTCError.
    pub fn sent_alert(&self) -> Option<u8> {
        match self {
            Self::Refused { alert, .. } => *alert,
            _ => None,
        }
    }
}

impl fmt::Display for DtlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit_s = HANDSHAKE_LIMIT.as_secs();
        match self {
            Self::Fingerprint => {
                write!(f, "the far end's certificate does not fit the fingerprint in its description")
            }
            Self::Silence => write!(f, "nothing of a DTLS handshake has come from the far end within {limit_s} s"),
            Self::Unfinished(None) => write!(f, "the DTLS handshake was not complete within {limit_s} s"),
            Self::Unfinished(Some(trouble)) => {
                write!(f, "the DTLS handshake was not complete within {limit_s} s: {trouble}")
            }
            Self::AlertReceived(None) => write!(f, "the far end has ended DTLS with an alert"),
            Self::AlertReceived(Some(alert)) => {
                write!(f, "the far end has ended DTLS: {} (alert {alert})", complaint(*alert))
            }
            Self::Refused { why, alert: None } => write!(f, "no agreement with the far end on DTLS: {why}"),
            Self::Refused { why, alert: Some(alert) } => {
                write!(f, "no agreement with the far end on DTLS: {why}; it was told so (alert {alert})")
            }
        }
    }
}

/// What a far end means that sends this alert (RFC 5246 section 7.2.2).
fn complaint(alert: u8) -> &'static str {
    match alert {
        10 | 47 | 50 => "it did not expect or understand a message of ours",
        20 | 21 | 51 => "it could not decrypt or verify a message of ours",
        40 | 71 => "it finds no cipher, curve or SRTP profile that both ends know",
        41..=46 | 48 => "it does not accept our certificate",
        49 => "it denies us access",
        70 => "it does not speak DTLS 1.2",
        80 => "it has a fault of its own",
        90 => "its user has cancelled",
        110 | 112 | 120 => "it does not accept an extension of ours",
        _ => "it gives no reason that is known here",
    }
}

/// The machine's own words are good enough but for what differs between ends that are both sound.
fn words(error: &MachineError) -> String {
    match error {
        MachineError::ErrCipherSuiteNoIntersection => "no cipher suite that both ends know".to_owned(),
        MachineError::ErrClientNoMatchingSrtpProfile
        | MachineError::ErrServerNoMatchingSrtpProfile
        | MachineError::ErrRequestedButNoSrtpExtension => "no SRTP profile that both ends know".to_owned(),
        MachineError::ErrUnsupportedProtocolVersion => "the far end does not speak DTLS 1.2".to_owned(),
        MachineError::ErrNonCertificate => "the far end shows no certificate".to_owned(),
        MachineError::ErrAlertFatalOrClose => "a record that cannot be read".to_owned(),
        error => error.to_string(),
    }
}

/// Is there a fatal alert in this datagram, and which, unless it is encrypted?
fn fatal_alert(datagram: &[u8]) -> Option<Option<u8>> {
    let mut rest = datagram;
    while let Some(header) = rest.get(..RECORD_HEADER_LEN) {
        let len = RECORD_HEADER_LEN + usize::from(u16::from_be_bytes([header[11], header[12]]));
        if header[0] == ALERT {
            let in_the_clear = header[3..5] == [0, 0];
            match rest.get(RECORD_HEADER_LEN..len) {
                Some(&[FATAL, description]) if in_the_clear => return Some(Some(description)),
                Some(_) if !in_the_clear => return Some(None),
                _ => {}
            }
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let header = [kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 1, 0, body.len() as u8];
        [&header[..], body].concat()
    }

    fn at(error: MachineError, received: &[u8], sent: &[u8]) -> DtlsFailure {
        DtlsFailure::at(&error, received, &[sent])
    }

    #[test]
    fn an_alert_is_found_behind_other_records_and_only_a_fatal_one_counts() {
        let handshake = record(22, 0, &[0; 40]);
        let [warning, fatal, hidden] =
            [record(ALERT, 0, &[1, 90]), record(ALERT, 0, &[FATAL, 40]), record(ALERT, 1, &[9; 26])];
        assert_eq!(fatal_alert(&[&handshake[..], &warning, &fatal].concat()), Some(Some(40)));
        assert_eq!(fatal_alert(&[&handshake[..], &hidden].concat()), Some(None));
        for without in [&[][..], &handshake, &warning, &fatal[..14], &[ALERT; 5]] {
            assert_eq!(fatal_alert(without), None);
        }
    }

    #[test]
    fn an_alert_that_has_come_is_blamed_before_the_echo_of_it() {
        let fatal = record(ALERT, 0, &[FATAL, 42]);
        let failure = at(MachineError::ErrAlertFatalOrClose, &fatal, &fatal);
        assert_eq!(failure, DtlsFailure::AlertReceived(Some(42)));
        assert_eq!((failure.received_alert(), failure.sent_alert()), (Some(42), None));
        assert_eq!(failure.to_string(), "the far end has ended DTLS: it does not accept our certificate (alert 42)");
    }

    #[test]
    fn what_we_refuse_is_said_with_the_alert_that_told_it() {
        let [hello, told] = [record(22, 0, &[1; 40]), record(ALERT, 0, &[FATAL, 71])];
        let failure = at(MachineError::ErrServerNoMatchingSrtpProfile, &hello, &told);
        assert_eq!((failure.received_alert(), failure.sent_alert()), (None, Some(71)));
        assert!(failure.to_string().contains("no SRTP profile that both ends know; it was told so (alert 71)"));
    }

    #[test]
    fn a_wrong_fingerprint_is_that_whatever_was_sent() {
        let told = record(ALERT, 0, &[FATAL, 42]);
        let failure = at(MachineError::ErrNoMatchingCertificateFingerprint, &record(22, 0, &[11; 40]), &told);
        assert_eq!((failure.sent_alert(), failure), (None, DtlsFailure::Fingerprint));
    }
}
