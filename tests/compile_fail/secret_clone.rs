//! A secret has no copy.

fn copied<T: Clone>(_: T) {}

fn main() {
    copied(hushtag::types::Secret::new([0; 32]));
}
