//! Only the door opens an exact value.

fn main() {
    let _ = hushtag::release::Exact::new(7).open();
}
