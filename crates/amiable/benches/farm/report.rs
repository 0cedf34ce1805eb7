//! The report, in Markdown.

use std::time::Duration;

use crate::endpoint::Taken;
use crate::tools;

/// Where it goes, from the crate's folder.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md");

pub(crate) struct Report {
    text: String,
    well: bool,
}

/// A line of a table.
pub(crate) type Row = Vec<String>;

/// What was wanted of a figure, and why it may be more.
pub(crate) struct Target<'a> {
    pub(crate) what: &'a str,
    pub(crate) wanted: f64,
    pub(crate) got: Vec<f64>,
    pub(crate) decimals: usize,
    pub(crate) why: &'a str,
}

impl Target<'_> {
    /// By how much it is missed at most, in percent.
    fn missed_by(&self) -> Option<f64> {
        let worst = self.got.iter().copied().fold(0.0, f64::max);
        (worst > self.wanted).then(|| (worst / self.wanted - 1.0) * 100.0)
    }

    fn text(&self) -> String {
        let decimals = self.decimals;
        let got: Vec<String> = self.got.iter().map(|got| format!("{got:.decimals$}")).collect();
        let (what, got) = (self.what, got.join(", "));
        let wanted = format!("{:.decimals$}", self.wanted);
        match self.missed_by() {
            None => format!("- {what}: {got}, target at most {wanted}: met."),
            Some(by) => format!(
                "- {what}: {got}, target at most {wanted}: missed by at most {by:.1} %. {}",
                self.why
            ),
        }
    }
}

pub(crate) fn ratio(wall: Duration, floor: Duration) -> f64 {
    wall.as_secs_f64() / floor.as_secs_f64()
}

pub(crate) fn mib(kib: u64) -> String {
    format!("{:.0} MiB", kib as f64 / 1024.0)
}

/// The machine's memory in GiB (proc_meminfo(5)).
fn memory() -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|it| it.strip_prefix("MemTotal:")?.strip_suffix("kB"));
    total.and_then(|it| it.trim().parse::<f64>().ok()).unwrap_or(0.0) / 1024.0 / 1024.0
}

/// The commit that is measured.
fn commit() -> String {
    let args = ["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty", "--abbrev=7"];
    let told = std::process::Command::new("git").args(args).output();
    let text = told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    text.ok().filter(|it| !it.is_empty()).unwrap_or_else(|| "no commit".to_owned())
}

impl Report {
    pub(crate) fn begin() -> Report {
        let machine = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = machine.lines().find_map(|it| it.strip_prefix("model name")?.split_once(": "));
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let text = format!(
            "# Benchmarks\n\n`make bench` wrote this file; running it again measures again. All \
             sections except the last two ran on the simulated endpoint. There, each call takes 50 \
             ms. An instance is running after about 10 s, its sshd answers 15 s later, it is \
             stopped after 8 s, an image is available after 30 s, and an instance is terminated \
             after 20 s. Each of these delays is drawn from a normal distribution with a deviation \
             of 10 %, using the seed that is shown. \"Looks\" are DescribeInstances and \
             DescribeImages calls, including those before the bake (three for amiable).\n\n- {}, \
             {cores} cores, {:.0} GiB, {}\n- amiable {} ({}), {}, {}, {}\n",
            model.map_or("unknown", |it| it.1),
            memory(),
            jiff::Timestamp::now().strftime("%Y-%m-%d"),
            env!("CARGO_PKG_VERSION"),
            commit(),
            format_args!("packer {}", tools::version("packer")),
            tools::version("aws"),
            tools::version("rustc"),
        );
        Report { text, well: true }
    }

    pub(crate) fn section(&mut self, title: &str, paragraphs: &[&str]) {
        self.line(&format!("\n## {title}\n"));
        for paragraph in paragraphs {
            self.line(&format!("{paragraph}\n"));
        }
    }

    pub(crate) fn line(&mut self, text: &str) {
        println!("{text}");
        self.text += text;
        self.text.push('\n');
    }

    pub(crate) fn row(&mut self, tool: &str, seed: u64, taken: &Taken, floor: Duration) -> Row {
        self.well &= taken.well;
        let actions: Vec<String> = taken
            .calls
            .iter()
            .filter(|(action, _)| !action.starts_with("ssh"))
            .map(|(action, count)| format!("{action} {count}"))
            .collect();
        vec![
            tool.to_owned(),
            seed.to_string(),
            format!("{:.1} s", floor.as_secs_f64()),
            format!("{:.1} s", taken.wall.as_secs_f64()),
            if taken.well { format!("{:.3}", ratio(taken.wall, floor)) } else { "failed".into() },
            taken.all().to_string(),
            taken.looks().to_string(),
            taken.throttled.to_string(),
            taken.connections.to_string(),
            mib(taken.peak),
            actions.join(", "),
        ]
    }

    pub(crate) fn rows(&mut self, rows: &[Row]) {
        self.line(
            "| tool | seed | floor | wall | ratio | calls | looks | refused | connections | \
                   peak | calls by action |",
        );
        self.line("|---|---|---|---|---|---|---|---|---|---|---|");
        for row in rows {
            self.line(&format!("| {} |", row.join(" | ")));
        }
    }

    /// What became of the targets of the table above.
    pub(crate) fn targets(&mut self, targets: &[Target<'_>]) {
        self.line("");
        for target in targets {
            self.line(&target.text());
        }
    }

    /// Writes the file, when all was measured.
    pub(crate) fn write(self, whole: bool) {
        if whole {
            std::fs::write(FILE, &self.text).expect("the report can be written");
            println!("\nwritten: docs/benchmarks.md");
        }
        assert!(self.well, "a run failed");
    }
}
