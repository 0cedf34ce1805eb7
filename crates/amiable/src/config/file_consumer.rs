//! What a consumer of the kind `file` may say.

use std::path::Path;

use ami_lifecycle::ami_in_file::Format;
use ami_lifecycle::{FilePlace, IdInFile};

use super::reader::{At, Mistakes, Section};

/// The most ids of one file.
const MOST: u64 = 1000;

const PLACES: &str = "give one of at = \"images.linux.ami\", pattern = \"…(ami-[0-9a-f]+)…\" and \
                      between = [\"MARK\", \"MARK\"]";

/// An id in a file, which is found from the folder of the configuration.
pub(super) fn read_file_consumer(
    section: &Section<'_>,
    folder: &Path,
    mistakes: &Mistakes,
) -> Option<IdInFile> {
    let file = section.string("file")?;
    let place = place(section, &file, mistakes)?;
    // Any region will do to see whether the place is one.
    if let Err(reason) = place.in_region("us-east-1") {
        mistakes.add(section.span.clone(), reason, None);
        return None;
    }
    if file.value.trim().is_empty() {
        mistakes.add(file.span, "`file` is empty", None);
        return None;
    }
    Some(IdInFile { file: folder.join(file.value), shown: file.value.to_owned(), place })
}

fn place(section: &Section<'_>, file: &At<&str>, mistakes: &Mistakes) -> Option<FilePlace> {
    let kinds = ["at", "pattern", "between"];
    let given: Vec<&str> = kinds.into_iter().filter(|key| section.has(key)).collect();
    let [kind] = given[..] else {
        let message = "the place in a file is named in exactly one way";
        mistakes.add(section.span.clone(), message, Some(PLACES.into()));
        return None;
    };
    let belongs = |key: &'static str, to: &str| {
        if section.has(key) {
            let message = format!("`{key}` belongs to {to}");
            mistakes.add(section.span.clone(), message, None);
        }
    };
    let count = section.number("count", MOST).map_or(1, |it| it.value);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    match kind {
        "at" => {
            belongs("count", "`pattern` and `between`");
            let format = format(section, file, mistakes)?;
            let paths = section.string_or_strings("at").into_iter();
            let paths: Vec<String> = paths.map(|it| it.value.to_owned()).collect();
            if paths.is_empty() {
                mistakes.add(section.span.clone(), "`at` is empty", None);
                return None;
            }
            Some(FilePlace::At { format, paths })
        }
        "pattern" => {
            belongs("format", "`at`");
            let regex = section.string("pattern")?.value.to_owned();
            Some(FilePlace::Pattern { regex, count })
        }
        _ => {
            belongs("format", "`at`");
            let marks = section.strings("between")?;
            let [begin, end] = &marks[..] else {
                let message = "`between` is what stands before the id, and what stands behind it";
                mistakes.add(section.span.clone(), message, Some(PLACES.into()));
                return None;
            };
            let (begin, end) = (begin.value.to_owned(), end.value.to_owned());
            Some(FilePlace::Between { begin, end, count })
        }
    }
}

/// The format that is named, else that of the file's name.
fn format(section: &Section<'_>, file: &At<&str>, mistakes: &Mistakes) -> Option<Format> {
    let names = || Format::NAMES.map(|(name, _)| name).join(", ");
    if let Some(named) = section.string("format") {
        let found = Format::NAMES.iter().find(|(name, _)| *name == named.value);
        if found.is_none() {
            let message = format!("there is no format `{}`", named.value);
            mistakes.add(named.span, message, Some(format!("the formats are {}", names())));
        }
        return found.map(|(_, format)| *format);
    }
    let found = Format::of_name(file.value);
    if found.is_none() {
        let message = format!("the format of {} could not be determined", file.value);
        let hint = format!("name it by `format` ({}), or give `pattern` or `between`", names());
        mistakes.add(file.span.clone(), message, Some(hint));
    }
    found
}
