"""Training: the installed backends are in `motools.training.backends`."""
