//! A way in to machines whose template names no security group.
//!
//! A namespace has one standing group in each VPC, which lets nobody in. Each process that
//! bakes adds a rule for the addresses that it logs in from, shares it among its bakes, and takes
//! it away when the last of them has ended. A rule belongs to one process: where another one of
//! the same address has its rule in the group, the next group is used (`…-2`, `…-3`). EC2 refuses
//! a second rule for the same address, so two processes never share one, and neither takes the
//! other's access away. What a process that died has left is replaced by the next.

use std::time::Duration;

use jiff::Timestamp;

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::ec2::held_access::{Access, Accesses, Scope};
use crate::ec2::security_groups::{Admission, OwnRule};
use crate::model::lease::{IsGone, is_dead};
use crate::model::ownership::{OwnershipTags, lease_end};
use crate::model::resume::KEPT;
use crate::model::tags::{self, Tags};

/// As many processes of one address can bake at once.
const MOST_GROUPS: u32 = 50;

/// What EC2 shows of a group.
const DESCRIPTION: &str = "SSH to machines that amiable bakes on. Rules come and go with bakes.";

/// Who asks for a way in, and what is known already.
pub(crate) struct Asker<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) marks: &'a OwnershipTags<'a>,
    /// How long a bake may take in all.
    pub(crate) whole: Duration,
    pub(crate) is_gone: IsGone<'a>,
    /// Nothing was ever baked in the namespace, so there is no group to look for.
    pub(crate) is_first: bool,
}

impl Accesses {
    /// Lets the asker's bake in, and returns the group that its machines are to have. Asked
    /// again by the same bake, it changes nothing.
    pub(crate) async fn join(
        &self,
        asker: &Asker<'_>,
        scope: &Scope,
    ) -> Result<String, CloudError> {
        let mut all = self.0.lock().await;
        let access = all.entry(scope.clone()).or_default();
        if access.holders.is_empty() {
            access.open(asker, scope).await?;
        } else {
            access.renew(asker).await?;
        }
        access.holders.insert(asker.marks.bake.clone());
        Ok(access.group.clone().unwrap_or_default())
    }

    /// The bake needs it no more; the last of the process closes it. `false` when others use it
    /// still, or it was never there.
    pub(crate) async fn leave(
        &self,
        cloud: &Cloud,
        scope: &Scope,
        bake: &str,
    ) -> Result<bool, CloudError> {
        let mut all = self.0.lock().await;
        let Some(access) = all.get_mut(scope) else { return Ok(false) };
        access.holders.remove(bake);
        if !access.holders.is_empty() {
            return Ok(false);
        }
        access.close(cloud).await
    }

    /// The rules that let a bake in.
    pub(crate) async fn rules(&self, scope: &Scope) -> Vec<String> {
        let all = self.0.lock().await;
        all.get(scope).map(|access| access.rules.clone()).unwrap_or_default()
    }
}

impl Access {
    async fn open(&mut self, asker: &Asker<'_>, scope: &Scope) -> Result<(), CloudError> {
        // What could not be closed is this process's still.
        if !self.bake.is_empty() {
            self.close(asker.cloud).await?;
        }
        if let Some(subnet) = scope.subnet.as_ref().filter(|_| self.vpc.is_none()) {
            self.vpc = Some(asker.cloud.vpc_of(subnet).await?);
        }
        self.bake.clone_from(&asker.marks.bake);
        let lease = rule_lease(asker);
        self.lease = Some(lease);
        for slot in 1..=MOST_GROUPS {
            if self.open_in(asker, scope, slot, lease).await? {
                return Ok(());
            }
            self.group = None;
        }
        let message = format!("{MOST_GROUPS} others with this address are baking at this moment");
        Err(CloudError::answer(Action::AuthorizeSecurityGroupIngress, message))
    }

    /// Opens the way in the how-manieth group; `false` when another process has its own there.
    async fn open_in(
        &mut self,
        asker: &Asker<'_>,
        scope: &Scope,
        slot: u32,
        lease: Timestamp,
    ) -> Result<bool, CloudError> {
        let cloud = asker.cloud;
        let OwnershipTags { namespace, operator, .. } = *asker.marks;
        let name = group_name(&namespace.0, self.vpc.as_deref(), slot);
        let mut tags = asker.marks.on(name.clone());
        tags.insert(tags::LEASE.into(), lease.to_string());
        let description = plain(&format!("amiable for {operator} until {lease}"));
        let admission = Admission {
            port: scope.port,
            from: &scope.from,
            description: &description,
            tags: &tags,
        };
        for last_try in [false, true] {
            let Some(group) = self.group(asker, &name, slot).await? else { return Ok(false) };
            if scope.from.is_empty() {
                self.group = Some(group);
                return Ok(true);
            }
            let rules = match cloud.authorize(&group, &admission).await {
                // It was swept away since it was found.
                Err(error) if error.kind == CloudErrorKind::NotFound && !last_try => {
                    self.group = None;
                    continue;
                }
                other => other?,
            };
            if let Some(rules) = rules {
                (self.group, self.rules) = (Some(group), rules);
                return Ok(true);
            }
            let found = cloud.rules_of_group(&group).await?;
            let own = (&*self.bake, asker.marks.owner);
            match conflict(&found, own, asker.is_gone, Timestamp::now()) {
                // The answer to the call that made it was lost.
                Conflict::Own(rules) => {
                    (self.group, self.rules) = (Some(group), rules);
                    return Ok(true);
                }
                Conflict::Dead(rules) if !last_try => {
                    cloud.revoke(&group, &rules).await?;
                }
                Conflict::Dead(_) | Conflict::Others => return Ok(false),
            }
        }
        Ok(false)
    }

    /// The group's id; it is made where it is missing. `None` when the name is another's: it may
    /// be that of another namespace's group.
    async fn group(
        &mut self,
        asker: &Asker<'_>,
        name: &str,
        slot: u32,
    ) -> Result<Option<String>, CloudError> {
        if let Some(group) = &self.group {
            return Ok(Some(group.clone()));
        }
        let cloud = asker.cloud;
        let namespace = asker.marks.namespace;
        if !(asker.is_first && slot == 1)
            && let Some(group) = cloud.group_named(namespace, name).await?
        {
            return Ok(Some(group));
        }
        let tags = tags::of([
            (tags::NAME, name.to_owned()),
            (tags::NAMESPACE, namespace.0.clone()),
            (tags::OPERATOR, asker.marks.operator.to_owned()),
            (tags::VERSION, asker.marks.version.to_owned()),
        ]);
        match cloud.create_group(name, DESCRIPTION, self.vpc.as_deref(), &tags).await? {
            Some(group) => Ok(Some(group)),
            None => cloud.group_named(namespace, name).await,
        }
    }

    /// Lets the rules outlive the asker's bake, too.
    async fn renew(&mut self, asker: &Asker<'_>) -> Result<(), CloudError> {
        if self.lease.is_some_and(|lease| lease >= asker.marks.lease) {
            return Ok(());
        }
        let lease = rule_lease(asker);
        let tags: Tags = tags::of([(tags::LEASE, lease.to_string())]);
        asker.cloud.tag(&self.rules, &tags).await?;
        self.lease = Some(lease);
        Ok(())
    }

    async fn close(&mut self, cloud: &Cloud) -> Result<bool, CloudError> {
        if self.bake.is_empty() {
            return Ok(false);
        }
        match (&self.group, self.rules.is_empty()) {
            (Some(group), false) => cloud.revoke(group, &self.rules).await?,
            // A call that was to make them has failed, and may have made them all the same.
            _ => {
                for rule in cloud.rules_of_bake(&self.bake).await? {
                    cloud.revoke(&rule.group, &[rule.id]).await?;
                }
            }
        }
        self.rules.clear();
        self.bake.clear();
        Ok(true)
    }
}

/// Rules serve all bakes of a process: they outlive the first one by as much as it may take.
fn rule_lease(asker: &Asker<'_>) -> Timestamp {
    let whole = asker.whole;
    lease_end(Timestamp::now(), whole + whole.max(Duration::from_secs(3600)))
}

/// Whose rules keep another from being made.
#[derive(Debug, PartialEq, Eq)]
enum Conflict {
    /// This process's: by these.
    Own(Vec<String>),
    /// Those of dead processes, which can go.
    Dead(Vec<String>),
    /// A living process's, or nobody's that is known.
    Others,
}

/// Why a rule could not be made. Pure.
fn conflict(
    rules: &[OwnRule],
    (bake, owner): (&str, &str),
    is_gone: IsGone<'_>,
    now: Timestamp,
) -> Conflict {
    let ids = |rules: Vec<&OwnRule>| rules.iter().map(|rule| rule.id.clone()).collect();
    let tag = |rule: &OwnRule, key: &str| rule.tags.get(key).cloned().unwrap_or_default();
    // A bake that is gone on with has the id that a dead process has given it.
    let is_own = |rule: &&OwnRule| {
        tag(rule, tags::BAKE) == bake
            && tag(rule, tags::OWNER) == owner
            && tag(rule, tags::STAGE) != KEPT
    };
    let own: Vec<&OwnRule> = rules.iter().filter(is_own).collect();
    if !own.is_empty() {
        return Conflict::Own(ids(own));
    }
    let dead = rules.iter().filter(|rule| {
        let lease = rule.tags.get(tags::LEASE).map(String::as_str);
        // A machine that is kept is to be looked at after its process has ended.
        let is_kept = tag(rule, tags::STAGE) == KEPT;
        is_dead(&tag(rule, tags::OWNER), lease, &|owner: &str| !is_kept && is_gone(owner), now)
    });
    let dead: Vec<&OwnRule> = dead.collect();
    if dead.is_empty() { Conflict::Others } else { Conflict::Dead(ids(dead)) }
}

/// What EC2 does not take in names of groups and in descriptions becomes `-`, and what is longer
/// than it takes is cut
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>).
fn plain(text: &str) -> String {
    let is_allowed = |it: char| it.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(it);
    text.chars().take(180).map(|it| if is_allowed(it) { it } else { '-' }).collect()
}

/// A group's name.
fn group_name(namespace: &str, vpc: Option<&str>, slot: u32) -> String {
    let plain = plain(namespace);
    let vpc = vpc.map(|vpc| format!("-{vpc}")).unwrap_or_default();
    let slot = if slot == 1 { String::new() } else { format!("-{slot}") };
    format!("amiable-{plain}{vpc}{slot}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-26T12:00:00Z";

    fn rule(id: &str, pairs: &[(&str, &str)]) -> OwnRule {
        let tags = pairs.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        OwnRule { id: id.into(), group: "sg-1".into(), tags: tags.collect() }
    }

    #[test]
    fn only_what_is_dead_is_replaced() {
        let (before, after) = ("2026-11-26T11:59:59Z", "2026-11-26T12:00:01Z");
        let live = rule("live", &[(tags::BAKE, "b"), (tags::LEASE, after), (tags::OWNER, "x")]);
        let over = rule("over", &[(tags::BAKE, "c"), (tags::LEASE, before), (tags::OWNER, "x")]);
        let gone = rule("gone", &[(tags::BAKE, "d"), (tags::LEASE, after), (tags::OWNER, "gone")]);
        let unknown = rule("unknown", &[]);
        let decide = |rules: &[&OwnRule]| {
            let rules: Vec<OwnRule> = rules.iter().map(|it| (*it).clone()).collect();
            conflict(&rules, ("a", "me"), &|owner: &str| owner == "gone", NOW.parse().unwrap())
        };
        assert_eq!(decide(&[&live, &unknown]), Conflict::Others);
        assert_eq!(decide(&[]), Conflict::Others);
        let dead = Conflict::Dead(vec!["over".into(), "gone".into()]);
        assert_eq!(decide(&[&live, &over, &gone, &unknown]), dead);
        let own = rule("own", &[(tags::BAKE, "a"), (tags::OWNER, "me")]);
        assert_eq!(decide(&[&own, &gone]), Conflict::Own(vec!["own".into()]));
        let first = [(tags::BAKE, "a"), (tags::LEASE, after), (tags::OWNER, "gone")];
        assert_eq!(decide(&[&rule("first", &first)]), Conflict::Dead(vec!["first".into()]));
        let mut kept = gone.clone();
        kept.tags.insert(tags::STAGE.into(), KEPT.into());
        assert_eq!(decide(&[&kept]), Conflict::Others);
        kept.tags.insert(tags::LEASE.into(), before.into());
        assert_eq!(decide(&[&kept]), Conflict::Dead(vec!["gone".into()]));
    }

    #[test]
    fn names_are_what_ec2_takes() {
        assert_eq!(group_name("ci", None, 1), "amiable-ci");
        assert_eq!(group_name("bäckerei|1", Some("vpc-1"), 2), "amiable-b-ckerei-1-vpc-1-2");
        assert_eq!(plain("amiable for DOM\\user@host"), "amiable for DOM-user@host");
        assert!(group_name(&"n".repeat(300), Some("vpc-00000000000000001"), 50).len() <= 255);
    }
}
