"""An address of Arize taken apart, and the regions that Arize has."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from ingest.config.near_names import near
from ingest.config.spellings import word

# arize 8.61, arize.regions; a test compares them.
REGIONS = ("ca-central-1a", "eu-west-1a", "us-central-1a", "us-east-1b")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the SDK is told; "" and 0 leave a setting to the SDK, which reads its variables and has defaults."""

    host: str = ""
    port: int = 0
    scheme: str = ""
    region: str = ""


def region(text: str) -> str:
    """The region that `text` names, in any case, with - or _. Raises `ValueError` that says which there are."""
    found = word(text.replace("-", "_"), tuple(each.replace("-", "_") for each in REGIONS)).replace("_", "-")
    if found not in REGIONS:
        meant = near(found, REGIONS)
        hint = f"; did you mean {meant}?" if meant else ""
        raise ValueError(f"not a region of Arize: there are {', '.join(REGIONS)}{hint}")
    return found


def taken_apart(address: str) -> Endpoint:
    """Scheme, host and port of an address. Raises `ValueError`, which never quotes it."""
    try:
        found = urlsplit(address)
        port = found.port or 0
    except ValueError:
        raise ValueError("not an address: write https://HOST or https://HOST:PORT") from None
    if found.scheme not in {"http", "https"} or not found.hostname:
        raise ValueError("not an address of http or https: write https://HOST or https://HOST:PORT")
    if "@" in found.netloc:
        raise ValueError("an address has no user and no password: the key is ARIZE_API_KEY")
    if found.path.strip("/") or found.query or found.fragment:
        raise ValueError("the SDK adds the path of an upload: write https://HOST or https://HOST:PORT")
    host = f"[{found.hostname}]" if ":" in found.hostname else found.hostname
    return Endpoint(host, port, found.scheme)
