//! A permit is used up by the door.

use hushtag::policy::Permit;
use hushtag::release::{Cube, Door, Exact, Question};

fn twice(door: &Door, permit: Permit, question: &Question, cube: &Exact<Cube>) {
    let _ = door.release(permit, question, cube);
    let _ = door.release(permit, question, cube);
}

fn main() {}
