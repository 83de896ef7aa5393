"""Addresses and options that can't work are named with what to write instead, before anything is asked."""

import pytest

from ingest.pipeline.kafka.login import Login, address_faults, addresses, login_of, refused_options, without_token

NO_PROVIDER = "No provider for SASL mechanism GSSAPI: recompile librdkafka with libsasl2 or openssl support."


def test_an_address_of_another_protocol_than_the_client_s_says_what_to_write() -> None:
    assert address_faults("a:1, PLAINTEXT://b:2", Login()) == []
    (fault,) = address_faults("a:1,SSL://host:9093", Login())
    assert '"SSL://host:9093" is of another protocol' in fault
    assert 'write "host:9093", and set "security.protocol" = "SSL"' in fault


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
