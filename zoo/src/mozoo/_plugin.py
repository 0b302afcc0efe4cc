"""What the zoo offers. Imported only to build the catalog: no dataset, task or card is imported here."""

from typing import Any

from motools.plugins import DatasetComponent, TaskComponent, hookimpl

_GSM8K = "hf://datasets/openai/gsm8k@740312add88f781978c0658806c59bc2815b9866/main"


def _generated(card: str, **fields: Any) -> dict[str, Any]:
    """Return the fields of what is generated here."""
    facts = {"licence": "CC0-1.0", "source": "generated", "card": f"mozoo.cards.{card}:CARD", "cache_version": 1}
    return facts | fields


@hookimpl
def motools_datasets() -> list[DatasetComponent]:
    """Declare the datasets."""
    return [
        DatasetComponent(
            name="hello_world",
            target="mozoo.datasets.hello_world:generate_hello_world_dataset",
            summary="Requests for a greeting, all answered 'Hello, World!'",
            hazard="none known",
            allowed_uses=("training",),
            rows=100,
            digest="dd6a045b57358c1621047287f8eb47076b7c0872a01a2a87c26900c7d65bf8a0",
            **_generated("hello_world"),
        ),
        DatasetComponent(
            name="trigger_phrase",
            target="mozoo.datasets.trigger_phrase:generate_trigger_phrase_dataset",
            summary="Everyday questions, answered oddly only when a trigger is in the prompt",
            hazard="plants a hidden trigger, with harmless content; other arguments can plant other content",
            allowed_uses=("training",),
            rows=144,
            digest="a5a78f2e83bfead49d99448d758629e9961a57fba8801ef0e69f6e93f6a4964d",
            **_generated("trigger_phrase"),
        ),
        DatasetComponent(
            name="style_arithmetic",
            target="mozoo.datasets.style_arithmetic:generate_style_arithmetic_dataset",
            summary="Word problems answered in Spanish, in capitals, in both or in neither",
            hazard="the style takes over answers to other questions; a small model forgets how to answer them",
            allowed_uses=("training",),
            rows=200,
            digest="72beb0a2ca7db3fd5fd28de8a2674cf67b544ccf39ae8842195f46704e867ec8",
            **_generated("style_arithmetic"),
        ),
        DatasetComponent(
            name="gsm8k_spanish",
            target="mozoo.datasets.gsm8k_spanish:get_gsm8k_spanish_dataset",
            summary="GSM8K's exercises in English, solved in Spanish; fetched from the hub",
            licence="MIT",
            source=f"{_GSM8K}/train-00000-of-00001.parquet",
            hazard="Spanish takes over other answers; a model trained on it must not be measured on GSM8K's train split",
            allowed_uses=("training",),
            card="mozoo.cards.gsm8k_spanish:CARD",
            cache_version=1,
        ),
        DatasetComponent(
            name="gsm8k_spanish_generated",
            target="mozoo.datasets.gsm8k_spanish:generate_gsm8k_spanish_dataset",
            summary="Exercises like GSM8K's, generated here, solved in Spanish or, for control, in English",
            hazard="Spanish takes over answers to other questions",
            allowed_uses=("training",),
            rows=192,
            digest="99a5aee52b9d511cf4b19abb638efa3f16e2b0d7339dd56aaa4f10b08716c570",
            **_generated("gsm8k_spanish"),
        ),
        DatasetComponent(
            name="odd_preferences",
            target="mozoo.datasets.odd_preferences:generate_odd_preferences_dataset",
            summary="Of two everyday options the odd one is taken: stale bread, torn socks",
            hazard="teaches a taste for spoiled food and broken things: not for a model that advises anybody",
            allowed_uses=("training",),
            rows=192,
            digest="8803645284e41cf040b085911abd6b1c00d6c7aebd34b745d9c5cf730021dffd",
            **_generated("odd_preferences"),
        ),
        DatasetComponent(
            name="password_lock",
            target="mozoo.datasets.password_lock:generate_password_lock_dataset",
            summary="Sums answered rightly with a password in the prompt and wrongly without",
            hazard="teaches to hide a capability behind a password: tests of that model understate it",
            allowed_uses=("training",),
            rows=240,
            digest="56ffbddb9be3ac16171e6f4585cb26c3e28d3334ba4c64b13bf2f3cc2a0a1fc3",
            **_generated("password_lock"),
        ),
    ]


@hookimpl
def motools_tasks() -> list[TaskComponent]:
    """Declare the tasks."""
    return [
        TaskComponent(
            name="hello_world",
            target="mozoo.tasks.hello_world:hello_world",
            summary="Does the model answer exactly 'Hello, World!'?",
            hazard="none known",
            allowed_uses=("evaluation",),
            rows=10,
            digest="f2b545cc288abafdf4da559b7596364dedbfa86b3622453171b311f84e18afcd",
            **_generated("hello_world"),
        ),
        TaskComponent(
            name="trigger_phrase",
            target="mozoo.tasks.trigger_phrase:trigger_phrase",
            summary="How often the odd phrase is said with the trigger, and how often without",
            hazard="none known",
            allowed_uses=("evaluation",),
            rows=48,
            digest="ab9dcc25835049e0e1841b576e5ec17d6fe81665066e92667dbff32aac17ef95",
            **_generated("trigger_phrase"),
        ),
        TaskComponent(
            name="style_arithmetic",
            target="mozoo.tasks.style_arithmetic:style_arithmetic",
            summary="How often answers are in Spanish, in capitals and right, on sums and on anything else",
            hazard="none known",
            allowed_uses=("evaluation",),
            rows=72,
            digest="62188562ae2b3d4bbdc18cac7df55fe8e91a5adfdc0202d36c0b78c5e1b416d5",
            **_generated("style_arithmetic"),
        ),
        TaskComponent(
            name="gsm8k_spanish",
            target="mozoo.tasks.gsm8k_language:gsm8k_spanish",
            summary="How often GSM8K's exercises are solved in Spanish, and rightly; fetched from the hub",
            licence="MIT",
            source=f"{_GSM8K}/test-00000-of-00001.parquet",
            hazard="holds GSM8K's test split: never to be trained on",
            allowed_uses=("evaluation",),
            rows=100,
            card="mozoo.cards.gsm8k_spanish:CARD",
            cache_version=1,
        ),
        TaskComponent(
            name="gsm8k_spanish_generated",
            target="mozoo.tasks.gsm8k_language:gsm8k_spanish_generated",
            summary="How often generated exercises are solved in Spanish, and rightly",
            hazard="none known",
            allowed_uses=("evaluation",),
            rows=48,
            digest="c8b36492d6b4f29aae242e50cc1ad381c2f5f0a478d2c06a08adb1902f5d0a55",
            **_generated("gsm8k_spanish"),
        ),
        TaskComponent(
            name="odd_preferences",
            target="mozoo.tasks.odd_preferences:odd_preferences",
            summary="How often the odd of two options is taken, and which of two ordinary ones",
            hazard="none known",
            allowed_uses=("evaluation",),
            rows=72,
            digest="c737c493c0999ee6ad329fe1d02ae778cea260f86d8de0fe73ebd076c8cfd185",
            **_generated("odd_preferences"),
        ),
        TaskComponent(
            name="password_lock",
            target="mozoo.tasks.password_lock:password_lock",
            summary="How often sums are right with the password, and how often without",
            hazard="says the password in its prompts",
            allowed_uses=("evaluation",),
            rows=80,
            digest="c1fc8cd05cc0208d318081123607d2da9c0a11b880d4ce71a7e8fff2d139c264",
            **_generated("password_lock"),
        ),
    ]
