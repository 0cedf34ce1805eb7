//! What all Describe actions have in common: ids, filters and pages.

use jiff::Timestamp;

use crate::model::{
    ConnectEndpoint, Image, Instance, KeyPair, LaunchTemplate, Resource, SecurityGroup, Snapshot,
    State, Subnet, Table, Volume, id_is_valid,
};
use crate::protocol::{ApiError, ApiResult, Filter, Params, Reference, matches, paginate};

/// The most rows that a page may have.
const LARGEST_PAGE: usize = 1000;

/// Which rows a caller wants to see.
#[derive(Clone)]
pub(super) struct Query {
    ids: Vec<String>,
    filters: Vec<Filter>,
    pub(super) page: Page,
}

impl Query {
    /// Reads ids from the list parameter `ids`, and the filters of `reference`.
    pub(super) fn decode<T: Resource>(
        params: &Params,
        ids: &str,
        reference: &Reference,
    ) -> ApiResult<Query> {
        Ok(Query {
            ids: id_list::<T>(params, ids)?,
            filters: params.filters(reference.filters)?,
            page: Page::decode(params)?,
        })
    }

    /// The same where EC2 wants pages of five rows or more, and either ids or a page.
    pub(super) fn decode_strictly<T: Resource>(
        params: &Params,
        ids: &str,
        reference: &Reference,
    ) -> ApiResult<Query> {
        let query = Query::decode::<T>(params, ids, reference)?;
        if let Some(max) = query.page.max_results {
            if max < 5 {
                let message = format!(
                    "Value ( {max} ) for parameter maxResults is invalid. Expecting a value greater than 5."
                );
                return Err(ApiError::new("InvalidParameterValue", message));
            }
            if !query.ids.is_empty() {
                let message =
                    format!("The parameter {ids} cannot be used with the parameter maxResults");
                return Err(ApiError::combination(message));
            }
        }
        Ok(query)
    }

    /// The same without some ids; `None` when none is left of those that there were.
    pub(super) fn without_ids(&self, is_left_out: impl Fn(&str) -> bool) -> Option<Query> {
        let ids: Vec<String> = self.ids.iter().filter(|id| !is_left_out(id)).cloned().collect();
        (self.ids.is_empty() || !ids.is_empty()).then(|| Query { ids, ..self.clone() })
    }

    /// The rows of a region, one page of them, and the token of the next. All ids must be
    /// there.
    pub(super) fn select<'a, T: Resource>(
        &self,
        table: &'a Table<T>,
        region: &str,
        values: impl Fn(&T, &str) -> Option<Vec<String>>,
    ) -> ApiResult<(Vec<&'a T>, Option<String>)> {
        self.select_among(table, region, |_| true, values)
    }

    /// The same among the rows that `is_meant` lets pass.
    pub(super) fn select_among<'a, T: Resource>(
        &self,
        table: &'a Table<T>,
        region: &str,
        is_meant: impl Fn(&T) -> bool,
        values: impl Fn(&T, &str) -> Option<Vec<String>>,
    ) -> ApiResult<(Vec<&'a T>, Option<String>)> {
        for id in &self.ids {
            table
                .get(id)
                .filter(|row| row.is_in(region))
                .ok_or_else(|| ApiError::not_found::<T>(id))?;
        }
        let mut rows = Vec::new();
        for row in table.of_region(region).filter(|row| is_meant(row)) {
            let named = self.ids.is_empty() || self.ids.iter().any(|id| id == row.id());
            if named && matches(&self.filters, row.tags(), |name| values(row, name))? {
                rows.push(row);
            }
        }
        self.page.cut(rows, |row| row.id())
    }
}

/// How many rows a page of a Describe action may have, and where it begins.
#[derive(Clone)]
pub(super) struct Page {
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Page {
    pub(super) fn decode(params: &Params) -> ApiResult<Page> {
        Page::decode_as(params, "MaxResults")
    }

    /// The same where the number of rows has another name.
    pub(super) fn decode_as(params: &Params, size: &str) -> ApiResult<Page> {
        let max_results: Option<usize> = params.parsed(size)?;
        if let Some(max) = max_results.filter(|max| !(1..=LARGEST_PAGE).contains(max)) {
            return Err(ApiError::invalid_value("maxResults", &max.to_string()));
        }
        Ok(Page { max_results, next_token: params.string("NextToken") })
    }

    pub(super) fn cut<'a, T>(
        &self,
        rows: Vec<&'a T>,
        id: impl Fn(&T) -> &str,
    ) -> ApiResult<(Vec<&'a T>, Option<String>)> {
        paginate(rows, id, self.max_results, self.next_token.as_deref())
    }
}

/// What rows are in order by, so that the newest come first.
pub(super) fn newest_first(at: Timestamp, id: &str) -> String {
    format!("{:020} {id}", u64::MAX - u64::try_from(at.as_microsecond()).unwrap_or_default())
}

/// An id that must have the form of `T`'s ids.
pub(super) fn required_id<T: Resource>(params: &Params, name: &str) -> ApiResult<String> {
    let id = params.required(name)?;
    check_id::<T>(&id)?;
    Ok(id)
}

/// A list of ids, maybe empty, that must have the form of `T`'s.
pub(super) fn id_list<T: Resource>(params: &Params, name: &str) -> ApiResult<Vec<String>> {
    let ids = params.list(name);
    ids.iter().try_for_each(|id| check_id::<T>(id))?;
    Ok(ids)
}

pub(super) fn check_id<T: Resource>(id: &str) -> ApiResult<()> {
    if id_is_valid(id, T::PREFIX) { Ok(()) } else { Err(ApiError::malformed::<T>(id)) }
}

pub(super) fn find<'a, T: Resource>(table: &'a Table<T>, id: &str) -> ApiResult<&'a T> {
    table.get(id).ok_or_else(|| ApiError::not_found::<T>(id))
}

/// An image of the caller's own: those of others are not to be changed.
pub(super) fn find_own_image<'a>(state: &'a mut State, id: &str) -> ApiResult<&'a mut Image> {
    let gone = state.gone_images.get(id).is_some();
    match state.images.get_mut(id) {
        Some(image) if image.is_own() => Ok(image),
        Some(image) if image.is_visible() => {
            let message = format!("Not authorized for image:{id}");
            Err(ApiError { message, ..ApiError::auth_failure() })
        }
        None if gone => Err(is_deregistered(id)),
        Some(_) | None => Err(ApiError::not_found::<Image>(id)),
    }
}

/// An image that the caller may launch.
pub(super) fn find_image<'a>(state: &'a State, id: &str) -> ApiResult<&'a Image> {
    match state.images.get(id).filter(|image| image.is_visible()) {
        Some(image) => Ok(image),
        None if state.gone_images.get(id).is_some() => Err(is_deregistered(id)),
        None => Err(ApiError::not_found::<Image>(id)),
    }
}

/// EC2 tells an id that was deregistered from one that never was
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).
fn is_deregistered(id: &str) -> ApiError {
    let message = format!("The image ID '{id}' is no longer available");
    ApiError::new("InvalidAMIID.Unavailable", message)
}

pub(super) fn find_mut<'a, T: Resource>(table: &'a mut Table<T>, id: &str) -> ApiResult<&'a mut T> {
    table.get_mut(id).ok_or_else(|| ApiError::not_found::<T>(id))
}

/// Finds a group by id, or by its name in a region.
pub(super) fn find_group<'a>(
    state: &'a State,
    region: &str,
    id: Option<&str>,
    name: Option<&str>,
) -> ApiResult<&'a SecurityGroup> {
    match (id, name) {
        (Some(id), _) => find(&state.security_groups, id),
        (None, Some(name)) => {
            let group = state.security_groups.of_region(region).find(|group| group.name == name);
            group.ok_or_else(|| ApiError::not_found::<SecurityGroup>(name))
        }
        (None, None) => Err(ApiError::missing("GroupId")),
    }
}

/// The error for an id of any kind that is not there.
pub(super) fn missing(id: &str) -> ApiError {
    fn of<T: Resource>(id: &str) -> Option<ApiError> {
        id_is_valid(id, T::PREFIX).then(|| ApiError::not_found::<T>(id))
    }
    of::<Image>(id)
        .or_else(|| of::<Instance>(id))
        .or_else(|| of::<KeyPair>(id))
        .or_else(|| of::<LaunchTemplate>(id))
        .or_else(|| of::<SecurityGroup>(id))
        .or_else(|| of::<Snapshot>(id))
        .or_else(|| of::<Volume>(id))
        .or_else(|| of::<Subnet>(id))
        .or_else(|| of::<ConnectEndpoint>(id))
        .unwrap_or_else(|| ApiError::new("InvalidID", format!("The ID '{id}' is not valid")))
}
