//! Transitions, on fake backends.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use teu_api::container::{
    CreateOptions, HostConfig, ListOptions, RemoveOptions, RestartPolicy, StopOptions, WaitCondition,
};
use teu_api::event::Options as EventOptions;
use teu_keeper::protocol::ExitStatus;

use super::actor::Command;
use super::start::Starter;
use crate::error::Kind;
use crate::testing::{Folder, Rig, request, rig, rig_over};

const LIMIT: Duration = Duration::from_secs(5);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("in time")
}

fn policy(name: &str) -> HostConfig {
    let restart_policy = RestartPolicy { name: name.to_owned(), maximum_retry_count: 0 };
    HostConfig { restart_policy, ..HostConfig::default() }
}

/// Actions of all events so far.
async fn actions(rig: &Rig) -> Vec<String> {
    let now = jiff::Timestamp::now();
    let until = format!("{}.{:09}", now.as_second(), now.subsec_nanosecond());
    let events = rig.engine.system_events(&EventOptions { until, ..EventOptions::default() }).expect("events");
    within(events.map(|e| e.action.clone()).collect()).await
}

async fn state(rig: &Rig, id: &str) -> teu_api::container::State {
    rig.engine.container_inspect(id, false).await.expect("inspected").state
}

#[tokio::test]
async fn a_whole_life() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    let id = rig.create("web", "sleep", HostConfig::default()).await;
    assert_eq!(state(&rig, "web").await.status, "created");
    rig.engine.container_start("web").await.expect("started");
    let running = state(&rig, &id[..12]).await;
    assert!(running.running && running.pid >= 100);
    let again = rig.engine.container_start("web").await.expect_err("runs already");
    assert_eq!(again.kind(), Kind::NotModified);
    let wait = rig.engine.container_wait("web", WaitCondition::NotRunning).await.expect("a wait");
    rig.engine.container_stop("web", &StopOptions::default()).await.expect("stopped");
    assert_eq!(within(wait.exit()).await.status_code, 143);
    let stopped = state(&rig, "web").await;
    assert_eq!((stopped.status.as_str(), stopped.exit_code, stopped.pid), ("exited", 143, 0));
    rig.engine.container_remove("web", RemoveOptions::default()).await.expect("removed");
    let gone = rig.engine.container_inspect("web", false).await.expect_err("gone");
    assert_eq!(gone.to_string(), "No such container: web");
    // Networks are released in the background.
    let actions: Vec<_> = actions(&rig).await.into_iter().filter(|a| a != "disconnect").collect();
    assert_eq!(actions, ["create", "connect", "start", "kill", "die", "stop", "destroy"]);
}

#[tokio::test]
async fn names_are_unique() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    let id = rig.create("web", "sleep", HostConfig::default()).await;
    let options = CreateOptions { name: "/web".to_owned(), ..CreateOptions::default() };
    let error = rig.engine.container_create(&options, request("x", HostConfig::default())).await.expect_err("taken");
    assert_eq!(
        error.to_string(),
        format!(
            "Conflict. The container name \"/web\" is already in use by container \"{id}\". \
             You have to remove (or rename) that container to be able to reuse that name."
        )
    );
    rig.engine.container_rename("web", "db").await.expect("renamed");
    rig.create("web", "sleep", HostConfig::default()).await;
    let error = rig.engine.container_rename("web", "db").await.expect_err("taken");
    assert!(error.to_string().starts_with("Error when allocating new name: Conflict."), "{error}");
    let missing = CreateOptions::default();
    let mut wanted = request("x", HostConfig::default());
    wanted.config.image = "nonsense".to_owned();
    let error = rig.engine.container_create(&missing, wanted).await.expect_err("no image");
    assert_eq!(error.to_string(), "No such image: nonsense:latest");
}

#[tokio::test]
async fn what_an_ended_run_still_holds_is_waited_for() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    rig.create("web", "sleep", HostConfig::default()).await;
    let held = rig.engine.teardowns().begin("other");
    rig.networks.broken.store(true, std::sync::atomic::Ordering::Relaxed);
    let starting = tokio::spawn({
        let engine = rig.engine.clone();
        async move { engine.container_start("web").await }
    });
    while rig.networks.broken.load(std::sync::atomic::Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    assert_eq!(state(&rig, "web").await.status, "created");
    drop(held);
    starting.await.expect("no panic").expect("started after all");
}

#[tokio::test]
async fn what_has_been_killed_is_not_frozen_before_it_is_gone() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    let id = rig.create("web", "sluggish", HostConfig::default()).await;
    rig.engine.container_start("web").await.expect("started");
    rig.engine.container_pause("web").await.expect("paused");
    rig.engine.container_unpause("web").await.expect("thawed");
    let killing = tokio::spawn({
        let engine = rig.engine.clone();
        async move { engine.container_kill("web", "KILL").await }
    });
    within(async {
        while !actions(&rig).await.iter().any(|action| action == "kill") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let refused = rig.engine.container_pause("web").await.expect_err("it is about to end");
    assert_eq!(refused.to_string(), format!("container {id} is not running"));
    rig.keeper.exit(&id, ExitStatus::Signaled(9));
    within(killing).await.expect("no panic").expect("killed");
    // Its next run is another.
    rig.engine.container_start("web").await.expect("started");
    rig.engine.container_pause("web").await.expect("paused");
}

#[tokio::test]
async fn a_missing_program_is_127_and_everything_is_given_back() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    let id = rig.create("bad", "missing", HostConfig::default()).await;
    let error = rig.engine.container_start("bad").await.expect_err("not found");
    assert_eq!(error.kind(), Kind::InvalidParameter);
    assert!(error.to_string().contains("executable file not found in $PATH"), "{error}");
    let failed = state(&rig, "bad").await;
    assert_eq!((failed.status.as_str(), failed.exit_code), ("created", 127));
    assert_eq!(failed.error, error.to_string());
    // The next start waits for the clean-up after the first.
    rig.engine.container_start("bad").await.expect_err("not found");
    rig.engine.container_remove(&id, RemoveOptions::default()).await.expect("removed");
    within(async {
        while !rig.networks.attached.lock().expect("a lock").is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_network_failure_is_not_a_start() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    rig.create("web", "sleep", HostConfig::default()).await;
    rig.networks.broken.store(true, std::sync::atomic::Ordering::Relaxed);
    let error = rig.engine.container_start("web").await.expect_err("a port is taken");
    assert!(error.to_string().contains("port is already allocated"));
    assert_eq!(state(&rig, "web").await.status, "created");
    rig.engine.container_start("web").await.expect("the port is free now");
}

#[tokio::test]
async fn auto_remove_answers_whoever_waits_for_the_removal() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    let host = HostConfig { auto_remove: true, ..HostConfig::default() };
    let id = rig.create("once", "true", host).await;
    let wait = rig.engine.container_wait("once", WaitCondition::Removed).await.expect("a wait");
    rig.engine.container_start("once").await.expect("started");
    rig.keeper.exit(&id, ExitStatus::Exited(3));
    assert_eq!(within(wait.exit()).await.status_code, 3);
    assert!(rig.engine.container_inspect("once", false).await.is_err());
    rig.create("once", "true", HostConfig::default()).await;
    within(async {
        while rig.images.snapshots.lock().expect("a lock").contains(&id) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn restart_policy_and_its_end() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    let id = rig.run("always", "server", policy("always")).await;
    let wait = rig.engine.container_wait("always", WaitCondition::NextExit).await.expect("a wait");
    rig.keeper.exit(&id, ExitStatus::Exited(5));
    assert_eq!(within(wait.exit()).await.status_code, 5);
    let handle = rig.engine.containers().get(&id).expect("there");
    assert!(handle.wait_for(LIMIT, |view| view.state.is_up()).await);
    let inspect = rig.engine.container_inspect("always", false).await.expect("inspected");
    assert_eq!(inspect.restart_count, 1);
    // Stopped while it waits for its next start: it stays stopped.
    rig.keeper.exit(&id, ExitStatus::Exited(5));
    assert!(handle.wait_for(LIMIT, |view| view.state.word() == "restarting").await);
    rig.engine.container_stop("always", &StopOptions::default()).await.expect("stopped");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(state(&rig, "always").await.status, "exited");
}

#[tokio::test]
async fn a_restart_by_hand_counts_anew() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    let id = rig.run("loop", "server", policy("always")).await;
    let handle = rig.engine.containers().get(&id).expect("there");
    // Pauses of 100, 200, 400 and 800 ms.
    for round in 1..=4 {
        rig.keeper.exit(&id, ExitStatus::Exited(5));
        assert!(handle.wait_for(LIMIT, |view| view.state.is_up() && view.state.restart_count == round).await);
    }
    // Its policy was faster than the second half of somebody's `restart`.
    handle.ask(|reply| Command::Start { by: Starter::Restart, hookup: None, reply }).await.expect("runs");
    assert_eq!(handle.view().state.restart_count, 0);
    let again = rig.engine.container_start("loop").await.expect_err("runs already");
    assert_eq!(again.kind(), Kind::NotModified);
    // And somebody has paused that run.
    rig.engine.container_pause("loop").await.expect("paused");
    handle.ask(|reply| Command::Start { by: Starter::Restart, hookup: None, reply }).await.expect("was started");
    assert!(state(&rig, "loop").await.paused);
    rig.engine.container_unpause("loop").await.expect("thawed");
    let ended = Instant::now();
    rig.keeper.exit(&id, ExitStatus::Exited(5));
    assert!(handle.wait_for(LIMIT, |view| view.state.is_up() && view.state.restart_count == 1).await);
    assert!(ended.elapsed() < Duration::from_millis(1600), "the pause is still that of the fifth restart");
    rig.engine.container_restart("loop", &StopOptions::default()).await.expect("restarted");
    assert_eq!(handle.view().state.restart_count, 0);
}

/// The engine may be killed as soon as it has answered: what the database has by then is what the next one knows.
#[tokio::test]
async fn what_was_started_or_stopped_is_stored_before_the_answer() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    let stored = |id: &str| {
        let db = rusqlite::Connection::open(rig.engine.config().data_root.join("state.db")).expect("a database");
        db.query_row("SELECT state FROM containers WHERE id = ?1", [id], |row| row.get::<_, String>(0)).expect("a row")
    };
    for (round, kill) in [false, true].into_iter().enumerate() {
        let name = format!("always-{round}");
        let id = rig.run(&name, "server", policy("always")).await;
        let state = stored(&id);
        assert!(state.contains("\"Running\"") || state.contains("\"running\""), "{state}");
        if kill {
            rig.engine.container_kill(&name, "KILL").await.expect("killed");
        } else {
            rig.engine.container_stop(&name, &StopOptions::default()).await.expect("stopped");
        }
        let state = stored(&id);
        assert!(state.contains("\"stopped_by_user\":true"), "{state}");
    }
}

#[tokio::test]
async fn a_signal_was_sent_though_the_keeper_died_over_the_answer() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    rig.create("web", "sleep", HostConfig::default()).await;
    rig.engine.container_start("web").await.expect("started");
    let wait = rig.engine.container_wait("web", WaitCondition::NotRunning).await.expect("a wait");
    rig.keeper.dies.store(true, Ordering::Relaxed);
    rig.engine.container_kill("web", "TERM").await.expect("sent");
    assert_eq!(within(wait.exit()).await.status_code, 143);
}

#[tokio::test]
async fn stop_becomes_kill() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    rig.run("ss", "stubborn", HostConfig::default()).await;
    let options = StopOptions { timeout: Some(0), ..StopOptions::default() };
    within(rig.engine.container_stop("ss", &options)).await.expect("stopped");
    assert_eq!(state(&rig, "ss").await.exit_code, 137);
    let error = rig.engine.container_stop("ss", &options).await.expect_err("stopped already");
    assert_eq!(error.kind(), Kind::NotModified);
    let error = rig.engine.container_kill("ss", "HUP").await.expect_err("not running");
    assert!(error.to_string().starts_with("cannot kill container: ss: container "), "{error}");
}

#[tokio::test]
async fn running_containers_are_removed_by_force_only() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    rig.run("web", "stubborn", policy("always")).await;
    let error = rig.engine.container_remove("web", RemoveOptions::default()).await.expect_err("it runs");
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.to_string().contains("container is running: stop the container before removing or force remove"));
    let force = RemoveOptions { force: true, ..RemoveOptions::default() };
    within(rig.engine.container_remove("web", force)).await.expect("removed");
    let all = ListOptions { all: true, ..ListOptions::default() };
    assert!(rig.engine.container_list(&all).await.expect("a list").is_empty());
}

#[tokio::test]
async fn pause_and_unpause() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    rig.run("pp", "sleep", HostConfig::default()).await;
    rig.engine.container_pause("pp").await.expect("paused");
    assert!(state(&rig, "pp").await.paused);
    let error = rig.engine.container_start("pp").await.expect_err("paused");
    assert_eq!(error.to_string(), "cannot start a paused container, try unpause instead");
    rig.engine.container_unpause("pp").await.expect("thawed");
    assert!(rig.engine.container_unpause("pp").await.is_err());
    assert_eq!(state(&rig, "pp").await.status, "running");
}

/// The clock is set back after the start, or forth and back.
#[tokio::test]
async fn a_clock_that_is_set_hides_no_end() {
    let folder = Folder::new();
    let first = rig(folder.path()).await;
    first.keeper.ahead.store(3600, Ordering::Relaxed);
    let ends = first.run("ends", "sleep", HostConfig::default()).await;
    let lost = first.run("lost", "sleep", HostConfig::default()).await;
    let always = first.run("always", "sleep", policy("always")).await;
    first.keeper.exit(&ends, ExitStatus::Exited(3));
    let handle = first.engine.containers().get(&ends).expect("there");
    assert!(handle.wait_for(Duration::from_secs(10), |view| !view.state.is_up()).await);
    assert_eq!(state(&first, "ends").await.exit_code, 3);
    // An end that nobody saw is found out by the next engine.
    for id in [&lost, &always] {
        first.keeper.processes.lock().expect("a lock").remove(id);
    }
    let second = reopened(first, folder.path()).await;
    assert_eq!((state(&second, "lost").await.status.as_str(), state(&second, "lost").await.exit_code), ("exited", 255));
    let handle = second.engine.containers().get(&always).expect("there");
    assert!(handle.wait_for(Duration::from_secs(10), |view| view.state.is_up() && view.begun.is_some()).await);
}

/// Closes the engine and opens another over the same folder and keeper.
async fn reopened(rig: Rig, folder: &std::path::Path) -> Rig {
    rig.engine.shutdown().await;
    let (keeper, notices) = crate::backend::fake::FakeKeeper::new();
    *keeper.processes.lock().expect("a lock") = rig.keeper.processes.lock().expect("a lock").clone();
    rig_over(folder, keeper, notices, rig.networks.clone(), rig.images.clone()).await
}

#[tokio::test]
async fn a_new_engine_finds_what_the_old_one_left() {
    let folder = Folder::new();
    let first = rig(folder.path()).await;
    let (lives, dies) = (
        first.run("lives", "sleep", HostConfig::default()).await,
        first.run("dies", "sleep", HostConfig::default()).await,
    );
    let lost = first.run("lost", "sleep", HostConfig::default()).await;
    let always = first.run("always", "sleep", policy("always")).await;
    first.create("fresh", "sleep", HostConfig::default()).await;
    let before = state(&first, "lives").await;
    // What happens while there is no engine.
    {
        let mut processes = first.keeper.processes.lock().expect("a lock");
        processes.remove(&lost);
        processes.remove(&always);
        let record = teu_keeper::protocol::ExitRecord {
            status: ExitStatus::Exited(9),
            at: jiff::Timestamp::now(),
            oom_killed: false,
            started_at: None,
        };
        processes.get_mut(&dies).expect("there").health = teu_keeper::protocol::Health::Exited(record);
    }
    first.images.snapshots.lock().expect("a lock").push("0".repeat(64));
    let second = reopened(first, folder.path()).await;
    assert_eq!(state(&second, &lives).await, before);
    let dead = state(&second, "dies").await;
    assert_eq!((dead.status.as_str(), dead.exit_code), ("exited", 9));
    let unknown = state(&second, "lost").await;
    assert_eq!((unknown.status.as_str(), unknown.exit_code), ("exited", 255));
    assert_eq!(state(&second, "fresh").await.status, "created");
    let handle = second.engine.containers().get(&always).expect("there");
    assert!(handle.wait_for(LIMIT, |view| view.state.is_up()).await);
    within(async {
        while second.images.snapshots.lock().expect("a lock").contains(&"0".repeat(64)) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert_eq!(second.images.snapshots.lock().expect("a lock").len(), 5);
}

#[tokio::test]
async fn an_unfinished_creation_is_forgotten() {
    let folder = Folder::new();
    let first = rig(folder.path()).await;
    let id = first.create("half", "sleep", HostConfig::default()).await;
    first.images.snapshots.lock().expect("a lock").clear();
    let second = reopened(first, folder.path()).await;
    assert!(second.engine.container_inspect(&id, false).await.is_err());
    second.create("half", "sleep", HostConfig::default()).await;
}

#[tokio::test]
async fn what_the_database_does_not_know_is_killed() {
    let folder = Folder::new();
    let first = rig(folder.path()).await;
    let id = first.run("xx", "sleep", HostConfig::default()).await;
    first.engine.store().put(crate::store::Write::Delete { id: id.clone() });
    let second = reopened(first, folder.path()).await;
    within(async {
        while !second.keeper.acknowledged.lock().expect("a lock").contains(&id) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert!(second.engine.container_inspect("xx", false).await.is_err());
}

#[tokio::test]
async fn lists_and_filters() {
    let folder = Folder::new();
    let rig = rig(folder.path()).await;
    rig.run("one", "sleep", HostConfig::default()).await;
    rig.create("two", "sleep", HostConfig::default()).await;
    let names = async |options: ListOptions| -> Vec<String> {
        let list = rig.engine.container_list(&options).await.expect("a list");
        list.into_iter().flat_map(|c| c.names).collect()
    };
    assert_eq!(names(ListOptions::default()).await, ["/one"]);
    assert_eq!(names(ListOptions { all: true, ..ListOptions::default() }).await, ["/two", "/one"]);
    assert_eq!(names(ListOptions { limit: 1, ..ListOptions::default() }).await, ["/two"]);
    let with = |name: &str, value: &str| {
        let mut options = ListOptions::default();
        options.filters.add(name, value);
        options
    };
    assert_eq!(names(with("status", "created")).await, ["/two"]);
    assert_eq!(names(with("ancestor", "busybox")).await, ["/one"]);
    assert_eq!(names(with("name", "tw")).await, Vec::<String>::new());
    assert_eq!(names(with("before", "two")).await, ["/one"]);
    assert!(rig.engine.container_list(&with("nonsense", "1")).await.is_err());
    assert!(rig.engine.container_list(&with("status", "nonsense")).await.is_err());
}
