"""Loaders: functions that return rows to train on."""
