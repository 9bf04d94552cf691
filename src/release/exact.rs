//! Exact data: everything that the engine fills and only this module's siblings open.

/// A true value about people. Private field; no `Debug`, `Display`, `Serialize`, `Clone` or `PartialEq`.
///
/// ```compile_fail
/// let secret = hushtag::release::Exact::new(7);
/// println!("{secret:?}");
/// ```
pub struct Exact<T>(T);

impl<T> Exact<T> {
    /// Puts a value behind the door.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Opens it, inside `release` only.
    pub(super) fn open(&self) -> &T {
        &self.0
    }

    /// Opens it in unit tests, which check true values against their declared sensitivity.
    #[cfg(test)]
    pub(crate) fn reveal_in_test(&self) -> &T {
        &self.0
    }
}
