//! A whole cluster in one thread under simulated time, broken by a seed and judged by its facts.
