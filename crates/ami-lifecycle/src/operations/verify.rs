//! Proving an AMI: an instance starts from it as an agent would, and is looked at.

use crate::consumer::RollError;
use crate::consumer::program::Program;
use crate::ec2::client::filter;
use crate::ec2::error::{CloudError, CloudErrorKind, chain};
use crate::ec2::instances::BootImage;
use crate::guest::about::About;
use crate::guest::error::GuestError;
use crate::guest::script_env::ScriptEnv;
use crate::guest::site::Site;
use crate::guest::{Expected, WORKDIR, is_on_console};
use crate::model::ami::{Ami, Status};
use crate::model::event::{Event, Stage};
use crate::model::facts::DISABLED;
use crate::model::fleet::{Fleet, Refusal};
use crate::model::launch_spec::{LaunchSpec, Spot, VolumeSpec};
use crate::model::lease::IsGone;
use crate::model::ownership::OwnershipTags;
use crate::model::resume::{self, Busy};
use crate::model::tags::{self, Tags};
use crate::model::tampering::Tampered;
use crate::model::template::{CheckoutOn, Repository, SmokeTest, Source, Template};
use crate::operations::claim::{Actor, promote};
use crate::operations::context::Context;
use crate::operations::error::BakeError;
use crate::operations::interruption::is_interrupted;
use crate::operations::launch::{self, Order, Started};
use crate::operations::placed::placed;
use crate::operations::retire::give_back;
use crate::operations::undo::{Undo, Undone};
use crate::operations::variables::read_variables;
use crate::source::{self, Checkout};
use jiff::Timestamp;

/// An AMI to be proven.
pub struct VerifyRequest<'a> {
    /// Who asks, and where.
    pub context: Context<'a>,
    /// The template that the AMI was baked for.
    pub template: &'a Template,
    /// All AMIs of the namespace.
    pub fleet: &'a Fleet,
    /// The AMI.
    pub ami: &'a Ami,
}

/// What verification has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What is wrong with the AMI; empty when it has passed.
    pub failures: Vec<String>,
    /// It was pending and is current now.
    pub promoted: bool,
    /// It is quarantined now.
    pub quarantined: bool,
}

/// Why there is no verdict.
#[derive(Debug)]
pub struct NotVerified {
    /// Why.
    pub error: BakeError,
    /// What could not be undone: ids, and why.
    pub left: Vec<(String, CloudError)>,
}

impl Fleet {
    /// What `verify TEMPLATE` is about: an AMI newer than the current one that waits to be
    /// proven, else the current one.
    #[must_use]
    pub fn to_verify(&self, template: &str) -> Option<&Ami> {
        let current = self.current(template);
        let newer = |ami: &&Ami| {
            ami.template == template
                && ami.status == Status::Pending
                && ami.state == "available"
                && ami.generation > current.map_or(0, |current| current.generation)
        };
        self.amis().iter().filter(newer).max_by_key(|ami| ami.generation).or(current)
    }
}

/// Verifies an AMI that stands. One that passes and is newer than the current one becomes
/// current; one that fails is quarantined, unless it is current: what agents boot from
/// instead is for people to decide.
///
/// # Errors
/// When there is no verdict: the AMI stays what it was then.
pub async fn verify(request: VerifyRequest<'_>) -> Result<Verified, NotVerified> {
    let mut undo = Undo::new(request.context.holdings.clone());
    match verify_and_tell(&request, &mut undo).await {
        Ok(verified) => Ok(verified),
        Err(error) => {
            let undone = undo.run_all(request.context.cloud).await;
            Err(NotVerified { error, left: undone.into_iter().filter_map(Undone::left).collect() })
        }
    }
}

async fn verify_and_tell(
    request: &VerifyRequest<'_>,
    undo: &mut Undo,
) -> Result<Verified, BakeError> {
    let Context { cloud, .. } = request.context;
    let Actor { operator, .. } = request.context.actor;
    let VerifyRequest { fleet, ami, .. } = *request;
    let template = placed(cloud, request.template).await?.into_owned();
    let template = &Template { source: as_baked(&template.source, ami), ..template };
    check_tags(fleet, ami)?;
    if let Some(busy) = owned_by_another(request) {
        return Err(BakeError::Busy(busy));
    }
    let now = Timestamp::now();
    let marks = request.context.new_marks(template);
    undo.set_bake(&marks.bake);
    let site = request.context.site(template);
    examine_smoke_test(template)?;
    let runs_scripts = template.verify.is_some();
    let env = if runs_scripts { read_variables(site).await? } else { ScriptEnv::default() };
    let checkout = match (&template.verify, template.source.on) {
        (Some(script), CheckoutOn::Operator) => {
            request.context.observer.event(Event::Stage(Stage::Checkout));
            let scripts = [script];
            let checkout = source::check_out(&template.source, &scripts);
            Some(site.or_cancel(checkout).await??)
        }
        _ => None,
    };
    request.context.observer.event(Event::Stage(Stage::Verify));
    // A bake that ended before it wrote that has left it undone.
    let is_unfinished = matches!(ami.status, Status::Pending | Status::Quarantined);
    if template.imds_v2 && is_unfinished && !ami.imds_v2 {
        site.or_cancel(cloud.require_imds_v2(&ami.ami)).await??;
    }
    let is_hidden = ami.state == DISABLED;
    if is_hidden {
        site.or_cancel(cloud.enable(&ami.ami)).await??;
    }
    let specimen = Specimen { ami, checkout: checkout.as_ref(), env };
    let failures = prove(site, &marks, &specimen, request.context.actor.is_gone, undo).await;
    if is_hidden && !matches!(&failures, Ok(failures) if failures.is_empty()) {
        hide(site, &ami.ami).await;
    }
    let failures = failures?;
    let Verdict { tags, promoted, quarantined } = judge(fleet, ami, &failures, operator, now);
    if !tags.is_empty() {
        promote(cloud, ami, &tags, request.context.actor.is_gone).await?;
    }
    if quarantined && !is_hidden {
        hide(site, &ami.ami).await;
    }
    if failures.is_empty() && is_hidden && ami.promoted.is_some() {
        let mut written = give_back(cloud, ami, Some(&template.distribution)).await?;
        if ami.retired.is_some() {
            written.insert(tags::RETIRED.to_owned(), String::new());
        }
        cloud.tag(std::slice::from_ref(&ami.ami), &written).await?;
    }
    tell_what_is_left(site, undo.close_access(cloud).await);
    Ok(Verified { failures, promoted, quarantined })
}

/// What comes of a verification.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    /// What is written on the AMI.
    tags: Tags,
    promoted: bool,
    quarantined: bool,
}

/// Decides. Pure.
fn judge(fleet: &Fleet, ami: &Ami, failures: &[String], operator: &str, now: Timestamp) -> Verdict {
    let quarantined = !failures.is_empty() && ami.status != Status::Current;
    if quarantined {
        let tags = quarantine(now, failures, operator);
        return Verdict { tags, promoted: false, quarantined };
    }
    if !failures.is_empty() {
        return Verdict { tags: Tags::new(), promoted: false, quarantined };
    }
    let mut tags = tags::of([(tags::VERIFIED, now.to_string())]);
    let current = fleet.current(&ami.template);
    let is_newer = ami.generation > current.map_or(0, |current| current.generation);
    let promoted = is_newer && matches!(ami.status, Status::Pending | Status::Quarantined);
    if promoted {
        let time = fleet.promotion_time(&ami.template, now);
        tags.extend(tags::promotion(time, format!("verified by {operator}")));
    }
    if ami.status == Status::Quarantined {
        tags.insert(tags::QUARANTINED.to_owned(), String::new());
    }
    Verdict { tags, promoted, quarantined }
}

/// What another hand has copied or whose tags could not be read is left alone.
fn check_tags(fleet: &Fleet, ami: &Ami) -> Result<(), BakeError> {
    if let Some(tampered) = Tampered::of(ami) {
        return Err(BakeError::Tampered(tampered));
    }
    let doubt = fleet.in_doubt(&ami.template);
    doubt.map_or(Ok(()), |doubt| Err(BakeError::Refused(Refusal::InDoubt(doubt))))
}

/// A pending image may belong to a bake that is about to prove it itself.
fn owned_by_another(request: &VerifyRequest<'_>) -> Option<Busy> {
    let alone = Fleet::new(vec![request.ami.clone()]);
    let now = Timestamp::now();
    resume::busy(&alone, &[], &request.ami.template, request.context.actor.is_gone, now)
}

/// The source at the revision that an AMI was baked from.
fn as_baked(source: &Source, ami: &Ami) -> Source {
    let mut source = source.clone();
    if let Repository::Vcs { revision, .. } = &mut source.repository
        && !ami.source.revision.is_empty()
    {
        *revision = Some(ami.source.revision.clone());
    }
    source
}

/// Lets nobody find a quarantined AMI who takes the newest by its name. It is quarantined by its tags
/// all the same, where the account or the endpoint does not allow that.
pub(crate) async fn hide(site: Site<'_>, id: &str) {
    match site.cloud.disable(id).await {
        Ok(()) => {}
        Err(error) if error.kind == CloudErrorKind::NoSuchAction => {}
        Err(error) => site.observer.event(Event::Warning(format!(
            "{id} is quarantined, and could not be disabled: tools that pick the newest AMI by \
             name may find it: {error}"
        ))),
    }
}

/// The one write that keeps an AMI from ever being current.
pub(crate) fn quarantine(now: Timestamp, failures: &[String], operator: &str) -> Tags {
    let reason = format!("verification by {operator} failed: {}", failures.join("; "));
    tags::of([(tags::QUARANTINED, now.to_string()), (tags::REASON, reason)])
}

/// What is proven, and by what.
pub(crate) struct Specimen<'a> {
    pub(crate) ami: &'a Ami,
    /// Where the verify script is, if it is sent.
    pub(crate) checkout: Option<&'a Checkout>,
    /// The verify script's variables.
    pub(crate) env: ScriptEnv,
}

/// Starts an instance of the AMI, looks at it, and terminates it. Returns what is wrong. What EC2
/// takes back says nothing of the AMI: then it is looked at again On-Demand.
pub(crate) async fn prove(
    site: Site<'_>,
    marks: &OwnershipTags<'_>,
    specimen: &Specimen<'_>,
    is_gone: IsGone<'_>,
    undo: &mut Undo,
) -> Result<Vec<String>, BakeError> {
    let spot = site.template.launch.spot.clone().filter(|spot| spot.verifies);
    if spot.is_some() {
        let found = prove_on(site, marks, specimen, is_gone, undo, spot).await;
        let Some(instance) = taken_back(site, marks, &found, undo).await else {
            return ended(site, undo, found).await;
        };
        site.observer.event(Event::Warning(format!(
            "EC2 has taken the Spot Instance {instance} back: verifying on an On-Demand Instance"
        )));
        end_all(site, undo).await;
    }
    let found = prove_on(site, marks, specimen, is_gone, undo, None).await;
    ended(site, undo, found).await
}

/// The machine that EC2 has taken back, if that is why an AMI did not pass.
async fn taken_back(
    site: Site<'_>,
    marks: &OwnershipTags<'_>,
    found: &Result<Vec<String>, BakeError>,
    undo: &Undo,
) -> Option<String> {
    let passed = found.as_ref().is_ok_and(Vec::is_empty);
    let machine = undo.machine().filter(|_| !passed && !site.cancel.is_cancelled())?;
    is_interrupted(site.cloud, marks.namespace, &machine).await.then_some(machine)
}

/// With a verdict, the machine has done its work. Without one, the failure undoes it.
async fn ended(
    site: Site<'_>,
    undo: &mut Undo,
    found: Result<Vec<String>, BakeError>,
) -> Result<Vec<String>, BakeError> {
    if found.is_ok() {
        end_all(site, undo).await;
    }
    found
}

async fn prove_on(
    site: Site<'_>,
    marks: &OwnershipTags<'_>,
    specimen: &Specimen<'_>,
    is_gone: IsGone<'_>,
    undo: &mut Undo,
    spot: Option<Spot>,
) -> Result<Vec<String>, BakeError> {
    let Specimen { ami, checkout, env } = specimen;
    let lasting = &ami.lasting_devices;
    let order = Order {
        site,
        marks,
        image: BootImage { id: &ami.ami, root_device: "", encrypts: Vec::new(), lasting },
        // The AMI's own volumes.
        spec: LaunchSpec {
            volume: VolumeSpec::default(),
            volumes: Vec::new(),
            spot,
            ..site.template.launch.clone()
        },
        name: format!("amiable verifies {}", ami.name),
        stage: resume::VERIFYING,
        tags: Tags::new(),
        user_data: None,
        imds_of_image: site.template.imds_v2,
        alone: false,
        about: About {
            template: ami.template.clone(),
            generation: ami.generation,
            base_ami: ami.base_ami.clone(),
            arch: site.template.arch,
            env: env.clone(),
        },
        is_gone,
        is_first: false,
    };
    let mut started = match launch::start(&order, undo).await {
        Ok(started) => started,
        Err(error) => {
            return Ok(vec![verdict_on_start(error)?]);
        }
    };
    let failures = examine(site, ami, *checkout, &mut started).await?;
    started.guest.log_out().await;
    Ok(failures)
}

/// A guest that ends itself is the AMI's fault; what EC2 refuses is not. That there is no login
/// says nothing of the AMI: the way to it may be closed.
fn verdict_on_start(error: BakeError) -> Result<String, BakeError> {
    match error {
        BakeError::Guest(GuestError::InstanceEnded { ref reason, .. }) => {
            // EC2 says by the first word who has ended it
            // (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html>).
            let by_ec2 = reason.as_deref().is_some_and(|it| it.starts_with("Server."));
            if by_ec2 { Err(error) } else { Ok(error.to_string()) }
        }
        other => Err(other),
    }
}

/// Asked for, not waited for.
async fn end_all(site: Site<'_>, undo: &mut Undo) {
    tell_what_is_left(site, undo.run_machines(site.cloud).await);
}

/// What could not be undone is swept when its lease has ended.
pub(crate) fn tell_what_is_left(site: Site<'_>, undone: Vec<Undone>) {
    for (id, error) in undone.into_iter().filter_map(Undone::left) {
        let text = format!("{id} was not removed: {error}; `amiable sweep` removes it later");
        site.observer.event(Event::Warning(text));
    }
}

/// Whether an instance's metadata service wants a token.
async fn wants_token(site: Site<'_>, id: &str) -> Result<bool, BakeError> {
    let look = site.cloud.live_instances(vec![filter("instance-id", id)]);
    let found = site.or_cancel(look).await??;
    Ok(found.first().is_some_and(|it| it.wants_token))
}

async fn examine(
    site: Site<'_>,
    ami: &Ami,
    checkout: Option<&Checkout>,
    started: &mut Started,
) -> Result<Vec<String>, BakeError> {
    let (template, guest) = (site.template, &mut started.guest);
    site.or_cancel(guest.wait_for_cloud_init()).await??;
    let own_comment = guest.login_label().to_owned();
    let expected = Expected {
        identity: &ami.builder,
        own_comment: &own_comment,
        workdir: template.workdir.as_deref().unwrap_or(WORKDIR),
        seal: &template.seal,
        agent: template.agent.as_ref(),
    };
    let mut failures = site.or_cancel(guest.check(&expected)).await??;
    if template.imds_v2 && !wants_token(site, &started.id).await? {
        failures.push("its metadata service answers without a token (IMDSv1)".to_owned());
    }
    if template.agent.is_some() && !is_on_console(site, &started.id, guest.host_key()).await? {
        failures.push("its host key is not on the console, where Jenkins looks for it".to_owned());
    }
    if let Some(script) = &template.verify {
        match checkout {
            Some(checkout) => site.or_cancel(guest.send(checkout)).await??,
            None => drop(site.or_cancel(guest.check_out()).await??),
        }
        match site.or_cancel(guest.run_verify(script)).await? {
            Ok(()) => {}
            Err(error @ (GuestError::Script { .. } | GuestError::ScriptTimedOut { .. })) => {
                failures.push(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    // What is known to be bad is not tried from outside.
    if failures.is_empty()
        && let Some(smoke) = &template.smoke
    {
        failures.extend(try_from_outside(site, ami, started, smoke).await?);
    }
    Ok(failures)
}

/// Whether the template's own test of a live instance can be run: better known before there is one.
pub(crate) fn examine_smoke_test(template: &Template) -> Result<(), BakeError> {
    let Some(SmokeTest { run: words, folder }) = &template.smoke else { return Ok(()) };
    let program = Program { words, folder, timeout: template.timeouts.verify };
    program.examine().map_err(|error| BakeError::Smoke(chain(&error)))
}

/// What the template's own test of a live instance has found. One that could not be started says nothing
/// of the AMI.
async fn try_from_outside(
    site: Site<'_>,
    ami: &Ami,
    started: &Started,
    smoke: &SmokeTest,
) -> Result<Option<String>, BakeError> {
    let (generation, address) = (ami.generation.to_string(), started.login.address.to_string());
    let values =
        [&*ami.ami, &ami.template, &generation, site.cloud.region(), &*started.id, &address];
    let words = smoke.filled(values);
    let program =
        Program { words: &words, folder: &smoke.folder, timeout: site.template.timeouts.verify };
    match program.run(&**site.observer, site.cancel).await {
        Ok(()) => Ok(None),
        Err(error @ RollError::Command { .. }) => Ok(Some(error.to_string())),
        Err(RollError::Cancelled) => Err(BakeError::Cancelled),
        Err(error) => Err(BakeError::Smoke(chain(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::ImageFacts;

    fn ami(id: &str, generation: u64, more: &[(&str, &str)]) -> Ami {
        let own =
            [(tags::TEMPLATE, "agent".to_owned()), (tags::GENERATION, generation.to_string())];
        let more = more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let tags = tags::of(own).into_iter().chain(more).collect();
        let facts =
            ImageFacts { id: id.into(), state: "available".into(), tags, ..ImageFacts::default() };
        Ami::read(facts, "us-east-1")
    }

    #[test]
    fn what_passes_is_promoted_if_it_is_newer_and_what_fails_is_quarantined_unless_current() {
        let now = Timestamp::UNIX_EPOCH;
        let promoted = (tags::PROMOTED, "2026-11-01T00:00:00Z");
        let failed = (tags::QUARANTINED, "2026-11-02T00:00:00Z");
        let fleet = Fleet::new(vec![
            ami("ami-1", 1, &[]),
            ami("ami-2", 2, &[promoted]),
            ami("ami-3", 3, &[]),
            ami("ami-4", 4, &[failed]),
        ]);
        let [old, current, new, bad] =
            ["ami-1", "ami-2", "ami-3", "ami-4"].map(|id| fleet.get(id).unwrap());
        let judge = |ami: &Ami, failures: &[String]| judge(&fleet, ami, failures, "me", now);
        let failures = ["it is odd".to_owned()];
        assert!(judge(new, &[]).promoted && judge(bad, &[]).promoted);
        assert_eq!(judge(bad, &[]).tags[tags::QUARANTINED], "");
        assert!(!judge(old, &[]).promoted && !judge(current, &[]).promoted);
        assert_eq!(judge(current, &[]).tags, tags::of([(tags::VERIFIED, now.to_string())]));
        let failed = judge(new, &failures);
        assert!(failed.quarantined && !failed.promoted);
        assert_eq!(failed.tags, quarantine(now, &failures, "me"));
        let nothing = Verdict { tags: Tags::new(), promoted: false, quarantined: false };
        assert_eq!(judge(current, &failures), nothing);
    }

    #[test]
    fn what_ec2_ends_is_not_the_amis_fault() {
        let ended = |reason: &str| {
            let (instance, reason) = ("i-1".into(), Some(reason.into()));
            BakeError::Guest(GuestError::InstanceEnded { instance, reason })
        };
        assert!(verdict_on_start(ended("Server.InternalError: no room")).is_err());
        let told = verdict_on_start(ended("Client.InstanceInitiatedShutdown: it shut down"));
        assert!(told.unwrap().starts_with("the instance i-1 ended: Client."));
        assert!(verdict_on_start(BakeError::Cancelled).is_err());
    }
}
