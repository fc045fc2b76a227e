"""Traffic data: observations, windows over them, and the entities that they name."""
