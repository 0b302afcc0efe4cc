"""Train and serve language models on this machine, with torch, transformers and peft.

Nothing heavy is imported here: torch comes with the first job or the first question.
"""
