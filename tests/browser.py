"""A headless Chromium for tests, driven by the DevTools protocol over a pair of pipes. It needs only Python's library.

    with Browser() as browser:
        page = browser.page(width=1280, height=900)
        page.open("file:///tmp/page.html")
        page.evaluate("document.title")

`page.errors` has what the page logged as an error or a warning, and its uncaught exceptions. `page.requests` has the
addresses that it requested, the first of which is its own, and `page.responses` pairs of an address and a status.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 180


def executable():
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    def __init__(self, *arguments):
        self.profile = tempfile.mkdtemp(prefix="travel-browser.")
        reads_commands, self.commands = os.pipe()
        self.answers, writes_answers = os.pipe()
        # Chromium reads commands from descriptor 3 and writes answers to 4. Neither may be one of the two to copy.
        given = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (reads_commands, writes_answers)]
        script = 'exec "$0" "$@" 3<&{} 4>&{} {}<&- {}>&-'.format(*given, *given)
        command = [executable(), "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.profile}",
                   "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", *arguments]
        if os.geteuid() == 0:
            command.append("--no-sandbox")
        self.process = subprocess.Popen(["bash", "-c", script, *command], pass_fds=given, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in (reads_commands, writes_answers, *given):
            os.close(end)
        self.last_id = 0
        self.unread = b""
        self.pages = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.commands)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def send(self, method, session=None, **parameters):
        """Sends a command and returns its result. Events that arrive before it go to their pages."""
        self.last_id += 1
        command = {"id": self.last_id, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            message = self.receive(until - time.monotonic())
            if message is None:
                raise TimeoutError(f"no answer to {method}")
            if message.get("id") == self.last_id:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]

    def receive(self, patience):
        """The next message, or None if there is none in time."""
        until = time.monotonic() + patience
        while b"\0" not in self.unread:
            if not select.select([self.answers], [], [], max(0, until - time.monotonic()))[0]:
                return None
            part = os.read(self.answers, 1 << 20)
            if not part:
                sys.exit("the browser ended")
            self.unread += part
        message, self.unread = self.unread.split(b"\0", 1)
        message = json.loads(message)
        page = self.pages.get(message.get("sessionId"))
        if page and "method" in message:
            page.happened(message["method"], message["params"])
        return message

    def page(self, width=1280, height=900, dark=False, scale=1):
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        page.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                  mobile=width < 700)
        page.send("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        return page


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.errors, self.requests, self.responses = [], [], []
        self.is_loaded = False

    def send(self, method, **parameters):
        return self.browser.send(method, self.session, **parameters)

    def happened(self, event, details):
        if event == "Page.loadEventFired":
            self.is_loaded = True
        elif event == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])
        elif event == "Network.responseReceived":
            self.responses.append((details["response"]["url"], details["response"]["status"]))
        elif event == "Runtime.exceptionThrown":
            exception = details["exceptionDetails"]
            self.errors.append(exception.get("exception", {}).get("description") or exception["text"])
        elif event == "Runtime.consoleAPICalled" and details["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(a.get("value", a.get("description"))) for a in details["args"]))
        elif event == "Log.entryAdded" and details["entry"]["level"] in ("error", "warning"):
            self.errors.append(details["entry"]["text"])

    def open(self, url):
        self.is_loaded = False
        self.send("Page.navigate", url=url)
        until = time.monotonic() + PATIENCE
        while not self.is_loaded:
            if self.browser.receive(until - time.monotonic()) is None:
                raise TimeoutError(f"{url} was not loaded")

    def evaluate(self, expression):
        """The value of a JavaScript expression, or of the promise that it returns."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", expression))
        return result["result"].get("value")

    def wait_for(self, expression, patience=PATIENCE):
        """Waits until the expression is true, and returns its value."""
        until = time.monotonic() + patience
        while True:
            value = self.evaluate(expression)
            if value:
                return value
            if time.monotonic() > until:
                raise TimeoutError(f"never true: {expression}")
            time.sleep(0.2)

    def press(self, key):
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40}
        text = {"text": "\r"} if key == "Enter" else {}
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", key=key, code=key,
                  windowsVirtualKeyCode=codes[key], **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=codes[key])

    def screenshot(self, file, whole=False):
        """Writes a PNG of what is visible, or of the whole page."""
        picture = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self.whole(whole))
        with open(file, "wb") as png:
            png.write(base64.b64decode(picture["data"]))

    def whole(self, whole):
        if not whole:
            return {}
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000), "scale": 1}}
