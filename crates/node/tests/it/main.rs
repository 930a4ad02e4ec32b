//! Real nodes on the seams in memory, spoken to over real sockets: what a client, an operator and a service see of a node.

mod cluster;
mod fixture;
