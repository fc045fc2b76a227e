"""What is known about the traffic: observations, windows over them, and the entities that they name."""
