//! An exact value cannot be written.

fn written<T: serde::Serialize>() {}

fn main() {
    written::<hushtag::release::Exact<u8>>();
}
