"""Cards: what each organism is, what it is compared with, and the effect that was measured. One module each, data only."""
