//! Lists in pages, newest first.

use uuid::Uuid;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// At most this many items.
    pub limit: u32,
    /// Only items older than this one: the [`Page::next`] of the page before.
    pub after: Option<Uuid>,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// What to ask for next; `None` on the last page.
    pub next: Option<Uuid>,
}

impl PageRequest {
    /// One more than is wanted: whether it is there tells whether another page follows.
    pub(crate) fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The bound that every id is below: of the first page, the greatest UUID.
    pub(crate) fn before(&self) -> Uuid {
        self.after.unwrap_or(Uuid::max())
    }

    pub(crate) fn page<T>(&self, mut items: Vec<T>, id: impl Fn(&T) -> Uuid) -> Page<T> {
        let more = items.len() > self.limit as usize;
        items.truncate(self.limit as usize);
        let next = items.last().filter(|_| more).map(id);
        Page { items, next }
    }
}
