//! Any bytes as a CSV text: see `properties/csv_text.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/csv_text.rs"]
mod csv_text;

fuzz_target!(|data: &[u8]| {
    let _refused = csv_text::check(data);
});
