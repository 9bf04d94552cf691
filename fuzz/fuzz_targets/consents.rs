//! Any text as a consent table: see `properties/consents.rs` and `properties/reference.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/consents.rs"]
mod consents;
#[path = "../properties/events.rs"]
mod events;
#[path = "../properties/reference.rs"]
mod reference;

fuzz_target!(|data: &[u8]| {
    let _refused = consents::check(data);
});
