"""What Kafka takes as the name of a topic: org.apache.kafka.common.internals.Topic.

Rules
1. Letters and digits of ASCII, ".", "_" and "-"; at most 249 of them; neither "." nor "..".
2. A name is taken literally: a pattern is answered with what to write instead.
3. An empty name is none: whoever needs one reports it.
"""

import re

MOST_CHARACTERS = 249
_ILLEGAL = re.compile(r"[^A-Za-z0-9._-]")
_LEGAL = 'a name has letters, digits, ".", "_" and "-"'
_PATTERN = "^*?$|()[]{}+\\"
_NO_PATTERN = "it is a pattern; name each topic in [topics.NAME]"


def topic_fault(name: str) -> str:
    """Why Kafka has no topic of this name; "" if it may have one. The name is not quoted."""
    if not name:
        return ""
    if (found := _ILLEGAL.search(name)) is not None:
        if any(character in _PATTERN for character in name):
            return f"not the name of a topic: {_NO_PATTERN}"
        what = "a blank" if found[0].isspace() else f"{found[0]!a} (character {found.start() + 1})"
        return f"not the name of a topic: it has {what}; {_LEGAL}"
    if name in {".", ".."}:
        return f"not the name of a topic: Kafka has none called {name}"
    if len(name) > MOST_CHARACTERS:
        return f"not the name of a topic: it has {len(name)} characters, and Kafka takes {MOST_CHARACTERS}"
    return ""
