//! An Auto Scaling group: it gets a version of its launch template that has the AMI, in the way that it
//! names its version, and where that is wished its instances are replaced.
//!
//! ```text
//!   version    without `refresh`           with `refresh`
//!   7          the group is updated        an instance refresh, which gives the group the version in the
//!                                          end, and takes it back where that fails
//!   $Default   another default             the same, and an instance refresh
//!   $Latest    another latest              the same, and an instance refresh
//! ```

use std::time::Duration;

use async_trait::async_trait;

use super::error::RollError;
use super::files::Files;
use super::kind::{Kind, Reading};
use super::launch_template::create_version;
use super::written_place::WrittenPlace;
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::ec2::action::Action;
use crate::ec2::auto_scaling::{GroupToRoll, Refresh};
use crate::ec2::client::Cloud;
use crate::ec2::launch_templates::{NewVersion, Version};
use crate::model::consumer::AutoScalingGroup;
use crate::model::digest::digest;
use crate::model::event::Event;
use crate::model::id::AmiId;

/// How often a refresh is looked at, at first and in the end: one takes minutes to hours.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// A group, and what belongs to it.
#[derive(Debug, Clone)]
struct Seen {
    group: GroupToRoll,
    /// The default and the latest version of its launch template, and those that it names.
    versions: Vec<Version>,
    /// The refresh that is under way.
    refresh: Option<Refresh>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Nothing,
    /// A refresh leads there already.
    Follow(String),
    /// The refresh that is under way is to go back.
    Back(String),
    /// The group has the AMI, and instances that were started from others.
    Replace,
    /// The group is to get a version that is like this one but for the AMI, or this very one.
    Set(VersionStep),
}

/// Where the version comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VersionStep {
    There(i64),
    CreateFrom(i64),
}

impl Seen {
    async fn look(cloud: &Cloud, name: &str) -> Result<Seen, RollError> {
        let group = cloud.group_to_roll(name).await?.ok_or(RollError::NoGroup)?;
        let template = group.template.clone().ok_or(RollError::LaunchConfiguration)?;
        let refresh = cloud.refresh_of(name, None).await?.filter(Refresh::is_active);
        let desired = refresh.as_ref().and_then(|it| it.desired.as_ref());
        let desired = desired.filter(|(id, _)| *id == template).map(|(_, version)| version);
        let others: Vec<&str> =
            [Some(&group.version), desired].into_iter().flatten().map(String::as_str).collect();
        let versions = cloud.versions_to_roll(&template, &others).await?;
        let versions = versions.ok_or(RollError::NoLaunchTemplate)?;
        Ok(Seen { group, versions, refresh })
    }

    fn version(&self, text: &str) -> Option<&Version> {
        match text {
            "$Default" => self.versions.iter().find(|it| it.is_default),
            "$Latest" => self.versions.iter().max_by_key(|it| it.number),
            number => self.versions.iter().find(|it| it.number.to_string() == number),
        }
    }

    /// What instances are started from.
    fn current(&self) -> Result<&Version, RollError> {
        self.version(&self.group.version).ok_or(RollError::NoLaunchTemplate)
    }

    /// The version that the refresh leads to, where it has one of its own.
    fn desired(&self) -> Option<&Version> {
        let (template, version) = self.refresh.as_ref()?.desired.as_ref()?;
        self.version(version).filter(|it| it.template == *template)
    }

    fn has_older_instances(&self) -> Result<bool, RollError> {
        let current = self.current()?;
        let number = current.number.to_string();
        // Those of another launch template are started by an override that has one of its own.
        let is_other = |(template, version): &(String, String)| {
            *template == current.template && *version != number
        };
        Ok(self.group.instances.iter().any(is_other))
    }

    /// Decides. Pure.
    fn step(&self, name: &str, ami: &str, refreshes: bool) -> Result<Step, RollError> {
        let current = self.current()?;
        if current.image.starts_with("resolve:") {
            return Err(RollError::Resolved(current.image.clone()));
        }
        let is_current = current.image == ami;
        if let Some(refresh) = &self.refresh {
            let in_the_way = || {
                let to = self.desired().map_or("another configuration", |it| &it.image);
                let (group, complete) = (name.to_owned(), refresh.complete);
                Err(RollError::Refreshing { to: to.to_owned(), group, complete })
            };
            let follow = Ok(Step::Follow(refresh.id.clone()));
            match self.desired().map(|it| it.image == ami) {
                _ if refresh.is_rollback() => {
                    return if is_current { follow } else { in_the_way() };
                }
                Some(true) => return follow,
                Some(false) if is_current => return Ok(Step::Back(refresh.id.clone())),
                Some(false) => return in_the_way(),
                None if refresh.desired.is_some() => return in_the_way(),
                None if is_current => return follow,
                // It goes on with what the group has by then.
                None => {}
            }
        }
        if let Some(ami) = self.group.image_of_override() {
            return Err(RollError::ImageOfOverride(ami.to_owned()));
        }
        if is_current {
            let replace = refreshes && self.has_older_instances()?;
            return Ok(if replace { Step::Replace } else { Step::Nothing });
        }
        let fits = |it: &&Version| it.image == ami && it.rest == current.rest;
        // Another latest version is a new one.
        let there = self.versions.iter().filter(|_| self.group.version != "$Latest").find(fits);
        Ok(Step::Set(match there {
            Some(there) => VersionStep::There(there.number),
            None => VersionStep::CreateFrom(current.number),
        }))
    }
}

#[async_trait(?Send)]
impl Kind for AutoScalingGroup {
    async fn read(&self, reading: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError> {
        let seen = Seen::look(reading.cloud, &self.name).await?;
        // Which AMI an alias stands for is not told.
        seen.step(&self.name, "", false).map(drop).or_else(|error| match error {
            RollError::Refreshing { .. } => Ok(()),
            error => Err(error),
        })?;
        let named = |version: &Version| AmiId::answered(version.image.clone());
        let current = seen.current()?;
        let place = format!("{}, by version {},", self.label(), current.number);
        let own = Naming::of_all(place, self.label(), named(current));
        let next = seen.desired().map(|it| {
            let place = format!("the instance refresh of {}", self.label());
            Naming::new(place, "its instance refresh".into(), named(it))
        });
        let all = [own].into_iter().chain(next).map(|it| Naming { in_ec2: true, ..it });
        Ok(Some(all.collect()))
    }

    async fn plan(&self, request: &RollRequest<'_>, _: &mut Files) -> Result<Vec<Move>, RollError> {
        let seen = Seen::look(request.cloud, &self.name).await?;
        let step = seen.step(&self.name, &request.target.ami, self.refresh.is_some())?;
        Ok(self.moves(&step, &seen, request))
    }

    async fn roll(
        &self,
        request: &RollRequest<'_>,
        _: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError> {
        let seen = Seen::look(request.cloud, &self.name).await?;
        let step = seen.step(&self.name, &request.target.ami, self.refresh.is_some())?;
        let started = self.perform(step, &seen, request, moves).await?;
        match started {
            Some(refresh) if request.wait => {
                let followed = self.follow(&refresh, &seen, request).await;
                if matches!(followed, Err(RollError::Refresh { .. })) {
                    // It was taken back.
                    moves.clear();
                }
                followed?;
                self.replace_the_rest(request).await
            }
            Some(_) => {
                let text = format!(
                    "{}: an instance refresh replaces its instances; `amiable roll {} --wait` follows it",
                    self.name, request.template.name
                );
                request.observer.event(Event::Note(text));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn places(&self, _: &str, region: Option<&str>) -> Vec<WrittenPlace> {
        vec![WrittenPlace::of(self.label(), region)]
    }

    fn actions(&self, rolls: bool) -> &'static [Action] {
        if !rolls {
            return &[
                Action::DescribeAutoScalingGroups,
                Action::DescribeInstanceRefreshes,
                Action::DescribeLaunchTemplateVersions,
            ];
        }
        // Whoever lets a group start instances must be allowed to start them
        // (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html>).
        &[
            Action::CreateLaunchTemplateVersion,
            Action::DescribeAutoScalingGroups,
            Action::DescribeInstanceRefreshes,
            Action::DescribeLaunchTemplateVersions,
            Action::ModifyLaunchTemplate,
            Action::RollbackInstanceRefresh,
            Action::RunInstances,
            Action::StartInstanceRefresh,
            Action::UpdateAutoScalingGroup,
        ]
    }
}

impl AutoScalingGroup {
    /// What a step changes, in words.
    fn moves(&self, step: &Step, seen: &Seen, request: &RollRequest<'_>) -> Vec<Move> {
        let one = |place: &str, from: Option<String>| {
            let is_all = place == self.name;
            let to = request.target.ami.clone().into();
            vec![Move { place: place.to_owned(), is_all, value: Value::Ami, from, to }]
        };
        let image = |version: Option<&Version>| {
            version.map(|it| it.image.clone()).filter(|image| !image.is_empty())
        };
        match step {
            Step::Nothing | Step::Follow(_) => Vec::new(),
            Step::Back(_) => one(&self.name, image(seen.desired())),
            Step::Replace => one("its instances", Some("other versions".into())),
            Step::Set(_) => one(&self.name, image(seen.current().ok())),
        }
    }

    /// Does it; returns the refresh that replaces the instances.
    async fn perform(
        &self,
        step: Step,
        seen: &Seen,
        request: &RollRequest<'_>,
        moves: &mut Vec<Move>,
    ) -> Result<Option<String>, RollError> {
        let (cloud, name, group) = (request.cloud, &self.name, &seen.group);
        let made = self.moves(&step, seen, request);
        let template = group.template.as_deref().unwrap_or_default();
        match step {
            Step::Nothing => Ok(None),
            Step::Follow(refresh) => Ok(Some(refresh)),
            Step::Back(refresh) => {
                cloud.roll_refresh_back(name).await?;
                *moves = made;
                Ok(Some(refresh))
            }
            Step::Replace => {
                let started = self.replace(group, None, request).await?;
                *moves = made;
                Ok(started)
            }
            Step::Set(version) => {
                let number = match version {
                    VersionStep::There(number) => number,
                    VersionStep::CreateFrom(source) => {
                        create_version(template, source, request).await?
                    }
                };
                match (group.version.as_str(), &self.refresh) {
                    ("$Latest", _) => {}
                    ("$Default", _) => cloud.make_default(template, number).await?,
                    (_, Some(_)) => {
                        let started = self.replace(group, Some(number), request).await?;
                        *moves = made;
                        return Ok(started);
                    }
                    (_, None) => cloud.set_group_version(name, group, number).await?,
                }
                // Also where the instances cannot be replaced.
                *moves = made;
                self.replace(group, None, request).await
            }
        }
    }

    /// Begins to replace the instances, where that is wished; returns the refresh.
    async fn replace(
        &self,
        group: &GroupToRoll,
        version: Option<i64>,
        request: &RollRequest<'_>,
    ) -> Result<Option<String>, RollError> {
        let Some(options) = &self.refresh else { return Ok(None) };
        let (cloud, name) = (request.cloud, &self.name);
        let started = cloud.start_refresh(name, group, version, options).await?;
        if started.is_some() {
            return Ok(started);
        }
        let active = cloud.refresh_of(name, None).await?.filter(Refresh::is_active);
        let wanted = version.map(|it| (group.template.clone().unwrap_or_default(), it.to_string()));
        match active {
            Some(active) if active.desired == wanted => Ok(Some(active.id)),
            Some(active) => Err(RollError::Refreshing {
                to: "another configuration".into(),
                group: name.clone(),
                complete: active.complete,
            }),
            // It has ended meanwhile.
            None => Ok(None),
        }
    }

    /// Replaces what a refresh has left that had begun before the group had its version.
    async fn replace_the_rest(&self, request: &RollRequest<'_>) -> Result<(), RollError> {
        let seen = Seen::look(request.cloud, &self.name).await?;
        let step = seen.step(&self.name, &request.target.ami, self.refresh.is_some())?;
        if step != Step::Replace {
            return Ok(());
        }
        match self.replace(&seen.group, None, request).await? {
            Some(refresh) => self.follow(&refresh, &seen, request).await,
            None => Ok(()),
        }
    }

    /// Waits until a refresh has ended, and tells how far it is. Where the group names its version by a
    /// word, Auto Scaling cannot take a failure back, so that is done here.
    async fn follow(
        &self,
        id: &str,
        seen: &Seen,
        request: &RollRequest<'_>,
    ) -> Result<(), RollError> {
        let cloud = request.cloud;
        let (mut pause, longest) = PAUSES;
        let mut told = None;
        let ended = loop {
            let refresh =
                cloud.refresh_of(&self.name, Some(id)).await?.ok_or(RollError::NoGroup)?;
            let state = (refresh.status.clone(), refresh.complete, refresh.reason.clone());
            if told.as_ref() != Some(&state) {
                let text = progress(&self.name, &refresh);
                request.observer.event(Event::Note(text));
                told = Some(state);
            }
            if !refresh.is_active() {
                break refresh;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = request.cancel.cancelled() => return Err(RollError::Cancelled),
            }
            pause = (pause * 2).min(longest);
        };
        let before = seen.current()?;
        // What went back because that was asked for has done what it should.
        let is_back = ended.status == "RollbackSuccessful" && before.image == *request.target.ami;
        if ended.has_succeeded() || is_back {
            return Ok(());
        }
        if !seen.group.is_pinned() && before.image != *request.target.ami {
            self.take_back(before, &seen.group, request).await?;
        }
        let now = Seen::look(cloud, &self.name).await?;
        let now = now.current()?.image.clone();
        Err(RollError::Refresh { status: ended.status, reason: ended.reason, now })
    }

    /// Lets the group start instances from what it did before.
    async fn take_back(
        &self,
        before: &Version,
        group: &GroupToRoll,
        request: &RollRequest<'_>,
    ) -> Result<(), RollError> {
        if group.version == "$Default" {
            request.cloud.make_default(&before.template, before.number).await?;
            return Ok(());
        }
        let latest = Seen::look(request.cloud, &self.name).await?;
        let latest = latest.current()?.number;
        let Version { template, number: source, image: ami, .. } = before;
        let description = format!("amiable: version {source} again");
        let token = digest(&format!("{template} {source} after {latest}"));
        let again = NewVersion { template, source: *source, ami, description, token };
        request.cloud.create_version(again).await?;
        Ok(())
    }
}

/// How far a refresh is, in words.
fn progress(group: &str, refresh: &Refresh) -> String {
    let Refresh { status, complete, left, reason, .. } = refresh;
    let why = reason.as_deref().map(|it| format!(": {it}")).unwrap_or_default();
    let left = match left {
        0 => String::new(),
        1 => ", 1 instance left".into(),
        many => format!(", {many} instances left"),
    };
    format!("{group}: instance refresh {status}, {complete} %{left}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: i64, image: &str, is_default: bool) -> Version {
        let (image, template) = (image.to_owned(), "lt-1".to_owned());
        Version { number, image, is_default, rest: None, template }
    }

    fn seen(version: &str, instances: &[&str], refresh: Option<Refresh>) -> Seen {
        let versions = vec![self::version(1, "ami-1", true), self::version(2, "ami-2", false)];
        let group = GroupToRoll::named("lt-1", version, instances);
        Seen { group, versions, refresh }
    }

    fn refresh(status: &str, desired: Option<&str>) -> Option<Refresh> {
        let desired = desired.map(|version| ("lt-1".to_owned(), version.to_owned()));
        let (id, status) = ("r".to_owned(), status.to_owned());
        Some(Refresh { id, status, reason: None, complete: 50, left: 1, desired })
    }

    #[test]
    fn a_group_gets_its_version_as_it_names_it() {
        let step =
            |version: &str, ami: &str| seen(version, &[], None).step("g", ami, false).unwrap();
        assert_eq!(step("1", "ami-1"), Step::Nothing);
        assert_eq!(step("1", "ami-2"), Step::Set(VersionStep::There(2)));
        assert_eq!(step("2", "ami-1"), Step::Set(VersionStep::There(1)));
        assert_eq!(step("$Default", "ami-2"), Step::Set(VersionStep::There(2)));
        assert_eq!(step("$Latest", "ami-2"), Step::Nothing);
        // The latest has to be a new one.
        assert_eq!(step("$Latest", "ami-1"), Step::Set(VersionStep::CreateFrom(2)));
        assert_eq!(step("1", "ami-3"), Step::Set(VersionStep::CreateFrom(1)));
    }

    #[test]
    fn older_instances_are_replaced_where_that_is_wished() {
        let step = |instances: &[&str], refreshes| {
            seen("2", instances, None).step("g", "ami-2", refreshes).unwrap()
        };
        assert_eq!(step(&["2", "2"], true), Step::Nothing);
        assert_eq!(step(&["2", "1"], false), Step::Nothing);
        assert_eq!(step(&["2", "1"], true), Step::Replace);
    }

    #[test]
    fn a_refresh_that_is_under_way_is_followed_turned_around_or_in_the_way() {
        let step = |version: &str, refresh: Option<Refresh>, ami: &str| {
            seen(version, &[], refresh).step("g", ami, true)
        };
        let there = || refresh("InProgress", Some("2"));
        assert_eq!(step("1", there(), "ami-2").unwrap(), Step::Follow("r".into()));
        assert_eq!(step("1", there(), "ami-1").unwrap(), Step::Back("r".into()));
        let blocked = step("1", there(), "ami-3").unwrap_err().to_string();
        assert_eq!(blocked, "an instance refresh to ami-2 is in progress (50 %)");
        let back = || refresh("RollbackInProgress", Some("2"));
        assert_eq!(step("1", back(), "ami-1").unwrap(), Step::Follow("r".into()));
        assert!(step("1", back(), "ami-2").is_err());
        // One without a configuration of its own leads to what the group has by then.
        let own = || refresh("InProgress", None);
        assert_eq!(step("1", own(), "ami-1").unwrap(), Step::Follow("r".into()));
        let set = Step::Set(VersionStep::There(2));
        assert_eq!(step("$Default", own(), "ami-2").unwrap(), set);
        assert!(step("1", refresh("InProgress", Some("9")), "ami-1").is_err());
    }
}
