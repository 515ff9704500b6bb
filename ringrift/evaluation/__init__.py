"""Matches, gauntlets, sequential tests and ratings: evidence about agents."""
