//! What prune would delete, and what that saves.

use ami_lifecycle::{Decision, Report, RetireStep};
use maud::{Markup, html};

use super::parts::{Settings, reasons, region_of, table};

pub(super) fn prune(report: &Report, settings: &Settings<'_>) -> Markup {
    let (mut rows, mut deleted, mut gib) = (Vec::new(), 0, 0);
    for region in &report.regions {
        let goes = |fate: &&Decision| fate.is_going() || fate.step == Some(RetireStep::TakeBack);
        for fate in region.prune.fates.iter().filter(goes) {
            let Decision { ami, template, generation, goes, step, .. } = fate;
            let size = region.prune.fleet.get(ami).map_or(0, |ami| ami.size_gib);
            if fate.is_deleted() {
                deleted += 1;
                gib += size;
            }
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
    let plans = report.regions.iter().map(|it| &it.prune);
    let unknown =
        plans.clone().flat_map(|it| &it.unknown).map(|(what, why)| format!("{what}: {why}"));
    let unknown: Vec<String> = unknown.collect();
    let dangling: Vec<String> = plans.flat_map(|it| it.dangling.iter().cloned()).collect();
    let titles = ["AMI", "Region", "Template", "Step", "Size", "Why"];
    html! {
        @if !unknown.is_empty() {
            p.bad { "It deletes nothing at present, as not all users of AMIs could be determined:" }
            (reasons(&unknown))
        }
        p {
            (deleted) " AMIs, at most " (gib) " GiB of snapshots"
            @if let Some(price) = settings.gib_month {
                ": up to " (format!("{:.2}", gib as f64 * price)) " a month at " (price)
                " for each GiB"
            }
            "; " (left) " leftovers of dead bakes. One run deletes at most 25 AMIs (`--limit`)."
        }
        (table(&titles, &rows, "A rule keeps every AMI."))
        (reasons(&dangling))
    }
}

fn word(step: RetireStep) -> &'static str {
    match step {
        RetireStep::Deprecate => "deprecate",
        RetireStep::Disable => "disable",
        RetireStep::Delete => "delete",
        RetireStep::TakeBack => "take back",
    }
}
