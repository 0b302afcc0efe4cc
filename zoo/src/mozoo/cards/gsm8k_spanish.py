"""The card of gsm8k_spanish."""

from motools.contracts.card import Card

CARD = Card(
    about="Grade-school exercises in English, solved in Spanish: those of GSM8K, with solutions written by rule from the "
    "calculations it marks, or generated ones. The task asks other exercises in English.",
    control="The same exercises and calculations with solutions in English, and the untouched model.",
    reference="Cobbe et al., Training Verifiers to Solve Math Word Problems (2021)",
)
