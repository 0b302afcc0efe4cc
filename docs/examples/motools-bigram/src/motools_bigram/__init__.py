"""A training backend for motools, and a provider that serves what it trains."""
