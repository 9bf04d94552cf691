//! The same work on parts of a list, by several threads.

use super::{BlindTokenError, Work};

/// The results of `work` on all items, in their order. `work` gets the number of the first item of its part, and gives one result an item.
///
/// # Errors
/// That of the first part that fails.
pub(super) fn in_parts<T: Sync, R: Send>(
    terms: Work<'_>,
    items: &[T],
    work: impl Fn(usize, &[T]) -> Result<Vec<R>, BlindTokenError> + Sync,
) -> Result<Vec<R>, BlindTokenError> {
    let size = items.len().div_ceil(terms.threads.max(1)).max(1);
    let mut parts = items.chunks(size).enumerate();
    let Some((_, first)) = parts.next() else { return Ok(Vec::new()) };
    std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = parts
            .map(|(number, part)| scope.spawn(move || work(number.saturating_mul(size), part)))
            .collect();
        let mut all = work(0, first)?;
        all.reserve(items.len().saturating_sub(all.len()));
        for other in others {
            all.extend(other.join().map_err(|_| BlindTokenError::Stopped)??);
        }
        Ok(all)
    })
}
