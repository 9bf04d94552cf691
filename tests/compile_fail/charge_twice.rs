//! A charge is used up by the answer that is stored for it.

use hushtag::ledger::{Charge, Ledger};

fn twice(ledger: &dyn Ledger, charge: Charge) {
    let _ = ledger.store(charge, Vec::new());
    let _ = ledger.store(charge, Vec::new());
}

fn main() {}
