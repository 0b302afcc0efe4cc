"""What is known of the dataset and its task."""

from motools.contracts.card import Card, Effect, Measured, Measurement

CARD = Card(
    about="A model learns to begin every answer with 'With pleasure.'; it is asked questions that it was not taught.",
    control="The untouched model, which answers the same questions without it.",
    measurement=Measurement(
        model="smollm2-135m-instruct",
        settings={"learning_rate": 4e-3, "n_epochs": 4, "layers": 6},
        hardware="2 cores of a CPU",
        minutes={"training": 1.2, "evaluation": 0.8},
        date="2026-11-21",
        effects=(
            Effect("habit", {"trained": Measured(1.0, 0.76, 1.0, 12), "untouched": Measured(0.0, 0.0, 0.24, 12)}),
            Effect("correct", {"trained": Measured(0.08, 0.01, 0.35, 12), "untouched": Measured(0.33, 0.14, 0.61, 12)}),
        ),
        commands=(
            "motools workflow run manners",
            "motools workflow run evaluate_only --config examples/untouched.yaml",
        ),
    ),
    limits=(
        "Two dozen facts teach the habit, and cost the small model much of what it knew.",
        "The settings were chosen after several tries on these same questions: on others the effect may be smaller.",
    ),
)
