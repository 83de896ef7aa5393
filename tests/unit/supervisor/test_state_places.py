"""A start names its directories, and warns of those that go with a container."""

from pathlib import Path

import pytest

from ingest.events import Notice, StateNotKept
from ingest.status.lines import sentence
from ingest.supervisor.state_places import announcements, in_container, not_kept_because, parse_mounts
from tests.harness.config_file import loaded

# As Docker mounts a container with a volume at /var/lib/ingest and a tmpfs at /tmp.
DOCKER = r"""
1234 999 0:56 / / rw,relatime master:310 - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
1235 1234 0:60 / /proc rw,nosuid - proc proc rw
1240 1234 254:1 /docker/volumes/state/_data /var/lib/ingest rw,relatime master:1 - ext4 /dev/vda1 rw
1241 1234 0:70 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=65536k
1242 1234 254:1 /a /data/with\040blank rw - xfs /dev/vdb rw
"""


@pytest.mark.parametrize(
    ("directory", "reason"),
    [
        ("/srv/dead_letters", "it is in the container's own file system"),
        ("/var/lib/ingest2", "it is in the container's own file system"),
        ("/", "it is in the container's own file system"),
        ("/tmp/dead_letters", "it is in memory"),
        ("/var/lib/ingest/dead_letters", ""),
        ("/var/lib/ingest", ""),
        ("/data/with blank/dead_letters", ""),
    ],
)
def test_a_directory_is_kept_if_it_is_on_a_volume(directory: str, reason: str) -> None:
    assert not_kept_because(Path(directory), list(parse_mounts(DOCKER))) == reason


def test_of_two_mounts_on_one_point_the_last_one_counts() -> None:
    over = DOCKER + "1300 1234 0:80 / /var/lib/ingest rw - tmpfs tmpfs rw\n"
    assert not_kept_because(Path("/var/lib/ingest/account"), list(parse_mounts(over))) == "it is in memory"


def test_a_file_system_that_nobody_knows_is_no_reason_to_warn() -> None:
    assert not_kept_because(Path("/srv"), list(parse_mounts(""))) == ""
    assert list(parse_mounts("torn\n1 2 3 4\n- ext4\n")) == []


def test_a_container_is_known_by_its_mark_or_by_kubernetes(tmp_path: Path) -> None:
    mark = tmp_path / ".dockerenv"
    assert not in_container({"HOME": "/root"}, [mark])
    assert in_container({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, [mark])
    mark.touch()
    assert in_container({}, [mark])


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_start_names_both_directories_absolutely(tmp_path: Path) -> None:
    (text,) = (event.text for event in announcements(loaded("")) if isinstance(event, Notice))
    assert text == f"dead letters go to {tmp_path}/dead_letters; the account to {tmp_path}/account"


def test_a_start_names_the_topic_of_dead_letters_and_that_no_account_is_kept() -> None:
    (event,) = announcements(loaded("[dead_letters]\ntopic = 'dead'\n[account]\ndirectory = ''"))
    assert isinstance(event, Notice)
    assert event.text == "dead letters go to the topic dead; no account is kept"


def test_the_warning_says_what_to_do() -> None:
    event = StateNotKept(section="[account]", directory="/srv/account", reason="it is in memory")
    assert event.level == "warning"
    assert sentence(event) == (
        "[account] directory /srv/account is lost when this container is removed: it is in memory. Mount a volume "
        "there, or name a directory that is on one"
    )


def test_a_drain_ends_before_kubernetes_kills() -> None:
    assert loaded("").supervisor.drain_s == 25.0  # of the 30 s that terminationGracePeriodSeconds has by default
