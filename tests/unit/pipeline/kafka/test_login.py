"""Addresses and options that can't work are named with what to write instead, before anything is asked."""

import pytest

from ingest.pipeline.kafka.login import Login, address_faults, addresses, login_of, refused_options, without_token

NO_PROVIDER = "No provider for SASL mechanism GSSAPI: recompile librdkafka with libsasl2 or openssl support."


@pytest.mark.parametrize(
    ("brokers", "says"),
    [
        ("kafka://host:9092", 'an address of Kafka has no kafka://; write "host:9092"'),
        ("http://host", 'write "host:9092"'),
        ("SSL://host:9093", 'set "security.protocol" = "SSL"'),
        ("a:1;b:2", "is no single address: write HOST:PORT, several separated by commas"),
        ("a:1 b:2", "is no single address"),
        ("host:port", "is no address: write HOST:PORT"),
        ("host:99999", "99999 is no port"),
        ("host:0", "0 is no port"),
        ("host:9092/path", "is no address"),
    ],
)
def test_an_address_that_can_not_be_one_says_what_to_write(brokers: str, says: str) -> None:
    (fault,) = address_faults(brokers, Login())
    assert says in fault
    assert f'[kafka] brokers: "{brokers}"' in fault


@pytest.mark.parametrize("brokers", ["a:1", "a", "a:1, b:2", "PLAINTEXT://a:1", "[::1]:9092", "a:1,,b:2", "10.0.0.1:1"])
def test_an_address_that_librdkafka_takes_is_no_fault(brokers: str) -> None:
    assert address_faults(brokers, Login()) == []


def test_addresses_are_taken_as_librdkafka_takes_them() -> None:
    assert addresses("a:1, b ,[::1]:3,PLAINTEXT://c:4,x;y") == [("a", 1), ("b", 9092), ("::1", 3), ("c", 4)]


@pytest.mark.parametrize(
    ("options", "reason", "says"),
    [
        ({"security.protocol": "SASL_SSL"}, NO_PROVIDER, '"sasl.mechanism" is not set, and its default GSSAPI'),
        ({"sasl.mechanism": "GSSAPI"}, NO_PROVIDER, '"GSSAPI" is not available: set it to one of PLAIN'),
        ({"sasl.mechanism": "plain"}, "Unsupported SASL mechanism: plain", 'write "PLAIN"'),
        ({"sasl.mechanisms": "AWS_MSK_IAM"}, "Unsupported SASL mechanism: AWS_MSK_IAM", "SCRAM-SHA-512"),
        ({"sasl.mechanism": "PLAIN"}, "sasl.username and sasl.password must be set", '"sasl.password_file"'),
        ({"ssl.ca.location": "/no"}, "ssl.ca.location failed: BIO lib", "ssl.ca.location = /no can't be read"),
        ({"ssl.key.location": "/k"}, "ssl.key.location failed: key values mismatch", "is not the key of"),
    ],
)
def test_options_without_a_client_get_advice_that_never_is_to_recompile(
    options: dict[str, object], reason: str, says: str
) -> None:
    advice = refused_options(reason, options)
    assert says in advice
    assert "recompile" not in advice


def test_other_refusals_keep_librdkafka_s_words() -> None:
    assert refused_options('Invalid value "SASL_SLL" for configuration property', {}) == ""


def test_oauthbearer_needs_something_that_brings_a_token() -> None:
    oauth: dict[str, object] = {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}
    assert "sasl.oauthbearer.method" in without_token(login_of(oauth), oauth)
    for more in ({"sasl.oauthbearer.method": "oidc"}, {"enable.sasl.oauthbearer.unsecure.jwt": True}):
        assert without_token(login_of({**oauth, **more}), {**oauth, **more}) == ""
    assert without_token(Login(sasl=True, mechanism="PLAIN"), {}) == ""
