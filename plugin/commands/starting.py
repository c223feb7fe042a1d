"""Starting quickly: what a process is made of is not searched for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collecting() -> Iterator[None]:
    """Collect no garbage inside, and never look through what was made inside again.

    Modules, routes and tables stay for as long as the process lives. Going through
    them again and again takes a sixth of the start, and later halts a page at times.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
