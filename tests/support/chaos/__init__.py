"""The whole service under fire: real processes, load, one trouble at a time, and what must hold afterwards."""
