//! ListImagesInRecycleBin.

use crate::bench::Bench;

#[tokio::test]
async fn a_deregistered_image_is_in_it_with_the_time_until_when() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let list = async || bench.client.list_images_in_recycle_bin().send().await.unwrap();
    assert!(list().await.images().is_empty());
    bench.client.deregister_image().image_id(&image).send().await.unwrap();
    let there = list().await;
    let [binned] = there.images() else { panic!("{there:?}") };
    assert_eq!((binned.image_id(), binned.name()), (Some(image.as_str()), Some("one")));
    let kept = binned.recycle_bin_exit_time().unwrap().secs()
        - binned.recycle_bin_enter_time().unwrap().secs();
    assert_eq!(kept, 3600);
    let other = bench.client.list_images_in_recycle_bin().image_ids("ami-0123456789abcdef0");
    assert!(other.send().await.unwrap().images().is_empty());
}
