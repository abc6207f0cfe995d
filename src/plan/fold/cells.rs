//! Numbers of a few bytes in one stretch of memory.

use datafusion::common::{Result, exec_datafusion_err};
use memmap2::MmapMut;
#[cfg(target_os = "linux")]
use std::sync::LazyLock;

/// What is between a narrow cell of `Min` or `Max` and a wide one.
pub(super) const NARROW: u64 = (1 << 63) - (1 << 31);

/// Less than this is not in large pages, as a rule.
#[cfg(target_os = "linux")]
const LARGE: usize = 4 << 20;

/// A large page.
#[cfg(target_os = "linux")]
const PAGE: usize = 2 << 20;

/// How large the pages are that events touch.
#[cfg(target_os = "linux")]
static PAGES: LazyLock<usize> = LazyLock::new(|| {
    let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    if setting.is_ok_and(|setting| !setting.contains("[never]")) { PAGE } else { 4 << 10 }
});

/// The bytes of all cells, straight from the system: zero until they are touched, and in large pages where there are
/// any, since events go to rows all over them.
#[derive(Debug)]
pub(super) struct Cellar {
    cells: Option<MmapMut>,
    /// Whether the system was asked for all pages.
    #[cfg(target_os = "linux")]
    is_made: bool,
}

impl Cellar {
    pub fn new(bytes: usize) -> Result<Cellar> {
        let map =
            || MmapMut::map_anon(bytes).map_err(|e| exec_datafusion_err!("no memory for {bytes} bytes: {e}"));
        let cells = (bytes > 0).then(map).transpose()?;
        #[cfg(target_os = "linux")]
        if let Some(cells) = cells.as_ref().filter(|_| bytes >= LARGE) {
            // A wish; where it is not granted, small pages do.
            let _ = cells.advise(memmap2::Advice::HugePage);
        }
        Ok(Cellar {
            cells,
            #[cfg(target_os = "linux")]
            is_made: false,
        })
    }

    /// So many events are to come. If they will touch most pages, all are made at once: a cell is read before it is written
    /// to, and a page that is first read has to be made twice, the second time with all threads interrupted.
    pub fn make_for(&mut self, events: usize) {
        #[cfg(target_os = "linux")]
        if let Some(cells) = self.cells.as_ref().filter(|_| !self.is_made) {
            let bytes = cells.len();
            if bytes >= LARGE && events < bytes / *PAGES {
                return;
            }
            self.is_made = true;
            for start in (0..bytes).step_by(PAGE) {
                // A wish, too; else pages are made one by one. Part by part, since meanwhile no other thread gets memory.
                let _ = cells.advise_range(memmap2::Advice::PopulateWrite, start, PAGE.min(bytes - start));
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = events;
    }

    pub fn bytes(&self) -> &[u8] {
        self.cells.as_deref().unwrap_or(&[])
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.cells.as_deref_mut().unwrap_or(&mut [])
    }
}

/// A number that fills a cell.
pub(super) trait Word: Copy {
    /// Nothing is done beyond the end.
    fn update(cells: &mut [u8], at: usize, next: impl FnOnce(Self) -> Self);
}

macro_rules! words {
    ($($word:ty),*) => {$(
        impl Word for $word {
            #[inline]
            fn update(cells: &mut [u8], at: usize, next: impl FnOnce($word) -> $word) {
                if let Some(held) = cells.get_mut(at..).and_then(|c| c.first_chunk_mut()) {
                    *held = next(<$word>::from_le_bytes(*held)).to_le_bytes();
                }
            }
        }
    )*};
}

words!(u8, u16, u32, u64, i32, i64);

/// A cell of a sum: twice the number; the lowest bit says that some value is known.
pub(super) trait Sum: Word {
    /// Both cells in one. What does not fit goes to `rest`.
    fn plus(self, other: Self, rest: impl FnOnce(i128)) -> Self;
}

macro_rules! sums {
    ($($word:ty),*) => {$(
        impl Sum for $word {
            #[inline]
            fn plus(self, other: $word, rest: impl FnOnce(i128)) -> $word {
                let sum = self.checked_add(other & !1).unwrap_or_else(|| {
                    rest(i128::from(self >> 1));
                    other & !1 | self & 1
                });
                sum | other & 1
            }
        }
    )*};
}

sums!(i32, i64);

/// Both cells of counts in one. What does not fit goes to `rest`.
#[inline]
pub(super) fn counted(one: u16, other: u16, rest: impl FnOnce(i128)) -> u16 {
    let (sum, is_full) = one.overflowing_add(other);
    if is_full {
        rest(1 << 16);
    }
    sum
}

/// A number as one that is 0 only for the smallest.
pub(super) fn raised(number: i64) -> u64 {
    number as u64 ^ 1 << 63
}

pub(super) fn lowered(raised: u64) -> i64 {
    (raised ^ 1 << 63) as i64
}
