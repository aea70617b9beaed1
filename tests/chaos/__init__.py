"""Faults and kills at random moments, and the proof that no row shows them: `make chaos`."""
