//! What each AMI was baked from, as a graph: bases at the left, templates on templates to the right of
//! those, copies in other regions at the end.

use std::collections::BTreeMap;
use std::fmt::Write;

use ami_lifecycle::{Ami, Report, Status};
use maud::{Markup, PreEscaped, html};

/// More templates than these make no graph that anybody reads.
const MOST: usize = 200;

const WIDTH: usize = 190;
const HEIGHT: usize = 34;
const ACROSS: usize = 240;
const DOWN: usize = 44;

/// A box of the graph.
struct Node {
    title: String,
    below: String,
    is_current: bool,
    column: usize,
    row: usize,
}

pub(super) fn lineage(report: &Report) -> Markup {
    let Some(first) = report.regions.first() else { return html! {} };
    let shown = |ami: &&Ami| matches!(ami.status, Status::Current | Status::Previous);
    let amis: Vec<&Ami> = first.fleet.amis().iter().filter(shown).collect();
    // The current one of each template, and the two newest.
    let mut kept: BTreeMap<&str, &Ami> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for ami in &amis {
        let count = counts.entry(ami.template.as_str()).or_default();
        *count += 1;
        if *count <= 2 || ami.status == Status::Current {
            kept.insert(ami.ami.as_str(), ami);
        }
    }
    if kept.is_empty() {
        return html! { p.none { "No AMI was ever current." } };
    }
    if counts.len() > MOST {
        return html! { p.none { (counts.len()) " templates are too many for a graph." } };
    }
    let (mut nodes, mut edges) = (Vec::new(), Vec::new());
    let mut bases: BTreeMap<String, usize> = BTreeMap::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows: Vec<usize> = Vec::new();
    let mut sorted: Vec<&&Ami> = kept.values().collect();
    sorted.sort_by_key(|ami| {
        (depth(ami, &kept), ami.template.clone(), std::cmp::Reverse(ami.generation))
    });
    let mut place = |column: usize| {
        rows.resize(rows.len().max(column + 1), 0);
        rows[column] += 1;
        rows[column] - 1
    };
    for ami in &sorted {
        let column = depth(ami, &kept);
        let from = match places.get(&ami.base_ami) {
            Some(index) => *index,
            None => *bases.entry(ami.base_ami.clone()).or_insert_with(|| {
                let row = place(0);
                let title = ami.base_ami.clone();
                nodes.push(Node { title, below: "base".into(), is_current: false, column: 0, row });
                nodes.len() - 1
            }),
        };
        let row = place(column);
        nodes.push(Node {
            title: format!("{} {}", ami.template, ami.generation),
            below: ami.ami.to_string(),
            is_current: ami.status == Status::Current,
            column,
            row,
        });
        places.insert(ami.ami.to_string(), nodes.len() - 1);
        edges.push((from, nodes.len() - 1));
    }
    let last = sorted.iter().map(|ami| depth(ami, &kept)).max().unwrap_or(1) + 1;
    // Below all others, so that no line to a copy runs behind a box.
    let lowest = rows_of(&nodes);
    for region in report.regions.iter().skip(1) {
        for ami in region.fleet.amis().iter().filter(shown) {
            let origin = ami.copy_of.as_ref().and_then(|of| places.get(of)).copied();
            let Some(from) = origin else { continue };
            let row = lowest + place(last);
            nodes.push(Node {
                title: region.region.clone(),
                below: ami.ami.to_string(),
                is_current: ami.status == Status::Current,
                column: last,
                row,
            });
            edges.push((from, nodes.len() - 1));
        }
    }
    drawn(&nodes, &edges)
}

/// How many rows there are.
fn rows_of(nodes: &[Node]) -> usize {
    nodes.iter().map(|it| it.row + 1).max().unwrap_or(0)
}

/// How many templates it is based on, counted from 1.
fn depth(ami: &Ami, all: &BTreeMap<&str, &Ami>) -> usize {
    let (mut depth, mut next) = (1, ami.base_ami.as_str());
    while let Some(below) = all.get(next) {
        depth += 1;
        // Tags that lead in a circle end here.
        if depth > all.len() {
            break;
        }
        next = &below.base_ami;
    }
    depth
}

fn drawn(nodes: &[Node], edges: &[(usize, usize)]) -> Markup {
    let width = nodes.iter().map(|it| it.column).max().unwrap_or(0) * ACROSS + WIDTH + 2;
    let height = rows_of(nodes).saturating_sub(1) * DOWN + HEIGHT + 2;
    let at = |node: &Node| (node.column * ACROSS + 1, node.row * DOWN + 1);
    let mut lines = String::new();
    for (from, to) in edges {
        let ((x1, y1), (x2, y2)) = (at(&nodes[*from]), at(&nodes[*to]));
        let (x1, y1, y2) = (x1 + WIDTH, y1 + HEIGHT / 2, y2 + HEIGHT / 2);
        let middle = (x1 + x2) / 2;
        let _ = write!(lines, "<path d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}\"/>");
    }
    let boxes = html! {
        @for node in nodes {
            @let (x, y) = at(node);
            g.current[node.is_current] {
                rect x=(x) y=(y) width=(WIDTH) height=(HEIGHT) rx="4" {}
                text x=(x + 8) y=(y + 14) { (node.title) }
                text.sub x=(x + 8) y=(y + 28) { (node.below) }
            }
        }
    };
    html! {
        p.dim { "Base, AMIs (current and previous), AMIs based on these, copies. The current ones have a green frame." }
        div.wide tabindex="0" {
            svg role="img" aria-label="What each AMI was baked from" width=(width) height=(height)
                viewBox={ "0 0 " (width) " " (height) } {
                (PreEscaped(lines))
                (boxes)
            }
        }
    }
}
