//! Content store, layer store and its drivers, pull, load and save.
