//! A permit has no copy.

fn copied<T: Clone>() {}

fn main() {
    copied::<hushtag::policy::Permit>();
}
