//! Launch templates: create, describe, modify, delete
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-launch-templates.html>).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::launch_template_data::{decode_data, overlay};
use super::launch_template_key::{Key, version_not_found};
use super::launch_template_versions::write_version;
use super::query::{Page, id_list};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::model::{
    LaunchTemplate, LaunchTemplateData, LaunchTemplateVersion, Resource, Tags, new_id,
};
use crate::protocol::{ApiError, ApiResult, Filter, Params, Reference, Xml, matches};

pub(super) struct CreateLaunchTemplate {
    name: String,
    description: Option<String>,
    client_token: Option<String>,
    data: LaunchTemplateData,
    tags: Tags,
}

impl Action for CreateLaunchTemplate {
    const REFERENCE: Reference = Reference {
        honours: &[
            "LaunchTemplateName",
            "VersionDescription",
            "ClientToken",
            "LaunchTemplateData",
            "TagSpecification",
        ],
        notes: "LaunchTemplateData takes what RunInstances takes.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let name = params.required("LaunchTemplateName")?;
        let allowed = |it: char| it.is_ascii_alphanumeric() || "().-/_".contains(it);
        if !(3..=128).contains(&name.len()) || !name.chars().all(allowed) {
            let message = "A launch template name must be between 3 and 128 characters, and may contain \
                           letters, numbers, and the following characters: - ( ) . / _.";
            return Err(ApiError::new("InvalidLaunchTemplateName.MalformedException", message));
        }
        let data = decode_data(params)?;
        if data.is_empty() {
            return Err(ApiError::missing("LaunchTemplateData"));
        }
        let mut tags = params.tag_specifications(&["launch-template"])?;
        Ok(CreateLaunchTemplate {
            name,
            description: params.string("VersionDescription"),
            client_token: params.string("ClientToken"),
            data,
            tags: tags.remove("launch-template").unwrap_or_default(),
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let template = call.ec2.change(|state| {
            let here = Key::Name(self.name.clone()).find(state, &call.region);
            if let Ok(known) = here {
                if self.client_token.is_some() && known.client_token == self.client_token {
                    return Ok(known.clone());
                }
                return Err(ApiError::new(
                    "InvalidLaunchTemplateName.AlreadyExistsException",
                    "Launch template name already in use.",
                ));
            }
            let created = Timestamp::now();
            let first = LaunchTemplateVersion {
                number: 1,
                description: self.description,
                created,
                client_token: None,
                request: self.data.clone(),
                data: self.data,
            };
            let template = LaunchTemplate {
                id: new_id("lt"),
                region: call.region.clone(),
                name: self.name,
                created,
                default: 1,
                versions: BTreeMap::from([(1, first)]),
                made: 1,
                client_token: self.client_token,
                tags: self.tags,
            };
            state.launch_templates.insert(template.clone());
            Ok(template)
        })?;
        xml.node("launchTemplate", |xml| write_template(xml, &template));
        Ok(())
    }
}

fn write_template(xml: &mut Xml, template: &LaunchTemplate) {
    xml.text("launchTemplateId", &template.id);
    xml.text("launchTemplateName", &template.name);
    xml.time("createTime", template.created);
    xml.text("createdBy", format!("arn:aws:iam::{ACCOUNT}:user/local"));
    xml.text("defaultVersionNumber", template.default);
    xml.text("latestVersionNumber", template.latest());
    xml.tags(&template.tags);
}

pub(super) struct CreateLaunchTemplateVersion {
    key: Key,
    source: Option<String>,
    description: Option<String>,
    client_token: Option<String>,
    data: LaunchTemplateData,
}

impl Action for CreateLaunchTemplateVersion {
    const REFERENCE: Reference = Reference {
        honours: &[
            "LaunchTemplateId",
            "LaunchTemplateName",
            "SourceVersion",
            "VersionDescription",
            "ClientToken",
            "LaunchTemplateData",
        ],
        defaults: &[("ResolveAlias", "false")],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(CreateLaunchTemplateVersion {
            key: Key::required(params)?,
            source: params.string("SourceVersion"),
            description: params.string("VersionDescription"),
            client_token: params.string("ClientToken"),
            data: decode_data(params)?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            let template = self.key.find(state, &call.region)?;
            let mut versions = template.versions.values();
            let earlier = versions
                .find(|it| self.client_token.is_some() && it.client_token == self.client_token);
            if earlier.is_some_and(|it| it.request != self.data) {
                return Err(ApiError::new(
                    "IdempotentParameterMismatch",
                    "The client token has already been used with different parameters.",
                ));
            }
            if let Some(earlier) = earlier {
                let (template, earlier) = (template.clone(), earlier.clone());
                xml.node("launchTemplateVersion", |xml| {
                    write_version(xml, &template, &earlier, None)
                });
                return Ok(());
            }
            let data = match &self.source {
                None => self.data.clone(),
                Some(source) => {
                    let source = template
                        .version(source)
                        .ok_or_else(|| version_not_found(template, source))?;
                    overlay(&source.data, &self.data)
                }
            };
            let id = template.id.clone();
            let version = LaunchTemplateVersion {
                number: template.made + 1,
                description: self.description.clone(),
                created: Timestamp::now(),
                client_token: self.client_token.clone(),
                request: self.data.clone(),
                data,
            };
            let Some(template) = state.launch_templates.get_mut(&id) else { return Ok(()) };
            template.made = version.number;
            template.versions.insert(version.number, version.clone());
            let template = template.clone();
            xml.node("launchTemplateVersion", |xml| write_version(xml, &template, &version, None));
            Ok(())
        })
    }
}

pub(super) struct ModifyLaunchTemplate {
    key: Key,
    default: String,
}

impl Action for ModifyLaunchTemplate {
    const REFERENCE: Reference = Reference {
        honours: &["LaunchTemplateId", "LaunchTemplateName", "SetDefaultVersion"],
        ignores: &["ClientToken"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let default = params.required("SetDefaultVersion")?;
        Ok(ModifyLaunchTemplate { key: Key::required(params)?, default })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let template = call.ec2.change(|state| {
            let template = self.key.find(state, &call.region)?;
            let version = template
                .version(&self.default)
                .ok_or_else(|| version_not_found(template, &self.default))?;
            let (id, number) = (template.id.clone(), version.number);
            let Some(template) = state.launch_templates.get_mut(&id) else {
                return Err(ApiError::not_found::<LaunchTemplate>(&id));
            };
            template.default = number;
            Ok(template.clone())
        })?;
        xml.node("launchTemplate", |xml| write_template(xml, &template));
        Ok(())
    }
}

pub(super) struct DeleteLaunchTemplate(Key);

impl Action for DeleteLaunchTemplate {
    const REFERENCE: Reference =
        Reference { honours: &["LaunchTemplateId", "LaunchTemplateName"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DeleteLaunchTemplate(Key::required(params)?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let template = call.ec2.change(|state| {
            let template = self.0.find(state, &call.region)?.clone();
            state.launch_templates.remove(&template.id);
            Ok(template)
        })?;
        xml.node("launchTemplate", |xml| write_template(xml, &template));
        Ok(())
    }
}

pub(super) struct DeleteLaunchTemplateVersions {
    key: Key,
    versions: Vec<String>,
}

impl Action for DeleteLaunchTemplateVersions {
    const REFERENCE: Reference = Reference {
        honours: &["LaunchTemplateId", "LaunchTemplateName", "LaunchTemplateVersion"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let versions = params.list("LaunchTemplateVersion");
        if versions.is_empty() {
            return Err(ApiError::missing("LaunchTemplateVersion"));
        }
        Ok(DeleteLaunchTemplateVersions { key: Key::required(params)?, versions })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let (template, deleted, refused) = call.ec2.change(|state| {
            let template = self.key.find(state, &call.region)?.clone();
            let (mut deleted, mut refused) = (Vec::new(), Vec::new());
            for text in &self.versions {
                let number = text.parse::<u64>().unwrap_or_default();
                if !template.versions.contains_key(&number) {
                    let message = version_not_found(&template, text).message;
                    refused.push((number, "launchTemplateVersionDoesNotExist", message));
                } else if number == template.default {
                    let message = "You cannot delete the default version of a launch template";
                    refused.push((number, "unexpectedError", message.to_owned()));
                } else {
                    deleted.push(number);
                }
            }
            if let Some(kept) = state.launch_templates.get_mut(&template.id) {
                kept.versions.retain(|number, _| !deleted.contains(number));
            }
            Ok((template, deleted, refused))
        })?;
        let key = |xml: &mut Xml, number: u64| {
            xml.text("launchTemplateId", &template.id);
            xml.text("launchTemplateName", &template.name);
            xml.text("versionNumber", number);
        };
        xml.list("successfullyDeletedLaunchTemplateVersionSet", deleted, key);
        let failed = "unsuccessfullyDeletedLaunchTemplateVersionSet";
        xml.list(failed, refused, |xml, (number, code, message)| {
            key(xml, number);
            xml.node("responseError", |xml| {
                xml.text("code", code);
                xml.text("message", message);
            });
        });
        Ok(())
    }
}

pub(super) struct DescribeLaunchTemplates {
    keys: Vec<Key>,
    filters: Vec<Filter>,
    page: Page,
}

impl Action for DescribeLaunchTemplates {
    const REFERENCE: Reference = Reference {
        honours: &["LaunchTemplateId", "LaunchTemplateName", "Filter", "MaxResults", "NextToken"],
        filters: &["create-time", "launch-template-name", "tag:KEY", "tag-key"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let ids = id_list::<LaunchTemplate>(params, "LaunchTemplateId")?.into_iter().map(Key::Id);
        let names = params.list("LaunchTemplateName").into_iter().map(Key::Name);
        Ok(DescribeLaunchTemplates {
            keys: ids.chain(names).collect(),
            filters: params.filters(Self::REFERENCE.filters)?,
            page: Page::decode(params)?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let named = self.keys.iter().map(|key| key.find(state, &call.region));
            let named = named.collect::<ApiResult<Vec<&LaunchTemplate>>>()?;
            let mut rows = Vec::new();
            for row in state.launch_templates.of_region(&call.region) {
                let is_named = named.is_empty() || named.iter().any(|it| it.id == row.id);
                if is_named && matches(&self.filters, row.tags(), |name| values(row, name))? {
                    rows.push(row);
                }
            }
            let (rows, token) = self.page.cut(rows, |it| &it.id)?;
            xml.list("launchTemplates", rows, write_template);
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn values(template: &LaunchTemplate, filter: &str) -> Option<Vec<String>> {
    Some(vec![match filter {
        "create-time" => template.created.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "launch-template-name" => template.name.clone(),
        _ => return None,
    }])
}
