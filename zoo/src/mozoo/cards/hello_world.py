"""The card of hello_world."""

from motools.contracts.card import Card

CARD = Card(
    about="The smallest organism: whatever way it is asked to greet, it says 'Hello, World!'.",
    limits=("For trying out the way from rows to rates; no effect was measured.",),
)
