"""A real browser for tests: Debian's Chromium, steered by Playwright; screenshots to look at."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
MUST = "ATTENTIF_BROWSER_MUST_BE_THERE"  # set by continuous integration: skipping would hide what is broken
SHOTS = "ATTENTIF_SCREENSHOTS"  # a directory to keep the pictures in
WIDTH, HEIGHT = 1280, 900


def find_chromium() -> str:
    """Path of the browser; skips the test, or fails it where the browser must be there."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        message = "NO BROWSER: install chromium (apt-get install chromium) to test what people look at"
        if os.environ.get(MUST):
            pytest.fail(message)
        pytest.skip(message)
    return path


@contextmanager
def open_page(scheme: str = "light") -> Iterator[Any]:
    """A page; an error in its scripts fails the test."""
    from playwright.sync_api import sync_playwright

    errors: list[str] = []
    path = find_chromium()
    with sync_playwright() as playwright:
        # Software rendering, for machines without a graphics card.
        options = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        browser.close()
    assert not errors


def take_picture(page: Any, name: str, folder: Path) -> Path:
    """Write a screenshot; to the directory that `ATTENTIF_SCREENSHOTS` names, else to the test's own."""
    place = Path(os.environ.get(SHOTS) or folder)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}.png"
    page.screenshot(path=str(path))
    return path


@contextmanager
def serve_tensorboard(logs: Path) -> Iterator[str]:
    """TensorBoard over a directory; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--port", str(port), "--bind_all"]
    command[-1:] = ["--host", "127.0.0.1", "--load_fast", "false"]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"{address}/data/runs") as answer:
                    if b"[]" not in answer.read()[:2]:
                        break
            except OSError:
                pass
            assert process.poll() is None, "TensorBoard ended"
            time.sleep(0.5)
        yield address
    finally:
        process.kill()
        process.wait()
