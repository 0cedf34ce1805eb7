//! What each AMI was baked from, as a graph: bases at the left, templates on templates to the right of
//! those, copies in other regions at the end.

use std::cmp::Reverse;
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

/// What is drawn.
#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    /// From which box to which.
    edges: Vec<(usize, usize)>,
    /// By the AMI's id.
    places: BTreeMap<String, usize>,
    /// How many boxes each column has.
    heights: BTreeMap<usize, usize>,
}

impl Graph {
    /// Adds a box to a column, below those that it has, and not above a row.
    fn add(
        &mut self,
        ami: &str,
        title: &str,
        below: &str,
        (column, first): (usize, usize),
    ) -> usize {
        let height = self.heights.entry(column).or_insert(first);
        let row = *height;
        *height += 1;
        let (title, below) = (title.to_owned(), below.to_owned());
        self.nodes.push(Node { title, below, is_current: false, column, row });
        self.places.insert(ami.to_owned(), self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// Adds an AMI with a line from what it was made from.
    fn add_ami(&mut self, ami: &Ami, title: &str, from: usize, place: (usize, usize)) {
        let to = self.add(&ami.ami, title, &ami.ami, place);
        self.nodes[to].is_current = ami.status == Status::Current;
        self.edges.push((from, to));
    }

    /// How many rows there are.
    fn rows(&self) -> usize {
        self.nodes.iter().map(|it| it.row + 1).max().unwrap_or(0)
    }
}

pub(super) fn lineage(report: &Report) -> Markup {
    let Some(first) = report.regions.first() else { return html! {} };
    let (kept, templates) = kept(first.prune.fleet.amis());
    if kept.is_empty() {
        return html! { p.none { "No AMI was ever current." } };
    }
    if templates > MOST {
        return html! { p.none { (templates) " templates are too many for a graph." } };
    }
    let mut sorted: Vec<(usize, &Ami)> =
        kept.values().map(|ami| (depth(ami, &kept), *ami)).collect();
    sorted.sort_by_key(|(depth, ami)| (*depth, &ami.template, Reverse(ami.generation)));
    let mut graph = Graph::default();
    for (column, ami) in &sorted {
        let base = graph.places.get(&ami.base_ami).copied();
        let base = base.unwrap_or_else(|| graph.add(&ami.base_ami, &ami.base_ami, "base", (0, 0)));
        let title = format!("{} {}", ami.template, ami.generation);
        graph.add_ami(ami, &title, base, (*column, 0));
    }
    // Below all others, so that no line to a copy runs behind a box.
    let place = (sorted.last().map_or(1, |(depth, _)| *depth) + 1, graph.rows());
    for region in report.regions.iter().skip(1) {
        for ami in region.prune.fleet.amis().iter().filter(|it| was_current(it)) {
            let origin = ami.copy_of.as_ref().and_then(|of| graph.places.get(of)).copied();
            if let Some(origin) = origin {
                graph.add_ami(ami, &region.region, origin, place);
            }
        }
    }
    drawn(&graph)
}

fn was_current(ami: &Ami) -> bool {
    matches!(ami.status, Status::Current | Status::Previous)
}

/// The current AMI of each template, and its two newest; how many templates there are. `amis` are by
/// template, newest first.
fn kept(amis: &[Ami]) -> (BTreeMap<&str, &Ami>, usize) {
    let mut kept: BTreeMap<&str, &Ami> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for ami in amis.iter().filter(|it| was_current(it)) {
        let count = counts.entry(ami.template.as_str()).or_default();
        *count += 1;
        if *count <= 2 || ami.status == Status::Current {
            kept.insert(ami.ami.as_str(), ami);
        }
    }
    (kept, counts.len())
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

fn drawn(graph: &Graph) -> Markup {
    let Graph { nodes, edges, .. } = graph;
    let width = nodes.iter().map(|it| it.column).max().unwrap_or(0) * ACROSS + WIDTH + 2;
    let height = graph.rows().saturating_sub(1) * DOWN + HEIGHT + 2;
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
