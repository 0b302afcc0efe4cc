"""A dataset, the task that measures what it teaches, and a workflow, for motools."""
