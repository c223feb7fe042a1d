"""What can go wrong with the knowledge base.

KnowledgeError
└── KnowledgeBroken       a data file lacks something, or says something impossible
    └── SiteFileRefused   the hospital's own file: where, and what is wrong there
"""


class KnowledgeError(Exception):
    status = 500
    public = "The rules of this app could not be read. Nothing can be recommended."


class KnowledgeBroken(KnowledgeError):
    """The message names the file and what is wrong in it."""


class SiteFileRefused(KnowledgeBroken):
    """The message names the file and, where it is known, the line."""
