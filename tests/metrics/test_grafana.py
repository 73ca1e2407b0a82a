"""The Grafana dashboard: everything it asks for is exposed, with the labels it uses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import parser

from tests.metrics.exposed import full_exposition

FILE = Path(__file__).parent.parent.parent / "assets" / "grafana" / "openarc.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
QUERIES = [(panel["title"], target) for panel in PANELS for target in panel.get("targets", [])]
NAME = re.compile(r"(?:openarc:|process_)[a-z0-9_]+")
SCRAPED = {"job", "instance"}
"""Labels that Prometheus itself adds to everything."""


def exposed_labels() -> dict[str, set[str]]:
    """Sample name -> its labels."""
    found: dict[str, set[str]] = {}
    for family in parser.text_string_to_metric_families(full_exposition().text()[0].decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


LABELS = exposed_labels()


def each_query() -> Any:
    return pytest.mark.parametrize("target", [target for _, target in QUERIES], ids=[title for title, _ in QUERIES])


@each_query()
def test_every_metric_of_a_query_is_exposed_with_the_labels_it_uses(target: dict[str, Any]) -> None:
    expression = target["expr"]
    names = NAME.findall(expression)
    assert names
    used: set[str] = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))
    for selector in re.findall(r"\{([^}]*)\}", expression):
        used |= set(re.findall(r"(\w+)\s*=", selector))
    for listed in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
        used |= {label.strip() for label in listed.split(",")}
    for name in names:
        assert name in LABELS, f"{name} is not exposed"
        assert used <= LABELS[name] | SCRAPED, f"{name} has no {used - LABELS[name]}"


@each_query()
def test_a_quantile_is_taken_of_rates_of_buckets_by_their_bound(target: dict[str, Any]) -> None:
    expression = target["expr"]
    if "_bucket" in expression or "histogram_quantile" in expression:
        assert re.fullmatch(
            r"histogram_quantile\(0\.\d+, sum by \(le(, model_name)?\) "
            r'\(rate\(openarc:\w+_bucket\{model_name=~"\$model"\}\[\$__rate_interval\]\)\)\)',
            expression,
        ), expression


@each_query()
def test_counters_are_asked_for_their_rate_and_gauges_for_their_value(target: dict[str, Any]) -> None:
    expression = target["expr"]
    for match in NAME.finditer(expression):
        is_counter = match[0].endswith(("_total", "_bucket", "_sum", "_count"))
        is_rate = re.search(r"(?:rate|increase)\($", expression[: match.start()]) is not None
        assert is_rate == is_counter, f"{match[0]} in {expression}"
    assert expression.count("(") == expression.count(")")
    assert expression.count("[") == expression.count("[$__rate_interval]")


@each_query()
def test_a_query_of_models_follows_the_variable(target: dict[str, Any]) -> None:
    for match in NAME.finditer(target["expr"]):
        if "model_name" in LABELS[match[0]]:
            assert re.match(r'\{model_name=~"\$model"', target["expr"][match.end() :]), match[0]


def test_it_can_be_imported_anywhere() -> None:
    assert DASHBOARD["schemaVersion"] >= 39 and DASHBOARD["id"] is None and DASHBOARD["uid"] == "openarc"
    assert "http://" not in FILE.read_text() and "https://" not in FILE.read_text()
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource" and variables["datasource"]["query"] == "prometheus"
    assert variables["model"]["includeAll"] and variables["model"]["multi"]
    for name in NAME.findall(variables["model"]["definition"]):
        assert "model_name" in LABELS[name]
    sources = [panel["datasource"] for panel in PANELS if panel["type"] != "row"]
    sources += [target["datasource"] for _, target in QUERIES]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: dict[tuple[int, int], str] = {}
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


@pytest.mark.parametrize(
    "name",
    [
        "time_to_first_token_seconds_bucket",
        "request_time_per_output_token_seconds_bucket",
        "inter_token_latency_seconds_bucket",
        "e2e_request_latency_seconds_bucket",
        "generation_tokens_total",
        "prompt_tokens_total",
        "num_requests_running",
        "num_requests_waiting",
        "kv_cache_usage_perc",
        "request_failure_total",
        "worker_memory_bytes",
    ],
)
def test_it_shows_what_an_operator_looks_for(name: str) -> None:
    assert any(f"openarc:{name}" in target["expr"] for _, target in QUERIES)
