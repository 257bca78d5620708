//! The keeper: the process that spawns, serves and reaps containers.
