//! An OCI runtime as a library and a command line.
