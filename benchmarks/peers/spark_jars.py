"""What PySpark's wheel comes without: the connector to Kafka, by Maven, of the same version."""

import hashlib
from pathlib import Path

from benchmarks.peers.environments import Environment, PeerMissingError
from ingest.sandbox.jars import ToolMissingError, cache_directory, find_java, resolve

SCALA = "2.13"  # that of PySpark 4's own jars
# They are among PySpark's own jars.
BROUGHT = (
    ("org.scala-lang", "*"),
    ("org.scala-lang.modules", "*"),
    ("org.apache.hadoop", "*"),
    ("org.slf4j", "*"),
    ("org.lz4", "*"),
    ("at.yawk.lz4", "*"),
    ("org.xerial.snappy", "*"),
    ("com.github.luben", "*"),
    ("com.google.code.findbugs", "*"),
)


class Spark:
    """PySpark's environment and its jars: both are there after `prepare`, or it is missing."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def prepare(self) -> None:
        """Raises `PeerMissingError`."""
        self._environment.prepare()
        try:
            find_java()
            resolve(self._pom(), self.jars())
        except ToolMissingError as error:
            raise PeerMissingError(" / ".join(str(error).splitlines()[:2])) from None

    def options(self) -> list[str]:
        """What the job must be told of them."""
        return ["--java-home", str(find_java().resolve().parents[1]), "--jars", str(self.jars())]

    def jars(self) -> Path:
        """Their directory."""
        digest = hashlib.sha256(self._pom().encode()).hexdigest()[:8]
        return cache_directory() / "spark" / f"{self._environment.version('pyspark')}-{digest}"

    def _pom(self) -> str:
        exclusions = "".join(
            f"<exclusion><groupId>{group}</groupId><artifactId>{artifact}</artifactId></exclusion>"
            for group, artifact in BROUGHT
        )
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ingest.benchmarks</groupId>
  <artifactId>spark</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.spark</groupId>
      <artifactId>spark-sql-kafka-0-10_{SCALA}</artifactId>
      <version>{self._environment.version("pyspark")}</version>
      <exclusions>{exclusions}</exclusions>
    </dependency>
  </dependencies>
</project>
"""
