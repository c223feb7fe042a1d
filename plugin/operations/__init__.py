"""How the running app is watched: health, readiness, metrics, one log line a request.

Nothing here names a patient, a user or a path: routes appear as their templates.
"""
