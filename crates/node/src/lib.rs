//! A node: holds the sockets, keeps the bindings true, sends messages on their way.
