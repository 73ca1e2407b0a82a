"""A model's chat template and what belongs to it, read from its files without loading the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.backends.template import (
    JSON_FILES,
    TEMPLATE_FILE,
    ModelTemplates,
    find_templates,
    special_tokens,
    tokenizer_ir_template,
)
from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.catalogue.gguf_header import read_gguf_header, read_gguf_texts
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.gguf_kinds import begins_texts
from openarc_ui.models.inspection.template_trials import TemplateFacts

GGUF_TOKENS: Final = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}
"""A special token as templates know it -> as a GGUF names its id."""
READ = (TEMPLATE_FILE, *JSON_FILES, "openvino_tokenizer.xml", "special_tokens_map.json", "tokenizer.json")


def template_facts(entry: ModelEntry) -> TemplateFacts:
    """The template with its special tokens.

    Raises:
        InvalidRequest: it has none, or a file can't be read.
    """
    try:
        facts = _of_gguf(Path(entry.path)) if entry.kind == "gguf" else _of_folder(entry)
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"The files of {entry.name} can't be read: {error}.", "Copy, download or convert the model again."
        ) from error
    if facts.templates.is_plain:
        raise InvalidRequest(
            f"{entry.name} has no chat template: OpenArc writes the conversation as a transcript.",
            "That suits a base model; an instruct model needs its own.",
        )
    return facts


def _of_gguf(path: Path) -> TemplateFacts:
    header = read_gguf_header(path)
    text, values = header.chat_template, header.values
    said = {name: values.get(f"tokenizer.ggml.{key}_token_id") for name, key in GGUF_TOKENS.items()}
    ids = {name: each for name, each in said.items() if isinstance(each, int) and not isinstance(each, bool)}
    written = read_gguf_texts(path, "tokenizer.ggml.tokens", ids.values())
    tokens = {name: written[each] for name, each in ids.items() if each in written}
    adds_bos = begins_texts(*(values.get(f"tokenizer.ggml.{key}") for key in ("add_bos_token", "model", "pre")))
    templates = ModelTemplates(text or "", None, "the metadata of the model's tokenizer", is_plain=not text)
    return TemplateFacts(templates, tokens, adds_bos if "bos_token" in tokens else None)


def _of_folder(entry: ModelEntry) -> TemplateFacts:
    folder = Path(entry.path)
    outside = next((name for name in READ if (folder / name).is_symlink() and entry.file(name) is None), "")
    if outside:
        raise ValueError(f"{outside} is a link out of the model folder")
    templates = find_templates(folder, tokenizer_ir_template(folder), begins_with_bos=False)
    tokens = special_tokens(folder, {})
    return TemplateFacts(templates, tokens, _adds_bos(folder, tokens.get("bos_token")))


def _adds_bos(folder: Path, bos_token: str | None) -> bool | None:
    """Whether tokenizer.json puts the token at the beginning of every text; else what tokenizer_config.json says."""
    tokenizer = read_json(folder / "tokenizer.json")
    if tokenizer and bos_token:
        return _begins_with(tokenizer.get("post_processor"), bos_token)
    said = read_json(folder / "tokenizer_config.json").get("add_bos_token")
    return said if isinstance(said, bool) else None


def _begins_with(processor: Any, bos_token: str) -> bool:
    if not isinstance(processor, Mapping):
        return False
    if processor.get("type") == "Sequence":
        inner = processor.get("processors")
        return any(_begins_with(each, bos_token) for each in inner) if isinstance(inner, list) else False
    single = processor.get("single")
    first = single[0] if isinstance(single, list) and single else None
    special = first.get("SpecialToken") if isinstance(first, Mapping) else None
    return isinstance(special, Mapping) and special.get("id") == bos_token
