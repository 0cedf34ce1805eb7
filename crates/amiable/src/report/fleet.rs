//! Templates with their current AMIs, who uses these, and all AMIs.

use ami_lifecycle::{Ami, Planned, Report, Status, Template, Todo};
use jiff::Timestamp;
use maud::{Markup, html};

use super::parts::{badge, reasons, region_of, table};
use crate::commands::plan::why;
use crate::render::age;

/// A row for each template, those with something to do first.
pub(super) fn templates(report: &Report, templates: &[Template]) -> Markup {
    let mut planned: Vec<&Planned> = report.planned.iter().collect();
    planned.sort_by(|left, right| (right.todo, &left.template).cmp(&(left.todo, &right.template)));
    let oldest = ages(report).max().unwrap_or(1).max(1);
    let row = |it: &&Planned| {
        let first = report.regions.first();
        let current = it.current.as_ref().and_then(|id| first?.prune.fleet.get(id));
        let template = templates.iter().find(|template| template.name == it.template);
        let limit = template.and_then(|template| template.max_age).map(|it| it.as_secs());
        vec![
            html! { strong { (it.template) } },
            todo(it.todo),
            html! { @if let Some(id) = &it.current { code { (id) } } @else { span.dim { "none" } } },
            html! { @if let Some(generation) = it.generation { (generation) } },
            html! { @if let Some(current) = current { (age_bar(current, report.time, limit, oldest)) } },
            html! { (reasons(&why(it))) },
        ]
    };
    let rows: Vec<Vec<Markup>> = planned.iter().map(row).collect();
    let titles = ["Template", "To do", "Current AMI", "Gen", "Age", "Why"];
    table(&titles, &rows, "There are no templates.")
}

/// Ages of the current AMIs in seconds.
fn ages(report: &Report) -> impl Iterator<Item = u64> {
    let current = report.regions.iter().flat_map(|it| it.prune.fleet.amis());
    let current = current.filter(|ami| ami.status == Status::Current);
    current.filter_map(|ami| seconds_old(ami, report.time))
}

fn seconds_old(ami: &Ami, now: Timestamp) -> Option<u64> {
    let created: Timestamp = ami.created.parse().ok()?;
    u64::try_from(now.duration_since(created).as_secs()).ok()
}

/// How old it is, beside how old it may grow, or beside the oldest.
fn age_bar(ami: &Ami, now: Timestamp, limit: Option<u64>, oldest: u64) -> Markup {
    let old = seconds_old(ami, now).unwrap_or(0);
    let whole = limit.unwrap_or(oldest).max(1);
    let percent = (old * 100 / whole).clamp(1, 100);
    let is_over = limit.is_some_and(|limit| old > limit);
    html! {
        (ami.created.parse().map(|it| age(it, now)).unwrap_or_default())
        span.bar { i.over[is_over] style={ "width:" (percent) "%" } {} }
    }
}

fn todo(todo: Todo) -> Markup {
    match todo {
        Todo::Nothing => badge("up to date", "good"),
        Todo::Unknown => badge("unknown", "bad"),
        Todo::Roll => badge("roll", "warn"),
        Todo::Distribute => badge("distribute", "warn"),
        Todo::Bake => badge("bake", "warn"),
    }
}

/// Who uses what, by AMI.
pub(super) fn users(report: &Report) -> Markup {
    let mut rows = Vec::new();
    for region in &report.regions {
        for ami in region.prune.fleet.amis() {
            let users = region.users.iter().filter(|(id, _)| *id == ami.ami);
            let users: Vec<String> = users.map(|(_, user)| user.to_string()).collect();
            if !users.is_empty() {
                let id = html! { code { (ami.ami) } };
                let name = html! { (ami.template) " " (ami.generation) };
                rows.push(vec![id, region_of(region), name, status(ami.status), reasons(&users)]);
            }
        }
    }
    let unknown = report.regions.iter().flat_map(|region| {
        region.unknown.iter().map(move |(what, why)| format!("{}: {what}: {why}", region.region))
    });
    let unknown: Vec<String> = unknown.collect();
    let titles = ["AMI", "Region", "Template", "Status", "Used by"];
    let none = if unknown.is_empty() {
        "Nothing uses these AMIs."
    } else {
        "No user was found, but not everything could be asked."
    };
    html! {
        (table(&titles, &rows, none))
        @if !unknown.is_empty() {
            p.bad { "Could not be determined:" }
            (reasons(&unknown))
        }
    }
}

/// What failed verification, and why.
pub(super) fn quarantined(report: &Report) -> Markup {
    let mut rows = Vec::new();
    for region in &report.regions {
        let amis = region.prune.fleet.amis().iter();
        for ami in amis.filter(|it| it.status == Status::Quarantined) {
            rows.push(vec![
                html! { code { (ami.ami) } },
                region_of(region),
                html! { (ami.template) " " (ami.generation) },
                html! { (ami.quarantined.as_deref().and_then(|it| it.get(..10)).unwrap_or_default()) },
                html! { (ami.reason.as_deref().unwrap_or_default()) },
            ]);
        }
    }
    let titles = ["AMI", "Region", "Template", "Since", "Why"];
    table(&titles, &rows, "No AMI is quarantined.")
}

/// Every AMI, a short row for each.
pub(super) fn amis(report: &Report) -> Markup {
    let mut rows = Vec::new();
    for region in &report.regions {
        for ami in region.prune.fleet.amis() {
            rows.push(vec![
                html! { code { (ami.ami) } },
                region_of(region),
                html! { (ami.template) " " (ami.generation) },
                status(ami.status),
                html! { (ami.created.get(..10).unwrap_or_default()) },
                html! { (ami.size_gib) " GiB" },
                html! { (ami.name) },
            ]);
        }
    }
    let titles = ["AMI", "Region", "Template", "Status", "Created", "Size", "Name"];
    html! {
        details open[rows.len() <= 200] {
            summary { (rows.len()) " AMIs" }
            (table(&titles, &rows, "There are no AMIs."))
        }
    }
}

fn status(status: Status) -> Markup {
    match status {
        Status::Current => badge(status.as_str(), "good"),
        Status::Previous => html! { (status.as_str()) },
        Status::Pending => badge(status.as_str(), "warn"),
        _ => badge(status.as_str(), "bad"),
    }
}
