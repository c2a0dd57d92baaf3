"""SpikingJelly in another Python environment, for a release that this one cannot hold: 0.0.0.0.14 with CuPy kernels."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from suite.bench.ops import LEAK, SURROGATE_ALPHA, THRESHOLD
from suite.bench.timing import Timed
from suite.errors import SuiteError

_SCRIPT = Path(__file__).with_name("other_python_worker.py")


class OtherPython:
    """A process of that Python which does the LIF layer when asked and says how long it took.

    Its first call at a shape comes with the same warm-up as everybody's. Use it in a `with` statement. Raises
    SuiteError if the interpreter does not start or lacks SpikingJelly or the device.
    """

    def __init__(self, python: str, device: str) -> None:
        self._command = [python, str(_SCRIPT)]
        self._settings = {"device": device, "leak": LEAK, "threshold": THRESHOLD, "alpha": SURROGATE_ALPHA}
        self._process: subprocess.Popen[str] | None = None
        about = self._start()
        self.name = f"SpikingJelly {about['spikingjelly']}, {about['backend']} (torch {about['torch']})"

    def __enter__(self) -> OtherPython:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def timed(self, shape: tuple[int, int, int]) -> Timed:
        """A call that has the process do one forward and backward pass at that shape [T, B, N]."""
        self._ask(shape=shape)
        return lambda: float(self._ask(do="time")["seconds"])

    def peak_megabytes(self, shape: tuple[int, int, int]) -> float:
        """Peak memory in MB of one pass, in a new process."""
        self._stop()
        self._start()
        self._ask(shape=shape)
        found = float(self._ask(do="memory")["peak_mb"])
        self._stop()
        self._start()
        return found

    def _start(self) -> dict[str, Any]:
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise self._unfit(f"does not start ({error})") from None
        return self._ask(**self._settings)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.communicate()  # closes its input, so it ends
            self._process = None

    def _ask(self, **request: Any) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            said = process.communicate()[1].strip().splitlines()
            self._process = None
            raise self._unfit(f"ended with: {said[-1] if said else 'no message'}")
        try:
            found: dict[str, Any] = json.loads(answer)
        except ValueError:
            process.kill()  # it may talk on for ever
            self._stop()
            raise self._unfit(f"answers {answer.strip()[:80]!r}") from None
        return found

    def _unfit(self, why: str) -> SuiteError:
        return SuiteError(
            f"--peer-python {self._command[0]}: it {why}; give the path of a Python interpreter whose environment has "
            "spikingjelly"
        )
