"""Secrets taken out of texts, and found in bytes."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import re
import urllib.parse
import zipfile

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from motools.config.redaction import MIN_LENGTH, RedactingStream, Redactor

SECRET = 'pa"ss\\wo/rd+ é&%=<9'
ENCODINGS = {
    "itself": lambda s: s,
    "json": lambda s: json.dumps({"k": s}),
    "json with its letters": lambda s: json.dumps([s], ensure_ascii=False),
    "python": lambda s: repr([s]),
    "a url": lambda s: "https://x/?k=" + urllib.parse.quote(s, safe=""),
    "a path": lambda s: urllib.parse.quote(s),
    "a form": lambda s: urllib.parse.urlencode({"k": s}),
    "a url in small letters": lambda s: re.sub("%..", lambda code: code[0].lower(), urllib.parse.quote(s, safe="")),
    "html": lambda s: html.escape(s),
    "hex": lambda s: s.encode().hex(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "basic authentication": lambda s: base64.b64encode(f"user:{s}".encode()).decode(),
    "base64 within": lambda s: base64.b64encode(f"ab{s}yz".encode()).decode(),
    "base64 for urls": lambda s: base64.urlsafe_b64encode(f"a{s}".encode()).decode(),
}

secrets = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=MIN_LENGTH, max_size=40)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(secrets)
@settings(deadline=None, max_examples=15)
def test_a_secret_is_found_in_every_form(encoding, secret):
    assume(secret.strip() == secret)
    text = f"before {ENCODINGS[encoding](secret)} after"
    known = Redactor({secret: "NAME"})
    shown = known.text(text)
    assert "[secret NAME]" in shown
    assert secret not in shown or secret in "before [secret NAME] after"
    assert known.find(text.encode()) == "NAME"


@given(st.text(), secrets)
@settings(deadline=None)
def test_other_text_stays_as_it_is(text, secret):
    known = Redactor({secret: "NAME"})
    assume(known.find(text.encode("utf-8", "surrogatepass")) is None)
    assert known.text(text) == text


def test_json_is_cleaned_in_texts_keys_and_numbers():
    known = Redactor({SECRET: "A", "1234567890": "B"})
    value = {"x": [SECRET, 1, None, True, {SECRET: 1.5}], "n": 1234567890, "m": -1}
    assert known.json(value) == {"x": ["[secret A]", 1, None, True, {"[secret A]": 1.5}], "n": "[secret B]", "m": -1}


@pytest.mark.parametrize("outer", ENCODINGS)
@pytest.mark.parametrize("inner", ["json", "python", "a url", "html"])
def test_a_secret_is_found_though_it_is_escaped_twice(inner, outer):
    known = Redactor({SECRET: "A"})
    assert known.find(ENCODINGS[inner](SECRET).encode()) == "A"
    if "64" in outer or outer in ("hex", "basic authentication"):
        return  # what is encoded as a whole is not taken apart
    said = ENCODINGS[outer](ENCODINGS[inner](SECRET))
    assert known.find(said.encode()) == "A"
    assert "[secret A]" in known.text(said)


def test_of_two_secrets_the_longer_one_is_meant():
    known = Redactor({"abcdefgh": "SHORT", "abcdefghijkl": "LONG"})
    assert known.text("abcdefghijkl abcdefgh") == "[secret LONG] [secret SHORT]"


def test_short_values_are_left_alone():
    known = Redactor({"a" * (MIN_LENGTH - 1): "SHORT", "": "EMPTY"})
    assert not known
    assert known.text("a" * 20) == "a" * 20


def test_a_key_file_is_found_line_by_line_but_not_by_its_dashes():
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
    known = Redactor({pem: "PEM"})
    assert known.text("line hkiG9w0BAQEFAASC") == "line [secret PEM]"
    assert known.text("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


@pytest.mark.parametrize("before", [0, (4 << 20) - 5, (4 << 20) - len(SECRET.encode()), (4 << 20), (8 << 20) - 1])
def test_a_secret_across_two_pieces_of_a_large_file_is_found(before):
    data = b"." * before + SECRET.encode() + b"." * 100
    known = Redactor({SECRET: "A"})
    assert known.find_in(io.BytesIO(data)) == "A"
    assert known.find_in(io.BytesIO(data.replace(b"ss", b"sS"))) is None


def test_packed_files_are_looked_into(tmp_path):
    known = Redactor({SECRET: "A"})
    text = (SECRET * 3).encode()
    (tmp_path / "a.gz").write_bytes(gzip.compress(text))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("harmless.txt", "x" * 100)
        archive.writestr("log.json", text)
    (tmp_path / "damaged.gz").write_bytes(gzip.compress(b"x" * 1000)[:40])
    (tmp_path / "damaged.zip").write_bytes(b"PK\x03\x04 not really")
    (tmp_path / "empty").write_bytes(b"")
    found = {file.name: known.find_in_file(file) for file in tmp_path.iterdir()}
    assert found == {"a.gz": "A", "a.zip": "A", "damaged.gz": None, "damaged.zip": None, "empty": None}


def test_a_stream_shows_no_secret_even_if_it_comes_in_pieces():
    out = io.StringIO()
    stream = RedactingStream(out, lambda: Redactor({SECRET: "A"}))
    print("one", SECRET[:7], end="", file=stream)
    print(SECRET[7:], "two", file=stream)
    stream.write(f"rest {SECRET}")
    assert "rest" not in out.getvalue()
    stream.flush()
    assert out.getvalue() == "one [secret A] two\nrest [secret A]"


def test_without_secrets_a_stream_passes_everything_on_at_once():
    out = io.StringIO()
    stream = RedactingStream(out, lambda: Redactor({}))
    assert stream.write("a part of a line") == 16
    assert out.getvalue() == "a part of a line"
    assert not stream.isatty()
