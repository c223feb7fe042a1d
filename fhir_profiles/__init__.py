"""What this app promises on the wire, as FHIR conformance resources."""
