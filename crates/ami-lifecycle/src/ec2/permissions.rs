//! Who may use an image, for how long, and who may not delete it.

use std::collections::BTreeSet;

use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::{
    AttributeValue, CreateVolumePermission, CreateVolumePermissionModifications,
    ImageAttributeName, LaunchPermission, LaunchPermissionModifications, PermissionGroup,
    SnapshotAttributeName,
};
use jiff::Timestamp;

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::distribution::Principal;

impl Cloud {
    /// Who may launch an image besides its owner.
    pub(crate) async fn shared_with(&self, id: &str) -> Result<BTreeSet<Principal>, CloudError> {
        let request = self.ec2.describe_image_attribute().image_id(id);
        let request = request.attribute(ImageAttributeName::LaunchPermission);
        let answer = self.call(Action::DescribeImageAttribute, &id, request.send()).await?;
        let permissions = answer.launch_permissions.unwrap_or_default().into_iter();
        Ok(permissions.filter_map(principal).collect())
    }

    /// The same of an image that is there, though EC2 may not know it everywhere yet.
    pub(crate) async fn new_image_is_shared_with(
        &self,
        id: &str,
    ) -> Result<BTreeSet<Principal>, CloudError> {
        self.patient(async || self.shared_with(id).await).await
    }

    /// Lets some launch an image, and others no more.
    pub(crate) async fn change_sharing(
        &self,
        id: &str,
        add: &[&Principal],
        remove: &[&Principal],
    ) -> Result<(), CloudError> {
        if add.is_empty() && remove.is_empty() {
            return Ok(());
        }
        let list = |principals: &[&Principal]| {
            let permissions = principals.iter().map(|it| permission(it)).collect::<Vec<_>>();
            (!permissions.is_empty()).then_some(permissions)
        };
        let modifications = LaunchPermissionModifications::builder()
            .set_add(list(add))
            .set_remove(list(remove))
            .build();
        let request =
            self.ec2.modify_image_attribute().image_id(id).launch_permission(modifications);
        self.call_until_seen(Action::ModifyImageAttribute, (&id, &add, &remove), async || {
            request.clone().send().await
        })
        .await
        .map(drop)
    }

    /// Lets instances of an image want tokens for metadata by default. EC2 does not take it back.
    pub(crate) async fn require_imds_v2(&self, id: &str) -> Result<(), CloudError> {
        let value = AttributeValue::builder().value("v2.0").build();
        let request = self.ec2.modify_image_attribute().image_id(id).imds_support(value);
        self.call_until_seen(Action::ModifyImageAttribute, (&id, "imds"), async || {
            request.clone().send().await
        })
        .await
        .map(drop)
    }

    /// Lets an image count as deprecated from some time on.
    pub(crate) async fn deprecate(&self, id: &str, at: Timestamp) -> Result<(), CloudError> {
        let at = DateTime::from_secs(at.as_second());
        let request = self.ec2.enable_image_deprecation().image_id(id).deprecate_at(at);
        self.call_until_seen(Action::EnableImageDeprecation, (&id, &at), async || {
            request.clone().send().await
        })
        .await
        .map(drop)
    }

    /// Lets an image never count as deprecated.
    pub(crate) async fn undeprecate(&self, id: &str) -> Result<(), CloudError> {
        let request = self.ec2.disable_image_deprecation().image_id(id);
        self.call(Action::DisableImageDeprecation, &id, request.send()).await.map(drop)
    }

    /// Lets nobody find or launch an image. One that is disabled already stays so.
    pub(crate) async fn disable(&self, id: &str) -> Result<(), CloudError> {
        let request = self.ec2.disable_image().image_id(id);
        self.call_until_seen(Action::DisableImage, &id, async || request.clone().send().await)
            .await
            .map(drop)
    }

    /// Lets a disabled image be found and launched again.
    pub(crate) async fn enable(&self, id: &str) -> Result<(), CloudError> {
        let request = self.ec2.enable_image().image_id(id);
        self.call_until_seen(Action::EnableImage, &id, async || request.clone().send().await)
            .await
            .map(drop)
    }

    /// Keeps an image from being deregistered. Without the cooldown, in which EC2 would not
    /// let it go for a day after this is switched off.
    pub(crate) async fn protect(&self, id: &str) -> Result<(), CloudError> {
        let request = self.ec2.enable_image_deregistration_protection().image_id(id);
        let request = request.with_cooldown(false);
        self.call_until_seen(Action::EnableImageDeregistrationProtection, &id, async || {
            request.clone().send().await
        })
        .await
        .map(drop)
    }

    /// Lets an image be deregistered.
    pub(crate) async fn unprotect(&self, id: &str) -> Result<(), CloudError> {
        let request = self.ec2.disable_image_deregistration_protection().image_id(id);
        self.call(Action::DisableImageDeregistrationProtection, &id, request.send()).await.map(drop)
    }

    /// The accounts that may make volumes of a snapshot.
    pub(crate) async fn snapshot_users(&self, id: &str) -> Result<BTreeSet<String>, CloudError> {
        let request = self.ec2.describe_snapshot_attribute().snapshot_id(id);
        let request = request.attribute(SnapshotAttributeName::CreateVolumePermission);
        let answer = self
            .call_until_seen(Action::DescribeSnapshotAttribute, id, async || {
                request.clone().send().await
            })
            .await?;
        let users = answer.create_volume_permissions.unwrap_or_default().into_iter();
        Ok(users.filter_map(|it| it.user_id).collect())
    }

    /// Lets some accounts make volumes of a snapshot, and others no more.
    pub(crate) async fn change_snapshot_users(
        &self,
        id: &str,
        add: &[&String],
        remove: &[&String],
    ) -> Result<(), CloudError> {
        if add.is_empty() && remove.is_empty() {
            return Ok(());
        }
        let list = |users: &[&String]| {
            let user = |id: &&String| CreateVolumePermission::builder().user_id(*id).build();
            (!users.is_empty()).then(|| users.iter().map(user).collect::<Vec<_>>())
        };
        let change = CreateVolumePermissionModifications::builder();
        let change = change.set_add(list(add)).set_remove(list(remove)).build();
        let request =
            self.ec2.modify_snapshot_attribute().snapshot_id(id).create_volume_permission(change);
        self.call_until_seen(Action::ModifySnapshotAttribute, (&id, &add, &remove), async || {
            request.clone().send().await
        })
        .await
        .map(drop)
    }
}

fn principal(permission: LaunchPermission) -> Option<Principal> {
    let account = permission.user_id.map(Principal::Account);
    let organization = permission.organization_arn.map(Principal::Organization);
    let unit = permission.organizational_unit_arn.map(Principal::OrganizationalUnit);
    let everybody = permission.group.map(|_| Principal::Everybody);
    account.or(organization).or(unit).or(everybody)
}

fn permission(principal: &Principal) -> LaunchPermission {
    let empty = LaunchPermission::builder();
    match principal {
        Principal::Account(id) => empty.user_id(id),
        Principal::Organization(arn) => empty.organization_arn(arn),
        Principal::OrganizationalUnit(arn) => empty.organizational_unit_arn(arn),
        Principal::Everybody => empty.group(PermissionGroup::All),
    }
    .build()
}
