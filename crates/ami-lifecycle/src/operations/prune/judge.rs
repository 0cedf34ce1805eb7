//! Why an AMI stays, as far as rules and the fleet tell. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::ami::{Ami, Status};
use crate::model::fleet::Fleet;
use crate::model::keep::Keep;
use crate::model::lease::IsGone;
use crate::model::retirement::{RetireStep, Retired, due};
use crate::model::template::Template;
use crate::model::{resume, tags};
use crate::operations::objection::Objection;
use crate::operations::prune::decision::{Decision, DeleteReason, KeepReason};

/// What the plan of one region is made from.
pub(super) struct FleetRequest<'a> {
    /// All AMIs of the namespace.
    pub(super) fleet: &'a Arc<Fleet>,
    pub(super) templates: &'a [Template],
    /// Only AMIs of these templates go; of all, if there are none here.
    pub(super) only: &'a [String],
    pub(super) is_gone: IsGone<'a>,
    pub(super) now: Timestamp,
    /// So many go at most.
    pub(super) limit: usize,
    /// No others go than these.
    pub(super) among: Option<&'a BTreeSet<&'a str>>,
}

/// Says of every AMI why it stays, as far as rules and the fleet tell. Pure.
pub(super) fn judge(request: &FleetRequest<'_>) -> Vec<Decision> {
    let FleetRequest { fleet, only, .. } = *request;
    let chosen = fleet.amis().iter().filter(|ami| only.is_empty() || only.contains(&ami.template));
    let history = History::of(fleet);
    chosen.map(|ami| judge_one(ami, &history, request)).collect()
}

/// What was current before, of each template.
struct History<'f> {
    /// How many were current more lately than an AMI, the current one not counted, and itself.
    numbers: HashMap<&'f str, u64>,
    /// What each template is rolled back to.
    ways_back: HashMap<&'f str, &'f str>,
}

impl<'f> History<'f> {
    fn of(fleet: &'f Fleet) -> History<'f> {
        let mut before: BTreeMap<&str, Vec<&Ami>> = BTreeMap::new();
        let had = |ami: &&Ami| ami.status == Status::Previous && ami.can_be_had();
        for ami in fleet.amis().iter().filter(had) {
            before.entry(&ami.template).or_default().push(ami);
        }
        let mut history = History { numbers: HashMap::new(), ways_back: HashMap::new() };
        for (template, mut amis) in before {
            let rank = |ami: &Ami| (ami.promoted_at(), ami.generation, ami.ami.clone());
            amis.sort_by_cached_key(|ami| std::cmp::Reverse(rank(ami)));
            history
                .numbers
                .extend((1..).zip(&amis).map(|(number, ami)| (ami.ami.as_str(), number)));
            if let Ok(ami) = fleet.rollback_target(template, None) {
                history.ways_back.insert(template, &ami.ami);
            }
        }
        history
    }
}

fn judge_one(ami: &Ami, history: &History<'_>, request: &FleetRequest<'_>) -> Decision {
    let FleetRequest { fleet, templates, is_gone, now, .. } = *request;
    let mut kept = Vec::new();
    let mut goes = None;
    let template = templates.iter().find(|template| template.name == ami.template);
    let current = fleet.current(&ami.template);
    match template {
        None => kept.push(KeepReason::NoTemplate(ami.template.clone())),
        Some(template) => {
            if ami.status == Status::Current {
                kept.push(KeepReason::Current);
            } else if let Some(doubt) = fleet.in_doubt(&ami.template) {
                kept.push(KeepReason::InDoubt(doubt));
            } else if current.is_none() {
                kept.push(KeepReason::NoCurrent(ami.template.clone()));
            }
            let number = history.numbers.get(ami.ami.as_str()).copied();
            let (by_rule, reason) = by_status(ami, current, number, &template.keep, is_gone, now);
            kept.extend(by_rule);
            goes = reason;
            let way_back = history.ways_back.get(ami.template.as_str());
            if template.keep.before > 0 && way_back.is_some_and(|it| ami.ami == *it) {
                kept.push(KeepReason::WayBack);
            }
            if is_rolled_back(ami, current, fleet) {
                kept.push(KeepReason::RolledBack);
            }
            if goes != Some(DeleteReason::Dead) {
                kept.extend(young(ami, template.keep.younger, now));
            }
            kept.extend(launched(ami, template.keep.launched, now));
        }
    }
    if ami.protected && !ami.is_protected_by_amiable() {
        kept.push(KeepReason::Protected);
    }
    let mut step = goes.as_ref().map(|_| RetireStep::Delete);
    if kept.is_empty() && goes == Some(DeleteReason::Old) {
        let after = template.and_then(|template| template.keep.retire);
        match due(ami.retired, after, now) {
            Ok(due) => step = Some(due),
            Err(retired) => kept.push(waiting(retired, after.unwrap_or_default(), now)),
        }
    }
    Decision {
        ami: ami.ami.clone(),
        name: ami.name.clone(),
        template: ami.template.clone(),
        generation: ami.generation,
        status: ami.status,
        created: ami.created.clone(),
        kept,
        goes: goes.filter(|_| ami.status != Status::Current),
        step,
    }
}

/// Whether it is the newest generation, and an older one was made current instead.
fn is_rolled_back(ami: &Ami, current: Option<&Ami>, fleet: &Fleet) -> bool {
    ami.status == Status::Previous
        && ami.can_be_had()
        && current.is_some_and(|current| current.is_before(ami))
        && !fleet.amis().iter().any(|other| {
            other.template == ami.template
                && other.status != Status::Foreign
                && ami.is_before(other)
        })
}

fn waiting(Retired { stage, since }: Retired, limit: Duration, now: Timestamp) -> KeepReason {
    let passed = now.duration_since(since).max(SignedDuration::ZERO);
    let seconds = u64::try_from(passed.as_secs()).unwrap_or_default();
    KeepReason::Retired { stage, seconds, limit: limit.as_secs() }
}

/// Whether it is needed after all, as far as that is known.
pub(super) fn is_needed(kept: &KeepReason) -> bool {
    match kept {
        KeepReason::Current
        | KeepReason::Before { .. }
        | KeepReason::WayBack
        | KeepReason::RolledBack
        | KeepReason::Young { .. }
        | KeepReason::Launched { .. }
        | KeepReason::NoCurrent(_)
        | KeepReason::InDoubt(_)
        | KeepReason::Objected(Objection::Used(_)) => true,
        KeepReason::Retired { .. }
        | KeepReason::UnderWay(_)
        | KeepReason::Waits
        | KeepReason::NoTemplate(_)
        | KeepReason::Tampered(_)
        | KeepReason::Protected
        | KeepReason::Objected(_)
        | KeepReason::Limit(_) => false,
    }
}

/// Why an AMI stays as what it is, and why it would go.
fn by_status(
    ami: &Ami,
    current: Option<&Ami>,
    number: Option<u64>,
    keep: &Keep,
    is_gone: IsGone<'_>,
    now: Timestamp,
) -> (Option<KeepReason>, Option<DeleteReason>) {
    match ami.status {
        Status::Current => (None, None),
        Status::Previous => {
            let kept = number.filter(|number| *number <= keep.before);
            (
                kept.map(|number| KeepReason::Before { number, of: keep.before }),
                Some(DeleteReason::Old),
            )
        }
        Status::Quarantined => (None, Some(DeleteReason::Bad("quarantined"))),
        Status::Failed => (None, Some(DeleteReason::Bad("failed"))),
        Status::Foreign | Status::Unreadable => (ami.tampering().map(KeepReason::Tampered), None),
        Status::Pending => {
            let alone = Fleet::new(vec![ami.clone()]);
            if let Some(busy) = resume::busy(&alone, &[], &ami.template, is_gone, now) {
                return (Some(KeepReason::UnderWay(busy.to_string())), None);
            }
            if ami.lease.as_deref() != Some(tags::NO_LEASE) && !ami.is_proven() {
                return (None, Some(DeleteReason::Dead));
            }
            let newer = current.is_none_or(|current| ami.generation > current.generation);
            (newer.then_some(KeepReason::Waits), Some(DeleteReason::Overtaken))
        }
    }
}

fn young(ami: &Ami, limit: Duration, now: Timestamp) -> Option<KeepReason> {
    // What does not tell its age counts as young.
    let created = ami.created.parse::<Timestamp>().unwrap_or(now);
    let age = Duration::try_from(now.duration_since(created).max(SignedDuration::ZERO)).ok()?;
    (age < limit).then_some(KeepReason::Young { seconds: age.as_secs(), limit: limit.as_secs() })
}

/// One that was never launched since EC2 tells it, or of which it tells nothing, is not held.
fn launched(ami: &Ami, limit: Option<Duration>, now: Timestamp) -> Option<KeepReason> {
    let limit = limit?;
    let at = ami.last_launched.as_ref()?.parse::<Timestamp>().unwrap_or(now);
    let ago = Duration::try_from(now.duration_since(at).max(SignedDuration::ZERO)).ok()?;
    (ago < limit).then_some(KeepReason::Launched { seconds: ago.as_secs(), limit: limit.as_secs() })
}
