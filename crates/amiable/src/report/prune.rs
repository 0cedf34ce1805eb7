//! What prune would delete, and what that saves.

use ami_lifecycle::{Decision, Report, RetireStep};
use maud::{Markup, html};

use super::fleet::region_of;
use super::{Settings, table};

pub(super) fn prune(report: &Report, settings: &Settings<'_>) -> Markup {
    let (mut rows, mut gib) = (Vec::new(), 0);
    for region in &report.regions {
        let going = region.prune.fates.iter().filter(|fate| fate.is_going());
        for Decision { ami, template, generation, goes, step, .. } in going {
            let size = region.fleet.get(ami).map_or(0, |ami| ami.size_gib);
            gib += size;
            rows.push(vec![
                html! { code { (ami) } },
                region_of(region),
                html! { (template) " " (generation) },
                html! { (step.map_or("delete", word)) },
                html! { (size) " GiB" },
                html! { @if let Some(why) = goes { (why) } },
            ]);
        }
    }
    let left: usize = report.regions.iter().map(|it| it.prune.left.len()).sum();
    let titles = ["AMI", "Region", "Template", "Step", "Size", "Why"];
    html! {
        p {
            (rows.len()) " AMIs, at most " (gib) " GiB of snapshots"
            @if let Some(price) = settings.gib_month {
                ": up to " (format!("{:.2}", gib as f64 * price)) " a month at " (price)
                " for each GiB"
            }
            "; " (left) " leftovers of dead bakes."
        }
        (table(&titles, &rows, "A rule keeps every AMI."))
    }
}

fn word(step: RetireStep) -> &'static str {
    match step {
        RetireStep::Deprecate => "deprecate",
        RetireStep::Disable => "disable",
        RetireStep::Delete => "delete",
        RetireStep::TakeBack => "restore",
    }
}
