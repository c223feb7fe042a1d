"""What can go wrong with the knowledge base.

KnowledgeError
└── KnowledgeBroken   a data file lacks something, or says something impossible
"""


class KnowledgeError(Exception):
    status = 500
    public = "The rules of this app could not be read. Nothing can be recommended."


class KnowledgeBroken(KnowledgeError):
    """The message names the file and what is wrong in it."""
