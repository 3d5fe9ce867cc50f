"""Scores of predictions against true nuclei."""
