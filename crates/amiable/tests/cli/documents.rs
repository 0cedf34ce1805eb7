//! The documents: each command in them works, each link leads somewhere, each page can be found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::farm::Farm;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All Markdown below docs/, by its path from there.
fn pages() -> Vec<(PathBuf, String)> {
    let docs = repository().join("docs");
    let (mut folders, mut pages) = (vec![docs.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                let text = std::fs::read_to_string(&path).unwrap();
                pages.push((path.strip_prefix(&docs).unwrap().to_owned(), text));
            }
        }
    }
    pages.sort();
    pages
}

/// The text outside of fenced blocks.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// Where links and included files of a page lead, but for those to the network.
fn links(page: &str) -> Vec<String> {
    let prose = prose(page).replace('\n', " ");
    let links = prose.split("](").skip(1).filter_map(|it| it.split_once(')')).map(|(to, _)| to);
    let included = page.split("{{#include ").skip(1).filter_map(|it| it.split_once("}}"));
    let all = links.chain(included.map(|(to, _)| to)).map(str::to_owned);
    all.filter(|to| !to.contains("://")).collect()
}

/// A heading as GitHub and mdBook name it in a link.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    kept.map(|it| if it == ' ' { '-' } else { it }).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let docs = repository().join("docs");
    let mut all = pages();
    for name in ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = std::fs::read_to_string(repository().join(name)).unwrap();
        all.push((PathBuf::from("..").join(name), text));
    }
    for (page, text) in &all {
        for link in links(text) {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let from = docs.join(page);
            let to = if file.is_empty() { from } else { from.parent().unwrap().join(file) };
            assert!(to.exists(), "{}: {link}", page.display());
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&to).unwrap();
                let text = prose(&text);
                let mut headings = text.lines().filter_map(|it| it.strip_prefix('#'));
                let is_there = headings.any(|it| anchor(it.trim_start_matches('#')) == heading);
                assert!(is_there, "{}: {link}", page.display());
            }
        }
    }
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let all = pages();
    let (_, summary) = all.iter().find(|(page, _)| page == Path::new("SUMMARY.md")).unwrap();
    let linked: BTreeSet<PathBuf> = links(summary).into_iter().map(PathBuf::from).collect();
    let there: BTreeSet<PathBuf> = all.iter().map(|(page, _)| page.clone()).collect();
    let missing: Vec<&PathBuf> =
        there.difference(&linked).filter(|page| *page != Path::new("SUMMARY.md")).collect();
    assert_eq!(missing, Vec::<&PathBuf>::new());
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 150, "{} lines", readme.lines().count());
}

/// The `sh` blocks of a page, one after the other, as a person would type them; those that need an account, or
/// a CI system, are marked with `norun`.
#[test]
fn every_command_of_the_documents_works() {
    let mut count = 0;
    for (page, text) in pages() {
        let blocks: Vec<&str> = text
            .split("```sh\n")
            .skip(1)
            .filter_map(|it| it.split_once("```"))
            .map(|(block, _)| block)
            .collect();
        if blocks.is_empty() {
            continue;
        }
        count += blocks.len();
        let farm = Farm::with_example(&[]);
        let bin = Path::new(env!("CARGO_BIN_EXE_amiable")).parent().unwrap().to_owned();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let script = format!("set -euo pipefail\n{}", blocks.join("\n"));
        let output = farm.command("bash", &["-c", &script]).env("PATH", path).output().unwrap();
        assert!(output.status.success(), "{}: {output:?}\n{script}", page.display());
    }
    assert!(count > 5, "{count}");
}
