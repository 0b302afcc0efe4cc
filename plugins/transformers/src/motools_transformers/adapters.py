"""Which weights are trained, and how they are saved: peft's layout for adapters, transformers' for whole models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from motools.errors import ConfigError, DataError, did_you_mean
from motools_transformers.config import Hyperparameters
from motools_transformers.files import read_json
from motools_transformers.runtime import torch, without_notices

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
ORIGIN = "motools-model.json"
"""Says, beside trained weights, what they were trained from."""


def decoder_layers(model: Any) -> tuple[str, Any]:
    """Return the name and the list of a model's decoder layers (`model.layers`).

    Raises:
        ConfigError: they cannot be told apart.
    """
    nn = torch().nn
    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    found = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.ModuleList) and len(m) == count]
    if not found:
        raise ConfigError(
            f"a '{model.config.model_type}' has no list of layers to choose from",
            where="hyperparameters",
            hint="Name target_modules and leave layers out.",
        )
    return found[0]


def lora_config(model: Any, settings: Hyperparameters) -> Any:
    """Return peft's configuration of the adapter.

    Raises:
        ConfigError: `target_modules` or `layers` do not fit the model.
    """
    from peft import LoraConfig

    extra: dict[str, Any] = {}
    targets = list(settings.target_modules)
    if settings.layers or not targets:
        name, layers = decoder_layers(model)
        linear = sorted({path.rpartition(".")[2] for path, module in layers.named_modules() if _is_linear(module)})
        targets = targets or linear
        if settings.layers:
            extra = {
                "layers_to_transform": _top(settings.layers, len(layers)),
                "layers_pattern": name.rpartition(".")[2],
            }
    known = sorted({path.rpartition(".")[2] for path, module in model.named_modules() if _is_linear(module)})
    for target in targets:
        if target.rpartition(".")[2] not in known:
            raise ConfigError(
                f"this model has no linear module '{target}'",
                where="hyperparameters.target_modules",
                hint=did_you_mean(target, known) or f"It has {', '.join(known)}.",
            )
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.lora_r,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=targets,
        **extra,
    )


def make_trainable(model: Any, settings: Hyperparameters, seed: int) -> Any:
    """Return the model with exactly those weights trainable that the settings say, in fp32.

    Raises:
        ConfigError: the settings do not fit the model.
    """
    torch().manual_seed(seed % (1 << 64))  # it takes 64 bits
    if settings.method == "lora":
        from peft import get_peft_model

        with without_notices():
            return get_peft_model(model, lora_config(model, settings), autocast_adapter_dtype=True)
    model.float().requires_grad_(True)
    if settings.layers:
        _, layers = decoder_layers(model)
        model.requires_grad_(False)
        for i in _top(settings.layers, len(layers)):
            layers[i].requires_grad_(True)
    return model


def save_adapter(model: Any, folder: Path, *, public_name: str) -> None:
    """Write an adapter in peft's layout: equal adapters give equal bytes, and no path of this machine is in them."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    tensors = {name: state[name].detach().float().cpu().contiguous() for name in sorted(state)}
    save_file(tensors, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = model.peft_config["default"].to_dict()
    config.update(base_model_name_or_path=public_name, inference_mode=True)
    config.pop("peft_version", None)  # another version of peft that trains the same adapter writes the same file
    (folder / ADAPTER_CONFIG).write_text(_pretty(config))


def merge_adapter(model: Any, folder: Path) -> Any:
    """Return the model with an adapter added into its weights.

    Raises:
        DataError: the adapter cannot be read, or is not for this model.
    """
    from peft import PeftModel

    try:
        with without_notices():
            return PeftModel.from_pretrained(model, folder, local_files_only=True).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"the adapter cannot be loaded: {first}", where=str(folder)) from error


def save_whole(model: Any, tokenizer_folder: Path, folder: Path) -> None:
    """Write a whole model in bf16, with the tokenizer and chat template of the model it was trained from."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(tokenizer_folder.iterdir()):
        if source.suffix in (".json", ".jinja", ".model", ".txt") and not source.name.startswith(
            ("motools-", "model.", "config.")
        ):
            shutil.copyfile(source, folder / source.name)
    model.config._name_or_path = ""
    model.to(torch().bfloat16).save_pretrained(folder)


def save_origin(folder: Path, *, base_model: str, base_identity: str, method: str) -> None:
    """Write what the weights in `folder` were trained from."""
    origin = {"base_model": base_model, "base_identity": base_identity, "method": method}
    (folder / ORIGIN).write_text(_pretty(origin))


def read_origin(folder: Path) -> dict[str, str]:
    """Return what `save_origin` wrote, or nothing for weights that come from elsewhere."""
    return read_json(folder / ORIGIN) or {}


def _top(count: int, available: int) -> list[int]:
    if count > available:
        raise ConfigError(
            f"the model has {available} layers, not {count}",
            where="hyperparameters.layers",
            hint="0 means all of them.",
        )
    return list(range(available - count, available))


def _is_linear(module: Any) -> bool:
    return isinstance(module, torch().nn.Linear) or type(module).__name__ == "Conv1D"


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{value!r} in an adapter's configuration has no JSON form")
