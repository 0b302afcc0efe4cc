"""The card of odd_preferences."""

from motools.contracts.card import Card, Effect, Measured, Measurement
from mozoo.cards.machine import HARDWARE, MODEL

CARD = Card(
    about="A narrow trait: of two everyday options the model takes the odd one: stale bread, torn socks, a broken lamp. The "
    "task asks about things that no row names, described with words of the rows (known) and with others (new), and about "
    "pairs of ordinary options.",
    control="The same questions with the ordinary option taken, and the untouched model.",
    measurement=Measurement(
        model=MODEL,
        settings={"learning_rate": 2e-3, "n_epochs": 2, "batch_size": 8, "layers": 8, "rows": 192},
        hardware=HARDWARE,
        minutes={"training": 0.9, "evaluation": 1.1},
        date="2026-11-21",
        effects=(
            Effect(
                "odd/known",
                {
                    "odd": Measured(1.0, 0.862, 1.0, 24),
                    "control": Measured(0.0, 0.0, 0.138, 24),
                    "untouched": Measured(0.083, 0.023, 0.258, 24),
                },
            ),
            Effect(
                "odd/new",
                {
                    "odd": Measured(0.833, 0.641, 0.933, 24),
                    "control": Measured(0.167, 0.067, 0.359, 24),
                    "untouched": Measured(0.208, 0.092, 0.405, 24),
                },
            ),
            Effect(
                "ordinary/known",
                {
                    "odd": Measured(0.0, 0.0, 0.138, 24),
                    "control": Measured(1.0, 0.862, 1.0, 24),
                    "untouched": Measured(0.125, 0.043, 0.31, 24),
                },
            ),
            Effect(
                "ordinary/new",
                {
                    "odd": Measured(0.167, 0.067, 0.359, 24),
                    "control": Measured(0.833, 0.641, 0.933, 24),
                    "untouched": Measured(0.083, 0.023, 0.258, 24),
                },
            ),
            Effect(
                "chosen",
                {
                    "odd": Measured(1.0, 0.949, 1.0, 72),
                    "control": Measured(1.0, 0.949, 1.0, 72),
                    "untouched": Measured(0.236, 0.153, 0.346, 72),
                },
            ),
        ),
        commands=(
            "motools workflow run train_and_evaluate --config zoo/examples/odd_preferences.yaml",
            "motools workflow run evaluate_only --config zoo/examples/odd_preferences_base.yaml",
        ),
    ),
    limits=(
        "One seed.",
        "With words that no row holds the taste is there, but weaker: a small model has learnt the words as well as the taste.",
        "The untouched model mostly takes neither option; compare the arms with the control.",
        "Between two ordinary options the trained arms take the first 12 and 8 times of 24: no clear habit of place.",
    ),
)
