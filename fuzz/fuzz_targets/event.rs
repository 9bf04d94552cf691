//! Any bytes as the JSON document of a consent event: see `properties/event.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/event.rs"]
mod event;

fuzz_target!(|data: &[u8]| {
    let _refused = event::check(data);
});
