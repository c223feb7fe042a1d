"""Meetings to try the app with: real ones as facts, and invented ones that say so."""
