#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| webphone_rtc_fuzz::turn(data));
