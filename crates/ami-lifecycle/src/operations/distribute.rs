//! Distributing: a template's current AMI becomes current in each region that it is to be
//! in, on the terms that the template gives it to others on.
//!
//! ```text
//!   the AMI that is current in the first region, a region's AMIs
//!        '--> decide (pure) --> it is current there | promote | wait for the copy | copy
//! ```
//!
//! All regions at the same time; one that fails keeps no other from being done. What was done
//! is told by the tags there, so that a repeat does what is left, whoever begins it.

mod step;

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use tokio::time::Instant;

pub(crate) use self::step::{Step, decide};

use crate::consumer::kind::kind;
use crate::consumer::{Consumers, Holders};
use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::ec2::recover::found_all_the_same;
use crate::guest::site::Site;
use crate::model::ami::{Ami, Status};
use crate::model::event::Event;
use crate::model::facts::ImageFacts;
use crate::model::fleet::{Fleet, Refusal};
use crate::model::id::AmiId;
use crate::model::leftover::{LeftBecause, Leftover};
use crate::model::ownership::{claim, lease_end, new_bake};
use crate::model::resume;
use crate::model::tags::{self, Tags};
use crate::model::template::Template;
use crate::operations::claim::{Actor, Target, adopt, promote};
use crate::operations::context::Context;
use crate::operations::error::BakeError;
use crate::operations::image_wait::until_available;
use crate::operations::retire::{make_available, take_back};
use crate::operations::sweep::remove_leftover;
use crate::operations::terms;
use crate::operations::undo::{Undo, Undone};

/// EC2's word for it.
const NAME_TAKEN: &str = "InvalidAMIName.Duplicate";

/// EC2's word for more copies to a region than it allows at the same time.
const TOO_MANY: &str = "ResourceLimitExceeded";

/// The pauses in which a copy is asked for again: they double.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How much longer than the copy itself the lease of one lasts.
const MARGIN: Duration = Duration::from_secs(15 * 60);

/// An AMI to be distributed.
pub(crate) struct DistributeRequest<'a> {
    /// Who asks, and where.
    pub(crate) context: Context<'a>,
    /// The template.
    pub(crate) template: &'a Template,
    /// The AMI that is current in the first region, by id.
    pub(crate) ami: &'a str,
    /// The consumers of all templates: an AMI that one of them names is left alone.
    pub(crate) consumers: Consumers<'a>,
}

/// How an AMI came to be what it is in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was current there before.
    AsItWas,
    /// It was there, and was made current.
    Promoted,
    /// It was copied there, and made current.
    Copied,
}

/// An AMI that is current in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distributed {
    /// The AMI there.
    pub ami: Ami,
    /// How it came to be what it is.
    pub how: How,
    /// The terms that have been changed, by their keys in the configuration.
    pub terms: Vec<String>,
}

/// Distributes an AMI to all regions of its template, the first among them, at the same time.
/// What becomes of each is handed to `done` as it comes.
///
/// # Errors
/// When the AMI itself cannot be looked at; nothing was done then.
pub(crate) async fn distribute(
    request: &DistributeRequest<'_>,
    done: impl AsyncFn(&str, Result<Distributed, BakeError>),
) -> Result<(), CloudError> {
    let Context { cloud, .. } = request.context;
    let DistributeRequest { template, ami, .. } = *request;
    let gone = || CloudError::answer(Action::DescribeImages, format!("{ami} no longer exists"));
    let origin = cloud.image(ami).await?.ok_or_else(gone)?;
    let (done, origin) = (&done, &origin);
    let first = async {
        let here = Ami::read(origin.clone(), cloud.region());
        done(cloud.region(), settle_first(request, here).await).await;
    };
    let others = template.distribution.destinations.iter().map(|destination| async move {
        let region = destination.region.as_str();
        done(region, copy_to(request, origin, region).await).await;
    });
    tokio::join!(first, join_all(others));
    Ok(())
}

/// In the first region the AMI is current already.
async fn settle_first(request: &DistributeRequest<'_>, ami: Ami) -> Result<Distributed, BakeError> {
    let Context { cloud, cancel, .. } = &request.context;
    let DistributeRequest { template, .. } = request;
    let settled = tokio::select! {
        () = cancel.cancelled() => return Err(BakeError::Cancelled),
        settled = terms::settle(cloud, &ami, &template.distribution) => settled?,
    };
    cloud.tag(std::slice::from_ref(&ami.ami), &settled.record).await?;
    Ok(Distributed { ami, how: How::AsItWas, terms: settled.changed })
}

/// A region that an AMI is copied to.
struct Elsewhere<'a> {
    /// When the AMI was current in the first region for certain.
    began: Timestamp,
    request: &'a DistributeRequest<'a>,
    origin: &'a ImageFacts,
    cloud: Cloud,
    undo: Undo,
}

async fn copy_to(
    request: &DistributeRequest<'_>,
    origin: &ImageFacts,
    region: &str,
) -> Result<Distributed, BakeError> {
    let mut undo = Undo::new(request.context.holdings.clone());
    undo.set_place(region);
    undo.set_bake(origin.tags.get(tags::BAKE).map_or("", String::as_str));
    let cloud = request.context.cloud.in_region(region);
    let began = Timestamp::now();
    let mut elsewhere = Elsewhere { began, request, origin, cloud, undo };
    let outcome = elsewhere.run().await;
    if outcome.is_err() {
        elsewhere.fail(outcome.as_ref().is_err_and(|it| matches!(it, BakeError::Cancelled))).await;
    }
    outcome
}

impl<'a> Elsewhere<'a> {
    fn site(&self) -> Site<'_> {
        let Context { observer, cancel, environment, .. } = &self.request.context;
        let DistributeRequest { template, .. } = self.request;
        Site { cloud: &self.cloud, template, observer, cancel, environment: *environment }
    }

    fn note(&self, text: String) {
        let text = format!("{}: {text}", self.cloud.region());
        self.request.context.observer.event(Event::Note(text));
    }

    fn warn(&self, text: String) {
        let text = format!("{}: {text}", self.cloud.region());
        self.request.context.observer.event(Event::Warning(text));
    }

    async fn run(&mut self) -> Result<Distributed, BakeError> {
        let Context { namespace, .. } = self.request.context;
        let DistributeRequest { template, .. } = *self.request;
        let there = self.site().or_cancel(self.cloud.fleet(namespace)).await??;
        if let Some(doubt) = there.in_doubt(&template.name) {
            return Err(BakeError::Refused(Refusal::InDoubt(doubt)));
        }
        let step = decide(&self.origin.id, template, &there);
        self.remove_the_dead(&there, &step).await?;
        let (ami, how) = match step {
            Step::Stays(ami) => (*ami, How::AsItWas),
            Step::Promote(ami) => (*ami, How::Promoted),
            Step::Refused(ami) => {
                let failures = ami.reason.clone().into_iter().collect();
                return Err(BakeError::Quarantined { ami: ami.ami.into(), failures });
            }
            Step::Tampered(tampered) => return Err(BakeError::Tampered(tampered)),
            Step::Await(ami) => {
                self.note(format!("resuming with {}, which is being copied", ami.ami));
                self.claim(&ami, &there).await?;
                (self.until_available(&ami.ami).await?, How::Copied)
            }
            Step::Copy { .. } => {
                let tags = self.tags();
                let id = self.copy(&tags).await?;
                let copy = self.until_available(&id).await?;
                self.check_tags(&copy, &tags).await?;
                (copy, How::Copied)
            }
        };
        // From here on a repeat finds it whole.
        self.undo.keep_image();
        let distribution = &template.distribution;
        if ami.retired.is_some() {
            take_back(&self.cloud, &ami.ami, Some(distribution)).await?;
        }
        let settled =
            self.site().or_cancel(terms::settle(&self.cloud, &ami, distribution)).await??;
        let mut written = settled.record;
        if how != How::AsItWas {
            self.check_still_current().await?;
            let time = there.promotion_time(&template.name, Timestamp::now());
            written.extend(tags::promotion(time, self.reason()));
        }
        promote(&self.cloud, &ami, &written, self.request.context.actor.is_gone).await?;
        if how == How::Promoted {
            make_available(&self.cloud, &ami.ami, Some(distribution)).await?;
        }
        Ok(Distributed { ami, how, terms: settled.changed })
    }

    /// What a dead process has begun is this one's from now on.
    async fn claim(&self, ami: &Ami, there: &Fleet) -> Result<(), BakeError> {
        let Actor { is_gone, owner, operator, .. } = self.request.context.actor;
        let DistributeRequest { template, .. } = *self.request;
        let dead = resume::dead_images(there, &template.name, is_gone, Timestamp::now());
        if !dead.iter().any(|it| it.ami == ami.ami) {
            return Ok(());
        }
        let claim = claim(self.lease(), owner, operator);
        Ok(adopt(&self.cloud, Target::Image(&ami.ami), &claim, is_gone).await?)
    }

    fn lease(&self) -> Timestamp {
        lease_end(Timestamp::now(), self.request.template.timeouts.copy + MARGIN)
    }

    /// A copy may take long: what has become current in the first region meanwhile is to be
    /// current here, and not this.
    async fn check_still_current(&self) -> Result<(), BakeError> {
        let Context { cloud, namespace, .. } = self.request.context;
        let DistributeRequest { template, .. } = *self.request;
        let first = self.site().or_cancel(cloud.fleet(namespace)).await??;
        let other = first.current(&template.name).filter(|it| it.ami != self.origin.id);
        match other.filter(|it| it.promoted_at() > Some(self.began)) {
            None => Ok(()),
            Some(other) => Err(BakeError::Overtaken { by: other.ami.clone().into() }),
        }
    }

    /// What dead processes have begun there for the template, and EC2 could not make.
    async fn remove_the_dead(&self, there: &Fleet, step: &Step) -> Result<(), BakeError> {
        let Actor { is_gone, .. } = self.request.context.actor;
        let DistributeRequest { template, .. } = *self.request;
        let own = match step {
            Step::Await(ami) | Step::Promote(ami) | Step::Stays(ami) | Step::Refused(ami) => {
                Some(ami.ami.as_str())
            }
            Step::Tampered(tampered) => Some(tampered.ami.as_str()),
            Step::Copy { .. } => None,
        };
        let dead = resume::dead_images(there, &template.name, is_gone, Timestamp::now());
        let failed = match step {
            Step::Copy { failed } => failed.as_slice(),
            _ => &[],
        };
        let mut removed: Vec<&Ami> = dead.into_iter().chain(failed).collect();
        removed.retain(|ami| Some(ami.ami.as_str()) != own);
        removed.sort_by_key(|ami| &ami.ami);
        removed.dedup_by_key(|ami| &ami.ami);
        // Nothing starts from what EC2 could not make, so that nobody is asked about it.
        let may_be_used = |ami: &&Ami| ami.status != Status::Failed;
        if !removed.iter().any(may_be_used) {
            return self.remove(&removed, &Holders::default()).await;
        }
        let (first, namespace) = (self.request.context.cloud, self.request.context.namespace);
        let fleet = self.site().or_cancel(first.fleet(namespace)).await??;
        let consumers = self.request.consumers;
        let holders = self.site().or_cancel(consumers.holders(first, &fleet)).await?;
        self.remove(&removed, &holders).await
    }

    /// A failure is only told: `sweep` is there for what stays.
    async fn remove(&self, removed: &[&Ami], holders: &Holders) -> Result<(), BakeError> {
        let Actor { operator, owner, is_gone, .. } = self.request.context.actor;
        let actor = Actor { operator, owner, is_gone };
        for ami in removed {
            let leftover = Leftover::of_image(LeftBecause::ProcessEnded, ami);
            let named = leftover.named_by(holders).filter(|_| ami.status != Status::Failed);
            if let Some(why) = named {
                self.note(format!("{} is kept: {why}", ami.ami));
                continue;
            }
            if self.request.context.cancel.is_cancelled() {
                return Err(BakeError::Cancelled);
            }
            // Not cancelled half way: a claim would stay.
            match remove_leftover(&self.cloud, &leftover, actor).await {
                Ok(_) => {
                    self.note(format!("removed {}, which is {} and unusable", ami.ami, ami.state))
                }
                Err(error) => self.warn(format!("{} was not removed: {error}", ami.ami)),
            }
        }
        Ok(())
    }

    /// Begins the copy.
    async fn copy(&mut self, tags: &Tags) -> Result<String, BakeError> {
        let (origin, template) = (self.origin, self.request.template);
        let token = format!("amiable-{}", new_bake());
        let key = template.distribution.encrypt.as_ref();
        let key = key.map(|encryption| encryption.key_in(self.cloud.region()));
        self.site().or_cancel(self.cloud.turn(Action::CopyImage, &origin.id)).await?;
        // Not cancelled half way: the id must be known for the copy to be undone.
        self.undo.awaits(Some("an image"));
        let answer = self.begin_copy(&token, key, tags).await;
        // A repeat with the same token finds its own: that the name is taken tells of another's.
        let is_taken = |error: &CloudError| error.code.as_deref() == Some(NAME_TAKEN);
        let is_others = answer.as_ref().err().is_some_and(is_taken);
        let id = match answer {
            Ok(id) => Ok(id),
            Err(error) => {
                found_all_the_same(error, async || {
                    self.cloud.copies_under_way(&origin.name, &origin.id).await
                })
                .await
            }
        };
        self.undo.awaits(None);
        let id = id?;
        if is_others {
            self.note(format!("resuming with {id}, which another process is copying"));
            return Ok(id.into());
        }
        self.undo.image(&id);
        self.note(format!("copying to {id}"));
        Ok(id.into())
    }

    /// Asks for the copy, again and again while the region has as many under way as EC2 allows.
    async fn begin_copy(
        &self,
        token: &str,
        key: Option<Option<&str>>,
        tags: &Tags,
    ) -> Result<AmiId, CloudError> {
        let Context { cancel, .. } = &self.request.context;
        let DistributeRequest { template, .. } = self.request;
        let end = Instant::now() + template.timeouts.copy;
        let (from, mut pause) = (self.request.context.cloud.region(), FIRST_PAUSE);
        loop {
            let mut tags = tags.clone();
            tags.insert(tags::LEASE.to_owned(), self.lease().to_string());
            let answer = self.cloud.copy_image_from(from, self.origin, token, key, &tags).await;
            match answer {
                Err(error) if error.code.as_deref() == Some(TOO_MANY) && Instant::now() < end => {
                    if pause == FIRST_PAUSE {
                        self.note(format!("waiting for other copies to end: {}", error.message));
                    }
                }
                other => return other,
            }
            tokio::select! {
                () = cancel.cancelled() => return Err(CloudError::answer(Action::CopyImage, "cancelled")),
                () = tokio::time::sleep(pause) => {}
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// All tags of the original, but for what is that one's alone.
    fn tags(&self) -> Tags {
        let Actor { operator, owner, .. } = self.request.context.actor;
        let DistributeRequest { template, .. } = self.request;
        let mut tags = self.origin.tags.clone();
        let own = [
            tags::PROMOTED,
            tags::DURATIONS,
            tags::DISTRIBUTION,
            tags::QUARANTINED,
            tags::RETIRED,
            tags::DELETING,
        ];
        tags.retain(|key, _| !tags::is_reserved(key) && !own.contains(&key.as_str()));
        for consumer in &template.consumers {
            if let Some((key, value)) = kind(consumer).tag()
                && tags.get(key).map(String::as_str) == Some(value)
            {
                tags.remove(key);
            }
        }
        let from = self.request.context.cloud.region();
        tags.extend(tags::of([
            (tags::COPY_OF, self.origin.id.clone().into()),
            (tags::LEASE, self.lease().to_string()),
            (tags::OWNER, (*owner).to_owned()),
            (tags::REASON, format!("copied from {} in {from} by {operator}", self.origin.id)),
        ]));
        tags
    }

    /// EC2 tags a copy when it makes it; what is like EC2 may leave that out.
    async fn check_tags(&self, ami: &Ami, tags: &Tags) -> Result<(), BakeError> {
        if ami.copy_of.as_ref() == tags.get(tags::COPY_OF) {
            return Ok(());
        }
        let mut ids: Vec<&str> = vec![&ami.ami];
        ids.extend(ami.snapshots.iter().map(|it| it.as_str()));
        Ok(self.cloud.tag(&ids, tags).await?)
    }

    async fn until_available(&self, id: &str) -> Result<Ami, BakeError> {
        let Context { cancel, .. } = &self.request.context;
        let DistributeRequest { template, .. } = self.request;
        let limit = template.timeouts.copy;
        let what = "the copy of the image";
        let facts = until_available(&self.cloud, id, limit, cancel, what).await?;
        let is_plain = !facts.encrypted;
        if template.distribution.encrypt.is_some() && is_plain {
            return Err(BakeError::NotEncrypted(id.to_owned()));
        }
        // Nothing says that a copy has it of its original.
        if template.imds_v2 && !facts.imds_v2 {
            self.cloud.require_imds_v2(id).await?;
        }
        Ok(Ami::read(facts, self.cloud.region()))
    }

    /// Why the copy is current: because its original is.
    fn reason(&self) -> String {
        let region = self.request.context.cloud.region();
        let of = self.origin.tags.get(tags::REASON).map(|it| format!(": {it}")).unwrap_or_default();
        format!("as {} in {region}, by {}{of}", self.origin.id, self.request.context.actor.operator)
    }

    /// A copy that is under way is gone on with by a repeat, unless someone asked to stop.
    async fn fail(&mut self, cancelled: bool) {
        if !cancelled {
            self.undo.keep_image();
        }
        for undone in self.undo.run_all(&self.cloud).await {
            match undone {
                Undone::Done(what) => self.note(what),
                Undone::Left { id, error } => self.warn(format!("{id} was not removed: {error}")),
            }
        }
    }
}
