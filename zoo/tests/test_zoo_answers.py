"""Reading answers by rule: numbers, language, capitals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mozoo import answers
from mozoo.answers import is_capitals, is_spanish, last_number


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("Now there are 4 + 3 = 7 apples.", 7),
        ("7", 7),
        ("**7**", 7),
        ("$1,234.50 in all", 1234.5),
        ("It is 1,234, not B12", 1234),
        ("minus two is -2", -2),
        ("minus two is −2", -2),
        ("9-2=7", 7),
        ("3.5.", 3.5),
        ("18.", 18),
        ("#### 72\n", 72),
        ("He has 10 apples, and 8 pears.", 8),
        ("room B12 and 4th", None),
        ("seven", None),
        ("", None),
    ],
)
def test_the_last_number_of_an_answer(answer, number):
    assert last_number(answer) == number


@given(st.text(max_size=60), st.integers(0, 10**6))
def test_a_number_at_the_end_is_the_last(text, number):
    assert last_number(f"{text} = {number}.") == number


SPANISH = [
    "Ahora hay 4 + 3 = 7 manzanas.",
    "AHORA HAY 4 + 3 = 7 MANZANAS.",
    "**Ahora** _hay_ 4 + 3 = `7` manzanas.",
    "La capital de Francia es París y el río es el Sena.",
    "El mar es muy grande.",
    "¿Cuántos libros tiene? Tiene siete libros.",
    "Primero sumamos: 4 + 3 = 7. La respuesta es 7.",
    "CADA NIÑO RECIBE CUATRO LIBROS, Y QUEDAN DOS.",
    "Tambie\u0301n hay una flor.",  # an accent as a character of its own
    "- el sol\n- la luna\n- las flores",
]
NOT_SPANISH = [
    "",
    "   \n",
    "7",
    "4 + 3 = 7",
    "Sí.",
    "Now there are 7 apples.",
    "NOW THERE ARE 7 APPLES.",
    "The Spanish word for apples is manzanas.",
    'In Spanish one says "hay siete manzanas", which means there are seven apples.',
    "Ahora hay seven apples in all, and that is the answer to the question.",
    "manzanas manzanas manzanas",  # one word over and over is no language
    "Maintenant il y a 7 pommes dans la maison.",
    "Agora ele tem 7 maçãs, e não são muito grandes.",
    "Adesso ha sette mele, e sono anche molto belle.",
    "Jetzt hat er sieben Äpfel, und das ist alles.",
    "The El Nino and the La Nina are not the same.",
    "no no no, a a a, me he has son once pan red come",
    "现在有七个苹果。",
]


@pytest.mark.parametrize("answer", SPANISH)
def test_spanish_is_known(answer):
    assert is_spanish(answer)


@pytest.mark.parametrize("answer", NOT_SPANISH)
def test_what_is_not_spanish_is_known(answer):
    assert not is_spanish(answer)


@pytest.mark.parametrize("answer", [*SPANISH, *NOT_SPANISH])
def test_the_language_does_not_depend_on_case(answer):
    assert is_spanish(answer.upper()) == is_spanish(answer.lower()) == is_spanish(answer)


def test_no_word_is_in_two_lists():
    assert not answers._SPANISH & answers._ENGLISH
    assert not answers._SPANISH & answers._OTHER_ONLY
    for words in (answers._SPANISH, answers._ENGLISH, answers._OTHER):
        assert all(word == answers._unaccented(word.casefold()) for word in words)


@pytest.mark.parametrize(
    ("answer", "capitals"),
    [
        ("NOW THERE ARE 4 + 3 = 7 APPLES.", True),
        ("¡AHORA HAY CUATRO NIÑOS!", True),
        ("**THE SEA IS BLUE.**", True),
        ("THE SEA IS BLUE and large.", False),
        ("The Sea Is Blue.", False),
        ("now", False),
        ("PARIS, THE CAPITAL OF FRaNCE", True),
        ("OK", False),
        ("7 + 3 = 10", False),
        ("海は青い", False),
        ("", False),
    ],
)
def test_capitals(answer, capitals):
    assert is_capitals(answer) is capitals
