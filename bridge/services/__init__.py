"""The working parts of a process, and the container that puts them together: `container.Services`."""
