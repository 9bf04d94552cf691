//! Only policy permits.

use hushtag::policy::Permit;

fn forged(base: Permit) -> Permit {
    Permit { ..base }
}

fn main() {}
