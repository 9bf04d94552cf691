//! Any bytes as the text of an amount: see `properties/amount.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/amount.rs"]
mod amount;

fuzz_target!(|data: &[u8]| {
    let _refused = amount::check(data);
});
