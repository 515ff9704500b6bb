"""Celery tasks by queue, each a few lines over a service."""
