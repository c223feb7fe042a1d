"""What a clinician reads: the evidence page of a programme, the guides for the visit.

The words come from the knowledge base; here they become pages, and a guide's answers
become lines of the note.
"""
