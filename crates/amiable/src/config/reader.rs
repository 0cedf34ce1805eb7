//! Reads tables of a TOML document key by key, and keeps every mistake instead of
//! stopping at the first.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, did_you_mean};
use super::keys::Table;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes(RefCell<Vec<Diagnostic>>);

impl Mistakes {
    pub(super) fn add(&self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        let message = message.into();
        self.0.borrow_mut().push(Diagnostic { span, message, hint, only_bakes: false });
    }

    /// A file that only bakes need is not there.
    pub(super) fn add_missing_file(
        &self,
        span: Range<usize>,
        message: String,
        hint: Option<String>,
    ) {
        self.0.borrow_mut().push(Diagnostic { span, message, hint, only_bakes: true });
    }

    /// In the order of the file.
    pub(super) fn into_sorted(self) -> Vec<Diagnostic> {
        let mut all = self.0.into_inner();
        all.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
        all.dedup();
        all
    }
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<T> At<T> {
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> At<U> {
        At { value: map(self.value), span: self.span }
    }
}

/// A table that is being read.
pub(super) struct Section<'a> {
    table: Option<&'a DeTable<'a>>,
    /// Where to point at when a key is missing.
    pub(super) span: Range<usize>,
    /// How the table is called, such as `[cloud]`.
    pub(super) title: String,
    /// Its keys; `None` where it may have any.
    keys: Option<&'static Table>,
    mistakes: &'a Mistakes,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        table: &'a DeTable<'a>,
        span: Range<usize>,
        keys: &'static Table,
        mistakes: &'a Mistakes,
    ) -> Self {
        Section {
            table: Some(table),
            span,
            title: keys.title.to_owned(),
            keys: Some(keys),
            mistakes,
        }
    }

    /// The table under another title.
    pub(super) fn titled(self, title: String) -> Self {
        Section { title, ..self }
    }

    pub(super) fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let described = self.keys.is_none_or(|keys| keys.key(key).is_some());
        debug_assert!(described, "keys.rs does not describe `{key}` of {}", self.title);
        self.table?.get(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    pub(super) fn string(&self, key: &'static str) -> Option<At<&'a str>> {
        let value = self.get(key)?;
        self.typed(key, value, "a string", DeValue::as_str)
    }

    /// A whole number from 1 to `most`.
    pub(super) fn number(&self, key: &'static str, most: u64) -> Option<At<u64>> {
        let value = self.get(key)?;
        let number = self.typed(key, value, "a number", DeValue::as_integer)?;
        let parsed = u64::from_str_radix(number.value.as_str(), number.value.radix()).ok();
        match parsed.filter(|parsed| (1..=most).contains(parsed)) {
            Some(parsed) => Some(number.map(|_| parsed)),
            None => {
                self.mistakes.add(number.span, format!("`{key}` must be from 1 to {most}"), None);
                None
            }
        }
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        self.typed(key, value, "true or false", DeValue::as_bool).map(|it| it.value)
    }

    pub(super) fn strings(&self, key: &'static str) -> Option<Vec<At<&'a str>>> {
        let value = self.get(key)?;
        let array = self.typed(key, value, "an array of strings", DeValue::as_array)?;
        let items = array.value.iter();
        Some(items.filter_map(|item| self.typed(key, item, "a string", DeValue::as_str)).collect())
    }

    /// One string, or an array of them; none where the key is not there.
    pub(super) fn string_or_strings(&self, key: &'static str) -> Vec<At<&'a str>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        if value.get_ref().is_array() {
            return self.strings(key).unwrap_or_default();
        }
        self.typed(key, value, "a string, or an array of strings", DeValue::as_str)
            .into_iter()
            .collect()
    }

    /// A table below this one; an absent one counts as empty.
    pub(super) fn section(&self, key: &'static str, keys: &'static Table) -> Section<'a> {
        self.below(key, keys.title, Some(keys))
    }

    /// A table below this one that may have any keys; an absent one counts as empty.
    pub(super) fn map(&self, key: &'static str) -> Section<'a> {
        self.below(key, &format!("`{key}`"), None)
    }

    fn below(&self, key: &'static str, title: &str, keys: Option<&'static Table>) -> Section<'a> {
        let value = self.get(key);
        let table = value.and_then(|it| self.typed(key, it, "a table", DeValue::as_table));
        let (table, span) = match table {
            Some(table) => (Some(table.value), table.span),
            None => (None, 0..0),
        };
        Section { table, span, title: title.to_owned(), keys, mistakes: self.mistakes }
    }

    /// All keys with their values, whatever they are called.
    pub(super) fn entries(&self) -> impl Iterator<Item = (At<&'a str>, &'a Spanned<DeValue<'a>>)> {
        let entries = self.table.into_iter().flat_map(|table| table.iter());
        entries.map(|(key, value)| (At { value: key.get_ref().as_ref(), span: key.span() }, value))
    }

    pub(super) fn typed<T>(
        &self,
        key: &str,
        value: &'a Spanned<DeValue<'a>>,
        expected: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<At<T>> {
        let found = read(value.get_ref());
        if found.is_none() {
            let message =
                format!("`{key}` must be {expected}, and this is {}", kind(value.get_ref()));
            self.mistakes.add(value.span(), message, None);
        }
        found.map(|found| At { value: found, span: value.span() })
    }

    /// A mistake about this table as a whole.
    pub(super) fn missing(&self, key: &str, hint: Option<String>) {
        let message = format!("{} needs `{key}`", self.title);
        self.mistakes.add(self.span.clone(), message, hint);
    }

    /// Reports the keys that it cannot have.
    pub(super) fn refuse_others(&self) {
        let Some(keys) = self.keys else { return };
        let known: Vec<&str> = keys.names().collect();
        for (key, _) in self.entries() {
            if !known.contains(&key.value) {
                let message = format!("{} has no key `{}`", self.title, key.value);
                self.mistakes.add(key.span, message, Some(did_you_mean(key.value, &known)));
            }
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
