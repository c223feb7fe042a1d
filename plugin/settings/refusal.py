"""The one error of this package.

ConfigRefused   the app does not start: where, what is wrong, how to mend it
"""


class ConfigRefused(Exception):
    """A configuration that the app does not start with. Prints as one line."""

    def __init__(
        self, what: str, mend: str, file: str = "", line: int | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend
        self.file = file
        self.line = line

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        said = f"{self.what}. {self.mend}"
        return f"{place}: {said}" if place else said
