//! Whose account is used, and that another is never taken for it.

use std::process::Output;

use crate::farm::Farm;

/// A farm whose endpoint is reached as any other by its URL, with credentials of AWS' own files.
struct Account {
    farm: Farm,
    key: String,
    secret: String,
}

impl Account {
    fn new(cloud: &str) -> Account {
        let farm = Farm::with_example(&[]);
        let env = farm.endpoint_env();
        let value = |name: &str| env.iter().find(|(key, _)| key == name).unwrap().1.clone();
        let url = value("AWS_ENDPOINT_URL");
        farm.edit(
            "amiable.toml",
            "endpoint = \"local\"",
            &format!("endpoint = \"{url}\"\n{cloud}"),
        );
        Account { key: value("AWS_ACCESS_KEY_ID"), secret: value("AWS_SECRET_ACCESS_KEY"), farm }
    }

    /// Profiles `ci` with this account's key and `other` with one that the endpoint does not know.
    fn with_profiles(cloud: &str) -> Account {
        let account = Account::new(cloud);
        let profile = |name: &str, key: &str, secret: &str| {
            format!("[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
        };
        let own = profile("ci", &account.key, &account.secret);
        account.farm.write("home/.aws/credentials", &(own + &profile("other", "AKIAOTHER", "x")));
        account
    }

    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> (Output, String) {
        let output = self.farm.command("amiable", args).envs(env.iter().copied()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output, text)
    }
}

const WRONG: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIAOTHER"), ("AWS_SECRET_ACCESS_KEY", "x")];

#[test]
fn the_profile_of_the_configuration_wins_over_the_environment() {
    let account = Account::with_profiles("profile = \"ci\"");
    let (output, text) = account.run(&["list"], &WRONG);
    assert!(output.status.success(), "{text}");
    account.farm.edit("amiable.toml", "profile = \"ci\"", "profile = \"other\"");
    let own = [
        ("AWS_ACCESS_KEY_ID", account.key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", account.secret.as_str()),
    ];
    let (output, text) = account.run(&["list"], &own);
    assert!(!output.status.success(), "{text}");
    // One that is not there is not passed over.
    account.farm.edit("amiable.toml", "profile = \"other\"", "profile = \"c1\"");
    let (output, text) = account.run(&["list"], &own);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("there is no AWS profile `c1`\nhint: there are ci, other"), "{text}");
    // Without one, the environment's order holds.
    account.farm.edit("amiable.toml", "profile = \"c1\"\n", "\n");
    let (output, text) = account.run(&["list"], &own);
    assert!(output.status.success(), "{text}");
    let (output, text) = account.run(&["list"], &[("AWS_PROFILE", "ci")]);
    assert!(output.status.success(), "{text}");
}

#[test]
fn nothing_is_done_in_an_account_that_is_not_meant() {
    let account = Account::with_profiles("profile = \"ci\"\naccount = \"111111111111\"");
    let farm = &account.farm;
    for command in [&["create", "agent"][..], &["sweep", "--yes"], &["doctor"], &["list"]] {
        let (output, text) = account.run(command, &[]);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {text}");
        assert!(text.contains("the credentials belong to account 000000000000"), "{text}");
        assert!(text.contains(", but the configuration says 111111111111"), "{text}");
    }
    let lists = "account = [\"111111111111\", \"000000000000\"]";
    farm.edit("amiable.toml", "account = \"111111111111\"", lists);
    farm.edit("amiable.toml", "# ssh_port = 22 ", "ssh_port = 2222 # ");
    let (output, text) = account.run(&["create", "agent", "-q"], &[]);
    assert!(output.status.success(), "{text}");
    farm.edit("amiable.toml", lists, "account = \"1234\"");
    let (output, text) = account.run(&["validate"], &[]);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("`1234` is not an account id"), "{text}");
    farm.edit("amiable.toml", "account = \"1234\"", "account = 1234");
    let (_, text) = account.run(&["validate"], &[]);
    let told = "`account` must be a string, or an array of strings, and this is a number";
    assert!(text.contains(told), "{text}");
}

#[test]
fn a_line_that_aws_cannot_read_is_told_with_its_file() {
    let account = Account::new("");
    let farm = &account.farm;
    farm.write(
        "home/.aws/config",
        "[default]\nregion = us-east-1\n\n[profile ci]\n  region = eu-west-1\n",
    );
    for (region, env) in [("region = \"us-east-1\"", &[][..]), ("", &WRONG[..])] {
        farm.edit("amiable.toml", "region = \"us-east-1\"", region);
        let (output, text) = account.run(&["list"], env);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("/home/.aws/config on line 5"), "{text}");
        assert!(!text.contains("no region is configured"), "{text}");
        assert!(
            text.contains("hint: in AWS' configuration files a line is `[profile NAME]`"),
            "{text}"
        );
    }
}

#[test]
fn a_session_that_is_missing_is_told_with_the_command_that_begins_it() {
    let account = Account::new("profile = \"ci\"");
    let sso = "[profile sso]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = ci\n\
               [sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.awsapps.com/start\n";
    let role = "[profile ci]\nrole_arn = arn:aws:iam::111111111111:role/ci\nsource_profile = \
                sso\nregion = us-east-1\n";
    let login =
        "[profile ci]\nlogin_session = arn:aws:iam::111111111111:user/ci\nregion = us-east-1\n";
    for (config, command) in [
        (sso.replace("profile sso", "profile ci"), "aws sso login --profile ci"),
        (format!("{role}{sso}"), "aws sso login --profile sso"),
        (login.to_owned(), "aws login --profile ci"),
    ] {
        account.farm.write("home/.aws/config", &config);
        let (output, text) = account.run(&["list"], &[]);
        assert_eq!(output.status.code(), Some(1), "{config}: {text}");
        assert!(text.contains("there are no credentials of the AWS profile: "), "{config}: {text}");
        assert!(
            text.contains(&format!("hint: if the session has expired, run `{command}`")),
            "{config}: {text}"
        );
    }
}
