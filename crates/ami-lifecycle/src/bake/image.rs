//! The image of a bake: asked for once, found again when the answer was lost, and waited for.

use std::time::{Duration, Instant};

use super::name::quicker;
use super::{Bake, BakeRequest, Plan, Provisioned};
use crate::bake::BakeError;
use tokio_util::sync::CancellationToken;

use crate::action::Action;
use crate::cloud::{Cloud, ImageFacts, filter};
use crate::error::CloudError;
use crate::event::Stage;
use crate::machine::found_all_the_same;
use crate::recipe::record;
use crate::tags::{self, Tags};
use crate::takeover;
use crate::wait;
use crate::watch::Rhythm;

/// An image that nobody has seen for so long is gone: EC2's descriptions lag by less.
const UNSEEN_LIMIT: Duration = Duration::from_secs(60);

impl Bake<'_> {
    pub(super) async fn image(
        &mut self,
        provisioned: &Provisioned,
        plan: &Plan,
    ) -> Result<ImageFacts, BakeError> {
        self.enter(Stage::Image);
        let BakeRequest { cloud, template, .. } = *self.request;
        let tags = self.image_tags(plan, provisioned);
        let description = template.description.as_deref();
        let instance = &provisioned.instance;
        self.undo.awaits(Some("an image"));
        let lasting = &plan.base.lasting_devices;
        let name = (plan.name.as_str(), description);
        let answer = cloud.create_image(instance, name, lasting, &tags).await;
        let ami = match answer {
            Ok(ami) => Ok(ami),
            Err(error) => self.made_all_the_same(error, &plan.name).await,
        };
        self.undo.awaits(None);
        let ami = ami?;
        self.undo.image(&ami);
        self.note(format!("image {ami} ({})", plan.name));
        let expected = plan.fleet.experience(&template.name, "image");
        let (facts, took) = self.wait_until_available(&ami, expected).await?;
        self.took.insert("image", took);
        Ok(facts)
    }

    /// The image of a CreateImage whose answer was lost, found by the bake's tag. One that
    /// has the name and is another bake's shows who was quicker.
    async fn made_all_the_same(&self, error: CloudError, name: &str) -> Result<String, BakeError> {
        let cloud = self.request.cloud;
        if error.code.as_deref() == Some("InvalidAMIName.Duplicate")
            && let Some(other) = self.who_has(name).await?
        {
            return Err(other);
        }
        found_all_the_same(error, async || {
            cloud.own_images(name, tags::BAKE, &self.marks.bake).await
        })
        .await
    }

    /// Finds the image of a CreateImage that the limit of the bake as a whole has cut off, so that
    /// it is gone on with, or undone.
    pub(super) async fn find_what_was_cut_off(&mut self) {
        if !self.undo.is_awaiting() {
            return;
        }
        let cloud = self.request.cloud;
        let cut_off = CloudError::answer(Action::CreateImage, "it was cut off");
        let of_bake = filter(&format!("tag:{}", tags::BAKE), &self.marks.bake);
        let look = async || {
            let images = cloud.images(Some("self"), vec![of_bake.clone()]).await?;
            Ok(images.into_iter().map(|image| image.id).collect())
        };
        if let Ok(id) = found_all_the_same(cut_off, look).await {
            self.undo.image(&id);
        }
        self.undo.awaits(None);
    }

    /// Whose the image of a name is, if it is not this bake's.
    async fn who_has(&self, name: &str) -> Result<Option<BakeError>, CloudError> {
        let filters = vec![filter("name", name)];
        let images = self.request.cloud.images(Some("self"), filters).await?;
        let is_own = |image: &ImageFacts| image.tags.get(tags::BAKE) == Some(&self.marks.bake);
        let image = images.into_iter().find(|image| !is_own(image));
        let BakeRequest { namespace, template, is_gone, .. } = *self.request;
        Ok(image.map(|image| quicker(&image, namespace, template, is_gone)))
    }

    /// Waits for an image, and tells how long that took; `expected` is what it took before.
    pub(super) async fn wait_until_available(
        &mut self,
        ami: &str,
        expected: Option<Duration>,
    ) -> Result<(ImageFacts, Duration), BakeError> {
        let BakeRequest { cloud, template, cancel, .. } = self.request;
        let limit = template.timeouts.image;
        until_available(cloud, ami, expected, limit, cancel, "the creation of the image").await
    }

    /// The tags of the image and its snapshots.
    fn image_tags(&self, plan: &Plan, provisioned: &Provisioned) -> Tags {
        let template = self.request.template;
        let own = tags::of([
            (tags::GENERATION, plan.generation.to_string()),
            (tags::STAGE, takeover::IMAGED.to_owned()),
            (tags::SYSTEM, template.system.clone()),
            (tags::OS, template.os.clone()),
            (tags::BASE, plan.base.id.clone()),
            (tags::SOURCE_KIND, template.source.kind().into()),
            (tags::SOURCE_URL, template.source.recorded_url()),
            (tags::SOURCE_REVISION, provisioned.revision.clone()),
            (tags::SCRIPT, template.script.clone()),
            (tags::RECIPE, plan.recipe.clone()),
            (tags::CONFIG, record(template)),
            (tags::BUILDER, provisioned.identity.clone()),
        ]);
        let marks = self.marks.on(plan.name.clone());
        let boot = template.boot_script.as_ref();
        let boot = boot.map(|boot| (tags::BOOT_SCRIPT.to_owned(), boot.digest()));
        template.metadata.clone().into_iter().chain(marks).chain(own).chain(boot).collect()
    }
}

/// Waits for an image, and tells how long that took; `expected` is what it took before, and
/// `what` what is waited for.
pub(crate) async fn until_available(
    cloud: &Cloud,
    ami: &str,
    expected: Option<Duration>,
    limit: Duration,
    cancel: &CancellationToken,
    what: &'static str,
) -> Result<(ImageFacts, Duration), BakeError> {
    let rhythm = Rhythm::within(expected, limit);
    let mut waiting = cloud.images_awaited().wait_for(ami, rhythm);
    // Looks may be minutes apart: what counts is for how long it is missing in them.
    let mut missing: Option<Instant> = None;
    let judge = |found: &[ImageFacts]| {
        let image = found.iter().find(|it| it.id == ami);
        let since = match image {
            Some(_) => None,
            None => Some(missing.unwrap_or_else(Instant::now)),
        };
        missing = since;
        let is_new = since.is_some_and(|since| since.elapsed() < UNSEEN_LIMIT);
        match image {
            Some(image) if image.state == "available" => Ok(Some(image.clone())),
            Some(image) if image.state == "pending" => Ok(None),
            // A new image may not be seen for a moment.
            None if is_new => Ok(None),
            None => Err(BakeError::ImageFailed {
                image: ami.to_owned(),
                state: "gone".into(),
                reason: None,
            }),
            Some(image) => Err(BakeError::ImageFailed {
                image: image.id.clone(),
                state: image.state.clone(),
                reason: image.state_reason.clone(),
            }),
        }
    };
    let ask = async |ids| cloud.images_with(ids).await;
    let waited = wait::together(limit, cancel, &mut waiting, None, ask, judge).await;
    let facts = waited.map_err(|error| BakeError::waiting(what, error))?;
    Ok((facts, waiting.took()))
}
