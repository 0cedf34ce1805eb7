//! Many templates, many AMIs.

use std::time::{Duration, Instant};

use aws_sdk_ec2::types::{
    ArchitectureValues, BlockDeviceMapping, EbsBlockDevice, ResourceType, Tag, TagSpecification,
};
use local_ec2::Delays;

use crate::endpoint::{Taken, configure, measure, start};
use crate::farm::Farm;
use crate::report::{Report, Target, mib, ratio};
use crate::{delays, floor, tools};

/// Only the calls take time.
fn quick() -> Delays {
    Delays { api: Duration::from_millis(50), ..Delays::default() }
}

/// An update with nothing changed.
pub(crate) fn unchanged(report: &mut Report) {
    let farm = start(quick());
    configure(&farm, 12);
    farm.stdout(&["update", "--all", "--no-verify", "--jobs", "12", "-q"]);
    farm.stdout(&["update", "--all", "--jobs", "12", "-q"]);
    let taken = measure(&farm, farm.command("amiable", &["update", "--all"]));
    report.section(
        "An update with nothing changed",
        &["`amiable update --all` of 12 templates. Target: at most 3 calls."],
    );
    report.line(&format!(
        "- {:.2} s, {} calls over {} connections",
        taken.wall.as_secs_f64(),
        taken.all(),
        taken.connections
    ));
}

/// A plan of many templates in one region.
pub(crate) fn plan(report: &mut Report) {
    report
        .section("A plan", &["The number of calls should not grow with the number of templates."]);
    for templates in [20, 200] {
        let farm = start(quick());
        configure(&farm, templates);
        farm.stdout(&["update", "--all", "--jobs", "20", "--no-roll", "-q"]);
        let taken = measure(&farm, farm.command("amiable", &["plan", "--all"]));
        report.line(&format!(
            "- {templates} templates: {} calls, {:.2} s, peak {}",
            taken.all(),
            taken.wall.as_secs_f64(),
            mib(taken.peak)
        ));
    }
}

/// What only reads, with 10,000 AMIs; the list beside `aws` and the time that the SDK needs to read them.
pub(crate) fn list(report: &mut Report) {
    const AMIS: usize = 10_000;
    let farm = start(Delays::default());
    configure(&farm, 1);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let client = client(&farm);
    runtime.block_on(register(&client, AMIS));
    let taken = measure(&farm, farm.command("amiable", &["list"]));
    let listed = std::fs::read_to_string(farm.path("log")).unwrap_or_default().lines().count();
    assert_eq!(listed, AMIS + 1, "a title and each AMI");
    let aws = measure(&farm, tools::describe_images(&farm));
    let began = Instant::now();
    let read = runtime.block_on(async {
        let pages = client.describe_images().owners("self").into_paginator().page_size(500);
        let mut items = pages.items().send();
        let mut count = 0;
        while let Some(image) = items.next().await {
            let _ = image.expect("an image");
            count += 1;
        }
        count
    });
    let sdk = began.elapsed();
    assert!(read > AMIS);
    report.section(
        "A list of 10,000 AMIs",
        &["In pages of 500. All figures include the endpoint's own time."],
    );
    let of = |name: &str, taken: &Taken| {
        format!(
            "- {name}: {:.2} s, peak {}, {} calls",
            taken.wall.as_secs_f64(),
            mib(taken.peak),
            taken.all()
        )
    };
    report.line(&of("amiable list", &taken));
    for command in [
        &["plan"][..],
        &["info", "t0"],
        &["prune", "--explain"],
        &["sweep", "--dry-run"],
        &["doctor"],
        &["validate", "--resolve"],
        &["report", "--html", "report.html"],
    ] {
        let taken = measure(&farm, farm.command("amiable", command));
        report.line(&of(&format!("amiable {}", command.join(" ")), &taken));
    }
    report.line(&of("aws ec2 describe-images", &aws));
    report.line(&format!("- the SDK alone, reading all pages: {:.2} s", sdk.as_secs_f64()));
}

pub(crate) fn client(farm: &Farm) -> aws_sdk_ec2::Client {
    let env: std::collections::HashMap<String, String> = farm.endpoint_env().into_iter().collect();
    let key = aws_sdk_ec2::config::Credentials::new(
        &env["AWS_ACCESS_KEY_ID"],
        &env["AWS_SECRET_ACCESS_KEY"],
        None,
        None,
        "bench",
    );
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(aws_sdk_ec2::config::BehaviorVersion::latest())
        .http_client(http)
        .endpoint_url(&env["AWS_ENDPOINT_URL"])
        .region(aws_sdk_ec2::config::Region::new("us-east-1"))
        .credentials_provider(key);
    aws_sdk_ec2::Client::from_conf(config.build())
}

/// AMIs with as many tags as baked ones have.
async fn register(client: &aws_sdk_ec2::Client, count: usize) {
    let images = client.describe_images().owners("self").send().await.expect("images");
    let base = &images.images()[0];
    let mapping = &base.block_device_mappings()[0];
    let snapshot = mapping.ebs().and_then(|it| it.snapshot_id()).expect("it has a snapshot");
    let device = base.root_device_name().expect("it has a root device");
    for index in 0..count {
        let mut tags = vec![
            ("amiable:namespace", "ci".to_owned()),
            ("amiable:template", format!("t{}", index % 200)),
        ];
        tags.push(("amiable:generation", (index / 200 + 1).to_string()));
        tags.push(("amiable:lease", "none".to_owned()));
        let promoted = jiff::Timestamp::from_second(1_790_000_000 + i64::try_from(index).unwrap());
        tags.push(("amiable:promoted", promoted.expect("a time").to_string()));
        for key in [
            "bake",
            "stage",
            "owner",
            "recipe",
            "builder",
            "system",
            "os",
            "base",
            "source-url",
            "source-revision",
            "script",
            "operator",
            "version",
            "config",
        ] {
            tags.push((
                Box::leak(format!("amiable:{key}").into_boxed_str()),
                format!("{key}-{index:08}"),
            ));
        }
        let tags: Vec<Tag> = tags
            .into_iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let ebs = EbsBlockDevice::builder().snapshot_id(snapshot).build();
        let request = client
            .register_image()
            .name(format!("registered-{index:05}"))
            .architecture(ArchitectureValues::X8664)
            .root_device_name(device)
            .block_device_mappings(
                BlockDeviceMapping::builder().device_name(device).ebs(ebs).build(),
            )
            .tag_specifications(
                TagSpecification::builder()
                    .resource_type(ResourceType::Image)
                    .set_tags(Some(tags))
                    .build(),
            );
        request.send().await.expect("it is registered");
    }
}

/// 8, 64 and 500 bakes at once, and 64 with EC2's buckets.
pub(crate) fn many(report: &mut Report) {
    report.section("Many bakes at once", &[
        "Without verification, one run after the other on one endpoint. The floor is that of the slowest instance. Targets: a ratio of at most 1.05; looks for 64 at \
         most 4 times those for one; peak memory of all processes together under 64 MiB. In rows marked \"throttled\", the endpoint \
                                        throttles as EC2 documents: it \
                                        accepts 5 RunInstances calls \
                                        at once and then 2 a second, \
                                        so the last of 64 starts half \
                                        a minute later.",
    ]);
    let (farm, seed) = (start(delays(200)), 200);
    configure(&farm, 1);
    farm.stdout(&["update", "t0", "--no-verify", "--no-roll", "-q"]);
    let (mut rows, mut ordinal) = (Vec::new(), 1);
    let (mut ratios, mut looks, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for (bakes, title, throttle, limits) in [
        (1, "amiable, 1", false, "learned"),
        (8, "amiable, 8", false, "learned"),
        (64, "amiable, 64", false, "learned"),
        (64, "amiable, 64, throttled, limits as documented", true, "documented"),
        (64, "amiable, 64, throttled, limits learned", true, "learned"),
        (500, "amiable, 500", false, "learned"),
    ] {
        configure(&farm, bakes);
        let text = std::fs::read_to_string(farm.path("amiable.toml")).expect("it was written");
        let limits = format!("[cloud]\nrequest_limits = \"{limits}\"");
        farm.write("amiable.toml", &text.replace("[cloud]", &limits));
        if throttle {
            farm.stdout(&["local", "fault", "--throttle"]);
        }
        let jobs = bakes.to_string();
        let args =
            ["update", "--all", "--force", "--no-verify", "--no-roll", "-q", "--jobs", &jobs];
        let taken = measure(&farm, farm.command("amiable", &args));
        let floor = floor(seed, ordinal..ordinal + bakes as u64);
        if !throttle {
            looks.push(taken.looks() as f64);
        }
        if !throttle && matches!(bakes, 8 | 64) {
            ratios.push(ratio(taken.wall, floor));
            peaks.push(taken.peak as f64 / 1024.0);
        }
        ordinal += bakes as u64;
        rows.push(report.row(title, seed, &taken, floor));
        farm.stdout(&["local", "fault", "--off"]);
    }
    for tuned in [false, true] {
        let farm = start(delays(seed));
        let taken = measure(&farm, tools::packer(&farm, 8, tuned));
        let name = if tuned { "packer tuned, 8" } else { "packer, 8" };
        rows.push(report.row(name, seed, &taken, floor(seed, 0..8)));
    }
    report.rows(&rows);
    let looks = vec![looks[2] / looks[0]];
    report.targets(&[
        Target {
            what: "Wall over floor for 8 and 64",
            wanted: 1.05,
            got: ratios,
            decimals: 3,
            why: "Polls are a second apart, or a twentieth of the time waited.",
        },
        Target {
            what: "Looks for 64 over those for one",
            wanted: 4.0,
            got: looks,
            decimals: 2,
            why: "The stops of 64 are spread over some 9 s and their images over some 17 s by the draws \
                  alone, where one waits for one moment.",
        },
        Target {
            what: "Peak memory of 8 and 64 in MiB",
            wanted: 64.0,
            got: peaks,
            decimals: 0,
            why: "",
        },
    ]);
}
