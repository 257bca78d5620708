//! Framing of attached streams and logs without a terminal.
