"""Meetings: importers, schedule arithmetic, search. All of it on this machine."""
