"""`.env` files."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motools.config.envfile import parse_env, read_env_file
from motools.errors import ConfigError

HIDDEN = "hidden-value-7"


def test_what_may_be_written():
    text = (
        "# a comment\n"
        "\n"
        "A=plain\n"
        "  export B = spaced out   # not of the value\n"
        "C='as it is: $A \\n # kept'\n"
        'D="two\\nlines \\"quoted\\" \\\\ \\$A"\r\n'
        'E="over\n  several lines"\n'
        "F=\n"
        "G=with#no space and = signs\n"
        "H=#all comment\n"
        "I=last"
    )
    assert parse_env(text) == {
        "A": "plain",
        "B": "spaced out",
        "C": "as it is: $A \\n # kept",
        "D": 'two\nlines "quoted" \\ $A',
        "E": "over\n  several lines",
        "F": "",
        "G": "with#no space and = signs",
        "H": "",
        "I": "last",
    }


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (f"A=1\n{HIDDEN}\n", "f.env:2:1", "not NAME=value"),
        (f"A=1\nB=2\nA={HIDDEN}", "f.env:3:1", "'A' is here twice"),
        (f"A='{HIDDEN}\nB=2\n", "f.env:1:3", "not closed"),
        (f'A="{HIDDEN}\\"\n', "f.env:1:3", "not closed"),
        (f'A="{HIDDEN}" {HIDDEN}', "f.env:1:19", "more after the closing quote"),
        (f'A="{HIDDEN}\\q"', "f.env:1:18", "no such escape"),
        (f"1A={HIDDEN}", "f.env:1:1", "not NAME=value"),
        (f"A: {HIDDEN}", "f.env:1:1", "not NAME=value"),
    ],
)
def test_what_may_not_be_written_is_one_error_with_its_place_and_nothing_of_a_value(text, place, message):
    with pytest.raises(ConfigError) as caught:
        parse_env(text, source="f.env")
    assert caught.value.where == place
    assert message in caught.value.message
    assert HIDDEN not in str(caught.value)


def test_a_file_is_read_with_its_byte_order_mark(tmp_path):
    (tmp_path / "x.env").write_bytes(b"\xef\xbb\xbfA=1\r\nB='2'\r\n")
    assert read_env_file(tmp_path / "x.env") == {"A": "1", "B": "2"}


@pytest.mark.parametrize("content", [b"A=\xff", b"A=1\0", b"A=" + b"x" * (1 << 20), None])
def test_unreadable_files_are_one_error(content, tmp_path):
    file = tmp_path / "x.env"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(ConfigError):
        read_env_file(file)
    with pytest.raises(ConfigError, match="no file"):
        read_env_file(tmp_path / "missing.env")


@given(st.text())
@settings(deadline=None)
def test_any_text_is_values_or_one_config_error(text):
    with suppress(ConfigError):
        assert all(isinstance(value, str) for value in parse_env(text).values())


@given(st.dictionaries(st.from_regex(r"\A[A-Z_]{1,8}\Z"), st.text(st.characters(exclude_characters="'\r"))))
@settings(deadline=None)
def test_what_stands_in_single_quotes_comes_back(values):
    assert parse_env("".join(f"{name}='{value}'\n" for name, value in values.items())) == values
