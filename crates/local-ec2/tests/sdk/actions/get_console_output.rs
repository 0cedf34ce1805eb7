//! GetConsoleOutput.

use crate::bench::{Bench, code};

#[tokio::test]
async fn the_console_is_there_for_instances_that_are() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let answer = bench.client.get_console_output().instance_id(&id).send().await.unwrap();
    let output = answer.output().unwrap();
    assert!(output.len() > 76 && output.lines().all(|line| line.len() <= 76), "{output}");
    let missing = bench.client.get_console_output().instance_id("i-0123456789abcdef0").send().await;
    assert_eq!(code(missing), "InvalidInstanceID.NotFound");
}
