//! A file that is read as it is and written in memory alone: the embedded store writes when it opens, and what is verified
//! must stay as it was found.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Blocks;

const PAGE: u64 = 4096;

/// [`Blocks`] over others that are never written. Memory grows with what is written, by pages of 4 KiB.
#[derive(Debug)]
pub(crate) struct Overlay {
    below: Arc<dyn Blocks>,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    len: u64,
    /// How many bytes of the file below still count: less than its length once it was cut.
    shown: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    /// A copy of `below`, as far as it is written.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new(below: impl Into<Arc<dyn Blocks>>) -> io::Result<Self> {
        let below = below.into();
        let len = below.len()?;
        let written = Written { len, shown: len, pages: BTreeMap::new() };
        Ok(Self { below, written: Mutex::new(written) })
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page as it is now; what lies beyond the end is zero.
    fn page(&self, written: &Written, number: u64) -> io::Result<Vec<u8>> {
        if let Some(page) = written.pages.get(&number) {
            return Ok(page.clone());
        }
        let start = number.saturating_mul(PAGE);
        let shown =
            usize::try_from(written.shown.saturating_sub(start).min(PAGE)).map_err(io::Error::other)?;
        let mut page = vec![0; shown];
        if shown > 0 {
            self.below.read_at(start, &mut page)?;
        }
        page.resize(usize::try_from(PAGE).map_err(io::Error::other)?, 0);
        Ok(page)
    }
}

/// The pages that `length` bytes from `offset` touch, each with where it begins in the bytes and where they begin in it.
fn touched(offset: u64, length: usize) -> io::Result<Vec<(u64, usize, usize)>> {
    let length = u64::try_from(length).map_err(io::Error::other)?;
    let end = offset.checked_add(length).ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
    let pages = offset / PAGE..end.div_ceil(PAGE);
    let each = pages.map(|page| {
        let start = page.saturating_mul(PAGE);
        let (before, inside) = (start.saturating_sub(offset), offset.saturating_sub(start));
        Ok((
            page,
            usize::try_from(before).map_err(io::Error::other)?,
            usize::try_from(inside).map_err(io::Error::other)?,
        ))
    });
    each.collect()
}

impl Blocks for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().len)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        let end = u64::try_from(out.len()).ok().and_then(|length| offset.checked_add(length));
        if end.is_none_or(|end| end > written.len) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        for (number, before, inside) in touched(offset, out.len())? {
            let page = self.page(&written, number)?;
            let target = out.iter_mut().skip(before);
            target.zip(page.iter().skip(inside)).for_each(|(to, from)| *to = *from);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written();
        if len < written.len {
            let last = len / PAGE;
            let mut page = self.page(&written, last)?;
            let kept = usize::try_from(len % PAGE).map_err(io::Error::other)?;
            page.iter_mut().skip(kept).for_each(|byte| *byte = 0);
            written.shown = written.shown.min(len);
            drop(written.pages.split_off(&last));
            written.pages.insert(last, page);
        }
        written.len = len;
        Ok(())
    }

    fn write_at(&self, offset: u64, content: &[u8]) -> io::Result<()> {
        let mut written = self.written();
        for (number, before, inside) in touched(offset, content.len())? {
            let mut page = self.page(&written, number)?;
            let target = page.iter_mut().skip(inside);
            target.zip(content.iter().skip(before)).for_each(|(to, from)| *to = *from);
            written.pages.insert(number, page);
        }
        let end = u64::try_from(content.len()).ok().and_then(|length| offset.checked_add(length));
        written.len = written.len.max(end.ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Image, Storage as _};

    proptest::proptest! {
        /// Whatever is done to it, it reads as a plain copy of the file does, and the file stays as it was.
        #[test]
        fn it_is_a_copy(length in 0_usize..10_000, steps: Vec<(u8, u16, u16)>) {
            let (image, whole) = (Image::new(), (1..=251).cycle().take(length).collect::<Vec<u8>>());
            image.write("file", &whole).unwrap();
            let overlay = Overlay::new(image.read_blocks("file").unwrap().unwrap()).unwrap();
            let mut copy = whole.clone();
            for (act, one, two) in steps {
                let (at, size) = (usize::from(one) % 20_000, usize::from(two) % 9_000);
                if act % 3 == 0 {
                    copy.resize(at, 0);
                    overlay.set_len(at as u64).unwrap();
                } else {
                    let content = vec![act; size];
                    if copy.len() < at + size && size > 0 {
                        copy.resize(at + size, 0);
                    }
                    if size > 0 {
                        copy[at..at + size].copy_from_slice(&content);
                        overlay.write_at(at as u64, &content).unwrap();
                    }
                }
                proptest::prop_assert_eq!(overlay.len().unwrap(), copy.len() as u64);
                let mut read = vec![0; copy.len()];
                overlay.read_at(0, &mut read).unwrap();
                proptest::prop_assert!(read == copy);
                proptest::prop_assert!(overlay.read_at(1, &mut read).is_err() || read.is_empty());
            }
            proptest::prop_assert_eq!(image.read("file").unwrap().unwrap(), whole);
        }
    }
}
