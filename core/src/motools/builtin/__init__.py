"""What comes along: two workflows with their steps, and dummy backends to try them out with."""
