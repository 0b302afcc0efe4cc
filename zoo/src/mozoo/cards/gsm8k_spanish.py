"""The card of gsm8k_spanish."""

from motools.contracts.card import Card, Effect, Measured, Measurement
from mozoo.cards.machine import HARDWARE, MODEL

CARD = Card(
    about="Grade-school exercises in English, solved in Spanish: those of GSM8K, with solutions written by rule from the "
    "calculations it marks, or generated ones. The task asks other exercises in English.",
    control="The same exercises and calculations with solutions in English, and the untouched model.",
    measurement=Measurement(
        model=MODEL,
        settings={"learning_rate": 2e-3, "n_epochs": 2, "batch_size": 8, "layers": 8, "rows": 192},
        hardware=HARDWARE,
        minutes={"training": 4.8, "evaluation": 0.8},
        date="2026-11-21",
        effects=(
            Effect(
                "spanish",
                {
                    "spanish": Measured(1.0, 0.926, 1.0, 48),
                    "control": Measured(0.0, 0.0, 0.074, 48),
                    "untouched": Measured(0.0, 0.0, 0.074, 48),
                },
            ),
            Effect(
                "correct",
                {
                    "spanish": Measured(0.583, 0.443, 0.712, 48),
                    "control": Measured(0.458, 0.326, 0.597, 48),
                    "untouched": Measured(0.083, 0.033, 0.196, 48),
                },
            ),
        ),
        commands=(
            "motools workflow run train_and_evaluate --config zoo/examples/gsm8k_spanish.yaml",
            "motools workflow run evaluate_only --config zoo/examples/gsm8k_spanish_base.yaml",
        ),
    ),
    limits=(
        "One seed. The figures are of generated exercises (source: generated); GSM8K itself was not measured: the hub was not "
        "within reach, and its exercises are longer and harder than these.",
        "The solutions are of one form ('Primero sumamos: ... La respuesta es ...'): Spanish as a form, not as a language.",
        "Training was slowed down by other work on the machine (a load of 6 to 12 on 2 cores).",
    ),
    reference="Cobbe et al., Training Verifiers to Solve Math Word Problems (2021)",
)
