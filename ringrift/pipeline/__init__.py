"""What happens next: events, decisions over stage rows, the stages themselves, and the loops."""
