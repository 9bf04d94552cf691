//! Any bytes as an id or the name of a column: see `properties/identifier.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/identifier.rs"]
mod identifier;

fuzz_target!(|data: &[u8]| {
    let _refused = identifier::check(data);
});
