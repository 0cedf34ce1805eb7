//! GetParameters.

use crate::bench::{Bench, code};

#[tokio::test]
async fn what_there_is_comes_with_what_there_is_not() {
    let bench = Bench::new().await;
    bench.parameter("a", "1").await;
    let get = bench.ssm().get_parameters().names("a").names("b").send().await.unwrap();
    assert_eq!(get.parameters()[0].value(), Some("1"));
    assert_eq!(get.invalid_parameters(), ["b"]);
    let names: Vec<String> = (0..11).map(|number| format!("p{number}")).collect();
    let many = bench.ssm().get_parameters().set_names(Some(names));
    assert_eq!(code(many.send().await), "ValidationException");
}
