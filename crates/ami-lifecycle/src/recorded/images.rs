//! Images, snapshots and who has them.

use crate::ec2::block_devices::ImageDevices;
use crate::ec2::recycle_bin::BinnedImage;
use crate::model::distribution::Principal;
use crate::model::facts::ImageFacts;
use crate::model::tags::Tags;
use crate::model::template::Namespace;
use crate::operations::usage::{self, OtherAccounts, User};
use crate::recorded::{OWN_IMAGE, answers, recorded};

fn namespace() -> Namespace {
    Namespace("ci".into())
}

#[tokio::test]
async fn a_new_image_is_told_by_its_id() {
    let cloud = answers(&[recorded!("CreateImage"), recorded!("CopyImage")]).await;
    let made = cloud
        .create_image(
            "i-0b1c2d3e4f5061728",
            ("agent-1", None),
            ImageDevices::default(),
            &Tags::new(),
        )
        .await;
    assert_eq!(made.unwrap(), OWN_IMAGE);
    let source = ImageFacts { id: OWN_IMAGE.into(), ..ImageFacts::default() };
    let copy = cloud.copy_image_from("us-east-1", &source, "token", None, &Tags::new()).await;
    assert_eq!(copy.unwrap(), "ami-0d8c0a6e4b3f25791");
}

#[tokio::test]
async fn what_is_changed_or_ended_is_done_when_ec2_says_true() {
    let cloud = answers(&[
        recorded!("CreateTags"),
        recorded!("DeleteTags"),
        recorded!("DeleteSnapshot"),
        recorded!("DeleteVolume"),
        recorded!("DeregisterImage"),
        recorded!("DisableImageDeprecation"),
        recorded!("EnableImageDeprecation"),
        recorded!("DisableImageDeregistrationProtection"),
        recorded!("EnableImageDeregistrationProtection"),
        recorded!("DisableImage"),
        recorded!("EnableImage"),
        recorded!("ModifyImageAttribute"),
        recorded!("ModifySnapshotAttribute"),
        recorded!("RestoreImageFromRecycleBin"),
        recorded!("RestoreSnapshotFromRecycleBin"),
    ])
    .await;
    let ids = [OWN_IMAGE.to_owned()];
    let tags = Tags::from([("a".to_owned(), "b".to_owned())]);
    cloud.tag(&ids, &tags).await.unwrap();
    cloud.untag(&ids, &tags).await.unwrap();
    assert!(cloud.delete_snapshot("snap-0f2a4c6e8b0d1f3a5").await.unwrap());
    assert!(cloud.delete_volume("vol-049df61146c4d7901").await.unwrap());
    assert!(cloud.deregister(OWN_IMAGE).await.unwrap());
    cloud.deprecate(OWN_IMAGE, jiff::Timestamp::now()).await.unwrap();
    cloud.undeprecate(OWN_IMAGE).await.unwrap();
    cloud.protect(OWN_IMAGE).await.unwrap();
    cloud.unprotect(OWN_IMAGE).await.unwrap();
    cloud.disable(OWN_IMAGE).await.unwrap();
    cloud.enable(OWN_IMAGE).await.unwrap();
    let account = Principal::Account("444455556666".into());
    cloud.change_sharing(OWN_IMAGE, &[&account], &[]).await.unwrap();
    cloud.require_imds_v2(OWN_IMAGE).await.unwrap();
    let account = "444455556666".to_owned();
    cloud.change_snapshot_users("snap-0f2a4c6e8b0d1f3a5", &[&account], &[]).await.unwrap();
    assert!(cloud.restore_snapshot("snap-0f2a4c6e8b0d1f3a5").await.unwrap());
    cloud.restore_image(OWN_IMAGE).await.unwrap();
}

/// A snapshot whose namespace only begins the same is another's.
#[tokio::test]
async fn snapshots_and_volumes_are_those_of_the_namespace() {
    let cloud = answers(&[recorded!("DescribeSnapshots"), recorded!("DescribeVolumes")]).await;
    let snapshots = cloud.snapshots_of_namespace(&namespace()).await.unwrap();
    let [snapshot] = snapshots.as_slice() else { panic!("{snapshots:?}") };
    let seen = (snapshot.id.as_str(), snapshot.state.as_str());
    assert_eq!(seen, ("snap-0f2a4c6e8b0d1f3a5", "completed"));
    let volumes = cloud.volumes_of_namespace(&namespace()).await.unwrap();
    let [volume] = volumes.as_slice() else { panic!("{volumes:?}") };
    assert_eq!((volume.id.as_str(), volume.state.as_str()), ("vol-049df61146c4d7901", "in-use"));
}

#[tokio::test]
async fn who_may_launch_an_image_is_read() {
    let cloud = answers(&[recorded!("DescribeImageAttribute")]).await;
    let shared = cloud.shared_with(OWN_IMAGE).await.unwrap();
    let names: Vec<String> = shared.iter().map(ToString::to_string).collect();
    let organization = "arn:aws:organizations::123456789012:organization/o-123example";
    assert_eq!(names, ["444455556666", organization, "everybody"]);
}

/// Accounts; that it is public is nothing that amiable changes.
#[tokio::test]
async fn who_may_make_volumes_of_a_snapshot_is_read() {
    let cloud = answers(&[recorded!("DescribeSnapshotAttribute")]).await;
    let users = cloud.snapshot_users("snap-0f2a4c6e8b0d1f3a5").await.unwrap();
    assert_eq!(users.into_iter().collect::<Vec<String>>(), ["444455556666"]);
}

#[tokio::test]
async fn the_recycle_bin_is_read() {
    let lists = [recorded!("ListImagesInRecycleBin"), recorded!("ListSnapshotsInRecycleBin")];
    let cloud = answers(&lists).await;
    let binned = cloud.binned_image(OWN_IMAGE).await.unwrap();
    let until = "2025-11-08T09:00:00Z".parse().unwrap();
    let (id, name) = (OWN_IMAGE.to_owned(), "agent-1".to_owned());
    assert_eq!(binned, Some(BinnedImage { id, name, until: Some(until) }));
    // One that was not asked for is not it.
    assert_eq!(cloud.binned_image("ami-0d8c0a6e4b3f25791").await.unwrap(), None);
    let snapshots = cloud.binned_snapshots_of(OWN_IMAGE).await.unwrap();
    assert_eq!(snapshots, ["snap-0f2a4c6e8b0d1f3a5"]);
}

/// The report of the recorded answer is of September: too old to go by, so that another is asked for.
#[tokio::test]
async fn usage_reports_are_read() {
    let cloud = answers(&[
        recorded!("DescribeImageAttribute"),
        recorded!("CreateImageUsageReport"),
        recorded!("DescribeImageUsageReportEntries"),
        recorded!("DescribeImageUsageReports"),
    ])
    .await;
    let reports = cloud.usage_reports(OWN_IMAGE).await.unwrap();
    let [report] = reports.as_slice() else { panic!("{reports:?}") };
    assert_eq!(
        (report.id.as_str(), report.state.as_str()),
        ("amiur-00b877d192f6b02d0", "available")
    );
    assert_eq!(report.created, "2025-09-29T13:27:12Z".parse().unwrap());
    let entries = cloud.usage_report_entries(&report.id).await.unwrap();
    let counts: Vec<_> = entries.iter().map(|it| (it.resource_type(), it.usage_count())).collect();
    assert_eq!(counts, [(Some("ec2:Instance"), Some(7)), (Some("ec2:LaunchTemplate"), Some(1))]);
    let now = usage::other_accounts(&cloud, (OWN_IMAGE, false), true).await.unwrap();
    assert_eq!(now, OtherAccounts::NotYet(Some("amiur-00b877d192f6b02d0".into())));
}

/// Instances are looked for by themselves: those that EC2 counts may have ended.
#[tokio::test]
async fn references_are_read() {
    let cloud = answers(&[
        recorded!("DescribeImageReferences"),
        ("Action=DescribeInstances", include_str!("DescribeInstances.none.xml")),
        (
            "Action=DescribeLaunchTemplateVersions",
            include_str!("DescribeLaunchTemplateVersions.none.xml"),
        ),
        ("Action=DescribeAutoScalingGroups", NO_GROUPS),
    ])
    .await;
    let usage = usage::of(&cloud, &[OWN_IMAGE.into()]).await;
    assert_eq!(usage.unknown, []);
    let arn = "arn:aws:ssm:us-east-1:111122223333:parameter/ci/agent".to_owned();
    let parameter = User::Reference { kind: "ssm:Parameter".into(), arn };
    assert_eq!(usage.users, [(OWN_IMAGE.into(), parameter)]);
}

const NO_GROUPS: &str = "<DescribeAutoScalingGroupsResponse \
    xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\"><DescribeAutoScalingGroupsResult>\
    <AutoScalingGroups/></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>";
