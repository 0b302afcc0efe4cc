"""A plugin that keeps the contracts, and backends that each break one promise of them."""
