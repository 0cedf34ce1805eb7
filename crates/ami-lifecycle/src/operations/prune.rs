//! Which AMIs are kept, and why; all others go. A pure function over what was observed (`judge.rs`):
//!
//! ```text
//!   fleet, rules, time --> those without a reason --> who uses them? --> those that go
//! ```
//!
//! What cannot be looked up may use any of them: then nothing goes.

pub(crate) mod decision;
mod judge;
pub(crate) mod region_plan;
mod regions;

use std::collections::{BTreeSet, HashMap};

pub use self::regions::{
    NotPruned, PruneRequest, Pruned, carry_out_prune, check_prune, plan_prune,
};

use self::judge::{is_needed, judge};
use crate::consumer::Holders;
use crate::model::fleet::Fleet;
use crate::model::id::AmiId;
use crate::model::retirement::RetireStep;
use crate::operations::delete::{Deletion, add_own_users, add_users};
use crate::operations::objection::Objection;
use crate::operations::place::Place;
use crate::operations::prune::decision::{Decision, KeepReason};
use crate::operations::prune::judge::FleetRequest;
use crate::operations::prune::region_plan::{RegionPrune, Retirement};

/// Of how many AMIs the users are looked for at once.
const FEWEST: usize = 10;
const MOST: usize = 100;

/// Observes who uses what has no other reason to stay, and decides.
async fn plan_fleet(place: &Place, holders: &Holders, request: &FleetRequest<'_>) -> RegionPrune {
    let mut fates = judge(request);
    let (mut deletions, mut dangling) = (Vec::new(), Vec::new());
    let mut candidates = candidates(&mut fates, request);
    // Users are looked for only until there are enough that go.
    while going(&deletions) < request.limit && !candidates.is_empty() {
        let wanted = (request.limit - going(&deletions)).clamp(FEWEST, MOST).min(candidates.len());
        let mut looked_at: Vec<Deletion> = candidates.drain(..wanted).collect();
        dangling.extend(add_users(&place.cloud, holders, &mut looked_at).await);
        deletions.extend(looked_at);
    }
    // Who has come to use what is retired already is heard, too.
    let mut waiting = waiting_ones(&fates, request.fleet);
    for some in waiting.chunks_mut(MOST) {
        dangling.extend(add_own_users(&place.cloud, holders, some).await);
    }
    deletions.extend(waiting);
    dangling.sort();
    dangling.dedup();
    object(&mut fates, &deletions, &candidates, request.limit);
    let retirements = retirements(&mut fates, request.fleet);
    let deleted: BTreeSet<&str> =
        fates.iter().filter(|it| it.is_deleted()).map(|it| it.ami.as_str()).collect();
    let unknown = deletions.iter().flat_map(|deletion| &deletion.objections);
    let mut unknown: Vec<(String, String)> = unknown
        .filter_map(|objection| match objection {
            Objection::Unknown { what, error } => Some((what.clone(), error.clone())),
            _ => None,
        })
        .collect();
    unknown.sort();
    unknown.dedup();
    deletions.retain(|it| deleted.contains(it.ami.as_str()));
    let created = |it: &Deletion| request.fleet.get(&it.ami).map(|ami| ami.created.clone());
    deletions.sort_by_key(created);
    let (place, fleet, left) = (place.clone(), request.fleet.clone(), Vec::new());
    RegionPrune { place, fleet, fates, deletions, retirements, left, unknown, dangling }
}

/// What is retired, and what is taken back.
fn retirements(fates: &mut [Decision], fleet: &Fleet) -> Vec<Retirement> {
    let mut found = Vec::new();
    for fate in fates {
        let Some(ami) = fleet.get(&fate.ami) else { continue };
        if !fate.is_going() {
            let is_retired = ami.retired.is_some() && ami.quarantined.is_none();
            let is_back = is_retired && fate.kept.iter().any(is_needed);
            fate.step = is_back.then_some(RetireStep::TakeBack);
        }
        match fate.step {
            None | Some(RetireStep::Delete) => {}
            Some(step) => found.push(Retirement { ami: ami.clone(), step }),
        }
    }
    found
}

/// What goes unless somebody uses it: the oldest first. What was not to be among these stays. Pure.
fn candidates(fates: &mut [Decision], request: &FleetRequest<'_>) -> Vec<Deletion> {
    let FleetRequest { fleet, among, limit, .. } = *request;
    let mut found = Vec::new();
    for fate in fates.iter_mut().filter(|fate| fate.is_going()) {
        let Some(ami) = fleet.get(&fate.ami) else { continue };
        if among.is_none_or(|among| among.contains(fate.ami.as_str())) {
            found.push(ami)
        } else {
            fate.kept.push(KeepReason::Limit(limit))
        }
    }
    found.sort_by(|left, right| (&left.created, &left.ami).cmp(&(&right.created, &right.ami)));
    found.into_iter().map(Deletion::of_namespace).collect()
}

/// What stays only for as long as its stage takes.
fn waiting_ones(fates: &[Decision], fleet: &Fleet) -> Vec<Deletion> {
    let waits = |fate: &&Decision| matches!(fate.kept.as_slice(), [KeepReason::Retired { .. }]);
    let amis = fates.iter().filter(waits).filter_map(|fate| fleet.get(&fate.ami));
    amis.map(Deletion::of_namespace).collect()
}

/// What nobody uses.
fn going(deletions: &[Deletion]) -> usize {
    deletions.iter().filter(|it| it.objections.iter().all(is_judged)).count()
}

/// That was looked at before users were.
fn is_judged(objection: &Objection) -> bool {
    matches!(objection, Objection::Current(_) | Objection::Protected)
}

/// Adds who uses an AMI, and lets no more go than the limit, nor any whose users were not looked for. Pure.
fn object(fates: &mut [Decision], looked_at: &[Deletion], others: &[Deletion], limit: usize) {
    let mut places: HashMap<AmiId, usize> = HashMap::new();
    places.extend(fates.iter().enumerate().map(|(place, fate)| (fate.ami.clone(), place)));
    let mut count = 0;
    for deletion in looked_at.iter().chain(others) {
        let Some(place) = places.get(&deletion.ami) else { continue };
        let fate = &mut fates[*place];
        let objections = deletion.objections.iter().filter(|it| !is_judged(it));
        fate.kept.extend(objections.map(|it| KeepReason::Objected(it.clone())));
        count += usize::from(fate.is_going());
        if fate.is_going() && count > limit {
            fate.kept.push(KeepReason::Limit(limit));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::keep::Keep;
    use jiff::SignedDuration;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::model::ami::Ami;
    use crate::model::facts::ImageFacts;
    use crate::model::tags;
    use crate::model::template::Template;
    use crate::model::template::tests::template;
    use crate::operations::usage::User;
    use jiff::Timestamp;

    const NOW: &str = "2026-11-24T12:00:00Z";
    const DAY: u64 = 86_400;

    /// An AMI that many days old; promoted when it was made, unless told otherwise.
    fn ami(id: &str, generation: u64, days: i64, more: &[(&str, &str)]) -> Ami {
        let now: Timestamp = NOW.parse().unwrap();
        let created = now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap().to_string();
        let mut tags = tags::of([
            (tags::TEMPLATE, "agent".into()),
            (tags::GENERATION, generation.to_string()),
            (tags::LEASE, created.clone()),
            (tags::PROMOTED, created.clone()),
        ]);
        for (key, value) in more {
            if value.is_empty() {
                drop(tags.remove(*key))
            } else {
                drop(tags.insert((*key).to_owned(), (*value).to_owned()))
            }
        }
        let (id, state) = (id.to_owned(), "available".to_owned());
        Ami::read(
            ImageFacts { id: id.into(), state, created, tags, ..ImageFacts::default() },
            "us-east-1",
        )
    }

    fn planned(amis: Vec<Ami>, keep: Keep, limit: usize, used: &str) -> Vec<(String, String)> {
        let fleet = Arc::new(Fleet::new(amis));
        let templates = [Template { keep, ..template() }];
        let request = FleetRequest {
            fleet: &fleet,
            templates: &templates,
            only: &[],
            is_gone: &|owner| owner == "dead",
            now: NOW.parse().unwrap(),
            limit,
            among: None,
        };
        let mut fates = judge(&request);
        let mut deletions = candidates(&mut fates, &request);
        for deletion in deletions.iter_mut().filter(|it| it.ami == used) {
            let user = User::Instance { id: "i-1".into(), state: "running".into() };
            deletion.objections.push(Objection::Used(user));
        }
        object(&mut fates, &deletions, &[], limit);
        let text = |it: &Decision| {
            if it.is_going() {
                format!("goes: {}", it.goes.clone().unwrap())
            } else {
                it.kept.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
            }
        };
        fates.iter().map(|it| (it.ami.to_string(), text(it))).collect()
    }

    const KEEP: Keep =
        Keep { before: 1, younger: Duration::from_secs(7 * DAY), launched: None, retire: None };

    /// One that was adopted later has a higher generation, and comes before it all the same.
    #[test]
    fn the_newest_stays_when_an_older_ami_that_was_adopted_is_current_instead() {
        let adopted = [(tags::ADOPTED, "ami-adopt"), (tags::PROMOTED, "2026-11-24T00:00:00Z")];
        let amis = vec![
            ami("ami-adopt", 4, 30, &adopted),
            ami("ami-new", 3, 9, &[]),
            ami("ami-old", 2, 10, &[]),
        ];
        let told = planned(amis, Keep { before: 0, ..KEEP }, 10, "");
        let of = |id: &str| told.iter().find(|(ami, _)| ami == id).unwrap().1.as_str();
        assert!(of("ami-new").contains("rolled back"), "{}", of("ami-new"));
        assert!(of("ami-old").starts_with("goes: "), "{}", of("ami-old"));
    }

    #[test]
    fn every_kind_of_reason_is_told() {
        let later = "2026-11-24T16:00:00Z";
        let amis = vec![
            ami("ami-wait", 11, 9, &[(tags::PROMOTED, ""), (tags::LEASE, tags::NO_LEASE)]),
            ami("ami-live", 10, 0, &[(tags::PROMOTED, ""), (tags::LEASE, later)]),
            ami("ami-cur", 9, 8, &[]),
            ami("ami-bad", 8, 9, &[(tags::QUARANTINED, later)]),
            ami("ami-prev", 7, 10, &[]),
            ami("ami-old", 6, 20, &[]),
            ami("ami-used", 5, 21, &[]),
            ami("ami-over", 4, 22, &[(tags::PROMOTED, ""), (tags::LEASE, tags::NO_LEASE)]),
            ami(
                "ami-dead",
                3,
                0,
                &[(tags::PROMOTED, ""), (tags::LEASE, later), (tags::OWNER, "dead")],
            ),
            ami("ami-yng", 2, 6, &[(tags::PROMOTED, "2026-01-01T00:00:00Z")]),
            ami("ami-else", 1, 30, &[(tags::TEMPLATE, "gone")]),
        ];
        let told = planned(amis, KEEP, 10, "ami-used");
        let of = |id: &str| &told.iter().find(|(ami, _)| ami == id).unwrap().1;
        assert_eq!(of("ami-wait"), "it is waiting to be verified");
        assert!(of("ami-live").ends_with(
            "that bake is making it; it is 0 min old, and AMIs younger than 7 days are kept"
        ));
        assert_eq!(of("ami-cur"), "it is the current one");
        assert_eq!(of("ami-bad"), "goes: it is quarantined, and old enough");
        assert_eq!(
            of("ami-prev"),
            "it is number 1 of the 1 previous AMIs that are kept; it is what `rollback` goes back \
             to"
        );
        assert_eq!(
            of("ami-old"),
            "goes: it was current, and those that were current later are kept"
        );
        assert_eq!(of("ami-used"), "the instance i-1 (running) was started from it");
        assert_eq!(of("ami-over"), "goes: it was never current, and is older than the current one");
        assert_eq!(of("ami-dead"), "goes: the bake that made it is dead");
        assert_eq!(of("ami-yng"), "it is 6 days old, and AMIs younger than 7 days are kept");
        assert_eq!(of("ami-else"), "there is no template gone in the configuration");
    }

    #[test]
    fn the_oldest_go_first_and_no_more_than_the_limit() {
        let amis: Vec<Ami> =
            (1..=6).map(|n| ami(&format!("ami-{n}"), n, 40 - n as i64, &[])).collect();
        let told = planned(amis, KEEP, 2, "");
        let going: Vec<&str> =
            told.iter().filter(|it| it.1.starts_with("goes")).map(|it| it.0.as_str()).collect();
        assert_eq!(going, ["ami-2", "ami-1"]);
        assert_eq!(told[2].1, "one run removes at most 2; the next run removes it");
    }

    #[test]
    fn without_a_current_one_all_stay() {
        let amis =
            vec![ami("ami-1", 1, 40, &[(tags::PROMOTED, ""), (tags::LEASE, tags::NO_LEASE)])];
        let told = planned(amis, KEEP, 2, "");
        assert!(told[0].1.starts_with("template agent has no current AMI"), "{told:?}");
    }

    proptest::proptest! {
        #[test]
        fn what_agents_boot_from_and_what_may_be_gone_back_to_never_goes(
            rows in proptest::collection::vec((0..60i64, 0..3u8), 1..12),
            before in 1..4u64,
        ) {
            let amis: Vec<Ami> = rows.iter().enumerate().map(|(index, (days, kind))| {
                let more: &[(&str, &str)] = match kind {
                    0 => &[],
                    1 => &[(tags::QUARANTINED, NOW)],
                    _ => &[(tags::PROMOTED, ""), (tags::LEASE, tags::NO_LEASE)],
                };
                ami(&format!("ami-{index}"), index as u64, *days, more)
            }).collect();
            let fleet = Fleet::new(amis.clone());
            let told = planned(amis, Keep { before, ..KEEP }, 100, "");
            let stays = |id: &str| told.iter().any(|it| it.0 == id && !it.1.starts_with("goes"));
            if let Some(current) = fleet.current("agent") {
                proptest::prop_assert!(stays(&current.ami));
                if let Ok(target) = fleet.rollback_target("agent", None) {
                    proptest::prop_assert!(stays(&target.ami));
                }
            } else {
                proptest::prop_assert!(fleet.amis().iter().all(|it| stays(&it.ami)));
            }
        }
    }
}
