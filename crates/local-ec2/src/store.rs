//! Durable state: every change is one transaction of an embedded database.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

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
    path: PathBuf,
    /// `None` after a failure, such as a full disk: redb wants to be opened anew then.
    database: Mutex<Option<Database>>,
}

fn definition<T: Record>() -> TableDefinition<'static, &'static str, &'static [u8]> {
    TableDefinition::new(T::TABLE)
}

impl Store {
    /// Opens or creates the database and reads all of it.
    pub(crate) fn open(path: &Path) -> Result<(Store, State), StoreError> {
        let database = Database::create(path)?;
        let state = State::load(&database)?;
        Ok((Store { path: path.to_owned(), database: Mutex::new(Some(database)) }, state))
    }

    /// Makes all changes of `state` durable, in one transaction.
    pub(crate) fn save(&self, state: &State) -> Result<(), StoreError> {
        let mut slot = self.database.lock().expect("no panic holds this lock");
        // What a failed transaction left is not known, so all is written after one.
        let whole = slot.is_none();
        let database = match slot.take() {
            Some(database) => database,
            None => Database::create(&self.path)?,
        };
        let transaction = database.begin_write()?;
        let mut writer = Writer { transaction, whole };
        state.visit(&mut writer)?;
        writer.transaction.commit()?;
        *slot = Some(database);
        Ok(())
    }
}

/// A transaction of changed rows, or of all.
struct Writer {
    transaction: WriteTransaction,
    whole: bool,
}

impl Load<StoreError> for Database {
    fn table<T: Record>(&self) -> Result<Table<T>, StoreError> {
        let transaction = self.begin_read()?;
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

impl Visit<StoreError> for Writer {
    fn table<T: Record>(&mut self, rows: &Table<T>) -> Result<(), StoreError> {
        if !self.whole && !rows.is_changed() {
            return Ok(());
        }
        if self.whole {
            self.transaction.delete_table(definition::<T>())?;
        }
        let mut table = self.transaction.open_table(definition::<T>())?;
        let mut put = |row: &T| -> Result<(), StoreError> {
            let json = serde_json::to_vec(row).expect("records have string keys only");
            table.insert(row.id(), json.as_slice())?;
            Ok(())
        };
        if self.whole {
            return rows.iter().try_for_each(put);
        }
        let mut gone = Vec::new();
        for (id, row) in rows.changes() {
            match row {
                Some(row) => put(row)?,
                None => gone.push(id),
            }
        }
        for id in gone {
            table.remove(id)?;
        }
        Ok(())
    }
}
