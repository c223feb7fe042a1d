"""A SMART App Launch 2.2 client: complete, small, typed, and safe by construction.

Start with `smart_launch.smart_client.SmartClient`; the README beside this file has a
whole app in thirty lines. It knows FHIR as a protocol and nothing clinical.
"""
