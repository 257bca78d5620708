//! What is known of the engine and of the machine.

mod info;
mod version;
