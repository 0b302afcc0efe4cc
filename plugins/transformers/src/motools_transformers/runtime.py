"""torch and transformers as this plugin wants them: quiet, offline, polite to other processes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Literal

from motools.errors import ConfigError


def torch() -> ModuleType:
    """Return the module `torch`, imported on first use.

    Raises:
        ConfigError: it is not installed.
    """
    # Threads that spin while they wait make two processes on the same cores many times slower than one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import torch as module
    except ImportError as error:
        raise ConfigError(
            "torch is not installed", hint="Install it as https://pytorch.org/get-started says for your machine."
        ) from error
    return module


def quiet_transformers() -> None:
    """Import transformers without progress bars and advice on stderr; a real warning still shows."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    torch()
    from transformers.utils import logging

    transformers_logging: Any = logging
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


@contextmanager
def without_notices() -> Iterator[None]:
    """Hold back what one library says to another about changes to come; users can do nothing about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def pick_device(wanted: Literal["auto", "cpu", "cuda"] = "auto") -> str:
    """Return `cpu` or `cuda`.

    Raises:
        ConfigError: CUDA is wanted and there is none.
    """
    has_cuda = torch().cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        raise ConfigError(
            "there is no CUDA device here", where="device", hint="Use device: auto, or a torch built for CUDA."
        )
    return "cuda" if wanted == "cuda" or (wanted == "auto" and has_cuda) else "cpu"


def pick_dtype(device: str, wanted: Literal["auto", "bf16", "fp32"] = "auto") -> Any:
    """Return the dtype to compute in: bf16 where the hardware multiplies it natively, else fp32."""
    t = torch()
    if wanted != "auto":
        return t.bfloat16 if wanted == "bf16" else t.float32
    native = t.cuda.is_bf16_supported(including_emulation=False) if device == "cuda" else _cpu_has_bf16()
    return t.bfloat16 if native else t.float32


def _cpu_has_bf16() -> bool:
    # torch has no public question for it; both are false where torch was built without the answer.
    cpu = torch().cpu
    asked = (getattr(cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(ask() for ask in asked if ask)
