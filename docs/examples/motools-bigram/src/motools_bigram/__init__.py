"""Word-pair models for motools: the plugin of the tutorial."""
