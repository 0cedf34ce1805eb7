//! What shells, terminals and man get: completion by a Tab that is really pressed, colours, widths.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::farm::Farm;

/// A terminal of its own, with bash in it.
struct Terminal<'f> {
    farm: &'f Farm,
    socket: String,
}

impl Terminal<'_> {
    /// Bash without anybody's settings, so many columns wide, with amiable in its PATH.
    fn new(farm: &Farm, columns: usize) -> Terminal<'_> {
        let socket = farm.path("tmux").display().to_string();
        let terminal = Terminal { farm, socket };
        let bin = Path::new(env!("CARGO_BIN_EXE_amiable")).parent().unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let columns = columns.to_string();
        let bash = "exec bash --norc --noprofile";
        let mut command =
            terminal.command(&["new-session", "-d", "-x", &columns, "-y", "50", bash]);
        let started = command.env("PATH", path).env("LANG", "C.UTF-8").output();
        let started = started.unwrap();
        assert!(started.status.success(), "{started:?}");
        terminal
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        self.farm.command("tmux", &[&["-u", "-f", "/dev/null", "-S", &self.socket], args].concat())
    }

    fn press(&self, keys: &[&str]) {
        let output = self.command(&[&["send-keys"], keys].concat()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn screen(&self) -> String {
        let output = self.command(&["capture-pane", "-p"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn wait_for(&self, text: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.screen().contains(text) {
            assert!(Instant::now() < end, "no `{text}` in:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for a text, and clears the line and the screen then.
    fn shows(&self, text: &str) {
        self.wait_for(text);
        self.press(&["C-u"]);
        self.press(&["C-l"]);
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}

#[test]
fn tab_completes_commands_options_templates_and_amis() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    let ami = farm.current("agent");
    let terminal = Terminal::new(&farm, 120);
    terminal.press(&["source <(amiable completions bash); echo read''y", "Enter"]);
    terminal.shows("ready");
    terminal.press(&["amiable upd", "Tab"]);
    terminal.shows("amiable update");
    terminal.press(&["amiable update --no-ver", "Tab"]);
    terminal.shows("amiable update --no-verify");
    terminal.press(&["amiable update ag", "Tab"]);
    terminal.shows("amiable update agent");
    terminal.press(&["amiable info ami-", "Tab"]);
    terminal.shows(&format!("amiable info {ami}"));
    // Of `state` and `status` what both have.
    terminal.press(&["amiable list --columns gen,s", "Tab", "ta", "Tab"]);
    terminal.shows("--columns gen,stat");
}

#[test]
fn nothing_is_started_for_a_completion() {
    let farm = Farm::without_endpoint();
    assert!(farm.command("amiable", &["init"]).output().unwrap().status.success());
    let mut command = farm.command("amiable", &["--", "amiable", "delete", "ami-"]);
    let output = command
        .env("AMIABLE_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", "2")
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(!farm.path("local").exists());
}

#[test]
fn a_list_fits_the_terminal_and_has_the_columns_that_are_wanted() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    let ami = farm.current("agent");
    let terminal = Terminal::new(&farm, 90);
    terminal.press(&["amiable list; echo en''d", "Enter"]);
    terminal.shows("\nend");
    let list = farm.stdout(&["list", "--columns", "ami,gen,status,source"]);
    let lines: Vec<Vec<&str>> = list.lines().map(|it| it.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["AMI", "GEN", "STATUS", "SOURCE"]);
    assert_eq!(lines[1][..3], [ami.as_str(), "1", "current"]);
    terminal.press(&["amiable list | cat", "Enter"]);
    terminal.shows("NAME");
}

#[test]
fn colours_are_used_where_they_are_wanted() {
    let farm = Farm::without_endpoint();
    farm.write("amiable.toml", "[naming]\nnamespace = 5\n");
    let validate = |args: &[&str], no_color: bool| {
        let mut command = farm.command("amiable", &[&["validate"], args].concat());
        if no_color {
            command.env("NO_COLOR", "1");
        }
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    let plain = validate(&[], false);
    assert!(plain.contains("`namespace` must be a string") && !plain.contains('\u{1b}'), "{plain}");
    assert!(validate(&["--color", "always"], false).contains("\u{1b}["));
    assert_eq!(validate(&["--color", "never"], false), plain);
    let terminal = Terminal::new(&farm, 90);
    for (command, colours) in [("amiable validate", true), ("NO_COLOR=1 amiable validate", false)] {
        terminal.press(&[&format!("{command} 2>&1; echo en''d"), "Enter"]);
        terminal.wait_for("\nend");
        let output = terminal.command(&["capture-pane", "-p", "-e"]).output().unwrap();
        let screen = String::from_utf8(output.stdout).unwrap();
        assert_eq!(screen.contains("\u{1b}[1m\u{1b}[31m"), colours, "{command}: {screen:?}");
        terminal.shows("end");
    }
}

#[test]
fn there_is_a_man_page_for_each_command() {
    let farm = Farm::without_endpoint();
    farm.stdout(&["man", "--dir", "man1"]);
    let page = std::fs::read_to_string(farm.path("man1/amiable.1")).unwrap();
    assert!(page.contains(".TH amiable 1") && page.contains("amiable\\-update"), "{page}");
    assert!(farm.path("man1/amiable-local-fault.1").exists());
    assert_eq!(farm.stdout(&["man"]).trim_end(), page.trim_end());
    assert!(farm.stdout(&["man", "local", "fault"]).contains(".TH amiable-local-fault 1"));
    assert!(farm.amiable(&["man", "bake"]).contains("there is no command `bake`"));
}
