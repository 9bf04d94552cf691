//! Any text as the openings of a seal's input files: see `properties/openings.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/openings.rs"]
mod openings;

fuzz_target!(|data: &[u8]| {
    let _refused = openings::check(data);
});
