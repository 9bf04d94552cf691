//! A permit is used up by the door.

use hushtag::policy::Permit;
use hushtag::release::{Cube, Releaser, Exact, ChargedQuery};

fn twice(door: &Releaser, permit: Permit, question: &ChargedQuery, cube: &Exact<Cube>) {
    let _ = door.release(permit, question, cube);
    let _ = door.release(permit, question, cube);
}

fn main() {}
