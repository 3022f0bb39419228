"""How the files of the dbt project look that are written by the platform."""

from collections.abc import Mapping
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, and never writes anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump(content: Mapping[str, Any], header: str) -> str:
    """A YAML document below a header that says where it comes from."""
    return comment("#", header) + yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )


def comment(mark: str, text: str) -> str:
    """Lines of text as comments."""
    return "".join(f"{mark} {line}\n" for line in text.splitlines())
