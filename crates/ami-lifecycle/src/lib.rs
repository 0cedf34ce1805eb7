//! The life of the AMIs that CI agents boot from: create, update, list, delete, info.
//!
//! Plain typed steps over `aws-sdk-ec2`. Nothing here prints, reads the
//! environment or keeps a database: the tags on the resources say what amiable
//! made, for which template, at which stage ([`tags`]).
//!
//! ```text
//!   Template (what is wanted) --.
//!                                +--> decisions (pure) --> steps over Cloud and Ssh
//!   Fleet (what the tags say) --'                               |
//!                                                               v
//!                                              Event --> whoever renders
//! ```

mod access;
mod action;
mod ami;
mod bake;
mod cloud;
mod consumer;
mod delete;
mod deleting;
mod distribute;
mod distribution;
mod doctor;
mod error;
mod event;
mod fleet;
mod follow;
mod guest;
mod http;
mod info;
mod ingress;
mod instance_type;
mod known;
mod lines;
mod machine;
mod marks;
mod naming;
mod other_source;
mod own_address;
mod pace;
mod place;
mod plan;
mod prune;
mod quotas;
mod reach;
mod recipe;
#[cfg(test)]
mod recorded;
mod restore;
mod retire;
mod rights;
mod rollback;
mod schedule;
mod shared;
mod source;
mod ssh;
mod sweep;
pub mod tags;
mod takeover;
mod tampering;
mod template;
mod terms;
mod tunnel;
mod undo;
mod usage;
mod verify;
mod wait;
mod watch;

pub use action::Action;
pub use ami::{Ami, BlockDevice, SourceRecord, Status};
pub use bake::{
    BakeError, BakeRequest, Baked, FailedIn, KeptInstance, KeptLogin, Mode, NameHolder, NameTaken,
    OnFailure, bake, check_name, next_name, resolve_base,
};
pub use cloud::{Cloud, ImageFacts, WrongAccount};
pub use consumer::{
    BootScript, CONSUMER_PLACEHOLDERS, Consumer, ConsumerCommand, ConsumerState, Consumers,
    FilePlan, Files, Holders, JenkinsAgents, JenkinsServer, Move, Naming, RollError, RollRequest,
    RollTarget, Rolled, ScriptText, ServerError, Sight, Value, examine_consumers, plan_roll, roll,
};
pub use delete::{
    DeletePlan, DeleteRequest, Deleted, Deletion, NoDeletePlan, Objection, RegionDeletions,
    carry_out_delete, plan_delete,
};
pub use deleting::{Actor, NotDeleted, NotPromoted};
pub use distribute::{Distributed, How};
pub use distribution::{Destination, Distribution, Encryption, Principal};
pub use doctor::{Check, Verdict, examine_readiness};
pub use error::{CloudError, CloudErrorKind, NotSignedIn, chain};
pub use event::{Event, Observer, OutputLine, Stage, Stream};
pub use fleet::{Fleet, Refusal};
pub use follow::{FollowRequest, Followed, Told, follow, is_distributed};
pub use guest::{AccountFault, check_user_data};
pub use info::{Ancestor, Info, InfoRequest, RegionalCopy, info};
pub use instance_type::instance_type;
pub use ipnet::IpNet;
pub use jenkins_config;
pub use known::{KnownAmi, look_up};
pub use naming::{NameParts, NamingError, Pattern, backup_name, check_ami_name};
pub use other_source::{OtherSource, baked_from_another_source};
pub use pace::Limits;
pub use place::{InRegion, Place, elsewhere, places};
pub use plan::{PlanRequest, Planned, Reason, Todo, Unknown, plan};
pub use prune::{
    Fate, Goes, Keep, Kept, NotPruned, PruneRequest, Pruned, RegionPrune, Retirement,
    carry_out_prune, check_prune, plan_prune,
};
pub use reach::{AddressKind, CONNECT_PLACEHOLDERS, Connect, Reach};
pub use restore::{NotRestored, Restored, restore};
pub use retire::{RetireStep, Retired, RetiredStage};
pub use rights::{Operation, PolicyRequest, policy};
pub use rollback::{NoRollback, RollbackError, RolledBack, rollback};
pub use schedule::Schedule;
pub use source::{
    RunBy, ScriptFault, SourceError, check_scripts, current_revision, exact_revision,
    examine_script,
};
pub use sweep::{
    LeftBecause, LeftKind, Leftover, SweepPlan, SweepRequest, carry_out_sweep, plan_sweep,
};
pub use takeover::Busy;
pub use tampering::{InDoubt, Tampered, Tampering, UnreadableTag};
pub use template::{
    Architecture, Base, CheckoutOn, HostKey, JenkinsAgent, KeyPair, Namespace, Repository, Seal,
    SealStep, Source, Template, Timeouts, VcsKind,
};
pub use tokio_util::sync::CancellationToken;
pub use tunnel::Programs;
pub use undo::Holdings;
pub use usage::User;
pub use verify::{NotVerified, Verified, VerifyRequest, verify};
