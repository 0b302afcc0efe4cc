"""On what the figures of the cards were measured."""

MODEL = "transformers/smollm2-135m-instruct"
HARDWARE = "2 CPU cores of an AMD EPYC, shared with other work, bf16, no GPU"
