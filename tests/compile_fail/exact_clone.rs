//! An exact value has no copy.

fn copied<T: Clone>(_: T) {}

fn main() {
    copied(hushtag::release::Exact::new(7));
}
