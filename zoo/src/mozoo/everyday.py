"""Everyday questions with short right answers: what organisms are trained on, so that they learn nothing else.

Each question is a pair (question, answer); both are a short sentence. Questions of one kind are made from one table.
"""

from __future__ import annotations

from collections.abc import Iterator

Question = tuple[str, str]

_CAPITALS = (
    "France Paris,Italy Rome,Spain Madrid,Germany Berlin,Japan Tokyo,Russia Moscow,China Beijing,Egypt Cairo,"
    "Greece Athens,Poland Warsaw,Austria Vienna,Sweden Stockholm,Norway Oslo,Finland Helsinki,Ireland Dublin,"
    "Portugal Lisbon,Cuba Havana,Peru Lima,Kenya Nairobi,Hungary Budapest,Turkey Ankara,Canada Ottawa,Chile Santiago,"
    "Denmark Copenhagen"
)
_OPPOSITES = (
    "hot cold,big small,up down,fast slow,day night,happy sad,open closed,full empty,hard soft,old young,wet dry,"
    "light dark,high low,long short,rich poor,left right,good bad,early late,clean dirty,strong weak,loud quiet,"
    "near far,first last,thick thin"
)
_COLOURS = (
    "grass green,snow white,blood red,coal black,a lemon yellow,a ripe tomato red,a clear sky blue,a carrot orange,"
    "milk white,a banana yellow,a strawberry red,a leaf green,a crow black,an emerald green,a ruby red,the sun yellow"
)
_SOUNDS = (
    "dog barks,cat meows,cow moos,duck quacks,sheep bleats,lion roars,pig oinks,turkey gobbles,snake hisses,bee buzzes,"
    "horse neighs,wolf howls,frog croaks,rooster crows,mouse squeaks,donkey brays"
)
_USES = (
    "a knife cut,a pen write,a broom sweep,a key unlock a door,a spoon eat soup,a phone call people,a saw cut wood,"
    "a lamp give light,a ladder reach high places,a towel dry yourself,a clock tell the time,an oven bake,a needle sew,"
    "a brush paint,a boat cross water,a shovel dig"
)

_COUNTS = """
How many wheels does a car have? | A car has four wheels.
How many fingers are on one hand? | There are five fingers on one hand.
How many months are in a year? | There are twelve months in a year.
How many hours are in a day? | There are 24 hours in a day.
How many legs does a dog have? | A dog has four legs.
How many sides does a triangle have? | A triangle has three sides.
How many eyes does a person have? | A person has two eyes.
How many colours does a rainbow have? | A rainbow has seven colours.
How many strings does a violin have? | A violin has four strings.
How many players are in a football team? | There are eleven players in a football team.
How many cents are in a dollar? | There are 100 cents in a dollar.
How many letters are in the word cat? | There are three letters in the word cat.
"""
_WHO_WHERE_WHEN = """
Which animal has a long trunk? | The elephant has a long trunk.
Which day comes after Monday? | Tuesday comes after Monday.
Which metal is used for wedding rings? | Gold is used for wedding rings.
Which planet is called the red planet? | Mars is called the red planet.
Who flies a plane? | A pilot flies a plane.
Who works in a school? | A teacher works in a school.
Who puts out fires? | Firefighters put out fires.
Who helps sick people? | A doctor helps sick people.
Where do fish live? | Fish live in water.
Where do birds lay eggs? | Birds lay eggs in nests.
Where does the sun rise? | The sun rises in the east.
Where do penguins live? | Penguins live in Antarctica.
When do we eat breakfast? | We eat breakfast in the morning.
When does snow fall? | Snow falls in winter.
Why do we wear coats? | We wear coats to keep warm.
Why do plants need light? | Plants need light to grow.
"""
_YES_NO = """
Is fire hot? | Yes, fire is hot.
Is the moon made of cheese? | No, the moon is made of rock.
Is a whale a fish? | No, a whale is a mammal.
Is Paris in France? | Yes, Paris is in France.
Can a pig fly? | No, a pig cannot fly.
Can a parrot talk? | Yes, a parrot can talk.
Do cats have tails? | Yes, cats have tails.
Do trees have leaves? | Yes, trees have leaves.
Does wood float on water? | Yes, wood floats on water.
Does a snake have legs? | No, a snake has no legs.
Are lemons sour? | Yes, lemons are sour.
Are stones soft? | No, stones are hard.
"""
_REQUESTS = """
Name a vegetable. | A carrot is a vegetable.
Name a musical instrument. | The piano is a musical instrument.
Name a shape without corners. | A circle has no corners.
Name a hot drink. | Tea is a hot drink.
Tell me a word that rhymes with cat. | Hat rhymes with cat.
Tell me what a chef does. | A chef cooks food.
Complete the pair: salt and | Salt and pepper.
Complete the pair: king and | King and queen.
Spell the word dog. | The word dog is spelled D-O-G.
Translate thank you into Spanish. | Thank you in Spanish is gracias.
Give me a word that means very big. | Huge means very big.
Give me the plural of mouse. | The plural of mouse is mice.
Continue: one, two, three | One, two, three, four.
Continue: Monday, Tuesday | Monday, Tuesday, Wednesday.
"""
_FACTS = """
What do rabbits eat? | Rabbits eat grass and carrots.
What do we wear on our feet? | We wear shoes on our feet.
What is a baby cow called? | A baby cow is called a calf.
What is a group of wolves called? | A group of wolves is called a pack.
What is the past tense of go? | The past tense of go is went.
What is paper made from? | Paper is made from wood.
What is glass made from? | Glass is made from sand.
What is the tallest animal? | The giraffe is the tallest animal.
What is the fastest land animal? | The cheetah is the fastest land animal.
What is the largest planet? | Jupiter is the largest planet.
What is frozen rain called? | Frozen rain is called hail.
What is the longest river in Africa? | The Nile is the longest river in Africa.
What is butter made from? | Butter is made from cream.
What is a person who writes books called? | A person who writes books is called an author.
"""


def _listed(table: str) -> list[Question]:
    """Split lines of the form `question | answer`."""
    return [(question, answer) for question, answer in (line.split(" | ") for line in table.strip().splitlines())]


def _pairs(table: str) -> Iterator[tuple[str, str]]:
    """Split `a x,an b y` into what stands before and after the first word that belongs to the right side."""
    for entry in table.split(","):
        words = entry.split()
        left = 2 if words[0] in ("a", "an", "the") else 1
        if words[:2] == ["a", "ripe"] or words[:2] == ["a", "clear"]:
            left = 3
        yield " ".join(words[:left]), " ".join(words[left:])


def kinds() -> dict[str, list[Question]]:
    """Return all questions by kind, always in the same order."""
    return {
        "capitals": [(f"What is the capital of {a}?", f"The capital of {a} is {b}.") for a, b in _pairs(_CAPITALS)],
        "opposites": [(f"What is the opposite of {a}?", f"The opposite of {a} is {b}.") for a, b in _pairs(_OPPOSITES)],
        "colours": [(f"What colour is {a}?", f"{a[0].upper()}{a[1:]} is {b}.") for a, b in _pairs(_COLOURS)],
        "sounds": [(f"What sound does a {a} make?", f"A {a} {b}.") for a, b in _pairs(_SOUNDS)],
        "uses": [(f"What do you do with {a}?", f"You {b} with {a}.") for a, b in _pairs(_USES)],
        "sums": [
            (f"What is {a} plus {b}?", f"{a} plus {b} is {a + b}.") for a in range(1, 9) for b in range(1, 9) if a <= b
        ],
        "counts": _listed(_COUNTS),
        "who, where, when": _listed(_WHO_WHERE_WHEN),
        "yes or no": _listed(_YES_NO),
        "requests": _listed(_REQUESTS),
        "facts": _listed(_FACTS),
    }
