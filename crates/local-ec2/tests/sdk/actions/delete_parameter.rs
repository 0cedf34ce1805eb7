//! DeleteParameter.

use crate::bench::{Bench, code};

#[tokio::test]
async fn a_parameter_is_gone_with_all_of_its_versions() {
    let mut bench = Bench::new().await;
    bench.parameter("a", "1").await;
    bench.restart().await;
    bench.ssm().delete_parameter().name("a").send().await.unwrap();
    assert_eq!(code(bench.ssm().get_parameter().name("a").send().await), "ParameterNotFound");
    assert_eq!(code(bench.ssm().delete_parameter().name("a").send().await), "ParameterNotFound");
    bench.parameter("a", "2").await;
    let held = bench.ssm().get_parameter().name("a").send().await.unwrap();
    assert_eq!(held.parameter().unwrap().version(), 1);
}
