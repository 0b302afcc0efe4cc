"""Tasks: functions that return what a model is evaluated on."""
