//! Durable state: every change is one transaction of an embedded database.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::model::{Load, Record, State, Table, Visit};

/// What can go wrong with the durable state.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database itself.
    #[error("the state database failed: {0}")]
    Database(Box<redb::Error>),
    /// A row that this version cannot read.
    #[error("row {id} of table {table} in the state database cannot be read: {message}")]
    Row {
        /// The table's name.
        table: &'static str,
        /// The row's key.
        id: String,
        /// Why not.
        message: String,
    },
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        StoreError::Database(Box::new(error.into()))
    }
}

/// The database under a [`State`].
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
}

fn definition<T: Record>() -> TableDefinition<'static, &'static str, &'static [u8]> {
    TableDefinition::new(T::TABLE)
}

impl Store {
    /// Opens or creates the database and reads all of it.
    pub(crate) fn open(path: &Path) -> Result<(Store, State), StoreError> {
        let store = Store { database: Database::create(path)? };
        let state = State::load(&store)?;
        Ok((store, state))
    }

    /// Makes all changes of `state` durable, in one transaction.
    pub(crate) fn save(&self, state: &State) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        state.visit(&transaction)?;
        transaction.commit()?;
        Ok(())
    }
}

impl Load<StoreError> for Store {
    fn table<T: Record>(&self) -> Result<Table<T>, StoreError> {
        let transaction = self.database.begin_read()?;
        let table = match transaction.open_table(definition::<T>()) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Table::default()),
            Err(error) => return Err(error.into()),
        };
        let mut rows = Vec::new();
        for entry in table.iter()? {
            let (id, json) = entry?;
            let row = serde_json::from_slice(json.value()).map_err(|error| StoreError::Row {
                table: T::TABLE,
                id: id.value().to_owned(),
                message: error.to_string(),
            })?;
            rows.push(row);
        }
        Ok(Table::from_rows(rows))
    }
}

impl Visit<StoreError> for WriteTransaction {
    fn table<T: Record>(&self, rows: &Table<T>) -> Result<(), StoreError> {
        let mut changes = rows.changes().peekable();
        if changes.peek().is_none() {
            return Ok(());
        }
        let mut table = self.open_table(definition::<T>())?;
        for (id, row) in changes {
            match row {
                Some(row) => {
                    let json = serde_json::to_vec(row).expect("records have string keys only");
                    table.insert(id, json.as_slice())?;
                }
                None => {
                    table.remove(id)?;
                }
            }
        }
        Ok(())
    }
}
