//! What a restart of the server in between changes: nothing.

use std::time::Duration;

use local_ec2::Delays;

use crate::bench::Bench;

#[tokio::test]
async fn instances_images_and_tags_are_there_after_a_restart() {
    let mut bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let before = bench.instance(&instance).await;
    bench.restart().await;
    assert_eq!(bench.instance(&instance).await, before);
    bench.wait_for_image(&image, "available").await;
    bench.client.stop_instances().instance_ids(&instance).send().await.unwrap();
    bench.wait_for_state(&instance, "stopped").await;
}

#[tokio::test]
async fn transitions_that_were_under_way_are_taken_up_again() {
    let delays = Delays { image: Duration::from_millis(300), ..Delays::default() };
    let mut bench = Bench::with_delays(delays).await;
    let instance = bench.running_instance().await;
    let answer =
        bench.client.create_image().instance_id(&instance).name("one").send().await.unwrap();
    let other = bench.launch(&bench.base().await).await;
    bench.client.terminate_instances().instance_ids(&other).send().await.unwrap();
    bench.restart().await;
    bench.wait_for_state(&other, "terminated").await;
    bench.wait_for_image(answer.image_id().unwrap(), "available").await;
}

#[tokio::test]
async fn an_instance_that_was_off_for_its_image_is_switched_on_again() {
    let stopped = Duration::from_millis(500);
    let mut bench = Bench::with_delays(Delays { stopped, ..Delays::default() }).await;
    let instance = bench.running_instance().await;
    let answer =
        bench.client.create_image().instance_id(&instance).name("one").send().await.unwrap();
    bench.restart().await;
    bench.wait_for_image(answer.image_id().unwrap(), "available").await;
    bench.wait_for_state(&instance, "running").await;
    let new = bench.launch(answer.image_id().unwrap()).await;
    bench.wait_for_state(&new, "running").await;
}
