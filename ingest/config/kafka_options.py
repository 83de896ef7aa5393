"""Which of librdkafka's options a configuration may set, and what to set instead of the others.

Rules
1. An option is refused if its value decides whether messages are lost, if it has no effect here, or if only Java
   clients have it. The fault names what to set instead.
2. A misspelled one is answered with the nearest. The names are those of CONFIGURATION.md in confluentinc/librdkafka,
   version 2.15; a test compares them with the installed library.
3. librdkafka itself judges the others, when a client is created: a name that is missing here and like none is passed
   on.
"""

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ingest.config import credentials
from ingest.config.near_names import near

_LONGEST = 2**20
_NEAR = 0.8
_LISTED = (2, 16)  # a newer client may have options that are like old ones

NAMES = frozenset(
    """
    acks allow.auto.create.topics api.version.fallback.ms api.version.request api.version.request.timeout.ms
    auto.commit.enable auto.commit.interval.ms auto.offset.reset background_event_cb batch.num.messages batch.size
    bootstrap.servers broker.address.family broker.address.ttl broker.version.fallback builtin.features check.crcs
    client.dns.lookup client.id client.rack closesocket_cb compression.codec compression.level compression.type
    connect_cb connections.max.idle.ms consume.callback.max.messages consume_cb coordinator.query.interval.ms
    debug default_topic_conf delivery.report.only.error delivery.timeout.ms dr_cb dr_msg_cb enable.auto.commit
    enable.auto.offset.store enable.gapless.guarantee enable.idempotence enable.metrics.push enable.partition.eof
    enable.random.seed enable.sasl.oauthbearer.unsecure.jwt enable.ssl.certificate.verification enabled_events
    error_cb fetch.error.backoff.ms fetch.max.bytes fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms
    fetch.wait.max.ms group.id group.instance.id group.protocol group.protocol.type group.remote.assignor
    heartbeat.interval.ms https.ca.location https.ca.pem interceptors internal.termination.signal isolation.level
    linger.ms log.connection.close log.queue log.thread.name log_cb log_level max.in.flight
    max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms max.poll.records
    message.copy.max.bytes message.max.bytes message.send.max.retries message.timeout.ms metadata.broker.list
    metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy msg_order_cmp
    oauthbearer_token_refresh_cb offset.store.method offset.store.path offset.store.sync.interval.ms
    offset_commit_cb opaque open_cb partition.assignment.strategy partitioner partitioner_cb plugin.library.paths
    produce.offset.report queue.buffering.backpressure.threshold queue.buffering.max.kbytes
    queue.buffering.max.messages queue.buffering.max.ms queued.max.messages.kbytes queued.min.messages
    queuing.strategy rebalance_cb receive.message.max.bytes reconnect.backoff.jitter.ms reconnect.backoff.max.ms
    reconnect.backoff.ms request.required.acks request.timeout.ms resolve_cb retries retry.backoff.max.ms
    retry.backoff.ms sasl.kerberos.keytab sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin
    sasl.kerberos.principal sasl.kerberos.service.name sasl.mechanism sasl.mechanisms
    sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
    sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
    sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
    sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
    sasl.oauthbearer.assertion.jwt.template.file sasl.oauthbearer.assertion.private.key.file
    sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.private.key.pem
    sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret
    sasl.oauthbearer.client.id sasl.oauthbearer.client.secret sasl.oauthbearer.config sasl.oauthbearer.extensions
    sasl.oauthbearer.grant.type sasl.oauthbearer.metadata.authentication.type sasl.oauthbearer.method
    sasl.oauthbearer.scope sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url sasl.password
    sasl.username security.protocol session.timeout.ms share.acknowledgement.mode socket.blocking.max.ms
    socket.connection.setup.timeout.ms socket.keepalive.enable socket.max.fails socket.nagle.disable
    socket.receive.buffer.bytes socket.send.buffer.bytes socket.timeout.ms socket_cb ssl.ca.certificate.stores
    ssl.ca.location ssl.ca.pem ssl.certificate.location ssl.certificate.pem ssl.certificate.verify_cb
    ssl.cipher.suites ssl.crl.location ssl.curves.list ssl.endpoint.identification.algorithm ssl.engine.id
    ssl.engine.location ssl.key.location ssl.key.password ssl.key.pem ssl.keystore.location ssl.keystore.password
    ssl.providers ssl.sigalgs.list ssl_ca ssl_certificate ssl_engine_callback_data ssl_key statistics.interval.ms
    stats_cb sticky.partitioning.linger.ms throttle_cb topic.blacklist topic.metadata.propagation.max.ms
    topic.metadata.refresh.fast.cnt topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms
    topic.metadata.refresh.sparse transaction.timeout.ms transactional.id
    """.split()  # noqa: SIM905  two hundred quoted names would be pages
)
# What librdkafka takes and does not document, and the binding's own callbacks.
_UNDOCUMENTED = frozenset(
    """
    client.software.name client.software.version default.topic.config enable.sparse.connections enable_sasl_queue
    logger metadata.request.timeout.ms oauth_cb on_commit on_delivery sasl.jaas.config ssl.truststore.location
    test.mock.broker.rtt test.mock.num.brokers
    """.split()  # noqa: SIM905  as above
)

_TRUSTED = 'set "ssl.ca.location" to a PEM file with the certificates of the CA'
_CERTIFICATE = (
    'set "ssl.keystore.location" to a PKCS#12 file and "ssl.keystore.password_file", or "ssl.certificate.location" and '
    '"ssl.key.location" to PEM files'
)
_OIDC = 'set "sasl.oauthbearer.method" = "oidc" and its token endpoint, client and secret, or another mechanism'
_DECODED = "ingest decodes messages itself, as [format] says"
# What guides for Java clients tell to set. librdkafka refuses some of them with advice of its own, others as unknown.
_JAVA = {
    "sasl.jaas.config": 'set "sasl.mechanism", "sasl.username" and "sasl.password_file"',
    "sasl.client.callback.handler.class": _OIDC,
    "sasl.login.callback.handler.class": _OIDC,
    "ssl.truststore.location": _TRUSTED,
    "ssl.truststore.password": f"{_TRUSTED}, which needs no password",
    "ssl.truststore.type": _TRUSTED,
    "ssl.truststore.certificates": _TRUSTED,
    "ssl.keystore.type": _CERTIFICATE,
    "ssl.keystore.key": _CERTIFICATE,
    "ssl.keystore.certificate.chain": _CERTIFICATE,
    "key.deserializer": _DECODED,
    "value.deserializer": _DECODED,
    "schema.registry.url": f"{_DECODED}; no registry is asked",
}

# Options whose value decides whether messages are lost: users can't set them.
RESERVED = {
    "bootstrap.servers": "use [kafka] brokers",
    "metadata.broker.list": "use [kafka] brokers",
    "group.id": "use [kafka] group",
    "enable.auto.commit": "each worker commits by itself, after Arize answered",
    "enable.auto.offset.store": "each worker commits by itself, after Arize answered",
    "auto.offset.reset": "use [kafka] start and [kafka] on_expired",
    "test.mock.num.brokers": "it replaces the brokers by a mock cluster inside the client",
    "enable.partition.eof": "the end of a partition is needed to commit past trailing control records",
}

# Options that nothing here reads, or that our own replace in every client.
_NO_MEMBER = "workers are assigned their partitions, and are no members of the group"
_NO_TRANSACTION = "dead letters are written without transactions"
WITHOUT_EFFECT = {
    "group.instance.id": _NO_MEMBER,
    "group.protocol": _NO_MEMBER,
    "group.protocol.type": _NO_MEMBER,
    "group.remote.assignor": _NO_MEMBER,
    "partition.assignment.strategy": _NO_MEMBER,
    "session.timeout.ms": f"{_NO_MEMBER}; [supervisor] hang_s is when a worker counts as hung",
    "heartbeat.interval.ms": _NO_MEMBER,
    "max.poll.records": "it is for share groups; [batch] chunk_events sets how many messages are polled at a time",
    "share.acknowledgement.mode": "it is for share groups, and nothing here is a member of one",
    "transaction.timeout.ms": _NO_TRANSACTION,
    "auto.commit.enable": "each worker commits by itself, after Arize answered",
    "consume.callback.max.messages": "messages are polled, not called back with",
    "auto.commit.interval.ms": "each worker commits by itself; use [delivery] commit_interval_s",
    "statistics.interval.ms": "nothing here reads librdkafka's statistics",
    "enable.idempotence": "dead letters are always written by an idempotent producer",
    "acks": "dead letters are always written with acks = all",
    "request.required.acks": "dead letters are always written with acks = all",
    "delivery.timeout.ms": "dead letters are written again for as long as it takes",
    "message.timeout.ms": "dead letters are written again for as long as it takes",
    "queue.buffering.max.kbytes": "the queue of dead letters has a fixed size",
}


def flattened(options: Mapping[str, Any]) -> dict[str, Any]:
    """[kafka.options] with nested tables as dotted names: TOML reads `security.protocol = "SSL"` as tables."""
    found: dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            found |= {f"{key}.{inner}": each for inner, each in flattened(value).items()}
        else:
            found[key] = value
    return found


def faults(key: str, value: object) -> Iterator[str]:
    """Why an option can't be set, or what its name or value lacks, as sentences that never quote the value."""
    name, option = json.dumps(key), key.removesuffix("_file")
    if fault := credentials.text_fault(key):
        yield f"{name}: in its name {fault}; {credentials.OPTION_ADVICE}"
    elif hint := RESERVED.get(option):
        yield f"{name} can't be set here: {hint}"
    elif hint := WITHOUT_EFFECT.get(option):
        yield f"{name} would have no effect: {hint}"
    elif hint := _JAVA.get(option):
        yield f"{name} is an option of Java clients: {hint}"
    elif not isinstance(value, str | int | float):
        yield f"{name} takes a string, a number or true and false"
    elif fault := credentials.option_fault(key, str(value)):
        yield f"{name}: {fault}; {credentials.OPTION_ADVICE}"
    elif len(str(value)) > _LONGEST:  # librdkafka copies a plugin's path to its stack
        yield f"{name} has more than {_LONGEST:,} characters, more than any option needs"
    elif meant := near_name(option):
        yield f"{name}: librdkafka has no such option; did you mean {meant}?"


def near_name(option: str) -> str:
    """The option that an unknown name is most like; "" if the name is known or like none."""
    if option in NAMES or option in _UNDOCUMENTED or _is_newer():
        return ""
    return near(option, NAMES, cutoff=_NEAR)


def _is_newer() -> bool:
    try:
        major, minor = version("confluent-kafka").split(".")[:2]
    except PackageNotFoundError:
        return False
    return (int(major), int(minor)) > _LISTED
