//! A table of records that can undo what has not been committed.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something a [`Table`] holds.
pub(crate) trait Record: Clone + Serialize + DeserializeOwned {
    /// The table's name in the durable store.
    const TABLE: &'static str;

    /// The key: the resource's id.
    fn id(&self) -> &str;
}

/// Records by id, and what each changed one was before the change.
#[derive(Debug)]
pub(crate) struct Table<T> {
    rows: BTreeMap<String, T>,
    before: BTreeMap<String, Option<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { rows: BTreeMap::new(), before: BTreeMap::new() }
    }
}

impl<T: Record> Table<T> {
    /// A table as it was stored.
    pub(crate) fn from_rows(rows: impl IntoIterator<Item = T>) -> Self {
        let rows = rows.into_iter().map(|row| (row.id().to_owned(), row)).collect();
        Table { rows, before: BTreeMap::new() }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.values()
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.remember(id);
        self.rows.get_mut(id)
    }

    pub(crate) fn insert(&mut self, row: T) {
        let id = row.id().to_owned();
        self.remember(&id);
        self.rows.insert(id, row);
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<T> {
        self.remember(id);
        self.rows.remove(id)
    }

    fn remember(&mut self, id: &str) {
        if !self.before.contains_key(id) {
            self.before.insert(id.to_owned(), self.rows.get(id).cloned());
        }
    }

    /// Each changed row's id and what it is now; `None` where it is gone.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (&str, Option<&T>)> {
        self.before.keys().map(|id| (id.as_str(), self.rows.get(id)))
    }

    /// Takes all changes as done.
    pub(crate) fn keep(&mut self) {
        self.before.clear();
    }

    /// Takes all changes back.
    pub(crate) fn undo(&mut self) {
        for (id, row) in std::mem::take(&mut self.before) {
            match row {
                Some(row) => self.rows.insert(id, row),
                None => self.rows.remove(&id),
            };
        }
    }
}
