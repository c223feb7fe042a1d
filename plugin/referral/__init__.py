"""The clinician's decision, what it becomes on the wire, and its writing, once."""
