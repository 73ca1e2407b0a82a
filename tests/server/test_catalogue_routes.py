"""What there is to load, its files, and the compile cache, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI

from openarc_ui.engine.engine import Engine
from openarc_ui.server.problems import install_handlers
from openarc_ui.server.routes.cache import cache_routes
from openarc_ui.server.routes.models import catalogue_routes
from tests.engine.catalogue.test_details import write_ir

LISTED = {"name", "kind", "backends", "cannot_run", "size_bytes", "ov_config", "problems", "details"}


class Client:
    """Asks an application in this process; an error that escapes it is a 500, as it would be for a real client."""

    def __init__(self, api: FastAPI) -> None:
        self._transport = httpx.ASGITransport(api, raise_app_exceptions=False)

    def get(self, path: str, params: dict[str, Any] | None = None) -> httpx.Response:
        return anyio.run(self._ask, "GET", path, params)

    def delete(self, path: str, params: dict[str, Any] | None = None) -> httpx.Response:
        return anyio.run(self._ask, "DELETE", path, params)

    async def _ask(self, method: str, path: str, params: dict[str, Any] | None) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://testserver") as client:
            return await client.request(method, path, params=params)


@pytest.fixture
def engine(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    """An engine over one whole model and one torn one."""
    (tmp_path / "models").mkdir()
    for name, binary_bytes in (("whole", 2176), ("torn", 7)):
        folder = write_ir(
            tmp_path / "models" / name,
            ("u4", "64,1,64", 0, 2048), ("f16", "64,1,1", 2048, 128), binary_bytes=binary_bytes,
        )  # fmt: skip
        for file in ("openvino_tokenizer.xml", "openvino_detokenizer.xml", "tokenizer.json"):
            (folder / file).write_text("{}")
        (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 512}')
        (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    return make_engine(cache_folder=tmp_path / "cache")


@pytest.fixture
def client(engine: Engine) -> Client:
    """The two families of routes, and one way to answer errors."""
    api = FastAPI()
    api.include_router(catalogue_routes(engine))
    api.include_router(cache_routes(engine))
    install_handlers(api)
    return Client(api)


def keep(engine: Engine, model: str) -> None:
    """As if a load had filled the cache."""
    assert engine.compile_cache is not None
    folder = engine.compile_cache.folder_for(model)
    folder.mkdir(parents=True)
    (folder / "1.blob").write_bytes(bytes(100))
    engine.compile_cache.note(model, frozenset(), backend="optimum", device="CPU", ov_config={}, compile_seconds=1.5)


def test_the_list_is_cheap_and_details_are_asked_for(client: Client) -> None:
    torn, whole = client.get("/models").json()
    assert torn.keys() == whole.keys() == LISTED
    assert (whole["name"], whole["backends"], whole["details"]) == ("whole", ["genai", "optimum"], None)
    torn, whole = client.get("/models", params={"details": True}).json()
    assert (whole["details"]["parameters"], whole["details"]["precision"]) == (4096, "u4 in groups of 64")
    assert torn["details"]["backends"] == [] and "interrupted" in torn["details"]["problems"][0]


def test_details_of_one_model(client: Client) -> None:
    details = client.get("/models/details", params={"model": "whole"}).json()
    assert (details["architecture"], details["context_length"]) == ("LlamaForCausalLM", 512)
    assert details["weights"]["parameters_by_type"] == {"u4": 4096}
    assert details["has_chat_template"] and details["has_tokenizer_ir"] and not details["problems"]


def test_files_are_listed_and_read(client: Client) -> None:
    files = client.get("/models/files", params={"model": "whole"}).json()
    assert files == [
        {"name": "config.json", "language": "json"},
        {"name": "tokenizer_config.json", "language": "json"},
        {"name": "chat_template.jinja", "language": "jinja2"},
    ]
    texts = {
        each["name"]: client.get("/models/file", params={"model": "whole", "file": each["name"]}).json()
        for each in files
    }
    assert json.loads(texts["config.json"]["text"])["max_position_embeddings"] == 512
    assert texts["chat_template.jinja"]["text"] == "{{ messages }}"
    assert texts["chat_template.jinja"]["source"] == "tokenizer_config.json"
    assert not any(each["is_cut"] or each["problem"] for each in texts.values())


WRONG: list[tuple[str, dict[str, Any], int, str]] = [
    ("/models", {"details": "perhaps"}, 422, "details"),
    ("/models/details", {}, 422, "model"),
    ("/models/details", {"model": ""}, 422, "model"),
    ("/models/details", {"model": "whle"}, 404, "'whole'"),
    ("/models/details", {"model": "../cache"}, 404, "outside"),
    ("/models/details", {"model": "/etc/passwd"}, 404, "outside"),
    ("/models/details", {"model": "a\0b"}, 404, "No model"),
    ("/models/details", {"model": "x" * 1001}, 422, "model"),
    ("/models/files", {"model": "nothing"}, 404, "No model"),
    ("/models/file", {"model": "whole"}, 422, "file"),
    ("/models/file", {"model": "whole", "file": ""}, 422, "file"),
    ("/models/file", {"model": "whole", "file": "../torn/config.json"}, 422, "not a file that is shown"),
    ("/models/file", {"model": "whole", "file": "openvino_model.bin"}, 422, "not a file that is shown"),
    ("/models/file", {"model": "whole", "file": "confg.json"}, 422, "'config.json'"),
    ("/models/file", {"model": "whole", "file": "openvino_config.json"}, 422, "has no openvino_config.json"),
    ("/models/file", {"model": "nothing", "file": "config.json"}, 404, "No model"),
]


@pytest.mark.parametrize(("path", "query", "status", "says"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_question_is_answered_with_what_is_right(
    client: Client, path: str, query: dict[str, Any], status: int, says: str
) -> None:
    answer = client.get(path, params=query)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"detail", "code", "hint"}
    assert says in answer.json()["detail"] + answer.json()["hint"]


@pytest.mark.parametrize("query", ["model=%ff%fe", "model=%ED%A0%80", "model=whole&model=torn&extra=1", "model=%00"])
def test_odd_bytes_in_a_query_never_end_in_a_500(client: Client, query: str) -> None:
    for path in ("/models/details", "/models/files", "/models/file"):
        assert client.get(f"{path}?{query}&file=config.json").status_code in (200, 404, 422)
    assert client.delete(f"/cache?{query}").status_code in (200, 404, 422)


def test_the_cache_is_shown_and_emptied(client: Client, engine: Engine) -> None:
    assert client.get("/cache").json() == {"is_on": True, "size_bytes": 0, "files": 0, "models": []}
    keep(engine, "whole")
    keep(engine, "torn")
    shown = client.get("/cache").json()
    assert (shown["size_bytes"], shown["files"], [each["model"] for each in shown["models"]]) == (
        200,
        2,
        ["torn", "whole"],
    )
    assert (shown["models"][0]["loads"][0]["first_seconds"], shown["models"][0]["loads"][0]["cached_seconds"]) == (
        1.5,
        None,
    )
    assert client.delete("/cache", params={"model": "whole"}).json() == {"freed_bytes": 100, "files": 1, "skipped": []}
    assert client.delete("/cache").json()["freed_bytes"] == 100
    assert client.delete("/cache").json() == {"freed_bytes": 0, "files": 0, "skipped": []}


def test_emptying_for_a_model_that_is_not_there_names_the_nearest(client: Client) -> None:
    answer = client.delete("/cache", params={"model": "whle"})
    assert answer.status_code == 404 and "'whole'" in answer.json()["hint"]
    assert client.delete("/cache", params={"model": ""}).status_code == 422


def test_what_is_kept_for_a_model_that_has_gone_can_be_emptied(client: Client, engine: Engine) -> None:
    keep(engine, "gone")
    assert client.delete("/cache", params={"model": "gone"}).json()["freed_bytes"] == 100


def test_without_a_cache_folder_the_cache_is_off(make_engine: Callable[..., Engine]) -> None:
    api = FastAPI()
    api.include_router(cache_routes(make_engine()))
    client = Client(api)
    assert client.get("/cache").json()["is_on"] is False
    assert client.delete("/cache").json()["freed_bytes"] == 0


def test_every_route_is_described_with_an_example(client: Client) -> None:
    document = client.get("/openapi.json").json()
    for path in ("/models", "/models/details", "/models/files", "/models/file", "/cache"):
        for operation in document["paths"][path].values():
            assert operation["summary"] and operation["description"] and operation["tags"], path
            assert any(status[0] in "45" for status in operation["responses"]), path
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            reference = schema.get("$ref") or schema["items"]["$ref"]
            fields = document["components"]["schemas"][reference.rpartition("/")[2]]["properties"]
            assert any("examples" in field for field in fields.values()), path
