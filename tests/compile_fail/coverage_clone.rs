//! Who is in has no copy.

fn copied<T: Clone>() {}

fn main() {
    copied::<hushtag::consent::Covered>();
}
