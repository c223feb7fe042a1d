"""What this hospital says of a group: kept whatever the feeds say."""

from dataclasses import dataclass

from sqlalchemy import Engine, insert, select, update

from plugin.clock import Clock
from plugin.directory import cleaning
from plugin.store.directory_tables import meeting_marks, meetings
from plugin.store.engine import writing
from plugin.store.schema import micros


@dataclass(frozen=True, slots=True)
class Mark:
    """What is to be said; None leaves what is there."""

    hidden: bool | None = None
    trusted: bool | None = None
    liaison: str | None = None  # a volunteer's first name
    liaison_phone: str | None = None


def set_mark(engine: Engine, clock: Clock, uid: str, mark: Mark) -> bool:
    """Say it of a meeting. False where there is no such meeting, and no mark of it."""
    values: dict[str, object] = {"changed_at": micros(clock())}
    if mark.hidden is not None:
        values["hidden"] = mark.hidden
    if mark.trusted is not None:
        values["trusted"] = mark.trusted
    if mark.liaison is not None:
        values["liaison"] = cleaning.text(mark.liaison, 40)
    if mark.liaison_phone is not None:
        values["liaison_phone"] = cleaning.public_line(mark.liaison_phone)
    with writing(engine) as connection:
        there = connection.execute(
            select(meeting_marks.c.uid).where(meeting_marks.c.uid == uid)
        ).scalar()
        if there is not None:
            connection.execute(
                update(meeting_marks).where(meeting_marks.c.uid == uid).values(**values)
            )
            return True
        meeting = select(meetings.c.id).where(meetings.c.uid == uid).limit(1)
        if connection.execute(meeting).scalar() is None:
            return False
        usual = {
            "hidden": False,
            "trusted": False,
            "liaison": "",
            "liaison_phone": "",
            "remark": "",
        }
        connection.execute(insert(meeting_marks).values(uid=uid, **(usual | values)))
    return True
