"""A headless Chromium, driven through its DevTools protocol over a pipe: nothing to install beside it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


# The protocol's ends are the browser's files 3 and 4; first out of the way of one another.
_START = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find():
    """The program, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab. `said` has what the page wrote to the console, and its uncaught errors."""

    def __init__(self, send, session):
        self._send, self._session = send, session
        self.said = []

    def call(self, method, **params):
        return self._send(method, params, self._session)

    def open(self, url, width=1280, height=900, dark=False, media=""):
        """Load at a width in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.said.clear()
        self.call("Page.navigate", url=url)
        end = time.monotonic() + 60
        while self.run("document.readyState") != "complete" or self.run("location.href").partition("#")[0] != url:
            if time.monotonic() > end:
                raise TimeoutError(f"{url} did not load")
            time.sleep(0.02)

    def run(self, script):
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def key(self, name, code):
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if name == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=code, **text)

    def picture(self, file, whole=False):
        """A PNG of what is seen, or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        Path(file).write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def browser():
    """A tab of a browser that ends with the block."""
    to_us, theirs_out = os.pipe()
    theirs_in, to_it = os.pipe()
    with tempfile.TemporaryDirectory(prefix="lif-roles-browser-", ignore_cleanup_errors=True) as folder:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        flags += ["--remote-debugging-pipe", "--disable-background-networking", f"--user-data-dir={folder}"]

        process = subprocess.Popen(
            [sys.executable, "-c", _START, str(theirs_in), str(theirs_out), find(), *flags, "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        with os.fdopen(to_us, "rb") as reader, os.fdopen(to_it, "wb", buffering=0) as writer:
            try:
                yield _attach(reader, writer)
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _attach(reader, writer):
    number = 0
    pages = []
    left = bytearray()

    def read():
        while b"\0" not in left:
            more = reader.read1(1 << 20)
            if not more:
                raise EOFError("the browser is gone")
            left.extend(more)
        text, _, rest = bytes(left).partition(b"\0")
        left[:] = rest
        return json.loads(text)

    def send(method, params, session=None):
        nonlocal number
        number += 1
        message = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        writer.write(json.dumps(message).encode() + b"\0")
        while True:
            got = read()
            if got.get("id") == number:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']}")
                return got["result"]
            if pages:
                _note(pages[0], got)

    target = send("Target.createTarget", {"url": "about:blank"})["targetId"]
    session = send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
    page = Page(send, session)
    pages.append(page)
    for domain in ("Page", "Runtime", "Log"):
        page.call(f"{domain}.enable")
    return page


def _note(page, got):
    params = got.get("params", {})
    if got["method"] == "Runtime.exceptionThrown":
        page.said.append(json.dumps(params["exceptionDetails"])[:500])
    elif got["method"] == "Runtime.consoleAPICalled":
        page.said.append(f"{params['type']}: {params['args']}"[:500])
    elif got["method"] == "Log.entryAdded":
        page.said.append(f"{params['entry']['level']}: {params['entry']['text']}"[:500])
