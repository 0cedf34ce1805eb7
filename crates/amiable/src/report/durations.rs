//! How long the bakes of each template took, by stage and generation.

use std::collections::BTreeMap;
use std::time::Duration;

use ami_lifecycle::{Ami, Report};
use maud::{Markup, html};

use super::parts::table;

/// So many generations of each template are shown.
const GENERATIONS: usize = 8;

pub(super) fn durations(report: &Report) -> Markup {
    let mut by_template: BTreeMap<&str, Vec<&Ami>> = BTreeMap::new();
    let amis = report.regions.iter().take(1).flat_map(|it| it.prune.fleet.amis());
    for ami in amis.filter(|ami| !ami.durations.is_empty()) {
        by_template.entry(&ami.template).or_default().push(ami);
    }
    let mut rows = Vec::new();
    for amis in by_template.values_mut() {
        amis.sort_by_key(|ami| std::cmp::Reverse(ami.generation));
        amis.truncate(GENERATIONS);
        let longest = amis.iter().map(|it| whole(it)).max().unwrap_or_default();
        for ami in amis {
            let percent = whole(ami).as_secs_f64() * 100.0 / longest.as_secs_f64().max(0.1);
            let stages = ami.durations.iter();
            let stages = stages.filter(|(_, took)| *took >= Duration::from_secs(1));
            let stages = stages.map(|(stage, took)| format!("{stage} {}", shown(*took)));
            rows.push(vec![
                html! { (ami.template) },
                html! { (ami.generation) },
                html! { (shown(whole(ami))) span.bar { i style={ "width:" (percent.round()) "%" } {} } },
                html! { (stages.collect::<Vec<String>>().join(", ")) },
            ]);
        }
    }
    let titles = ["Template", "Gen", "Bake", "Stages of a second or more"];
    table(&titles, &rows, "No AMI says how long its bake took.")
}

fn whole(ami: &Ami) -> Duration {
    ami.durations.iter().map(|(_, took)| *took).sum()
}

fn shown(took: Duration) -> String {
    match took.as_secs() {
        0..60 => format!("{:.0} s", took.as_secs_f64()),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
