//! What a namespace has, and what follows from it. Pure: it looks at facts and decides.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::ami::{Ami, Status};
use crate::model::id::AmiId;
use crate::model::tampering::{InDoubt, Tampered, tell_twins_apart};

/// All AMIs of a namespace, each with its status.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    amis: Vec<Ami>,
    /// Where each is, by its id.
    places: HashMap<AmiId, usize>,
    /// Where each template's current one is.
    current: BTreeMap<String, usize>,
    /// Where one is that may be its template's current one, and has tags that could not be read.
    doubtful: BTreeMap<String, usize>,
}

/// Why a bake is not begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `create` where there is an AMI already.
    #[error("template {template} already has a current AMI: {ami} (generation {generation})")]
    HasCurrent {
        /// The template.
        template: String,
        /// Its current AMI.
        ami: String,
        /// That one's generation.
        generation: u64,
    },
    /// Which AMI is current could not be told.
    #[error(transparent)]
    InDoubt(InDoubt),
}

impl Fleet {
    /// Sets each AMI's status: of those of a template that are available and not
    /// quarantined, the one that was promoted last is current. Equal times are told apart by generation,
    /// then by id, so that every state has one answer. What another hand has copied is neither; and
    /// where the one that was promoted last has tags that could not be read, none is current.
    #[must_use]
    pub fn new(mut amis: Vec<Ami>) -> Fleet {
        tell_twins_apart(&mut amis);
        let mut best: BTreeMap<&str, &Ami> = BTreeMap::new();
        let is_timeless = |ami: &Ami| ami.promoted_at().is_none();
        let rank =
            |ami: &Ami| (is_timeless(ami), ami.promoted_at(), ami.generation, ami.ami.clone());
        for ami in amis.iter().filter(|ami| is_eligible(ami)) {
            let other = best.entry(&ami.template).or_insert(ami);
            if rank(ami) > rank(other) {
                *other = ami;
            }
        }
        let best: BTreeSet<AmiId> = best.values().map(|ami| ami.ami.clone()).collect();
        for ami in &mut amis {
            ami.status = match ami.state.as_str() {
                _ if ami.copied_by_hand.is_some() => Status::Foreign,
                _ if !ami.unreadable.is_empty() => Status::Unreadable,
                _ if best.contains(&ami.ami) => Status::Current,
                "failed" | "error" | "invalid" => Status::Failed,
                _ if ami.quarantined.is_some() => Status::Quarantined,
                _ if ami.promoted_at().is_some() => Status::Previous,
                _ => Status::Pending,
            };
        }
        amis.sort_by(|left, right| {
            let key = |ami: &Ami| {
                (ami.template.clone(), std::cmp::Reverse(ami.generation), ami.ami.clone())
            };
            key(left).cmp(&key(right))
        });
        let places = amis.iter().enumerate().map(|(place, ami)| (ami.ami.clone(), place)).collect();
        let best = amis.iter().enumerate().filter(|(_, ami)| best.contains(&ami.ami));
        let (current, doubtful): (Vec<_>, Vec<_>) =
            best.partition(|(_, ami)| ami.status == Status::Current);
        let by_template = |them: Vec<(usize, &Ami)>| {
            them.into_iter().map(|(place, ami)| (ami.template.clone(), place)).collect()
        };
        let (current, doubtful) = (by_template(current), by_template(doubtful));
        Fleet { amis, places, current, doubtful }
    }

    /// All of them: by template, newest generation first.
    #[must_use]
    pub fn amis(&self) -> &[Ami] {
        &self.amis
    }

    /// One by its id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Ami> {
        self.places.get(id).map(|place| &self.amis[*place])
    }

    /// The copies of an AMI of another region.
    pub fn copies_of<'f>(&'f self, id: &'f str) -> impl Iterator<Item = &'f Ami> + Clone {
        let is_own = |ami: &&Ami| ami.status != Status::Foreign;
        self.amis.iter().filter(is_own).filter(move |ami| ami.copy_of.as_deref() == Some(id))
    }

    /// A template's current AMI.
    #[must_use]
    pub fn current(&self, template: &str) -> Option<&Ami> {
        self.current.get(template).map(|place| &self.amis[*place])
    }

    /// Why nobody can tell which AMI of a template is current, where that is so.
    #[must_use]
    pub fn in_doubt(&self, template: &str) -> Option<InDoubt> {
        let ami = &self.amis[*self.doubtful.get(template)?];
        let tag = ami.unreadable.first()?.clone();
        Some(InDoubt { template: template.to_owned(), ami: ami.ami.clone().into(), tag })
    }

    /// The AMIs of a template, or of all, that another hand has copied or whose tags it has edited.
    pub fn tampered<'f>(
        &'f self,
        template: Option<&'f str>,
    ) -> impl Iterator<Item = Tampered> + 'f {
        let mine = self.amis.iter().filter(move |ami| template.is_none_or(|it| it == ami.template));
        mine.filter_map(Tampered::of)
    }

    /// The AMI of a template that was promoted last, whether or not instances can still be
    /// started from it.
    pub(crate) fn promoted_last(&self, template: &str) -> Option<&Ami> {
        let mine = self.amis.iter().filter(|ami| ami.template == template);
        let promoted = mine.filter(|ami| ami.promoted_at().is_some() && ami.quarantined.is_none());
        let promoted = promoted.filter(|ami| ami.status != Status::Foreign);
        promoted.max_by_key(|ami| (ami.promoted_at(), ami.generation, &ami.ami))
    }

    /// How long the stages of a template's last bake took that one process did as a whole.
    pub(crate) fn last_durations(&self, template: &str) -> Option<&[(String, Duration)]> {
        let mine = self.amis.iter().filter(|ami| ami.template == template);
        let is_whole = |ami: &&Ami| ami.durations.iter().any(|(stage, _)| stage == "script");
        let told = mine.filter(|ami| ami.promoted.is_some()).filter(is_whole);
        told.max_by_key(|ami| ami.generation).map(|ami| ami.durations.as_slice())
    }

    /// The generation that a template's next AMI gets: one more than any that still
    /// exists, whatever became of it.
    #[must_use]
    pub fn next_generation(&self, template: &str) -> u64 {
        let mine = self.amis.iter().filter(|ami| ami.template == template);
        mine.map(|ami| ami.generation).max().unwrap_or(0).saturating_add(1)
    }

    /// The time to promote an AMI of the template with: now, or just after the last
    /// promotion where an operator's clock ran ahead.
    #[must_use]
    pub fn promotion_time(&self, template: &str, now: Timestamp) -> Timestamp {
        let mine = self.amis.iter().filter(|ami| ami.template == template);
        let last = mine.filter_map(Ami::promoted_at).max();
        let after = last.and_then(|last| last.checked_add(SignedDuration::from_millis(1)).ok());
        after.map_or(now, |after| after.max(now))
    }

    /// Whether a bake may begin, and with which generation.
    ///
    /// # Errors
    /// When `create` is asked for a template that has a current AMI, or nobody can tell which is current.
    pub fn decide(&self, template: &str, mode: Mode) -> Result<u64, Refusal> {
        if let Some(doubt) = self.in_doubt(template) {
            return Err(Refusal::InDoubt(doubt));
        }
        match (mode, self.current(template)) {
            (Mode::Create, Some(current)) => Err(Refusal::HasCurrent {
                template: template.to_owned(),
                ami: current.ami.clone().into(),
                generation: current.generation,
            }),
            _ => Ok(self.next_generation(template)),
        }
    }
}

/// Whether an AMI can be current.
fn is_eligible(ami: &Ami) -> bool {
    ami.state == "available"
        && ami.promoted.is_some()
        && !ami.is_quarantined()
        && ami.copied_by_hand.is_none()
}

/// Whether a current AMI is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The first AMI of a template: refused where there is one.
    Create,
    /// The next one; the current one becomes the backup.
    Update,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::ImageFacts;
    use crate::model::tags;
    use crate::operations::rollback::NoRollback;
    use proptest::prelude::*;

    /// (template, generation, state, promoted at second)
    type Row = (u8, u64, &'static str, Option<u32>);

    fn fleet(rows: &[Row]) -> Fleet {
        let amis =
            rows.iter().enumerate().map(|(index, (template, generation, state, promoted))| {
                let mut image_tags = tags::Tags::from([
                    (tags::TEMPLATE.to_owned(), format!("t{template}")),
                    (tags::GENERATION.to_owned(), generation.to_string()),
                ]);
                if let Some(second) = promoted {
                    let time = jiff::Timestamp::from_second(i64::from(*second)).unwrap();
                    image_tags.insert(tags::PROMOTED.to_owned(), time.to_string());
                }
                let image = ImageFacts {
                    id: format!("ami-{index:08}").into(),
                    state: (*state).to_owned(),
                    tags: image_tags,
                    ..ImageFacts::default()
                };
                Ami::read(image, "us-east-1")
            });
        Fleet::new(amis.collect())
    }

    #[test]
    fn the_latest_promotion_is_current_whatever_its_generation() {
        let fleet = fleet(&[
            (1, 1, "available", Some(30)),
            (1, 2, "available", Some(20)),
            (1, 3, "pending", None),
        ]);
        assert_eq!(fleet.current("t1").map(|ami| ami.generation), Some(1));
        let statuses: Vec<Status> = fleet.amis().iter().map(|ami| ami.status).collect();
        assert_eq!(statuses, [Status::Pending, Status::Previous, Status::Current]);
        assert_eq!(fleet.next_generation("t1"), 4);
    }

    #[test]
    fn a_promotion_comes_after_all_others_even_when_a_clock_was_wrong() {
        let fleet = fleet(&[(1, 1, "available", Some(4000))]);
        let now = Timestamp::from_second(1000).unwrap();
        assert!(fleet.promotion_time("t1", now) > Timestamp::from_second(4000).unwrap());
        assert_eq!(fleet.promotion_time("t2", now), now);
    }

    #[test]
    fn create_is_refused_where_there_is_a_current_ami_and_update_is_not() {
        let fleet = fleet(&[(1, 1, "available", Some(1))]);
        assert!(fleet.decide("t1", Mode::Create).is_err());
        assert_eq!(fleet.decide("t1", Mode::Update), Ok(2));
        assert_eq!(fleet.decide("t2", Mode::Create), Ok(1));
    }

    #[test]
    fn a_rollback_goes_to_the_nearest_before_that_was_current_once() {
        let fleet = fleet(&[
            (1, 1, "available", Some(10)),
            (1, 2, "available", Some(20)),
            (1, 3, "available", None),
            (1, 4, "available", Some(40)),
            (2, 1, "available", Some(10)),
        ]);
        let target = |template, to| fleet.rollback_target(template, to).map(|ami| ami.generation);
        assert_eq!(target("t1", None), Ok(2));
        assert_eq!(target("t1", Some(1)), Ok(1));
        assert_eq!(target("t1", Some(4)), Ok(4));
        assert!(matches!(target("t1", Some(3)), Err(NoRollback::NeverCurrent { .. })));
        assert!(matches!(target("t1", Some(5)), Err(NoRollback::NoGeneration { .. })));
        assert!(matches!(target("t2", None), Err(NoRollback::NothingBefore { .. })));
        assert!(matches!(target("t3", None), Err(NoRollback::NoCurrent(_))));
    }

    #[test]
    fn what_was_rolled_back_from_is_not_gone_back_to() {
        let fleet = fleet(&[
            (1, 1, "available", Some(10)),
            (1, 2, "available", Some(40)),
            (1, 3, "available", Some(30)),
            (1, 4, "available", Some(50)),
        ]);
        assert_eq!(fleet.rollback_target("t1", None).map(|ami| ami.generation), Ok(2));
    }

    /// A tag of amiable's, with a value that fits or one that does not.
    fn any_tag() -> impl Strategy<Value = (String, String)> {
        let keys = [
            tags::TEMPLATE,
            tags::GENERATION,
            tags::PROMOTED,
            tags::QUARANTINED,
            tags::LEASE,
            tags::BACKUP_OF,
            tags::OWNER,
        ];
        let values = [
            "t1",
            "1",
            "18446744073709551615",
            "-1",
            "",
            "none",
            "2026-11-24T00:00:00Z",
            "9999-12-30T22:00:00.999999999Z",
            "-009999-01-02T01:59:59Z",
            "soon",
        ];
        let value = prop_oneof![
            4 => prop::sample::select(values.to_vec()).prop_map(String::from),
            1 => any::<String>(),
        ];
        (prop::sample::select(keys.to_vec()).prop_map(String::from), value)
    }

    proptest! {
        /// Tags are anybody's to write.
        #[test]
        fn no_tag_panics(
            images in proptest::collection::vec(proptest::collection::btree_map(any::<String>(), any::<String>(), 0..2), 0..4),
            own in proptest::collection::vec(proptest::collection::vec(any_tag(), 0..6), 1..6),
        ) {
            let facts = own.into_iter().enumerate().map(|(index, pairs)| {
                let mut tags: tags::Tags = pairs.into_iter().collect();
                tags.extend(images.get(index).cloned().unwrap_or_default());
                let state = ["available", "pending", "failed"][index % 3].to_owned();
                ImageFacts { id: format!("ami-{index}").into(), state, tags, ..ImageFacts::default() }
            });
            let amis = facts.map(|facts| Ami::read(facts, "us-east-1")).collect();
            let fleet = Fleet::new(amis);
            let now = Timestamp::from_second(1_795_500_000).unwrap();
            for template in ["t1", "", "1"] {
                prop_assert!(fleet.next_generation(template) > 0);
                prop_assert!(fleet.promotion_time(template, now) >= now);
                let _ = fleet.decide(template, Mode::Create);
                let _ = fleet.rollback_target(template, None);
                let _ = fleet.to_verify(template);
            }
        }

        /// Whatever a crash leaves: a template has one current AMI where it has any that
        /// is available and was promoted, and none otherwise.
        #[test]
        fn one_current_ami_or_none(rows in proptest::collection::vec(
            (0u8..3, 1u64..6,
             prop_oneof![Just("available"), Just("pending"), Just("failed"), Just("deregistered")],
             proptest::option::of(0u32..4)),
            0..20,
        )) {
            let fleet = fleet(&rows);
            for template in ["t0", "t1", "t2"] {
                let mine: Vec<&Ami> = fleet.amis().iter().filter(|ami| ami.template == template).collect();
                let current = mine.iter().filter(|ami| ami.status == Status::Current).count();
                let eligible = mine.iter().any(|ami| ami.state == "available" && ami.promoted.is_some());
                prop_assert_eq!(current, usize::from(eligible));
                let next = fleet.next_generation(template);
                prop_assert!(mine.iter().all(|ami| ami.generation < next));
            }
        }
    }
}
