"""template.yaml as data: CloudFormation's tags become the long form, `{"Ref": …}` and the like."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]

type Properties = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Reads `!Tag value` as `{"Fn::Tag": value}`."""


def _construct_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _construct_tag)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the template."""

    name: str
    type: str
    body: dict[str, Any]

    @property
    def properties(self) -> Properties:
        """What CloudFormation is told about it."""
        properties: Properties = self.body.get("Properties", {})
        return properties


@dataclass(frozen=True, slots=True)
class Template:
    """The whole template."""

    body: dict[str, Any]

    @classmethod
    def load(cls, path: Path = ROOT / "template.yaml") -> "Template":
        """Read a template file."""
        # The loader is a SafeLoader with tags that only make dictionaries.
        return cls(yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader))  # noqa: S506

    def all(self, kind: str) -> list[Resource]:
        """Return the resources of a type, in the order of the file."""
        return [resource for resource in self.resources() if resource.type == kind]

    def one(self, name: str) -> Resource:
        """Return a resource by its logical name."""
        body = self.body["Resources"][name]
        return Resource(name, body["Type"], body)

    def resources(self) -> Iterator[Resource]:
        """Yield every resource."""
        for name in self.body["Resources"]:
            yield self.one(name)

    def functions(self) -> list[Resource]:
        """Return the Lambda functions."""
        return self.all("AWS::Serverless::Function")

    def environment(self, function: Resource) -> dict[str, Any]:
        """Return a function's variables, those from Globals included."""
        shared = self.body["Globals"]["Function"]["Environment"]["Variables"]
        own = function.properties.get("Environment", {}).get("Variables", {})
        return {**shared, **own}

    def statements(self, role: Resource) -> list[dict[str, Any]]:
        """Return the statements of all of a role's policies."""
        return [
            statement
            for policy in role.properties.get("Policies", [])
            for statement in policy["PolicyDocument"]["Statement"]
        ]


def listed(value: Any) -> list[Any]:
    """Return what may stand alone or in a list as a list."""
    return value if isinstance(value, list) else [value]


def referred(value: Any) -> set[str]:
    """Return the logical names that a value refers to, however deep."""
    if isinstance(value, dict):
        names = set[str]()
        for key, inner in value.items():
            if key == "Ref":
                names.add(inner)
            elif key == "Fn::GetAtt":
                names.add(inner[0])
            elif key == "Fn::Sub":
                names |= {part.split("}")[0].split(".")[0] for part in inner.split("${")[1:]}
            else:
                names |= referred(inner)
        return names
    if isinstance(value, list):
        return {name for inner in value for name in referred(inner)}
    return set()
