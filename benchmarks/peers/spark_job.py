"""Spark Structured Streaming: from Kafka by from_json into foreachBatch, which logs the micro-batch to Arize.

    .cache/peers/spark/bin/python -m benchmarks.peers.spark_job --brokers HOST:PORT --topic T ... --jars DIRECTORY

1. `local[2]`: driver and tasks in one JVM, on two cores. A worker of ingest has one; compare CPU seconds, not rates.
2. `maxOffsetsPerTrigger` makes the micro-batch: so many events of all partitions. The trigger `availableNow` takes what
   is on the topic in such batches, and ends: for a measurement. Offsets go to the checkpoint directory, at least once.
3. The schema is written down, as Spark wants it: what it doesn't name is dropped, and a message that doesn't fit it
   becomes a row of nulls (PERMISSIVE, the default).
4. The rows reach Python as Arrow (`toArrow`, Spark 4) and pandas as Arrow columns: nothing is copied, and integers with
   nulls stay integers. The SDK's validation is off, as ingest has it.

What somebody who knows it would set: no user interface; Arrow batches as large as a task's share of a micro-batch
(10,000 rows by default); the parallel collector, which takes less CPU than G1 on two cores. The heap is Spark's default
of 1 GB. The JVM compiles for the first minute: on a longer backlog than the suite's a row costs less.
"""

import os
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, from_json

from benchmarks.peers import arguments
from benchmarks.peers.upload import Uploads

# The usual events of ingest.sandbox.generate.
SCHEMA = """
    prediction_id STRING, prediction_ts DOUBLE, prediction_label STRING, prediction_score DOUBLE, actual_label STRING,
    kp BIGINT, seq BIGINT, tag_region STRING, tag_release STRING,
    amount DOUBLE, account BIGINT, is_member BOOLEAN, city STRING, interests ARRAY<STRING>, age BIGINT, device STRING,
    distance_km DOUBLE, visits BIGINT, merchant STRING, has_coupon BOOLEAN, latitude DOUBLE, longitude DOUBLE,
    basket BIGINT, campaign STRING
"""


def session(jars: Path, batch_events: int) -> Any:
    settings = {
        "spark.driver.extraClassPath": f"{jars}/*",
        "spark.driver.extraJavaOptions": "-XX:+UseParallelGC",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(batch_events),
    }
    builder = SparkSession.builder.master("local[2]").appName("benchmark")
    for name, value in settings.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("WARN")
    return made


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--java-home", type=Path, required=True)
    parser.add_argument("--jars", type=Path, required=True)
    given = parser.parse_args()
    os.environ["JAVA_HOME"] = str(given.java_home)
    uploads = Uploads(given.tags, validate=False)
    spark = session(given.jars, given.batch_events)

    def log(batch: DataFrame, _: int) -> None:
        frame = batch.toArrow().to_pandas(types_mapper=pd.ArrowDtype)
        if len(frame):
            uploads.log(frame)

    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", given.brokers)
        .option("subscribe", given.topic)
        .option("groupIdPrefix", given.group)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", given.batch_events)
        .load()
    )
    events = messages.select(from_json(col("value").cast("string"), SCHEMA).alias("event")).select("event.*")
    query = (
        events.writeStream.foreachBatch(log)
        .option("checkpointLocation", str(given.directory / "checkpoint"))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main()
