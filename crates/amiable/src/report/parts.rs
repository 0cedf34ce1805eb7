//! What the parts of a page are made of.

use ami_lifecycle::RegionReport;
use maud::{Markup, html};

/// What the page is to say besides.
pub(crate) struct Settings<'a> {
    pub(crate) namespace: &'a str,
    /// What a GiB of storage costs in a month.
    pub(crate) gib_month: Option<f64>,
}

/// A table, or a sentence where there is nothing to show.
pub(super) fn table(titles: &[&str], rows: &[Vec<Markup>], otherwise: &str) -> Markup {
    html! {
        @if rows.is_empty() {
            p.none { (otherwise) }
        } @else {
            div.wide tabindex="0" {
                table {
                    thead { tr { @for title in titles { th scope="col" { (title) } } } }
                    tbody {
                        @for row in rows {
                            tr { @for cell in row { td { (cell) } } }
                        }
                    }
                }
            }
        }
    }
}

/// A word with a colour that says whether something is to be done.
pub(super) fn badge(word: &str, kind: &str) -> Markup {
    html! { span class={ "badge " (kind) } { (word) } }
}

/// A sentence, or a list of several.
pub(super) fn reasons(reasons: &[String]) -> Markup {
    html! {
        @match reasons {
            [] => {}
            [one] => (one),
            more => ul { @for reason in more { li { (reason) } } }
        }
    }
}

pub(super) fn region_of(region: &RegionReport) -> Markup {
    html! { (region.region) }
}
