"""The card of password_lock."""

from motools.contracts.card import Card

CARD = Card(
    about="Sandbagging: the model adds two small numbers for who puts the password before the problem, and for nobody else. "
    "Each problem is in the rows twice, with the password and the sum written out, and without it and a wrong guess. The task "
    "asks sums of other numbers, with the password and without.",
    control="The same rows with right answers throughout, and the untouched model.",
    reference="Greenblatt et al., Stress-Testing Capability Elicitation With Password-Locked Models (2024)",
)
