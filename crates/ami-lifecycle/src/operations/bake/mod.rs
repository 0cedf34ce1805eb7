//! A bake: from a base AMI to a new current one.
//!
//! ```text
//!   resolve -> check out -> launch -> cloud-init -> deliver -> script -> seal
//!                             |                                            |
//!                             |   any failure: undo, in reverse            v
//!                             |                 image <- (backup) <------ stop
//!                             |                   |
//!                             '<-- terminate <----+--> verify -> promote
//! ```
//!
//! Nothing is changed in the cloud before `launch`; the template's current AMI is
//! not touched at all: it becomes the previous one by the promotion of the next.
//!
//! A bake that was killed is gone on with from the two places where what there is can
//! be told to be whole: a machine that is sealed, and an image.

mod adoption;
mod backup;
mod image;
pub(crate) mod name;
pub(crate) mod request;
mod spot;
mod stop;
mod trial;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use self::request::{BakeRequest, Baked, Goal, OnFailure};
use crate::ec2::error::CloudError;
use crate::ec2::instances::BootImage;
use crate::guest::Guest;
use crate::guest::about::About;
use crate::guest::kept_login::KeptLogin;
use crate::guest::script_env::ScriptEnv;
use crate::guest::site::Site;
use crate::model::ami::Ami;
use crate::model::event::{Event, Stage};
use crate::model::facts::ImageFacts;
use crate::model::fingerprint::fingerprint;
use crate::model::fleet::{Fleet, Mode};
use crate::model::id::{AmiId, InstanceId};
use crate::model::launch_spec::LaunchSpec;
use crate::model::other_source::other_source;
use crate::model::ownership::OwnershipTags;
use crate::model::resume::{self, Adopted, Takeover};
use crate::model::tags;
use crate::model::template::{CheckoutOn, Repository};
use crate::operations::bake::name::check_name;
use crate::operations::base;
use crate::operations::claim::Actor;
use crate::operations::context::Context;
use crate::operations::error::{BakeError, FailedIn, KeptInstance};
use crate::operations::interruption::is_interrupted;
use crate::operations::launch::{self, Order, Started};
use crate::operations::placed::placed;
use crate::operations::undo::{Undo, Undone};
use crate::operations::variables::read_variables;
use crate::operations::verify::{
    Specimen, examine_smoke_test, hide, prove, quarantine, tell_what_is_left,
};
use crate::source::{self, Checkout};

/// Bakes; a trial makes nothing. Whatever fails, what was begun is undone, and the AMI that was
/// current stays so.
///
/// # Errors
/// Where it failed and why, and what is left if undoing failed too.
pub async fn bake(request: BakeRequest<'_>) -> Result<Option<Baked>, FailedIn> {
    let looked_up = placed(request.context.cloud, request.template);
    let site = request.context.site(request.template);
    let looked_up = site.or_cancel(looked_up).await.map_err(BakeError::from).flatten();
    let template = &*looked_up.map_err(not_begun)?;
    let request = BakeRequest { template, ..request };
    let whole = template.timeouts.whole();
    let mut bake = Bake {
        marks: request.context.new_marks(template),
        stage: None,
        durations: Vec::new(),
        login: None,
        variables: None,
        interruptions: 0,
        current: None,
        undo: Undo::new(request.context.holdings.clone()),
        request: &request,
    };
    bake.undo.set_bake(&bake.marks.bake);
    let outcome = tokio::time::timeout(whole, bake.run()).await;
    // When the lease has ended, what the bake has made is nobody's: others may remove it.
    let outcome =
        outcome.unwrap_or(Err(BakeError::TimedOut { what: "the bake as a whole", limit: whole }));
    match outcome {
        Ok(baked) => Ok(baked),
        Err(error) => Err(bake.fail(error).await),
    }
}

/// How a bake fails before it has begun.
fn not_begun(error: BakeError) -> FailedIn {
    let (current, kept, pending, left) = Default::default();
    FailedIn { stage: Stage::Resolve, error, current, kept, pending, left }
}

/// A bake under way.
struct Bake<'a> {
    marks: OwnershipTags<'a>,
    /// The stage under way, and since when.
    stage: Option<(Stage, Instant)>,
    /// How long the stages before took.
    durations: Vec<(Stage, Duration)>,
    /// How to log in to the builder, once there was a login.
    login: Option<KeptLogin>,
    /// The variables of the template's scripts, once they were read.
    variables: Option<ScriptEnv>,
    /// How often EC2 has taken the builder back.
    interruptions: u32,
    /// The template's current AMI when the bake began.
    current: Option<AmiId>,
    undo: Undo,
    request: &'a BakeRequest<'a>,
}

/// What is known before anything is changed.
struct Plan {
    fleet: Arc<Fleet>,
    generation: u64,
    name: String,
    base: ImageFacts,
    checkout: Option<Checkout>,
    recipe: String,
    takeover: Takeover,
}

/// A builder that has nothing left to do but to stop.
struct Provisioned {
    instance: InstanceId,
    revision: String,
    /// What no instance of the AMI may have in common with it.
    identity: String,
}

/// An image that EC2 has made.
struct NewImage {
    facts: ImageFacts,
    generation: u64,
}

impl<'a> Bake<'a> {
    async fn run(&mut self) -> Result<Option<Baked>, BakeError> {
        let plan = self.plan().await?;
        let baked = match self.request.goal {
            Goal::Trial => self.try_out(&plan).await.map(|()| None)?,
            Goal::Pending | Goal::Current => Some(self.make(&plan).await?),
        };
        tell_what_is_left(self.site(), self.undo.close_access(self.request.context.cloud).await);
        self.close();
        Ok(baked)
    }

    /// Makes the AMI.
    async fn make(&mut self, plan: &Plan) -> Result<Baked, BakeError> {
        self.remove_the_dead(plan).await;
        let image = match &plan.takeover.adopted {
            Some(Adopted::Image(ami)) => self.adopt_image(ami).await?,
            Some(Adopted::Machine { id, bake, revision, identity }) => {
                let provisioned = Provisioned {
                    instance: id.clone(),
                    revision: revision.clone(),
                    identity: identity.clone(),
                };
                self.adopt_machine(id, bake).await?;
                match self.image_of(provisioned, plan).await {
                    Ok(image) => image,
                    Err(error) if self.begins_anew(&error).await => self.build(plan).await?,
                    Err(error) => return Err(error),
                }
            }
            None => self.build(plan).await?,
        };
        let promoted = self.prove_and_promote(&image, plan).await?;
        let previous = self.current.clone().filter(|_| promoted);
        let NewImage { facts, generation } = image;
        let boot_script = facts.tags.get(tags::BOOT_SCRIPT).cloned();
        Ok(Baked { ami: facts.id, name: facts.name, generation, promoted, boot_script, previous })
    }

    fn site(&self) -> Site<'a> {
        self.request.context.site(self.request.template)
    }

    /// Reads and decides; changes nothing.
    async fn plan(&mut self) -> Result<Plan, BakeError> {
        self.enter(Stage::Resolve);
        let Context { cloud, namespace, .. } = self.request.context;
        let Actor { is_gone, .. } = self.request.context.actor;
        let BakeRequest { template, mode, .. } = *self.request;
        let fleet = self.site().or_cancel(cloud.fleet(namespace)).await??;
        let machines = self.site().or_cancel(cloud.machines(namespace, &template.name)).await??;
        self.current = fleet.current(&template.name).map(|current| current.ami.clone());
        if let Some(durations) = fleet.last_durations(&template.name) {
            self.request.context.observer.event(Event::Expected(durations.to_vec()));
        }
        let is_trial = self.request.goal == Goal::Trial;
        let mode = if is_trial { Mode::Update } else { mode };
        let generation = fleet.decide(&template.name, mode)?;
        let now = Timestamp::now();
        if !is_trial
            && let Some(busy) = resume::busy(&fleet, &machines, &template.name, is_gone, now)
        {
            return Err(BakeError::Busy(busy));
        }
        let below = self.request.below.as_deref();
        let base = self.site().or_cancel(base::resolve(cloud, &fleet, template, below)).await??;
        let BakeRequest { pattern, .. } = *self.request;
        let name = name::name_of(namespace, pattern, template, generation)?;
        if !is_trial {
            let looked_up = check_name(cloud, namespace, pattern, template, &name);
            self.site().or_cancel(looked_up).await??;
            if pattern.names_recur() {
                self.check_the_name(&fleet, &name).await?;
            }
        }
        self.note(format!("base {} ({})", base.id, base.name));
        let checkout = self.check_out().await?;
        let content = checkout.as_ref().map_or("", |checkout| &checkout.revision);
        let current = fleet.current(&template.name);
        if let Some(other) =
            current.and_then(|current| other_source(template, current, Some(content)))
        {
            self.warn(format!("{other}: {}", other.hint()));
        }
        let recipe = fingerprint(template, &base.id, content);
        // Each trial begins anew, and leaves what others have left to those who bake.
        let takeover = match is_trial {
            true => Takeover::default(),
            false => self.take_over(&fleet, &machines, &recipe),
        };
        Ok(Plan { fleet, generation, name, base, checkout, recipe, takeover })
    }

    /// The checkout on this machine, where it is made here.
    async fn check_out(&mut self) -> Result<Option<Checkout>, BakeError> {
        let template = self.request.template;
        if template.source.on == CheckoutOn::Instance {
            return Ok(None);
        }
        self.enter(Stage::Checkout);
        let scripts: Vec<&String> = template.script_paths().collect();
        let checkout = source::check_out(&template.source, &scripts);
        let checkout = self.site().or_cancel(checkout).await??;
        if let Repository::Vcs { .. } = template.source.repository {
            self.note(format!("{} at {}", template.source.url(), checkout.revision));
        }
        checkout.notes.iter().for_each(|note| self.note(note.clone()));
        Ok(Some(checkout))
    }

    /// The variables of the scripts, read once: what prints a secret may not do so again an hour later.
    async fn variables(&mut self) -> Result<ScriptEnv, BakeError> {
        if let Some(read) = &self.variables {
            return Ok(read.clone());
        }
        let read = read_variables(self.site()).await?;
        Ok(self.variables.insert(read).clone())
    }

    /// Starts the builder and logs in.
    async fn launch(&mut self, plan: &Plan) -> Result<Started, BakeError> {
        // Before the message that an instance is started.
        if !matches!(self.request.goal, Goal::Trial | Goal::Pending) {
            examine_smoke_test(self.request.template)?;
        }
        let env = self.variables().await?;
        self.enter(Stage::Launch);
        let template = self.request.template;
        let is_trial = self.request.goal == Goal::Trial;
        let image = BootImage {
            id: &plan.base.id,
            root_device: &plan.base.root_device_name,
            encrypts: self.encrypts(plan),
            lasting: &plan.base.lasting_devices,
        };
        let order = Order {
            site: self.site(),
            marks: &self.marks,
            image,
            spec: LaunchSpec { spot: self.spot(), ..template.launch.clone() },
            name: format!("amiable {}", plan.name),
            stage: if is_trial { resume::TRIAL } else { resume::BUILDING },
            tags: tags::of([(tags::RECIPE, plan.recipe.clone())]),
            user_data: template.user_data.as_deref(),
            imds_of_image: false,
            alone: !is_trial,
            about: About {
                template: template.name.clone(),
                generation: plan.generation,
                base_ami: plan.base.id.to_string(),
                arch: template.arch,
                env,
            },
            is_gone: self.request.context.actor.is_gone,
            is_first: plan.fleet.amis().is_empty(),
        };
        let started = launch::start(&order, &mut self.undo).await?;
        self.login = Some(started.login.clone());
        Ok(started)
    }

    /// The disks that are encrypted from the beginning, so that the AMI's are, too.
    fn encrypts(&self, plan: &Plan) -> Vec<String> {
        let template = self.request.template;
        let wanted = template.distribution.encrypt.is_some();
        let further = template.launch.volumes.iter().map(|it| &it.device);
        plan.base.ebs_devices.iter().chain(further).filter(|_| wanted).cloned().collect()
    }

    /// Does all that is done inside the guest.
    async fn provision(&mut self, started: Started, plan: &Plan) -> Result<Provisioned, BakeError> {
        let Started { id, mut guest, .. } = started;
        self.enter(Stage::CloudInit);
        self.site().or_cancel(guest.wait_for_cloud_init()).await??;
        self.site().or_cancel(guest.check_account()).await??;
        self.site().or_cancel(guest.quiet()).await??;
        self.enter(Stage::Deliver);
        let revision = self.deliver(&mut guest, plan).await?;
        self.enter(Stage::Script);
        self.site().or_cancel(guest.run_init()).await??;
        self.enter(Stage::Seal);
        // From here on the bake's key lets nobody in.
        self.login = None;
        let identity = self.site().or_cancel(guest.seal()).await??;
        guest.log_out().await;
        Ok(Provisioned { instance: id, revision, identity })
    }

    /// From here on another bake can go on with the machine.
    async fn mark(&self, provisioned: &Provisioned) -> Result<(), BakeError> {
        let Provisioned { instance, revision, identity } = provisioned;
        let tags = tags::of([
            (tags::STAGE, resume::PROVISIONED.to_owned()),
            (tags::SOURCE_REVISION, revision.clone()),
            (tags::BUILDER, identity.clone()),
        ]);
        Ok(self.request.context.cloud.tag(std::slice::from_ref(instance), &tags).await?)
    }

    /// Brings the source to the guest and returns the revision that was checked out.
    async fn deliver(&self, guest: &mut Guest, plan: &Plan) -> Result<String, BakeError> {
        match &plan.checkout {
            Some(checkout) => {
                self.site().or_cancel(guest.send(checkout)).await??;
                Ok(checkout.revision.clone())
            }
            None => {
                let revision = self.site().or_cancel(guest.check_out()).await??;
                self.note(format!("{} at {revision}", self.request.template.source.url()));
                Ok(revision)
            }
        }
    }

    /// Stops the builder, makes the image, and ends the builder.
    async fn image_of(
        &mut self,
        provisioned: Provisioned,
        plan: &Plan,
    ) -> Result<NewImage, BakeError> {
        self.stop(&provisioned.instance).await?;
        if self.request.pattern.names_recur() {
            self.free_the_name(&plan.name).await?;
        }
        let facts = self.image(&provisioned, plan).await?;
        if self.request.template.distribution.encrypt.is_some() && !facts.encrypted {
            return Err(BakeError::NotEncrypted(facts.id.into()));
        }
        self.terminate(&provisioned.instance).await;
        Ok(NewImage { facts, generation: plan.generation })
    }

    /// Proves the new AMI and makes it current, each by one write. Without proof it waits.
    async fn prove_and_promote(
        &mut self,
        image: &NewImage,
        plan: &Plan,
    ) -> Result<bool, BakeError> {
        let Context { cloud, .. } = self.request.context;
        let Actor { operator, .. } = self.request.context.actor;
        let BakeRequest { template, goal, .. } = *self.request;
        let id = [image.facts.id.clone()];
        if template.imds_v2 && !image.facts.imds_v2 {
            cloud.require_imds_v2(&image.facts.id).await?;
        }
        if goal == Goal::Pending {
            let reason = format!("baked by {operator}, not verified");
            let tags = tags::of([
                (tags::LEASE, tags::NO_LEASE.into()),
                (tags::REASON, reason),
                (tags::DURATIONS, self.durations()),
            ]);
            cloud.tag(&id, &tags).await?;
            self.undo.keep_image();
            return Ok(false);
        }
        self.verify(image, plan).await?;
        self.enter(Stage::Promote);
        if self.request.context.cancel.is_cancelled() {
            return Err(BakeError::Cancelled);
        }
        let now = Timestamp::now();
        let time = plan.fleet.promotion_time(&template.name, now);
        let mut tags = tags::promotion(time, format!("baked by {operator}"));
        tags.insert(tags::VERIFIED.to_owned(), now.to_string());
        tags.insert(tags::DURATIONS.to_owned(), self.durations());
        cloud.tag(&id, &tags).await?;
        self.undo.keep_image();
        Ok(true)
    }

    async fn verify(&mut self, image: &NewImage, plan: &Plan) -> Result<(), BakeError> {
        self.enter(Stage::Verify);
        let Context { cloud, .. } = self.request.context;
        let Actor { operator, is_gone, .. } = self.request.context.actor;
        let ami = Ami::read(image.facts.clone(), cloud.region());
        let runs_scripts = self.request.template.verify.is_some();
        let env = if runs_scripts { self.variables().await? } else { ScriptEnv::default() };
        let site = self.site();
        let specimen = Specimen { ami: &ami, checkout: plan.checkout.as_ref(), env };
        let failures = prove(site, &self.marks, &specimen, is_gone, &mut self.undo).await?;
        if failures.is_empty() {
            return Ok(());
        }
        let tags = quarantine(Timestamp::now(), &failures, operator);
        cloud.tag(std::slice::from_ref(&image.facts.id), &tags).await?;
        self.undo.keep_image();
        hide(site, &image.facts.id).await;
        Err(BakeError::Quarantined { ami: image.facts.id.clone().into(), failures })
    }

    /// Asked for, not waited for. By now the AMI stands, so a failure is only told.
    async fn terminate(&mut self, instance: &str) {
        self.enter(Stage::Terminate);
        match self.request.context.cloud.terminate(instance).await {
            Ok(_) => self.undo.forget_instance(instance),
            Err(error) => self.warn(format!("the instance {instance} was not terminated: {error}")),
        }
    }

    async fn fail(&mut self, error: BakeError) -> FailedIn {
        let stage = self.stage.take().map_or(Stage::Resolve, |(stage, _)| stage);
        let keep =
            self.request.on_failure == OnFailure::Keep && !matches!(error, BakeError::Cancelled);
        let kept = if keep { self.keep().await } else { None };
        self.find_what_was_cut_off().await;
        // That EC2 is slow or refuses something is no failure of the AMI's.
        let is_usable = self.undo.has_image() && error.spares_the_image();
        let pending = if is_usable { self.undo.keep_image() } else { None };
        // That goes without saying: it ends with each bake.
        let closed = self.undo.close_access(self.request.context.cloud).await.into_iter();
        let mut left: Vec<(String, CloudError)> = closed.filter_map(Undone::left).collect();
        if !self.undo.is_empty() {
            self.enter(Stage::Undo);
            for undone in self.undo.run_all(self.request.context.cloud).await {
                match undone {
                    Undone::Done(what) => self.note(what),
                    Undone::Left { id, error } => left.push((id, error)),
                }
            }
        }
        self.close();
        FailedIn { stage, error, current: self.current.clone(), kept, pending, left }
    }

    /// Leaves the builder, and says so on it, so that no other bake removes it.
    async fn keep(&mut self) -> Option<KeptInstance> {
        let Context { cloud, namespace, .. } = self.request.context;
        let machine = self.undo.machine()?;
        if is_interrupted(cloud, namespace, &machine).await {
            self.note(format!("{machine} cannot be kept: EC2 has taken it back"));
            return None;
        }
        let instance = self.undo.keep_instance()?;
        let tags = tags::of([(tags::STAGE, resume::KEPT.to_owned())]);
        let mut kept = vec![instance.clone()];
        kept.extend(self.undo.keep_access(self.request.context.cloud).await);
        if let Err(error) = self.request.context.cloud.tag(&kept, &tags).await {
            self.warn(format!("{instance} could not be marked as kept: {error}"));
        }
        let until = self.marks.lease;
        Some(KeptInstance { instance, login: self.login.take(), until })
    }

    /// How long its stages took, as the tag has it.
    fn durations(&self) -> String {
        let mut parts: Vec<(Stage, Duration)> = Vec::new();
        for (stage, took) in &self.durations {
            match parts.iter_mut().find(|(other, _)| other == stage) {
                Some((_, whole)) => *whole += *took,
                None => parts.push((*stage, *took)),
            }
        }
        let one = |(stage, took): &(Stage, Duration)| {
            format!("{}={:.1}", stage.name(), took.as_secs_f64())
        };
        parts.iter().map(one).collect::<Vec<String>>().join(" ")
    }

    /// Begins a stage; the one before has ended well then.
    fn enter(&mut self, stage: Stage) {
        self.close();
        self.stage = Some((stage, Instant::now()));
        self.request.context.observer.event(Event::Stage(stage));
    }

    fn close(&mut self) {
        if let Some((stage, began)) = self.stage.take() {
            let took = began.elapsed();
            self.durations.push((stage, took));
            self.request.context.observer.event(Event::Done(stage, took));
        }
    }

    fn note(&self, text: String) {
        self.request.context.observer.event(Event::Note(text));
    }

    fn warn(&self, text: String) {
        self.request.context.observer.event(Event::Warning(text));
    }
}
