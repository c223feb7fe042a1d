"""`make load`: runs every `load_*.py` beside this file, one after the other.

Each prints a line for each figure: `name  value  unit  ratio  against`. The ratio is
the value to what it is held against, which is measured in the same run where it can
be; where a bound is set for the ratio itself, the end of the line says it. Nothing
fails for being slow: a machine that does something else beside would fail it.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
_LONGEST = 3600  # seconds for one file


def main() -> int:
    """Gives 0; 1 where a file did not come to its end."""
    failed = []
    print(f"{'name':<34}{'value':>10}  {'unit':<6}{'ratio':>7}  against")
    for file in sorted(HERE.glob("load_*.py")):
        sys.stdout.flush()
        run = subprocess.run([sys.executable, file], check=False, timeout=_LONGEST)
        if run.returncode:
            failed.append(file.name)
    if failed:
        print(f"did not come to their end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
