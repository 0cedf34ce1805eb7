//! What is to be done in a region for an AMI of another. Pure.

use crate::model::ami::{Ami, Status};
use crate::model::fleet::Fleet;
use crate::model::tampering::Tampered;
use crate::model::template::Template;

/// What is to be done in a region that AMIs are copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The copy is current there.
    Stays(Box<Ami>),
    /// The copy is there, and something else is current, or nothing.
    Promote(Box<Ami>),
    /// The copy is being made.
    Await(Box<Ami>),
    /// The copy failed verification there: it is not made current.
    Refused(Box<Ami>),
    /// The copy has a tag that could not be read: it is left alone.
    Tampered(Tampered),
    /// There is none, but for those that are no good.
    Copy {
        /// What EC2 could not make, or did not encrypt.
        failed: Vec<Ami>,
    },
}

/// Decides what is to be done in a region for the AMI of that id. Pure.
pub(crate) fn decide(id: &str, template: &Template, there: &Fleet) -> Step {
    let encrypts = template.distribution.encrypt.is_some();
    // One that was current was so by the configuration of its day.
    let is_bad = |ami: &&Ami| {
        let is_plain = encrypts && !ami.encrypted && ami.promoted_at().is_none();
        ami.status == Status::Failed || (ami.state == "available" && is_plain)
    };
    if let Some(tampered) = there.copies_of(id).find_map(Tampered::of) {
        return Step::Tampered(tampered);
    }
    let bad = there.copies_of(id).filter(is_bad);
    let copies = there.copies_of(id).filter(|ami| !is_bad(ami));
    let of = |is_so: fn(&Ami) -> bool| copies.clone().find(|ami| is_so(ami)).cloned().map(Box::new);
    if let Some(ami) = of(|ami| ami.status == Status::Current) {
        return Step::Stays(ami);
    }
    if let Some(ami) = of(|ami| ami.can_be_had() && ami.quarantined.is_none()) {
        return Step::Promote(ami);
    }
    if let Some(ami) = of(|ami| ami.state == "pending") {
        return Step::Await(ami);
    }
    if let Some(ami) = of(|ami| ami.status == Status::Quarantined) {
        return Step::Refused(ami);
    }
    Step::Copy { failed: bad.cloned().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::distribution::{Distribution, Encryption};
    use crate::model::facts::ImageFacts;
    use crate::model::tags;
    use crate::model::template::tests::template;

    fn copy(id: &str, of: &str, state: &str, promoted: Option<&str>) -> Ami {
        let mut image_tags =
            tags::of([(tags::TEMPLATE, "agent".into()), (tags::COPY_OF, of.into())]);
        image_tags.insert(tags::GENERATION.to_owned(), "1".into());
        image_tags.extend(promoted.map(|time| (tags::PROMOTED.to_owned(), time.to_owned())));
        let facts = ImageFacts {
            id: id.into(),
            state: state.into(),
            tags: image_tags,
            ..ImageFacts::default()
        };
        Ami::read(facts, "eu-west-1")
    }

    const EARLY: Option<&str> = Some("2026-11-24T12:00:00Z");
    const LATE: Option<&str> = Some("2026-11-25T12:00:00Z");

    /// What is to be done for `ami-2`, in a word and with the ids that are concerned.
    fn step(amis: Vec<Ami>) -> String {
        match decide("ami-2", &template(), &Fleet::new(amis)) {
            Step::Stays(ami) => format!("stays {}", ami.ami),
            Step::Promote(ami) => format!("promote {}", ami.ami),
            Step::Await(ami) => format!("await {}", ami.ami),
            Step::Refused(ami) => format!("refused {}", ami.ami),
            Step::Tampered(tampered) => tampered.to_string(),
            Step::Copy { failed } => {
                let ids: Vec<crate::model::id::AmiId> =
                    failed.into_iter().map(|ami| ami.ami).collect();
                format!("copy {}", ids.join(" ")).trim_end().to_owned()
            }
        }
    }

    #[test]
    fn a_region_gets_what_it_lacks_and_no_more() {
        let other = || copy("ami-a", "ami-1", "available", EARLY);
        let mine = |state, promoted| copy("ami-b", "ami-2", state, promoted);
        assert_eq!(step(vec![]), "copy");
        assert_eq!(step(vec![other()]), "copy");
        assert_eq!(step(vec![other(), mine("pending", None)]), "await ami-b");
        assert_eq!(step(vec![other(), mine("available", None)]), "promote ami-b");
        assert_eq!(step(vec![other(), mine("available", LATE)]), "stays ami-b");
        let edited = mine("available", Some("yesterday"));
        let told = step(vec![other(), edited]);
        assert!(told.starts_with("ami-b: tag amiable:promoted is \"yesterday\", "), "{told}");
        assert_eq!(
            step(vec![mine("available", EARLY), copy("ami-a", "ami-1", "available", LATE)]),
            "promote ami-b"
        );
        assert_eq!(step(vec![other(), mine("failed", None)]), "copy ami-b");
        let again = copy("ami-c", "ami-2", "pending", None);
        assert_eq!(step(vec![mine("failed", None), again]), "await ami-c");
    }

    #[test]
    fn what_is_to_be_encrypted_is_copied_again_unless_it_was_current() {
        let distribution =
            Distribution { encrypt: Some(Encryption::AccountKey), ..Distribution::default() };
        let template = Template { distribution, ..template() };
        let step = |promoted| {
            let fleet = Fleet::new(vec![copy("ami-b", "ami-2", "available", promoted)]);
            decide("ami-2", &template, &fleet)
        };
        assert!(matches!(step(None), Step::Copy { failed } if failed.len() == 1));
        assert!(matches!(step(EARLY), Step::Stays(_)));
    }

    #[test]
    fn what_is_quarantined_in_a_region_is_not_made_current_there() {
        let mut bad = copy("ami-b", "ami-2", "available", None);
        bad.quarantined = Some("2026-11-24T12:00:00Z".into());
        assert_eq!(step(vec![bad]), "refused ami-b");
    }
}
