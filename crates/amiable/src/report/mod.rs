//! A page about a fleet. It is one file, without scripts, and readable as plain tables. What EC2 and
//! other people have named is data and never markup: `maud` escapes it.

mod durations;
mod fleet;
mod lineage;
mod parts;
mod prune;

use ami_lifecycle::{Report, Template};
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) use self::parts::Settings;

/// The page.
pub(crate) fn page(report: &Report, templates: &[Template], settings: &Settings<'_>) -> String {
    let time = report.time.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let regions: Vec<&str> = report.regions.iter().map(|it| it.region.as_str()).collect();
    let title = format!("AMIs of {}", settings.namespace);
    let parts = [
        ("fleet", "Templates", fleet::templates(report, templates)),
        ("lineage", "Lineage", lineage::lineage(report)),
        ("use", "In use", fleet::users(report)),
        ("prune", "What prune would delete", prune::prune(report, settings)),
        ("quarantine", "Quarantined", fleet::quarantined(report)),
        ("durations", "Durations", durations::durations(report)),
        ("amis", "All AMIs", fleet::amis(report)),
    ];
    let body = html! {
        header {
            h1 { (title) }
            p { (regions.join(", ")) " · " time { (time) } }
            nav {
                @for (id, title, _) in &parts { a href={ "#" (id) } { (title) } " " }
            }
        }
        main {
            @for (id, title, part) in &parts {
                section id=(id) {
                    h2 { (title) }
                    (part)
                }
            }
        }
    };
    whole(&title, body)
}

/// The page that stands for one that could not be made.
pub(crate) fn failed_page(error: &str) -> String {
    // On a terminal it has colours.
    let error = anstream::adapter::strip_str(error).to_string();
    let text = html! { main { section { h2 { "This page could not be made" } pre { (error) } } } };
    whole("amiable", text)
}

fn whole(title: &str, body: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "amiable " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

const STYLE: &str = include_str!("style.css");
