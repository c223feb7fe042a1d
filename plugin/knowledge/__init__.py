"""Needs, programmes, rules, help lines and evidence: data files and their loader."""
