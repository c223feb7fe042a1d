"""The audit trail at a million records, on both databases: verification and pages."""

import tempfile
from pathlib import Path

from audit_trail import databases, filled, paging, verifying

RECORDS = 1_000_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, databases(Path(folder)) as kinds:
        for kind, url in kinds.items():
            filled(url, RECORDS)
            verifying(kind, url, RECORDS)
            paging(kind, url, RECORDS)


if __name__ == "__main__":
    main()
