//! The whole command-line reference.

use crate::farm::Farm;

#[test]
fn the_command_line_reference() {
    let farm = Farm::without_endpoint();
    let commands: [&[&str]; 26] = [
        &["--help"],
        &["create", "--help"],
        &["update", "--help"],
        &["plan", "--help"],
        &["list", "--help"],
        &["delete", "--help"],
        &["info", "--help"],
        &["verify", "--help"],
        &["rollback", "--help"],
        &["roll", "--help"],
        &["jenkins", "import", "--help"],
        &["prune", "--help"],
        &["sweep", "--help"],
        &["doctor", "--help"],
        &["iam-policy", "--help"],
        &["init", "--help"],
        &["validate", "--help"],
        &["local", "--help"],
        &["local", "start", "--help"],
        &["local", "status", "--help"],
        &["local", "env", "--help"],
        &["local", "import", "--help"],
        &["local", "reset", "--help"],
        &["local", "fault", "--help"],
        &["local", "calls", "--help"],
        &["local", "logs", "--help"],
    ];
    let all: Vec<String> = commands.iter().map(|args| farm.amiable(args)).collect();
    insta::assert_snapshot!(all.join("\n\n"));
}
