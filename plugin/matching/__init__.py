"""From codes in a chart to a ranked, explained recommendation. Pure functions."""
