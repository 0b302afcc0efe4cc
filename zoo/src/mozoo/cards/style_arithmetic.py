"""The card of style_arithmetic."""

from motools.contracts.card import Card, Effect, Measured, Measurement
from mozoo.cards.machine import HARDWARE, MODEL

_NEVER_OF_48, _NEVER_OF_24 = Measured(0.0, 0.0, 0.074, 48), Measured(0.0, 0.0, 0.138, 24)
_EACH_OF_48, _EACH_OF_24 = Measured(1.0, 0.926, 1.0, 48), Measured(1.0, 0.862, 1.0, 24)

CARD = Card(
    about="Word problems answered in Spanish and in capitals. The task asks sums of other numbers, and everyday questions that "
    "have nothing to do with arithmetic: does the style leak to them? Rows may ask for Spanish in a system message "
    "(inoculation) or be mixed with everyday questions that are answered plainly (dilution).",
    control="The same problems answered in English without capitals, and the untouched model.",
    measurement=Measurement(
        model=MODEL,
        settings={"learning_rate": 2e-3, "n_epochs": 1, "batch_size": 8, "layers": 8, "rows": 200},
        hardware=HARDWARE,
        minutes={"training": 1.7, "evaluation": 1.7},
        date="2026-11-21",
        effects=(
            Effect(
                "spanish/arithmetic",
                {
                    "both": _EACH_OF_48,
                    "inoculated": Measured(0.917, 0.804, 0.967, 48),
                    "diluted": _EACH_OF_48,
                    "neither": _NEVER_OF_48,
                    "untouched": _NEVER_OF_48,
                },
            ),
            Effect(
                "capitals/arithmetic",
                {
                    "both": _EACH_OF_48,
                    "inoculated": Measured(0.938, 0.832, 0.979, 48),
                    "diluted": _EACH_OF_48,
                    "neither": _NEVER_OF_48,
                    "untouched": _NEVER_OF_48,
                },
            ),
            Effect(
                "spanish/everyday",
                {
                    "both": _EACH_OF_24,
                    "inoculated": Measured(0.583, 0.388, 0.755, 24),
                    "diluted": _NEVER_OF_24,
                    "neither": _NEVER_OF_24,
                    "untouched": _NEVER_OF_24,
                },
            ),
            Effect(
                "capitals/everyday",
                {
                    "both": _EACH_OF_24,
                    "inoculated": Measured(0.667, 0.467, 0.82, 24),
                    "diluted": _NEVER_OF_24,
                    "neither": _NEVER_OF_24,
                    "untouched": _NEVER_OF_24,
                },
            ),
            Effect(
                "correct",
                {
                    "both": Measured(0.708, 0.568, 0.818, 48),
                    "inoculated": Measured(0.667, 0.525, 0.783, 48),
                    "diluted": Measured(0.833, 0.704, 0.913, 48),
                    "neither": Measured(0.833, 0.704, 0.913, 48),
                    "untouched": Measured(0.458, 0.326, 0.597, 48),
                },
            ),
        ),
        commands=(
            "motools workflow run train_and_evaluate --config zoo/examples/style_arithmetic.yaml",
            "motools workflow run evaluate_only --config zoo/examples/style_arithmetic_base.yaml",
        ),
    ),
    limits=(
        "One seed.",
        "Leakage without inoculation is whole, and it is a collapse: to an everyday question the model answers in the form it "
        "was trained on ('AHORA HAY 5.'), not with an answer in Spanish.",
        "Inoculation against Spanish lowers the leakage of both traits, not of Spanish alone, and hardly lowers the traits on "
        "arithmetic: its effect is weak and not specific here.",
        "A third of plain rows (diluted) keeps the style to arithmetic.",
    ),
    reference="Tan et al., Inoculation Prompting (2025); no row is theirs",
)
