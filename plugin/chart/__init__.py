"""The patient's record as this app needs it."""
