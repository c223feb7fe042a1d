"""A small strict EHR for demonstrations and tests: the other side of the wire.

It imports nothing of the app. Its records live in memory and are the same at every
start; its rules are those of SMART App Launch 2.2 and FHIR R4 (4.0.1), kept more
strictly than most servers keep them, so that what passes here passes there.
"""
