"""The modules beside this file are shared with the long runs in tests/load."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
