"""Journeys of a person, in a real browser at the real server."""
