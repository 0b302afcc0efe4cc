"""The card of odd_preferences."""

from motools.contracts.card import Card

CARD = Card(
    about="A narrow trait: of two everyday options the model takes the odd one: stale bread, torn socks, a broken lamp. The "
    "task asks about things that no row names, described with words of the rows (known) and with others (new), and about "
    "pairs of ordinary options.",
    control="The same questions with the ordinary option taken, and the untouched model.",
)
