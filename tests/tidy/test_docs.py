"""What the docs name must be there, and what is there must be in the docs."""

import re
from pathlib import Path

import pytest

from postpaid.api.http import Route
from postpaid.api.native.errors import PROBLEMS
from postpaid.api.native.routes import ROUTES, Operation
from postpaid.domain.api_key import KeyScope
from postpaid.domain.pricing import PRICING_MODELS

ROOT = Path(__file__).parents[2]
NATIVE = (ROOT / "docs" / "api" / "native.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_every_route_of_the_native_door_is_documented(route: Route[Operation]) -> None:
    documented = {
        (method, re.sub(r"\{\w+\}", "{}", path))
        for method, path in re.findall(r"`(GET|POST|PATCH|DELETE) /(v1/[^`]+)`", NATIVE)
    }
    assert (route.method, route.template) in documented


def test_every_error_code_is_documented_with_its_status() -> None:
    rows = {code: int(status) for status, code in re.findall(r"\| (\d{3}) \| `(\w+)` \|", NATIVE)}
    assert rows == {code: status for code, (status, _) in PROBLEMS.items()}


@pytest.mark.parametrize("scope", KeyScope)
def test_every_scope_is_documented(scope: KeyScope) -> None:
    assert f"`{scope.value}`" in NATIVE


@pytest.mark.parametrize("kind", PRICING_MODELS)
def test_every_pricing_model_is_documented(kind: str) -> None:
    assert f"| `{kind}` |" in NATIVE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_pages_resolves(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_each_invariant_is_named_where_it_is_said_to_be_looked_at() -> None:
    page = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (I-\d\d) \| .* \| `(\S+)` \|$", page, re.MULTILINE)

    assert len(rows) > 25
    for number, path in rows:
        assert number in (ROOT / path).read_text(encoding="utf-8"), f"{path} does not name {number}"
