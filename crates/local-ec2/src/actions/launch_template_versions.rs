//! DescribeLaunchTemplateVersions.

use super::launch_template_data::write_data;
use super::launch_template_key::{Key, resolve, version_not_found};
use super::query::Page;
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::model::{LaunchTemplate, LaunchTemplateVersion, State, Tags};
use crate::protocol::{ApiError, ApiResult, Filter, Params, Reference, Xml, matches};

pub(super) struct DescribeLaunchTemplateVersions {
    key: Option<Key>,
    /// Numbers, `$Default` or `$Latest`.
    versions: Vec<String>,
    least: u64,
    most: u64,
    resolve: bool,
    filters: Vec<Filter>,
    page: Page,
}

impl Action for DescribeLaunchTemplateVersions {
    const REFERENCE: Reference = Reference {
        honours: &[
            "LaunchTemplateId",
            "LaunchTemplateName",
            "LaunchTemplateVersion",
            "MinVersion",
            "MaxVersion",
            "ResolveAlias",
            "Filter",
            "MaxResults",
            "NextToken",
        ],
        filters: &["image-id", "instance-type", "is-default-version"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let (key, versions) = (Key::decode(params)?, params.list("LaunchTemplateVersion"));
        let is_word = |it: &String| it == "$Default" || it == "$Latest";
        if key.is_none() && (versions.is_empty() || !versions.iter().all(is_word)) {
            let message = "Without a launch template, only the versions $Default and $Latest can be described";
            return Err(ApiError::combination(message));
        }
        Ok(DescribeLaunchTemplateVersions {
            key,
            versions,
            least: params.parsed("MinVersion")?.unwrap_or(0),
            most: params.parsed("MaxVersion")?.unwrap_or(u64::MAX),
            resolve: params.flag("ResolveAlias")?,
            filters: params.filters(Self::REFERENCE.filters)?,
            page: Page::decode(params)?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let templates: Vec<&LaunchTemplate> = match &self.key {
                Some(key) => vec![key.find(state, &call.region)?],
                None => state.launch_templates.of_region(&call.region).collect(),
            };
            let mut rows = Vec::new();
            for template in templates {
                for version in self.chosen(template)? {
                    let values = |name: &str| values(template, version, name);
                    if matches(&self.filters, &Tags::new(), values)? {
                        // Newest first, as EC2 has them.
                        let id = format!("{} {:020}", template.id, u64::MAX - version.number);
                        rows.push((template, version, id));
                    }
                }
            }
            let (rows, token) = self.page.cut(rows.iter().collect(), |(_, _, id)| id)?;
            let mut outcome = Ok(());
            xml.list("launchTemplateVersionSet", rows, |xml, (template, version, _)| {
                let resolve = self.resolve.then_some(state);
                match image(version, resolve, &call.region) {
                    Ok(image) => write_version(xml, template, version, image),
                    Err(error) => outcome = Err(error),
                }
            });
            xml.option("nextToken", token);
            outcome
        })
    }
}

impl DescribeLaunchTemplateVersions {
    /// The versions that are meant, the newest first, each once.
    fn chosen<'t>(
        &self,
        template: &'t LaunchTemplate,
    ) -> ApiResult<Vec<&'t LaunchTemplateVersion>> {
        let named = self
            .versions
            .iter()
            .map(|text| template.version(text).ok_or_else(|| version_not_found(template, text)));
        let named = named.collect::<ApiResult<Vec<_>>>()?;
        let is_meant = |it: &&LaunchTemplateVersion| {
            (self.least..=self.most).contains(&it.number)
                && (self.versions.is_empty() || named.iter().any(|named| named.number == it.number))
        };
        Ok(template.versions.values().rev().filter(is_meant).collect())
    }
}

/// The AMI that a version's parameter leads to, where it is asked for.
fn image(
    version: &LaunchTemplateVersion,
    resolve_in: Option<&State>,
    region: &str,
) -> ApiResult<Option<String>> {
    match (resolve_in, version.data.get("ImageId")) {
        (Some(state), Some(image)) => resolve(state, region, image),
        _ => Ok(None),
    }
}

fn values(
    template: &LaunchTemplate,
    version: &LaunchTemplateVersion,
    filter: &str,
) -> Option<Vec<String>> {
    let of = |name: &str| version.data.get(name).cloned().unwrap_or_default();
    Some(vec![match filter {
        "image-id" => of("ImageId"),
        "instance-type" => of("InstanceType"),
        "is-default-version" => (version.number == template.default).to_string(),
        _ => return None,
    }])
}

/// Writes a version, with another AMI where one is given.
pub(super) fn write_version(
    xml: &mut Xml,
    template: &LaunchTemplate,
    version: &LaunchTemplateVersion,
    image: Option<String>,
) {
    xml.text("launchTemplateId", &template.id);
    xml.text("launchTemplateName", &template.name);
    xml.text("versionNumber", version.number);
    xml.option("versionDescription", version.description.as_ref());
    xml.time("createTime", version.created);
    xml.text("createdBy", format!("arn:aws:iam::{ACCOUNT}:user/local"));
    xml.text("defaultVersion", version.number == template.default);
    let mut data = version.data.clone();
    if let Some(image) = image {
        data.insert("ImageId".into(), image);
    }
    xml.node("launchTemplateData", |xml| write_data(xml, &data));
}
