//! A cluster on real servers, broken on a seeded schedule and judged by its facts.
