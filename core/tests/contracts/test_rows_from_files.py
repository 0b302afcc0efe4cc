"""Rows from JSON lines, JSON and CSV: the shapes that work, and the line of whatever does not."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from pathlib import Path

import pytest

from motools.contracts.resolve import load_rows
from motools.errors import DataError, InputError

CHAT = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name: str, data: str | bytes) -> str:
        Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
        return f"./{name}"

    return write


def rows(text: str, **kwargs: object) -> list[dict[str, object]]:
    return asyncio.run(load_rows(text, kwargs))


GOOD = {
    "chat.jsonl": (json.dumps(CHAT) + "\n\n" + json.dumps(CHAT) + "\n", [CHAT, CHAT]),
    "pairs.jsonl": ('{"prompt":"a","completion":"b","more":[1]}', [{"prompt": "a", "completion": "b", "more": [1]}]),
    "mark.jsonl": (b'\xef\xbb\xbf{"text":"\xc3\xbc"}\r\n', [{"text": "ü"}]),
    "separator.jsonl": ('{"text":"a\u2028b"}\n', [{"text": "a\u2028b"}]),
    "list.json": ('[{"text":"a"},\n {"text":"b"}]', [{"text": "a"}, {"text": "b"}]),
    "rows.json": ('{"rows": [{"text":"a"}], "about": 1}', [{"text": "a"}]),
    "text.csv": ('\ufefftext\n"a, ""b""\nc"\n\nd\n', [{"text": 'a, "b"\nc'}, {"text": "d"}]),
    "pairs.csv": ("completion,prompt,topic\r\nb,a,x\r\n", [{"prompt": "a", "completion": "b", "topic": "x"}]),
    "chat.csv": (
        "system,user,assistant,topic\nbe kind,hi,ho,x\n,hi,ho,y\n",
        [
            {"messages": [{"role": "system", "content": "be kind"}, *CHAT["messages"]], "topic": "x"},
            {**CHAT, "topic": "y"},
        ],
    ),
    "long.csv": (f"text\n{'x' * 200_000}\n", [{"text": "x" * 200_000}]),
    "preference.csv": ("prompt,chosen,rejected\na,b,c\n", [{"prompt": "a", "chosen": "b", "rejected": "c"}]),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_read(name, write):
    data, expected = GOOD[name]
    assert rows(write(name, data)) == expected


BAD = {
    "syntax.jsonl": ('{"text":"a"}\n\n{"text":\n', ":3:", "not JSON"),
    "list.jsonl": ('[{"text":"a"}]', ":1", "a list, not an object"),
    "pretty.jsonl": ('{\n  "text": "a"\n}\n', ":1:", "not JSON"),
    "python.jsonl": ("{'text': 'a'}\n", ":1:2", "not JSON"),
    "wrong.jsonl": ('{"text":"a"}\n\n{"text":1}\n', ":3", "'text' is the whole number 1, not text"),
    "missing.jsonl": ('{"prompt":"a"}\n', ":1", "'completion' is missing"),
    "null.jsonl": ('{"prompt":"a","completion":null}\n', ":1", "'completion' is null, not text"),
    "no_prompt.jsonl": ('{"chosen":"a","rejected":"b"}\n', ":1", "'prompt' is missing"),
    "no_role.jsonl": ('{"messages":[{"rol":"user","content":"x"}]}', ":1 message 1", "'role' is missing"),
    "no_content.jsonl": ('{"messages":[{"role":"user"}]}', ":1 message 1", "'content' is missing"),
    "cut.jsonl": ('{"text":"a"}\n{"text": "b"\n', ":2:13", "not JSON"),
    "cut_last.jsonl": ('{"text": "b', ":1:10", "not JSON"),
    "line.json": ('[{"text":"a"} {', ":1:15", "not JSON"),
    "keys.jsonl": ('{"text":"a"}\n{"txt":"b"}\n', ":2", "keys ['txt']"),
    "no_assistant.jsonl": (json.dumps({"messages": CHAT["messages"][:1]}), ":1", "no assistant turn"),
    "role.jsonl": ('{"messages":[{"role":"bot","content":"x"}]}', ":1 message 1", "the role is 'bot'"),
    "mixed.jsonl": ('{"text":"a"}\n\n{"prompt":"a","completion":"b"}', "", "text (line 1), prompt/completion (line 3)"),
    "twice.jsonl": ('{"text":"a","text":"b"}', ":1", "'text' is here twice"),
    "nan.jsonl": ('{"text":"a","score":NaN}', ":1", "nan"),
    "latin.jsonl": (b'{"text":"a"}\n{"text":"caf\xe9"}\n', ":2", "0xe9 is not UTF-8"),
    "utf16.jsonl": ('{"text":"a"}'.encode("utf-16"), "", "UTF-16"),
    "binary.jsonl": (b'{"text":"a"}\n\x00\x01\xff\n', ":2", "binary"),
    "nul.jsonl": (b'{"text":"a"}\n\x00\x01\n', ":2", "binary"),
    "surrogate.jsonl": ('{"text":"\\ud800"}', ":1", "lone surrogate"),
    "deep.jsonl": ('{"text":"a","x":' + "[" * 100_000 + "]" * 100_000 + "}", ":1", ""),
    "empty.jsonl": ("", "", "no rows"),
    "blank.jsonl": ("\n \n", "", "no rows"),
    "object.json": ('{"text":"a"}', "", "not a list of rows"),
    "second.json": ('[{"text":"a"},{"text":2}]', " row 2", "'text' is the whole number 2"),
    "cut.json": ('[{"text":"a"},\n', ":2:", "not JSON"),
    "empty.csv": ("", "", "no rows"),
    "header_only.csv": ("text\n", "", "no rows"),
    "no_header.csv": ("hello,world\na,b\n", ":1", "columns 'hello', 'world'"),
    "twice.csv": ("text,text\na,b\n", ":1", "twice"),
    "wide.csv": ('text\n"a\nb"\nc,d\n', ":4", "has 2 values, the header 1"),
    "open.csv": ('text\n"a\n', ":2", "not CSV"),
    "empty_cell.csv": ("prompt,completion\na,b\nc,\n", ":3", "'completion' is empty"),
    "latin.csv": (b"text\ncaf\xe9\n", ":2", "not UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_error_with_its_line(name, write):
    data, place, message = BAD[name]
    with pytest.raises(DataError) as caught:
        rows(write(name, data))
    assert message in caught.value.message
    assert caught.value.where.startswith(f"{name}{place}")
    if place[1:].replace(":", "").isdigit() and not place.endswith(":"):
        assert caught.value.where == f"{name}{place}"


def test_a_missing_key_is_answered_with_those_that_are_there(write):
    with pytest.raises(DataError) as caught:
        rows(write("near.jsonl", '{"prompt":"a","complition":"b"}'))
    assert (caught.value.message, caught.value.hint) == ("'completion' is missing", "Its keys are prompt, complition.")


def test_missing_files_folders_and_arguments(write, tmp_path):
    text = write("train.jsonl", '{"text":"a"}')
    with pytest.raises(DataError, match="no file") as caught:
        rows("./trian.jsonl")
    assert caught.value.hint == "Did you mean 'train.jsonl'?"
    with pytest.raises(InputError, match="name of a component") as caught:
        rows("train.jsonl")
    assert "./train.jsonl" in caught.value.hint
    with pytest.raises(InputError, match="takes no arguments"):
        rows(text, limit=3)
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        rows("./folder.jsonl")
    with pytest.raises(InputError, match="not a file of rows"):
        rows("./train.txt")


def test_the_whole_text_of_a_large_file_is_never_held(write):
    line = json.dumps({"text": "x" * 1_000}) + "\n"
    text = write("large.jsonl", line * 5_000 + '{"text": 3}\n')
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            rows(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.where == "large.jsonl:5001"
    assert peak < 2 * 5_000 * 1_100  # the rows themselves, and not the text or the parsed list beside them
