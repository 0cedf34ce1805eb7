//! Every key of `amiable.toml`: what it may be, and what it is for. The reader, the reference in
//! docs/ and the JSON Schema are made from it.

use self::Default::{Is, Means, Required};
use self::Value::{
    Age, Any, Array, Bool, Choice, Duration, Map, Number, Object, OneOf, Text, Texts,
};

/// What a key may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    /// A string.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number from 1 to this.
    Number(u64),
    /// A length of time, such as `90s`, `20m` or `2h`.
    Duration,
    /// An age, such as `30d`, `6w` or `36h`.
    Age,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// An array of strings.
    Texts,
    /// An array of these.
    Array(&'static Value),
    /// A table with these keys.
    Object(&'static Table),
    /// A table with any keys, each with this.
    Map(&'static Value),
    /// One of these.
    OneOf(&'static [Value]),
    /// A table of tables.
    Any(&'static Table),
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) value: Value,
    /// What holds without it, in words or as TOML.
    pub(crate) default: Default,
    /// As TOML, without the key.
    pub(crate) example: &'static str,
    /// What it is for, in Markdown.
    pub(crate) text: &'static str,
    /// The version of amiable that knows it first.
    pub(crate) since: &'static str,
}

/// What holds without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Default {
    /// It must be given.
    Required,
    /// This value, as TOML.
    Is(&'static str),
    /// This, in words.
    Means(&'static str),
}

/// A table, with what it may say.
#[derive(Debug)]
pub(crate) struct Table {
    /// How it is called in messages.
    pub(crate) title: &'static str,
    /// What it is, in Markdown.
    pub(crate) text: &'static str,
    pub(crate) keys: &'static [Key],
}

impl Table {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of all keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

const fn key(
    name: &'static str,
    value: Value,
    default: Default,
    example: &'static str,
    text: &'static str,
) -> Key {
    Key { name, value, default, example, text, since: "0.1" }
}

impl Key {
    /// The version that reads it first.
    const fn since(self, since: &'static str) -> Key {
        Key { since, ..self }
    }
}

/// The file.
pub(crate) static FILE: Table = Table {
    title: "the file",
    text: "",
    keys: &[
        key(
            "cloud",
            Object(&CLOUD),
            Means("AWS, by the SDK's usual settings"),
            "",
            "Where AMIs are baked.",
        ),
        key(
            "naming",
            Object(&NAMING),
            Required,
            "",
            "How AMIs are named, and told apart from others.",
        ),
        key(
            "jenkins",
            Object(&JENKINS),
            Means("no Jenkins is called"),
            "",
            "A running Jenkins, which reads its files again after a roll.",
        ),
        key(
            "defaults",
            Object(&DEFAULTS),
            Means("no defaults"),
            "",
            "Keys for all templates that do not have their own.",
        ),
        key(
            "template",
            Any(&TEMPLATE),
            Required,
            "",
            "What goes into an AMI, by the template's name: 1 to 64 letters, digits, `-`, `_` and `.`.",
        ),
    ],
};

pub(crate) static CLOUD: Table = Table {
    title: "[cloud]",
    text: "Where AMIs are baked.",
    keys: &[
        key(
            "endpoint",
            Text,
            Means("AWS"),
            "\"local\"",
            "`local` is the endpoint of amiable's own; a URL is any other EC2-compatible endpoint.",
        ),
        key(
            "region",
            Text,
            Means(
                "the SDK's usual chain (`AWS_REGION`, the profile); `us-east-1` on the local endpoint",
            ),
            "\"us-east-1\"",
            "The region where AMIs are baked.",
        ),
        key(
            "profile",
            Text,
            Means("the SDK's usual chain"),
            "\"ci\"",
            "An AWS profile. It takes precedence over credentials in the environment.",
        ),
        key(
            "account",
            OneOf(&[Text, Texts]),
            Means("any account"),
            "\"123456789012\"",
            "The accounts that may be meant, by their ids of 12 digits. amiable does nothing in any other account.",
        ),
        key(
            "request_limits",
            Choice(&["documented", "learned"]),
            Means("`documented` on AWS, else `learned`"),
            "\"documented\"",
            "How often the endpoint may be called: as EC2 documents it, or as it turns out when the endpoint refuses calls.",
        ),
    ],
};

pub(crate) static NAMING: Table = Table {
    title: "[naming]",
    text: "How AMIs are named, and told apart from others.",
    keys: &[
        key(
            "namespace",
            Text,
            Required,
            "\"ci\"",
            "A tag that separates these AMIs from all others of the account.",
        ),
        key(
            "pattern",
            Text,
            Is("\"{namespace}-{system}-{os}-{arch}-{date}-{generation}\""),
            "\"{template}-{generation}\"",
            "The AMIs' names. Placeholders: `{namespace}`, `{template}`, `{system}`, `{os}`, `{arch}`, `{date}`, `{generation}`. Without `{generation}`, names recur.",
        ),
    ],
};

pub(crate) static JENKINS: Table = Table {
    title: "[jenkins]",
    text: "A running Jenkins, which reads its files again after a roll.",
    keys: &[
        key("url", Text, Required, "\"https://ci.example.org/\"", "Jenkins' root."),
        key("user", Text, Required, "\"amiable\"", "A user that may administer Jenkins."),
        key(
            "token_env",
            Text,
            Required,
            "\"JENKINS_TOKEN\"",
            "The environment variable that has that user's API token.",
        ),
    ],
};

/// The keys of a template, and of `[defaults]` except for `consumer`.
pub(crate) static TEMPLATE: Table = Table {
    title: "[template.NAME]",
    text: "What goes into an AMI. All keys except `consumer` may also be in `[defaults]`, for templates that do not have their own.",
    keys: TEMPLATE_KEYS,
};

/// What all templates have that do not have their own.
pub(crate) static DEFAULTS: Table = Table {
    title: "[defaults]",
    text: "The keys of all templates that do not have their own: any but `consumer`.",
    // That one is the last.
    keys: TEMPLATE_KEYS.split_at(TEMPLATE_KEYS.len() - 1).0,
};

static TEMPLATE_KEYS: &[Key] = &[
    key("system", Text, Required, "\"jenkins\"", "The build system that the AMI serves."),
    key("os", Text, Required, "\"debian-12\"", "The operating system release."),
    key(
        "arch",
        Choice(&["x86_64", "arm64"]),
        Is("\"x86_64\""),
        "\"arm64\"",
        "The architecture, as EC2 calls it.",
    ),
    key(
        "base",
        OneOf(&[Text, Object(&BASE)]),
        Required,
        "{ owner = \"136693071363\", name = \"debian-12-amd64-*\" }",
        "The AMI to start from: its id, or a table that says how it is found.",
    ),
    key(
        "source",
        Object(&SOURCE),
        Required,
        "{ git = \"https://git.example.org/agents.git\" }",
        "Where the scripts are.",
    ),
    key(
        "script",
        OneOf(&[Text, Object(&SCRIPT), Array(&OneOf(&[Text, Object(&SCRIPT)]))]),
        Required,
        "\"node/setup\"",
        "The init script, by its path in the source, or several in an array, which run in this order. Each runs as root, or as `run_as`, in the folder that contains it.",
    ),
    key(
        "description",
        Text,
        Means("none"),
        "\"agents of the kernel team\"",
        "The AMIs' description: at most 255 ASCII characters.",
    ),
    key(
        "metadata",
        Map(&Text),
        Means("none"),
        "{ contact = \"ci@example.org\" }",
        "Tags of your own. Those of `[defaults]` and of the template are merged.",
    ),
    key(
        "env",
        Map(&OneOf(&[Text, Object(&VARIABLE)])),
        Means("none"),
        "{ LANG = \"C.UTF-8\", TOKEN = { from_env = \"CI_TOKEN\" } }",
        "Variables for the scripts. Those of `[defaults]` and of the template are merged.",
    )
    .since("0.2"),
    key("ssh_user", Text, Required, "\"admin\"", "The user to log in as on the base."),
    key("run_as", Text, Means("root"), "\"jenkins\"", "The user that the scripts run as."),
    key(
        "workdir",
        Text,
        Is("\"/var/tmp\""),
        "\"/opt/build\"",
        "The folder on the instance in which the checkout gets its own folder.",
    ),
    key(
        "reboot",
        Choice(&["allowed"]),
        Means("a script that reboots the machine fails"),
        "\"allowed\"",
        "A script that reboots the machine is run again, with the number of the boot in `AMIABLE_BOOT`.",
    ),
    key(
        "max_age",
        Age,
        Means("no limit"),
        "\"30d\"",
        "How old a current AMI may be before `plan` says that it is out of date.",
    ),
    key(
        "timeouts",
        Object(&TIMEOUTS),
        Means("see below"),
        "{ script = \"4h\" }",
        "How long each part of a bake may take.",
    ),
    key(
        "instance_type",
        OneOf(&[Text, Texts]),
        Is("\"m5.large\""),
        "\"c7i.xlarge\"",
        "The instance type of builders and of instances for verification; or several, of which the first is taken that EC2 has capacity for.",
    ),
    key(
        "volume_size",
        Number(65536),
        Means("the base's size"),
        "20",
        "The size of the root volume in GiB: short for `volume = { size = … }`.",
    ),
    key(
        "volume",
        Object(&VOLUME),
        Means("as the base has it"),
        "{ size = 20, type = \"gp3\" }",
        "The root volume.",
    )
    .since("0.2"),
    key(
        "volumes",
        Array(&Object(&FURTHER_VOLUME)),
        Means("those of the base"),
        "[{ device = \"/dev/sdf\", size = 50 }]",
        "Volumes besides the root volume.",
    )
    .since("0.2"),
    key(
        "hop_limit",
        Number(64),
        Means("EC2's default"),
        "2",
        "How many hops an answer of the instance metadata service may take: 2 for containers on the builder.",
    )
    .since("0.2"),
    key(
        "spot",
        OneOf(&[Bool, Object(&SPOT)]),
        Is("false"),
        "true",
        "Whether builders are Spot Instances. A bake whose builder EC2 takes back begins anew; after the second time, or where there is no capacity, on demand.",
    )
    .since("0.2"),
    key(
        "imds_support",
        Choice(&["v2.0"]),
        Means("the AMI says nothing of it"),
        "\"v2.0\"",
        "Instances of the AMI answer metadata requests only with a token (IMDSv2), unless they are launched otherwise. EC2 does not take this back.",
    )
    .since("0.2"),
    key(
        "run_tags",
        Map(&Text),
        Means("none"),
        "{ cost-center = \"ci\" }",
        "Tags on instances, and on their volumes and network interfaces, besides amiable's own. Those of `[defaults]` and of the template are merged.",
    )
    .since("0.2"),
    key(
        "security_groups",
        OneOf(&[Texts, Object(&TAGGED)]),
        Means("a group of amiable's own"),
        "[\"sg-0123456789abcdef0\"]",
        "The instances' security groups, by id; by name, without a subnet; or by tags.",
    ),
    key(
        "ssh_from",
        Texts,
        Means("the address under which AWS sees this machine"),
        "[\"203.0.113.0/24\"]",
        "The address ranges that amiable's own security group allows.",
    ),
    key(
        "subnet",
        OneOf(&[Text, Texts, Object(&TAGGED)]),
        Means("the default subnet"),
        "\"subnet-0123456789abcdef0\"",
        "The instances' subnet; or several, or tags, of which the first is taken that has capacity: each instance type is tried in each. Of those with the tags, the one with most free addresses comes first.",
    ),
    key(
        "public_ip",
        Bool,
        Means("the subnet decides"),
        "true",
        "Whether instances get a public address.",
    ),
    key(
        "instance_profile",
        Text,
        Means("none"),
        "\"ci-builder\"",
        "The IAM instance profile of builders.",
    ),
    key(
        "user_data",
        Text,
        Means("none"),
        "\"user-data.yaml\"",
        "A file, which is merged with the user data that amiable sends.",
    ),
    key(
        "address",
        Choice(&["public", "private", "ipv6"]),
        Means("the public one; the private one if there is no other"),
        "\"private\"",
        "The address under which amiable reaches its instances.",
    ),
    key(
        "connect",
        OneOf(&[Choice(&["session-manager", "instance-connect"]), Object(&CONNECT)]),
        Means("directly"),
        "\"session-manager\"",
        "The program through which amiable reaches its instances.",
    ),
    key(
        "ssh_port",
        Number(65535),
        Means("22; 2222 on the local endpoint"),
        "22",
        "The port of the base's sshd.",
    ),
    key(
        "key_pair",
        Text,
        Means("cloud-init adds a key of this bake"),
        "\"temporary\"",
        "An EC2 key pair, for bases without cloud-init: its name, or `temporary` for a new one for each bake.",
    ),
    key("ssh_key_file", Text, Means("none"), "\"ci.pem\"", "The private key of `key_pair`."),
    key(
        "host_key",
        Choice(&["injected", "console", "first-contact"]),
        Is("\"injected\""),
        "\"console\"",
        "How amiable knows the machine: by a host key that cloud-init gets, by what the console shows, or not at all.",
    ),
    key(
        "seal",
        Object(&SEAL),
        Means("everything is sealed"),
        "{ keep = [\"logs\"] }",
        "What is removed before the image is created.",
    ),
    key(
        "verify",
        Text,
        Means("amiable's own checks only"),
        "\"node/verify\"",
        "A script in the source that checks an instance of the new AMI.",
    ),
    key(
        "smoke",
        Texts,
        Means("none"),
        "[\"./smoke-test\", \"{address}\"]",
        "A program on your machine that tries a live instance of the new AMI, after `verify`. If it fails, the AMI does not become current. It has the time of `timeouts.verify`. Placeholders: `{ami}`, `{template}`, `{generation}`, `{region}`, `{instance}`, `{address}`.",
    )
    .since("0.2"),
    key(
        "agent",
        OneOf(&[Choice(&["jenkins"]), Object(&AGENT)]),
        Means("no requirements"),
        "\"jenkins\"",
        "The CI system that the AMI is verified for.",
    ),
    key(
        "boot_script",
        OneOf(&[Text, Object(&BOOT_SCRIPT)]),
        Means("init scripts are not changed"),
        "\"jenkins/boot.sh\"",
        "The init script that Jenkins' agents of a baked AMI get.",
    ),
    key(
        "regions",
        Texts,
        Means("the region of `[cloud]` only"),
        "[\"us-east-1\", \"eu-west-1\"]",
        "The regions in which the AMI becomes current. It is baked in the first.",
    ),
    key(
        "share_with",
        Texts,
        Means("nobody"),
        "[\"123456789012\"]",
        "Accounts, organizations and organizational units (by ARN) that may use the AMI.",
    ),
    key(
        "snapshot_users",
        Texts,
        Means("nobody"),
        "[\"123456789012\"]",
        "Accounts that may create volumes from the AMI's snapshots.",
    )
    .since("0.2"),
    key(
        "encrypt",
        OneOf(&[Bool, Text, Map(&Text)]),
        Means("as the base is"),
        "\"alias/ci\"",
        "Encrypt with the account's own key (`true`), a KMS key, or a key for each region.",
    ),
    key(
        "deprecate_after",
        Age,
        Means("never"),
        "\"180d\"",
        "The age at which EC2 deprecates the AMI; at most 10 years.",
    ),
    key(
        "deregistration_protection",
        Bool,
        Is("false"),
        "true",
        "Whether EC2 protects the AMI from being deregistered.",
    ),
    key(
        "keep",
        Number(1000),
        Is("2"),
        "5",
        "How many AMIs `prune` keeps that were current before the current one.",
    ),
    key("keep_younger", Age, Is("\"7d\""), "\"14d\"", "The age up to which `prune` keeps an AMI."),
    key(
        "keep_launched",
        Age,
        Means("it does not matter"),
        "\"30d\"",
        "`prune` keeps an AMI if an instance was started from it so recently.",
    ),
    key(
        "retire_after",
        Age,
        Means("AMIs are deleted at once"),
        "\"14d\"",
        "`prune` deprecates an AMI first, disables it after this time, and deletes it after the same time again.",
    ),
    key(
        "consumer",
        Array(&Object(&CONSUMER)),
        Means("none"),
        "[{ ssm = \"/ci/ami/agent\" }]",
        "The places that say which AMI agents start from: `[[template.NAME.consumer]]` tables.",
    ),
];

pub(crate) static VARIABLE: Table = Table {
    title: "`env`",
    text: "A variable whose value is a secret, read on your machine for each bake. The log shows `***` where a script prints it. amiable puts it in no tag, argument, user data or file on a disk.",
    keys: &[
        key(
            "from_env",
            Text,
            Means("`command`"),
            "\"CI_TOKEN\"",
            "The variable of amiable's own environment that has the value.",
        )
        .since("0.2"),
        key(
            "command",
            Texts,
            Means("`from_env`"),
            "[\"pass\", \"show\", \"ci\"]",
            "A program that prints the value, with its arguments.",
        )
        .since("0.2"),
    ],
};

/// Those that a root volume may have come first.
pub(crate) const VOLUME_TYPES: &[&str] = &["gp3", "gp2", "io2", "io1", "standard", "st1", "sc1"];

/// What the root volume and others have in common.
static VOLUME_KEYS: [Key; 5] = [
    key("size", Number(65536), Means("as the base or the snapshot has it"), "20", "Its size in GiB.")
        .since("0.2"),
    key(
        "type",
        Choice(VOLUME_TYPES),
        Means("as the base has it; `gp2` for a new volume"),
        "\"gp3\"",
        "Its type, as EC2 calls it. `st1` and `sc1` cannot be root volumes.",
    )
    .since("0.2"),
    key(
        "iops",
        Number(256_000),
        Means("as its type has it"),
        "4000",
        "Its IOPS, with the types `gp3`, `io1` and `io2`.",
    )
    .since("0.2"),
    key(
        "throughput",
        Number(2000),
        Means("as its type has it"),
        "250",
        "Its throughput in MiB/s, with the type `gp3`.",
    )
    .since("0.2"),
    key(
        "initialization_rate",
        Number(300),
        Means("EC2's default"),
        "300",
        "At which rate the blocks of its snapshot are fetched, 100 to 300 MiB/s. This costs extra. The AMI does not record it.",
    )
    .since("0.2"),
];

pub(crate) static VOLUME: Table = Table {
    title: "`volume`",
    text: "The root volume of builders. The AMI records its size, type, IOPS and throughput.",
    keys: &VOLUME_KEYS,
};

pub(crate) static FURTHER_VOLUME: Table = Table {
    title: "`volumes`",
    text: "A volume besides the root volume. Without `snapshot` it is empty: a script makes its file system.",
    keys: &[
        key(
            "device",
            Text,
            Required,
            "\"/dev/sdf\"",
            "Its device name, as EC2 calls it. Linux may call it `/dev/nvme1n1`.",
        )
        .since("0.2"),
        key(
            "snapshot",
            Text,
            Means("an empty volume"),
            "\"snap-0123456789abcdef0\"",
            "The snapshot that it is a copy of.",
        )
        .since("0.2"),
        key(
            "keep",
            Bool,
            Is("true"),
            "false",
            "Whether the AMI gets it, too. Without that, only the builder has it.",
        )
        .since("0.2"),
        VOLUME_KEYS[0],
        VOLUME_KEYS[1],
        VOLUME_KEYS[2],
        VOLUME_KEYS[3],
        VOLUME_KEYS[4],
    ],
};

pub(crate) static SPOT: Table = Table {
    title: "`spot`",
    text: "How builders are Spot Instances.",
    keys: &[
        key(
            "max_price",
            Text,
            Means("the On-Demand price"),
            "\"0.05\"",
            "The most that a builder may cost an hour, in US dollars.",
        )
        .since("0.2"),
        key(
            "verify",
            Bool,
            Is("false"),
            "true",
            "Whether instances for verification are Spot Instances, too.",
        )
        .since("0.2"),
    ],
};

pub(crate) static TAGGED: Table = Table {
    title: "a network by tags",
    text: "For `subnet` and `security_groups`: tags instead of ids. The subnets must be in one VPC.",
    keys: &[key("tags", Map(&Text), Required, "{ Name = \"ci\" }", "All of these.").since("0.2")],
};

pub(crate) static SCRIPT: Table = Table {
    title: "`script`",
    text: "A script with arguments, such as `script = [\"base/setup\", { path = \"node/setup\", args = [\"--java\", \"21\"] }]`.",
    keys: &[
        key("path", Text, Required, "\"node/setup\"", "Its path in the source.").since("0.2"),
        key(
            "args",
            Texts,
            Means("none"),
            "[\"--java\", \"21\"]",
            "Its arguments. Programs on the instance can see them: `env` is for secrets.",
        )
        .since("0.2"),
    ],
};

pub(crate) static BASE: Table = Table {
    title: "`base`",
    text: "How a base AMI is found: by `owner` with `name` or `tags` or both, by `ssm`, or by `template`.",
    keys: &[
        key(
            "owner",
            Text,
            Means("none"),
            "\"136693071363\"",
            "The account that owns the AMI: its id, `amazon` or `self`.",
        ),
        key(
            "name",
            Text,
            Means("none"),
            "\"debian-12-amd64-*\"",
            "The AMI's name, with wildcards. The newest one of the template's `arch` is taken.",
        ),
        key(
            "tags",
            Map(&Text),
            Means("none"),
            "{ release = \"stable\" }",
            "Tags that the AMI has. EC2 shows them to the owner only: this is for AMIs of your own account.",
        )
        .since("0.2"),
        key(
            "ssm",
            Text,
            Means("none"),
            "\"/aws/service/debian/release/12/latest/amd64\"",
            "An SSM parameter that has the AMI's id.",
        ),
        key(
            "template",
            Text,
            Means("none"),
            "\"common\"",
            "Another template: its current AMI is the base.",
        ),
    ],
};

pub(crate) static SOURCE: Table = Table {
    title: "`source`",
    text: "Where the scripts are: exactly one of `git`, `bzr` and `path`.",
    keys: &[
        key(
            "git",
            Text,
            Means("none"),
            "\"https://git.example.org/agents.git\"",
            "A git repository: a URL, or a folder.",
        ),
        key("bzr", Text, Means("none"), "\"lp:linaro-android-build-tools\"", "A Bazaar branch."),
        key(
            "path",
            Text,
            Means("none"),
            "\"agent\"",
            "A folder, relative to the configuration file.",
        ),
        key("revision", Text, Means("the newest one"), "\"v1.2\"", "A tag, a branch or an id."),
        key(
            "on",
            Choice(&["operator", "instance"]),
            Is("\"operator\""),
            "\"instance\"",
            "Where it is checked out: on this machine, or on the instance.",
        ),
    ],
};

pub(crate) static TIMEOUTS: Table = Table {
    title: "`timeouts`",
    text: "How long each part of a bake may take.",
    keys: &[
        key(
            "boot",
            Duration,
            Is("\"15m\""),
            "\"10m\"",
            "From RunInstances until login succeeds and cloud-init has finished.",
        ),
        key("script", Duration, Is("\"2h\""), "\"4h\"", "The init scripts, all together."),
        key("stop", Duration, Is("\"10m\""), "\"5m\"", "StopInstances."),
        key("image", Duration, Is("\"1h\""), "\"2h\"", "CreateImage."),
        key("verify", Duration, Is("\"15m\""), "\"30m\"", "The `verify` script."),
        key("copy", Duration, Is("\"2h\""), "\"3h\"", "CopyImage, for each region."),
        key(
            "bake",
            Duration,
            Means("the sum of all parts"),
            "\"6h\"",
            "The bake as a whole. A builder terminates itself after this time.",
        ),
    ],
};

pub(crate) static CONNECT: Table = Table {
    title: "`connect`",
    text: "A program whose standard input and output are the connection: exactly one of these.",
    keys: &[
        key(
            "bastion",
            Text,
            Means("none"),
            "\"ops@bastion.example.org\"",
            "A host for `ssh -W`, as `ssh` accepts it.",
        ),
        key(
            "command",
            Texts,
            Means("none"),
            "[\"my-tunnel\", \"{instance}\", \"{port}\"]",
            "A program with its arguments. Placeholders: `{instance}`, `{address}`, `{port}`, `{region}`, `{profile}`.",
        ),
    ],
};

pub(crate) static SEAL: Table = Table {
    title: "`seal`",
    text: "What is removed before the image is created.",
    keys: &[
        key(
            "keep",
            Array(&Choice(&[
                "cloud-init",
                "credentials",
                "histories",
                "package-caches",
                "free-space",
                "machine-id",
                "host-keys",
                "login-keys",
                "logs",
            ])),
            Means("nothing is kept"),
            "[\"logs\"]",
            "Parts that are not removed.",
        ),
        key(
            "also",
            Array(&Choice(&["free-space"])),
            Means("free space stays as it is"),
            "[\"free-space\"]",
            "Optional parts: `free-space` overwrites all free space.",
        ),
        key(
            "script",
            Text,
            Means("none"),
            "\"node/seal\"",
            "A script in the source that runs first.",
        ),
    ],
};

pub(crate) static AGENT: Table = Table {
    title: "`agent`",
    text: "What agents of a CI system need, and verification checks.",
    keys: &[
        key("kind", Choice(&["jenkins"]), Required, "\"jenkins\"", "The CI system."),
        key(
            "java",
            Text,
            Is("\"java\""),
            "\"/usr/lib/jvm/java-17/bin/java\"",
            "The Java that starts the agent.",
        ),
        key(
            "remote_root",
            Text,
            Means("the login user's home"),
            "\"/home/jenkins\"",
            "The agent's folder, which must be writable.",
        ),
        key(
            "init_has_run",
            Bool,
            Is("false"),
            "true",
            "Whether the AMI has the EC2 plugin's marker for \"the init script has run\".",
        ),
    ],
};

pub(crate) static BOOT_SCRIPT: Table = Table {
    title: "`boot_script`",
    text: "The init scripts that a roll puts into Jenkins' files.",
    keys: &[
        key(
            "baked",
            Text,
            Required,
            "\"jenkins/boot.sh\"",
            "The script for agents of an AMI that was baked to boot with it.",
        ),
        key(
            "otherwise",
            Text,
            Required,
            "\"jenkins/init.sh\"",
            "The script for agents of any other AMI.",
        ),
    ],
};

pub(crate) static CONSUMER: Table = Table {
    title: "a consumer",
    text: "A place that says which AMI agents start from: exactly one of `jenkins`, `ssm`, `launch_template`, `auto_scaling_group`, `cloudformation`, `file`, `tag` and `command`.",
    keys: &[
        key(
            "jenkins",
            Object(&JENKINS_AGENTS),
            Means("none"),
            "{ file = \"config.xml\", agents = [\"precise\"] }",
            "Agent templates in a file of Jenkins'.",
        ),
        key(
            "ssm",
            Text,
            Means("none"),
            "\"/ci/ami/agent\"",
            "An SSM parameter: a String of data type `aws:ec2:image`.",
        ),
        key(
            "launch_template",
            Text,
            Means("none"),
            "\"lt-0123456789abcdef0\"",
            "A launch template, by id or name. A new version becomes the default.",
        ),
        key(
            "auto_scaling_group",
            Text,
            Means("none"),
            "\"agents\"",
            "An Auto Scaling group, by name. It gets a version of its launch template that has the AMI: as the version that it names or, where it names `$Default` or `$Latest`, as that.",
        )
        .since("0.2"),
        key(
            "refresh",
            OneOf(&[Bool, Object(&REFRESH)]),
            Is("false"),
            "true",
            "For an Auto Scaling group: an instance refresh replaces the instances that it has.",
        )
        .since("0.2"),
        key(
            "cloudformation",
            Object(&CLOUDFORMATION),
            Means("none"),
            "{ stack = \"agents\", parameter = \"ImageId\" }",
            "A CloudFormation stack that has the AMI as a parameter. A roll updates it, and waits for the end.",
        )
        .since("0.2"),
        key(
            "file",
            Text,
            Means("none"),
            "\"runs-on.yml\"",
            "A file with an AMI's id in it, from the configuration's folder. Only the id changes. `at`, `pattern` or `between` says where it stands.",
        )
        .since("0.2"),
        key(
            "at",
            OneOf(&[Text, Texts]),
            Means("`pattern` or `between`"),
            "\"images.linux.ami\"",
            "For a file: the path of the id, or several. Keys have dots in between, and items of lists a number: `images.linux[0].ami`. Other characters stand in quotes: `'\"a.b\".ami'`. A block of HCL is found by its type and labels: `variable.agent_ami.default`. `{region}` stands for the AMI's region.",
        )
        .since("0.2"),
        key(
            "format",
            Choice(&["yaml", "json", "toml", "hcl", "properties"]),
            Means("as the file's name says"),
            "\"yaml\"",
            "For a file with `at`: its format.",
        )
        .since("0.2"),
        key(
            "pattern",
            Text,
            Means("`at` or `between`"),
            "\"linux: '(ami-[0-9a-f]+)'\"",
            "For a file of any other kind: a regular expression with one group, which matches the id.",
        )
        .since("0.2"),
        key(
            "between",
            Texts,
            Means("`at` or `pattern`"),
            "[\"// amiable: begin\", \"// amiable: end\"]",
            "For a file of any other kind: two marks, each once in the file, with the id between them.",
        )
        .since("0.2"),
        key(
            "count",
            Number(1000),
            Is("1"),
            "2",
            "For `pattern` and `between`: how many ids there are, all of which change.",
        )
        .since("0.2"),
        key(
            "git",
            Object(&GIT),
            Means("the file is on this machine"),
            "{ repository = \"git@github.com:example/infra.git\" }",
            "For a file or a Jenkins file: it is in this repository.",
        )
        .since("0.2"),
        key(
            "tag",
            Map(&Text),
            Means("none"),
            "{ channel = \"stable\" }",
            "A tag that only one AMI of the template has at a time.",
        ),
        key(
            "command",
            Texts,
            Means("none"),
            "[\"./notify\", \"{ami}\"]",
            "A program with its arguments, run on each roll. Placeholders: `{ami}`, `{name}`, `{template}`, `{generation}`, `{region}`.",
        ),
        key(
            "query",
            Texts,
            Means("nothing is asked"),
            "[\"./in-use\"]",
            "For a command: a program that prints the ids of AMIs in use.",
        ),
        key("timeout", Duration, Is("\"10m\""), "\"1m\"", "For a command: how long it may take."),
        key(
            "after",
            Duration,
            Means("at once"),
            "\"2h\"",
            "How long an AMI must have been current before this consumer is rolled to it: those without are tried first. `rollback`, `roll --to` and `roll --force` do not wait.",
        )
        .since("0.2"),
        key(
            "region",
            Text,
            Means("the first region"),
            "\"eu-west-1\"",
            "The region of the AMI that it follows.",
        ),
    ],
};

pub(crate) static GIT: Table = Table {
    title: "`git`",
    text: "A git repository that a file is in: a change is committed and pushed, and no push is forced. git is reached as the operator's own configuration says.",
    keys: &[
        key(
            "repository",
            Text,
            Required,
            "\"git@github.com:example/infra.git\"",
            "Its URL, or its path from the configuration's folder.",
        )
        .since("0.2"),
        key("branch", Text, Means("the repository's default"), "\"main\"", "The branch that is in use.")
            .since("0.2"),
        key(
            "review",
            Text,
            Means("the branch itself"),
            "\"amiable/{template}-{generation}\"",
            "A branch that changes are pushed to instead, for review. Placeholders: `{template}`, `{generation}`, `{ami}`.",
        )
        .since("0.2"),
        key(
            "author",
            Text,
            Means("the operator, as git knows them"),
            "\"CI <ci@example.org>\"",
            "Who commits.",
        )
        .since("0.2"),
    ],
};

pub(crate) static CLOUDFORMATION: Table = Table {
    title: "`cloudformation`",
    text: "A CloudFormation stack. Its template, its capabilities and all other parameters stay as they are.",
    keys: &[
        key("stack", Text, Required, "\"agents\"", "The stack's name.").since("0.2"),
        key("parameter", Text, Required, "\"ImageId\"", "The parameter that has the AMI's id.")
            .since("0.2"),
    ],
};

pub(crate) static REFRESH: Table = Table {
    title: "`refresh`",
    text: "How an instance refresh replaces the instances of an Auto Scaling group. What is not given is as Auto Scaling has it.",
    keys: &[
        key(
            "min_healthy",
            Number(100),
            Means("90"),
            "90",
            "How many instances stay in service, in percent of the desired capacity.",
        )
        .since("0.2"),
        key(
            "max_healthy",
            Number(200),
            Means("100"),
            "110",
            "How many instances there may be meanwhile, in percent of the desired capacity; together with `min_healthy`. Above 100, a new instance is there before an old one goes.",
        )
        .since("0.2"),
        key(
            "warmup",
            Duration,
            Means("as the group has it"),
            "\"2m\"",
            "How long a new instance is given before it counts as healthy.",
        )
        .since("0.2"),
        key(
            "checkpoints",
            Array(&Number(100)),
            Means("none"),
            "[20, 100]",
            "After how much of the instances the refresh waits, in percent, in ascending order; the last one is 100.",
        )
        .since("0.2"),
        key(
            "checkpoint_delay",
            Duration,
            Means("1 hour"),
            "\"10m\"",
            "How long it waits there.",
        )
        .since("0.2"),
    ],
};

pub(crate) static JENKINS_AGENTS: Table = Table {
    title: "`jenkins`",
    text: "Agent templates in a file of Jenkins'.",
    keys: &[
        key(
            "file",
            Text,
            Required,
            "\"jenkins/config.xml\"",
            "`config.xml`, or a file of configuration as code.",
        ),
        key(
            "agents",
            Array(&OneOf(&[Text, Object(&AGENT_NAME)])),
            Required,
            "[\"precise_cloud\"]",
            "The agent templates, by description or labels.",
        ),
        key(
            "cloud",
            Text,
            Means("the file's only one"),
            "\"ec2\"",
            "The EC2 cloud that they are in, by name.",
        ),
        key(
            "reload",
            Bool,
            Is("true"),
            "false",
            "Whether the Jenkins of `[jenkins]` reads its configuration again.",
        ),
    ],
};

pub(crate) static AGENT_NAME: Table = Table {
    title: "an agent",
    text: "An agent template that has no description of its own.",
    keys: &[key("labels", Text, Required, "\"precise kernel\"", "Its labels.")],
};
