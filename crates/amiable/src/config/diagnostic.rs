//! A mistake in the configuration, and how it is shown.

use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    /// Where, as bytes of the file.
    pub(crate) span: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// It is a file that only bakes need: who looks or rolls back goes on without.
    pub(crate) only_bakes: bool,
}

/// Shows mistakes with their place: file, line, column and the text.
pub(crate) fn render(path: &Path, text: &str, diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let path = path.to_string_lossy();
    let shown = diagnostics.iter().map(|diagnostic| {
        let span = diagnostic.span.start.min(text.len())..diagnostic.span.end.min(text.len());
        let snippet = Snippet::source(text)
            .path(path.as_ref())
            .annotation(AnnotationKind::Primary.span(span));
        let mut group = Level::ERROR.primary_title(diagnostic.message.as_str()).element(snippet);
        if let Some(hint) = &diagnostic.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        renderer.render(&[group])
    });
    shown.collect::<Vec<String>>().join("\n\n")
}

/// The candidate that is most like a word, if any is like it at all.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let rated = candidates.into_iter().map(|it| (strsim::jaro_winkler(word, it), it));
    let best = rated.max_by(|left, right| left.0.total_cmp(&right.0))?;
    // Below that, words look alike to the measure and not to people.
    (best.0 > 0.8).then_some(best.1)
}

/// "did you mean", where there is something to mean; else all there is.
pub(crate) fn did_you_mean(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => {
            let list: Vec<String> = candidates.iter().map(|it| format!("`{it}`")).collect();
            format!("there are {}", list.join(", "))
        }
    }
}
