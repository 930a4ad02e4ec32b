//! The adapters against the real servers, in one program: each test starts the servers that it breaks.

mod redis_directory;
mod registry;
