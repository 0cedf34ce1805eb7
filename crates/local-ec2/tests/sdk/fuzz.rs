//! Calls that no client would make: whatever comes, there is an answer in EC2's form that
//! says what is wrong, and the server goes on.
//!
//! `PROPTEST_CASES=20000 cargo test --workspace fuzz` looks longer.

use local_ec2::reference;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use crate::bench::Bench;
use crate::raw::{call, send};

/// How many cases, unless PROPTEST_CASES says otherwise.
const CASES: u32 = 300;

fn runner() -> TestRunner {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    TestRunner::new(Config { cases: asked.unwrap_or(CASES), ..Config::default() })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

/// A name that an action knows, or one that it does not.
fn name(known: Vec<&'static str>) -> impl Strategy<Value = String> {
    let endings =
        ["", ".1", ".2", ".1.Value.1", ".1.Name", ".1.Key", ".x", ".0", "..1", ".1.Tag.1.Key"];
    let more = ["Filter.1.Name", "DryRun", "MaxResults", "NextToken", "Version", ""];
    let names: Vec<&'static str> = known.into_iter().chain(more).collect();
    prop_oneof![
        8 => (select(names), select(endings.to_vec())).prop_map(|(name, ending)| format!("{name}{ending}")),
        1 => "[A-Za-z.0-9]{0,12}",
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let common = [
        "true",
        "false",
        "0",
        "1",
        "5",
        "1000",
        "-1",
        "99999999999999999999",
        "ami-1",
        "*",
        "name",
        "tag:a",
        "state",
        "t3.micro",
        "gp3",
        "2026-11-24T00:00:00Z",
        "IMAGE",
        "INSTANCE",
        "SNAPSHOT",
        "i-0123456789abcdef0",
        "sg-0123456789abcdef0",
        "0.0.0.0/0",
        "::/0",
        "tcp",
        "%%%",
        "=&=",
    ];
    prop_oneof![
        6 => select(common.to_vec()).prop_map(String::from),
        1 => any::<String>(),
        1 => "[ -~]{0,2000}",
    ]
}

/// An action's name and its parameters.
type Wild = (&'static str, Vec<(String, String)>);

fn wild() -> impl Strategy<Value = Wild> {
    any::<Index>().prop_flat_map(|index| {
        let all = reference();
        let action = &all[index.index(all.len())];
        let names = action.honours.iter().chain(action.ignores).copied().collect();
        let parameters = proptest::collection::vec((name(names), value()), 0..8);
        (Just(action.name), parameters)
    })
}

fn encode(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Statuses that EC2 answers with. An internal error is none of them: nobody asked for one.
fn is_an_answer(answer: &str) -> bool {
    let statuses = ["200", "400", "401", "403", "412", "503"];
    let fits = statuses.iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status} ")));
    let refused = answer.contains("<Code>") && answer.contains("<Message>");
    fits && (answer.starts_with("HTTP/1.1 200 ") || refused)
}

#[test]
fn fuzz_the_query_decoder() {
    let runtime = runtime();
    let (bench, known) = runtime.block_on(async {
        let bench = Bench::new().await;
        let instance = bench.running_instance().await;
        let image = bench.image_of(&instance, "one").await;
        let answer = bench.client.describe_snapshots().owner_ids("self").send().await.unwrap();
        let snapshot = answer.snapshots()[0].snapshot_id().unwrap().to_owned();
        (bench, [("IMAGE", image), ("INSTANCE", instance), ("SNAPSHOT", snapshot)])
    });
    let outcome = runner().run(&wild(), |(action, parameters)| {
        let mut body = format!("Action={action}");
        for (name, value) in &parameters {
            let value = known.iter().find(|(word, _)| word == value).map_or(value, |(_, id)| id);
            body += &format!("&{}={}", encode(name), encode(value));
        }
        let answer = runtime.block_on(call(&bench.endpoint, &body));
        prop_assert!(is_an_answer(&answer), "{body}: {answer}");
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(bench.base());
}

#[test]
fn fuzz_bodies_of_any_bytes() {
    let runtime = runtime();
    let bench = runtime.block_on(Bench::new());
    let outcome = runner().run(&any::<Vec<u8>>(), |body| {
        let answer = runtime.block_on(call(&bench.endpoint, &body));
        prop_assert!(is_an_answer(&answer), "{body:?}: {answer}");
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn fuzz_headers() {
    let runtime = runtime();
    let bench = runtime.block_on(Bench::new());
    let names = ["authorization", "x-amz-date", "x-amz-target", "x-amz-security-token", "accept"];
    let values = prop_oneof![
        "[ -~]{0,60}",
        Just("AWS4-HMAC-SHA256 Credential=a/20261124/r/ec2/aws4_request".to_owned()),
        "AWS4-HMAC-SHA256 [A-Za-z]{1,12}=[a-z0-9/]{0,20}, SignedHeaders=[a-z;-]{0,20}, Signature=[0-9a-f]{0,64}",
        Just("20261124T060000Z".to_owned()),
    ];
    let header = (select(names.to_vec()), values);
    let headers = proptest::collection::vec(header, 0..6);
    let outcome = runner().run(&headers, |headers| {
        let text: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let answer = runtime.block_on(send(&bench.endpoint, &text, "Action=DescribeImages"));
        // SSM and its like speak JSON.
        let is_json = answer.contains("UnknownOperationException");
        prop_assert!(is_json || is_an_answer(&answer), "{text}: {answer}");
        prop_assert!(!answer.starts_with("HTTP/1.1 200 "), "{text}: {answer}");
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(bench.base());
}
