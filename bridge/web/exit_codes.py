"""How a process of the web server ends."""

BOOT_ERROR = 3  # the settings cannot be used: another process would end in the same way
