"""The audit trail: what was done, by whom, about whom, and that nothing was changed."""
