"""A plugin whose declarations are slow to import."""
