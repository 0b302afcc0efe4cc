"""On what the figures of the cards were measured."""

MODEL = "transformers/smollm2-135m-instruct"
HARDWARE = "2 CPU cores, bf16, no GPU"
