//! The client against a registry on loopback.

mod pull;
