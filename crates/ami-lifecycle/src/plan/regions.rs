//! Which regions lack a template's current AMI, or give it to others on other terms.

use super::Reason;
use super::facts::Fleets;
use crate::ami::Ami;
use crate::distribute::{self, Step};
use crate::fleet::Fleet;
use crate::template::Template;

/// Why an AMI that is current in the first region is to be distributed. Pure. What keeps it
/// from being told is added to `unknown`.
pub(super) fn lacks(
    current: &Ami,
    template: &Template,
    elsewhere: &Fleets,
    unknown: &mut Vec<String>,
) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = terms(current, template).into_iter().collect();
    for destination in &template.distribution.destinations {
        let region = &destination.region;
        match elsewhere.get(region) {
            Some(Ok(there)) => match lack(current, template, region, there) {
                Ok(reason) => reasons.extend(reason),
                Err(refused) => unknown.push(format!("region {region}: {refused}")),
            },
            Some(Err(error)) => unknown.push(format!("region {region}: {error}")),
            None => unknown.push(format!("region {region}: it was not looked at")),
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
    Ok(match distribute::decide(&current.ami, template, there) {
        Step::Stays(ami) => terms(&ami, template),
        Step::Refused(ami) => return Err(format!("{} is quarantined there", ami.ami)),
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
