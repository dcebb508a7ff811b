"""Floor 4: what clients speak. A face translates between its wire and the services, and decides nothing."""
