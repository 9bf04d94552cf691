//! Any bytes as the entry that changes the key of the log: see `properties/rotation.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/rotation.rs"]
mod rotation;

fuzz_target!(|data: &[u8]| {
    let _refused = rotation::check(data);
});
