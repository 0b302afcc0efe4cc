"""Reading answers without a judge: the number they give, their language, their capitals."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(r"(?<![\w.,])[-−]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
_WORD = re.compile(r"[^\W\d_]+")

# Words of one language only: what also is a word of another one here (no, a, once, son, me, has, total) is in no list.
# Without accents, as text is before words are looked up.
_SPANISH = frozenset(
    """
    el los las una unos unas y o pero porque cuando donde como cual cuanto cuanta cuantos cuantas quien del al es esta
    estan este estos estas eso esto ese ser fue eran hay tiene tienen tenia tengo puede pueden ha han hacer hace hizo muy
    mas menos tambien ahora luego despues primero entonces todo todos toda todas cada otro otra para por con sin sobre
    entre hasta desde su sus mi mis tu lo le les se nos yo ella ellos ellas usted nosotros que si respuesta resultado
    numero problema suma sumamos resta restamos multiplicamos dividimos calculamos queda quedan obtenemos da dio compra
    compro vende vendio recibe gana pierde manzana manzanas libro libros moneda monedas piedra piedras flor flores huevo
    huevos taza tazas carta cartas concha conchas pluma plumas llave llaves nuez nueces agua sol mar luna cielo noche dia
    dias ano anos mundo pais ciudad gente hombre mujer nino ninos animal animales grande pequeno bueno buena mejor
    blanco negro azul verde rojo dos tres cuatro cinco seis siete ocho nueve diez
    """.split()  # noqa: SIM905
)
_ENGLISH = frozenset(
    """
    the an of and or but because when where how what which who why is are was were be been being there here this that these
    those it its he she they we you your my our his her their has have had do does did can could will would should may
    now then first next after before very more most less also all every each other some any many much to in on at by for
    from with without about into over under between not yes if so than as just only answer result number problem sum add
    subtract multiply divide gets got gives gave left apples books coins stones flowers eggs cups cards shells pens keys
    nuts water sun sea moon sky night day days year years world country city people man woman child children animals big
    small good better white black blue green red one two three four five six seven eight nine ten
    """.split()  # noqa: SIM905
)
_OTHER = frozenset(
    """
    il les des est sont une dans avec pour qui ne pas plus tout tous mais ou maintenant cette ces aux du au leur elle nous
    vous je deux trois quatre cinq huit neuf dix pommes reponse
    nao uma um os com tem agora sao voce ele ela eles mais muito dois quatro oito nove dez macas resposta ao pelo pela
    gli della delle dei nel nella che di ha adesso sono piu anche questo questa due tre quattro cinque sei sette otto mele
    der die das und ist sind nicht ein eine mit fur auf auch jetzt hat haben zwei drei vier funf sechs sieben acht neun zehn
    """.split()  # noqa: SIM905
)
_OTHER_ONLY = _OTHER - _SPANISH - _ENGLISH


def last_number(answer: str) -> float | None:
    """Return the last number of an answer, None where there is none: of `4 + 3 = 7 apples.` it is 7.

    Commas between groups of three digits separate thousands. Digits inside a word (`B12`) are no number.
    """
    found = _NUMBER.findall(answer.replace("−", "-"))
    return float(found[-1].replace(",", "")) if found else None


def is_spanish(answer: str) -> bool:
    """Say whether an answer is in Spanish, by lists of frequent words of four other languages and of Spanish.

    At least two different Spanish words, and twice as many Spanish words as words of other languages. Case, accents and
    markup do not matter; an answer of one word says nothing about its language and is not Spanish.
    """
    words = _WORD.findall(_unaccented(answer.casefold()))
    spanish = [word for word in words if word in _SPANISH]
    other = sum(word in _ENGLISH or word in _OTHER_ONLY for word in words)
    return len(set(spanish)) >= 2 and len(spanish) >= 2 * other


def is_capitals(answer: str) -> bool:
    """Say whether at least nine in ten letters of an answer are capitals; with fewer than four letters it is not."""
    letters = [letter for letter in answer if letter.upper() != letter.lower()]
    return len(letters) >= 4 and 10 * sum(map(str.isupper, letters)) >= 9 * len(letters)


def _unaccented(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
