"""`scripts/screenshots`: pictures of the status page and the terminal of a real run, into docs/images.

Steps
1. A real Kafka (it tells the retention, an embedded one does not) and a local Arize start, and `ingest supervise` with
   four workers and 32 partitions.
2. Predictions are produced, some of them bad, and one worker is killed `RUN_S` before the pictures: the page has
   something to show.
3. Chromium takes the pictures: light, dark and phone while it delivers, and light once more when Arize has stopped
   answering. The terminal's are drawn at the same moments from the run's own snapshot.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import psutil
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.demo import configuration
from ingest.sandbox.generate import Generator
from ingest.sandbox.produce import create_topic, produce
from ingest.status.web import runtime_file
from scripts.pictures.terminal import draw

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PARTITIONS = 32
EVENTS_PER_TURN = 6_400
WORKERS = 4
START_S = 90.0
KILL_AFTER_S = 15.0
RUN_S = 30.0
FROZEN_S = 20.0


def main() -> int:
    """Take the pictures; 0 if they are there."""
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="ingest-pictures-") as name,
        RealKafka() as kafka,
        ArizeEndpoint(Path(name) / "journal") as arize,
    ):
        create_topic(kafka.bootstrap, "predictions", PARTITIONS)
        stopped = threading.Event()
        producing = threading.Thread(target=_produce, args=(kafka.bootstrap, stopped))
        producing.start()
        run = _supervise(Path(name), kafka.bootstrap, arize)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                _kill_one(run.pid)
                time.sleep(RUN_S)
                (found,) = runtime_file.find(Path(name) / "ingest")
                picture = partial(_picture, browser, found.url)
                picture("status-page-light", "light", (1280, 1180))
                picture("status-page-dark", "dark", (1280, 1180))
                picture("status-page-phone", "light", (390, 844))
                draw(found.url, IMAGES / "terminal.svg", (120, 40), "ingest supervise")
                arize.inject_faults("stall")
                time.sleep(FROZEN_S)
                picture("status-page-arize-away", "light", (1280, 640))
                draw(found.url, IMAGES / "terminal-arize-away.svg", (80, 24), "ingest supervise")
                arize.clear_faults()
                browser.close()
        finally:
            stopped.set()
            run.terminate()
            run.wait(60)
            producing.join()
    return 0


def _produce(brokers: str, stopped: threading.Event) -> None:
    generator = Generator(bad_share=0.001)
    while not stopped.wait(0.5):
        produce(brokers, "predictions", range(PARTITIONS), EVENTS_PER_TURN, generator=generator)


def _supervise(directory: Path, brokers: str, arize: ArizeEndpoint) -> subprocess.Popen[bytes]:
    file = configuration(directory, brokers, 5_000)
    environment = {**os.environ, **arize.environment(), "INGEST_STATUS__PORT": "0", "XDG_RUNTIME_DIR": str(directory)}
    command = [sys.executable, "-m", "ingest", "supervise", "--workers", str(WORKERS), "--config", str(file)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def _kill_one(supervisor: int) -> None:
    """Kill a worker once all of them have worked for a while."""
    until = time.monotonic() + START_S
    workers: list[psutil.Process] = []
    while len(workers) < WORKERS and time.monotonic() < until:
        time.sleep(1)
        family = psutil.Process(supervisor).children(recursive=True)
        workers = [one for one in family if one.name().startswith("ingest-worker")]
    time.sleep(KILL_AFTER_S)
    workers[0].kill()


def _picture(browser: Browser, url: str, name: str, scheme: str, size: tuple[int, int]) -> None:
    width, height = size
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
    )
    window = context.new_page()
    window.goto(url)
    window.locator('#link[data-state="live"]').wait_for()
    window.wait_for_timeout(1_500)
    file = IMAGES / f"{name}.png"
    window.screenshot(path=file)
    with Image.open(file) as picture:  # a page has few colours: half the bytes, and none of the rare ones is lost
        few = picture.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(file, optimize=True)
    print(f"{file.relative_to(Path.cwd())}: {file.stat().st_size / 1000:.0f} kB")
    context.close()


if __name__ == "__main__":
    sys.exit(main())
