//! Any text as a scenario file: see `properties/scenarios.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/place.rs"]
mod place;
#[path = "../properties/scenarios.rs"]
mod scenarios;

fuzz_target!(|data: &[u8]| {
    let _refused = scenarios::check(data);
});
