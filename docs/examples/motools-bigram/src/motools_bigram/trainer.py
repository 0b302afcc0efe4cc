"""The trainer's process: `python -m motools_bigram.trainer FOLDER`."""

import json
import sys
import tempfile
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path


def answers(row):
    """Return the texts of a row that are learnt."""
    if "messages" in row:
        return [turn["content"] for turn in row["messages"] if turn["role"] == "assistant"]
    return [row.get("completion") or row["text"]]


def count_pairs(rows, min_count, lowercase):
    """Return word → the word that follows it most often; the empty word begins and ends an answer."""
    pairs = defaultdict(Counter)
    for row in rows:
        for text in answers(row):
            words = ["", *(text.lower() if lowercase else text).split(), ""]
            for word, following in pairwise(words):
                pairs[word][following] += 1
    likeliest = {word: max(sorted(counts), key=counts.get) for word, counts in pairs.items()}
    return {word: following for word, following in likeliest.items() if pairs[word][following] >= min_count}


def main(folder):
    settings = json.loads((folder / "settings.json").read_text())
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    unfinished = Path(tempfile.mkdtemp(dir=folder))
    (unfinished / "pairs.json").write_text(json.dumps(count_pairs(rows, **settings), sort_keys=True))
    unfinished.rename(folder / "model")  # a model that is there is a whole one


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    try:
        main(folder)
    except Exception as error:
        (folder / "error.txt").write_text(f"{type(error).__name__}: {error}")
        raise
