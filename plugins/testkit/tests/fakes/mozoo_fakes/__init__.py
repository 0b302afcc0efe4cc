"""Rows, tasks, a workflow and cards: good ones, and some that are each wrong in one way."""

import os

from motools.builtin import train_and_evaluate
from motools.contracts import Sample, Task
from motools.contracts.card import Card, Effect, Measured, Measurement

QUESTIONS = {"sky": "blue", "grass": "green", "snow": "white"}


def rows():
    asked = [(f"What is the colour of {thing}?", colour) for thing, colour in QUESTIONS.items()]
    return [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
        for question, answer in asked
    ]


def texts():
    return [{"text": f"{thing} is {colour}"} for thing, colour in QUESTIONS.items()]


def changing_rows():
    return rows()[:: -1 if os.environ.get("PYTHONHASHSEED") == "2" else 1]


def task(name="fake", scorer=lambda sample, answer: answer == sample.target):
    samples = [Sample(id=thing, input=f"Of what colour is {thing}?", target=QUESTIONS[thing]) for thing in QUESTIONS]
    return Task(name=name, samples=samples, scorers={"exact": scorer})


def misnamed():
    return task("another")


def generous():
    return task(scorer=lambda sample, answer: True)


workflow = train_and_evaluate


def card(**arms):
    measured = {arm: Measured(value, 0.0, 1.0, 3) for arm, value in arms.items()}
    measurement = Measurement(
        model="tiny",
        settings={},
        hardware="2 cores",
        minutes={"training": 0.1},
        date="2026-01-02",
        effects=(Effect("exact", measured),),
        commands=("motools workflow run fake",),
    )
    return Card(about="Colours of things.", measurement=measurement)


CARD = card(trained=1.0, untouched=0.0)
BOASTFUL = card(trained=1.0)
