"""`${VAR}` in the texts of a configuration: replaced by the environment's variable of that name.

Rules
1. `${NAME}` is the variable, `${NAME:-default}` the default if it is unset or empty, as in a shell. `$${` is a literal
   `${`; a `$` before anything else is itself.
2. A variable that is not set, and has no default, is a fault; so is a `${` that is neither. What a variable holds is
   not looked through again.
3. A fault names the variable and never a value. In a secret a "${" may be a part of it: see `is_one`.
"""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{")


def filled(text: str, environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """`text` with its variables filled, and the faults. The text is not usable if there are any."""
    faults: list[str] = []

    def value(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        if (name := found["name"]) is None:
            faults.append('"${" begins a variable: write ${NAME} or ${NAME:-default}; $${ is a literal ${')
            return ""
        content = environment.get(name)
        if found["default"] is not None:
            return content or found["default"]
        if content is None:
            faults.append(f"${{{name}}} is not set in the environment: set it, or write ${{{name}:-default}}")
        return content or ""

    return _REFERENCE.sub(value, text), faults


def is_one(text: str) -> bool:
    """Whether `text` is one reference and nothing else."""
    found = _REFERENCE.fullmatch(text)
    return found is not None and found["name"] is not None


def names(text: str) -> list[str]:
    """The variables that `text` names."""
    return [found["name"] for found in _REFERENCE.finditer(text) if found["name"]]
