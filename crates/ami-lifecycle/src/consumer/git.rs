//! A file in a git repository: cloned, changed, committed and pushed, to its branch or to one that is for
//! review. Nothing is ever forced: who is slower begins again with what is there then.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rand::RngExt;
use rustix::fs::{FlockOperation, flock};

use super::error::RollError;
use super::files::Files;
use super::holders::Holders;
use super::kind::{Kind, Reading, kind};
use super::server::JenkinsServer;
use super::written_place::WrittenPlace;
use crate::consumer::change::{Move, Naming, RollRequest};
use crate::ec2::action::Action;
use crate::model::consumer::{Consumer, GitFile};
use crate::model::digest::digest;
use crate::model::event::Event;
use crate::source::{Pushed, WorkingCopy, without_secrets};

/// How often is begun again when others are quicker.
const TRIES: u32 = 10;
/// How long others on this machine are waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl GitFile {
    async fn clone_it(&self, with_history: bool) -> Result<WorkingCopy, RollError> {
        let branch = self.branch.as_deref();
        Ok(WorkingCopy::clone(&self.repository, branch, with_history).await?)
    }

    /// The consumer as it is in a working copy. A link must lead to a file in there.
    fn inside(&self, copy: &WorkingCopy) -> Result<Consumer, RollError> {
        let inside = self.inner.in_folder(copy.folder());
        let missing = || {
            let (file, branch) = (self.label(), copy.branch.clone());
            RollError::NotInRepository { file, branch }
        };
        let folder = copy.folder().canonicalize().map_err(|_| missing())?;
        let real = inside.file().and_then(|file| file.canonicalize().ok()).ok_or_else(missing)?;
        if !real.starts_with(&folder) || !real.is_file() {
            return Err(missing());
        }
        Ok(self.inner.with_file(real))
    }

    /// The branch for review, if there is to be one.
    fn review(&self, request: &RollRequest<'_>) -> Option<String> {
        let generation = request.target.generation.map(|it| it.to_string());
        let text = self.review.as_ref()?;
        let text = text.replace("{template}", &request.template.name);
        let text = text.replace("{ami}", &request.target.ami);
        Some(text.replace("{generation}", generation.as_deref().unwrap_or(&request.target.ami)))
    }

    /// What would change in a clone, after what waits for review.
    async fn look(
        &self,
        request: &RollRequest<'_>,
        files: &mut Files,
    ) -> Result<(WorkingCopy, Vec<Move>), RollError> {
        let copy = self.clone_it(self.review.is_some()).await?;
        let inside = self.inside(&copy)?;
        // Whether the branch has it already decides; then what waits for it.
        let mut moves = kind(&inside).plan(request, &mut Files::default()).await?;
        if let Some(review) = self.review(request)
            && copy.has_more(&review).await?
        {
            if moves.is_empty() {
                let text = format!("{}: branch {review} proposes another AMI", self.label());
                request.observer.event(Event::Warning(text));
                return Ok((copy, moves));
            }
            copy.switch(&review).await?;
            moves = kind(&inside).plan(request, &mut Files::default()).await?;
            if moves.is_empty() {
                let text = format!("{}: branch {review} waits for review", self.label());
                request.observer.event(Event::Note(text));
            }
        }
        if !moves.is_empty() {
            kind(&inside).plan(request, files).await?;
            if let Some(file) = inside.file() {
                files.show_as(file, self.label());
            }
        }
        Ok((copy, moves))
    }

    /// One attempt.
    async fn attempt(&self, request: &RollRequest<'_>) -> Result<Attempt, RollError> {
        let (copy, planned) = self.look(request, &mut Files::default()).await?;
        if planned.is_empty() {
            return Ok(Attempt::Done(planned));
        }
        let inside = self.inside(&copy)?;
        let mut moves = Vec::new();
        kind(&inside).roll(request, &mut Files::default(), &mut moves).await?;
        let file = inside.file().unwrap_or(Path::new("."));
        let review = self.review(request);
        let branch = review.as_deref().unwrap_or(&copy.branch);
        let message = message(request, &planned);
        match copy.push(file, branch, &message, self.author.as_deref()).await? {
            Pushed::Outdated(why) => Ok(Attempt::Outdated(why)),
            Pushed::Done => {
                if review.is_some() {
                    let text = format!("{}: branch {branch} waits for review", self.label());
                    request.observer.event(Event::Note(text));
                }
                Ok(Attempt::Done(planned))
            }
        }
    }

    /// Tries until nobody else is quicker.
    async fn push(&self, request: &RollRequest<'_>) -> Result<Vec<Move>, RollError> {
        let _alone = self.lock(request).await;
        let mut last = String::new();
        for attempt in 1..=TRIES {
            match self.attempt(request).await? {
                Attempt::Done(moves) => return Ok(moves),
                Attempt::Outdated(why) => last = why,
            }
            let pause = rand::rng().random_range(0..500 * u64::from(attempt));
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Err(RollError::Contended { tries: TRIES, last })
    }

    /// Others on this machine wait in the meantime, where there is a folder to wait in. One that takes long
    /// is not waited for: git itself keeps the two apart.
    async fn lock(&self, request: &RollRequest<'_>) -> Option<File> {
        let folder = request.written?;
        std::fs::create_dir_all(folder).ok()?;
        let path = folder.join(format!("git-{}.lock", digest(&self.repository)));
        let lock = File::options().create(true).append(true).open(path).ok()?;
        let end = Instant::now() + LONGEST_WAIT;
        while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() > end {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(lock)
    }
}

/// What became of an attempt.
enum Attempt {
    Done(Vec<Move>),
    /// Somebody else was quicker, in git's words.
    Outdated(String),
}

/// What a commit says.
fn message(request: &RollRequest<'_>, moves: &[Move]) -> String {
    let RollRequest { template, target, fleet, .. } = request;
    let mut text = format!("{}: {} ({})\n\n", template.name, target.ami, target.title());
    text += &format!("Template: {}\nAMI: {}\n", template.name, target.ami);
    if !target.name.is_empty() {
        text += &format!("Name: {}\n", target.name);
    }
    if let Some(generation) = target.generation {
        text += &format!("Generation: {generation}\n");
    }
    if let Some(reason) = fleet.get(&target.ami).and_then(|ami| ami.reason.clone()) {
        text += &format!("Reason: {reason}\n");
    }
    let mut before: Vec<&str> = moves.iter().filter_map(|it| it.from.as_deref()).collect();
    before.dedup();
    if !before.is_empty() {
        text += &format!("Before: {}\n", before.join(", "));
    }
    text
}

#[async_trait(?Send)]
impl Kind for GitFile {
    async fn read(&self, reading: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError> {
        let copy = self.clone_it(false).await?;
        let reading = Reading { jenkins: None, ..*reading };
        let inside = self.inside(&copy)?;
        let namings = kind(&inside).read(&reading).await?.unwrap_or_default();
        // Others may start from what else is in the file.
        let mut beside = Holders::default();
        kind(&inside).neighbours(&[], &mut beside);
        let beside = beside.namings.into_iter().map(|it| Naming { is_neighbour: true, ..it });
        let url = without_secrets(&self.repository);
        let of = |it: Naming| Naming { place: format!("{} of {url}", it.place), ..it };
        Ok(Some(namings.into_iter().chain(beside).map(of).collect()))
    }

    async fn plan(
        &self,
        request: &RollRequest<'_>,
        files: &mut Files,
    ) -> Result<Vec<Move>, RollError> {
        self.look(request, files).await.map(|(_, moves)| moves)
    }

    async fn roll(
        &self,
        request: &RollRequest<'_>,
        _: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError> {
        tokio::select! {
            done = self.push(request) => *moves = done?,
            () = request.cancel.cancelled() => return Err(RollError::Cancelled),
        }
        Ok(())
    }

    fn places(&self, template: &str, region: Option<&str>) -> Vec<WrittenPlace> {
        let inner = kind(&self.inner).places(template, region).into_iter();
        let branch = self.branch.as_deref().unwrap_or_default();
        let key = |key: String| format!("{} {branch} {key}", self.repository);
        inner.map(|it| WrittenPlace { key: key(it.key), ..it }).collect()
    }

    fn actions(&self, rolls: bool) -> &'static [Action] {
        kind(&self.inner).actions(rolls)
    }

    /// The repository is looked at when it is rolled, and by `doctor`.
    fn examine(&self, _: Option<&JenkinsServer>) -> Result<(), RollError> {
        Ok(())
    }
}
