//! Any bytes as the first of a connection, or after a good startup message: no one is let in, and nothing is charged.
#![no_main]

use hushtag_serve::sandbox::Who;
use hushtag_serve::sandbox::demo::RECIPIENT;
use hushtag_serve_fuzz::{WORLD, exchange, startup};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let begin = if first % 2 == 0 { startup() } else { Vec::new() };
    let answer = exchange(&[begin, rest.to_vec()].concat());
    assert!(!answer.ends_with(b"Z\0\0\0\x05I"), "it is let in");
    let who = Who::new(RECIPIENT, None).expect("a name");
    let spent: u128 =
        WORLD.service.sandbox.budget(&who).expect("a budget").iter().map(|line| line.spent).sum();
    assert_eq!(spent, 0);
});
