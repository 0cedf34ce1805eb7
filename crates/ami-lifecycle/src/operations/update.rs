//! Many templates in one call: what is out of date is baked, or distributed, or rolled, each
//! template as soon as what it is based on is done; one that fails stops only the templates based on
//! it.
//!
//! ```text
//!   plan --> unfinished? up to date? --> schedule --> bake --> follow (distribute, roll)
//! ```

mod request;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;

pub use self::request::{
    NotUpdated, Selection, UpdateError, UpdateEvent, UpdateObserver, UpdateRequest, Updated,
    UpdatedHow,
};

use crate::consumer::change::RollTarget;
use crate::consumer::examine_consumers;
use crate::model::event::{Event, Observer};
use crate::model::fleet::{Fleet, Mode};
use crate::model::id::AmiId;
use crate::model::schedule::Schedule;
use crate::model::template::Template;
use crate::operations::bake::bake;
use crate::operations::bake::request::{BakeRequest, Baked, Goal};
use crate::operations::context::Context;
use crate::operations::follow::{FollowRequest, Followed, follow, is_distributed};
use crate::operations::plan::request::PlanRequest;
use crate::operations::plan::{Planned, Todo, Unknown, plan};

/// Does for each template what is to be done, and tells `observer` of all of it.
///
/// # Errors
/// Before anything has begun: when the plan could not be made, was interrupted, or what is to be
/// baked could not be rolled in the end.
pub async fn update(
    request: &UpdateRequest<'_>,
    observer: &dyn UpdateObserver,
) -> Result<(), NotUpdated> {
    let planned = request.plan(observer).await?;
    let update = Update { request, observer, planned, one_roll: tokio::sync::Mutex::default() };
    if request.rolls {
        update.check_consumers()?;
    }
    let work = update.begin();
    update.work_off(&work).await;
    Ok(())
}

impl UpdateRequest<'_> {
    /// What is to be done, where that decides on what is done.
    async fn plan(&self, observer: &dyn UpdateObserver) -> Result<Vec<Planned>, NotUpdated> {
        match (self.selection, self.mode) {
            (Selection::OutOfDate, _) => self.plan_of(self.templates, self.rolls).await,
            (Selection::Named, Mode::Update) if !self.is_trial() => self.unfinished(observer).await,
            (Selection::Named | Selection::All, _) => Ok(Vec::new()),
        }
    }

    fn is_trial(&self) -> bool {
        self.goal == Goal::Trial
    }

    async fn plan_of(
        &self,
        templates: &[&Template],
        with_consumers: bool,
    ) -> Result<Vec<Planned>, NotUpdated> {
        let Context { cloud, namespace, cancel, .. } = &self.context;
        let (pattern, jenkins, now) = (self.pattern, self.consumers.jenkins, Timestamp::now());
        let request = PlanRequest {
            cloud,
            namespace,
            pattern,
            templates,
            jenkins,
            fleet: None,
            with_consumers,
            now,
        };
        tokio::select! {
            () = cancel.cancelled() => Err(NotUpdated::Cancelled),
            planned = plan(&request) => Ok(planned?),
        }
    }

    /// Of templates that are distributed: those that are not baked, as only that was not finished.
    async fn unfinished(&self, observer: &dyn UpdateObserver) -> Result<Vec<Planned>, NotUpdated> {
        let mut distributed = self.templates.to_vec();
        distributed.retain(|template| template.distribution.is_something());
        if distributed.is_empty() {
            return Ok(Vec::new());
        }
        let mut planned = self.plan_of(&distributed, false).await?;
        planned.retain(|it| it.todo == Todo::Distribute || lacks_only_regions(it));
        // Those that wait for a region come first.
        let (waits, goes): (Vec<_>, Vec<_>) =
            planned.iter().partition(|it| it.todo == Todo::Unknown);
        for it in waits.into_iter().chain(goes) {
            observer.told(&it.template, UpdateEvent::Unfinished(it));
        }
        Ok(planned)
    }
}

/// A region that cannot be asked is no reason to bake: it would be one at each repeat.
fn lacks_only_regions(planned: &Planned) -> bool {
    let of_region = |unknown: &Unknown| matches!(unknown, Unknown::Region { .. });
    planned.todo == Todo::Unknown && planned.unknown.iter().all(of_region)
}

/// An update under way.
struct Update<'a> {
    request: &'a UpdateRequest<'a>,
    observer: &'a dyn UpdateObserver,
    /// What is to be done, where that was looked up; all else is baked.
    planned: Vec<Planned>,
    /// Held while consumers are rolled: several templates may be in one file.
    one_roll: tokio::sync::Mutex<()>,
}

impl Update<'_> {
    fn planned(&self, template: &str) -> Option<&Planned> {
        self.planned.iter().find(|it| it.template == template)
    }

    /// What is to be done for a template.
    fn todo(&self, template: &str) -> Todo {
        self.planned(template).map_or(Todo::Bake, |it| it.todo)
    }

    /// Refuses to bake what could not be rolled in the end.
    fn check_consumers(&self) -> Result<(), NotUpdated> {
        for template in self.request.templates {
            if matches!(self.todo(&template.name), Todo::Nothing | Todo::Unknown) {
                continue;
            }
            let failed = examine_consumers(template, self.request.consumers.jenkins);
            if let Some((consumer, error)) = failed.into_iter().next() {
                let (template, error) = (template.name.clone(), Box::new(error));
                return Err(NotUpdated::NotRollable { template, consumer, error });
            }
        }
        Ok(())
    }

    /// Tells of the templates that need no work; returns the others.
    fn begin(&self) -> Vec<&Template> {
        let mut work = Vec::new();
        for template in self.request.templates {
            let planned = self.planned(&template.name);
            let is_idle = |todo| match todo {
                Todo::Nothing | Todo::Unknown => true,
                Todo::Distribute | Todo::Roll => self.request.is_trial(),
                Todo::Bake => false,
            };
            match planned.filter(|it| is_idle(it.todo)) {
                Some(planned) => self.ends(Updated::new(template, UpdatedHow::Idle(planned))),
                None => {
                    for unknown in planned.iter().flat_map(|it| &it.unknown) {
                        self.observer.told(&template.name, UpdateEvent::Unknown(unknown));
                    }
                    work.push(*template);
                }
            }
        }
        work
    }

    fn ends(&self, updated: Updated<'_>) {
        self.observer.told(updated.template, UpdateEvent::Ended(&updated));
    }

    /// Bakes, or lets regions and consumers follow: each template after what it is based on.
    async fn work_off(&self, work: &[&Template]) {
        let mut schedule = Schedule::new(work);
        let mut made: BTreeMap<String, AmiId> = BTreeMap::new();
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.request.jobs && !self.request.context.cancel.is_cancelled()
            {
                let Some(name) = schedule.begin() else { break };
                let Some(template) = work.iter().find(|it| it.name == name) else { break };
                let below = template.base_template().and_then(|below| made.get(below).cloned());
                under_way.push(self.one(template, below));
            }
            let Some(updated) = under_way.next().await else { break };
            let template = updated.template;
            // A trial starts from what is current already.
            let is_current = self.request.is_trial() || updated.has_current();
            if let Some(baked) = updated.baked().filter(|it| it.promoted) {
                made.insert(template.to_owned(), baked.ami.clone());
            }
            self.ends(updated);
            for (skipped, below) in schedule.done(template, is_current) {
                if let Some(above) = work.iter().find(|it| it.name == skipped) {
                    self.ends(Updated::new(above, UpdatedHow::Skipped { below: &below }));
                }
            }
        }
        while let Some(name) = schedule.begin() {
            if let Some(left) = work.iter().find(|it| it.name == name) {
                self.ends(Updated::new(left, UpdatedHow::NotBegun));
            }
            schedule.done(&name, true);
        }
    }

    async fn one<'t>(&'t self, template: &'t Template, below: Option<AmiId>) -> Updated<'t> {
        let began = Instant::now();
        let (todo, mut baked) = (self.todo(&template.name), None);
        let outcome = match todo {
            Todo::Bake => self.bake(template, below, &mut baked).await,
            _ => self.follow_current(template).await,
        };
        let how = UpdatedHow::Done { todo, baked, error: outcome.err() };
        Updated { time: began.elapsed(), ..Updated::new(template, how) }
    }

    /// Bakes; what was baked is noted even where it could not be followed.
    async fn bake(
        &self,
        template: &Template,
        below: Option<AmiId>,
        noted: &mut Option<Baked>,
    ) -> Result<(), UpdateError> {
        let UpdateRequest { pattern, consumers, mode, on_failure, goal, .. } = *self.request;
        let observer = self.observer.begins(template).ok_or(UpdateError::NotObserved)?;
        let mut context = self.context(observer);
        let is_gone =
            |owner: &str| self.request.take_over || (self.request.context.actor.is_gone)(owner);
        context.actor.is_gone = &is_gone;
        let outcome = bake(BakeRequest {
            context,
            pattern,
            template,
            consumers,
            below,
            mode,
            on_failure,
            goal,
        })
        .await;
        let outcome = outcome.map_err(|failed| UpdateError::Bake(Box::new(failed)))?;
        let Some(baked) = outcome else {
            self.observer.told(&template.name, UpdateEvent::Tried);
            return Ok(());
        };
        self.observer.told(&template.name, UpdateEvent::Baked(&baked));
        *noted = Some(baked.clone());
        if !baked.promoted {
            return Ok(());
        }
        // EC2 may not show it as it is yet.
        let target = RollTarget {
            ami: baked.ami,
            name: baked.name,
            generation: Some(baked.generation),
            template: Some(template.name.clone()),
            boot_script: baked.boot_script,
        };
        self.follow(template, &target, None).await
    }

    /// Lets regions and consumers follow a template's current AMI, which is as it should be.
    async fn follow_current(&self, template: &Template) -> Result<(), UpdateError> {
        let Context { cloud, namespace, .. } = self.request.context;
        let fleet = cloud.fleet(namespace).await?;
        let target = RollTarget::of(fleet.current(&template.name).ok_or(UpdateError::NoCurrent)?);
        self.follow(template, &target, Some(&fleet)).await
    }

    async fn follow(
        &self,
        template: &Template,
        target: &RollTarget,
        fleet: Option<&Fleet>,
    ) -> Result<(), UpdateError> {
        let known = fleet.and_then(|fleet| fleet.get(&target.ami));
        // Only a distribution takes time and has events.
        let observer: Arc<dyn Observer> = if is_distributed(template, known) {
            self.observer.begins(template).ok_or(UpdateError::NotObserved)?
        } else {
            Arc::new(|_: Event| {})
        };
        let request = FollowRequest {
            context: self.context(observer),
            consumers: self.request.consumers,
            template,
            target,
            fleet,
            rolls: self.request.rolls,
            at_once: false,
            one_roll: &self.one_roll,
        };
        let told = |followed: Followed<'_>| {
            self.observer.told(&template.name, UpdateEvent::Followed(target, followed));
        };
        Ok(follow(&request, &told).await?)
    }

    fn context(&self, observer: Arc<dyn Observer>) -> Context<'_> {
        Context { observer, ..self.request.context.clone() }
    }
}
