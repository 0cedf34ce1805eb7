//! Tags.

use std::borrow::Cow;

use super::query::Page;
use crate::actions::action::Action;
use crate::actions::query::missing;
use crate::ec2::Call;
use crate::model::Tags;
use crate::protocol::{ApiError, ApiResult, Filter, Params, Reference, Xml, matches};

/// The most tags that a resource may have
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>).
const MOST_TAGS: usize = 50;

fn resources(params: &Params) -> ApiResult<Vec<String>> {
    let ids = params.list("ResourceId");
    if ids.is_empty() { Err(ApiError::missing("resourceIdSet")) } else { Ok(ids) }
}

pub(super) struct CreateTags {
    resources: Vec<String>,
    tags: Tags,
}

impl Action for CreateTags {
    const REFERENCE: Reference = Reference { honours: &["ResourceId", "Tag"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        let (resources, tags) = (resources(params)?, params.tags()?);
        if tags.is_empty() {
            return Err(ApiError::missing("tagSet"));
        }
        Ok(CreateTags { resources, tags })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            for id in &self.resources {
                let tags = state.tags_mut(id).ok_or_else(|| missing(id))?;
                tags.extend(self.tags.clone());
                if tags.len() > MOST_TAGS {
                    let message =
                        format!("The maximum number of tags ({MOST_TAGS}) for {id} is exceeded");
                    return Err(ApiError::new("TagLimitExceeded", message));
                }
            }
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}

pub(super) struct DeleteTags {
    resources: Vec<String>,
    /// A tag without a value is deleted whatever its value, one with an empty value where it has
    /// that; none at all means every tag.
    tags: Vec<(String, Option<String>)>,
}

impl Action for DeleteTags {
    const REFERENCE: Reference = Reference {
        honours: &["ResourceId", "Tag"],
        notes: "Without tags, all are deleted.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let tags = params.structures("Tag");
        let tags = tags.iter().map(|tag| Ok((tag.required("Key")?, tag.given("Value"))));
        Ok(DeleteTags { resources: resources(params)?, tags: tags.collect::<ApiResult<_>>()? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            for id in &self.resources {
                let tags = state.tags_mut(id).ok_or_else(|| missing(id))?;
                if self.tags.is_empty() {
                    tags.clear();
                }
                for (key, value) in &self.tags {
                    if value.is_none() || tags.get(key) == value.as_ref() {
                        tags.remove(key);
                    }
                }
            }
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}

pub(super) struct DescribeTags {
    filters: Vec<Filter>,
    page: Page,
}

/// A tag of a resource, and an id for it by which pages are cut.
struct Row<'a> {
    resource_type: &'static str,
    resource_id: Cow<'a, str>,
    key: &'a str,
    value: &'a str,
    id: String,
}

impl Action for DescribeTags {
    const REFERENCE: Reference = Reference {
        honours: &["Filter", "MaxResults", "NextToken"],
        filters: &["key", "resource-id", "resource-type", "value"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let filters = params.filters(Self::REFERENCE.filters)?;
        Ok(DescribeTags { filters, page: Page::decode(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let mut rows = Vec::new();
            for (resource_type, resource_id, key, value) in state.tags_in(&call.region) {
                let passes = matches(&self.filters, &Tags::new(), |name| {
                    let text = match name {
                        "key" => key,
                        "resource-id" => resource_id.as_ref(),
                        "resource-type" => resource_type,
                        "value" => value,
                        _ => return None,
                    };
                    Some(vec![text.to_owned()])
                })?;
                if passes {
                    let id = format!("{resource_id} {key}");
                    rows.push(Row { resource_type, resource_id, key, value, id });
                }
            }
            let (rows, token) = self.page.cut(rows.iter().collect(), |row| &row.id)?;
            xml.list("tagSet", rows, |xml, row| {
                xml.text("resourceId", &row.resource_id);
                xml.text("resourceType", row.resource_type);
                xml.text("key", row.key);
                xml.text("value", row.value);
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}
