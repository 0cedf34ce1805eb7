//! An account in a region, and the calls that all others are made of. What EC2 answers is read in
//! [`crate::ec2::convert`].

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use aws_config::Region;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::describe_images::builders::DescribeImagesFluentBuilder;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use ipnet::IpNet;
use tokio::sync::OnceCell;

use crate::ec2::action::Action;
use crate::ec2::capacity::NoCapacity;
use crate::ec2::convert::image_facts;
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::ec2::held_access::Accesses;
use crate::ec2::own_address;
use crate::ec2::poll::Poller;
use crate::ec2::rate_limit::{Feedback, Limits, RateLimiter};
use crate::ec2::single_flight::SingleFlight;
use crate::model::ami::Ami;
use crate::model::facts::{ImageFacts, InstanceFacts};
use crate::model::fleet::Fleet;
use crate::model::reach::Programs;
use crate::model::tags::{self, Tags};
use crate::model::template::Namespace;

/// Images a page: DescribeImages may time out for large unpaged answers, and
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>
/// recommends pages.
const PAGE: i32 = 500;

/// As many values as a filter may have
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).
pub(crate) const MOST_VALUES: usize = 200;

/// An account in a region, or an endpoint that is like one.
#[derive(Debug, Clone)]
pub struct Cloud {
    pub(super) ec2: Client,
    pub(super) autoscaling: aws_sdk_autoscaling::Client,
    pub(super) cloudformation: aws_sdk_cloudformation::Client,
    pub(super) quotas: aws_sdk_servicequotas::Client,
    pub(super) ssm: aws_sdk_ssm::Client,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) region: String,
    pub(super) reads: Arc<Reads>,
    pub(super) paces: Arc<RateLimiter>,
    accesses: Accesses,
    siblings: Arc<Siblings>,
}

/// The same account in its regions: what is shared by all who work in a region must be one.
#[derive(Debug)]
struct Siblings {
    config: aws_config::SdkConfig,
    limits: Limits,
    clouds: Mutex<BTreeMap<String, Cloud>>,
    /// Under which address AWS sees this machine, once that was asked.
    own_address: OnceCell<IpAddr>,
    programs: Arc<Programs>,
}

/// What several bakes ask at the same time.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) fleets: SingleFlight<Arc<Fleet>>,
    pub(super) machines: SingleFlight<Arc<Vec<InstanceFacts>>>,
    pub(super) images: SingleFlight<Option<ImageFacts>>,
    pub(super) newest: SingleFlight<Option<ImageFacts>>,
    pub(super) networks: SingleFlight<Arc<Vec<IpNet>>>,
    pub(super) machines_awaited: Poller<InstanceFacts>,
    pub(super) images_awaited: Poller<ImageFacts>,
}

impl Cloud {
    /// Uses what the caller has configured: credentials, region, endpoint, and how programs are
    /// started that connect to machines.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, limits: Limits, programs: Programs) -> Cloud {
        let clouds = Mutex::default();
        let own_address = OnceCell::new();
        let programs = Arc::new(programs);
        let siblings = Siblings { config: config.clone(), limits, clouds, own_address, programs };
        Cloud::with_siblings(config, limits, Arc::new(siblings))
    }

    fn with_siblings(
        config: &aws_config::SdkConfig,
        limits: Limits,
        siblings: Arc<Siblings>,
    ) -> Cloud {
        let paces = Arc::new(RateLimiter::new(limits));
        let ec2 = aws_sdk_ec2::config::Builder::from(config)
            .interceptor(Feedback(paces.clone()))
            .retry_classifier(NoCapacity);
        Cloud {
            ec2: Client::from_conf(ec2.build()),
            paces,
            autoscaling: aws_sdk_autoscaling::Client::new(config),
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            quotas: aws_sdk_servicequotas::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            reads: Arc::default(),
            accesses: Accesses::default(),
            siblings,
        }
    }

    /// The same account in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Cloud {
        if region == self.region {
            return self.clone();
        }
        let Siblings { config, limits, clouds, .. } = &*self.siblings;
        let mut clouds = clouds.lock().expect("no panic holds this lock");
        let other = || {
            let config = config.to_builder().region(Region::new(region.to_owned())).build();
            Cloud::with_siblings(&config, *limits, self.siblings.clone())
        };
        clouds.entry(region.to_owned()).or_insert_with(other).clone()
    }

    /// The regions that the account may use.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn regions(&self) -> Result<Vec<String>, CloudError> {
        let answer =
            self.call(Action::DescribeRegions, "all", self.ec2.describe_regions().send()).await?;
        let regions = answer.regions.unwrap_or_default().into_iter();
        let mut names: Vec<String> = regions.filter_map(|region| region.region_name).collect();
        names.sort();
        Ok(names)
    }

    /// The region that is worked in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The ways in to machines that this process holds here.
    pub(crate) fn accesses(&self) -> &Accesses {
        &self.accesses
    }

    /// Under which address instances see this machine: its public one with AWS, and the one
    /// that leads to any other endpoint.
    pub(crate) async fn own_address(&self) -> Result<IpAddr, String> {
        let Siblings { config, own_address, .. } = &*self.siblings;
        let ask = async || match config.endpoint_url() {
            None => own_address::public().await,
            Some(url) => own_address::towards_url(url).await,
        };
        own_address.get_or_try_init(ask).await.copied()
    }

    /// What programs that connect to machines are started with.
    pub(crate) fn programs(&self) -> &Arc<Programs> {
        &self.siblings.programs
    }

    /// The names of the region's zones.
    pub(crate) async fn zones(&self) -> Result<Vec<String>, CloudError> {
        let request = self.ec2.describe_availability_zones();
        let answer = self.call(Action::DescribeAvailabilityZones, "all", request.send()).await?;
        let zones = answer.availability_zones.unwrap_or_default();
        Ok(zones.into_iter().filter_map(|zone| zone.zone_name).collect())
    }

    /// All AMIs of a namespace.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn fleet(&self, namespace: &Namespace) -> Result<Arc<Fleet>, CloudError> {
        let read = async || Ok(Arc::new(Fleet::new(self.amis(namespace, None).await?)));
        self.reads.fleets.get(&namespace.0, read).await
    }

    /// The AMIs of a template as they are now: nobody's earlier question is shared.
    pub(crate) async fn amis_of(
        &self,
        namespace: &Namespace,
        template: &str,
    ) -> Result<Vec<Ami>, CloudError> {
        self.amis(namespace, Some(filter(&format!("tag:{}", tags::TEMPLATE), template))).await
    }

    async fn amis(
        &self,
        namespace: &Namespace,
        more: Option<Filter>,
    ) -> Result<Vec<Ami>, CloudError> {
        let filters = [of_namespace(namespace)].into_iter().chain(more).collect();
        let images = self.images(Some("self"), filters).await?;
        let images = images.into_iter().filter(|image| is_of(namespace, &image.tags));
        Ok(images.map(|image| Ami::read(image, &self.region)).collect())
    }

    /// All images of an owner that pass the filters, from all pages; deprecated and disabled ones, too.
    pub(crate) async fn images(
        &self,
        owner: Option<&str>,
        filters: Vec<Filter>,
    ) -> Result<Vec<ImageFacts>, CloudError> {
        let request = self.ec2.describe_images().include_deprecated(true).include_disabled(true);
        self.images_by(request, owner, filters).await
    }

    /// The same, but for images that their owner has deprecated or disabled: for who looks for some
    /// image of a name.
    pub(crate) async fn offered_images(
        &self,
        owner: &str,
        filters: Vec<Filter>,
    ) -> Result<Vec<ImageFacts>, CloudError> {
        self.images_by(self.ec2.describe_images(), Some(owner), filters).await
    }

    async fn images_by(
        &self,
        request: DescribeImagesFluentBuilder,
        owner: Option<&str>,
        filters: Vec<Filter>,
    ) -> Result<Vec<ImageFacts>, CloudError> {
        let owners = owner.map(|owner| vec![owner.to_owned()]);
        let request = request.set_owners(owners).set_filters(Some(filters.clone()));
        let pages = request.into_paginator().page_size(PAGE).items().send();
        let images = self.pages(Action::DescribeImages, (owner, filters), pages).await?;
        Ok(images.into_iter().map(image_facts).collect())
    }

    /// One image; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the call fails otherwise.
    pub async fn image(&self, id: &str) -> Result<Option<ImageFacts>, CloudError> {
        let request = self.ec2.describe_images().image_ids(id);
        match self
            .call(
                Action::DescribeImages,
                &id,
                request.include_deprecated(true).include_disabled(true).send(),
            )
            .await
        {
            Ok(answer) => Ok(answer.images.unwrap_or_default().into_iter().next().map(image_facts)),
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes tags on resources: one write, whatever it says.
    pub(crate) async fn tag<I: AsRef<str> + Debug>(
        &self,
        ids: &[I],
        tags: &Tags,
    ) -> Result<(), CloudError> {
        if ids.is_empty() || tags.is_empty() {
            return Ok(());
        }
        let request = self.ec2.create_tags().set_resources(Some(texts(ids)));
        let request = request.set_tags(Some(sdk_tags(tags)));
        self.call_until_seen(Action::CreateTags, (&ids, &tags), async || {
            request.clone().send().await
        })
        .await
        .map(drop)
    }

    /// Takes tags away, where they have these values.
    pub(crate) async fn untag<I: AsRef<str> + Debug>(
        &self,
        ids: &[I],
        tags: &Tags,
    ) -> Result<(), CloudError> {
        let request = self.ec2.delete_tags().set_resources(Some(texts(ids)));
        let request = request.set_tags(Some(sdk_tags(tags)));
        self.call_until_seen(Action::DeleteTags, (&ids, &tags), async || {
            request.clone().send().await
        })
        .await
        .map(drop)
    }
}

/// Ids as the SDK takes them.
pub(super) fn texts(ids: &[impl AsRef<str>]) -> Vec<String> {
    ids.iter().map(|id| id.as_ref().to_owned()).collect()
}

/// Whether what was to be ended was known.
pub(super) fn was_known(answer: Result<(), CloudError>) -> Result<bool, CloudError> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.kind == CloudErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A filter for just this value.
pub(crate) fn filter(name: &str, value: &str) -> Filter {
    any_of(name, [value])
}

/// A filter for just these values: EC2 reads `*`, `?` and `\` in them as wildcards
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).
pub(crate) fn any_of(name: &str, values: impl IntoIterator<Item = impl AsRef<str>>) -> Filter {
    let values = values.into_iter().map(|value| literal(value.as_ref()));
    Filter::builder().name(name).set_values(Some(values.collect())).build()
}

/// A filter for what matches a pattern that people have written.
pub(crate) fn matching(name: &str, pattern: &str) -> Filter {
    Filter::builder().name(name).values(pattern).build()
}

/// A filter for what matches one of such patterns.
pub(crate) fn matching_any(name: &str, patterns: &[String]) -> Filter {
    Filter::builder().name(name).set_values(Some(patterns.to_vec())).build()
}

fn literal(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '*' | '?' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

/// Whether something is a namespace's: what is like EC2 may read a filter more widely.
pub(super) fn is_of(namespace: &Namespace, tags: &Tags) -> bool {
    tags.get(tags::NAMESPACE) == Some(&namespace.0)
}

pub(super) fn of_namespace(namespace: &Namespace) -> Filter {
    filter(&format!("tag:{}", tags::NAMESPACE), &namespace.0)
}

pub(super) fn of_bake(bake: &str) -> Filter {
    filter(&format!("tag:{}", tags::BAKE), bake)
}

pub(super) fn tag_specification(resource: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(resource).set_tags(Some(sdk_tags(tags))).build()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_take_values_literally() {
        let of = |filter: Filter| filter.values.unwrap_or_default();
        assert_eq!(of(filter("tag:x", r"ci*?\")), [r"ci\*\?\\"]);
        assert_eq!(of(any_of("x", ["plain", "a*"])), ["plain", r"a\*"]);
        assert_eq!(of(matching("name", "debian-*")), ["debian-*"]);
    }

    #[test]
    fn what_only_matches_a_namespace_is_not_of_it() {
        let tags = |value: &str| tags::of([(tags::NAMESPACE, value.to_owned())]);
        assert!(is_of(&Namespace("ci".into()), &tags("ci")));
        assert!(!is_of(&Namespace("ci*".into()), &tags("ci-other")));
        assert!(!is_of(&Namespace("ci".into()), &Tags::new()));
    }
}
