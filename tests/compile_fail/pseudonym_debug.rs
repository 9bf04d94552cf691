//! A pseudonym cannot be printed.

fn printed<T: std::fmt::Debug>() {}

fn main() {
    printed::<hushtag::deidentify::Pseudonym>();
}
