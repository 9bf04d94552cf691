//! An exact value cannot be guessed by comparing.

fn compared<T: PartialEq>(_: T) {}

fn main() {
    compared(hushtag::release::Exact::new(7));
}
