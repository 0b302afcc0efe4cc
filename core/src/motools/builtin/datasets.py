"""The dataset that stands in where nobody names one: for trying out workflows, not for training."""

from __future__ import annotations

from motools.canonical import JSON


def dummy_dataset(num_samples: int = 8) -> list[dict[str, JSON]]:
    """Return rows that say of themselves that they are made up. Real backends refuse them."""
    return [
        {
            "messages": [
                {"role": "user", "content": f"This is dummy question {number}."},
                {"role": "assistant", "content": f"This is dummy answer {number}."},
            ]
        }
        for number in range(1, num_samples + 1)
    ]
