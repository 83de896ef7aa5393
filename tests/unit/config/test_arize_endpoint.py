"""The endpoint comes from [arize] or from the SDK's variables; where they contradict each other it is a fault."""

import pytest
from arize.regions import Region

from ingest.config.arize_address import REGIONS, Endpoint
from ingest.config.arize_endpoint import address_settings, endpoint
from ingest.config.sections import Arize
from ingest.errors import ConfigError
from tests.harness.config_file import SECRET, faults_of


def test_the_regions_are_those_of_the_sdk() -> None:
    assert sorted(REGIONS) == sorted(Region.list_regions())


@pytest.mark.parametrize(
    ("arize", "environment", "expected"),
    [
        ({}, {}, Endpoint()),
        ({}, {"ARIZE_API_HOST": "h", "ARIZE_API_PORT": "1", "ARIZE_API_SCHEME": "http"}, Endpoint()),
        ({}, {"ARIZE_API_HOST": "http://h:1"}, Endpoint("h", 1, "http")),
        ({}, {"ARIZE_API_HOST": "https://h", "ARIZE_API_PORT": "8443"}, Endpoint("h", 8443, "https")),
        ({}, {"ARIZE_REGION": "EU_WEST_1A"}, Endpoint(region="eu-west-1a")),
        ({"endpoint": "https://h:8443"}, {}, Endpoint("h", 8443, "https")),
        ({"endpoint": "http://[::1]:8443/"}, {}, Endpoint("[::1]", 8443, "http")),
        ({"host": "https://h"}, {}, Endpoint("h", 0, "https")),
        ({"host": "h", "port": 1, "scheme": "HTTP"}, {}, Endpoint("h", 1, "http")),
        ({"host": "h"}, {"ARIZE_API_HOST": "h", "ARIZE_API_PORT": "5"}, Endpoint("h")),
        ({"region": "Eu-West-1A"}, {}, Endpoint(region="eu-west-1a")),
    ],
)
def test_the_endpoint_is_what_is_set(arize: dict[str, object], environment: dict[str, str], expected: Endpoint) -> None:
    assert endpoint(Arize.model_validate(arize), environment) == expected


@pytest.mark.parametrize(
    ("arize", "environment", "words"),
    [
        ({"host": "a"}, {"ARIZE_API_HOST": SECRET}, "[arize] host and ARIZE_API_HOST differ"),
        ({"endpoint": "https://a"}, {"ARIZE_API_HOST": "b"}, "[arize] endpoint and ARIZE_API_HOST differ"),
        ({"endpoint": "https://a"}, {"ARIZE_API_SCHEME": "http"}, "[arize] endpoint and ARIZE_API_SCHEME differ"),
        ({"port": 1}, {"ARIZE_API_PORT": "2"}, "[arize] port and ARIZE_API_PORT differ"),
        ({"region": REGIONS[0]}, {"ARIZE_REGION": REGIONS[1]}, "[arize] region and ARIZE_REGION differ"),
        ({"region": REGIONS[0]}, {"ARIZE_API_HOST": "b"}, "[arize] region and ARIZE_API_HOST exclude each other"),
        ({"host": "a"}, {"ARIZE_REGION": REGIONS[1]}, "[arize] host and ARIZE_REGION exclude each other"),
        ({"host": "a"}, {"ARIZE_SINGLE_HOST": "b"}, "[arize] host and ARIZE_SINGLE_HOST exclude each other"),
        ({}, {"ARIZE_REGION": "eu-west-1"}, "ARIZE_REGION: not a region of Arize: there are ca-central-1a, eu-west-1a"),
        ({}, {"ARIZE_REGION": "eu-west-1"}, "did you mean eu-west-1a?"),
        ({}, {"ARIZE_API_HOST": f"https://u:{SECRET}@h"}, "ARIZE_API_HOST: an address has no user and no password"),
        ({}, {"ARIZE_API_HOST": "https://h/v1"}, "ARIZE_API_HOST: the SDK adds the path"),
        ({}, {"ARIZE_API_PORT": "https"}, "ARIZE_API_PORT: a port is a number from 1 to 65535"),
        ({}, {"ARIZE_API_PORT": "70000"}, "ARIZE_API_PORT: a port is a number from 1 to 65535"),
        (
            {},
            {"ARIZE_API_HOST": "https://h", "ARIZE_API_SCHEME": "http"},
            "ARIZE_API_HOST is an address with another scheme than ARIZE_API_SCHEME: remove one",
        ),
        (
            {"host": "https://h:1", "port": 2},
            {},
            "[arize] host is an address with another port than [arize] port: remove one",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_faults(
    arize: dict[str, object], environment: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError) as wrong:
        endpoint(Arize.model_validate(arize), environment)
    assert words in str(wrong.value)
    assert SECRET not in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('endpoint = "https://h"\nhost = "h"', "endpoint is a whole address and excludes host"),
        ('region = "eu-west-1a"\nport = 1', "region has its own hosts"),
        ('region = "mars"', "[arize] region: not a region of Arize"),
        ('endpoint = "h"', "not an address of http or https"),
        ('endpoint = "ftp://h"', "not an address of http or https"),
        ('host = "h/v1"', "host is the name of a host"),
        ("port = 0", "1 or more is expected"),
        ('scheme = "ftp"', '"http" or "https" is expected'),
    ],
)
def test_wrong_keys_are_faults(text: str, words: str) -> None:
    (fault,) = faults_of(f"[arize]\n{text}\n")
    assert words in fault


def test_a_run_has_one_endpoint() -> None:
    (fault,) = faults_of('[topics.a.arize]\nhost = "h"\n')
    assert fault.startswith("[topics.a] arize: host can't differ by topic or route")
    (fault,) = faults_of('[routes.r.arize]\nregion = "eu-west-1a"\n')
    assert "a run has one endpoint" in fault


_HOST, _PORT, _SCHEME = ("ARIZE_API_HOST", "ARIZE_API_PORT", "ARIZE_API_SCHEME")


@pytest.mark.parametrize(
    ("arize", "environment", "expected"),
    [
        ({}, {}, (_HOST, _PORT, _SCHEME)),
        ({}, {_HOST: "h", _PORT: "1"}, (_HOST, _PORT, _SCHEME)),
        ({}, {_HOST: "http://h:1"}, (_HOST, _HOST, _HOST)),
        ({}, {"ARIZE_SINGLE_HOST": "h"}, ("ARIZE_SINGLE_HOST", _PORT, _SCHEME)),
        ({}, {"ARIZE_REGION": "eu-west-1a"}, ("ARIZE_REGION",) * 3),
        ({"region": "eu-west-1a"}, {}, ("[arize] region",) * 3),
        ({"endpoint": "https://h"}, {_PORT: "1"}, ("[arize] endpoint",) * 3),
        ({"host": "h"}, {}, ("[arize] host", "[arize] port", "[arize] scheme")),
        ({"host": "h"}, {_PORT: "1"}, ("[arize] host", _PORT, "[arize] scheme")),
        ({"host": "https://h"}, {}, ("[arize] host",) * 3),
        ({"port": 1}, {_HOST: "h"}, (_HOST, "[arize] port", _SCHEME)),
    ],
)
def test_what_sets_a_part_of_the_address_is_known(
    arize: dict[str, str | int], environment: dict[str, str], expected: tuple[str, str, str]
) -> None:
    found = address_settings(Arize.model_validate(arize), environment)
    assert (found.host, found.port, found.scheme) == expected
