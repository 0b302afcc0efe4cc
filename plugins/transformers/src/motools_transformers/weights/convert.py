"""A GGUF file turned once into bf16 safetensors with tokenizer, config and chat template."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

CONVERTER = 1
"""Raised when the same GGUF file would give other files; part of the identity of converted weights."""


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write a model in the layout of transformers into `folder`, from a quantised GGUF file.

    Weights are dequantised in fp32 and rounded to bf16 (to nearest, ties to even).
    """
    from motools_transformers.runtime import quiet_transformers, torch

    os.environ.setdefault("TQDM_DISABLE", "1")  # the GGUF reader's bar knows no other switch
    quiet_transformers()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True)
    model: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch().float32, local_files_only=True
    )
    # A model loaded from GGUF says it is quantised and refuses to be saved, though its weights are plain by now.
    del model.config.quantization_config
    model.hf_quantizer = None
    model.config._name_or_path = ""
    model.to(torch().bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
