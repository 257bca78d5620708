use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use teu_api::container::{Healthcheck, HostConfig, ListOptions, RestartPolicy, StopOptions};
use teu_api::event;

use crate::container::View;
use crate::health::Status;
use crate::testing::{Folder, Rig, request, rig};

/// No transition takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs a container that is checked every two milliseconds, and is unhealthy after two failures.
async fn checked(rig: &Rig, name: &str, host: HostConfig, change: impl FnOnce(&mut Healthcheck)) -> String {
    let mut health = Healthcheck {
        test: Some(vec!["CMD".to_owned(), "true".to_owned()]),
        interval: 2_000_000,
        retries: 2,
        ..Healthcheck::default()
    };
    change(&mut health);
    let mut wanted = request("sleep", host);
    wanted.config.healthcheck = Some(health);
    let options = teu_api::container::CreateOptions { name: name.to_owned(), ..Default::default() };
    let id = rig.engine.container_create(&options, wanted).await.expect("created").id;
    rig.engine.container_start(&id).await.expect("started");
    id
}

async fn reached(rig: &Rig, id: &str, condition: impl Fn(&View) -> bool) -> bool {
    rig.engine.containers().get(id).expect("there").wait_for(LIMIT, condition).await
}

fn is(status: Status) -> impl Fn(&View) -> bool {
    move |view| view.health.as_ref().is_some_and(|health| health.status == status)
}

fn answer(rig: &Rig, code: Option<i64>) {
    *rig.prober.code.lock().expect("a lock") = code;
}

#[tokio::test]
async fn from_starting_to_healthy_to_unhealthy() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    answer(&rig, Some(0));
    let id = checked(&rig, "web", HostConfig::default(), |_| {}).await;
    assert!(reached(&rig, &id, is(Status::Healthy)).await);
    let list = rig.engine.container_list(&ListOptions::default()).await.expect("a list");
    assert!(list[0].status.ends_with("(healthy)"), "{}", list[0].status);
    answer(&rig, Some(1));
    assert!(reached(&rig, &id, is(Status::Unhealthy)).await);
    let health = rig.engine.container_inspect(&id, false).await.expect("inspected").state.health.expect("health");
    assert!(health.failing_streak >= 2);
    let last = health.log.expect("a log").pop().expect("a result");
    assert_eq!((last.exit_code, last.output.as_str()), (1, "said"));
    let since = event::Options { since: "1".to_owned(), until: "9999999999".to_owned(), ..Default::default() };
    let events = rig.engine.system_events(&since).expect("events");
    let told: Vec<_> = events
        .filter(|event| std::future::ready(event.action.starts_with("health_status")))
        .map(|event| event.action.clone())
        .take(2)
        .collect()
        .await;
    assert_eq!(told, ["health_status: healthy", "health_status: unhealthy"]);
}

#[tokio::test]
async fn what_does_not_run_is_not_asked() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    answer(&rig, Some(0));
    let id = checked(&rig, "web", HostConfig::default(), |_| {}).await;
    assert!(reached(&rig, &id, is(Status::Healthy)).await);
    rig.engine.container_pause(&id).await.expect("paused");
    let asked = rig.prober.asked.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(rig.prober.asked.load(Ordering::Relaxed), asked);
    rig.engine.container_unpause(&id).await.expect("thawed");
    assert!(reached(&rig, &id, |_| rig.prober.asked.load(Ordering::Relaxed) > asked).await);
    rig.engine.container_stop(&id, &StopOptions::default()).await.expect("stopped");
    let asked = rig.prober.asked.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(rig.prober.asked.load(Ordering::Relaxed), asked);
    assert!(reached(&rig, &id, is(Status::Unhealthy)).await, "as Docker shows what does not run");
    answer(&rig, None);
    rig.engine.container_start(&id).await.expect("started");
    assert!(reached(&rig, &id, is(Status::Starting)).await);
}

#[tokio::test]
async fn a_probe_that_takes_too_long_fails() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    answer(&rig, None);
    let id = checked(&rig, "web", HostConfig::default(), |health| health.timeout = 3_000_000).await;
    assert!(reached(&rig, &id, is(Status::Unhealthy)).await);
    let health = rig.engine.container_inspect(&id, false).await.expect("inspected").state.health.expect("health");
    let last = health.log.expect("a log").pop().expect("a result");
    assert_eq!((last.exit_code, last.output.as_str()), (-1, "Health check exceeded timeout (3ms)"));
}

#[tokio::test]
async fn the_unhealthy_are_dealt_with() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    answer(&rig, Some(1));
    let act = |action: &'static str| move |health: &mut Healthcheck| action.clone_into(&mut health.on_failure);
    let stopped = checked(&rig, "stop", HostConfig::default(), act("stop")).await;
    assert!(reached(&rig, &stopped, |view| view.state.word() == "exited" && view.state.stopped_by_user).await);
    let killed = checked(&rig, "kill", HostConfig::default(), act("kill")).await;
    assert!(reached(&rig, &killed, |view| view.state.exit_code() == 137).await);
    let restart_policy = RestartPolicy { name: "always".to_owned(), ..RestartPolicy::default() };
    let host = HostConfig { restart_policy, ..HostConfig::default() };
    let by_policy = checked(&rig, "policy", host, act("kill")).await;
    assert!(reached(&rig, &by_policy, |view| view.state.restart_count > 0 && view.state.is_up()).await);
    let restarted = checked(&rig, "restart", HostConfig::default(), act("restart")).await;
    assert!(reached(&rig, &restarted, |view| view.exits > 0 && view.state.is_up()).await);
    let ignored = checked(&rig, "none", HostConfig::default(), act("none")).await;
    assert!(reached(&rig, &ignored, is(Status::Unhealthy)).await);
    assert!(reached(&rig, &ignored, |view| view.exits == 0).await);
}
