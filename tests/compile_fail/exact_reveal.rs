//! What unit tests see no one else does.

fn main() {
    let _ = hushtag::release::Exact::new(7).reveal_in_test();
}
