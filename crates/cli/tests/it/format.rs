//! Lists as tables, templates and JSON.

use crate::engine::Engine;

const CONTAINERS: &str = r#"[
 {"Id":"2222222222222222","Names":["/db"],"Image":"sha256:850fe561e2ae83199fccb2d005ebba52051992e2203d79d62b65a9767905a2d3",
  "ImageID":"sha256:850fe561e2ae83199fccb2d005ebba52051992e2203d79d62b65a9767905a2d3",
  "Command":"postgres -D /var/lib/postgresql/data","Created":0,"State":"exited","Status":"Exited (1) 2 hours ago",
  "Ports":[],"Labels":{"b":"2","a":"1"},"Mounts":[{"Type":"volume","Name":"data","Driver":"local","Destination":"/d"}],
  "NetworkSettings":{"Networks":{"bridge":{}}}},
 {"Id":"1111111111111111","Names":["/web"],"Image":"nginx","Command":"nginx","Created":0,"State":"running",
  "Status":"Up 3 minutes","Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
  {"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"PrivatePort":443,"Type":"tcp"}],
  "Labels":{},"NetworkSettings":{"Networks":{"host":{}}}}]"#;

fn engine() -> Engine {
    Engine::new(&[("GET /containers/json", 200, CONTAINERS)])
}

fn ps(format: &str) -> String {
    let (code, out, err) = engine().run(&["ps", "-a", "--format", format]);
    assert_eq!((code, err.as_str()), (0, ""), "{format}");
    out
}

#[test]
fn a_table() {
    let (_, out, _) = engine().run(&["ps", "-a"]);
    let lines: Vec<&str> = out.lines().collect();
    let head = "CONTAINER ID   IMAGE          COMMAND                  CREATED";
    assert!(lines[0].starts_with(head) && lines[0].ends_with("NAMES"), "{}", lines[0]);
    assert!(lines[1].starts_with("222222222222   850fe561e2ae   \"postgres -D /var/li…\""), "{}", lines[1]);
    assert!(lines[2].contains("443/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"), "{}", lines[2]);
    assert_eq!(lines.len(), 3);
}

#[test]
fn templates() {
    assert_eq!(ps("{{.ID}} {{.Names}} {{.State}}"), "222222222222 db exited\n111111111111 web running\n");
    assert_eq!(ps(r#"{{.Label "a"}}|{{.Labels}}|{{.Mounts}}|{{.Networks}}"#), "1|a=1,b=2|data|bridge\n|||host\n");
    assert_eq!(
        ps("table {{.Names}}\t{{.Status}}"),
        "NAMES     STATUS\ndb        Exited (1) 2 hours ago\nweb       Up 3 minutes\n"
    );
    assert_eq!(ps(r"table {{.Names}}\t{{.State}}"), "NAMES     STATE\ndb        exited\nweb       running\n");
    assert_eq!(ps(r#"{{upper .Names}} {{if eq .State "running"}}+{{else}}-{{end}}"#), "DB -\nWEB +\n");
    assert_eq!(ps("{{json .Names}}"), "\"db\"\n\"web\"\n");
}

#[test]
fn wrong_templates_are_explained() {
    for (format, words) in [("{{.Nope}}", "Nope"), ("{{", "unclosed action"), ("{{nope}}", "nope")] {
        let (code, out, err) = engine().run(&["ps", "--format", format]);
        assert_eq!((code, out.as_str()), (1, ""), "{format}");
        assert!(err.contains(words), "{format}: {err}");
    }
}

#[test]
fn json_lines() {
    let rows: Vec<serde_json::Value> = ps("json").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["ID"], &rows[0]["LocalVolumes"]), (&"222222222222".into(), &"1".into()));
    assert_eq!(rows[1]["Ports"], "443/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp");
}

#[test]
fn filters_are_sent() {
    let engine = engine();
    engine.run(&["ps", "-f", "name=web", "-f", "name=db", "-f", "status=exited", "-n", "3"]);
    let line = engine.requests().last().unwrap().line.clone();
    assert!(line.contains("limit=3"), "{line}");
    assert!(line.contains("filters=") && line.contains("web") && line.contains("exited"), "{line}");
}
