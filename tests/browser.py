"""A headless Chromium that a test drives through two pipes, so that no websocket is needed."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections import deque

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # containers lack what it needs
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-pipe",
)


class Browser:
    """One tab.

    ``faults`` gathers what went wrong on its pages: uncaught errors and errors in the console.
    """

    def __init__(self, sending, receiving):
        self.sending, self.receiving = sending, receiving
        self.number, self.session, self.faults, self.events = 0, None, [], deque()
        targets = self.send("Target.getTargets")["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def receive(self):
        """Return the next message."""
        message = bytearray()
        while (byte := self.receiving.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("the browser has ended")
            message += byte
        return json.loads(message)

    def send(self, method, **params):
        """Send a command and return its result."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": params}
        if self.session:
            command["sessionId"] = self.session
        self.sending.write(json.dumps(command).encode() + b"\0")
        self.sending.flush()
        while (message := self.receive()).get("id") != self.number:
            self.note(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']['message']}")
        return message["result"]

    def note(self, event):
        """Keep an event, and what it says of faults."""
        self.events.append(event)
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.faults.append(details.get("exception", details).get("description", details))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning"):
                args = params["args"]
                self.faults.append([arg.get("value", arg.get("description")) for arg in args])
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.faults.append(params["entry"]["text"])

    def open(self, address):
        """Open a page and wait until it has loaded."""
        self.events.clear()
        self.send("Page.navigate", url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.note(self.receive())

    def run(self, code):
        """Return the value of a JavaScript expression, a promise's when it is kept."""
        result = self.send(
            "Runtime.evaluate",
            expression=code,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", details).get("description", details))
        return result["result"].get("value")

    def press(self, key, code="", modifiers=0):
        """Press a key, as in ``press("x")`` and ``press("3", "Digit3")``; 8 is Shift."""
        what = {"key": key, "code": code, "modifiers": modifiers}
        self.send("Input.dispatchKeyEvent", type="keyDown", **what)
        self.send("Input.dispatchKeyEvent", type="keyUp", **what)

    def picture(self, path, width, height, scheme="light", scale=1):
        """Write a PNG of the page at a size in pixels, in a light or dark scheme."""
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=media)
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        self.run("new Promise((done) => setTimeout(done, 300))")
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def chromium():
    """Start a browser with a profile of its own and end it."""
    to_browser, from_browser = os.pipe(), os.pipe()
    # The browser reads its commands from descriptor 3 and answers to 4.
    descriptors = f'exec "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}'
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = [PROGRAM, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", descriptors, "bash", *words],
            pass_fds=(to_browser[0], from_browser[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        with (
            os.fdopen(to_browser[1], "wb") as sending,
            os.fdopen(from_browser[0], "rb") as receiving,
        ):
            try:
                yield Browser(sending, receiving)
                sending.write(b'{"id": 0, "method": "Browser.close"}\0')
                sending.flush()
                process.wait(timeout=10)
            finally:
                process.kill()
                process.wait()
