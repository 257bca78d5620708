//! Engine API wire types and client.
