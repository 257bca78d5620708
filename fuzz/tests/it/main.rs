//! Every fuzz target, fed a little without instrumentation.

mod smoke;
