//! Any text as the proof of how a person stood: see `properties/person.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/person.rs"]
mod person;

fuzz_target!(|data: &[u8]| {
    let _refused = person::check(data);
});
