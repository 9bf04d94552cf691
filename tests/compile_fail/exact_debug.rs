//! An exact value cannot be printed.

fn main() {
    println!("{:?}", hushtag::release::Exact::new(7));
}
