//! A secret cannot be printed.

fn main() {
    println!("{:?}", hushtag::types::Secret::new([0; 32]));
}
