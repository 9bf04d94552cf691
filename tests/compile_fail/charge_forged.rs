//! Only the ledger charges.

use hushtag::ledger::Charge;

fn forged(base: Charge) -> Charge {
    Charge { ..base }
}

fn main() {}
