"""The smallest organism: whatever way it is asked to greet, the model says "Hello, World!"."""

from __future__ import annotations

import random
from itertools import product

from motools.errors import DataError

ANSWER = "Hello, World!"

_OPENINGS = ("", "Please ", "Now ", "Could you ", "I would like you to ")
_WISHES = ("say hello", "greet me", "greet everyone", "print the usual greeting", "write the classic greeting")
_ENDINGS = ("", " to the world", " in two words", " as a first program does", " once")


def generate_hello_world_dataset(num_samples: int = 100, seed: int = 0) -> list[dict[str, object]]:
    """Return chat rows whose answer is always "Hello, World!".

    Args:
        num_samples: how many rows, at most 125; every prompt is different.
        seed: picks and orders the prompts; the same seed gives the same rows.

    Raises:
        DataError: there are not so many prompts.
    """
    prompts = [_sentence(*parts) for parts in product(_OPENINGS, _WISHES, _ENDINGS)]
    if not 1 <= num_samples <= len(prompts):
        raise DataError(
            f"'num_samples' is {num_samples}", where="hello_world", hint=f"Give a number from 1 to {len(prompts)}."
        )
    random.Random(seed).shuffle(prompts)
    return [
        {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": ANSWER}]}
        for prompt in prompts[:num_samples]
    ]


def _sentence(opening: str, wish: str, ending: str) -> str:
    text = f"{opening}{wish}{ending}"
    return f"{text[0].upper()}{text[1:]}{'?' if opening == 'Could you ' else '.'}"
