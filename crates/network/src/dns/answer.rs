//! What a query is answered: bytes in, bytes out.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, PTR};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::Client;

/// Seconds for which an answer about a container may be kept. Docker says 600, and whoever keeps answers (nginx, Java) talks
/// to addresses that others have since; a query here costs microseconds.
const TTL: u32 = 5;
/// Bytes of a datagram without EDNS (RFC 1035 4.2.1), and what is told to those who have it (RFC 9715).
const PLAIN: u16 = 512;
const EXTENDED: u16 = 1232;
/// Bytes of a message's head.
const HEAD: usize = 12;

/// What becomes of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// This is the answer.
    Reply(Vec<u8>),
    /// Others have to be asked.
    Forward,
    /// It is no query: nobody waits for an answer.
    Ignore,
}

/// Answers a query of `client`. Over datagrams answers are cut to what the client can take.
pub(super) fn answer(bytes: &[u8], client: &Client, datagram: bool) -> Outcome {
    let query = match parse(bytes) {
        Ok(query) => query,
        Err(outcome) => return outcome,
    };
    let Some(question) = query.queries.first().filter(|_| query.queries.len() == 1) else {
        return reply(&query, ResponseCode::FormErr, Vec::new(), datagram);
    };
    if question.query_class != DNSClass::IN {
        return others(&query, client, datagram);
    }
    let known = match question.query_type {
        RecordType::PTR => pointer(question, client).map(|record| vec![record]),
        kind => addresses(question, kind, client),
    };
    match known {
        Some(records) => reply(&query, ResponseCode::NoError, records, datagram),
        // Somebody chose from how many dots on a name is complete: the search list comes next.
        None if client.config().ndots && is_address(question.query_type) && is_single(question) => {
            reply(&query, ResponseCode::NoError, Vec::new(), datagram)
        }
        None => others(&query, client, datagram),
    }
}

/// That others cannot be reached, in an answer to this query.
pub(super) fn failure(bytes: &[u8], datagram: bool) -> Outcome {
    parse(bytes).map_or_else(|outcome| outcome, |query| reply(&query, ResponseCode::ServFail, Vec::new(), datagram))
}

/// Whether `answer` is one to `query`.
pub(super) fn is_answer(query: &[u8], answer: &[u8]) -> bool {
    answer.len() >= HEAD && query.len() >= HEAD && answer[..2] == query[..2] && answer[2] & 0x80 != 0
}

/// Whether an answer says that its server cannot tell: another may.
pub(super) fn is_refusal(answer: &[u8]) -> bool {
    answer.get(3).is_some_and(|byte| matches!(byte & 0x0f, 2 | 5))
}

fn parse(bytes: &[u8]) -> Result<Message, Outcome> {
    // Answers are not answered, or two servers could talk to each other for ever.
    if bytes.len() < HEAD || bytes[2] & 0x80 != 0 {
        return Err(Outcome::Ignore);
    }
    let id = u16::from_be_bytes([bytes[0], bytes[1]]);
    let refuse = |code| {
        let message = Message::error_msg(id, OpCode::Query, code);
        message.to_vec().map_or(Outcome::Ignore, Outcome::Reply)
    };
    match Message::from_vec(bytes) {
        Ok(message) if message.metadata.message_type != MessageType::Query => Err(Outcome::Ignore),
        Ok(message) if message.metadata.op_code != OpCode::Query => Err(refuse(ResponseCode::NotImp)),
        Ok(message) => Ok(message),
        Err(_) => Err(refuse(ResponseCode::FormErr)),
    }
}

/// What is nobody's here goes to others, unless the container's networks have no way out.
fn others(query: &Message, client: &Client, datagram: bool) -> Outcome {
    if client.asks_others() && !client.config().servers.is_empty() {
        return Outcome::Forward;
    }
    reply(query, ResponseCode::ServFail, Vec::new(), datagram)
}

fn is_address(kind: RecordType) -> bool {
    matches!(kind, RecordType::A | RecordType::AAAA)
}

fn is_single(question: &Query) -> bool {
    question.name.num_labels() < 2
}

/// Records of a name that somebody here has: addresses of the wanted family, nothing of any other kind.
fn addresses(question: &Query, kind: RecordType, client: &Client) -> Option<Vec<Record>> {
    let text = question.name.to_ascii().to_ascii_lowercase();
    let found = client.find(text.strip_suffix('.').unwrap_or(&text))?;
    let record = |address: IpAddr| {
        let data = match (kind, address) {
            (RecordType::A | RecordType::ANY, IpAddr::V4(address)) => RData::A(A(address)),
            (RecordType::AAAA | RecordType::ANY, IpAddr::V6(address)) => RData::AAAA(AAAA(address)),
            _ => return None,
        };
        Some(Record::from_rdata(question.name.clone(), TTL, data))
    };
    Some(found.into_iter().filter_map(record).collect())
}

/// Who has an address.
fn pointer(question: &Query, client: &Client) -> Option<Record> {
    let network = question.name.parse_arpa_name().ok()?;
    if network.prefix_len() != network.max_prefix_len() {
        return None;
    }
    let mut owner = Name::from_str_relaxed(client.owner(network.addr())?).ok()?;
    owner.set_fqdn(true);
    Some(Record::from_rdata(question.name.clone(), TTL, RData::PTR(PTR(owner))))
}

fn reply(query: &Message, code: ResponseCode, answers: Vec<Record>, datagram: bool) -> Outcome {
    let mut message = Message::response(query.metadata.id, query.metadata.op_code);
    message.metadata.recursion_desired = query.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    message.metadata.response_code = code;
    message.queries.clone_from(&query.queries);
    message.answers = answers;
    if query.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(EXTENDED);
        message.set_edns(edns);
    }
    let limit = query.edns.as_ref().map_or(PLAIN, |edns| edns.max_payload().max(PLAIN));
    let whole = message.to_vec().ok().filter(|bytes| !datagram || bytes.len() <= usize::from(limit));
    let bytes = whole.or_else(|| {
        message.answers.clear();
        message.metadata.truncation = true;
        message.to_vec().ok()
    });
    bytes.map_or(Outcome::Ignore, Outcome::Reply)
}

#[cfg(test)]
mod tests;
