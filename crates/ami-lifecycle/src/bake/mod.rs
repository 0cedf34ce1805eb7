//! A bake: from a base AMI to a new current one.
//!
//! ```text
//!   resolve -> check out -> launch -> cloud-init -> deliver -> script -> tidy
//!                             |                                            |
//!                             |   any failure: undo, in reverse            v
//!                             '<-- terminate <-- promote <-- image <---- stop
//! ```
//!
//! Nothing is changed in the cloud before `launch`; the template's current AMI is
//! not touched at all: it becomes the previous one by the promotion of the next.

mod base;
mod builder;
mod error;
mod keys;
mod remote;
mod undo;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use tokio_util::sync::CancellationToken;

pub use self::base::resolve_base;
use self::builder::Builder;
pub use self::error::{BakeError, FailedIn, KeptInstance, KeptLogin};
use self::keys::BakeKeys;
use self::undo::{Undo, Undone};
use crate::ami::SourceRecord;
use crate::cloud::{Cloud, ImageFacts, Launch};
use crate::error::CloudError;
use crate::event::{Event, Observer, Stage};
use crate::fleet::Fleet;
use crate::naming::{NameParts, Pattern};
use crate::source::{self, Checkout};
use crate::tags::{self, Tags};
use crate::template::{CheckoutOn, Namespace, Template};
use crate::wait;

/// Whether a current AMI is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The first AMI of a template: refused where there is one.
    Create,
    /// The next one; the current one becomes the backup.
    Update,
}

/// What becomes of the instance when the bake fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It is terminated.
    Terminate,
    /// It stays, to be looked at.
    Keep,
}

/// A bake to be done.
pub struct BakeRequest<'a> {
    /// The account and region.
    pub cloud: &'a Cloud,
    /// What separates these AMIs from others.
    pub namespace: &'a Namespace,
    /// How AMIs are named.
    pub pattern: &'a Pattern,
    /// What to bake.
    pub template: &'a Template,
    /// Whether a current AMI is expected.
    pub mode: Mode,
    /// What becomes of the instance after a failure.
    pub on_failure: OnFailure,
    /// Who bakes, as `user@host`.
    pub operator: &'a str,
    /// The version of amiable, for the record.
    pub version: &'a str,
    /// Takes events.
    pub observer: Arc<dyn Observer>,
    /// Cancelled when the bake is to end early; it is undone then.
    pub cancel: CancellationToken,
}

/// A finished bake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baked {
    /// The new current AMI.
    pub ami: String,
    /// Its name.
    pub name: String,
    /// Its generation.
    pub generation: u64,
    /// The AMI that was current until now, and stays as backup.
    pub previous: Option<String>,
}

/// Bakes. Whatever fails, what was begun is undone, and the AMI that was current
/// stays so.
///
/// # Errors
/// Where it failed and why, and what is left if undoing failed too.
pub async fn bake(request: BakeRequest<'_>) -> Result<Baked, FailedIn> {
    let mut bake = Bake {
        id: format!("{:012x}", rand::rng().random::<u64>() >> 16),
        lease: lease_end(Timestamp::now(), request.template.timeouts.whole()),
        stage: None,
        login: None,
        current: None,
        undo: Undo::default(),
        request: &request,
    };
    bake.undo.set_bake(&bake.id);
    let whole = request.template.timeouts.whole();
    let outcome = tokio::time::timeout(whole, bake.run()).await;
    // When the lease has ended, what the bake has made is nobody's: others may remove it.
    let outcome =
        outcome.unwrap_or(Err(BakeError::TimedOut { what: "the bake as a whole", limit: whole }));
    match outcome {
        Ok(baked) => Ok(baked),
        Err(error) => Err(bake.fail(error).await),
    }
}

/// When the lease of a bake ends that begins now, in whole seconds.
fn lease_end(now: Timestamp, whole: Duration) -> Timestamp {
    let end = SignedDuration::try_from(whole).ok().and_then(|whole| now.checked_add(whole).ok());
    let end = end.unwrap_or(Timestamp::MAX);
    Timestamp::from_second(end.as_second()).unwrap_or(end)
}

/// How often, and how far apart, is looked for what a call may have made.
const LOST_TRIES: u32 = 8;
const LOST_PAUSE: Duration = Duration::from_secs(1);

/// What a call has made though it failed; the error when that is nothing. EC2 may need a
/// moment to show it.
async fn found_all_the_same(
    error: CloudError,
    look: impl AsyncFn() -> Result<Vec<String>, CloudError>,
) -> Result<String, BakeError> {
    if !error.may_have_happened() {
        return Err(error.into());
    }
    for _ in 0..LOST_TRIES {
        if let Ok(Some(id)) = look().await.map(|ids| ids.into_iter().next()) {
            return Ok(id);
        }
        tokio::time::sleep(LOST_PAUSE).await;
    }
    Err(error.into())
}

/// A bake under way.
struct Bake<'a> {
    id: String,
    /// Until when what it makes is its own.
    lease: Timestamp,
    /// The stage under way, and since when.
    stage: Option<(Stage, Instant)>,
    /// How to log in to the builder, once there was a login.
    login: Option<KeptLogin>,
    /// The template's current AMI when the bake began.
    current: Option<String>,
    undo: Undo,
    request: &'a BakeRequest<'a>,
}

/// What is known before anything is changed.
struct Plan {
    fleet: Fleet,
    generation: u64,
    name: String,
    base: ImageFacts,
    checkout: Option<Checkout>,
}

impl Bake<'_> {
    async fn run(&mut self) -> Result<Baked, BakeError> {
        let plan = self.plan().await?;
        let keys = BakeKeys::generate();
        let (instance, builder) = self.launch(&plan, keys).await?;
        let revision = self.provision(builder, &plan).await?;
        self.stop(&instance).await?;
        let ami = self.image(&instance, &plan, revision).await?;
        self.promote(&ami, &plan).await?;
        self.terminate(&instance).await;
        self.close();
        let previous = self.current.clone();
        Ok(Baked { ami, name: plan.name, generation: plan.generation, previous })
    }

    /// Reads and decides; changes nothing.
    async fn plan(&mut self) -> Result<Plan, BakeError> {
        self.enter(Stage::Resolve);
        let BakeRequest { cloud, namespace, template, mode, .. } = *self.request;
        let fleet = self.or_cancel(cloud.fleet(namespace)).await??;
        self.current = fleet.current(&template.name).map(|current| current.ami.clone());
        let generation = fleet.decide(&template.name, mode)?;
        let base = self.or_cancel(resolve_base(cloud, &fleet, template)).await??;
        let name = self.request.pattern.render(&NameParts {
            namespace: &namespace.0,
            template: &template.name,
            system: &template.system,
            os: &template.os,
            arch: template.arch.as_str(),
            date: Timestamp::now().to_zoned(TimeZone::UTC).date(),
            generation,
        })?;
        self.note(format!("base {} ({})", base.id, base.name));
        let checkout = match template.source.on {
            CheckoutOn::Instance => None,
            CheckoutOn::Operator => {
                self.enter(Stage::Checkout);
                let checkout = source::check_out(&template.source, &template.script);
                let checkout = self.or_cancel(checkout).await??;
                if !checkout.revision.is_empty() {
                    self.note(format!("{} at {}", template.source.url(), checkout.revision));
                }
                Some(checkout)
            }
        };
        Ok(Plan { fleet, generation, name, base, checkout })
    }

    /// Starts the builder and logs in.
    async fn launch(
        &mut self,
        plan: &Plan,
        keys: BakeKeys,
    ) -> Result<(String, Builder), BakeError> {
        self.enter(Stage::Launch);
        let template = self.request.template;
        let launch = Launch {
            image: &plan.base,
            instance_type: &template.instance_type,
            security_groups: &template.security_groups,
            subnet: template.subnet.as_deref(),
            instance_profile: template.instance_profile.as_deref(),
            volume_size: template.volume_size,
            user_data: &keys.user_data(&template.ssh_user, template.timeouts.whole()),
            client_token: &format!("amiable-{}", self.id),
            tags: &self.instance_tags(&plan.name),
        };
        // Not cancelled half way: the id must be known for the instance to be ended.
        self.undo.begin_launch();
        let instance = match self.request.cloud.launch(&launch).await {
            Ok(instance) => instance,
            Err(error) if !error.may_have_happened() => {
                self.undo.launch_was_refused();
                return Err(error.into());
            }
            Err(error) => self.started_all_the_same(error).await?,
        };
        self.undo.instance(&instance);
        self.note(format!("instance {instance}"));
        let (builder, login) = Builder::reach(self.request, &instance, keys, &self.id).await?;
        self.login = Some(login);
        Ok((instance, builder))
    }

    /// The instance of a RunInstances whose answer was lost, found by the bake's tag.
    async fn started_all_the_same(&self, error: CloudError) -> Result<String, BakeError> {
        let cloud = self.request.cloud;
        found_all_the_same(error, async || cloud.instances_of_bake(&self.id).await).await
    }

    /// The image of a CreateImage whose answer was lost, likewise.
    async fn made_all_the_same(&self, error: CloudError) -> Result<String, BakeError> {
        let cloud = self.request.cloud;
        found_all_the_same(error, async || cloud.images_of_bake(&self.id).await).await
    }

    /// Does all that is done inside the guest, and returns the revision that was checked out.
    async fn provision(&mut self, builder: Builder, plan: &Plan) -> Result<String, BakeError> {
        self.enter(Stage::CloudInit);
        self.or_cancel(builder.wait_for_cloud_init()).await??;
        self.enter(Stage::Deliver);
        let revision = match &plan.checkout {
            Some(checkout) => {
                self.or_cancel(builder.send(checkout)).await??;
                checkout.revision.clone()
            }
            None => {
                let revision = self.or_cancel(builder.check_out()).await??;
                self.note(format!("{} at {revision}", self.request.template.source.url()));
                revision
            }
        };
        self.enter(Stage::Script);
        self.or_cancel(builder.run_script()).await??;
        self.enter(Stage::Tidy);
        // From here on the bake's key lets nobody in.
        self.login = None;
        self.or_cancel(builder.tidy()).await??;
        builder.log_out().await;
        Ok(revision)
    }

    async fn stop(&mut self, instance: &str) -> Result<(), BakeError> {
        self.enter(Stage::Stop);
        let BakeRequest { cloud, template, .. } = *self.request;
        cloud.stop(instance).await?;
        let stopped = async || match cloud.instance(instance).await? {
            Some(facts) if facts.state == "stopped" => Ok(Some(())),
            Some(facts) if facts.state == "terminated" => Err(BakeError::InstanceEnded {
                instance: instance.to_owned(),
                reason: facts.reason,
            }),
            _ => Ok(None),
        };
        let waited = wait::until(template.timeouts.stop, &self.request.cancel, stopped).await;
        waited.map_err(|error| BakeError::waiting("the stop of the instance", error))?;
        Ok(())
    }

    async fn image(
        &mut self,
        instance: &str,
        plan: &Plan,
        revision: String,
    ) -> Result<String, BakeError> {
        self.enter(Stage::Image);
        let BakeRequest { cloud, template, .. } = *self.request;
        let tags = self.image_tags(plan, revision);
        let description = template.description.as_deref();
        let ami = match cloud.create_image(instance, &plan.name, description, &tags).await {
            Ok(ami) => ami,
            Err(error) => self.made_all_the_same(error).await?,
        };
        self.undo.image(&ami);
        self.note(format!("image {ami} ({})", plan.name));
        let available = async || match cloud.image(&ami).await? {
            Some(image) if image.state == "available" => Ok(Some(())),
            Some(image) if image.state == "pending" => Ok(None),
            // A new image may not be seen for a moment.
            None => Ok(None),
            Some(image) => Err(BakeError::ImageFailed {
                image: image.id,
                state: image.state,
                reason: image.state_reason,
            }),
        };
        let waited = wait::until(template.timeouts.image, &self.request.cancel, available).await;
        waited.map_err(|error| BakeError::waiting("the creation of the image", error))?;
        Ok(ami)
    }

    /// One write makes the new AMI current and the old one its backup.
    async fn promote(&mut self, ami: &str, plan: &Plan) -> Result<(), BakeError> {
        self.enter(Stage::Promote);
        if self.request.cancel.is_cancelled() {
            return Err(BakeError::Cancelled);
        }
        let time = plan.fleet.promotion_time(&self.request.template.name, Timestamp::now());
        let reason = tags::fit(&format!("baked by {}", self.request.operator));
        self.request.cloud.promote(ami, time, &reason).await?;
        self.undo.keep_image();
        Ok(())
    }

    /// Asked for, not waited for. By now the AMI stands, so a failure is only told.
    async fn terminate(&mut self, instance: &str) {
        self.enter(Stage::Terminate);
        match self.request.cloud.terminate(instance).await {
            Ok(()) => {}
            Err(error) => self.warn(format!("the instance {instance} is left running: {error}")),
        }
    }

    async fn fail(&mut self, error: BakeError) -> FailedIn {
        let stage = self.stage.take().map_or(Stage::Resolve, |(stage, _)| stage);
        let keep =
            self.request.on_failure == OnFailure::Keep && !matches!(error, BakeError::Cancelled);
        let kept = if keep { self.undo.keep_instance() } else { None };
        let kept = kept.map(|instance| KeptInstance { instance, login: self.login.take() });
        let mut left = Vec::new();
        if !self.undo.is_empty() {
            self.enter(Stage::Undo);
            for undone in std::mem::take(&mut self.undo).run(self.request.cloud).await {
                match undone {
                    Undone::Done(what) => self.note(what),
                    Undone::Left { id, error } => left.push((id, error)),
                }
            }
        }
        self.close();
        FailedIn { stage, error, current: self.current.clone(), kept, left }
    }

    /// The tags of the builder and its volumes.
    fn instance_tags(&self, name: &str) -> Tags {
        let BakeRequest { namespace, template, operator, version, .. } = *self.request;
        [
            (tags::NAME, format!("amiable {name}")),
            (tags::NAMESPACE, namespace.0.clone()),
            (tags::TEMPLATE, template.name.clone()),
            (tags::BAKE, self.id.clone()),
            (tags::STAGE, "building".into()),
            (tags::LEASE, self.lease.to_string()),
            (tags::OPERATOR, operator.into()),
            (tags::VERSION, version.into()),
        ]
        .map(|(key, value)| (key.to_owned(), tags::fit(&value)))
        .into()
    }

    /// The tags of the image and its snapshots.
    fn image_tags(&self, plan: &Plan, revision: String) -> Tags {
        let BakeRequest { namespace, template, operator, version, .. } = *self.request;
        let source = SourceRecord {
            kind: template.source.kind().into(),
            url: template.source.url(),
            revision,
        };
        let own: Tags = [
            (tags::NAME, plan.name.clone()),
            (tags::NAMESPACE, namespace.0.clone()),
            (tags::TEMPLATE, template.name.clone()),
            (tags::BAKE, self.id.clone()),
            (tags::LEASE, self.lease.to_string()),
            (tags::GENERATION, plan.generation.to_string()),
            (tags::SYSTEM, template.system.clone()),
            (tags::OS, template.os.clone()),
            (tags::BASE, plan.base.id.clone()),
            (tags::SOURCE_KIND, source.kind),
            (tags::SOURCE_URL, source.url),
            (tags::SOURCE_REVISION, source.revision),
            (tags::SCRIPT, template.script.clone()),
            (tags::OPERATOR, operator.into()),
            (tags::VERSION, version.into()),
        ]
        .map(|(key, value)| (key.to_owned(), tags::fit(&value)))
        .into();
        template.metadata.clone().into_iter().chain(own).collect()
    }

    /// Drops what is under way when the bake is cancelled.
    async fn or_cancel<T>(&self, work: impl Future<Output = T>) -> Result<T, BakeError> {
        tokio::select! {
            () = self.request.cancel.cancelled() => Err(BakeError::Cancelled),
            result = work => Ok(result),
        }
    }

    /// Begins a stage; the one before has ended well then.
    fn enter(&mut self, stage: Stage) {
        self.close();
        self.stage = Some((stage, Instant::now()));
        self.request.observer.event(Event::Stage(stage));
    }

    fn close(&mut self) {
        if let Some((stage, began)) = self.stage.take() {
            self.request.observer.event(Event::Done(stage, began.elapsed()));
        }
    }

    fn note(&self, text: String) {
        self.request.observer.event(Event::Note(text));
    }

    fn warn(&self, text: String) {
        self.request.observer.event(Event::Warning(text));
    }
}
