//! What the far end's `fmtp` asks of who sends it Opus (RFC 7587 section 6.1).
//!
//! Invariant: what cannot be understood is as if it were not there. `stereo` and `sprop-stereo` change nothing: what is
//! sent is mono, which each decoder plays.

/// Least and most of libopus, in bit/s.
const BITRATES_BPS: std::ops::RangeInclusive<u32> = 6000..=510_000;
const FULL_BAND_HZ: u32 = 48_000;

/// The parameters of Opus, defaults where there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusFormat {
    /// `maxaveragebitrate` in bit/s.
    pub average_bitrate_bps: Option<u32>,
    /// `maxplaybackrate`.
    pub playback_hz: u32,
    /// `minptime`, 0 if there is none.
    pub min_ptime_ms: u16,
    /// `useinbandfec`.
    pub fec: bool,
    /// `usedtx`.
    pub dtx: bool,
    /// `cbr`.
    pub cbr: bool,
}

impl OpusFormat {
    /// Reads `a=fmtp` without its payload type.
    pub fn parse(fmtp: &str) -> Self {
        let value = |name: &str| {
            let parameters = fmtp.split(';').filter_map(|part| part.split_once('='));
            parameters.map(|(key, value)| (key.trim(), value.trim())).find(|it| it.0.eq_ignore_ascii_case(name))
        };
        let number = |name: &str| value(name).and_then(|it| it.1.parse::<u32>().ok());
        let on = |name: &str| number(name) == Some(1);
        Self {
            average_bitrate_bps: number("maxaveragebitrate")
                .map(|bps| bps.clamp(*BITRATES_BPS.start(), *BITRATES_BPS.end())),
            playback_hz: number("maxplaybackrate")
                .filter(|hz| *hz >= 8000)
                .map_or(FULL_BAND_HZ, |hz| hz.min(FULL_BAND_HZ)),
            min_ptime_ms: number("minptime").and_then(|ms| u16::try_from(ms).ok()).unwrap_or(0),
            fec: on("useinbandfec"),
            dtx: on("usedtx"),
            cbr: on("cbr"),
        }
    }

    /// What to aim at, in bit/s, as browsers do: what is asked for, or what is enough for the band.
    pub fn bitrate_bps(&self) -> u32 {
        self.average_bitrate_bps.unwrap_or(match self.playback_hz {
            ..=8000 => 12_000,
            8001..=16_000 => 20_000,
            _ => 32_000,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_in_any_order_case_and_spacing() {
        let format = OpusFormat::parse(
            "usedtx=1; MaxPlaybackRate=16000 ;stereo=1;useinbandfec=1;maxaveragebitrate=24000;cbr=1;minptime=20",
        );
        let expected = OpusFormat {
            average_bitrate_bps: Some(24_000),
            playback_hz: 16_000,
            min_ptime_ms: 20,
            fec: true,
            dtx: true,
            cbr: true,
        };
        assert_eq!(format, expected);
    }

    #[test]
    fn what_is_not_there_or_senseless_has_its_default() {
        let plain = OpusFormat::parse("");
        assert_eq!(
            (plain.bitrate_bps(), plain.playback_hz, plain.fec, plain.dtx, plain.cbr),
            (32_000, 48_000, false, false, false)
        );
        for fmtp in ["usedtx", "usedtx=yes;cbr=2;maxplaybackrate=7999", "useinbandfec=0;maxaveragebitrate=-1", ";;=;=1"]
        {
            assert_eq!(OpusFormat::parse(fmtp), plain, "{fmtp}");
        }
    }

    #[test]
    fn the_bit_rate_is_what_is_asked_for_or_follows_the_band() {
        let bps = |fmtp| OpusFormat::parse(fmtp).bitrate_bps();
        assert_eq!(bps("maxplaybackrate=8000"), 12_000);
        assert_eq!(bps("maxplaybackrate=16000"), 20_000);
        assert_eq!(bps("maxplaybackrate=96000"), 32_000);
        assert_eq!(bps("maxaveragebitrate=64000;maxplaybackrate=8000"), 64_000);
        assert_eq!((bps("maxaveragebitrate=1"), bps("maxaveragebitrate=999999")), (6000, 510_000));
    }
}
