"""Self-help groups from the chart, referred to and written back exactly once.

The rooms stand in the order in which the data travels: chart, knowledge, directory,
matching, referral; audit and store beneath them, screens and commands in front.
"""
