//! Which other accounts use an image, as EC2 counts it when it is asked to
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>).

use jiff::{SignedDuration, Timestamp};

use super::query::{Page, find_own_image, id_list, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{Image, ImageUser, State, Tags, UsageReport, new_id};
use crate::protocol::{ApiError, ApiResult, Filter, Params, Reference, Xml, matches};

/// The resources that can be counted.
const KINDS: [&str; 2] = ["ec2:Instance", "ec2:LaunchTemplate"];

/// How long a report is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImageUsageReport.html>
pub(super) struct CreateImageUsageReport {
    image: String,
    kinds: Vec<String>,
    accounts: Vec<String>,
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImageUsageReports.html>
pub(super) struct DescribeImageUsageReports(Which);

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImageUsageReportEntries.html>
pub(super) struct DescribeImageUsageReportEntries(Which);

/// Which reports are meant.
struct Which {
    images: Vec<String>,
    reports: Vec<String>,
    filters: Vec<Filter>,
    page: Page,
}

impl Which {
    fn decode(params: &Params, reference: &Reference) -> ApiResult<Which> {
        Ok(Which {
            images: id_list::<Image>(params, "ImageId")?,
            reports: params.list("ReportId"),
            filters: params.filters(reference.filters)?,
            page: Page::decode(params)?,
        })
    }

    fn reports<'s>(&self, state: &'s State, region: &str) -> impl Iterator<Item = &'s UsageReport> {
        let any = |wanted: &[String], value: &String| wanted.is_empty() || wanted.contains(value);
        let now = Timestamp::now();
        state.usage_reports.iter().filter(move |it| {
            it.region == region
                && it.expires > now
                && any(&self.images, &it.image)
                && any(&self.reports, &it.id)
        })
    }
}

impl Action for CreateImageUsageReport {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId", "ResourceType", "AccountId"],
        ignores: &["ClientToken"],
        notes: "All versions of launch templates are counted, whatever version-depth says. What other accounts have is what `amiable local used` says.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let image = required_id::<Image>(params, "ImageId")?;
        let kinds = params.structures("ResourceType").into_iter();
        let kinds = kinds.map(|it| {
            for option in it.structures("ResourceTypeOption") {
                check_option(&option)?;
            }
            it.required("ResourceType")
        });
        let kinds = kinds.collect::<ApiResult<Vec<_>>>()?;
        if kinds.is_empty() {
            return Err(ApiError::missing("ResourceType"));
        }
        if let Some(other) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
            return Err(ApiError::invalid_value("ResourceType", other));
        }
        Ok(CreateImageUsageReport { image, kinds, accounts: params.list("AccountId") })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = call.ec2.change(|state| {
            find_own_image(state, &self.image)?;
            let counted = |it: &&ImageUser| {
                it.image == self.image
                    && self.kinds.contains(&it.kind)
                    && (self.accounts.is_empty() || self.accounts.contains(&it.account))
            };
            let entries = state.image_users.iter().filter(counted).cloned().collect();
            let created = Timestamp::now();
            let after = |time: SignedDuration| created.checked_add(time).unwrap_or(Timestamp::MAX);
            let delay = SignedDuration::try_from(call.ec2.machines.report_delay());
            let report = UsageReport {
                id: new_id("amiur"),
                region: call.region.clone(),
                image: self.image.clone(),
                kinds: self.kinds.clone(),
                accounts: self.accounts.clone(),
                created,
                available: after(delay.unwrap_or(SignedDuration::ZERO)),
                expires: after(KEPT),
                entries,
            };
            let id = report.id.clone();
            state.usage_reports.insert(report);
            Ok(id)
        })?;
        xml.text("reportId", id);
        Ok(())
    }
}

/// How many versions of launch templates are looked at: 1 to 10,000.
fn check_option(option: &Params) -> ApiResult<()> {
    let (name, values) = (option.required("OptionName")?, option.list("OptionValue"));
    let is_depth = |value: &String| value.parse::<u32>().is_ok_and(|it| (1..=10_000).contains(&it));
    match (name.as_str(), values.as_slice()) {
        ("version-depth", [value]) if is_depth(value) => Ok(()),
        ("version-depth", values) => {
            Err(ApiError::invalid_value("OptionValue", &values.join(", ")))
        }
        (other, _) => Err(ApiError::invalid_value("OptionName", other)),
    }
}

impl Action for DescribeImageUsageReports {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId", "ReportId", "Filter", "MaxResults", "NextToken"],
        filters: &["creation-time", "state"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DescribeImageUsageReports(Which::decode(params, &Self::REFERENCE)?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let mut rows = Vec::new();
            for report in self.0.reports(state, &call.region) {
                let values = |name: &str| match name {
                    "creation-time" => Some(vec![time(report.created)]),
                    "state" => Some(vec![report.state().to_owned()]),
                    _ => None,
                };
                if matches(&self.0.filters, &Tags::new(), values)? {
                    rows.push(report);
                }
            }
            let (rows, token) = self.0.page.cut(rows, |report| &report.id)?;
            xml.list("imageUsageReportSet", rows, write_report);
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn write_report(xml: &mut Xml, report: &UsageReport) {
    xml.text("imageId", &report.image);
    xml.text("reportId", &report.id);
    xml.list("resourceTypeSet", &report.kinds, |xml, kind| {
        xml.text("resourceType", kind);
    });
    xml.list("accountIdSet", &report.accounts, |xml, account| xml.value(account));
    xml.text("state", report.state());
    xml.time("creationTime", report.created);
    xml.time("expirationTime", report.expires);
}

impl Action for DescribeImageUsageReportEntries {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId", "ReportId", "Filter", "MaxResults", "NextToken"],
        filters: &["account-id", "creation-time", "resource-type"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DescribeImageUsageReportEntries(Which::decode(params, &Self::REFERENCE)?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let mut rows = Vec::new();
            let reports = self.0.reports(state, &call.region);
            for report in reports.filter(|it| it.state() == "available") {
                for entry in &report.entries {
                    let values = |name: &str| match name {
                        "account-id" => Some(vec![entry.account.clone()]),
                        "creation-time" => Some(vec![time(report.created)]),
                        "resource-type" => Some(vec![entry.kind.clone()]),
                        _ => None,
                    };
                    if matches(&self.0.filters, &Tags::new(), values)? {
                        rows.push((format!("{} {}", report.id, entry.id), report, entry));
                    }
                }
            }
            let rows = rows.iter().collect();
            let (rows, token) = self.0.page.cut(rows, |(id, ..)| id)?;
            xml.list("imageUsageReportEntrySet", rows, |xml, (_, report, entry)| {
                xml.text("resourceType", &entry.kind);
                xml.text("reportId", &report.id);
                xml.text("usageCount", entry.count);
                xml.text("accountId", &entry.account);
                xml.text("imageId", &entry.image);
                xml.time("reportCreationTime", report.created);
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
