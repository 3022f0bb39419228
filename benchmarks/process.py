"""A candidate in a process of its own, so that none profits or suffers from what ran before it."""

import json
import os
import subprocess
import sys
from typing import Any


class Process:
    """A module that prints its result as JSON in its last line, running."""

    def __init__(self, module: str, *arguments: object) -> None:
        command = [sys.executable, "-m", module, *map(str, arguments)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)

    def result(self) -> tuple[Any, float]:
        """What it printed, and its peak memory in MB, when it has ended."""
        with self._process as process:
            assert process.stdout
            output = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{process.args} failed")
        return json.loads(output.splitlines()[-1]), usage.ru_maxrss / 1e3
