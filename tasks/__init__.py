"""The Celery application: each task opens a unit of work, asks the other two packages, and commits."""
