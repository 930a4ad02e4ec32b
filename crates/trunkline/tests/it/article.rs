//! The article's system on real servers, as one story.
