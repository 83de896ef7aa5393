"""The words about a connection that fails: what the address answered comes first, then what librdkafka reported."""

import dataclasses

import pytest

from ingest.pipeline.kafka.faults import Fault, Listener, Report, explain, unreachable
from ingest.pipeline.kafka.login import Login, login_of

AT = "k:9092"
PLAIN, TLS = Login(), Login(tls=True)
SASL = Login(sasl=True, mechanism="PLAIN", user="me")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256")


def of(how: Login, listener: Listener, *reports: Report) -> Fault:
    fault = explain(how, listener, reports, AT)
    assert fault is not None
    return fault


def kafka(*, tls: bool = False, mechanisms: tuple[str, ...] | None = (), detail: str = "") -> Listener:
    return Listener(AT, "tls" if detail else "kafka", detail, tls=tls, mechanisms=mechanisms)


def size(number: int) -> Report:
    text = f"{AT}/bootstrap: Receive failed: Invalid response size {number} (0..100000000): increase receive.message"
    return Report("_BAD_MSG", f"{text} (after 0ms in state APIVERSION_QUERY)")


@pytest.mark.parametrize("how", [PLAIN, TLS, SASL, dataclasses.replace(SASL, tls=True)])
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("mechanisms", [(), MECHANISMS])
def test_the_protocol_that_the_listener_has_is_named_unless_it_is_the_client_s(
    how: Login, *, tls: bool, mechanisms: tuple[str, ...]
) -> None:
    wanted = ("SASL_" if mechanisms else "") + ("SSL" if tls else "PLAINTEXT")
    found = explain(how, kafka(tls=tls, mechanisms=mechanisms), [], AT)
    if wanted == how.protocol:
        assert found is None
        return
    assert found is not None
    assert found.lasts
    assert f'"security.protocol" = "{wanted}"' in found.text
    assert ("speaks TLS" in found.text) == (tls and not how.tls)
    assert ("speaks no TLS" in found.text) == (how.tls and not tls)
    assert ("PLAIN or SCRAM-SHA-256" in found.text) == (bool(mechanisms) and not how.sasl)


@pytest.mark.parametrize(
    ("listener", "says", "lasts"),
    [
        (Listener(AT, "refused"), "nothing listens at k:9092", False),
        (Listener("k:9093", "refused"), "names no port there, so 9093 is used", False),
        (Listener(AT, "unknown", "name or service not known"), "the name k is unknown on this machine", False),
        (Listener(AT, "failed", "no answer within 2 s"), "firewalls", False),
        (Listener(AT, "silent"), "takes connections and does not answer", False),
        (Listener(AT, "closed"), "probably not a listener of Kafka", False),
        (Listener(AT, "http"), "a server for HTTP answers at k:9092, not Kafka", True),
        (Listener(AT, "http", tls=True), "a server for HTTPS", True),
        (Listener(AT, "ssh"), "an SSH server", True),
        (Listener(AT, "zookeeper"), "ZooKeeper answers", True),
        (Listener(AT, "controller"), "KRaft controller", True),
        (Listener(AT, "other", '"220."'), 'its answer begins with "220."', True),
    ],
)
def test_what_answers_instead_of_kafka_is_named(listener: Listener, says: str, *, lasts: bool) -> None:
    fault = of(PLAIN, listener)
    assert says in fault.text
    assert fault.lasts is lasts


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (1213486160, "a server for HTTP"),  # "HTTP"
        (0x485454, "a server for HTTP"),  # "HTT", of an answer that was cut
        (0x50545448, "a server for HTTP"),  # read in the other order of bytes
        (1397966893, "an SSH server"),
        (0x15030300, '"security.protocol" = "SSL"'),
        (0x15030100, '"security.protocol" = "SSL"'),
        (0x32323020, 'its answer begins with "220."'),
    ],
)
def test_a_response_size_is_read_as_the_bytes_that_a_server_sent(number: int, says: str) -> None:
    fault = of(PLAIN, kafka(), size(number))
    assert says in fault.text
    assert fault.lasts


@pytest.mark.parametrize(
    ("detail", "how", "says"),
    [
        ("unable to get local issuer certificate", TLS, "ssl.ca.location is not set"),
        ("self-signed certificate in certificate chain", Login(tls=True, ca="/ca.pem"), "ssl.ca.location = /ca.pem"),
        ("certificate has expired", TLS, "has expired, or this machine's clock is wrong"),
        ("certificate is not yet valid", TLS, "Check this machine's clock"),
        ("Hostname mismatch, certificate is not valid for 'k'.", TLS, "is not for the name k"),
        ("sslv3 alert bad certificate", TLS, "it probably requires one"),
        ("tlsv13 alert certificate required", TLS, '"ssl.certificate.location"'),
        ("tlsv1 alert unknown ca", Login(tls=True, certificate="/me.pem"), "refuses the certificate of this client"),
    ],
)
def test_a_certificate_is_judged_by_the_words_of_tls(detail: str, how: Login, says: str) -> None:
    fault = of(how, kafka(tls=True, detail=detail))
    assert says in fault.text
    assert fault.lasts


def test_a_mechanism_that_the_listener_lacks_names_those_it_has() -> None:
    fault = of(dataclasses.replace(SASL, mechanism="SCRAM-SHA-512"), kafka(mechanisms=MECHANISMS))
    assert "no mechanism SCRAM-SHA-512, but PLAIN, SCRAM-SHA-256" in fault.text


@pytest.mark.parametrize(
    ("report", "says", "lasts"),
    [
        (
            Report(
                "_AUTHENTICATION",
                f"sasl_plaintext://{AT}/bootstrap: SASL authentication error: Authentication failed "
                "(after 5ms in state AUTH_REQ)",
            ),
            "refuses the login of user me with PLAIN (SASL authentication error: Authentication failed)",
            True,
        ),
        (
            Report("_AUTHENTICATION", "Failed to acquire SASL OAUTHBEARER token: Failed to connect to a:1 after 0 ms"),
            "sasl.oauthbearer.token.endpoint.url",
            False,
        ),
        (Report("_RESOLVE", f"{AT}/bootstrap: Failed to resolve 'k:9092'"), "is unknown on this machine", False),
        (Report("_TRANSPORT", f"{AT}/1: Connection reset by peer"), "(Connection reset by peer)", False),
        (Report("_SSL", f"ssl://{AT}/bootstrap: certificate verify failed"), "could not be verified", True),
        (Report("_SSL", f"ssl://{AT}/bootstrap: ssl/tls alert bad certificate"), "probably requires one", True),
        (Report("_SSL", f"ssl://{AT}/bootstrap: unsupported protocol"), "TLS fails at k:9092", True),
    ],
)
def test_librdkafka_s_words_explain_what_the_address_does_not(report: Report, says: str, *, lasts: bool) -> None:
    listener = kafka(mechanisms=MECHANISMS) if report.code == "_AUTHENTICATION" else kafka()
    fault = of(SASL if report.code == "_AUTHENTICATION" else PLAIN, listener, report)
    assert says in fault.text
    assert fault.lasts is lasts


def test_nothing_is_claimed_of_a_listener_that_fits() -> None:
    for reports in ([], [Report("_ALL_BROKERS_DOWN", "1/1 brokers are down")]):
        assert explain(PLAIN, kafka(), reports, AT) is None
        assert explain(PLAIN, kafka(mechanisms=None), reports, AT) is None
    assert explain(SASL, kafka(mechanisms=None), [], AT) is None


def test_a_report_tells_its_address_and_repeats_in_the_same_words() -> None:
    one, two = (
        Report("_TRANSPORT", f"{AT}/bootstrap: Connect failed: Connection refused (after {ms}ms in state CONNECT)")
        for ms in (1, 20)
    )
    assert one.address == AT
    assert one.words == two.words == "Connect failed: Connection refused"
    assert Report("_ALL_BROKERS_DOWN", "1/1 brokers are down").address == ""


def test_every_address_that_was_tried_is_in_the_sentence_and_each_cause_once() -> None:
    text = unreachable("a:1,b:2", {"a:1": Fault("one"), "b:2": Fault("two")})
    assert text.endswith("at none of 2 addresses: one; two")
    assert unreachable("a:1,b:2", {"a:1": Fault("one"), "b:2": Fault("one")}).endswith("can't be used: one")


def test_no_password_is_in_what_is_known_of_a_login() -> None:
    how = login_of({"security.protocol": "sasl_ssl", "sasl.mechanisms": "PLAIN", "sasl.password": "secret"})
    assert how.protocol == "SASL_SSL"
    assert "secret" not in repr(how)
