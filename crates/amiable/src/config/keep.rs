//! What a `[template.…]` table may say about what `prune` keeps, and for how long.

use std::time::Duration;

use ami_lifecycle::Keep;

use super::template::TemplateReader;

/// What `prune` keeps, unless the template says otherwise: the way back, and what was made
/// since people have looked last.
const DEFAULT_KEEP: Keep =
    Keep { before: 2, younger: Duration::from_secs(7 * 24 * 3600), launched: None, retire: None };
const MOST_KEPT: u64 = 1000;

impl TemplateReader<'_, '_> {
    pub(super) fn keep(&self) -> Keep {
        let before = self.of("keep").number("keep", MOST_KEPT).map(|it| it.value);
        Keep {
            before: before.unwrap_or(DEFAULT_KEEP.before),
            younger: self.days("keep_younger").unwrap_or(DEFAULT_KEEP.younger),
            launched: self.days("keep_launched"),
            retire: self.days("retire_after"),
        }
    }

    pub(super) fn days(&self, key: &'static str) -> Option<Duration> {
        let text = self.text(key)?;
        let age = parse_days(text.value);
        if age.is_none() {
            let message = format!("`{}` is not an age", text.value);
            let hint = "write \"30d\", \"6w\" or \"36h\"";
            self.mistakes.add(text.span, message, Some(hint.into()));
        }
        age
    }
}

/// `30d`, `6w`, `36h`: a day is 24 hours. Months differ in length.
pub(crate) fn parse_days(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.parse().ok()?;
    let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok().filter(|duration| !duration.is_zero())
}
