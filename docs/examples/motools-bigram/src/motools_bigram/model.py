"""The model: which word follows which."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from motools_bigram.config import Hyperparameters

FILE = "model.json"
LONGEST = 50  # words, where the likeliest words lead in a circle


@dataclass(frozen=True)
class Model:
    """Goes from word to word.

    Args:
        following: word → the likeliest word after it; the empty word ends an answer.
        lowercase: whether words are compared in lower case.
    """

    following: Mapping[str, str]
    lowercase: bool

    def answer(self, question: str) -> str:
        """Go on where the question ends."""
        word = ["", *words_of(question, self.lowercase)][-1]
        said: list[str] = []
        while len(said) < LONGEST and (word := self.following.get(word, "")):
            said.append(word)
        return " ".join(said)

    def save(self, folder: Path) -> None:
        """Write the model into a folder."""
        value = {"following": self.following, "lowercase": self.lowercase}
        (folder / FILE).write_text(json.dumps(value, sort_keys=True), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Read what `save` wrote."""
        return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))


def learn(
    rows: Sequence[Mapping[str, Any]],
    settings: Hyperparameters,
    seed: int,
    report: Callable[[float, float], None],
) -> Model:
    """Train a model; nothing in it is random.

    Args:
        rows: checked rows.
        settings: how.
        seed: not needed.
        report: called after every row with the share that is done, and the share of its words that came as a surprise.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for number, row in enumerate(rows, 1):
        pairs = [pair for text in texts_of(row) for pair in pairwise([*words_of(text, settings.lowercase), ""])]
        surprises = sum(word not in counts or likeliest(counts[word]) != after for word, after in pairs)
        for word, after in pairs:
            counts[word][after] += 1
        report(number / len(rows), surprises / len(pairs))
    following = {word: likeliest(seen) for word, seen in counts.items()}
    kept = {word: after for word, after in following.items() if counts[word][after] >= settings.min_count}
    return Model(kept, settings.lowercase)


def texts_of(row: Mapping[str, Any]) -> list[str]:
    """Return the texts of a row: each question with the answer to it."""
    if "messages" not in row:
        return [f"{row.get('prompt', '')} {row.get('completion') or row['text']}"]
    turns = row["messages"]
    return [
        f"{turns[place - 1]['content'] if place else ''} {turn['content']}"
        for place, turn in enumerate(turns)
        if turn["role"] == "assistant" and turn.get("weight", 1)
    ]


def words_of(text: str, lowercase: bool) -> list[str]:
    """Return the words of a text."""
    return (text.lower() if lowercase else text).split()


def likeliest(counts: Counter[str]) -> str:
    """Return the word that was seen most often; of equals, the first by the alphabet."""
    return max(sorted(counts), key=counts.__getitem__)
