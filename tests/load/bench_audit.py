"""What the audit trail costs: an append, a verification, a reviewer's page.

The verification is held against the bare HMAC of the same bytes, in the same run and on
one core; a page against 150 ms. 100,000 records of a year; `load_audit.py` has a
million.
"""

import tempfile
from pathlib import Path

from audit_trail import appending, databases, filled, paging, verifying

RECORDS = 100_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, databases(Path(folder)) as kinds:
        for kind, url in kinds.items():
            appending(kind, url)
            filled(url, RECORDS)
            verifying(kind, url, RECORDS)
            paging(kind, url, RECORDS)


if __name__ == "__main__":
    main()
