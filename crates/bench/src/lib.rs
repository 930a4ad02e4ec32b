//! What a message costs, beside reference servers in the same run.
