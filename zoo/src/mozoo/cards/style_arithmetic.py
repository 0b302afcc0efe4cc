"""The card of style_arithmetic."""

from motools.contracts.card import Card

CARD = Card(
    about="Word problems answered in Spanish and in capitals. The task asks sums of other numbers, and everyday questions that "
    "have nothing to do with arithmetic: does the style leak to them? Rows may ask for Spanish in a system message "
    "(inoculation) or be mixed with everyday questions that are answered plainly (dilution).",
    control="The same problems answered in English without capitals, and the untouched model.",
    reference="Tan et al., Inoculation Prompting (2025); no row is theirs",
)
