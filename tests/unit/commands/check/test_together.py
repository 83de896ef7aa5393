"""A fault is told once, however many checks meet it."""

from ingest.commands.check.result import CheckResult, exit_code, failed, ok, unchecked
from ingest.commands.check.together import once
from ingest.errors import ExitCode

KEY = failed("configuration", "ARIZE_API_KEY: it stands in quotation marks", ExitCode.CONFIGURATION)
SPACE = failed("configuration", "space: wrong", ExitCode.CONFIGURATION)
VALID_FIRST = "the configuration must be valid first"


def told(*results: CheckResult) -> list[CheckResult]:
    return list(once(iter(results)))


def test_a_fault_of_the_configuration_is_not_told_again() -> None:
    again = failed("arize endpoint", KEY.text, ExitCode.CONFIGURATION)
    both = failed("arize endpoint", f"{KEY.text}\n{SPACE.text}", ExitCode.CONFIGURATION)
    assert told(KEY, again) == [KEY, unchecked("arize endpoint", VALID_FIRST)]
    assert told(KEY, SPACE, both) == [KEY, SPACE, unchecked("arize endpoint", VALID_FIRST)]
    assert exit_code(told(KEY, again)) is ExitCode.CONFIGURATION


def test_another_fault_is_told_whole() -> None:
    both = failed("arize endpoint", f"{KEY.text}\n{SPACE.text}", ExitCode.CONFIGURATION)
    assert told(KEY, both) == [KEY, both]


def test_what_two_topics_have_alike_is_told_of_both() -> None:
    topics = [failed("topic", "Kafka can't be used", ExitCode.KAFKA, name) for name in "ab"]
    assert told(ok("configuration", "complete"), *topics)[1:] == topics
