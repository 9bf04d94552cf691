//! An exact value cannot be reached by its field.

fn main() {
    let _ = hushtag::release::Exact::new(7).0;
}
