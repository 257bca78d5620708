//! The engine: containers, exec, logs, events, state and reconciliation; no HTTP.
