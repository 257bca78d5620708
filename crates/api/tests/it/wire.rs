//! What Docker 26.1.5 answers, read and written again, is the same JSON.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use teu_api::{container, exec, image, json, network, system};

/// Fields that newer API versions than the recording's have.
const NEWER: &[&str] = &["GwPriority", "EnableIPv4"];

fn drop_newer(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, _| !NEWER.contains(&name.as_str()));
            map.values_mut().for_each(drop_newer);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_newer),
        _ => {}
    }
}

fn same<T: Serialize + DeserializeOwned>(recorded: &str) {
    let typed: T = json::from_slice(recorded.as_bytes()).unwrap();
    let mut written = serde_json::to_value(&typed).unwrap();
    drop_newer(&mut written);
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    pretty_equal(&written, &recorded, "");
}

/// Compares and names the first path that differs.
fn pretty_equal(written: &Value, recorded: &Value, path: &str) {
    match (written, recorded) {
        (Value::Object(written), Value::Object(recorded)) => {
            for (name, value) in recorded {
                let path = format!("{path}.{name}");
                pretty_equal(written.get(name).unwrap_or_else(|| panic!("{path} is missing")), value, &path);
            }
            for name in written.keys() {
                assert!(recorded.contains_key(name), "{path}.{name} is too much");
            }
        }
        (Value::Array(written), Value::Array(recorded)) => {
            assert_eq!(written.len(), recorded.len(), "{path}");
            for (index, (written, recorded)) in written.iter().zip(recorded).enumerate() {
                pretty_equal(written, recorded, &format!("{path}[{index}]"));
            }
        }
        _ => assert_eq!(written, recorded, "{path}"),
    }
}

#[test]
fn containers() {
    same::<container::Inspect>(include_str!("fixtures/container.json"));
    same::<Vec<container::Summary>>(include_str!("fixtures/containers.json"));
    same::<container::Top>(include_str!("fixtures/top.json"));
    same::<exec::Inspect>(include_str!("fixtures/exec.json"));
}

#[test]
fn images() {
    same::<image::Inspect>(include_str!("fixtures/image.json"));
    same::<Vec<image::Summary>>(include_str!("fixtures/images.json"));
    same::<Vec<image::History>>(include_str!("fixtures/history.json"));
}

#[test]
fn networks() {
    same::<network::Network>(include_str!("fixtures/network.json"));
    same::<Vec<network::Network>>(include_str!("fixtures/networks.json"));
}

#[test]
fn system() {
    same::<system::Info>(include_str!("fixtures/info.json"));
    same::<system::Version>(include_str!("fixtures/version.json"));
}

#[test]
fn create_request_reads_its_parts_from_one_object() {
    let body = br#"{"Image":"busybox","cmd":"true","HostConfig":{"NetworkMode":"host","Memory":null,"Init":true},
        "NetworkingConfig":{"EndpointsConfig":{"web":null}},"Unknown":1}"#;
    let request: container::CreateRequest = json::from_slice(body).unwrap();
    assert_eq!(request.config.image, "busybox");
    assert_eq!(request.config.cmd.as_deref(), Some(&["true".to_owned()][..]));
    let host = request.host_config.clone().unwrap();
    assert_eq!((host.network_mode.as_str(), host.init), ("host", Some(true)));
    let endpoints = request.networking_config.clone().unwrap().endpoints_config.unwrap();
    assert_eq!(endpoints["web"], None);
    let again: container::CreateRequest = json::from_slice(&serde_json::to_vec(&request).unwrap()).unwrap();
    assert_eq!(again, request);
}
