//! HTTP: score API, console, metrics, lists and events; tools for agents.
