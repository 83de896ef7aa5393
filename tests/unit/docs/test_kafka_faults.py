"""The tables of faults of Kafka in the documents quote the words that the modules have, and all of them."""

import re
from collections.abc import Iterator, Mapping

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import advertised, grants
from ingest.pipeline.kafka.faults import Answer, Fault, Listener, Report, explain
from ingest.pipeline.kafka.login import Login
from tests.harness.command import ROOT

AT = "k:9092"
KAFKA = Kafka(brokers=AT, topic="t", group="g")
PLAIN, TLS, SASL = Login(), Login(tls=True), Login(sasl=True, mechanism="PLAIN", user="me")
ANSWERS: tuple[Answer, ...] = (
    "refused",
    "unknown",
    "failed",
    "silent",
    "closed",
    "http",
    "ssh",
    "zookeeper",
    "controller",
    "other",
)


def faults() -> Iterator[Fault]:
    """One of each kind."""
    cases: list[tuple[Login, Listener, Report | None]] = [(PLAIN, Listener(AT, answer), None) for answer in ANSWERS]
    cases += [
        (PLAIN, Listener(AT, "kafka", tls=True, mechanisms=()), None),
        (TLS, Listener(AT, "kafka", mechanisms=()), None),
        (PLAIN, Listener(AT, "kafka", mechanisms=("PLAIN",)), None),
        (SASL, Listener(AT, "kafka", mechanisms=()), None),
        (SASL, Listener(AT, "kafka", mechanisms=("SCRAM-SHA-256",)), None),
    ]
    certificates = ("unable to get local issuer certificate", "certificate has expired", "Hostname mismatch", "alert")
    cases += [(TLS, Listener(AT, "tls", detail, tls=True), None) for detail in certificates]
    cases += [(Login(tls=True, certificate="me.crt"), Listener(AT, "tls", "alert bad", tls=True), None)]
    fits = Listener(AT, "kafka", mechanisms=("PLAIN",))
    cases += [(SASL, fits, Report("_AUTHENTICATION", text)) for text in ("no", "OAUTHBEARER token: no")]
    for how, listener, report in cases:
        fault = explain(how, listener, [report] if report else [], AT)
        assert fault is not None
        yield fault


OTHERS = (
    advertised.unreachable(AT, {("b", 1): "no answer"}),
    grants.no_topic(KAFKA, []),
    grants.no_topic_right(KAFKA, SASL, visible=False),
    grants.no_topic_right(KAFKA, SASL, visible=True),
    grants.no_group_right(KAFKA, SASL),
    grants.subscribed(KAFKA, "1 consumer"),
)


def rows(page: str, columns: int) -> Mapping[str, list[str]]:
    """The rows of a page's tables whose first cell is words in `code`, by these words."""
    lines = (ROOT / "docs" / "operations" / page).read_text().splitlines()
    found = {}
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        words = re.fullmatch(r"`([^`]+)`", cells[0])
        if words and len(cells) == columns:
            found[words[1]] = cells
    return found


def test_each_fault_of_the_table_is_one_of_the_module_and_lasts_as_it_says() -> None:
    table = rows("failures.md", 3)
    made = list(faults())
    for words, cells in table.items():
        matching = [fault for fault in made if words in fault.text]
        assert matching, words
        assert {fault.lasts for fault in matching} == {cells[2].strip(" |") == "yes"}, words


def test_each_fault_of_the_module_is_in_the_table() -> None:
    table = rows("failures.md", 3)
    for fault in faults():
        assert any(words in fault.text for words in table), fault.text


def test_the_other_questions_words_are_those_of_the_tables() -> None:
    table = list(rows("failures.md", 2))
    for text in OTHERS:
        assert any(words in text for words in table), text
    rights = [words for words in rows("kafka-acls.md", 2) if not words.startswith("ingest ")]
    for words in (*table, *rights):
        assert any(words in text for text in OTHERS), words
