//! What hushtag makes of rho-zCDP at some deltas: one JSON object a line, for `accounting.py`.

use std::error::Error;

use hushtag::dp::{Delta, epsilon_of};
use hushtag::types::NanoRho;

/// Rho runs over 1, 2 and 5 times the powers of ten from 1e-4 to 10.
const FIRST_NANO: u128 = 100_000;
const LAST_NANO: u128 = 10_000_000_000;
const DELTAS: [&str; 4] = ["1e-5", "1e-6", "1e-9", "1e-12"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut decade = FIRST_NANO;
    while decade <= LAST_NANO {
        for rho in [1, 2, 5].map(|times| times * decade).into_iter().filter(|rho| *rho <= LAST_NANO) {
            for text in DELTAS {
                let delta: Delta = text.parse()?;
                let epsilon = epsilon_of(NanoRho::new(rho), delta).get();
                println!(r#"{{"rho_nano": {rho}, "delta": {delta}, "epsilon_nano": {epsilon}}}"#);
            }
        }
        decade *= 10;
    }
    Ok(())
}
