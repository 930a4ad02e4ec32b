//! The HTTP interface, as a service and an operator see it.

mod description;
mod gate;
mod groups;
mod messages;
mod refusals;
mod unkept;
mod users;
