//! Which regions lack a template's current AMI, or give it to others on other terms.

use super::facts::Fleets;
use super::{Reason, Unknown};
use crate::model::ami::Ami;
use crate::model::fleet::Fleet;
use crate::model::template::Template;
use crate::operations::distribute::{self, Step};

/// Why an AMI that is current in the first region is to be distributed. Pure. What keeps it
/// from being told is added to `unknown`.
pub(super) fn lacks(
    current: &Ami,
    template: &Template,
    elsewhere: &Fleets,
    unknown: &mut Vec<Unknown>,
) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = terms(current, template).into_iter().collect();
    for destination in &template.distribution.destinations {
        let region = &destination.region;
        let found = match elsewhere.get(region) {
            Some(Ok(there)) => lack(current, template, region, there),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("it was not checked".into()),
        };
        match found {
            Ok(reason) => reasons.extend(reason),
            Err(error) => unknown.push(Unknown::Region { region: region.clone(), error }),
        }
    }
    reasons
}

fn lack(
    current: &Ami,
    template: &Template,
    region: &str,
    there: &Fleet,
) -> Result<Option<Reason>, String> {
    let (region, generation) = (region.to_owned(), current.generation);
    if let Some(doubt) = there.in_doubt(&template.name) {
        return Err(format!("{doubt}; {}", doubt.hint()));
    }
    Ok(match distribute::decide(&current.ami, template, there) {
        Step::Stays(ami) => terms(&ami, template),
        Step::Refused(ami) => return Err(format!("{} is quarantined there", ami.ami)),
        Step::Tampered(it) => return Err(format!("{it}; {}", it.hint())),
        Step::Promote(_) => {
            let names = there.current(&template.name).map(|it| it.generation);
            Some(Reason::NotCurrentIn { region, generation, current: names })
        }
        Step::Await(_) | Step::Copy { .. } => Some(Reason::Lacks { region, generation }),
    })
}

fn terms(ami: &Ami, template: &Template) -> Option<Reason> {
    let keys = template.distribution.changed_terms(&ami.distribution);
    (!keys.is_empty()).then(|| Reason::Terms { region: ami.region.clone(), keys })
}
