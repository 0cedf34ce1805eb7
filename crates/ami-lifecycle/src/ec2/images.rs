//! Images and their snapshots: made, marked and deleted.

use aws_sdk_ec2::operation::copy_image::builders::CopyImageFluentBuilder;
use aws_sdk_ec2::types::{Filter, ResourceType};
use jenkins_config::Search;

use crate::ec2::action::Action;
use crate::ec2::block_devices::ImageDevices;
use crate::ec2::client::{
    Cloud, MOST_VALUES, any_of, filter, is_of, of_namespace, tag_specification, was_known,
};
use crate::ec2::convert::read_tags;
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::ec2::poll::Poller;
use crate::ec2::single_flight::SingleFlight;
use crate::model::facts::ImageFacts;
use crate::model::id::{AmiId, SnapshotId};
use crate::model::leftover::Tagged;
use crate::model::tags::{self, Tags};
use crate::model::template::Namespace;

impl Cloud {
    /// Begins an image of a stopped instance and returns its id.
    pub(crate) async fn create_image(
        &self,
        instance: &str,
        (name, description): (&str, Option<&str>),
        devices: ImageDevices<'_>,
        tags: &Tags,
    ) -> Result<AmiId, CloudError> {
        let request = self
            .ec2
            .create_image()
            .instance_id(instance)
            .name(name)
            .set_description(description.map(String::from))
            .set_block_device_mappings(devices.mappings())
            .tag_specifications(tag_specification(ResourceType::Image, tags))
            .tag_specifications(tag_specification(ResourceType::Snapshot, tags));
        let answer = self
            .call_until_seen(Action::CreateImage, (&instance, &name), async || {
                request.clone().send().await
            })
            .await?;
        answer
            .image_id
            .map(AmiId::answered)
            .ok_or_else(|| CloudError::answer(Action::CreateImage, "the answer has no image id"))
    }

    /// Begins a copy of an image in the same region, under another name, and returns its
    /// id. A repeat with the same client token makes no other.
    pub(crate) async fn copy_image(
        &self,
        source: &ImageFacts,
        name: &str,
        client_token: &str,
        key: Option<&str>,
        tags: &Tags,
    ) -> Result<AmiId, CloudError> {
        self.turn(Action::CopyImage, (&source.id, &name)).await;
        let request = self
            .ec2
            .copy_image()
            .source_region(&self.region)
            .name(name)
            // Without a key an encrypted image would be copied with the account's own.
            .set_encrypted(key.map(|_| true))
            .set_kms_key_id(key.map(String::from));
        self.begin_copy(request, source, client_token, tags).await
    }

    /// Begins a copy of an image of another region under the same name, in a turn that was
    /// waited for. With a key it is encrypted, by the account's default for an empty one.
    pub(crate) async fn copy_image_from(
        &self,
        region: &str,
        source: &ImageFacts,
        client_token: &str,
        key: Option<Option<&str>>,
        tags: &Tags,
    ) -> Result<AmiId, CloudError> {
        let request = self
            .ec2
            .copy_image()
            .source_region(region)
            .name(&source.name)
            .set_encrypted(key.map(|_| true))
            .set_kms_key_id(key.flatten().map(String::from));
        self.begin_copy(request, source, client_token, tags).await
    }

    async fn begin_copy(
        &self,
        request: CopyImageFluentBuilder,
        source: &ImageFacts,
        client_token: &str,
        tags: &Tags,
    ) -> Result<AmiId, CloudError> {
        let request = request
            .source_image_id(source.id.as_str())
            .set_description(source.description.clone())
            .client_token(client_token)
            .tag_specifications(tag_specification(ResourceType::Image, tags))
            .tag_specifications(tag_specification(ResourceType::Snapshot, tags));
        let send = async || request.clone().send().await;
        let answer = self.until_seen(Action::CopyImage, send).await?;
        answer
            .image_id
            .map(AmiId::answered)
            .ok_or_else(|| CloudError::answer(Action::CopyImage, "the answer has no image id"))
    }

    /// Deregisters an image; `false` when EC2 does not know it, or not any more.
    pub(crate) async fn deregister(&self, id: &str) -> Result<bool, CloudError> {
        was_known(
            self.call_until_seen(Action::DeregisterImage, &id, async || {
                self.ec2.deregister_image().image_id(id).send().await
            })
            .await
            .map(drop),
        )
    }

    /// Whether EC2 finds an image by its id together with what else it is asked for.
    pub(crate) async fn finds(&self, id: &str, search: &Search) -> Result<bool, CloudError> {
        // As people have written them: EC2 reads wildcards in their values.
        let filters = search.filters.iter().map(|(name, values)| {
            Filter::builder().name(name).set_values(Some(values.clone())).build()
        });
        let filters: Vec<Filter> = filters.collect();
        let request = self
            .ec2
            .describe_images()
            .image_ids(id)
            .set_owners(Some(search.owners.clone()).filter(|it| !it.is_empty()))
            .set_executable_users(Some(search.users.clone()).filter(|it| !it.is_empty()))
            .set_filters((!filters.is_empty()).then_some(filters));
        match self.call(Action::DescribeImages, (&id, search), request.send()).await {
            Ok(found) => Ok(!found.images().is_empty()),
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The caller's own images of a name that have a tag of this value.
    pub(crate) async fn own_images(
        &self,
        name: &str,
        tag: &str,
        value: &str,
    ) -> Result<Vec<AmiId>, CloudError> {
        let filters = vec![filter("name", name), filter(&format!("tag:{tag}"), value)];
        let images = self.images(Some("self"), filters).await?;
        Ok(images.into_iter().map(|image| image.id).collect())
    }

    /// Copies of an image of another region that are there, or being made, by their name.
    pub(crate) async fn copies_under_way(
        &self,
        name: &str,
        of: &str,
    ) -> Result<Vec<AmiId>, CloudError> {
        let states = any_of("state", ["pending", "available"]);
        let of = filter(&format!("tag:{}", tags::COPY_OF), of);
        let filters = vec![filter("name", name), of, states];
        let images = self.images(Some("self"), filters).await?;
        Ok(images.into_iter().map(|image| image.id).collect())
    }

    /// All snapshots of a namespace.
    pub(crate) async fn snapshots_of_namespace(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<Tagged>, CloudError> {
        let mut found = self.tagged_snapshots(of_namespace(namespace)).await?;
        found.retain(|it| is_of(namespace, &it.tags));
        Ok(found)
    }

    async fn tagged_snapshots(&self, filter: Filter) -> Result<Vec<Tagged>, CloudError> {
        let request = self.ec2.describe_snapshots().owner_ids("self").filters(filter.clone());
        let pages = request.into_paginator().items().send();
        let found = self.pages(Action::DescribeSnapshots, filter, pages).await?;
        let tagged = found.into_iter().map(|it| Tagged {
            id: it.snapshot_id.unwrap_or_default(),
            state: it.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
            tags: read_tags(it.tags),
        });
        Ok(tagged.collect())
    }

    /// The caller's own snapshots that have a tag of this value.
    pub(crate) async fn snapshots(
        &self,
        tag: &str,
        value: &str,
    ) -> Result<Vec<SnapshotId>, CloudError> {
        let found = self.tagged_snapshots(filter(&format!("tag:{tag}"), value)).await?;
        Ok(found.into_iter().map(|snapshot| SnapshotId::answered(snapshot.id)).collect())
    }

    /// Notes on snapshots which image they belong to, before nothing else tells it any more.
    pub(crate) async fn note_image(
        &self,
        snapshots: &[SnapshotId],
        image: &str,
    ) -> Result<(), CloudError> {
        self.tag(snapshots, &tags::of([(tags::IMAGE, image.to_owned())])).await
    }

    /// The caller's own images that use a snapshot.
    pub(crate) async fn images_of_snapshot(
        &self,
        snapshot: &str,
    ) -> Result<Vec<ImageFacts>, CloudError> {
        let filters = vec![filter("block-device-mapping.snapshot-id", snapshot)];
        self.images(Some("self"), filters).await
    }

    /// Deletes a snapshot; `false` when an image still uses it. One that is gone
    /// already is no error.
    pub(crate) async fn delete_snapshot(&self, id: &str) -> Result<bool, CloudError> {
        let answer = self
            .call_until_seen(Action::DeleteSnapshot, &id, async || {
                self.ec2.delete_snapshot().snapshot_id(id).send().await
            })
            .await;
        match answer.map(drop) {
            Ok(()) => Ok(true),
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(true),
            Err(error) if error.kind == CloudErrorKind::InUse => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The same as [`Cloud::image`], in one call for all who ask at the same time.
    pub(crate) async fn shared_image(&self, id: &str) -> Result<Option<ImageFacts>, CloudError> {
        self.reads.images.get(id, async || self.image(id).await).await
    }

    /// The newest images that were asked for at the same time.
    pub(crate) fn newest_images(&self) -> &SingleFlight<Option<ImageFacts>> {
        &self.reads.newest
    }

    /// All who wait for images.
    pub(crate) fn images_awaited(&self) -> &Poller<ImageFacts> {
        &self.reads.images_awaited
    }

    /// Those of some images that EC2 knows.
    pub(crate) async fn images_with(
        &self,
        ids: Vec<String>,
    ) -> Result<Vec<ImageFacts>, CloudError> {
        let mut found = Vec::new();
        for ids in ids.chunks(MOST_VALUES) {
            // By filter: an unknown id in a list of ids fails the whole call.
            found.extend(self.images(None, vec![any_of("image-id", ids)]).await?);
        }
        Ok(found)
    }
}
