//! The Engine API server.
