//! A table of records that can undo what has not been committed.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::tags::Tags;

/// Something a [`Table`] holds.
pub(crate) trait Record: Clone + Serialize + DeserializeOwned {
    /// The table's name in the durable store.
    const TABLE: &'static str;

    /// The key: the resource's id.
    fn id(&self) -> &str;
}

/// A record that the API shows, by its id.
pub(crate) trait Resource: Record {
    /// What its ids begin with.
    const PREFIX: &'static str;
    /// Its type in tag specifications.
    const TYPE: &'static str;
    /// What the code of a malformed id begins with, as in `InvalidSnapshotID.Malformed`.
    const MALFORMED: &'static str;
    /// What the code of an unknown id begins with, as in `InvalidSnapshot.NotFound`.
    const NOT_FOUND: &'static str;
    /// The word for it in messages.
    const NOUN: &'static str;

    /// What is said of an id that is not known.
    fn unknown(id: &str) -> String {
        format!("The {} '{id}' does not exist", Self::NOUN)
    }

    /// The region that it is in. It is in all of them where that is empty: what is there
    /// before anybody calls, and what was made before regions were told apart.
    fn region(&self) -> &str;

    /// Whether callers in a region see it.
    fn is_in(&self, region: &str) -> bool {
        self.region().is_empty() || self.region() == region
    }

    fn tags(&self) -> &Tags;

    fn tags_mut(&mut self) -> &mut Tags;
}

/// Makes a [`Resource`] of a struct with `id`, `region` and `tags`.
macro_rules! resource {
    ($type:ident {
        table: $table:literal,
        prefix: $prefix:literal,
        kind: $kind:literal,
        malformed: $malformed:literal,
        not_found: $not_found:literal,
        noun: $noun:literal,
    }) => {
        impl $crate::model::Record for $type {
            const TABLE: &'static str = $table;

            fn id(&self) -> &str {
                &self.id
            }
        }

        impl $crate::model::Resource for $type {
            const PREFIX: &'static str = $prefix;
            const TYPE: &'static str = $kind;
            const MALFORMED: &'static str = $malformed;
            const NOT_FOUND: &'static str = $not_found;
            const NOUN: &'static str = $noun;

            fn region(&self) -> &str {
                &self.region
            }

            fn tags(&self) -> &$crate::model::Tags {
                &self.tags
            }

            fn tags_mut(&mut self) -> &mut $crate::model::Tags {
                &mut self.tags
            }
        }
    };
}
pub(crate) use resource;

/// What a change did to one row.
#[derive(Debug, Clone)]
pub(crate) struct RowChange<T> {
    pub(crate) id: String,
    /// The row was not there before.
    pub(crate) is_new: bool,
    /// What it is now; `None` where it is gone.
    pub(crate) row: Option<T>,
}

/// Records by id, and what each changed one was before the change.
#[derive(Debug, Clone)]
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

    /// Those that callers in a region see.
    pub(crate) fn of_region(&self, region: &str) -> impl Iterator<Item = &T>
    where
        T: Resource,
    {
        self.iter().filter(move |row| row.is_in(region))
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

    pub(crate) fn is_changed(&self) -> bool {
        !self.before.is_empty()
    }

    /// Takes all changes as done, and says what they were.
    pub(crate) fn keep(&mut self) -> Vec<RowChange<T>> {
        let before = std::mem::take(&mut self.before);
        let changes = before.into_iter().map(|(id, before)| RowChange {
            is_new: before.is_none(),
            row: self.rows.get(&id).cloned(),
            id,
        });
        changes.collect()
    }

    /// Takes all changes back.
    pub(crate) fn undo(&mut self) {
        for (id, row) in std::mem::take(&mut self.before) {
            self.set(id, row);
        }
    }

    /// Makes changes again that were made to another table.
    pub(crate) fn apply(&mut self, changes: Vec<RowChange<T>>) {
        for change in changes {
            self.set(change.id, change.row);
        }
    }

    /// Removes every row.
    pub(crate) fn clear(&mut self) {
        let ids: Vec<String> = self.rows.keys().cloned().collect();
        for id in ids {
            self.remove(&id);
        }
    }

    fn set(&mut self, id: String, row: Option<T>) {
        match row {
            Some(row) => self.rows.insert(id, row),
            None => self.rows.remove(&id),
        };
    }
}
