"""A quick look at a finished folder before it gets its name: does it load, and do both tokenizers agree?

Imports OpenVINO: for the preparing process only.
"""

from __future__ import annotations

from pathlib import Path

import openvino
import openvino_genai
from tokenizers import Tokenizer

from openarc_ui.models.starter_files import is_complete

MODEL_INPUTS = {"input_ids", "attention_mask", "position_ids", "beam_idx"}
SAMPLE = "<|im_start|>user\nWhat is 1234 + 5, naïve café? 👩‍👩‍👧<|im_end|>\n"


def verify_folder(folder: Path) -> None:
    """Look at files, graph and tokenizers.

    Raises:
        ValueError: what is wrong with the folder.
    """
    if not is_complete(folder):
        raise ValueError("a file is missing or empty")
    model = openvino.Core().read_model(folder / "openvino_model.xml")
    inputs = {each.get_any_name() for each in model.inputs}
    if inputs != MODEL_INPUTS:
        raise ValueError(f"the model's inputs are {sorted(inputs)}")
    openvino_ids = openvino_genai.Tokenizer(str(folder)).encode(SAMPLE, add_special_tokens=False).input_ids.data
    hugging_face_ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(SAMPLE, add_special_tokens=False).ids
    if openvino_ids[0].tolist() != hugging_face_ids:
        raise ValueError("openvino_tokenizer.xml and tokenizer.json give different token ids")
