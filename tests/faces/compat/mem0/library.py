"""mem0's library, which comes without types, imported after its telemetry is off: it would call home."""

import os
from importlib import import_module
from typing import Any

os.environ["MEM0_TELEMETRY"] = "False"

mem0: Any = import_module("mem0")
project: Any = import_module("mem0.client.project")
exceptions: Any = import_module("mem0.exceptions")
