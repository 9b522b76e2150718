"""Pages of MLflow as a headless Chromium shows them, driven by its DevTools protocol.

Rule: a picture is taken when the words that are waited for stand on the page, never after a while.
"""

import asyncio
import base64
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 60
SETTLED_S = 1.0
"""After the words are there, charts and icons are still drawn."""
BEFORE_EVERY_PAGE = """
localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false');
localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
localStorage.setItem('mlflow.detectIssues.guidanceShown_v1', 'true');
"""
"""MLflow's assistant and its hints would open on a first visit, over the page."""
PLACE = """
(() => {
  const found = [...document.querySelectorAll(%s)].filter(one => one.offsetParent && (%s))[0];
  if (!found) return null;
  found.scrollIntoView({block: 'center'});
  const box = found.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})()
"""


def program() -> str:
    """Where Chromium is."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    pytest.fail("there is no Chromium on the PATH: install it (Debian: apt-get install chromium)", pytrace=False)


class Browser:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._asked = socket, 0

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._asked += 1
        await self._socket.send_json({"id": self._asked, "method": method, "params": params})
        while True:
            said = json.loads(await self._socket.receive_str(timeout=WAIT_S))
            if said.get("id") == self._asked:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result

    async def open(self, url: str, *words: str) -> str:
        """The page's text, once all of the words stand in it."""
        await self.ask("Page.navigate", url="about:blank")  # else only the part after the # changes, and old words stay
        await self.ask("Page.navigate", url=url)
        return await self.wait(*words)

    async def wait(self, *words: str) -> str:
        text = ""
        for _ in range(WAIT_S * 5):
            text = str(await self.run("document.body ? document.body.innerText : ''"))
            if all(word in text for word in words):
                await asyncio.sleep(SETTLED_S)
                return text
            await asyncio.sleep(0.2)
        raise AssertionError(f"{[word for word in words if word not in text]} did not come up; the page says: {text}")

    async def run(self, script: str) -> Any:
        done = await self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        return done["result"].get("value")

    async def click(self, selector: str, text: str | None = None) -> None:
        """The first element of this selector, with this text, once it is there; as a mouse does."""
        wanted = "true" if text is None else f"one.innerText.trim() === {json.dumps(text)}"
        for _ in range(WAIT_S * 5):
            if place := await self.run(PLACE % (json.dumps(selector), wanted)):
                break
            await asyncio.sleep(0.2)
        else:
            raise AssertionError(f"no {selector} {text or ''} on the page")
        where = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.ask("Input.dispatchMouseEvent", type=kind, **where)
        await asyncio.sleep(SETTLED_S / 2)

    async def picture(self, file: Path) -> None:
        said = await self.ask("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(said["data"]))


@asynccontextmanager
async def browser(home: Path, width: int, height: int) -> AsyncIterator[Browser]:
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0"]
    command = [program(), *options, f"--user-data-dir={home}", f"--window-size={width},{height}", "about:blank"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = (await _written(home / "DevToolsActivePort"))[0]
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port}/json") as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
            async with http.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                made = Browser(socket)
                for domain in ("Page", "Runtime"):
                    await made.ask(f"{domain}.enable")
                size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                await made.ask("Emulation.setDeviceMetricsOverride", **size)
                await made.ask("Page.addScriptToEvaluateOnNewDocument", source=BEFORE_EVERY_PAGE)
                yield made
    finally:
        running.terminate()
        running.wait(20)


async def _written(file: Path) -> Sequence[str]:
    for _ in range(WAIT_S * 10):
        if file.exists() and (lines := file.read_text().splitlines()):
            return lines
        await asyncio.sleep(0.1)
    raise AssertionError("Chromium did not start")
