//! YAML, and JSON, which is YAML, too.

use std::collections::BTreeSet;
use std::ops::Range;

use granit_parser::{Event, Parser};

use crate::error::PlaceError;
use crate::path::{Path, Step};

/// A collection that is not closed yet.
enum Open {
    /// The key whose value comes next; `None` where a key comes next.
    Mapping(Option<String>),
    /// How many items there were.
    Sequence(usize),
}

/// The steps of a path that the open collections are.
fn leads(open: &[Open], wanted: &[Step]) -> bool {
    open.len() <= wanted.len()
        && std::iter::zip(open, wanted).all(|(open, step)| match (open, step) {
            (Open::Mapping(Some(key)), Step::Key(wanted)) => key == wanted,
            (Open::Sequence(number), Step::Index(wanted)) => number == wanted,
            _ => false,
        })
}

/// Where the value at a path stands.
pub(crate) fn span(
    text: &str,
    path: &Path,
    format: &'static str,
) -> Result<Range<usize>, PlaceError> {
    let mut reading = Reading { wanted: &path.steps, ..Reading::default() };
    for event in Parser::new_from_str(text) {
        let invalid = |line| PlaceError::Invalid { line, format };
        let (event, span) = event.map_err(|error| invalid(error.marker().line()))?;
        reading.take(event, span.byte_range().unwrap_or(0..0));
    }
    let name = || path.to_string();
    match &reading.found[..] {
        [] => Err(PlaceError::Missing(name())),
        // Of two keys, readers take one or the other.
        [_] if reading.has_twins => Err(PlaceError::Several(name())),
        [Found::Value(span, anchors)] if reading.used.is_disjoint(anchors) => Ok(span.clone()),
        [Found::Value(..) | Found::Alias] => Err(PlaceError::Shared(name())),
        [Found::Collection] => Err(PlaceError::NotValue(name())),
        _ => Err(PlaceError::Several(name())),
    }
}

/// What stands at the path.
enum Found {
    /// A value, and the numbers of its anchor and of those of what it is in.
    Value(Range<usize>, BTreeSet<usize>),
    Alias,
    Collection,
}

#[derive(Default)]
struct Reading<'p> {
    wanted: &'p [Step],
    open: Vec<Open>,
    /// The anchors of the open collections, 0 for none.
    anchors: Vec<usize>,
    /// How often each key of the path was there in this document.
    times: Vec<usize>,
    has_twins: bool,
    found: Vec<Found>,
    /// The anchors that aliases stand for.
    used: BTreeSet<usize>,
}

impl Reading<'_> {
    fn take(&mut self, event: Event<'_>, span: Range<usize>) {
        match event {
            Event::Scalar(value, _, anchor, _) => {
                if let Some(Open::Mapping(key @ None)) = self.open.last_mut() {
                    *key = Some(value.to_string());
                    self.count();
                    return;
                }
                let anchors = self.anchors.iter().copied().chain([anchor]);
                let anchors = anchors.filter(|anchor| *anchor > 0).collect();
                self.note(Found::Value(span, anchors));
                self.next();
            }
            Event::Alias(anchor) => {
                self.used.insert(anchor);
                if let Some(Open::Mapping(key @ None)) = self.open.last_mut() {
                    *key = Some(String::new());
                    return;
                }
                self.note(Found::Alias);
                self.next();
            }
            Event::MappingStart(_, anchor, _) => {
                self.note(Found::Collection);
                self.open.push(Open::Mapping(None));
                self.anchors.push(anchor);
            }
            Event::SequenceStart(_, anchor, _) => {
                self.note(Found::Collection);
                self.open.push(Open::Sequence(0));
                self.anchors.push(anchor);
            }
            Event::MappingEnd | Event::SequenceEnd => {
                self.open.pop();
                self.anchors.pop();
                self.next();
            }
            Event::DocumentStart(..) => self.times = vec![0; self.wanted.len()],
            _ => {}
        }
    }

    /// Counts a key that is on the path.
    fn count(&mut self) {
        if !leads(&self.open, self.wanted) {
            return;
        }
        if let Some(times) = self.times.get_mut(self.open.len() - 1) {
            *times += 1;
            self.has_twins |= *times > 1;
        }
    }

    /// Notes what stands here, if this is the place.
    fn note(&mut self, found: Found) {
        if self.open.len() == self.wanted.len() && leads(&self.open, self.wanted) {
            self.found.push(found);
        }
    }

    /// A value has ended: a key or an item comes next. A collection that is a key counts as a nameless
    /// one.
    fn next(&mut self) {
        match self.open.last_mut() {
            Some(Open::Mapping(key)) => match key {
                Some(_) => *key = None,
                None => *key = Some(String::new()),
            },
            Some(Open::Sequence(number)) => *number += 1,
            None => {}
        }
    }
}
