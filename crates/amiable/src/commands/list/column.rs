//! The columns of a list.

use std::collections::BTreeSet;

use ami_lifecycle::{Ami, Holders};
use clap::ValueEnum;
use jiff::Timestamp;

use crate::render::age;

/// What a list says of an AMI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Column {
    /// The AMI's id
    Ami,
    /// The region
    Region,
    /// The template that it was baked for
    Template,
    /// The generation
    #[value(name = "gen")]
    Generation,
    /// What it is to its template
    Status,
    /// EC2's state
    State,
    /// When it was created
    Created,
    /// How old it is
    Age,
    /// The size of its block devices
    Size,
    /// The AMI that it was baked from
    Base,
    /// The source's revision
    Source,
    /// The AMI's name
    Name,
    /// The consumers that name it
    UsedBy,
}

impl Column {
    /// Whether it may be shortened: ids and times are of use as a whole only.
    pub(super) fn may_shrink(self) -> bool {
        matches!(self, Column::Template | Column::Name | Column::UsedBy)
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Column::Ami => "AMI",
            Column::Region => "REGION",
            Column::Template => "TEMPLATE",
            Column::Generation => "GEN",
            Column::Status => "STATUS",
            Column::State => "STATE",
            Column::Created => "CREATED (UTC)",
            Column::Age => "AGE",
            Column::Size => "SIZE",
            Column::Base => "BASE",
            Column::Source => "SOURCE",
            Column::Name => "NAME",
            Column::UsedBy => "USED BY",
        }
    }

    pub(super) fn cell(self, ami: &Ami, holders: Option<&Holders>, now: Timestamp) -> String {
        match self {
            Column::Ami => ami.ami.to_string(),
            Column::Region => ami.region.clone(),
            Column::Template => ami.template.clone(),
            Column::Generation => generation(ami),
            Column::Status => ami.status.as_str().into(),
            Column::State => ami.state.clone(),
            Column::Created => ami.created.get(..16).unwrap_or(&ami.created).replace('T', " "),
            Column::Age => ami.created.parse().map(|it| age(it, now)).unwrap_or_default(),
            Column::Size => format!("{} GiB", ami.size_gib),
            Column::Base => ami.base_ami.clone(),
            Column::Source => ami.source.revision.get(..12).unwrap_or(&ami.source.revision).into(),
            Column::Name => ami.name.clone(),
            Column::UsedBy => used_by(ami, holders),
        }
    }
}

/// An unreadable one is no number.
fn generation(ami: &Ami) -> String {
    if ami.unreadable.iter().any(|tag| tag.key == "amiable:generation") {
        "?".into()
    } else {
        ami.generation.to_string()
    }
}

fn used_by(ami: &Ami, holders: Option<&Holders>) -> String {
    // One agent template may be in several files.
    let mut seen = BTreeSet::new();
    let places = holders.into_iter().flat_map(|it| it.of(&ami.ami)).map(|it| it.short.as_str());
    places.filter(|place| seen.insert(*place)).collect::<Vec<&str>>().join(", ")
}
