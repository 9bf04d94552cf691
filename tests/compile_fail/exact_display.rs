//! An exact value cannot be shown.

fn main() {
    println!("{}", hushtag::release::Exact::new(7));
}
