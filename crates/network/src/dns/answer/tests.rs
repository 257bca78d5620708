use std::net::SocketAddr;
use std::sync::Arc;

use super::*;
use crate::dns::{Member, ResolverConfig, Zone};

/// A container that sees `web` (with both families) and 100 containers called `many`.
fn client(servers: usize, ndots: bool) -> Client {
    let zone = Arc::new(Zone::new("front"));
    zone.enter("w", &["web".to_owned()], &["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()]);
    zone.enter("v4", &["only4".to_owned()], &["10.0.0.3".parse().unwrap()]);
    for last in 0..100u8 {
        zone.enter(&format!("m{last}"), &["many".to_owned()], &[IpAddr::from([10, 0, 1, last])]);
    }
    let server: SocketAddr = "192.0.2.1:53".parse().unwrap();
    let client = Client::new(ResolverConfig { servers: vec![server; servers], inside: false, ndots });
    client.set(vec![Member { zone, links: Vec::new() }], true);
    client
}

fn query(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::new(77, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

fn replied(outcome: Outcome) -> Message {
    match outcome {
        Outcome::Reply(bytes) => Message::from_vec(&bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn asked(name: &str, kind: RecordType) -> Outcome {
    answer(&query(name, kind), &client(1, false), true)
}

#[test]
fn names_in_both_families() {
    for (name, kind, expected) in [
        ("web.", RecordType::A, vec!["10.0.0.2"]),
        ("WEB.front.", RecordType::A, vec!["10.0.0.2"]),
        ("web.", RecordType::AAAA, vec!["fd00::2"]),
        ("only4.", RecordType::AAAA, vec![]),
        ("web.", RecordType::MX, vec![]),
    ] {
        let message = replied(asked(name, kind));
        assert_eq!(message.metadata.id, 77);
        assert_eq!(message.metadata.response_code, ResponseCode::NoError);
        assert!(message.metadata.recursion_available && message.metadata.recursion_desired);
        let found: Vec<_> = message.answers.iter().map(|record| record.data.to_string()).collect();
        assert_eq!(found, expected, "{name} {kind}");
    }
    let message = replied(asked("2.0.0.10.in-addr.arpa.", RecordType::PTR));
    assert_eq!(message.answers[0].data.to_string(), "web.front.");
}

#[test]
fn what_is_nobodys_goes_to_others() {
    for (name, kind) in [
        ("example.com.", RecordType::A),
        ("nobody.", RecordType::A),
        ("9.0.0.10.in-addr.arpa.", RecordType::PTR),
        ("10.in-addr.arpa.", RecordType::PTR),
    ] {
        assert_eq!(asked(name, kind), Outcome::Forward, "{name}");
    }
    // Where nobody can be asked.
    let message = replied(answer(&query("example.com.", RecordType::A), &client(0, false), true));
    assert_eq!(message.metadata.response_code, ResponseCode::ServFail);
    // With a chosen number of dots.
    let message = replied(answer(&query("nobody.", RecordType::A), &client(1, true), true));
    assert_eq!((message.metadata.response_code, message.answers.len()), (ResponseCode::NoError, 0));
}

#[test]
fn long_answers_are_cut_in_datagrams_only() {
    let bytes = query("many.", RecordType::A);
    let cut = replied(answer(&bytes, &client(1, false), true));
    assert!(cut.metadata.truncation && cut.answers.is_empty());
    assert_eq!(replied(answer(&bytes, &client(1, false), false)).answers.len(), 100);
    let mut message = Message::from_vec(&bytes).unwrap();
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    message.set_edns(edns);
    let whole = replied(answer(&message.to_vec().unwrap(), &client(1, false), true));
    assert_eq!(whole.answers.len(), 100);
    assert_eq!(whole.edns.unwrap().max_payload(), EXTENDED);
}

#[test]
fn no_queries() {
    let client = client(1, false);
    assert_eq!(answer(b"", &client, true), Outcome::Ignore);
    let mut bytes = query("web.", RecordType::A);
    bytes.truncate(20);
    assert_eq!(replied(answer(&bytes, &client, true)).metadata.response_code, ResponseCode::FormErr);
    let response = Message::response(1, OpCode::Query).to_vec().unwrap();
    assert_eq!(answer(&response, &client, true), Outcome::Ignore);
    let update = Message::new(1, MessageType::Query, OpCode::Update).to_vec().unwrap();
    assert_eq!(replied(answer(&update, &client, true)).metadata.response_code, ResponseCode::NotImp);
}

#[test]
fn answers_of_others() {
    let asked = query("example.com.", RecordType::A);
    let Outcome::Reply(failed) = failure(&asked, true) else { panic!("an answer") };
    assert!(is_answer(&asked, &failed) && is_refusal(&failed));
    assert!(!is_answer(&asked, &asked), "a query");
    assert!(!is_answer(&asked, &failed[..8]));
}
