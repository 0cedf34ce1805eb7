//! Which other accounts use an image, as EC2 counts it when it is asked to
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>).

use aws_sdk_ec2::types::{
    ImageUsageReport, ImageUsageReportEntry, ImageUsageResourceTypeOptionRequest,
    ImageUsageResourceTypeRequest,
};
use jiff::Timestamp;

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;

/// The most versions of a launch template that EC2 looks at, the newest first
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ImageUsageResourceTypeOptionRequest.html>).
const DEEPEST: &str = "10000";

/// A usage report of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsageReport {
    pub(crate) id: String,
    /// `pending`, `available` or `error`.
    pub(crate) state: String,
    pub(crate) created: Timestamp,
}

impl Cloud {
    /// The usage reports of an image that EC2 still has.
    pub(crate) async fn usage_reports(&self, image: &str) -> Result<Vec<UsageReport>, CloudError> {
        let request = self.ec2.describe_image_usage_reports().image_ids(image);
        let pages = request.into_paginator().items().send();
        let found = self.pages(Action::DescribeImageUsageReports, image, pages).await?;
        let report = |it: ImageUsageReport| {
            let created = it.creation_time.map(|time| time.secs()).unwrap_or_default();
            UsageReport {
                id: it.report_id.unwrap_or_default(),
                state: it.state.unwrap_or_default(),
                created: Timestamp::from_second(created).unwrap_or_default(),
            }
        };
        Ok(found.into_iter().map(report).collect())
    }

    /// What a report says.
    pub(crate) async fn usage_report_entries(
        &self,
        report: &str,
    ) -> Result<Vec<ImageUsageReportEntry>, CloudError> {
        let request = self.ec2.describe_image_usage_report_entries().report_ids(report);
        let pages = request.into_paginator().items().send();
        self.pages(Action::DescribeImageUsageReportEntries, report, pages).await
    }

    /// Has EC2 count who uses an image, and returns the report's id.
    pub(crate) async fn create_usage_report(&self, image: &str) -> Result<String, CloudError> {
        let kind = |name: &str| ImageUsageResourceTypeRequest::builder().resource_type(name);
        // All versions: the default one may be old.
        let depth = ImageUsageResourceTypeOptionRequest::builder()
            .option_name("version-depth")
            .option_values(DEEPEST);
        let templates = kind("ec2:LaunchTemplate").resource_type_options(depth.build());
        let request = self.ec2.create_image_usage_report().image_id(image);
        let request = request.resource_types(kind("ec2:Instance").build());
        let answer = self
            .call(
                Action::CreateImageUsageReport,
                image,
                request.resource_types(templates.build()).send(),
            )
            .await?;
        Ok(answer.report_id.unwrap_or_default())
    }
}
