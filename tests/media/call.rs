//! Whole calls in virtual time: what one side says, the other hears.

use crate::support::*;
use std::time::Duration;

#[test]
fn a_tone_arrives_clean_over_a_clean_path() {
    for codec in [opus(), g722(), pcmu(), pcma()] {
        for rate_hz in [8000, 16_000, 24_000, 44_100, 48_000] {
            let mut call = Call::new(codec.clone(), rate_hz).tone(1000.0);
            call.run(Duration::from_secs(3));
            let snr = snr_db(call.last(ms(2000)), 1000.0);
            let level = amplitude(call.last(ms(2000)), 1000.0);
            println!("{} {rate_hz}: {snr:.1} dB", codec.name);
            assert!(snr >= 30.0, "{} from {rate_hz} Hz: {snr:.1} dB", codec.name);
            assert!((9000.0..11_000.0).contains(&level), "{} from {rate_hz} Hz: {level}", codec.name);
            let stats = call.receiver.stats();
            assert_eq!((stats.lost, stats.discarded, stats.concealed_samples), (0, 0, 0));
        }
    }
}
