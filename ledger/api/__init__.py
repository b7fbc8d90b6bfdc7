"""The HTTP API: events in, answers and the log out."""
