"""The schema's history, one file for each step. `plugin.store.migrate` walks it."""
