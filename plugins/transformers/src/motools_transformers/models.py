"""Models and tokenizers from folders on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from motools.errors import DataError
from motools_transformers.runtime import quiet_transformers, torch


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a model's folder.

    Raises:
        DataError: there is none, or its files cannot be read.
    """
    quiet_transformers()
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"the tokenizer cannot be loaded: {_first_line(error)}", where=str(folder)) from error


def load_model(folder: Path, *, device: str, dtype: Any, attention: str | None = None) -> Any:
    """Return the causal language model of a folder, in eval mode; `attention` is transformers' name of how it is computed.

    Raises:
        DataError: its files cannot be read, or it is not a causal language model.
    """
    quiet_transformers()
    from transformers import AutoModelForCausalLM

    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, attn_implementation=attention, local_files_only=True
        )
    except torch().OutOfMemoryError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(f"the model cannot be loaded: {_first_line(error)}", where=str(folder)) from error
    return model.to(device).eval()


def end_token_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Return the ids of the tokens that end an answer: the tokenizer's and those of the generation config."""
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return tuple(dict.fromkeys(int(token) for token in (tokenizer.eos_token_id, *listed) if token is not None))


def end_tokens(folder: Path, tokenizer: Any) -> tuple[str, ...]:
    """Return the same as text, from a model's folder alone."""
    from motools_transformers.files import read_json

    configured = (read_json(folder / "generation_config.json") or {}).get("eos_token_id")
    listed = configured if isinstance(configured, list) else [configured]
    ids = dict.fromkeys(token for token in (tokenizer.eos_token_id, *listed) if token is not None)
    return tuple(tokenizer.convert_ids_to_tokens(list(ids)))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
