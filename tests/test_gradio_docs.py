"""docs/gradio.md is run: every block, in order, against the program with the starter model; and it names what there is."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from openarc_ui.server.mcp_rights import ADMINISTER, USE
from tests.documented import documented_application
from tests.ui.test_page import PUBLIC

DOCS = (Path(__file__).parent.parent / "docs" / "gradio.md").read_text(encoding="utf-8")
WRITTEN_ADDRESS = "http://127.0.0.1:7860"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def said(starter_folder: Path) -> str:
    """What the blocks print, run one after the other in one session."""
    with documented_application(starter_folder, "--mcp") as program, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENARC_API_KEY", "not-asked-for-here")
        session: dict[str, object] = {}
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            for block in blocks("python"):
                exec(compile(block.replace(WRITTEN_ADDRESS, program.address), "docs/gradio.md", "exec"), session)
        for block in blocks("sh"):
            done = subprocess.run(
                ["sh", "-c", block.replace(WRITTEN_ADDRESS, program.address)],
                capture_output=True,
                text=True,
                timeout=180,
            )
            assert done.returncode == 0, done.stderr
            printed.write(done.stdout)
        assert "Traceback" not in program.log.read_text()
        return printed.getvalue()


def test_every_block_runs_and_says_what_is_written_beside_it(said: str) -> None:
    assert len(blocks("python")) == 18 and len(blocks("sh")) == 1
    for name in PUBLIC:
        assert f"/{name} - " in said, name
    assert "temperature: Input should be greater than or equal to 0." in said
    assert "green" in said and "Did you mean 'NUM_STREAMS'?" in said
    assert "loading " in said and "ready" in said and " f16\n" in said
    assert "'fast'" in said and "/model/load" in said
    assert said.count("Paris") >= 3
    assert "<|im_start|>user\nHello!" in said
    assert "['list_devices', 'list_models'" in said
    assert "finished " in said and "tokens a second" in said and "ov_config." in said
    assert "OpenVINO/Qwen3-0.6B-int4-ov" in said and "finished Qwen3-0.6B-int4-ov None" in said
    assert "'weight-format'" in said and "SmolLM2-small optimum-cli export openvino" in said
    assert "bytes are free again" in said
    assert "event: complete" in said and '"count"' in said


def test_it_names_no_endpoint_and_no_tool_that_is_not_there() -> None:
    named = set(re.findall(r'api_name="/(\w+)"', DOCS)) | {"chat", "answer", "cancel_request", "load_model"}
    assert named <= PUBLIC
    (listed,) = re.findall(r"\(streamable HTTP\): (.+?)\. A client", DOCS, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", listed)) == USE | ADMINISTER.keys()


def test_the_configuration_of_an_agent_is_json() -> None:
    (block,) = blocks("json")
    assert json.loads(block)["mcpServers"]["openarc"]["url"] == f"{WRITTEN_ADDRESS}/mcp"
