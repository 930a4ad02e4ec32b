//! The seams of Trunkline: Registry, Directory, Bus and Store, their contracts and memory implementations.
