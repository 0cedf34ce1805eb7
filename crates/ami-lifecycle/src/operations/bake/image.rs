//! The image of a bake: asked for once, found again when the answer was lost, and waited for.

use super::name::quicker;
use super::{Bake, Plan, Provisioned};
use crate::ec2::action::Action;
use crate::ec2::block_devices::ImageDevices;
use crate::ec2::client::filter;
use crate::ec2::error::CloudError;
use crate::ec2::recover::found_all_the_same;
use crate::model::event::Stage;
use crate::model::facts::ImageFacts;
use crate::model::fingerprint::record;
use crate::model::id::AmiId;
use crate::model::resume;
use crate::model::script::text_of;
use crate::model::tags::{self, Tags};
use crate::operations::bake::request::BakeRequest;
use crate::operations::claim::Actor;
use crate::operations::context::Context;
use crate::operations::error::BakeError;
use crate::operations::image_wait::until_available;

impl Bake<'_> {
    pub(super) async fn image(
        &mut self,
        provisioned: &Provisioned,
        plan: &Plan,
    ) -> Result<ImageFacts, BakeError> {
        self.enter(Stage::Image);
        let Context { cloud, .. } = self.request.context;
        let BakeRequest { template, .. } = *self.request;
        let tags = self.image_tags(plan, provisioned);
        let description = template.description.as_deref();
        let instance = &provisioned.instance;
        self.undo.awaits(Some("an image"));
        let (lasting, omitted) = (&plan.base.lasting_devices, &template.launch.builders_devices());
        let devices = ImageDevices { lasting, omitted };
        let name = (plan.name.as_str(), description);
        let answer = cloud.create_image(instance, name, devices, &tags).await;
        let ami = match answer {
            Ok(ami) => Ok(ami),
            Err(error) => self.made_all_the_same(error, &plan.name).await,
        };
        self.undo.awaits(None);
        let ami = ami?;
        self.undo.image(&ami);
        self.note(format!("image {ami} ({})", plan.name));
        self.wait_until_available(&ami).await
    }

    /// The image of a CreateImage whose answer was lost, found by the bake's tag. One that
    /// has the name and is another bake's shows who was quicker.
    async fn made_all_the_same(&self, error: CloudError, name: &str) -> Result<AmiId, BakeError> {
        let cloud = self.request.context.cloud;
        if error.code.as_deref() == Some("InvalidAMIName.Duplicate")
            && let Some(other) = self.who_has(name).await?
        {
            return Err(other);
        }
        let look = async || cloud.own_images(name, tags::BAKE, &self.marks.bake).await;
        Ok(found_all_the_same(error, look).await?)
    }

    /// Finds the image of a CreateImage that the limit of the bake as a whole has cut off, so that
    /// it is gone on with, or undone.
    pub(super) async fn find_what_was_cut_off(&mut self) {
        if !self.undo.is_awaiting() {
            return;
        }
        let cloud = self.request.context.cloud;
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
        let images = self.request.context.cloud.images(Some("self"), filters).await?;
        let is_own = |image: &ImageFacts| image.tags.get(tags::BAKE) == Some(&self.marks.bake);
        let image = images.into_iter().find(|image| !is_own(image));
        let Context { namespace, .. } = self.request.context;
        let Actor { is_gone, .. } = self.request.context.actor;
        let BakeRequest { template, .. } = *self.request;
        Ok(image.map(|image| quicker(&image, namespace, template, is_gone)))
    }

    pub(super) async fn wait_until_available(&self, ami: &str) -> Result<ImageFacts, BakeError> {
        let Context { cloud, cancel, .. } = &self.request.context;
        let BakeRequest { template, .. } = self.request;
        let limit = template.timeouts.image;
        until_available(cloud, ami, limit, cancel, "the creation of the image").await
    }

    /// The tags of the image and its snapshots.
    fn image_tags(&self, plan: &Plan, provisioned: &Provisioned) -> Tags {
        let template = self.request.template;
        let own = tags::of([
            (tags::GENERATION, plan.generation.to_string()),
            (tags::STAGE, resume::IMAGED.to_owned()),
            (tags::SYSTEM, template.system.clone()),
            (tags::OS, template.os.clone()),
            (tags::BASE, plan.base.id.clone().into()),
            (tags::SOURCE_KIND, template.source.kind().into()),
            (tags::SOURCE_URL, template.source.recorded_url()),
            (tags::SOURCE_REVISION, provisioned.revision.clone()),
            (tags::SCRIPT, tags::fit(&text_of(&template.scripts))),
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
