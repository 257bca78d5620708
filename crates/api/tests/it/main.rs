//! Integration tests of the wire types and the client.

mod client;
mod wire;
