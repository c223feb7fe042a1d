"""What is counted of cards: how many, by service and by what became of them."""

from typing import Protocol


class Count(Protocol):
    def __call__(self, service: str, outcome: str) -> None:
        """Takes: `outcome`, "shown", "opened", "accepted" or "overridden"."""
        ...


def not_counted(service: str, outcome: str) -> None:
    """Where no metrics are kept."""
    del service, outcome
