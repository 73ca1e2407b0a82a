"""docs/models.md is run: every block, in order, against the program, a checkpoint that converts, and a Hub of this machine."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from openarc_ui.models.conversion import needs
from openarc_ui.models.conversion.check import GENERATED_TOKENS, TOKENS
from openarc_ui.models.conversion.check_process import TEXT
from openarc_ui.models.conversion.gguf_architectures import MODEL_TYPES
from openarc_ui.models.hub.download import SPARE_BYTES
from openarc_ui.models.hub.transfer import PATIENCE_SECONDS
from openarc_ui.models.work.record import FOLDER
from openarc_ui.server.model_work_bodies import REPOSITORY, SOURCE
from openarc_ui.ui.api_model_work import ACTIONS
from tests.application import ROOT, Application
from tests.hub_server import HubServer
from tests.ui.test_page import PUBLIC

DOCS = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
WRITTEN_ADDRESS = "http://127.0.0.1:7860"
BLOCK = re.compile(r"(?P<why><!-- not run: [^>]+ -->\n)?^```(?P<language>python|bash)\n(?P<code>.*?)^```", re.M | re.S)
LONGEST_SECONDS = 120
HIDDEN, INNER, LAYERS, VOCABULARY, KEY_VALUE = 64, 128, 2, 49_152, 32
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")


def test_the_numbers_in_its_sentences_are_the_programs() -> None:
    words = " ".join(DOCS.split())
    assert f"first {TOKENS} tokens of `{TEXT.relative_to(ROOT).as_posix()}`" in words
    assert f"greedy answer of up to {GENERATED_TOKENS} tokens" in words
    assert f"fit with {SPARE_BYTES // 1_000_000} MB to spare" in words
    assert f"for {('one', 'two', 'three')[int(PATIENCE_SECONDS / 60) - 1]} minutes without a byte" in words
    assert f"(`{FOLDER}`)" in words


def test_what_a_conversion_takes_is_what_is_reckoned_with() -> None:
    words = " ".join(DOCS.split())
    assert needs.COPIES == 1 and f"weights once, or {needs.COPIES_FOR_DATA} times with a `dataset`" in words
    assert f"and {needs.BASE_BYTES / 1e9:.2f} GB for PyTorch" in words
    assert needs.MEASURING_COPIES == 2 and f"its weights twice and {needs.MEASURING_BYTES / 1e9:.1f} GB" in words


def test_it_names_the_gguf_architectures_that_can_be_converted() -> None:
    sentence = " ".join(DOCS.split()).partition("must be one of ")[2].partition(", and its tokenizer")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) == set(MODEL_TYPES)


def test_its_flags_are_settings() -> None:
    assert set(re.findall(r"--hub-[\w-]+", DOCS)) == {"--hub-endpoint", "--hub-token-file"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{flag}`" in readme for flag in ("--hub-endpoint", "--hub-token-file"))


def test_it_names_every_endpoint_and_none_that_is_not_there() -> None:
    by_gradio = DOCS.partition("\n## From Python, by Gradio\n")[2]
    named = set(re.findall(r"`/(\w+)`", by_gradio)) | set(re.findall(r'api_name="/(\w+)"', by_gradio))
    assert named <= PUBLIC
    assert named >= ACTIONS.keys() | {"models_library", "conversion_options", "conversion_command"}


def test_the_files_it_links_to_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", DOCS):
        assert (ROOT / "docs" / target).is_file(), target


def test_only_what_wants_something_of_the_reader_is_not_run() -> None:
    blocks = list(BLOCK.finditer(DOCS))
    assert len(blocks) == DOCS.count("```") // 2 and len(blocks) > 10
    assert sum(each["why"] is not None for each in blocks) == 1


@dataclass(frozen=True)
class Said:
    """What came of it: all that was printed, and what the model folder holds at the end."""

    text: str
    models: tuple[str, ...]


@pytest.fixture(scope="module")
def said(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Said:
    models = tmp_path_factory.mktemp("documented") / "models"
    shutil.copytree(starter_folder, models / starter_folder.name)
    write_checkpoint(models / SOURCE, starter_folder)
    with application(models) as running:
        session: dict[str, object] = {}
        printed = io.StringIO()
        for block in BLOCK.finditer(DOCS):
            if block["why"] is None:
                code = block["code"].replace(WRITTEN_ADDRESS, running.address)
                printed.write(run_bash(code) if block["language"] == "bash" else run_python(code, session))
        assert "Traceback" not in running.log.read_text()
    return Said(printed.getvalue(), tuple(sorted(each.name for each in models.iterdir() if each.name[0] != ".")))


@contextlib.contextmanager
def application(models: Path) -> Iterator[Application]:
    with HubServer() as hub:
        hub.add_repository(REPOSITORY, {"config.json": b'{"model_type": "qwen3"}', **ir_files()})
        with Application(models, "--model", "none", "--hub-endpoint", hub.endpoint) as running:
            running._poll("/health", 180.0)
            yield running


def ir_files() -> dict[str, bytes]:
    graph = b'<net name="Model0" version="11"><layers/><edges/></net>'
    names = ("openvino_model", "openvino_tokenizer", "openvino_detokenizer")
    return {f"{name}.xml": graph for name in names} | {"openvino_model.bin": os.urandom(100_000)}


def write_checkpoint(folder: Path, starter: Path) -> None:
    """A Llama of two layers with random weights, whose words are the starter's."""
    folder.mkdir()
    for name in TOKENIZER:
        shutil.copyfile(starter / name, folder / name)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens": (VOCABULARY, HIDDEN), "model.norm": (HIDDEN,)}
    for layer in range(LAYERS):
        for name, shape in {
            "self_attn.q_proj": (HIDDEN, HIDDEN),
            "self_attn.k_proj": (KEY_VALUE, HIDDEN),
            "self_attn.v_proj": (KEY_VALUE, HIDDEN),
            "self_attn.o_proj": (HIDDEN, HIDDEN),
            "mlp.gate_proj": (INNER, HIDDEN),
            "mlp.up_proj": (INNER, HIDDEN),
            "mlp.down_proj": (HIDDEN, INNER),
            "input_layernorm": (HIDDEN,),
            "post_attention_layernorm": (HIDDEN,),
        }.items():
            shapes[f"model.layers.{layer}.{name}"] = shape
    drawn = np.random.default_rng(0)
    tensors = {
        f"{name}.weight": (drawn.standard_normal(shape) / 8).astype(np.float16) for name, shape in shapes.items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def run_bash(code: str) -> str:
    code = re.sub(r"\bcurl ", f"curl -sS --fail-with-body --max-time {LONGEST_SECONDS} ", code)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
    return done.stdout


def run_python(code: str, session: dict[str, object]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "docs/models.md", "exec"), session)
    return printed.getvalue()


@pytest.mark.model
@pytest.mark.timeout(900)
def test_every_block_does_what_is_written_beside_it(said: Said) -> None:
    assert f'"repository":"{REPOSITORY}"' in said.text and '"is_wanted":true' in said.text
    assert '{"is_set":false}' in said.text
    assert "Qwen3-0.6B finished" in said.text and "mine-int4 finished" in said.text
    assert "weight-format ['fp32', 'fp16', 'int8', 'int4'" in said.text
    assert "Did you mean 'weight-format'?" in said.text
    assert f"optimum-cli export openvino --model {SOURCE} " in said.text
    assert "source_check PyTorch, float32 " in said.text and "result_check OpenVINO, CPU " in said.text
    assert "stateful\n" in said.text and "('English', 'good')" in said.text
    assert "as it came" in said.text and "bytes are free again" in said.text
    assert "cancelled\n" in said.text and said.text.rstrip().endswith("True")


@pytest.mark.model
def test_what_it_made_renamed_and_deleted_is_so_afterwards(said: Said) -> None:
    assert said.models == ("Qwen3-0.6B", SOURCE, "SmolLM2-135M-Instruct-int4")
