//! Fuzz target: what containers send to their name server.

use std::net::SocketAddr;
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType};

use super::answer::{Outcome, answer, failure, is_answer};
use super::{Client, Member, ResolverConfig, Zone};

/// Queries: each answer is a message, fits, belongs to its query and is never one that would be answered again.
pub fn dns_query(data: &[u8]) {
    let zone = Arc::new(Zone::new("front"));
    zone.enter("w", &["web".to_owned()], &[[10, 0, 0, 2].into(), "fd00::2".parse().unwrap_or([10, 0, 0, 3].into())]);
    let client = |servers| {
        let client = Client::new(ResolverConfig { servers, inside: false, ndots: data.len().is_multiple_of(2) });
        client.set(vec![Member { zone: Arc::clone(&zone), links: vec![("db".to_owned(), "web".to_owned())] }], true);
        client
    };
    let some = client(vec![SocketAddr::from(([192, 0, 2, 1], 53))]);
    let none = client(Vec::new());
    for datagram in [true, false] {
        assert_ne!(answer(data, &none, datagram), Outcome::Forward, "nobody to forward to");
        let outcomes = [answer(data, &some, datagram), answer(data, &none, datagram), failure(data, datagram)];
        for reply in outcomes.into_iter().filter_map(|o| if let Outcome::Reply(reply) = o { Some(reply) } else { None })
        {
            assert!(is_answer(data, &reply), "not an answer to this query");
            assert!(!datagram || reply.len() <= usize::from(u16::MAX), "too long");
            let message = Message::from_vec(&reply).expect("a message");
            assert_eq!(message.metadata.message_type, MessageType::Response);
            assert_eq!(answer(&reply, &some, datagram), Outcome::Ignore, "answers are not answered");
        }
    }
}
