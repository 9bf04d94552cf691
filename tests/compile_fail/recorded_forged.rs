//! Only the log records.

use hushtag::audit::Recorded;

fn forged(base: Recorded) -> Recorded {
    Recorded { ..base }
}

fn main() {}
