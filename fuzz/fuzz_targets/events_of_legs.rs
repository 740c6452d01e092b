#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| travel_fuzz::exchanged::events_of_legs(data));
