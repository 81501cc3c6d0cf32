"""Web pages on this machine, for people in front of it."""
