//! What is out of date, and why: facts are observed in few calls, and a pure function says
//! for each template what is to be done.
//!
//! ```text
//!   fleet, bases, revisions, consumers --> decide (pure) --> nothing | roll | bake, and why
//! ```

mod facts;
mod reason;
mod regions;
pub(crate) mod request;
mod unknown;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub use self::reason::Reason;
pub use self::unknown::Unknown;

use self::facts::Facts;
use crate::consumer::change::{Rolled, Value};
use crate::ec2::error::{CloudError, chain};
use crate::model::ami::{Ami, Status};
use crate::model::id::AmiId;
use crate::model::other_source::{OtherSource, other_source};
use crate::model::schedule::in_order;
use crate::model::tampering::Tampered;
use crate::model::template::{Base, Template};
use crate::model::{fingerprint, tags};
use crate::operations::plan::request::PlanRequest;

/// What is to be done for a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Todo {
    /// It is up to date.
    Nothing,
    /// It could not be determined, so nothing is done.
    Unknown,
    /// Its consumers are to name the current AMI.
    Roll,
    /// Its current AMI is to be current in a region that lacks it, or given to others on other
    /// terms; and its consumers are to name it.
    Distribute,
    /// Its next AMI is to be baked.
    Bake,
}

/// What is to be done for a template, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// The template.
    pub template: String,
    /// Its current AMI.
    pub current: Option<AmiId>,
    /// That one's generation.
    pub generation: Option<u64>,
    /// What is to be done.
    pub todo: Todo,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What could not be found out.
    pub unknown: Vec<Unknown>,
    /// What another hand has done to its AMIs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tampered: Vec<Tampered>,
    /// Its current AMI seems to be another configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_source: Option<OtherSource>,
    /// Who has the name that the next AMI would get, if it is to be baked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_taken: Option<String>,
    /// Why nothing is done though there are reasons.
    pub held: Option<String>,
}

/// Observes, and decides; base templates come first. Nothing is changed.
///
/// # Errors
/// When a call fails without which nothing can be told of any template.
pub async fn plan(request: &PlanRequest<'_>) -> Result<Vec<Planned>, CloudError> {
    let facts = Facts::observe(request).await?;
    Ok(decide(request.templates, &facts))
}

/// Says for each template what is to be done. Pure.
fn decide(templates: &[&Template], facts: &Facts) -> Vec<Planned> {
    let mut planned: Vec<Planned> = Vec::new();
    for template in in_order(templates) {
        let below = match &template.base {
            Base::Template(below) => planned.iter().find(|it| it.template == *below),
            _ => None,
        };
        planned.push(one(template, below, facts));
    }
    planned
}

/// `below` is what is planned for the template that it is based on.
fn one(template: &Template, below: Option<&Planned>, facts: &Facts) -> Planned {
    let name = &template.name;
    let current = facts.fleet.current(name);
    let Against { mut reasons, mut unknown, held } = against(template, below, facts);
    let bakes = held.is_none() && !reasons.is_empty();
    // What is about to be baked is distributed then.
    let lacks = match current.filter(|_| !bakes) {
        Some(current) => regions::lacks(current, template, &facts.elsewhere, &mut unknown),
        None => Vec::new(),
    };
    let distributes = !lacks.is_empty();
    reasons.extend(lacks);
    let rolled = facts.consumers.get(name).into_iter().flatten();
    for rolled in rolled {
        if let Some(error) = &rolled.error {
            let (consumer, error) = (rolled.consumer.clone(), chain(error));
            unknown.push(Unknown::Consumer { consumer, error });
        }
        reasons.extend(elsewhere(rolled));
    }
    let rolls = reasons.iter().any(|reason| matches!(reason, Reason::Consumer { .. }));
    let todo = match (bakes, distributes, rolls) {
        (true, ..) => Todo::Bake,
        (false, true, _) => Todo::Distribute,
        (false, false, true) => Todo::Roll,
        (false, false, false) if !unknown.is_empty() => Todo::Unknown,
        (false, false, false) => Todo::Nothing,
    };
    Planned {
        template: name.clone(),
        current: current.map(|ami| ami.ami.clone()),
        generation: current.map(|ami| ami.generation),
        todo,
        reasons,
        unknown,
        other_source: current.and_then(|current| {
            let revision = facts.revisions.get(name).and_then(|it| it.as_ref().ok()?.as_deref());
            other_source(template, current, revision)
        }),
        name_taken: facts.names.get(name).filter(|_| bakes).cloned(),
        tampered: facts.fleet.tampered(Some(name)).collect(),
        held,
    }
}

/// What speaks against the current AMI.
struct Against {
    reasons: Vec<Reason>,
    unknown: Vec<Unknown>,
    /// Why nothing is baked for these reasons.
    held: Option<String>,
}

fn against(template: &Template, below: Option<&Planned>, facts: &Facts) -> Against {
    let name = &template.name;
    let (mut reasons, mut unknown, mut held) = (Vec::new(), Vec::new(), None);
    let last = facts.fleet.promoted_last(name);
    if let Some(last) = last.filter(|last| last.state != "available") {
        reasons
            .push(Reason::Unavailable { ami: last.ami.clone().into(), state: last.state.clone() });
    }
    match (facts.fleet.current(name), facts.fleet.in_doubt(name)) {
        (None, Some(doubt)) => unknown.push(Unknown::InDoubt(doubt)),
        (None, None) => {
            reasons.push(Reason::NoCurrent);
            // It will be baked in any case, and what stands in its way is told before.
            let base = facts.bases.of(template, &facts.fleet);
            let waits = below.is_some_and(|below| below.todo == Todo::Bake);
            unknown.extend(base.err().filter(|_| !waits).map(Unknown::Base));
        }
        (Some(current), _) => {
            let mut against = differences(current, template, below, facts, &mut unknown);
            against.extend(too_old(current, template, facts.now));
            if !against.is_empty() && unknown.is_empty() {
                held = decided_against(current, template, below, facts);
            }
            reasons.extend(against);
        }
    }
    Against { reasons, unknown, held }
}

/// How an AMI differs from what would be baked now.
fn differences(
    ami: &Ami,
    template: &Template,
    below: Option<&Planned>,
    facts: &Facts,
    unknown: &mut Vec<Unknown>,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let rebuilt = below.filter(|below| below.todo == Todo::Bake);
    match (rebuilt, facts.bases.of(template, &facts.fleet)) {
        (Some(below), _) => {
            reasons.push(Reason::BaseTemplate { template: below.template.clone() });
        }
        (None, Ok((to, name))) if to != ami.base_ami => {
            reasons.push(Reason::Base { from: ami.base_ami.clone(), to: to.into(), name });
        }
        (None, Ok(_)) => {}
        (None, Err(error)) => unknown.push(Unknown::Base(error)),
    }
    match facts.revisions.get(&template.name) {
        Some(Ok(Some(to))) if *to != ami.source.revision => {
            reasons.push(Reason::Source { from: ami.source.revision.clone(), to: to.clone() });
        }
        // An abbreviated commit that is what was checked out.
        Some(Ok(None)) if !is_abbreviated(template, &ami.source.revision) => {
            let text = "its revision is known only after a checkout; use a branch, a tag or a full \
                        commit id";
            unknown.push(Unknown::Source(text.into()));
        }
        Some(Ok(_)) | None => {}
        Some(Err(error)) => unknown.push(Unknown::Source(error.clone())),
    }
    let keys = fingerprint::changed(&ami.config, template);
    if !keys.is_empty() {
        reasons.push(Reason::Config { keys });
    }
    reasons
}

fn is_abbreviated(template: &Template, revision: &str) -> bool {
    match &template.source.repository {
        crate::model::template::Repository::Vcs { revision: Some(wanted), .. } => {
            wanted.len() >= 4 && revision.starts_with(wanted.as_str())
        }
        _ => false,
    }
}

/// An AMI that was made of just what would be baked now, and is not current all the same:
/// someone has decided against it, or is to decide yet.
fn decided_against(
    current: &Ami,
    template: &Template,
    below: Option<&Planned>,
    facts: &Facts,
) -> Option<String> {
    let mine = facts.fleet.amis().iter().filter(|ami| ami.template == template.name);
    let later = mine.filter(|ami| {
        let waits = ami.status == Status::Pending && ami.lease.as_deref() == Some(tags::NO_LEASE);
        (ami.status == Status::Previous || waits)
            && ami.state == "available"
            && ami.generation > current.generation
    });
    let same = |ami: &&Ami| {
        let mut unknown = Vec::new();
        differences(ami, template, below, facts, &mut unknown).is_empty()
            && unknown.is_empty()
            && too_old(ami, template, facts.now).is_none()
    };
    let ami = later.filter(same).max_by_key(|ami| ami.generation)?;
    let (generation, id, name) = (ami.generation, &ami.ami, &template.name);
    Some(match ami.status {
        Status::Pending => format!(
            "what generation {generation} ({id}) was made from, and it waits for `amiable verify \
             {name}`"
        ),
        _ => format!(
            "what generation {generation} ({id}) was made from, and it was rolled back; `amiable \
             update {name}` bakes anyway"
        ),
    })
}

fn too_old(current: &Ami, template: &Template, now: Timestamp) -> Option<Reason> {
    let most = template.max_age?;
    let created: Timestamp = current.created.parse().ok()?;
    let age = Duration::try_from(now.duration_since(created).max(SignedDuration::ZERO)).ok()?;
    (age > most).then_some(Reason::Age { seconds: age.as_secs(), most: most.as_secs() })
}

/// What a consumer has that is not as it should be. What is only ever told cannot differ.
fn elsewhere(rolled: &Rolled) -> impl Iterator<Item = Reason> {
    let moves = rolled.moves.iter().filter(|it| it.value != Value::Told);
    moves.map(|it| {
        let place = match (it.is_all, it.value) {
            (true, _) => String::new(),
            (false, Value::BootScript) => format!("the init script of {}", it.place),
            (false, _) => it.place.clone(),
        };
        Reason::Consumer { consumer: rolled.consumer.clone(), place, names: it.from.clone() }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::consumer::change::Move;
    use crate::model::facts::ImageFacts;
    use crate::model::fleet::Fleet;
    use crate::model::script::Script;
    use crate::model::template::tests::template;
    use crate::operations::base::NewestBases;

    const NOW: &str = "2026-11-24T12:00:00Z";
    const DAY: u64 = 24 * 3600;

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn named(name: &str) -> Template {
        Template { name: name.into(), ..template() }
    }

    fn ami(template: &Template, generation: u64, base: &str, revision: &str) -> Ami {
        let promoted = Timestamp::from_second(generation.try_into().unwrap()).unwrap();
        let tags = tags::of([
            (tags::TEMPLATE, template.name.clone()),
            (tags::GENERATION, generation.to_string()),
            (tags::BASE, base.into()),
            (tags::SOURCE_REVISION, revision.into()),
            (tags::CONFIG, fingerprint::record(template)),
            (tags::PROMOTED, promoted.to_string()),
        ]);
        let facts = ImageFacts {
            id: format!("ami-{}-{generation}", template.name).into(),
            state: "available".into(),
            created: "2026-11-20T12:00:00.000Z".into(),
            tags,
            ..ImageFacts::default()
        };
        Ami::read(facts, "us-east-1")
    }

    /// What is planned, with all sources at r1.
    fn planned(
        templates: &[&Template],
        amis: Vec<Ami>,
        consumers: Vec<(&str, Rolled)>,
    ) -> Vec<Planned> {
        let facts = Facts {
            names: BTreeMap::new(),
            fleet: Arc::new(Fleet::new(amis)),
            bases: NewestBases::default(),
            revisions: templates
                .iter()
                .map(|it| (it.name.clone(), Ok(Some("r1".into()))))
                .collect(),
            consumers: consumers
                .into_iter()
                .map(|(name, it)| (name.to_owned(), vec![it]))
                .collect(),
            elsewhere: BTreeMap::new(),
            now: now(),
        };
        decide(templates, &facts)
    }

    const BASE: &str = "ami-12345678";

    #[test]
    fn each_reason_is_told_and_what_is_up_to_date_has_none() {
        let template = named("agent");
        let texts = |template: &Template, amis: Vec<Ami>| {
            let planned = planned(&[template], amis, Vec::new()).remove(0);
            let reasons: Vec<String> = planned.reasons.iter().map(Reason::to_string).collect();
            (planned.todo, reasons.join("; "))
        };
        let good = || ami(&template, 1, BASE, "r1");
        assert_eq!(texts(&template, vec![good()]), (Todo::Nothing, String::new()));
        let of = |template: &Template, amis, reason: &str| {
            assert_eq!(texts(template, amis), (Todo::Bake, reason.to_owned()));
        };
        of(&template, vec![], "there is no current AMI");
        of(&template, vec![ami(&template, 1, "ami-0", "r1")], "base: ami-0 -> ami-12345678");
        of(&template, vec![ami(&template, 1, BASE, "r0")], "source: r0 -> r1");
        let scripts = vec![Script::plain("other")];
        let other = Template { scripts, ..template.clone() };
        of(&other, vec![good()], "configuration: script");
        let aging = |days: u64| Template {
            max_age: Some(Duration::from_secs(days * DAY)),
            ..template.clone()
        };
        of(&aging(3), vec![good()], "age: 4 days; max_age is 3 days");
        assert_eq!(texts(&aging(5), vec![good()]).0, Todo::Nothing);
        let mut broken = ami(&template, 2, BASE, "r1");
        broken.state = "disabled".into();
        let reason = "ami-agent-2, which became current last, is disabled";
        of(&template, vec![good(), broken], reason);
    }

    #[test]
    fn who_stands_on_what_is_baked_anew_is_baked_after_it() {
        let below = named("below");
        let above = Template { base: Base::Template("below".into()), ..named("above") };
        let amis = || vec![ami(&above, 1, "ami-below-1", "r1"), ami(&below, 1, BASE, "r0")];
        let all = planned(&[&above, &below], amis(), Vec::new());
        let told: Vec<(&str, Todo)> = all.iter().map(|it| (&*it.template, it.todo)).collect();
        assert_eq!(told, [("below", Todo::Bake), ("above", Todo::Bake)]);
        assert_eq!(all[1].reasons, [Reason::BaseTemplate { template: "below".into() }]);
        assert_eq!(planned(&[&above], amis(), Vec::new())[0].todo, Todo::Nothing);
    }

    #[test]
    fn a_consumer_elsewhere_is_rolled_and_one_that_is_unreadable_is_told() {
        let template = named("agent");
        let it = Move {
            place: "linux".into(),
            is_all: false,
            value: Value::Ami,
            from: Some("ami-9".into()),
            to: "ami-agent-1".into(),
        };
        let rolled = |moves, error| Rolled {
            consumer: "config.xml".into(),
            moves,
            error,
            waits_until: None,
        };
        let of = |rolled| {
            let amis = vec![ami(&template, 1, BASE, "r1")];
            planned(&[&template], amis, vec![("agent", rolled)]).remove(0)
        };
        let moved = of(rolled(vec![it.clone()], None));
        assert_eq!(moved.todo, Todo::Roll);
        assert_eq!(moved.reasons[0].to_string(), "config.xml: linux names ami-9");
        let told = Move { value: Value::Told, ..it };
        assert_eq!(of(rolled(vec![told], None)).todo, Todo::Nothing);
    }

    #[test]
    fn what_was_rolled_back_from_is_not_baked_again_until_something_moves() {
        let template = named("agent");
        let (mut old, new) = (ami(&template, 1, BASE, "r0"), ami(&template, 2, BASE, "r1"));
        old.promoted = Some("2026-11-23T12:00:00Z".into());
        let held = planned(&[&template], vec![old.clone(), new], Vec::new()).remove(0);
        assert_eq!(held.todo, Todo::Nothing);
        assert!(
            held.held.unwrap().starts_with(
                "what generation 2 (ami-agent-2) was made from, and it was rolled back"
            )
        );
        // Nor is one that waits to be verified, nor what is too old only.
        let mut waiting = ami(&template, 2, BASE, "r1");
        (waiting.promoted, waiting.lease) = (None, Some(tags::NO_LEASE.into()));
        let waits = planned(&[&template], vec![old.clone(), waiting], Vec::new()).remove(0);
        assert!(waits.held.unwrap().ends_with("and it waits for `amiable verify agent`"));
        let mut same = ami(&template, 1, BASE, "r1");
        (same.promoted, same.created) = (old.promoted.clone(), "2026-10-01T12:00:00Z".into());
        let aging = Template { max_age: Some(Duration::from_secs(30 * DAY)), ..template.clone() };
        let amis = vec![same.clone(), ami(&template, 2, BASE, "r1")];
        assert_eq!(planned(&[&aging], amis, Vec::new())[0].todo, Todo::Nothing);
        // One that cannot be started from is no decision.
        let mut gone = ami(&template, 2, BASE, "r1");
        gone.state = "disabled".into();
        assert_eq!(planned(&[&template], vec![old.clone(), gone], Vec::new())[0].todo, Todo::Bake);
        let other = ami(&template, 2, BASE, "r0.5");
        assert_eq!(planned(&[&template], vec![old, other], Vec::new())[0].todo, Todo::Bake);
    }
}
