//! What earlier bakes of a template have under way: whose it is, what of it can be taken
//! over, and what is to go. Pure.
//!
//! A bake is dead when its process has ended, as far as that can be told from here, or its
//! lease has. What lives is left alone, and keeps others from baking the same template.

use jiff::Timestamp;

use crate::model::ami::{Ami, Status};
use crate::model::facts::InstanceFacts;
use crate::model::fleet::Fleet;
use crate::model::id::InstanceId;
use crate::model::lease::{IsGone, is_dead};
use crate::model::leftover::{LeftBecause, LeftKind, Leftover};
use crate::model::tags::{self, Tags};

/// The stages of a bake that its resources tell: a machine the one that it is in, all else
/// the one that it was made in.
pub(crate) const IMAGED: &str = "imaged";
pub(crate) const BUILDING: &str = "building";
pub(crate) const PROVISIONED: &str = "provisioned";
pub(crate) const VERIFYING: &str = "verifying";
pub(crate) const KEPT: &str = "kept";
pub(crate) const TRIAL: &str = "trial";

/// Someone else bakes the same template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operator} is baking {template} since {since} ({resource})")]
pub struct Busy {
    /// The template.
    pub template: String,
    /// Who bakes, as `user@host`.
    pub operator: String,
    /// Since when (RFC 3339).
    pub since: String,
    /// The instance or image that shows it.
    pub resource: String,
    /// When the lease of that bake ends (RFC 3339).
    pub lease: String,
}

/// What a dead bake has left that the next can go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Adopted {
    /// An image, pending or available, that was not proven yet.
    Image(Box<Ami>),
    /// A machine that is provisioned and sealed.
    Machine { id: InstanceId, bake: String, revision: String, identity: String },
}

/// What is to be done about dead bakes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Takeover {
    pub(crate) adopted: Option<Adopted>,
    pub(crate) removed: Vec<Leftover>,
}

fn text<'t>(tags: &'t Tags, key: &str) -> &'t str {
    tags.get(key).map_or("", String::as_str)
}

impl InstanceFacts {
    fn is_dead(&self, is_gone: IsGone<'_>, now: Timestamp) -> bool {
        let lease = self.tags.get(tags::LEASE).map(String::as_str);
        is_dead(text(&self.tags, tags::OWNER), lease, is_gone, now)
    }

    fn stage(&self) -> &str {
        text(&self.tags, tags::STAGE)
    }

    fn busy(&self, template: &str) -> Busy {
        Busy {
            template: template.to_owned(),
            operator: text(&self.tags, tags::OPERATOR).to_owned(),
            since: self.launched.clone(),
            resource: self.id.clone().into(),
            lease: text(&self.tags, tags::LEASE).to_owned(),
        }
    }
}

/// Images of a template that its bakes have under way.
fn unproven<'f>(fleet: &'f Fleet, template: &'f str) -> impl Iterator<Item = &'f Ami> {
    fleet.amis().iter().filter(move |ami| {
        ami.template == template
            && matches!(ami.status, Status::Pending | Status::Failed)
            && ami.lease.as_deref() != Some(tags::NO_LEASE)
    })
}

fn image_is_dead(ami: &Ami, is_gone: IsGone<'_>, now: Timestamp) -> bool {
    is_dead(&ami.owner, ami.lease.as_deref(), is_gone, now)
}

/// Images of a template that belong to nobody: made, or being made, by what is dead.
pub(crate) fn dead_images<'f>(
    fleet: &'f Fleet,
    template: &'f str,
    is_gone: IsGone<'_>,
    now: Timestamp,
) -> Vec<&'f Ami> {
    unproven(fleet, template).filter(|ami| image_is_dead(ami, is_gone, now)).collect()
}

/// Who else bakes the template, if anyone does.
pub(crate) fn busy(
    fleet: &Fleet,
    machines: &[InstanceFacts],
    template: &str,
    is_gone: IsGone<'_>,
    now: Timestamp,
) -> Option<Busy> {
    let bakes = |it: &&InstanceFacts| matches!(it.stage(), BUILDING | PROVISIONED);
    let machine = machines.iter().filter(bakes).find(|it| !it.is_dead(is_gone, now));
    if let Some(machine) = machine {
        return Some(machine.busy(template));
    }
    let mut images = unproven(fleet, template).filter(|ami| ami.status == Status::Pending);
    let image = images.find(|ami| !image_is_dead(ami, is_gone, now))?;
    Some(Busy {
        template: template.to_owned(),
        operator: image.operator.clone(),
        since: image.created.clone(),
        resource: image.ami.clone().into(),
        lease: image.lease.clone().unwrap_or_default(),
    })
}

/// Who goes first when two have started a builder at once: the one whose builder EC2
/// started first. All who look come to the same answer.
pub(crate) fn goes_first(
    machines: &[InstanceFacts],
    own: &str,
    template: &str,
    is_gone: IsGone<'_>,
    now: Timestamp,
) -> Option<Busy> {
    let rank = |it: &InstanceFacts| (it.launched.clone(), it.id.clone());
    let mine = machines.iter().find(|it| it.id == own).map(rank)?;
    let builders = machines.iter().filter(|it| it.id != own);
    let builders = builders.filter(|it| matches!(it.stage(), BUILDING | PROVISIONED));
    let first = builders.filter(|it| !it.is_dead(is_gone, now)).min_by_key(|it| rank(it))?;
    (rank(first) < mine).then(|| first.busy(template))
}

/// What is taken over is removed by the next bake, whether by its lease or its process.
const ENDED: LeftBecause = LeftBecause::ProcessEnded;

/// What becomes of what dead bakes have left. Only what was made to the same recipe is
/// gone on with, and an image before a machine; all else goes.
pub(crate) fn decide(
    fleet: &Fleet,
    machines: &[InstanceFacts],
    template: &str,
    recipe: &str,
    is_gone: IsGone<'_>,
    now: Timestamp,
) -> Takeover {
    let current = fleet.current(template).map_or(0, |ami| ami.generation);
    let dead_images = dead_images(fleet, template, is_gone, now);
    let dead_machines: Vec<&InstanceFacts> =
        machines.iter().filter(|it| it.stage() != KEPT && it.is_dead(is_gone, now)).collect();
    let usable = |ami: &&&Ami| {
        matches!(ami.state.as_str(), "pending" | "available")
            && ami.recipe == recipe
            && ami.generation > current
    };
    let image = dead_images.iter().filter(usable).max_by_key(|ami| (ami.generation, &ami.ami));
    let adopted = match image {
        Some(image) => Some(Adopted::Image(Box::new((**image).clone()))),
        None => {
            // What a machine was for is done already when its bake has a finished AMI.
            let is_done = |machine: &&&InstanceFacts| {
                let bake = text(&machine.tags, tags::BAKE);
                let mut finished = fleet.amis().iter().filter(|ami| ami.bake == bake);
                finished.any(|ami| {
                    !matches!(ami.status, Status::Pending | Status::Failed)
                        || ami.lease.as_deref() == Some(tags::NO_LEASE)
                })
            };
            let machines = dead_machines.iter().filter(|machine| !is_done(machine));
            machines.filter_map(|machine| adopt_machine(machine, recipe)).next()
        }
    };
    let is_adopted = |id: &str| match &adopted {
        Some(Adopted::Image(image)) => image.ami == id,
        Some(Adopted::Machine { id: machine, .. }) => *machine == *id,
        None => false,
    };
    let machines = dead_machines.iter().filter(|it| !is_adopted(&it.id));
    let images = dead_images.iter().filter(|it| !is_adopted(&it.ami));
    let removed = machines
        .map(|it| Leftover::of(LeftKind::Instance, ENDED, (&it.id, &it.state, &it.tags)))
        .chain(images.map(|ami| Leftover::of_image(ENDED, ami)));
    let removed = removed.collect();
    Takeover { adopted, removed }
}

fn adopt_machine(machine: &InstanceFacts, recipe: &str) -> Option<Adopted> {
    let lives = matches!(machine.state.as_str(), "running" | "stopping" | "stopped");
    let usable =
        lives && machine.stage() == PROVISIONED && text(&machine.tags, tags::RECIPE) == recipe;
    usable.then(|| Adopted::Machine {
        id: machine.id.clone(),
        bake: text(&machine.tags, tags::BAKE).to_owned(),
        revision: text(&machine.tags, tags::SOURCE_REVISION).to_owned(),
        identity: text(&machine.tags, tags::BUILDER).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::ImageFacts;

    const NOW: &str = "2026-11-23T12:00:00Z";
    const LATER: &str = "2026-11-23T16:00:00Z";
    const EARLIER: &str = "2026-11-23T11:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn gone(owner: &str) -> bool {
        owner == "dead"
    }

    fn tags_of(owner: &str, stage: &str, recipe: &str, lease: &str) -> Tags {
        let pairs = [
            (tags::TEMPLATE, "agent"),
            (tags::OWNER, owner),
            (tags::OPERATOR, "someone"),
            (tags::STAGE, stage),
            (tags::RECIPE, recipe),
            (tags::LEASE, lease),
        ];
        tags::of(pairs.map(|(key, value)| (key, value.to_owned())))
    }

    fn machine(id: &str, owner: &str, stage: &str) -> InstanceFacts {
        InstanceFacts {
            id: id.into(),
            state: "running".into(),
            reason: None,
            public: None,
            private: None,
            ipv6: None,
            launched: EARLIER.into(),
            is_spot: false,
            wants_token: true,
            image: crate::model::id::AmiId::default(),
            tags: tags_of(owner, stage, "r", LATER),
        }
    }

    fn image(id: &str, owner: &str, state: &str, generation: u64, recipe: &str) -> Ami {
        let mut tags = tags_of(owner, "", recipe, LATER);
        tags.insert(tags::GENERATION.into(), generation.to_string());
        let facts = ImageFacts { id: id.into(), state: state.into(), tags, ..Default::default() };
        Ami::read(facts, "us-east-1")
    }

    #[test]
    fn whoever_lives_keeps_others_out_and_is_named() {
        let fleet = Fleet::new(vec![image("ami-1", "alive", "pending", 1, "r")]);
        let busy_by = |fleet: &Fleet, machines: &[InstanceFacts]| {
            busy(fleet, machines, "agent", &gone, now()).map(|busy| busy.resource)
        };
        assert_eq!(busy_by(&fleet, &[]).as_deref(), Some("ami-1"));
        let none = Fleet::default();
        assert_eq!(busy_by(&none, &[machine("i-1", "alive", BUILDING)]).as_deref(), Some("i-1"));
        for (owner, stage) in [("dead", BUILDING), ("alive", KEPT), ("alive", VERIFYING)] {
            assert_eq!(busy_by(&none, &[machine("i-1", owner, stage)]), None, "{owner} {stage}");
        }
        let mut ended = machine("i-1", "alive", BUILDING);
        ended.tags.insert(tags::LEASE.into(), EARLIER.into());
        assert_eq!(busy_by(&none, &[ended]), None);
    }

    #[test]
    fn of_two_at_once_both_agree_on_who_goes_first() {
        let (one, mut two) = (machine("i-1", "a", BUILDING), machine("i-2", "b", BUILDING));
        let first = |machines: &[InstanceFacts], own: &str| {
            goes_first(machines, own, "agent", &gone, now()).map(|busy| busy.resource)
        };
        assert_eq!(first(&[one.clone(), two.clone()], "i-1"), None);
        assert_eq!(first(&[one.clone(), two.clone()], "i-2").as_deref(), Some("i-1"));
        two.launched = "2026-11-23T10:00:00Z".into();
        assert_eq!(first(&[one.clone(), two.clone()], "i-1").as_deref(), Some("i-2"));
        two.tags.insert(tags::OWNER.into(), "dead".into());
        assert_eq!(first(&[one, two], "i-1"), None);
    }

    fn outcome(amis: Vec<Ami>, machines: &[InstanceFacts]) -> (Option<String>, Vec<String>) {
        let takeover = decide(&Fleet::new(amis), machines, "agent", "r", &gone, now());
        let adopted = takeover.adopted.map(|adopted| match adopted {
            Adopted::Image(image) => image.ami.into(),
            Adopted::Machine { id, .. } => id.into(),
        });
        (adopted, takeover.removed.into_iter().map(|left| left.id).collect())
    }

    #[test]
    fn an_image_is_gone_on_with_and_its_machine_goes() {
        let images = vec![
            image("ami-1", "dead", "available", 1, "r"),
            image("ami-2", "dead", "pending", 2, "r"),
            image("ami-3", "dead", "pending", 3, "other"),
            image("ami-4", "dead", "failed", 4, "r"),
            image("ami-5", "alive", "available", 5, "r"),
        ];
        let machines = [machine("i-1", "dead", PROVISIONED), machine("i-2", "dead", VERIFYING)];
        let (adopted, removed) = outcome(images, &machines);
        assert_eq!(adopted.as_deref(), Some("ami-2"));
        assert_eq!(removed, ["i-1", "i-2", "ami-4", "ami-3", "ami-1"]);
    }

    #[test]
    fn a_provisioned_machine_is_gone_on_with_and_one_that_was_building_goes() {
        let machines = [machine("i-1", "dead", BUILDING), machine("i-2", "dead", PROVISIONED)];
        let (adopted, removed) = outcome(Vec::new(), &machines);
        assert_eq!((adopted.as_deref(), removed), (Some("i-2"), vec!["i-1".to_owned()]));
        let mut other = machine("i-3", "dead", PROVISIONED);
        other.tags.insert(tags::RECIPE.into(), "other".into());
        assert_eq!(outcome(Vec::new(), &[other]), (None, vec!["i-3".to_owned()]));
        assert_eq!(outcome(Vec::new(), &[machine("i-4", "dead", KEPT)]), (None, vec![]));
    }
}
