"""What is wrong with the place rather than with the files: mounts, folders, limits, clock, software, address."""
