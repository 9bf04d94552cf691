//! Who is in cannot be printed.

fn printed<T: std::fmt::Debug>() {}

fn main() {
    printed::<hushtag::consent::Covered>();
}
