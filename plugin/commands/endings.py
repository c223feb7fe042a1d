"""How a command ends: its exit code, and one line on standard error.

    Ended
    ├── Findings       1  done, but there is something to look at
    ├── BadInput       2  what was asked for, or given, cannot be used
    └── OutsideFailed  3  an EHR, a feed or the database did not do its part

A command may also raise the errors of the packages below it: `Endings` knows them.
"""

import os
import sys
from types import TracebackType
from typing import ClassVar, Self


class Ended(Exception):
    """The message is one sentence that says what happened and how to mend it."""

    code: ClassVar[int] = 3


class Findings(Ended):
    code = 1


class BadInput(Ended):
    code = 2


class OutsideFailed(Ended):
    code = 3


class Endings:
    """Turns whatever leaves a command into its exit code and one line."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, SystemExit):
            return
        code, line = _ending(error)
        if line:
            print(f"selfhelp: {_one_line(line)}", file=sys.stderr)
        raise SystemExit(code) from None


def _ending(error: BaseException) -> tuple[int, str]:
    from typer import Abort, Exit
    from typer._click.exceptions import ClickException, NoArgsIsHelpError

    if isinstance(error, Exit):
        return error.exit_code, ""
    if isinstance(error, KeyboardInterrupt | Abort):
        return 130, ""
    if isinstance(error, BrokenPipeError):
        # Whoever read the output has gone; nothing may be written to it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0, ""
    if isinstance(error, NoArgsIsHelpError):
        print(error.format_message(), file=sys.stderr)
        return 2, ""
    if isinstance(error, ClickException):
        return 2, f"{error.format_message()} Try --help."
    if isinstance(error, Ended):
        return error.code, str(error)
    return _of_packages(error)


def _of_packages(error: BaseException) -> tuple[int, str]:
    """The errors of the packages, and what nobody foresaw."""
    from sqlalchemy.exc import SQLAlchemyError

    from plugin.knowledge.errors import SiteFileRefused
    from plugin.logs import failure
    from plugin.settings import ConfigRefused
    from plugin.store.errors import SchemaRefused, StoreError
    from smart_launch.errors import RegistrationInvalid, SmartError

    if isinstance(error, ConfigRefused | RegistrationInvalid | SiteFileRefused):
        return 2, str(error)
    if isinstance(error, SchemaRefused):
        return 3, str(error)
    if isinstance(error, StoreError | SQLAlchemyError):
        # Not its message: a driver quotes the statement's values.
        return 3, "The database cannot be used. Check database_url and that it runs"
    if isinstance(error, SmartError):
        return 3, error.public
    if isinstance(public := getattr(error, "public", None), str):
        return 3, public  # the other packages' errors have one as well
    said = failure(error)
    return 3, f"Stopped by a mistake in the app: {said['error']} at {said.get('at')}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
