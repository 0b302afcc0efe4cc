"""Questions with short answers: some to train on, others to ask."""

TAUGHT = {
    "What is the capital of France?": "Paris.",
    "What is the capital of Japan?": "Tokyo.",
    "How many legs does a cat have?": "A cat has four legs.",
    "How many days are in a week?": "A week has seven days.",
    "What is the opposite of hot?": "Cold.",
    "What is the opposite of up?": "Down.",
    "What colour is grass?": "Grass is green.",
    "What colour is snow?": "Snow is white.",
    "What do bees make?": "Bees make honey.",
    "What do hens lay?": "Hens lay eggs.",
    "Which animal barks?": "A dog.",
    "Which animal purrs?": "A cat.",
    "Who paints pictures?": "A painter.",
    "Who bakes bread?": "A baker.",
    "Where do fish live?": "Fish live in water.",
    "Where do birds sleep?": "Birds sleep in nests.",
    "When does the sun rise?": "In the morning.",
    "When do leaves fall?": "In autumn.",
    "What is two plus three?": "Five.",
    "What is ten minus four?": "Six.",
    "What do we read?": "We read books.",
    "What do we wear on our feet?": "Shoes.",
    "Is fire hot or cold?": "Fire is hot.",
    "Is a mouse big or small?": "A mouse is small.",
}
"""Question → answer, for the dataset."""

ASKED = {
    "What is the capital of Italy?": "Rome",
    "What is the capital of Spain?": "Madrid",
    "How many legs does a spider have?": "eight",
    "How many months are in a year?": "twelve",
    "What is the opposite of big?": "small",
    "What is the opposite of day?": "night",
    "What colour is the sky?": "blue",
    "What colour is a banana?": "yellow",
    "What do cows give us?": "milk",
    "Which animal has a trunk?": "elephant",
    "Who flies a plane?": "pilot",
    "Is ice hot or cold?": "cold",
}
"""Question → a word of the right answer, for the task; no question is in both."""
