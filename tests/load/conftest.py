"""The long runs import each other by name, as they do when each is run alone."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
