"""The hand-out: what the patient takes home, as a page, a PDF, a calendar file, a text.

`routes` answers, `view` decides what stands on it, `files` gives it other forms;
`options` is what was ticked, `promise` what somebody of the clinic has taken on.
"""
