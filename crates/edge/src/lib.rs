//! Listening and shaking hands: the accept loop, the upgrade check, Host, Origin and the client's address.
